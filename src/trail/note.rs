//! Signed notes (C2SP signed-note v1.0.0): a text, an empty line, and signature lines
//! `— name base64(key id || signature)`.

use super::key::{LogKey, VerifierKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// A checkpoint with sixteen signatures, post-quantum ones among them, fits many times.
pub const NOTE_BYTES_MAX: u64 = 1 << 20;
/// The specification asks for at least sixteen.
const SIGNATURES_MAX: usize = 64;
const DASH: &str = "\u{2014} ";

/// Why bytes are not a note that this key signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("it is not a signed note (text, empty line, signature lines)")]
    Malformed,
    #[error("it has more than {SIGNATURES_MAX} signatures")]
    TooMany,
    #[error("it is not signed by the key {0}")]
    Unsigned(String),
    #[error("the signature of {0} does not match the text: the note was changed, or signed by somebody else")]
    BadSignature(String),
}

/// A text, signed with `key`. The text ends in a line feed.
pub fn sign(text: &str, key: &LogKey) -> String {
    let mut signature = key.public().id().to_vec();
    signature.extend(key.sign(text.as_bytes()));
    format!("{text}\n{DASH}{} {}\n", key.origin(), BASE64.encode(signature))
}

/// The text of a note that `key` signed. Signatures by other keys are ignored; one by this key
/// that does not verify refuses the note.
pub fn open<'a>(note: &'a [u8], key: &VerifierKey) -> Result<&'a str, NoteError> {
    let (text, signatures) = parts(note)?;
    let mut signed = false;
    for Signature { name, id, signature } in signatures {
        if name != key.name() || id != key.id() {
            continue;
        }
        if !key.verify(text.as_bytes(), &signature) {
            return Err(NoteError::BadSignature(name.to_owned()));
        }
        signed = true;
    }
    if signed { Ok(text) } else { Err(NoteError::Unsigned(key.to_string())) }
}

/// One signature line: whose it is, and what follows the key's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    pub name: &'a str,
    pub id: [u8; 4],
    pub signature: Vec<u8>,
}

/// The text of a note and its signature lines, whoever signed it.
pub fn parts(note: &[u8]) -> Result<(&str, Vec<Signature<'_>>), NoteError> {
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed)?;
    let end = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, lines) = (&note[..=end], &note[end + 2..]);
    if text.chars().any(|c| c < ' ' && c != '\n') {
        return Err(NoteError::Malformed);
    }
    Ok((text, signature_lines(lines)?))
}

/// The note as it is, and as it was before each signature line but the first was added.
pub fn shorter(note: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = note.windows(2).rposition(|two| two == b"\n\n").map_or(note.len(), |at| at + 2);
    let ends = (end..note.len()).filter(|at| note[*at] == b'\n');
    std::iter::once(note).chain(ends.map(|at| &note[..=at]))
}

/// Signature lines as they stand under a note, or alone in a witness's answer.
pub fn signature_lines(lines: &str) -> Result<Vec<Signature<'_>>, NoteError> {
    let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
    if lines.split('\n').count() > SIGNATURES_MAX {
        return Err(NoteError::TooMany);
    }
    lines.split('\n').map(|line| signature_line(line).ok_or(NoteError::Malformed)).collect()
}

/// Name, key id and signature of one signature line.
fn signature_line(line: &str) -> Option<Signature<'_>> {
    let (name, signature) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = BASE64.decode(signature).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    let named =
        !name.is_empty() && !name.contains('+') && !name.chars().any(|c| c.is_whitespace() || c.is_control());
    (named && !signature.is_empty()).then(|| Signature { name, id: *id, signature: signature.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MemoryDisk, Random};
    use std::path::Path;

    fn key(seed: u64, name: &str) -> LogKey {
        LogKey::create(&MemoryDisk::default(), Path::new("k"), &Random::from_seed(seed), name).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_opens() {
        let note = "If you think cryptography is the answer to your problem,\n\
            then you don't know what your problem is.\n\n\
            \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert!(open(note.as_bytes(), &key.parse().unwrap()).unwrap().ends_with("problem is.\n"));
        let changed = note.replace("answer", "Answer");
        assert!(matches!(
            open(changed.as_bytes(), &key.parse().unwrap()),
            Err(NoteError::BadSignature(name)) if name == "PeterNeumann"
        ));
    }

    #[test]
    fn other_keys_are_ignored_and_many_signatures_accepted() {
        let (ours, theirs) = (key(1, "log"), key(2, "witness"));
        let mut note = sign("text\n", &theirs);
        let line = note.split("\n\n").nth(1).unwrap().to_owned();
        for _ in 0..20 {
            note.push_str(&line);
        }
        assert!(matches!(open(note.as_bytes(), ours.public()), Err(NoteError::Unsigned(_))));
        let own = sign("text\n", &ours);
        note.push_str(own.split("\n\n").nth(1).unwrap());
        assert_eq!(open(note.as_bytes(), ours.public()), Ok("text\n"));
        for _ in 0..64 {
            note.push_str(&line);
        }
        assert_eq!(open(note.as_bytes(), ours.public()), Err(NoteError::TooMany));
    }

    #[test]
    fn malformed_notes_are_refused() {
        let key = key(1, "log");
        let good = sign("text\n", &key);
        for bad in [
            String::new(),
            "text\n".into(),
            good.trim_end().to_owned(),
            good.replace('\u{2014}', "-"),
            good.replace("log ", "lo+g "),
            good.replace("text", "te\rxt"),
            format!("{good}\n"),
        ] {
            assert!(open(bad.as_bytes(), key.public()).is_err(), "{bad:?}");
        }
    }
}

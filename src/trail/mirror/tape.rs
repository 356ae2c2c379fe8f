//! A mirror where there are no folders: all pieces one behind the other, each a line of JSON. What
//! keeps the lines, a vault or a blob, is behind [`Reel`].

use super::{EVENTS, Files, Mirror, MirrorError, Piece, is_part, missing};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use std::sync::PoisonError;

/// Text that grows, somewhere else.
#[async_trait]
pub trait Reel: Send + Sync {
    fn place(&self) -> String;
    async fn read(&self) -> Result<String, MirrorError>;
    /// Adds text at the end, which is at this byte. Text that is there already is no error.
    async fn append(&self, at: u64, text: &str) -> Result<(), MirrorError>;
    async fn extent(&self) -> Result<u64, MirrorError>;
}

/// A piece as it stands on the reel.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    at: u64,
    /// Only of what is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// A mirror on a reel.
pub struct Tape<R> {
    reel: R,
    /// Where the reel ends, and whether in the middle of a line: as it was read, and what was added
    /// since.
    end: Mutex<Option<(u64, bool)>>,
}

impl<R: Reel> Tape<R> {
    pub fn new(reel: R) -> Self {
        Self { reel, end: Mutex::new(None) }
    }

    fn end(&self) -> Option<(u64, bool)> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn ends_at(&self, end: u64, torn: bool) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some((end, torn));
    }
}

fn frame(piece: &Piece) -> Frame {
    let (text, base64) = match std::str::from_utf8(&piece.bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(BASE64.encode(&piece.bytes))),
    };
    Frame { at: piece.at, base64, file: piece.file.clone(), text }
}

/// The piece that a line stands for.
fn piece(frame: Frame) -> Option<Piece> {
    let Frame { at, base64, file, text } = frame;
    let bytes = match (text, base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(base64)) => BASE64.decode(base64).ok()?,
        _ => return None,
    };
    is_part(&file).then_some(Piece { file, at, bytes })
}

/// Puts the pieces together. A line that was never finished stands for nothing, at the end or where
/// its writer went on after it; a piece that does not fit what is before it is a second writer's.
fn files(place: &str, text: &str) -> Result<Files, MirrorError> {
    let mut files = Files::new();
    for line in text.split_inclusive('\n').filter_map(|l| l.strip_suffix('\n')) {
        let unreadable = || MirrorError::unusable(place, &"a line of it is not a piece of a log");
        let frame = match serde_json::from_str(line) {
            Err(e) if e.is_eof() => continue,
            other => other.map_err(|_| unreadable())?,
        };
        let piece = piece(frame).ok_or_else(unreadable)?;
        let file = files.entry(piece.file.clone()).or_default();
        let at = usize::try_from(piece.at).unwrap_or(usize::MAX);
        let there = file.get(at..).ok_or_else(|| MirrorError::taken(place, &piece.file))?;
        let rest = missing(&piece, there).ok_or_else(|| MirrorError::taken(place, &piece.file))?;
        if piece.file != EVENTS && !there.is_empty() && !rest.is_empty() {
            return Err(MirrorError::taken(place, &piece.file));
        }
        file.extend_from_slice(rest);
    }
    Ok(files)
}

#[async_trait]
impl<R: Reel> Mirror for Tape<R> {
    fn place(&self) -> String {
        self.reel.place()
    }

    async fn read(&self) -> Result<Files, MirrorError> {
        let text = self.reel.read().await?;
        self.ends_at(text.len() as u64, !text.is_empty() && !text.ends_with('\n'));
        files(&self.place(), &text)
    }

    async fn append(&self, pieces: &[Piece]) -> Result<(), MirrorError> {
        let (at, torn) = match self.end() {
            Some(end) => end,
            None => {
                self.read().await?;
                self.end().unwrap_or_default()
            }
        };
        let mut text = String::from(if torn { "\n" } else { "" });
        for piece in pieces {
            let line = serde_json::to_string(&frame(piece));
            text += &line.map_err(|e| MirrorError::unusable(&self.place(), &e))?;
            text.push('\n');
        }
        self.reel.append(at, &text).await?;
        self.ends_at(at + text.len() as u64, false);
        Ok(())
    }

    async fn extent(&self) -> Result<u64, MirrorError> {
        self.reel.extent().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: &str, at: u64, bytes: &[u8]) -> String {
        let piece = Piece { file: file.into(), at, bytes: bytes.to_vec() };
        serde_json::to_string(&frame(&piece)).unwrap() + "\n"
    }

    #[test]
    fn pieces_go_together_again() {
        let object = format!("objects/sha256-{}", "0".repeat(64));
        let text = at(EVENTS, 0, b"one\n") + &at(&object, 0, &[0xff, 0]) + &at(EVENTS, 4, b"two\n");
        let torn = text.clone() + "{\"at\":8,\"fi";
        let read = files("m", &torn).unwrap();
        assert_eq!((read[EVENTS].as_slice(), read[&object].as_slice()), (&b"one\ntwo\n"[..], &[0xff, 0][..]));
        assert_eq!(files("m", &(text.clone() + &at(EVENTS, 4, b"two\n"))).unwrap(), read, "sent twice");
        let gone_on = files("m", &(torn + "\n" + &at(EVENTS, 8, b"three\n"))).unwrap();
        assert_eq!(gone_on[EVENTS], b"one\ntwo\nthree\n");
        for bad in [at(EVENTS, 4, b"six\n"), at(EVENTS, 9, b"x"), at(&object, 0, b"y")] {
            assert!(matches!(files("m", &(text.clone() + &bad)), Err(MirrorError::Taken { .. })), "{bad}");
        }
        for bad in [at("log.key", 0, b"x"), at("../events.jsonl", 0, b"x"), "{}\n".into()] {
            assert!(matches!(files("m", &(text.clone() + &bad)), Err(MirrorError::Unusable { .. })), "{bad}");
        }
    }
}

//! Cosignatures of witnesses (C2SP tlog-cosignature v1.0.1, Ed25519): "as of this time, the largest
//! tree of this log that I have seen, each continuing the one before, has this head".

use super::super::checkpoint::{Checkpoint, CheckpointError};
use super::super::key::{KeyError, VerifierKey, key_id, read_vkey, write_vkey};
use super::super::merkle::Hash;
use super::super::note::{self, NoteError, Signature};
use crate::domain::time::Timestamp;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use std::fmt;
use std::str::FromStr;

/// Signature type of cosignature/v1 with Ed25519.
const COSIGNATURE_TYPE: u8 = 0x04;

/// The public key of a witness.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CosignerKey {
    name: String,
    key: Hash,
}

impl CosignerKey {
    pub fn new(name: &str, key: Hash) -> Result<Self, KeyError> {
        write_vkey(COSIGNATURE_TYPE, name, &key).parse()
    }
    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn key(&self) -> &Hash {
        &self.key
    }
    pub fn id(&self) -> [u8; 4] {
        key_id(COSIGNATURE_TYPE, &self.name, &self.key)
    }

    /// When this witness cosigned `text`; none if the line is not of this key.
    pub fn read(&self, text: &str, line: &Signature<'_>) -> Option<Result<Timestamp, NoteError>> {
        if line.name != self.name || line.id != self.id() {
            return None;
        }
        let judged = || {
            let (time, signature) = line.signature.split_first_chunk::<8>()?;
            let time = i64::try_from(u64::from_be_bytes(*time)).ok().filter(|t| *t > 0)?;
            let key = UnparsedPublicKey::new(&ED25519, self.key);
            key.verify(message(time, text).as_bytes(), signature).ok()?;
            Some(Timestamp::from_unix_s(time))
        };
        Some(judged().ok_or_else(|| NoteError::BadSignature(self.name.clone())))
    }
}

/// What a witness signs.
pub fn message(time: i64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write_vkey(COSIGNATURE_TYPE, &self.name, &self.key))
    }
}

impl FromStr for CosignerKey {
    type Err = KeyError;
    fn from_str(s: &str) -> Result<Self, KeyError> {
        let (name, key) = read_vkey(COSIGNATURE_TYPE, s)?;
        Ok(Self { name, key })
    }
}

/// A witness that has cosigned, and when it says it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigner {
    pub key: CosignerKey,
    pub time: Timestamp,
}

/// A checkpoint with cosignatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    pub checkpoint: Checkpoint,
    /// The known witnesses that have cosigned it.
    pub by: Vec<Cosigner>,
    /// Names of other signers, the log itself not among them.
    pub others: Vec<String>,
}

impl Cosigned {
    /// Reads a `.cosig` file. A line by a known key that does not verify refuses the whole.
    pub fn open(bytes: &[u8], log: &VerifierKey, witnesses: &[CosignerKey]) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::open(bytes, log)?;
        let (text, lines) = note::parts(bytes)?;
        let (mut by, mut others): (Vec<Cosigner>, Vec<String>) = (Vec::new(), Vec::new());
        for line in &lines {
            if line.name == log.name() && line.id == log.id() {
                continue;
            }
            let known = witnesses.iter().find_map(|key| Some((key, key.read(text, line)?)));
            match known {
                Some((key, time)) => {
                    let time = time?;
                    by.retain(|c| c.key != *key);
                    by.push(Cosigner { key: key.clone(), time });
                }
                None => others.push(line.name.to_owned()),
            }
        }
        Ok(Self { checkpoint, by, others })
    }
}

/// The file with one more cosignature; that witness's earlier one is left out.
pub fn with_line(file: &str, key: &CosignerKey, line: &str) -> Result<String, NoteError> {
    let (text, _) = note::parts(file.as_bytes())?;
    let prefix_of_lines = text.len() + 1;
    let keep = |l: &&str| {
        let line = format!("{l}\n");
        !note::signature_lines(&line)
            .is_ok_and(|s| s.iter().any(|s| s.name == key.name() && s.id == key.id()))
    };
    let mut out = file[..prefix_of_lines].to_owned();
    for line in file[prefix_of_lines..].lines().filter(keep).chain([line.trim_end_matches('\n')]) {
        out.push_str(line);
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MemoryDisk, Random};
    use crate::trail::LogKey;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use std::path::Path;

    fn witness(seed: u8) -> (Ed25519KeyPair, CosignerKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = pair.public_key().as_ref().try_into().unwrap();
        (pair, CosignerKey::new("witness.example/w1", key).unwrap())
    }

    fn line(pair: &Ed25519KeyPair, key: &CosignerKey, time: i64, text: &str) -> String {
        let mut bytes = key.id().to_vec();
        bytes.extend(time.to_be_bytes());
        bytes.extend(pair.sign(message(time, text).as_bytes()).as_ref());
        format!("\u{2014} {} {}\n", key.name(), BASE64.encode(bytes))
    }

    fn checkpoint() -> (LogKey, Checkpoint) {
        let disk = MemoryDisk::default();
        let key = LogKey::create(&disk, Path::new("k"), &Random::from_seed(1), "a/b").unwrap();
        (key, Checkpoint { origin: "a/b".into(), size: 9, root: [7; 32] })
    }

    /// The specification's own example: its cosignature line over its checkpoint. Its key is not
    /// published there, so the form alone is read.
    #[test]
    fn the_example_of_the_specification_has_our_form() {
        let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
            \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let (text, lines) = note::parts(note.as_bytes()).unwrap();
        let (time, signature) = lines[1].signature.split_first_chunk::<8>().unwrap();
        assert_eq!((u64::from_be_bytes(*time), signature.len()), (1_679_315_147, 64));
        let shown = message(1_679_315_147, text);
        assert!(
            shown.starts_with("cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n")
        );
        assert!(shown.ends_with("\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"));
    }

    #[test]
    fn a_known_witness_counts_and_an_unknown_one_is_named() {
        let ((log, head), (pair, key), (other_pair, _)) = (checkpoint(), witness(1), witness(2));
        let other = other_pair.public_key().as_ref().try_into().unwrap();
        let other = CosignerKey::new("witness.example/w2", other).unwrap();
        assert_eq!(key.to_string().parse::<CosignerKey>().unwrap(), key);
        let mut file = head.sign(&log);
        for (pair, key) in [(&pair, &key), (&other_pair, &other)] {
            file = with_line(&file, key, &line(pair, key, 1_000, &head.text())).unwrap();
        }
        let read = Cosigned::open(file.as_bytes(), log.public(), std::slice::from_ref(&key)).unwrap();
        assert_eq!(read.checkpoint, head);
        assert_eq!(read.by, [Cosigner { key: key.clone(), time: Timestamp::from_unix_s(1_000) }]);
        assert_eq!(read.others, ["witness.example/w2"]);
        // A later word of the same witness takes the place of the earlier one.
        let again = with_line(&file, &key, &line(&pair, &key, 2_000, &head.text())).unwrap();
        assert_eq!(again.lines().count(), file.lines().count());
        let read = Cosigned::open(again.as_bytes(), log.public(), std::slice::from_ref(&key)).unwrap();
        assert_eq!(read.by[0].time, Timestamp::from_unix_s(2_000));
    }

    #[test]
    fn a_line_that_does_not_verify_refuses_the_file() {
        let ((log, head), (pair, key)) = (checkpoint(), witness(1));
        let other = Checkpoint { size: 10, ..head.clone() };
        let (good, zero) = (line(&pair, &key, 1_000, &head.text()), line(&pair, &key, 0, &head.text()));
        let of_another = line(&pair, &key, 1_000, &other.text());
        let mut flipped = good.trim_end().to_owned().into_bytes();
        flipped[60] = if flipped[60] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        for bad in [of_another, zero, flipped] {
            let file = with_line(&head.sign(&log), &key, &bad).unwrap();
            let read = Cosigned::open(file.as_bytes(), log.public(), std::slice::from_ref(&key));
            assert!(
                matches!(read, Err(CheckpointError::Note(NoteError::BadSignature(_)))),
                "{bad}: {read:?}"
            );
        }
    }

    #[test]
    fn a_log_key_is_no_witness_key() {
        let (log, _) = checkpoint();
        let why = log.public().to_string().parse::<CosignerKey>().unwrap_err().to_string();
        assert!(why.contains("type 01 where type 04"), "{why}");
        assert!(witness(1).1.to_string().parse::<VerifierKey>().is_err());
    }
}

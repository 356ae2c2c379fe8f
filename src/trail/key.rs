//! The log's key: Ed25519 (RFC 8032), in the notation of C2SP signed-note.
//!
//! `origin+keyid+base64(0x01 || public key)` is what others verify with. The private key is a file
//! of its own (0600), in the notation of Go's `sumdb/note`, and is never printed.

use super::merkle::Hash;
use crate::domain::id::hex;
use crate::env::{Disk, DiskError, Random};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Signature type of signed-note: Ed25519.
const ED25519_TYPE: u8 = 0x01;
/// Ours is 76 bytes and a name.
const KEY_FILE_BYTES_MAX: u64 = 1024;

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0}; the log's key could not be read or written, nothing else was done")]
    Disk(#[from] DiskError),
    #[error(
        "{0:?} cannot name a log: a name is 1 to 200 printable characters without spaces, plus signs or controls"
    )]
    Name(String),
    #[error(
        "not a verifier key; it is one line of the form name+8 hexadecimal digits+base64, as in log.vkey"
    )]
    Verifier,
    #[error("the verifier key's id does not belong to its name and key: one of the three was changed")]
    KeyId,
    #[error(
        "a verifier key of type {found:02x} where type {want:02x} is due (01 is a log's key, 04 a witness's cosignature/v1)"
    )]
    Sort { found: u8, want: u8 },
    #[error(
        "not the private key of a log; restore the key file from its backup, or begin a new log with `reissue init`"
    )]
    Private,
}

/// A name that may stand in a key and in a signature line (signed-note, "Format").
pub(super) fn check_name(name: &str) -> Result<(), KeyError> {
    let good = |c: char| c != '+' && !c.is_whitespace() && !crate::domain::text::is_hostile(c);
    if !name.is_empty() && name.chars().count() <= 200 && name.chars().all(good) {
        Ok(())
    } else {
        Err(KeyError::Name(name.chars().filter(|c| good(*c)).take(200).collect()))
    }
}

/// SHA-256(name || 0x0A || type || key), the first four bytes (signed-note, "Signatures").
pub(super) fn key_id(sort: u8, name: &str, key: &[u8]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', sort]).chain_update(key).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// A verifier key as people write it down.
pub(super) fn write_vkey(sort: u8, name: &str, key: &Hash) -> String {
    let mut typed = vec![sort];
    typed.extend_from_slice(key);
    format!("{name}+{}+{}", hex(&key_id(sort, name, key)), BASE64.encode(typed))
}

/// Name and key of a verifier key whose signatures are of type `sort`.
pub(super) fn read_vkey(sort: u8, s: &str) -> Result<(String, Hash), KeyError> {
    let mut parts = s.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Verifier);
    };
    check_name(name)?;
    let key = BASE64.decode(key).map_err(|_| KeyError::Verifier)?;
    let Some((found, key)) = key.split_first() else { return Err(KeyError::Verifier) };
    let key: Hash = key.try_into().map_err(|_| KeyError::Verifier)?;
    match *found == sort {
        false => Err(KeyError::Sort { found: *found, want: sort }),
        true if hex(&key_id(sort, name, &key)) == id => Ok((name.into(), key)),
        true => Err(KeyError::KeyId),
    }
}

/// The public key that a log's checkpoints are verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: Hash,
}

impl VerifierKey {
    /// The log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn id(&self) -> [u8; 4] {
        key_id(ED25519_TYPE, &self.name, &self.key)
    }
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write_vkey(ED25519_TYPE, &self.name, &self.key))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;
    fn from_str(s: &str) -> Result<Self, KeyError> {
        let (name, key) = read_vkey(ED25519_TYPE, s)?;
        Ok(Self { name, key })
    }
}

/// The private key of a log. Whoever holds it can sign heads in the log's name.
pub struct LogKey {
    pair: Ed25519KeyPair,
    public: VerifierKey,
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", self.public)
    }
}

impl LogKey {
    /// Makes a key for the log `origin` and keeps it at `path`, where no file may be yet.
    pub fn create(disk: &dyn Disk, path: &Path, random: &Random, origin: &str) -> Result<Self, KeyError> {
        check_name(origin)?;
        let seed = Zeroizing::new(random.stream("log-key").bytes::<32>());
        let key = Self::from_seed(origin, seed.as_slice())?;
        let mut typed = Zeroizing::new(vec![ED25519_TYPE]);
        typed.extend_from_slice(seed.as_slice());
        let secret = Zeroizing::new(BASE64.encode(typed.as_slice()));
        let id = hex(&key.public.id());
        let file = Zeroizing::new(format!("PRIVATE+KEY+{origin}+{id}+{}\n", secret.as_str()));
        disk.write_new(path, file.as_bytes())?;
        Ok(key)
    }

    /// Reads the key back.
    pub fn load(disk: &dyn Disk, path: &Path) -> Result<Self, KeyError> {
        let file = Zeroizing::new(disk.read(path, KEY_FILE_BYTES_MAX)?);
        let text = std::str::from_utf8(&file).map_err(|_| KeyError::Private)?;
        let rest = text.trim_end().strip_prefix("PRIVATE+KEY+").ok_or(KeyError::Private)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(seed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Private);
        };
        check_name(name)?;
        let typed = Zeroizing::new(BASE64.decode(seed).map_err(|_| KeyError::Private)?);
        let Some((&ED25519_TYPE, seed)) = typed.split_first() else { return Err(KeyError::Private) };
        let key = Self::from_seed(name, seed)?;
        if hex(&key.public.id()) == id { Ok(key) } else { Err(KeyError::KeyId) }
    }

    fn from_seed(name: &str, seed: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Private)?;
        let key: Hash = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Private)?;
        Ok(Self { pair, public: VerifierKey { name: name.to_owned(), key } })
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        &self.public.name
    }
    pub fn public(&self) -> &VerifierKey {
        &self.public
    }
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MemoryDisk;

    #[test]
    fn a_key_reads_back_and_is_not_shown() {
        let (disk, path) = (MemoryDisk::default(), Path::new("key"));
        let made = LogKey::create(&disk, path, &Random::from_seed(1), "reissue.example/t/i").unwrap();
        let read = LogKey::load(&disk, path).unwrap();
        assert_eq!(made.public(), read.public());
        assert!(read.public().verify(b"m", &made.sign(b"m")));
        assert!(!read.public().verify(b"n", &made.sign(b"m")));
        assert_eq!(read.public().to_string().parse::<VerifierKey>().unwrap(), *read.public());
        let file = String::from_utf8(disk.read(path, 1000).unwrap()).unwrap();
        let secret = file.trim().rsplit('+').next().unwrap();
        assert!(!format!("{read:?}").contains(&secret[4..]));
        assert!(LogKey::create(&disk, path, &Random::from_seed(2), "x").is_err(), "never overwritten");
    }

    #[test]
    fn verifier_keys_are_checked() {
        // The example key of C2SP signed-note.
        let good = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(good.parse::<VerifierKey>().unwrap().to_string(), good);
        for bad in [
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+AhpC",
            "PeterNeumann",
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }
}

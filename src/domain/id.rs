//! Names of things: tenants, objects, credentials, runs, targets, steps, digests.
//!
//! Each is its own type, so that an application's *client id* can never stand where its *object
//! id* is wanted: the two look alike and Graph accepts both in different places.

use super::text::{self, Text};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Why a string is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {want}")]
pub struct IdError {
    pub want: &'static str,
    pub found: Text<64>,
}

impl IdError {
    fn new(want: &'static str, found: &str) -> Self {
        Self { want, found: Text::lossy(found) }
    }
}

fn is_guid(s: &str) -> bool {
    s.len() == 36
        && s.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident, $want:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// A version 4 UUID from sixteen random bytes (RFC 9562, 5.4).
            pub fn from_random(mut bytes: [u8; 16]) -> Self {
                bytes[6] = bytes[6] & 0x0f | 0x40;
                bytes[8] = bytes[8] & 0x3f | 0x80;
                Self(guid_text(&bytes).into())
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                if is_guid(s) { Ok(Self(s.to_ascii_lowercase().into())) } else { Err(IdError::new($want, s)) }
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(s: String) -> Result<Self, IdError> {
                s.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn guid_text(bytes: &[u8; 16]) -> String {
    let h = hex(bytes);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

guid!(
    /// A directory (tenant) id.
    TenantId, "a tenant id (a GUID)");
guid!(
    /// An application's client id (`appId`): the same in every tenant.
    ClientId, "a client id (a GUID)");
guid!(
    /// The immutable id of one directory object: application, service principal or user.
    ObjectId, "an object id (a GUID)");
guid!(
    /// The `keyId` of one password or key credential.
    KeyId, "a key id (a GUID)");

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 15)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

/// SHA-256, shown as `sha256:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
    /// From 64 lower-case hexadecimal digits.
    pub fn from_hex(digits: &str) -> Option<Self> {
        if digits.len() != 64 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        // Every line of a log names one: no way through text and back.
        let value = |d: u8| if d < b'a' { d - b'0' } else { d - b'a' + 10 };
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        Some(Self(out))
    }
    /// The 64 hexadecimal digits, as `sha256sum` prints them.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl FromStr for Digest {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let digits = s.strip_prefix("sha256:").and_then(Self::from_hex);
        digits.ok_or_else(|| IdError::new("a digest (sha256: and 64 lower-case hex digits)", s))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::read(from, str::parse)
    }
}
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One run: a ULID, so that runs sort by the time they began.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl RunId {
    /// From milliseconds since 1970 and ten random bytes (the ULID layout: 48 + 80 bits).
    pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
        let tail = random.iter().fold(0u128, |n, b| n << 8 | u128::from(*b));
        let bits = u128::from(unix_ms) << 80 | tail;
        let digit = |i: u32| CROCKFORD[(bits >> (125 - 5 * i) & 31) as usize] as char;
        Self((0..26).map(digit).collect())
    }
    /// Reads it as it is written: in capitals.
    pub(in crate::domain) fn from_written(s: &str) -> Option<Self> {
        let is_digit =
            |b: u8| matches!(b, b'0'..=b'9' | b'A'..=b'Z') && !matches!(b, b'I' | b'L' | b'O' | b'U');
        (s.len() == 26 && s.bytes().all(is_digit)).then(|| Self(s.to_owned()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The part that marks what this run made: it goes into a credential's `displayName` and
    /// into tags, so that an orphan can be found. Ten characters of the random tail.
    pub fn mark(&self) -> String {
        format!("reissue-{}", self.0[16..].to_ascii_lowercase())
    }
}

impl FromStr for RunId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let read = Self::from_written(&s.to_ascii_uppercase());
        read.ok_or_else(|| IdError::new("a run id (26 letters and digits)", s))
    }
}
impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::read(from, str::parse)
    }
}
impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One target of a playbook, in its order there: `t1`, `t2`, …
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub u32);

/// The first targets of a list, for one line.
pub fn few(ids: &[TargetId]) -> String {
    const SHOWN: usize = 5;
    let first: Vec<String> = ids.iter().take(SHOWN).map(ToString::to_string).collect();
    match ids.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

impl FromStr for TargetId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let plain = |n: &&str| n.starts_with(|c: char| matches!(c, '1'..='9'));
        match s.strip_prefix('t').filter(plain).and_then(|n| n.parse::<u32>().ok()) {
            Some(n) => Ok(Self(n)),
            _ => Err(IdError::new("a target (t1, t2, …)", s)),
        }
    }
}
impl<'de> Deserialize<'de> for TargetId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::read(from, str::parse)
    }
}
impl Serialize for TargetId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("t{}", self.0))
    }
}
impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("t{}", self.0))
    }
}
impl fmt::Debug for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

/// One step of a target, counted from 1 within it.
pub type StepNo = u16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_checked_and_lower_cased() {
        let id: ClientId = "8A1D0000-0000-4000-8000-00000000BEEF".parse().unwrap();
        assert_eq!(id.as_str(), "8a1d0000-0000-4000-8000-00000000beef");
        assert!("8a1d".parse::<ClientId>().is_err());
        assert!("8a1d0000-0000-4000-8000-00000000beeg".parse::<ObjectId>().is_err());
        assert_eq!(KeyId::from_random([0xff; 16]).as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn run_ids_sort_by_time_and_read_back() {
        let early = RunId::new(1_000, [255; 10]);
        let late = RunId::new(1_001, [0; 10]);
        assert!(early < late);
        assert_eq!(early.as_str().parse::<RunId>().unwrap(), early);
        assert_eq!(early.as_str().len(), 26);
        // The ULID specification's own example for the time part.
        assert!(RunId::new(1_469_918_176_385, [0; 10]).as_str().starts_with("01ARYZ6S41"));
    }

    #[test]
    fn a_digest_reads_back() {
        let d = Digest::of(b"abc");
        assert_eq!(d.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(d.to_string().parse::<Digest>().unwrap(), d);
        assert!("sha256:AB".parse::<Digest>().is_err());
    }

    #[test]
    fn target_ids_have_one_spelling() {
        assert_eq!("t12".parse::<TargetId>().unwrap(), TargetId(12));
        for bad in ["t0", "t01", "12", "t", "T1"] {
            assert!(bad.parse::<TargetId>().is_err(), "{bad}");
        }
    }
}

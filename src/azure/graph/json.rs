//! How Graph writes things: pieces that several types share.

use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Deserializer};

/// A point in time. One that cannot be said in ours (a year before 1970 stands for "never")
/// counts as absent, as `null` does.
pub(super) fn time<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    Ok(text.and_then(|t| t.parse().ok()))
}

/// A list that may be `null`.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(d)?.unwrap_or_default())
}

/// A value that is shown once.
pub(super) fn secret<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(d)?.map(Secret::new))
}

/// A flag that may be `null`, which Graph's documents read as false.
pub(super) fn flag<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(d)?.unwrap_or(false))
}

/// Percent-encodes a piece of a path or of a query value (RFC 3986, 2.3 and 3.4). Signs that
/// OData uses and a query may hold stay readable.
pub(super) fn encode(s: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(s.len());
    for byte in s.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            b'$' | b',' | b'\'' | b'(' | b')' | b':' | b'@' | b'/' | b'*' => out.push(byte as char),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The same for one piece of a path: a slash would start the next.
pub(super) fn encode_segment(s: &str) -> String {
    encode(s).replace('/', "%2F")
}

/// A string inside an OData expression: quotes are doubled (OData 4.01 URL conventions, 5.1.1.14).
pub(super) fn quote(s: &str) -> String {
    format!("'{}'", s.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place() {
        assert_eq!(encode_segment("a/../b?c#d e"), "a%2F..%2Fb%3Fc%23d%20e");
        assert_eq!(quote("O'Neil"), "'O''Neil'");
        assert_eq!(encode("displayName eq 'a&b'"), "displayName%20eq%20'a%26b'");
    }
}

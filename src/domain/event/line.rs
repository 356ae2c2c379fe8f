//! One line of the log: its canonical bytes, and reading them back.

use super::{Event, written};
use crate::domain::id::{Digest, RunId, TargetId, hex};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub event: Event,
    /// Leaf hash of the line before; zeros in the first.
    pub prev: [u8; 32],
    pub run: Option<RunId>,
    pub seq: u64,
    pub target: Option<TargetId>,
    pub time: Timestamp,
}

/// Why bytes are not a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("not an event line: {0}")]
    Json(Text<300>),
    #[error("unknown event {0:?}; it was written by a newer reissue")]
    Unknown(Text<64>),
    #[error("unknown line version {0}; it was written by a newer reissue")]
    Version(u32),
    #[error("the previous hash is not 64 hexadecimal digits")]
    Prev,
    #[error("the line is not in canonical form (RFC 8785)")]
    NotCanonical,
}

/// A line as it is read; `with` waits until the event's name is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine<'a> {
    // Compared with the event's own when the line is written again.
    #[serde(borrow, rename = "code")]
    _code: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    prev: Cow<'a, str>,
    #[serde(default)]
    run: Option<RunId>,
    seq: u64,
    #[serde(default)]
    target: Option<TargetId>,
    time: Timestamp,
    v: u32,
    #[serde(borrow)]
    with: &'a serde_json::value::RawValue,
}

/// A line as it is written; the fields are in canonical order.
#[derive(Serialize)]
struct WrittenLine<'a> {
    code: &'static str,
    event: &'static str,
    prev: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a RunId>,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<TargetId>,
    time: Timestamp,
    v: u32,
    with: With<'a>,
}

/// What an event says, without its name.
struct With<'a>(&'a Event);

impl Serialize for With<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_fields(serializer)
    }
}

/// The version of the line format.
pub const LINE_VERSION: u32 = 1;

impl From<serde_json::Error> for LineError {
    fn from(e: serde_json::Error) -> Self {
        // The message may quote the line, which may hold anything.
        Self::Json(Text::lossy(&e.to_string()))
    }
}

impl Line {
    /// The canonical bytes, without the line feed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LineError> {
        let written = WrittenLine {
            code: self.event.code(),
            event: self.event.name(),
            prev: &hex(&self.prev),
            run: self.run.as_ref(),
            seq: self.seq,
            target: self.target,
            time: self.time,
            v: LINE_VERSION,
            with: With(&self.event),
        };
        let mut bytes = Vec::with_capacity(512);
        serde_json::to_writer(&mut bytes, &written)?;
        Ok(bytes)
    }

    /// Reads a line and makes sure that these are its only possible bytes: what would be written
    /// again is compared with what was read, so no alias of it (spaces, duplicate keys, escapes)
    /// passes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LineError> {
        match std::str::from_utf8(bytes).ok().and_then(written::read) {
            Some(line) => {
                debug_assert_eq!(Self::from_any_form(bytes).ok().as_ref(), Some(&line));
                Ok(line)
            }
            None => Self::from_any_form(bytes),
        }
    }

    /// The same, slowly, for what may be any JSON: says what is wrong with it.
    fn from_any_form(bytes: &[u8]) -> Result<Self, LineError> {
        let raw: RawLine = serde_json::from_slice(bytes)?;
        if raw.v != LINE_VERSION {
            return Err(LineError::Version(raw.v));
        }
        let prev = Digest::from_hex(&raw.prev).ok_or(LineError::Prev)?.0;
        let event = Event::from_raw(&raw.event, raw.with.get())?;
        let line = Line { event, prev, run: raw.run, seq: raw.seq, target: raw.target, time: raw.time };
        if line.to_bytes()? == bytes { Ok(line) } else { Err(LineError::NotCanonical) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::StepIntent;

    fn line() -> Line {
        Line {
            event: StepIntent { attempt: 1, request: Text::lossy("0c"), step: 2, undo: false }.into(),
            prev: [7; 32],
            run: Some(RunId::new(1, [3; 10])),
            seq: 9,
            target: Some(TargetId(3)),
            time: Timestamp::from_unix_ms(1_795_417_209_123),
        }
    }

    #[test]
    fn a_line_is_canonical_short_and_reads_back() {
        let bytes = line().to_bytes().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap());
        assert!(bytes.len() <= 400, "{} bytes", bytes.len());
        assert_eq!(Line::from_bytes(&bytes).unwrap(), line());
    }

    #[test]
    fn aliases_of_a_line_are_refused() {
        let good = String::from_utf8(line().to_bytes().unwrap()).unwrap();
        for bad in [
            good.replace("{\"code\"", "{ \"code\""),
            good.replace("\"seq\":9", "\"seq\":9,\"seq\":9"),
            good.replace("\"attempt\":1", "\"attempt\":1.0"),
            good.replace("step.intent", "step.int\\u0065nt"),
            good.replace("\"v\":1", "\"v\":2"),
            good.replace("STP010I", "STP020I"),
            good.replace("\"step\":2", "\"step\":2,\"undo\":false"),
        ] {
            assert!(Line::from_bytes(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn codes_and_names_are_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for (name, code) in Event::TABLE {
            assert!(seen.insert(name) && seen.insert(code), "{name} {code}");
        }
    }
}

//! The evidence of the holds: what people have in front of them when they approve that old credentials are taken away.
//!
//! It is one small document per run and moment, made from the log alone: for each target whose hold is over and whose new
//! credential was checked again, who confirmed what, how and when. Its canonical bytes (RFC 8785) are an object
//! of the log, their digest is in the statement that is signed. Fields are declared in alphabetical
//! order, so that what serde writes is canonical; reading demands exactly those bytes.

use super::id::{Digest, TargetId};
use super::sign_ins::SignIns;
use super::step::Release;
use super::text::Text;
use super::time::{Timestamp, show_span};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};

/// The version of the document.
pub const EVIDENCE_VERSION: u32 = 1;
/// The largest document: 100,000 targets with a handful of confirmations each fit.
pub const EVIDENCE_BYTES_MAX: u64 = 128 << 20;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The plan that the run carries out.
    pub plan: Digest,
    pub sign_ins: Reading,
    /// In the order of their numbers.
    pub targets: Vec<Held>,
    pub v: u32,
}

/// Whether sign-ins with the old credential were looked for during the hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// At least one target says what was read, or why nothing was.
    ByTarget,
    /// Nobody looked. That none is listed says nothing.
    NotRead,
}

/// One target whose hold is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// By consumer.
    pub confirmed: Vec<Confirmation>,
    pub ended: Timestamp,
    pub how: Release,
    /// The old value was tried at the recheck, and still accepted then.
    pub old_accepted: bool,
    pub opened: Timestamp,
    /// When the new credential was checked again.
    pub rechecked: Timestamp,
    /// What the sign-in log said of the old credential; none if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_ins: Option<SignIns>,
    pub target: TargetId,
}

/// Somebody said that a consumer has moved to the new credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    pub at: Timestamp,
    pub by: Text<128>,
    pub consumer: Text<64>,
    pub how: Text<128>,
    /// Whoever said so is not on the roster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
}

/// Why bytes are no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    #[error("it is not the evidence of a hold: {0}")]
    Json(Text<160>),
    #[error("it is not in canonical form (RFC 8785)")]
    NotCanonical,
    #[error("it is of version {0}, this program reads version {EVIDENCE_VERSION}")]
    Version(u32),
    #[error("its targets are not in order, or one is listed twice")]
    Order,
}

impl Evidence {
    /// The evidence of these targets, whichever order they come in.
    pub fn new(plan: Digest, mut targets: Vec<Held>) -> Self {
        targets.sort_by_key(|held| held.target);
        let sign_ins = match targets.iter().any(|held| held.sign_ins.is_some()) {
            true => Reading::ByTarget,
            false => Reading::NotRead,
        };
        Self { plan, sign_ins, targets, v: EVIDENCE_VERSION }
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, EvidenceError> {
        serde_json::to_vec(self).map_err(|e| EvidenceError::Json(Text::lossy(&e.to_string())))
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let read: Self =
            serde_json::from_slice(bytes).map_err(|e| EvidenceError::Json(Text::lossy(&e.to_string())))?;
        if read.v != EVIDENCE_VERSION {
            return Err(EvidenceError::Version(read.v));
        }
        if read.to_bytes()? != bytes {
            return Err(EvidenceError::NotCanonical);
        }
        if !read.targets.is_sorted_by(|a, b| a.target < b.target) {
            return Err(EvidenceError::Order);
        }
        Ok(read)
    }

    /// Whether it says exactly this about the target.
    pub fn lists(&self, held: &Held) -> bool {
        let at = self.targets.binary_search_by_key(&held.target, |listed| listed.target);
        at.is_ok_and(|at| self.targets[at] == *held)
    }
}

impl Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan: _, sign_ins, targets, v: _ } = self;
        writeln!(f, "Your approval releases these targets, and no other:")?;
        if targets.is_empty() {
            writeln!(f, "  none: no hold is over")?;
        }
        for held in targets {
            write!(f, "{held}")?;
        }
        match sign_ins {
            Reading::ByTarget => Ok(()),
            Reading::NotRead => writeln!(
                f,
                "  Sign-ins were not read: whether anything still uses an old credential is not known from here."
            ),
        }
    }
}

impl Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { confirmed, ended, how, old_accepted, opened, rechecked, sign_ins, target } = self;
        let how = match how {
            Release::Confirmed => "everybody confirmed",
            Release::Time if confirmed.is_empty() => "its time had passed",
            Release::Time => "its time had passed, and everybody had confirmed",
        };
        let (from, to, span) = (opened.short(), ended.short(), show_span(ended.since(*opened)));
        writeln!(f, "  {target}  held {from} to {to} ({span}): {how}")?;
        for Confirmation { at, by, consumer, how, unlisted } in confirmed {
            let unlisted = if *unlisted { ", who is not on the roster" } else { "" };
            writeln!(f, "       {consumer} has moved, says {by}{unlisted}, {}: {how}", at.short())?;
        }
        if confirmed.is_empty() {
            writeln!(f, "       nobody confirmed anything")?;
        }
        let old = if *old_accepted {
            "the old one was still accepted"
        } else {
            "the old one was not tried or not accepted"
        };
        writeln!(f, "       {}: the new credential works; {old}", rechecked.short())?;
        match sign_ins {
            Some(sign_ins) => writeln!(f, "       {sign_ins}"),
            None => writeln!(f, "       sign-ins with the old credential: NOT READ (yet)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(target: u32) -> Held {
        let at = Timestamp::from_unix_s;
        let said = Confirmation {
            at: at(20),
            by: Text::lossy("ann@agency.example"),
            consumer: Text::lossy("payroll"),
            how: Text::lossy("seen in its log"),
            unlisted: true,
        };
        Held {
            confirmed: vec![said],
            ended: at(30),
            how: Release::Confirmed,
            old_accepted: true,
            opened: at(10),
            rechecked: at(40),
            sign_ins: None,
            target: TargetId(target),
        }
    }

    #[test]
    fn its_bytes_are_canonical_and_are_all_that_is_read() {
        let evidence = Evidence::new(Digest::of(b"plan"), vec![held(12), held(2)]);
        let bytes = evidence.to_bytes().unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&evidence).unwrap());
        assert_eq!(Evidence::from_bytes(&bytes), Ok(evidence.clone()));
        let text = String::from_utf8(bytes).unwrap();
        let no = |text: &str| Evidence::from_bytes(text.as_bytes()).unwrap_err();
        assert_eq!(no(&text.replacen(':', ": ", 1)), EvidenceError::NotCanonical);
        assert_eq!(no(&text.replace("\"v\":1", "\"v\":2")), EvidenceError::Version(2));
        assert_eq!(no(&text.replace("\"t2\"", "\"t12\"")), EvidenceError::Order);
        assert!(matches!(no("{}"), EvidenceError::Json(_)));
    }

    /// As reissue wrote it before sign-ins were read (ADR 0013): its digest is in approvals of then.
    #[test]
    fn evidence_from_before_keeps_its_bytes() {
        let old = format!(
            "{{\"plan\":\"{}\",\"sign_ins\":\"not_read\",\"targets\":[{{\"confirmed\":[{{\"at\":\"1970-01-01T00:00:20.000Z\",\
             \"by\":\"ann@agency.example\",\"consumer\":\"payroll\",\"how\":\"seen in its log\",\"unlisted\":true}}],\
             \"ended\":\"1970-01-01T00:00:30.000Z\",\"how\":\"confirmed\",\"old_accepted\":true,\
             \"opened\":\"1970-01-01T00:00:10.000Z\",\"rechecked\":\"1970-01-01T00:00:40.000Z\",\"target\":\"t2\"}}],\"v\":1}}",
            Digest::of(b"plan")
        );
        let evidence = Evidence::new(Digest::of(b"plan"), vec![held(2)]);
        assert_eq!(String::from_utf8(evidence.to_bytes().unwrap()).unwrap(), old);
        assert_eq!(Evidence::from_bytes(old.as_bytes()), Ok(evidence));
    }

    #[test]
    fn what_the_sign_in_log_said_is_part_of_it_and_shown() {
        let why = crate::domain::sign_ins::Unread::Licence;
        let sign_ins = SignIns::NotRead { at: Timestamp::from_unix_s(50), why };
        let told = Held { sign_ins: Some(sign_ins), ..held(2) };
        let evidence = Evidence::new(Digest::of(b"plan"), vec![told.clone(), held(3)]);
        let bytes = evidence.to_bytes().unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&evidence).unwrap());
        assert_eq!(Evidence::from_bytes(&bytes), Ok(evidence.clone()));
        assert!(evidence.lists(&told) && !evidence.lists(&held(2)));
        let shown = evidence.to_string();
        assert!(shown.contains("P1 licence") && shown.contains("NOT READ (yet)"), "{shown}");
    }

    #[test]
    fn it_lists_a_target_only_as_it_says() {
        let evidence = Evidence::new(Digest::of(b"plan"), vec![held(2)]);
        assert!(evidence.lists(&held(2)) && !evidence.lists(&held(3)));
        assert!(!evidence.lists(&Held { old_accepted: false, ..held(2) }));
    }

    #[test]
    fn people_read_who_confirmed_and_that_sign_ins_were_not_read() {
        let shown = Evidence::new(Digest::of(b"plan"), vec![held(2)]).to_string();
        let timed = Held { how: Release::Time, ..held(2) }.to_string();
        assert!(timed.contains("passed, and everybody had confirmed"), "{timed}");
        let nobody = Held { how: Release::Time, confirmed: Vec::new(), ..held(2) }.to_string();
        assert!(nobody.contains("its time had passed\n"), "{nobody}");
        for word in
            ["t2", "payroll has moved", "not on the roster", "seen in its log", "still accepted", "not read"]
        {
            assert!(shown.contains(word), "{word}: {shown}");
        }
    }
}

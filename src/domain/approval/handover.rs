//! A handover: one person of the roster says that a log goes on under another key, from exactly
//! this head on. It allows nothing else: every write still needs its plan's own approvals.

use super::super::event::{Environment, LogHandedOver};
use super::super::id::{Digest, RunId, TenantId};
use super::super::text::Text;
use super::super::time::Timestamp;
use super::refusal::ApprovalRefusal;
use super::roster::{Roster, same_person};
use super::signed::{self, SignedApproval};
use super::statement::{STATEMENT_BYTES_MAX, StatementError};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Write};

/// What the signature is for; it passes for nothing else.
pub const HANDOVER_NAMESPACE: &str = "log-handover@reissue.v1";
const KIND: &str = "https://reissue.example/handover/v1";

/// What a person signs. The fields are in canonical order (RFC 8785).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    pub approver: Text<128>,
    pub environment: Environment,
    /// The key of the log so far.
    pub from: Text<256>,
    /// 128 random bits in hexadecimal.
    pub nonce: Text<32>,
    /// Who goes on.
    pub operator: Text<128>,
    /// Root over the lines so far.
    pub root: Digest,
    pub roster: Digest,
    pub run: RunId,
    pub signed_at: Timestamp,
    /// Lines so far.
    pub size: u64,
    pub tenant: TenantId,
    /// The key of the log from here on.
    pub to: Text<256>,
    #[serde(rename = "type")]
    pub kind: Text<64>,
}

impl Handover {
    /// What `kind` says in every handover.
    pub fn kind() -> Text<64> {
        Text::lossy(KIND)
    }

    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        serde_json::to_vec(self).map_err(|e| StatementError::Json(Text::lossy(&e.to_string())))
    }

    /// Reads exactly the bytes that were signed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > STATEMENT_BYTES_MAX {
            return Err(StatementError::TooLong);
        }
        let read: Self =
            serde_json::from_slice(bytes).map_err(|e| StatementError::Json(Text::lossy(&e.to_string())))?;
        if read.kind.as_str() != KIND {
            return Err(StatementError::Type(Text::lossy(&read.kind)));
        }
        if read.to_bytes()? == bytes { Ok(read) } else { Err(StatementError::NotCanonical) }
    }

    /// Judges a signed handover: its form, the signature, the person, the roster.
    pub fn verify(signed: &SignedApproval, roster: &Roster) -> Result<Self, ApprovalRefusal> {
        let read = Self::from_bytes(&signed.statement_bytes)?;
        let (owner, _) = signed::signer(signed, HANDOVER_NAMESPACE, &read.approver, roster)?;
        if roster.digest() != read.roster {
            return Err(ApprovalRefusal::OtherRoster { found: roster.digest(), want: read.roster });
        }
        if same_person(&owner.name, &read.operator) {
            return Err(ApprovalRefusal::Operator(owner.name.clone()));
        }
        Ok(read)
    }

    /// The event that records it; both objects are kept by their digests.
    pub fn event(&self, statement: Digest, signature: Digest) -> LogHandedOver {
        LogHandedOver {
            by: self.approver.clone(),
            from: self.from.clone(),
            operator: self.operator.clone(),
            run: self.run.clone(),
            signature,
            statement,
            to: self.to.clone(),
        }
    }
}

impl Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            approver,
            environment,
            from,
            nonce,
            operator,
            root,
            roster,
            run,
            signed_at,
            size,
            tenant,
            to,
            kind: _,
        } = self;
        let environment = match environment {
            Environment::Production => "production",
            Environment::Lab => "lab (a rehearsal)",
        };
        let mut out = String::new();
        writeln!(out, "You HAND OVER this log: {operator} goes on with it on another machine")?;
        writeln!(out)?;
        let mut row = |name: &str, value: &dyn Display| writeln!(out, "  {name:<12} {value}");
        row("as", approver)?;
        row("run", run)?;
        row("tenant", tenant)?;
        row("environment", &environment)?;
        row("log so far", &format_args!("{size} events, root {}", root.hex()))?;
        row("key so far", from)?;
        row("key from now", to)?;
        row("roster", roster)?;
        row("signed at", &signed_at.short())?;
        row("nonce", nonce)?;
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Signer;
    use super::*;

    fn handover() -> Handover {
        Handover {
            approver: Text::lossy("ann@agency.example"),
            environment: Environment::Lab,
            from: Text::lossy("a"),
            nonce: Text::lossy(&"0".repeat(32)),
            operator: Text::lossy("op@agency.example"),
            root: Digest::of(b"root"),
            roster: roster().digest(),
            run: RunId::new(1, [2; 10]),
            signed_at: Timestamp::from_unix_s(1_795_417_200),
            size: 9,
            tenant: "7d3c9a10-0000-4000-8000-000000000001".parse().unwrap(),
            to: Text::lossy("b"),
            kind: Handover::kind(),
        }
    }

    fn ann() -> Signer {
        Signer::from_seed(&[1; 32], "ann").unwrap()
    }

    fn roster() -> Roster {
        let text = format!(
            "reissue_roster: 1\npeople:\n  - name: ann@agency.example\n    role: officer\n    keys: [ \"{}\" ]\n",
            ann().public_line().unwrap()
        );
        Roster::from_yaml(text.as_bytes()).unwrap()
    }

    #[test]
    fn it_is_canonical_and_reads_back() {
        let bytes = handover().to_bytes().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap());
        assert_eq!(Handover::from_bytes(&bytes).unwrap(), handover());
        let spaced = String::from_utf8(bytes).unwrap().replace("\"size\":9", "\"size\": 9");
        assert_eq!(Handover::from_bytes(spaced.as_bytes()), Err(StatementError::NotCanonical));
    }

    #[test]
    fn only_another_person_of_the_roster_hands_over() {
        let sign = |h: &Handover, who: Signer, space| who.sign_bytes(h.to_bytes().unwrap(), space).unwrap();
        let good = handover();
        assert_eq!(Handover::verify(&sign(&good, ann(), HANDOVER_NAMESPACE), &roster()).unwrap(), good);
        let alone = Handover { operator: Text::lossy("Ann@agency.example"), ..handover() };
        let stranger = Signer::from_seed(&[9; 32], "x").unwrap();
        let other_roster = Handover { roster: Digest::of(b"x"), ..handover() };
        for (code, signed) in [
            ("operator", sign(&alone, ann(), HANDOVER_NAMESPACE)),
            ("unknown-key", sign(&good, stranger, HANDOVER_NAMESPACE)),
            ("wrong-namespace", sign(&good, ann(), super::super::signed::NAMESPACE)),
            ("other-roster", sign(&other_roster, ann(), HANDOVER_NAMESPACE)),
        ] {
            assert_eq!(Handover::verify(&signed, &roster()).unwrap_err().code(), code);
        }
    }
}

//! A change of the roster, as a person of the one before it signs it: an in-toto Statement v1 whose
//! subject is the new file. It allows nothing else.

use super::super::event::Environment;
use super::super::id::{Digest, TenantId};
use super::super::text::Text;
use super::super::time::Timestamp;
use super::refusal::ApprovalRefusal;
use super::roster::Roster;
use super::signed::{self, SignedApproval};
use super::statement::{Hex, LogHead, RawDigest, RawHead, RawStatement, RawSubject, STATEMENT_TYPE, json};
use super::statement::{STATEMENT_BYTES_MAX, StatementError};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Write};
use std::time::Duration;

/// What the signature is for; it passes for nothing else.
pub const ROSTER_NAMESPACE: &str = "roster-change@reissue.v1";
/// A change is recorded within seven days of the first signature, or signed again.
pub const CHANGE_LIVES: Duration = Duration::from_secs(7 * 86_400);
const PREDICATE_TYPE: &str = "https://reissue.example/roster-change/v1";
const SUBJECT: &str = "roster.yaml";

/// What a person signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterChange {
    pub approver: Text<128>,
    pub environment: Environment,
    pub expires: Timestamp,
    pub log_head: LogHead,
    /// 128 random bits in hexadecimal.
    pub nonce: Text<32>,
    /// The roster in force, whose people sign.
    pub previous: Digest,
    /// All roles of the signer, as the roster in force gives them.
    pub role: Text<64>,
    /// The new roster: SHA-256 of the file's exact bytes.
    pub roster: Digest,
    pub signed_at: Timestamp,
    pub tenant: TenantId,
    /// Which roster it will be: the first is 1.
    pub version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPredicate {
    approver: Text<128>,
    environment: Environment,
    expires: Timestamp,
    log_head: RawHead,
    nonce: Text<32>,
    previous_sha256: Hex,
    role: Text<64>,
    signed_at: Timestamp,
    tenant_id: TenantId,
    version: u32,
}

impl RosterChange {
    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        let Self { approver, environment, expires, log_head, nonce, previous, .. } = self.clone();
        let predicate = RawPredicate {
            approver,
            environment,
            expires,
            log_head: log_head.into(),
            nonce,
            previous_sha256: Hex(previous),
            role: self.role.clone(),
            signed_at: self.signed_at,
            tenant_id: self.tenant.clone(),
            version: self.version,
        };
        let subject =
            RawSubject { digest: RawDigest { sha256: Hex(self.roster) }, name: Text::lossy(SUBJECT) };
        let raw = RawStatement {
            kind: Text::lossy(STATEMENT_TYPE),
            predicate,
            predicate_kind: Text::lossy(PREDICATE_TYPE),
            subject: [subject],
        };
        serde_json::to_vec(&raw).map_err(|e| json(&e))
    }

    /// Reads exactly the bytes that were signed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > STATEMENT_BYTES_MAX {
            return Err(StatementError::TooLong);
        }
        let raw: RawStatement<RawPredicate> = serde_json::from_slice(bytes).map_err(|e| json(&e))?;
        for (found, want) in [(&raw.kind, STATEMENT_TYPE), (&raw.predicate_kind, PREDICATE_TYPE)] {
            if found.as_str() != want {
                return Err(StatementError::Type(found.clone()));
            }
        }
        let ([subject], p) = (raw.subject, raw.predicate);
        if subject.name.as_str() != SUBJECT {
            return Err(StatementError::Type(Text::lossy(&subject.name)));
        }
        let read = Self {
            approver: p.approver,
            environment: p.environment,
            expires: p.expires,
            log_head: p.log_head.into(),
            nonce: p.nonce,
            previous: p.previous_sha256.0,
            role: p.role,
            roster: subject.digest.sha256.0,
            signed_at: p.signed_at,
            tenant: p.tenant_id,
            version: p.version,
        };
        if read.to_bytes()? == bytes { Ok(read) } else { Err(StatementError::NotCanonical) }
    }

    /// Judges form, signature and person: somebody of the roster that is changed. Returns the name as
    /// that roster spells it.
    pub fn verify(signed: &SignedApproval, previous: &Roster) -> Result<(Self, Text<128>), ApprovalRefusal> {
        let read = Self::from_bytes(&signed.statement_bytes)?;
        let (owner, _) = signed::signer(signed, ROSTER_NAMESPACE, &read.approver, previous)?;
        if read.role != owner.role() {
            let (person, found, want) = (read.approver, read.role, owner.role());
            return Err(ApprovalRefusal::Role { person, found, want });
        }
        if read.previous != previous.digest() {
            return Err(ApprovalRefusal::OtherRoster { found: read.previous, want: previous.digest() });
        }
        let name = owner.name.clone();
        Ok((read, name))
    }
}

impl Display for RosterChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            approver,
            environment,
            expires,
            log_head,
            nonce,
            previous,
            role,
            roster,
            signed_at,
            tenant,
            version,
        } = self;
        let environment = match environment {
            Environment::Production => "production",
            Environment::Lab => "lab (a rehearsal)",
        };
        let mut out = String::new();
        writeln!(out, "You CHANGE THE ROSTER: from then on the new one says who approves")?;
        writeln!(out)?;
        let mut row = |name: &str, value: &dyn Display| writeln!(out, "  {name:<12} {value}");
        row("as", &format_args!("{approver} ({role})"))?;
        row("tenant", tenant)?;
        row("environment", &environment)?;
        row("new roster", roster)?;
        row("", &format_args!("(number {version})"))?;
        row("in place of", previous)?;
        row("until", &expires.short())?;
        row("signed at", &signed_at.short())?;
        row("log", log_head)?;
        row("nonce", nonce)?;
        f.write_str(&out)
    }
}

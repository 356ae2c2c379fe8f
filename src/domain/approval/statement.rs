//! What a person signs: an in-toto Statement v1 about one plan, as canonical JSON (RFC 8785).
//!
//! Fields are declared in alphabetical order, so that what serde writes is canonical. Reading
//! accepts these bytes and no others for the same statement.

use super::super::event::{Decision, Environment};
use super::super::id::{Digest, TenantId, hex};
use super::super::step::Phase;
use super::super::text::Text;
use super::super::time::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://reissue.example/approval/v1";
const SUBJECT: &str = "plan.jsonl";
/// A statement has about 1,300 bytes.
pub const STATEMENT_BYTES_MAX: usize = 16 * 1024;
/// The largest whole number that every JSON reader keeps (RFC 8785, appendix on I-JSON).
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Why bytes are not a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error("the statement is longer than {STATEMENT_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is not an approval statement: {0}")]
    Json(Text<200>),
    #[error("it is a statement of type {0:?}, not about one plan")]
    Type(Text<128>),
    #[error("the statement is not in canonical form (RFC 8785); sign the file as `reissue approve` wrote it")]
    NotCanonical,
    #[error("the nonce is not 32 hexadecimal digits")]
    Nonce,
    #[error("the statement says that it ends before it begins")]
    Window,
}

/// A digest as in-toto writes it: hexadecimal digits without the algorithm's name.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Hex(pub(super) Digest);

impl TryFrom<String> for Hex {
    type Error = super::super::id::IdError;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        format!("sha256:{s}").parse().map(Self)
    }
}
impl From<Hex> for String {
    fn from(h: Hex) -> String {
        h.0.hex()
    }
}

/// What the plan would do, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Applications and users switched off or blocked.
    pub disable: u32,
    /// Applications and users switched on again.
    pub enable: u32,
    /// Targets that the plan leaves out, with a reason.
    pub excepted: u32,
    /// Steps without an undo.
    pub irreversible: u32,
    pub mint: u32,
    pub reset: u32,
    pub retire: u32,
    /// Users whose sessions end.
    pub revoke: u32,
    pub targets: u32,
}

/// The head of the log that the signer saw: the signature is a witness of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHead {
    pub origin: Text<200>,
    pub root: Digest,
    pub size: u64,
}

/// One person's decision about one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub approver: Text<128>,
    /// One signer in an emergency, for a plan that only contains.
    pub break_glass: bool,
    pub decision: Decision,
    pub environment: Environment,
    /// For the retire phase: digest of the hold's evidence that the signer saw.
    pub evidence: Option<Digest>,
    pub expires: Timestamp,
    pub log_head: LogHead,
    /// 128 random bits in hexadecimal: one statement counts once.
    pub nonce: Text<32>,
    pub not_before: Timestamp,
    pub phase: Phase,
    pub plan: Digest,
    pub playbook: Digest,
    pub role: Text<64>,
    pub roster: Digest,
    pub signed_at: Timestamp,
    pub summary: Summary,
    pub tenant: TenantId,
    /// The incident's id.
    pub ticket: Text<64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHead {
    origin: Text<200>,
    root: Hex,
    size: u64,
}

impl From<LogHead> for RawHead {
    fn from(LogHead { origin, root, size }: LogHead) -> Self {
        Self { origin, root: Hex(root), size }
    }
}
impl From<RawHead> for LogHead {
    fn from(RawHead { origin, root, size }: RawHead) -> Self {
        Self { origin, root: root.0, size }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPredicate {
    approver: Text<128>,
    #[serde(default, skip_serializing_if = "is_false")]
    break_glass: bool,
    decision: Decision,
    environment: Environment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence_sha256: Option<Hex>,
    expires: Timestamp,
    log_head: RawHead,
    nonce: Text<32>,
    not_before: Timestamp,
    phase: Phase,
    playbook_sha256: Hex,
    role: Text<64>,
    roster_sha256: Hex,
    signed_at: Timestamp,
    summary: Summary,
    tenant_id: TenantId,
    ticket: Text<64>,
}

fn is_false(b: &bool) -> bool {
    !*b
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDigest {
    pub(super) sha256: Hex,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSubject {
    pub(super) digest: RawDigest,
    pub(super) name: Text<64>,
}

/// What every signed statement is around its predicate (in-toto Statement v1).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStatement<P> {
    #[serde(rename = "_type")]
    pub(super) kind: Text<128>,
    pub(super) predicate: P,
    #[serde(rename = "predicateType")]
    pub(super) predicate_kind: Text<128>,
    pub(super) subject: [RawSubject; 1],
}

pub(super) fn json(e: &serde_json::Error) -> StatementError {
    StatementError::Json(Text::lossy(&e.to_string()))
}

impl Statement {
    /// Whether it approves that old credentials are taken away.
    pub fn retires(&self) -> bool {
        self.decision == Decision::Approve && self.phase == Phase::Retire
    }

    /// A nonce from 16 random bytes.
    pub fn nonce(random: [u8; 16]) -> Text<32> {
        Text::lossy(&hex(&random))
    }

    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        self.check()?;
        serde_json::to_vec(&self.clone().into_raw()).map_err(|e| json(&e))
    }

    /// Reads a statement from exactly the bytes that were signed.
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
        let [subject] = &raw.subject;
        if subject.name.as_str() != SUBJECT {
            return Err(StatementError::Type(Text::lossy(&subject.name)));
        }
        let read = Self::from_raw(raw);
        if read.to_bytes()? == bytes { Ok(read) } else { Err(StatementError::NotCanonical) }
    }

    fn check(&self) -> Result<(), StatementError> {
        let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if self.nonce.len() != 32 || !self.nonce.bytes().all(digit) {
            return Err(StatementError::Nonce);
        }
        if self.not_before >= self.expires {
            return Err(StatementError::Window);
        }
        if self.log_head.size > NUMBER_MAX {
            return Err(StatementError::Json(Text::lossy("log_head.size is larger than 2^53")));
        }
        Ok(())
    }

    fn from_raw(raw: RawStatement<RawPredicate>) -> Self {
        let [subject] = raw.subject;
        let p = raw.predicate;
        Self {
            approver: p.approver,
            break_glass: p.break_glass,
            decision: p.decision,
            environment: p.environment,
            evidence: p.evidence_sha256.map(|h| h.0),
            expires: p.expires,
            log_head: p.log_head.into(),
            nonce: p.nonce,
            not_before: p.not_before,
            phase: p.phase,
            plan: subject.digest.sha256.0,
            playbook: p.playbook_sha256.0,
            role: p.role,
            roster: p.roster_sha256.0,
            signed_at: p.signed_at,
            summary: p.summary,
            tenant: p.tenant_id,
            ticket: p.ticket,
        }
    }

    fn into_raw(self) -> RawStatement<RawPredicate> {
        let predicate = RawPredicate {
            approver: self.approver,
            break_glass: self.break_glass,
            decision: self.decision,
            environment: self.environment,
            evidence_sha256: self.evidence.map(Hex),
            expires: self.expires,
            log_head: self.log_head.into(),
            nonce: self.nonce,
            not_before: self.not_before,
            phase: self.phase,
            playbook_sha256: Hex(self.playbook),
            role: self.role,
            roster_sha256: Hex(self.roster),
            signed_at: self.signed_at,
            summary: self.summary,
            tenant_id: self.tenant,
            ticket: self.ticket,
        };
        RawStatement {
            kind: Text::lossy(STATEMENT_TYPE),
            predicate,
            predicate_kind: Text::lossy(PREDICATE_TYPE),
            subject: [RawSubject {
                digest: RawDigest { sha256: Hex(self.plan) },
                name: Text::lossy(SUBJECT),
            }],
        }
    }
}

//! Why an approval does not count: what happened, and what to do.

use super::super::id::{Digest, TenantId};
use super::super::text::Text;
use super::super::time::Timestamp;
use super::card::CardRefusal;
use super::keys::KeyRefusal;
use super::statement::StatementError;

/// Why one approval was refused. The others are judged for themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefusal {
    #[error("{0}; sign again what `reissue approve` wrote")]
    Statement(#[from] StatementError),
    #[error(
        "the signature is not an SSH signature (BEGIN SSH SIGNATURE); make it with `reissue approve`, or have a card sign an approval (BEGIN CMS)"
    )]
    NotASignature,
    #[error("it was signed for {found:?}, not for {want:?}; sign with `-n {want}`, or use `reissue approve`")]
    Namespace { found: Text<64>, want: &'static str },
    #[error("{0}")]
    Card(#[from] CardRefusal),
    #[error("the key that signed cannot be used: {0}")]
    Key(#[from] KeyRefusal),
    #[error("signatures of type {0} are not accepted; RSA keys sign with SHA-2 (rsa-sha2-512)")]
    SignatureAlgorithm(Text<64>),
    #[error("the key {0} is not in the roster; sign with a listed key")]
    UnknownKey(Text<64>),
    #[error("{claimed} is not in the roster")]
    UnknownPerson { claimed: Text<128> },
    #[error("it is made out to {claimed}, but the key belongs to {owner}; each signs in the own name")]
    OtherPerson { claimed: Text<128>, owner: Text<128> },
    #[error("it gives {person} the role {found:?}; the roster says {want:?}")]
    Role { person: Text<128>, found: Text<64>, want: Text<64> },
    #[error("the signature does not match the statement: one of them was changed after signing")]
    BadSignature,
    #[error(
        "the security key signed without a touch (no user presence); sign with a key that was not made with \
         `no-touch-required`"
    )]
    NoUserPresence,
    #[error("it is about another plan ({found}); approve the plan {want}")]
    OtherPlan { found: Digest, want: Digest },
    #[error("it is about another playbook ({found}); the plan is made from {want}")]
    OtherPlaybook { found: Digest, want: Digest },
    #[error("it is about the tenant {found}; the plan is for {want}")]
    OtherTenant { found: TenantId, want: TenantId },
    #[error("it relies on another roster ({found}); the one in force here is {want}")]
    OtherRoster { found: Digest, want: Digest },
    #[error("it is for another environment: a rehearsal opens nothing in production, nor the reverse")]
    OtherEnvironment,
    #[error("it is for the incident {found:?}; the plan is for {want:?}")]
    OtherIncident { found: Text<64>, want: Text<64> },
    #[error("it names the log {found:?}; this one is {want:?}")]
    OtherLog { found: Text<200>, want: Text<200> },
    #[error("its summary is not that of the plan: the signer was shown other numbers")]
    OtherSummary,
    #[error(
        "it names {size} lines of this log with a root that they never had; sign again what `reissue approve` writes"
    )]
    OtherHead { size: u64 },
    #[error(
        "it does not name the evidence of the hold; look at the evidence and approve the retire phase again"
    )]
    NoEvidence,
    #[error(
        "it names the evidence of a hold, which only an approval of the retire phase does, where that is separate"
    )]
    NeedlessEvidence,
    #[error("it is valid only from {}; hand it in again then", .0.short())]
    NotYetValid(Timestamp),
    #[error("it expired at {}; approve the plan again", .0.short())]
    Expired(Timestamp),
    #[error("it is valid for longer than the playbook's `valid_for` allows; approve for a shorter time")]
    TooLong,
    #[error("{0} made the plan and so cannot approve it; somebody else must")]
    Author(Text<128>),
    #[error("{0} is the operator who goes on; somebody else of the roster hands over")]
    Operator(Text<128>),
    #[error("the same statement was handed in before; it counts once")]
    Replayed,
    #[error("{0} may not break glass; the roster does not say `break_glass: true`")]
    NotBreakGlass(Text<128>),
    #[error("breaking glass is for plans that only contain; this plan does more and needs its quorum")]
    NotContainOnly,
}

impl ApprovalRefusal {
    /// A short name for the log, stable across versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Statement(StatementError::NotCanonical) => "not-canonical",
            Self::Statement(_) => "not-a-statement",
            Self::NotASignature => "not-a-signature",
            Self::Namespace { .. } => "wrong-namespace",
            Self::Card(why) => why.code(),
            Self::Key(_) => "key-not-allowed",
            Self::SignatureAlgorithm(_) => "signature-algorithm",
            Self::UnknownKey(_) => "unknown-key",
            Self::UnknownPerson { .. } => "unknown-person",
            Self::OtherPerson { .. } => "other-person",
            Self::Role { .. } => "other-role",
            Self::BadSignature => "bad-signature",
            Self::NoUserPresence => "no-user-presence",
            Self::OtherPlan { .. } => "other-plan",
            Self::OtherPlaybook { .. } => "other-playbook",
            Self::OtherTenant { .. } => "other-tenant",
            Self::OtherRoster { .. } => "other-roster",
            Self::OtherEnvironment => "other-environment",
            Self::OtherIncident { .. } => "other-incident",
            Self::OtherLog { .. } => "other-log",
            Self::OtherHead { .. } => "other-head",
            Self::OtherSummary => "other-summary",
            Self::NoEvidence => "no-evidence",
            Self::NeedlessEvidence => "needless-evidence",
            Self::NotYetValid(_) => "not-yet-valid",
            Self::Expired(_) => "expired",
            Self::TooLong => "valid-too-long",
            Self::Author(_) => "author",
            Self::Operator(_) => "operator",
            Self::Replayed => "replayed",
            Self::NotBreakGlass(_) => "not-break-glass",
            Self::NotContainOnly => "not-contain-only",
        }
    }
}

//! What a report says, before it is a page or a table. Plain data, in the order in which it is read.

use crate::domain::approval::Seats;
use crate::domain::event::{Environment, RunFinished};
use crate::domain::id::{Digest, RunId, TargetId, TenantId};
use crate::domain::sign_ins::SignIns;
use crate::domain::step::{Phase, Proof, Verb};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::trail::verify::{CheckResult, Countersigned, Part};
use serde::Serialize;

mod state;

pub use state::{Fate, Standing, StepOutcome, Tone};

/// The version of the model; fields may be added to it without a new one.
pub const VERSION: u32 = 1;

/// One run, told in full.
#[derive(Clone, Debug, Serialize)]
pub struct Model {
    pub version: u32,
    pub head: Head,
    pub summary: Summary,
    pub status: Vec<StatusRow>,
    pub open: Vec<Open>,
    pub targets: Vec<TargetReport>,
    pub excepted: Vec<ExceptedReport>,
    pub approvals: Approvals,
    pub troubles: Vec<Trouble>,
    pub integrity: Integrity,
    pub not_proved: Vec<String>,
    pub events: Vec<EventRow>,
}

/// What the report is about.
#[derive(Clone, Debug, Serialize)]
pub struct Head {
    pub incident: String,
    pub title: String,
    pub exposed_since: Option<Timestamp>,
    pub run: RunId,
    pub tenant: TenantId,
    pub cloud: String,
    pub environment: Environment,
    pub operator: String,
    /// The identity that acted: name, client id, object id.
    pub identity: [String; 3],
    pub tool_version: String,
    pub plan: Digest,
    pub playbook: Digest,
    pub roster: Digest,
    pub planned_at: Timestamp,
    pub started_at: Timestamp,
    pub finished: Option<(RunFinished, Timestamp)>,
    /// The time of the log's last line: the report knows nothing later.
    pub as_of: Timestamp,
}

/// The first thing that is read.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub tone: Tone,
    pub headline: String,
    pub credentials: u32,
    pub dead: u32,
    pub not_dead: u32,
    /// Proved dead, by kind of proof.
    pub proofs: Vec<(String, u32)>,
    /// Proved dead, but tokens issued before may still live at the time of the report.
    pub tokens_live: u32,
    /// Until when the last of such tokens may live.
    pub horizon: Option<Timestamp>,
    pub targets: u32,
    pub replaced: u32,
    pub not_evicted: u32,
    pub unfinished: u32,
    pub excepted: u32,
}

/// One target of the plan and everything that happened to it.
#[derive(Clone, Debug, Serialize)]
pub struct TargetReport {
    pub id: TargetId,
    pub name: String,
    pub kind: String,
    pub subject: String,
    pub contain: bool,
    pub standing: Standing,
    pub evidence: Vec<String>,
    pub owners: Vec<String>,
    pub objects: Vec<[String; 3]>,
    pub consumers: Vec<String>,
    pub old: Vec<OldCredential>,
    pub new: Option<NewCredential>,
    pub marks: Vec<Mark>,
    pub hold: Option<Hold>,
    pub other_ways_in: Vec<[String; 3]>,
    pub steps: Vec<StepRow>,
    pub warnings: Vec<String>,
    /// When it is expected to go on, if the log says.
    pub expected: Option<Timestamp>,
}

/// What leaked: a credential, or sign-in as a whole.
#[derive(Clone, Debug, Serialize)]
pub struct OldCredential {
    pub what: String,
    pub id: Option<String>,
    pub object: Option<String>,
    pub name: Option<String>,
    pub hint: Option<String>,
    pub thumbprint: Option<String>,
    pub valid_from: Option<Timestamp>,
    pub valid_until: Option<Timestamp>,
    pub exposed_since: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
    pub proof: Option<ProofRow>,
    pub fate: Fate,
}

/// The evidence that it is dead.
#[derive(Clone, Debug, Serialize)]
pub struct ProofRow {
    pub at: Timestamp,
    pub proof: Proof,
    pub times: u16,
    /// Tokens issued with it may live until then.
    pub horizon: Timestamp,
}

/// What replaces it.
#[derive(Clone, Debug, Serialize)]
pub struct NewCredential {
    pub what: String,
    pub id: String,
    pub not_after: Timestamp,
    pub place: Option<String>,
    pub version: Option<String>,
}

/// A point on a target's timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    pub what: &'static str,
    pub at: Timestamp,
}

/// Waiting for consumers.
#[derive(Clone, Debug, Serialize)]
pub struct Hold {
    pub opened_at: Timestamp,
    pub until: Option<Timestamp>,
    pub waited_for: Vec<String>,
    /// Consumer, who said so, how they knew, when.
    pub confirmed: Vec<(String, String, String, Timestamp)>,
    pub over: Option<(String, Timestamp)>,
    /// What the tenant's sign-in log last said of the old credentials, if the run looked.
    pub sign_ins: Option<SignIns>,
}

/// Plan and actual of one step, side by side.
#[derive(Clone, Debug, Serialize)]
pub struct StepRow {
    pub no: u16,
    pub verb: Verb,
    pub phase: Phase,
    pub irreversible: bool,
    pub planned: String,
    pub outcome: StepOutcome,
    pub actual: String,
    pub at: Option<Timestamp>,
    pub attempts: u16,
    /// Line of the log with the outcome.
    pub seq: Option<u64>,
}

/// A target that the plan left alone.
#[derive(Clone, Debug, Serialize)]
pub struct ExceptedReport {
    pub id: TargetId,
    pub name: String,
    pub kind: String,
    pub code: String,
    pub reason: String,
    pub next: String,
}

/// Who released what.
#[derive(Clone, Debug, Serialize)]
pub struct Approvals {
    pub quorum: u8,
    /// Of these, so many of each role.
    pub seats: Seats,
    pub retire_separately: bool,
    pub author: String,
    pub operator: String,
    pub break_glass: bool,
    pub decisions: Vec<DecisionRow>,
    pub phases: Vec<PhaseRow>,
    /// Every change of the roster until the run ended.
    pub rosters: Vec<RosterRow>,
    /// What can be said about the separation of duties.
    pub separation: Vec<(bool, String)>,
}

/// One signed decision.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionRow {
    pub person: String,
    pub role: String,
    /// The same, one by one.
    pub roles: Vec<Text<64>>,
    pub decision: &'static str,
    pub phase: Phase,
    pub break_glass: bool,
    /// The certificate of the card that signed, in CMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Digest>,
    pub fingerprint: String,
    /// What an SSH signature is for; of one in CMS, the statement alone says it.
    pub namespace: &'static str,
    pub signed_at: Timestamp,
    pub recorded_at: Timestamp,
    pub expires: Timestamp,
    pub statement: Digest,
    pub signature: Digest,
    /// The head of the log that the signer saw.
    pub head: (u64, Digest),
    pub seq: u64,
}

/// Another roster took the place of the one before.
#[derive(Clone, Debug, Serialize)]
pub struct RosterRow {
    pub at: Timestamp,
    pub by: Vec<Text<128>>,
    pub previous: Digest,
    pub roster: Digest,
    pub seq: u64,
    pub version: u32,
}

/// A phase that was opened by a quorum.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseRow {
    pub phase: Phase,
    pub at: Timestamp,
    pub expires: Timestamp,
    pub people: Vec<String>,
    /// The roles of the seats that nobody of them filled.
    pub unfilled: Vec<Text<64>>,
    pub seq: u64,
    /// The targets that were released, where retiring is approved separately.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetId>,
}

/// Something that did not go as planned, or that a person did.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    pub seq: u64,
    pub at: Timestamp,
    pub target: Option<TargetId>,
    pub sort: &'static str,
    pub what: String,
    /// Who said or attested it.
    pub by: Option<String>,
}

/// What is not done, or not known.
#[derive(Clone, Debug, Serialize)]
pub struct Open {
    pub target: Option<TargetId>,
    pub name: String,
    pub tone: Tone,
    pub what: String,
    pub next: String,
}

/// One required action over all targets, as a directive's status report asks for it.
#[derive(Clone, Debug, Serialize)]
pub struct StatusRow {
    pub action: String,
    pub total: u32,
    pub done: u32,
    pub verified: u32,
    pub failed: u32,
    pub open: u32,
    pub excepted: u32,
    pub remaining: Vec<Remaining>,
}

/// What is left of an action.
#[derive(Clone, Debug, Serialize)]
pub struct Remaining {
    pub target: TargetId,
    pub name: String,
    pub state: String,
    pub reason: String,
    pub owner: String,
    pub expected: String,
}

/// How the record itself can be checked.
#[derive(Clone, Debug, Serialize)]
pub struct Integrity {
    pub verdict: &'static str,
    pub tone: Tone,
    /// If the report is made from one run of the log, not from the whole log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Part>,
    /// Who else signs checkpoints, if somebody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countersigned: Option<Countersigned>,
    pub origin: String,
    pub vkey: String,
    pub size: u64,
    pub signed: u64,
    pub root: String,
    pub checkpoints: u64,
    pub checks: Vec<CheckResult>,
    pub findings: Vec<String>,
    /// Name and size of the heads that are kept elsewhere and were given.
    pub anchors: Vec<(String, u64)>,
    pub commands: Vec<(&'static str, String)>,
    pub files: Vec<FileRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct FileRow {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
    pub what: String,
}

/// One line of the log.
#[derive(Clone, Debug, Serialize)]
pub struct EventRow {
    pub seq: u64,
    pub at: Timestamp,
    pub code: &'static str,
    pub event: &'static str,
    pub run: Option<RunId>,
    pub target: Option<TargetId>,
    pub text: String,
    /// The line's hash: a leaf of the tree.
    pub leaf: String,
}

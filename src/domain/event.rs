//! The one vocabulary of the log: journal, audit trail and `--json` stream are made of these.
//!
//! Every event has a stable code and a closed set of typed, length-limited fields. No provider
//! text and no free JSON: what cannot be said with these fields is not recorded. Fields are
//! declared in alphabetical order, so that the serialised line is already canonical (RFC 8785).

mod line;
mod written;

pub use line::{LINE_VERSION, Line, LineError};

use super::credential::{CredentialRef, Place};
use super::id::{Digest, RunId, StepNo, TargetId, TenantId};
use super::quotas::SaidQuota;
use super::sign_ins::SignIns;
use super::step::{Effect, Phase};
use super::text::Text;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Declares the events: name in the log, code, variant, fields. The order of the table is the
/// order of a run.
macro_rules! events {
    ($($(#[$doc:meta])* $name:literal $code:literal $variant:ident {
        $($(#[$field_meta:meta])* $field:ident : $type:ty),* $(,)?
    })*) => {
        /// One thing that happened.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event { $($(#[$doc])* $variant($variant),)* }

        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $variant { $($(#[$field_meta])* pub $field: $type,)* })*

        $(impl From<$variant> for Event {
            fn from(e: $variant) -> Event { Event::$variant(e) }
        })*

        impl Event {
            /// `(name, code)` of every event.
            pub const TABLE: &'static [(&'static str, &'static str)] = &[$(($name, $code)),*];

            pub fn name(&self) -> &'static str {
                match self { $(Event::$variant(_) => $name,)* }
            }
            pub fn code(&self) -> &'static str {
                match self { $(Event::$variant(_) => $code,)* }
            }
            fn serialize_fields<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Event::$variant(e) => e.serialize(serializer),)* }
            }
            fn from_raw(name: &str, raw: &str) -> Result<Event, LineError> {
                match name {
                    $($name => Ok(Event::$variant(serde_json::from_str(raw)?)),)*
                    other => Err(LineError::Unknown(Text::lossy(other))),
                }
            }
        }
    };
}

events! {
    /// A log was begun or opened by a writer.
    "log.opened" "LOG010I" LogOpened {
        /// `init`, `apply`, …
        command: Text<32>,
        environment: Environment,
        install: Text<64>,
        process: Text<96>,
        roster: Digest,
        tenant: TenantId,
        version: Text<32>,
        vkey: Text<256>,
    }
    /// The last writer died while it wrote: this many bytes were set aside, unread, as an object.
    "log.torn_tail" "LOG020W" LogTornTail { bytes: u64, object: Digest }
    /// From here on an append waits until this place has it too; until the log is opened again.
    "log.mirrored" "LOG030I" LogMirrored { to: Text<256> }
    /// From here on checkpoints bear a second line by this key, which a vault keeps; until the log is
    /// opened again.
    "log.countersigned" "LOG035I" LogCountersigned { vkey: Text<320> }
    /// The log goes on on another machine, under another key. People endorse it: the statement that
    /// one of the roster signed, and the signature, are stored as objects.
    "log.handed_over" "LOG040W" LogHandedOver {
        by: Text<128>,
        from: Text<256>,
        operator: Text<128>,
        run: RunId,
        signature: Digest,
        statement: Digest,
        to: Text<256>,
    }
    /// Another roster says from here on who approves. People of the one before it signed that: their
    /// statements and signatures, in the order of their names, are stored as objects, and so is the file.
    "roster.changed" "ROS010W" RosterChanged {
        by: Vec<Text<128>>,
        previous: Digest,
        roster: Digest,
        signatures: Vec<Digest>,
        statements: Vec<Digest>,
        version: u32,
    }
    "log.closed" "LOG090I" LogClosed { events: u64 }

    /// People's signed decision about a plan, as it arrived.
    "approval.recorded" "APP010I" ApprovalRecorded {
        approver: Text<128>,
        /// One signer, alone: to be said loudly wherever this line is shown.
        #[serde(default, skip_serializing_if = "is_false")]
        break_glass: bool,
        decision: Decision,
        /// The hold's evidence that was signed for, stored as an object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Digest>,
        expires: Timestamp,
        phase: Phase,
        plan: Digest,
        /// The statement that was signed, and its signature, are stored as objects.
        signature: Digest,
        statement: Digest,
    }
    "approval.refused" "APP020W" ApprovalRefused { object: Digest, reason: Text<128> }
    /// Something in the inbox was not taken: it is kept as an object.
    "note.refused" "NOT010W" NoteRefused { object: Digest, reason: Text<128> }
    /// The quorum for a phase is met as of now: steps of that phase may begin.
    "phase.opened" "APP030I" PhaseOpened {
        approvals: Vec<Digest>,
        expires: Timestamp,
        phase: Phase,
        /// For the retire phase, where it is approved separately: the targets that are released.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<TargetId>,
    }

    "run.started" "RUN010I" RunStarted {
        /// In a fast lab: how many times shorter than in a cloud waits and windows are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        haste: Option<u32>,
        identity: Text<128>,
        operator: Text<128>,
        /// Percent of the quotas that this process uses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pace: Option<u8>,
        plan: Digest,
        playbook: Digest,
        /// What a quota file says of some of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        quotas: Vec<SaidQuota>,
        targets: u32,
    }
    /// The lease in the plan's first store is ours, until then unless it is renewed.
    "run.claimed" "RUN015I" RunClaimed { place: Place, until: Timestamp }
    "run.resumed" "RUN020I" RunResumed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        haste: Option<u32>,
        operator: Text<128>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pace: Option<u8>,
        process: Text<96>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        quotas: Vec<SaidQuota>,
    }
    /// A writer took the run. What was minted and not published before this is lost.
    "lane.taken" "RUN030I" LaneTaken { epoch: u32 }
    "run.paused" "RUN040W" RunPaused { by: Text<128>, reason: Text<256> }
    "run.continued" "RUN050I" RunContinued { by: Text<128> }
    "run.aborted" "RUN060W" RunAborted { by: Text<128>, reason: Text<256> }
    /// A store was written and read back before the first value went to it.
    "store.probed" "STO010I" StoreProbed { place: Place, version: Text<64> }
    /// The sweep for credentials that bear this run's name and are in no event.
    "run.swept" "RUN070I" RunSwept {
        found: u32,
        looked_at: u32,
        /// What is removed because of it, at most 64.
        removed: Vec<CredentialRef>,
    }
    "run.finished" "RUN090I" RunFinished {
        checkpoints: u64,
        done: u32,
        events: u64,
        excepted: u32,
        partial: u32,
        steps: u32,
        stuck: u32,
        undone: u32,
        /// Intents whose outcome is not known.
        unresolved: u32,
    }

    "target.started" "TGT010I" TargetStarted { kind: Text<32>, name: Text<128>, steps: StepNo }
    /// The plan already excluded it; approvers saw the reason.
    "target.excepted" "TGT020W" TargetExcepted { code: Text<48>, name: Text<128> }
    "step.intent" "STP010I" StepIntent { attempt: u16, request: Text<64>, step: StepNo, #[serde(default, skip_serializing_if = "is_false")] undo: bool }
    "step.done" "STP020I" StepDone { attempt: u16, effect: Effect, step: StepNo, #[serde(default, skip_serializing_if = "is_false")] undo: bool }
    "step.failed" "STP030W" StepFailed {
        attempt: u16,
        fault: Fault,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
        step: StepNo,
        #[serde(default, skip_serializing_if = "is_false")]
        undo: bool,
    }
    /// A step in doubt was resolved by looking.
    "step.looked" "STP040I" StepLooked { attempt: u16, sighting: Sighting, step: StepNo, #[serde(default, skip_serializing_if = "is_false")] undo: bool }
    /// A minted value is gone with the process that held it; its credential will be discarded.
    "value.lost" "STP050W" ValueLost { credential: CredentialRef, step: StepNo }
    "hold.opened" "HLD010I" HoldOpened { confirm: Vec<Text<64>>, step: StepNo, until: Option<Timestamp> }
    /// `unlisted`: whoever says so is not on the roster.
    "consumer.confirmed" "HLD020I" ConsumerConfirmed { by: Text<128>, consumer: Text<64>, how: Text<128>, #[serde(default, skip_serializing_if = "is_false")] unlisted: bool }
    /// What the tenant's sign-in log said of the old credential while the hold was on: people see it before
    /// they approve that it goes.
    "sign_ins.read" "SGN010I" SignInsRead { sign_ins: SignIns }
    "drift.seen" "DRF010W" DriftSeen {
        change: Drift,
        object: Text<128>,
        /// Whether it stops the target, or is only a finding.
        stops: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<Text<128>>,
    }
    "target.unwinding" "TGT030W" TargetUnwinding { cause: Cause }
    "target.stuck" "TGT040E" TargetStuck { cause: Cause, step: StepNo }
    "target.resolved" "TGT050I" TargetResolved { by: Text<128>, how: Resolution, reason: Text<256> }
    "target.ended" "TGT090I" TargetEnded { ending: Ending }
}

fn is_false(b: &bool) -> bool {
    !*b
}

/// Whether a log, plan or approval is about a real tenant or a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    Lab,
    Production,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Approve,
    Reject,
    /// Takes one's own reject back.
    Withdraw,
}

/// Why an attempt failed: the provider's own code, never its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub class: FaultClass,
    /// `Directory_ConcurrencyViolation`, `AADSTS7000215`, `connection`, …
    pub code: Text<64>,
    /// Whether the effect may have happened. That one bit decides between retry and look.
    pub happened: Happened,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// The service answers, but not yet what it will: wait and try again.
    NotYet,
    /// Too fast, or another writer: try again after a pause.
    Busy,
    /// The line or the service failed: try again.
    Line,
    /// The service will not do this, however often it is asked.
    Refused,
    /// What came back is not what the interface promises.
    Unexpected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    No,
    Unknown,
}

/// What a look found about a step in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sighting {
    /// Nothing of it is there: try again.
    Absent,
    /// It is there, complete.
    Done { effect: Effect },
    /// A credential of ours is there whose value nobody has: discard it, then mint again.
    Orphan { credential: CredentialRef },
}

/// How the world moved since the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// A credential there bears the mark of another run.
    AnotherRun,
    CredentialAdded,
    CredentialGone,
    ObjectGone,
    PropertyChanged,
    StateChanged,
    StoreChanged,
}

/// Why a target unwinds or is stuck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    Aborted,
    Drift {
        change: Drift,
    },
    Fault {
        code: Text<64>,
    },
    /// Undo is not possible from here.
    NoWayBack,
    /// The old credential still works after all patience.
    StillAlive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    Abandoned,
    Done,
}

/// How a target ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Abandoned,
    Done,
    /// Done, while other ways in were seen that nobody has reviewed: rotated, not evicted.
    DoneNotEvicted,
    /// All but a switch that the cloud refuses.
    Partial,
    Undone,
}

//! Notes: what a person tells a run while it is on, dropped as a file into the log's inbox.
//!
//! Only the writer of the log appends events; every other command leaves a note, and the writer
//! validates it, keeps it as an object, and records what it says.

use super::event::Resolution;
use super::id::{RunId, TargetId};
use super::text::Text;
use serde::{Deserialize, Serialize};

/// A note is never larger.
pub const MAX_BYTES: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Note {
    /// A signed statement: the exact bytes that were signed, and the armored signature.
    Approval {
        signature: String,
        statement: String,
    },
    /// A signed change of the roster; `reissue roster adopt` takes it in, no run does.
    Roster {
        signature: String,
        statement: String,
    },
    /// A consumer has moved to the new credential.
    Confirm {
        by: Text<128>,
        consumer: Text<64>,
        how: Text<128>,
        run: RunId,
        target: TargetId,
    },
    Pause {
        by: Text<128>,
        reason: Text<256>,
        run: RunId,
    },
    Continue {
        by: Text<128>,
        run: RunId,
    },
    Abort {
        by: Text<128>,
        reason: Text<256>,
        run: RunId,
    },
    Resolve {
        by: Text<128>,
        how: Resolution,
        reason: Text<256>,
        run: RunId,
        target: TargetId,
    },
}

impl Note {
    /// The word in a note's file name.
    pub fn word(&self) -> &'static str {
        match self {
            Note::Approval { .. } => "approval",
            Note::Roster { .. } => "roster",
            Note::Confirm { .. } => "confirm",
            Note::Pause { .. } => "pause",
            Note::Continue { .. } => "continue",
            Note::Abort { .. } => "abort",
            Note::Resolve { .. } => "resolve",
        }
    }
}

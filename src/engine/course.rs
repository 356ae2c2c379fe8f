//! What one target's task keeps besides the recorded state, and how a deed of it went.

use crate::connector::Hand;
use crate::domain::event::Fault;
use crate::domain::id::TargetId;
use crate::domain::target::Pause;
use crate::domain::time::Timestamp;

/// What one target's task keeps besides the recorded state.
pub(super) struct Course {
    pub(super) id: TargetId,
    pub(super) hand: Hand,
    /// When reading began to fail, and how often it has.
    pub(super) trouble: Option<(Timestamp, u32)>,
}

impl Course {
    pub(super) fn new(id: TargetId) -> Self {
        Self { id, hand: Hand::default(), trouble: None }
    }
}

/// How a deed went.
pub(super) enum Went {
    /// Something was recorded, or the decision has to be made again.
    On,
    /// Nothing to do before that moment.
    Later(Timestamp),
    /// What has to be read first cannot be read.
    Unreadable(Fault),
}

/// Why a target gave its place back.
pub(super) enum Rest {
    Over,
    Pause(Pause),
    /// Until a person resolves it.
    Stuck,
    /// The run was asked to leave.
    Left,
}

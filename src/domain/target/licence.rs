//! Proof values: what must have been recorded before an old credential may be taken away.

use super::{Fold, TargetState};
use crate::bent::{self, Bend};
use crate::domain::id::StepNo;
use crate::domain::step::{Step, Verb};
use crate::domain::time::Timestamp;

/// A recorded verification of the new credential, later than the hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    at: Timestamp,
}

/// A recorded end of the hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    at: Timestamp,
}

/// Both: only [`Fold::licence_of`] makes one, from recorded events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earned {
    released: Released,
    verified: Verified,
}

impl Earned {
    pub fn released_at(&self) -> Timestamp {
        self.released.at
    }
    pub fn verified_at(&self) -> Timestamp {
        self.verified.at
    }
}

/// Why an old credential may be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Licence {
    /// The approved plan says contain: the outage is declared.
    Declared { step: StepNo },
    /// The new credential works, was waited for, and works still.
    Earned(Earned),
}

impl TargetState {
    /// [`Fold::licence_of`] a step of the plan.
    pub fn licence(&self, step: &Step) -> Option<Licence> {
        self.licence_of(step.no)
    }
}

impl Fold {
    /// The licence for a step that takes an old credential away; none until it is earned.
    pub fn licence_of(&self, step: StepNo) -> Option<Licence> {
        if self.outline.contain || bent::is(Bend::RetireFirst) {
            return Some(Licence::Declared { step });
        }
        let released = self.done_at(self.find(Verb::Hold)?)?;
        let verified = self.done_at(self.find(Verb::Recheck)?)?;
        (verified >= released || bent::is(Bend::OldRecheck)).then_some(Licence::Earned(Earned {
            released: Released { at: released },
            verified: Verified { at: verified },
        }))
    }
}

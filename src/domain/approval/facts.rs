//! What approvals are held against: the plan, and where it would be carried out.

use super::super::event::Environment;
use super::super::id::{Digest, TenantId};
use super::super::step::Phase;
use super::super::text::Text;
use super::seats::Seats;
use super::statement::Summary;
use std::time::Duration;

/// Everything about a plan that an approval must agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFacts {
    /// SHA-256 of the exact bytes of `plan.jsonl`.
    pub plan: Digest,
    pub playbook: Digest,
    /// The roster in force: the one that was pinned when the log was begun, or the last that people adopted.
    pub roster: Digest,
    pub tenant: TenantId,
    pub environment: Environment,
    /// Who made the plan; not one of those who approve it.
    pub author: Text<128>,
    /// People who must approve.
    pub quorum: u8,
    /// The seats that some of them must fill.
    pub seats: Seats,
    /// Longest life of an approval.
    pub valid_for: Duration,
    /// Whether retiring needs approvals of its own.
    pub retire_separately: bool,
    /// Whether every target only contains: then one break-glass signer may release it.
    pub contain_only: bool,
    /// The incident's id.
    pub ticket: Text<64>,
    pub summary: Summary,
    /// The log that approvals must name.
    pub log_origin: Text<200>,
}

impl PlanFacts {
    /// Whether an approval of `given` also releases `wanted`.
    pub fn covers(&self, given: Phase, wanted: Phase) -> bool {
        given == wanted || (!self.retire_separately && given == Phase::Start)
    }
}

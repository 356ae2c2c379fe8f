//! Which targets people release, where retiring is approved separately: each needs its own quorum of people
//! who had its evidence, as it is now, in front of them.

use super::super::evidence::Held;
use super::super::id::TargetId;
use super::super::step::Phase;
use super::super::time::Timestamp;
use super::facts::PlanFacts;
use super::quorum::{Quorum, QuorumMet, Recorded};
use std::collections::BTreeMap;

/// Targets that the same approvals release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub met: QuorumMet,
    pub targets: Vec<TargetId>,
}

/// The targets of `held` that may be retired at `at`, by the approvals that say so.
///
/// An approval counts for a target only if the evidence that it names says of it exactly what the log says now.
pub fn releases(
    facts: &PlanFacts,
    recorded: &[Recorded],
    held: impl IntoIterator<Item = Held>,
    at: Timestamp,
) -> Vec<Release> {
    let mut alike: BTreeMap<Vec<bool>, Vec<TargetId>> = BTreeMap::new();
    for held in held {
        let counts = |said: &Recorded| {
            !said.approval.statement().retires() || said.evidence.as_ref().is_some_and(|e| e.lists(&held))
        };
        alike.entry(recorded.iter().map(counts).collect()).or_default().push(held.target);
    }
    let quorum = |(counts, targets): (Vec<bool>, Vec<TargetId>)| {
        let said: Vec<Recorded> =
            recorded.iter().zip(counts).filter(|(_, counts)| *counts).map(|(said, _)| said.clone()).collect();
        let met = Quorum::check(facts, Phase::Retire, &said, at).ok()?;
        Some(Release { met, targets })
    };
    alike.into_iter().filter_map(quorum).collect()
}

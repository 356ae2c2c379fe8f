//! What a plan costs, and about how long it takes.

use super::Planned;
use super::estimate::{PACE_DEFAULT, of_plan};
use crate::domain::step::{Protocol, Verb};
use serde::{Deserialize, Serialize};

/// Requests and time of a whole plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    pub directory_writes: u64,
    /// At the usual pace, without waiting for people ([`of_plan`]).
    pub seconds_at_least: u64,
    pub vault_writes: u64,
}

/// Adds up the targets.
pub fn of(targets: &[Planned]) -> Cost {
    let mut cost = Cost { seconds_at_least: of_plan(targets, PACE_DEFAULT).seconds, ..Cost::default() };
    for planned in targets {
        let Planned::Change(target) = planned else { continue };
        for step in &target.steps {
            match step.verb {
                Verb::Publish | Verb::Deliver => cost.vault_writes += 1,
                // A certificate's key is made in the vault.
                Verb::Mint if target.protocol == Protocol::ReplaceList => cost.vault_writes += 1,
                verb if verb.writes() => cost.directory_writes += 1,
                _ => {}
            }
        }
    }
    cost
}

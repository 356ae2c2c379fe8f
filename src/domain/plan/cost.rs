//! What a plan costs and how long it takes at least, from the documented quotas.

use super::{Planned, PlannedTarget};
use crate::domain::step::{Protocol, Verb};
use serde::{Deserialize, Serialize};

/// Directory writes per second and calling application: 3,000 per 150 s (Microsoft Graph
/// throttling limits, identity and access).
const DIRECTORY_WRITES_PER_S: u64 = 20;
/// Secret creations per vault: 300 per 10 s (Key Vault service limits).
const VAULT_WRITES_PER_S: u64 = 30;
/// The default share of a quota, in percent.
const PACE: u64 = 70;
/// A new secret is usable after 4 to 18 s (reported); verification then takes a window of 30 s.
const VERIFY_S: u64 = 48;

/// Requests and time of a whole plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    pub directory_writes: u64,
    /// Without waiting for people: the longest hold, or the quotas' time, whichever is longer.
    pub seconds_at_least: u64,
    pub vault_writes: u64,
}

fn seconds(target: &PlannedTarget) -> u64 {
    let has = |verb| target.steps.iter().any(|s| s.verb == verb);
    let hold = if has(Verb::Hold) { target.hold.time_s.unwrap_or(0) } else { 0 };
    hold + VERIFY_S * (u64::from(has(Verb::Verify)) + u64::from(has(Verb::Recheck)))
}

/// Adds up the targets.
pub fn of(targets: &[Planned]) -> Cost {
    let mut cost = Cost::default();
    let mut longest = 0;
    for planned in targets {
        let Planned::Change(target) = planned else { continue };
        longest = longest.max(seconds(target));
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
    let directory = cost.directory_writes * 100 / (DIRECTORY_WRITES_PER_S * PACE);
    let vault = cost.vault_writes * 100 / (VAULT_WRITES_PER_S * PACE);
    cost.seconds_at_least = longest + directory.max(vault);
    cost
}

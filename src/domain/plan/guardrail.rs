//! Limits on how much one plan may change.

use super::Planned;
use crate::domain::playbook::model::{Guardrails, Limit};
use crate::domain::step::Verb;
use crate::domain::text::Text;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Disable,
    Reset,
    Rotate,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Action::Disable => "disable",
            Action::Reset => "reset",
            Action::Rotate => "rotate",
        })
    }
}

/// One limit beside what the plan uses of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    pub action: Action,
    pub allowed: u32,
    /// The limit as the playbook writes it.
    pub limit: Text<32>,
    /// Objects of that kind in the tenant.
    pub of: u32,
    pub used: u32,
}

impl Use {
    pub fn is_kept(&self) -> bool {
        self.used <= self.allowed
    }
}

/// How many of each object the tenant has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    pub applications: u32,
    pub users: u32,
}

/// Below this many objects a percentage says little (one of three is 33 %), so that at least one
/// change is always allowed there.
const FEW: u32 = 10;

/// Lays each limit of the playbook beside its use: how many targets have such a step. An
/// application that is switched off on both of its objects is one.
pub fn measure(guardrails: &Guardrails, population: Population, targets: &[Planned]) -> Vec<Use> {
    let count = |want: Verb| {
        let has = |t: &&Planned| match t {
            Planned::Change(t) => t.steps.iter().any(|s| s.verb == want),
            Planned::Excepted(_) => false,
        };
        u32::try_from(targets.iter().filter(has).count()).unwrap_or(u32::MAX)
    };
    let limits = [
        (Action::Disable, guardrails.disable_at_most, population.applications, count(Verb::Switch)),
        (Action::Reset, guardrails.reset_at_most, population.users, count(Verb::Reset)),
        (Action::Rotate, guardrails.rotate_at_most, population.applications, count(Verb::Mint)),
    ];
    limits
        .into_iter()
        .filter_map(|(action, limit, of, used)| {
            let limit = limit?;
            let (allowed, shown) = match limit {
                Limit::Count(n) => (n, n.to_string()),
                Limit::Percent(p) => {
                    let share = u64::from(of) * u64::from(p) / 100;
                    let floor = u64::from(of < FEW && p > 0);
                    (u32::try_from(share.max(floor)).unwrap_or(u32::MAX), format!("{p}%"))
                }
            };
            Some(Use { action, allowed, limit: Text::lossy(&shown), of, used })
        })
        .collect()
}

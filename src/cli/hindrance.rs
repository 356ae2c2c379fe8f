//! What is in the way of a run now, in words: a quota, a host that does not answer, a service that takes nothing.

use super::forecast::about;
use crate::azure::quota;
use crate::domain::plan::estimate::Quota;
use crate::domain::states::States;
use crate::domain::target::{Next, Pause, TargetState};
use crate::domain::text::{Text, count};
use crate::domain::time::Timestamp;
use crate::wire::budget::gauge::{HeldBack, Refused};
use crate::wire::budget::{Bucket, Budget};
use crate::wire::silence::{Silence, Trouble};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Steps that are refused for less are part of any run.
const REFUSED_LEAST: Duration = Duration::from_secs(20);

/// The quotas of estimates by the names of their buckets.
const QUOTAS: [(&str, Quota); 8] = [
    (quota::GRAPH_UNITS, Quota::DirectoryUnits),
    (quota::GRAPH_WRITES, Quota::DirectoryWrites),
    (quota::TENANT_WRITES, Quota::TenantWrites),
    (quota::PERSONAL_APP_WRITES, Quota::PersonalAppWrites),
    (quota::KEY_READS, Quota::CertificateReads),
    (quota::VAULT_CREATES, Quota::VaultWrites),
    (quota::VAULT_KEYS, Quota::VaultKeys),
    (quota::VAULT_CALLS, Quota::VaultReads),
];

pub(super) fn quota_named(name: &str) -> Option<Quota> {
    QUOTAS.iter().find(|(named, _)| *named == name).map(|(_, quota)| *quota)
}

/// What is in the way now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hindrance {
    pub(crate) what: Text<400>,
    /// Nothing goes on, and nobody knows for how long.
    pub(crate) is_standstill: bool,
}

/// What is waited for now: a quota, a host that does not answer, a service that takes nothing. None if nothing is.
pub(crate) fn hindrance(budget: &Budget) -> Option<Hindrance> {
    let is_long = |s: &Silence| s.trouble != Trouble::Refusing || s.lasts() >= REFUSED_LEAST;
    let longest = budget.troubles().into_iter().filter(is_long).max_by_key(Silence::lasts);
    let silent = longest.map(|silence| troubled(&silence));
    // What a run does not need most is refused at times.
    let needed = |refused: &Refused| quota_named(refused.bucket.sort()).is_some();
    let refused = budget.refusals().into_iter().find(needed);
    let is_standstill = silent.is_some() || refused.is_some();
    let held_back = || budget.held_back().map(|by| held_back(&by));
    let quota = refused.map(|refused| refusing(&refused)).or_else(held_back);
    let what = [silent, quota].into_iter().flatten().reduce(|silent, quota| format!("{silent}; {quota}"))?;
    Some(Hindrance { what: Text::lossy(&what), is_standstill })
}

/// `no answer from kv-ir.vault.azure.net since …`.
fn troubled(silence: &Silence) -> String {
    let Silence { host, trouble, since, until: _ } = silence;
    let since = since.short();
    match trouble {
        Trouble::Silent => format!("no answer from {host} since {since}"),
        Trouble::Failing => format!("nothing but failures (5xx) from {host} since {since}"),
        Trouble::Refusing => format!("{host} refuses everything as too much (429) since {since}"),
    }
}

/// The same; where no budget knows of anything, what the log says: that whatever could go on is refused.
pub(crate) fn hindrance_of(by: Option<Hindrance>, states: &States, now: Timestamp) -> Option<Hindrance> {
    by.or_else(|| refused_steps(states, now))
}

fn refused_steps(states: &States, now: Timestamp) -> Option<Hindrance> {
    let goes_on = |state: &TargetState| {
        matches!(state.next(now), Next::Act(_) | Next::Wait(Pause::Until { holding: false, .. }))
    };
    let live = states.briefs().filter(|(_, brief)| brief.is_live() && brief.started);
    let mut since = now;
    let mut refused = 0_u32;
    for state in live.filter_map(|(id, _)| states.state(id)).filter(|state| goes_on(state)) {
        since = since.min(state.refused_since()?);
        refused += 1;
    }
    if refused == 0 || now.since(since) < REFUSED_LEAST {
        return None;
    }
    let targets = count(refused, "target is", "targets are");
    let what = format!("{targets} refused by the service as too much or busy, since {}", since.short());
    Some(Hindrance { what: Text::lossy(&what), is_standstill: true })
}

/// `directory writes, refused by the service as too much (429) since …, asked again in 4m`.
fn refusing(refused: &Refused) -> String {
    let Refused { bucket, since, paused_for } = refused;
    let again = match paused_for.as_secs() {
        0 => String::new(),
        s => format!(", asked again in {}", about(s)),
    };
    format!("{}, refused by the service as too much (429) since {}{again}", name_of(bucket), since.short())
}

/// What people call a quota.
fn name_of(bucket: &Bucket) -> String {
    let named = quota_named(bucket.sort()).map(|q| q.to_string());
    named.unwrap_or_else(|| match bucket.sort() {
        quota::LOG_READS => "reads of logs".into(),
        quota::RISK => "identity protection".into(),
        quota::ARM_READS => "reads of Azure Resource Manager".into(),
        quota::ARM_WRITES => "writes to Azure Resource Manager".into(),
        other => other.into(),
    })
}

/// What the front of the queue waits for: `directory writes, 7.0/s of 20.0/s`.
fn held_back(by: &HeldBack) -> String {
    let HeldBack { bucket, share, paused_for, waiting } = by;
    let name = name_of(bucket);
    let paused = match paused_for.as_secs() {
        0 => String::new(),
        s => format!(", paused by the service for {}", about(s)),
    };
    format!("{name}, {share}{paused}, {waiting} waiting")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::progress::tests::a_drill;
    use crate::domain::event::{Event, Fault, FaultClass, Happened, Line, StepFailed};
    use std::sync::PoisonError;

    /// A refused sign-in is known to the log alone; what a budget knows is not hidden by it.
    #[test]
    fn what_the_log_says_stands_in_for_a_budget_that_knows_nothing() {
        let kept = a_drill();
        let intended = kept.lines.iter().position(|l| matches!(l.event, Event::StepIntent(_))).unwrap();
        let line = &kept.lines[intended];
        let Event::StepIntent(intent) = &line.event else { panic!("{line:?}") };
        let fault = Fault { class: FaultClass::Busy, code: Text::lossy("429"), happened: Happened::No };
        let retry_at = Some(line.time.after(Duration::from_secs(2)));
        let failed = StepFailed { attempt: intent.attempt, fault, retry_at, step: intent.step, undo: false };
        let failed = Line { event: failed.into(), ..line.clone() };
        let lines: Vec<Line> = kept.lines[..=intended].iter().cloned().chain([failed]).collect();
        let states = kept.states(&lines);
        let states = states.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |s| line.time.after(Duration::from_secs(s));
        assert_eq!(hindrance_of(None, &states, at(19)), None, "any run meets that");
        let said = hindrance_of(None, &states, at(21)).unwrap();
        let expected = "1 target is refused by the service as too much or busy, since 2026-01-05 03:00:01Z";
        assert_eq!((said.what.as_str(), said.is_standstill), (expected, true));
        let known =
            Hindrance { what: Text::lossy("directory writes, 7.0/s of 20.0/s"), is_standstill: false };
        assert_eq!(hindrance_of(Some(known.clone()), &states, at(21)), Some(known));
    }
}

//! When something will be over and what holds it back, in words: for a plan, for a run that is on.

use crate::azure::quota;
use crate::domain::plan::Plan;
use crate::domain::plan::estimate::{self, Estimate, Left, Limit, Quota, Work};
use crate::domain::plan::risk::Risk;
use crate::domain::states::States;
use crate::domain::target::{Next, Pause, TargetState};
use crate::domain::text::count;
use crate::domain::time::{Timestamp, show_span};
use crate::wire::budget::{Bucket, Budget, HeldBack};
use std::time::Duration;

/// Targets that are named in a line; of more, the first and a number.
const NAMED: usize = 5;

/// A span as people say it, rounded up.
fn about(seconds: u64) -> String {
    let step = match seconds {
        0..=59 => 1,
        60..=599 => 10,
        600..=35_999 => 60,
        _ => 600,
    };
    show_span(Duration::from_secs(seconds.div_ceil(step) * step))
}

/// `about 24m at pace 70 (limited by directory writes, 14.0/s of 20.0/s) to the holds, then hold 26h, …`.
pub(crate) fn of_plan(estimate: &Estimate) -> String {
    let Estimate { held_s, hold_s, limit, pace, people, seconds } = *estimate;
    let at = match limit {
        Limit::Quota { .. } => format!("at pace {pace} (limited by {limit})"),
        Limit::Waiting => "(changes take that long to spread; no quota binds)".to_owned(),
    };
    let held = held_s.filter(|_| hold_s > 0 || people);
    let Some(held_s) = held else { return format!("about {} {at}.", about(seconds)) };
    let hold = match (hold_s, people) {
        (0, _) => "hold until people confirm".to_owned(),
        (s, false) => format!("hold {}", about(s)),
        (s, true) => format!("hold {} and until people confirm", about(s)),
    };
    let all = if people { "at least" } else { "about" };
    format!("about {} {at} until all hold, then {hold}; {all} {} in all.", about(held_s), about(seconds))
}

/// `about 24m`, of the whole run; `at least` where people have to confirm.
pub(crate) fn in_all(plan: &Plan, budget: &Budget) -> String {
    let Estimate { people, seconds, .. } = under(plan, budget).0;
    format!("{} {}", if people { "at least" } else { "about" }, about(seconds))
}

/// As [`of_plan`] under one's own budget; none if that is everybody's.
pub(crate) fn of_plan_under(plan: &Plan, budget: &Budget) -> Option<String> {
    let (estimate, is_own) = under(plan, budget);
    is_own.then(|| of_plan(&estimate))
}

/// Under a budget, and whether that differs from everybody's.
fn under(plan: &Plan, budget: &Budget) -> (Estimate, bool) {
    let pace = budget.pace();
    let mut work = Work::new(pace);
    let mut is_own = pace != estimate::PACE_DEFAULT;
    for (name, documented) in QUOTAS {
        let rate = budget.quota(name).per_second();
        if (rate - documented.per_second()).abs() > f64::EPSILON {
            work.set_rate(documented, rate * f64::from(pace) / 100.0);
            is_own = true;
        }
    }
    (estimate::with(work, &plan.targets), is_own)
}

/// `finish about 04:41Z, in 24m` and `limited by: …`, of what is left.
pub(crate) fn of_run(estimate: &Estimate, by: Option<&HeldBack>, now: Timestamp) -> [String; 2] {
    let Estimate { held_s: _, hold_s: _, limit, pace: _, people, seconds } = *estimate;
    let ends = now.after(Duration::from_secs(seconds));
    let how = if people { "not before" } else { "about" };
    let limit = by.map_or_else(|| limit.to_string(), held_back);
    [format!("finish {how} {}, in {}", ends.short(), about(seconds)), format!("limited by: {limit}")]
}

/// When what is left of a run will be over. None if nothing goes on by itself.
pub(crate) fn left(states: &States, pace: u8, budget: Option<&Budget>, now: Timestamp) -> Option<Estimate> {
    let plan = states.plan();
    let live = states.briefs().filter(|(_, brief)| brief.is_live());
    // Who has begun goes before who has not.
    let mut live: Vec<_> = live.map(|(id, brief)| (!brief.started, plan.place(id), id)).collect();
    live.sort();
    let mut work = Work::under_way(pace);
    for gauge in budget.map(Budget::gauges).unwrap_or_default() {
        if let Some(quota) = quota_of(&gauge.bucket) {
            work.set_rate(quota, gauge.per_second);
        }
    }
    // One by one: as they are, many are large.
    for state in live.iter().filter_map(|(_, _, id)| states.state(*id)) {
        work.add_rest(&state.plan, |no| state.is_done(no), left_of(&state, now));
    }
    (!live.is_empty()).then(|| work.estimate())
}

fn left_of(state: &TargetState, now: Timestamp) -> Left {
    let hold = state.hold();
    let waits = matches!(
        state.next(now),
        Next::Wait(Pause::Approval(_) | Pause::Paused | Pause::Confirmation { .. })
    );
    let will_wait = hold.is_none() && !state.plan.hold.confirmed_by.is_empty();
    let since = state.current().and_then(|step| state.first_attempt_at(step.no, false));
    Left {
        hold_s: hold.map(|h| h.until.map_or(0, |until| until.since(now).as_secs())),
        people: waits || will_wait,
        spent_s: since.map_or(0, |first| now.since(first).as_secs()),
    }
}

/// The quotas of estimates by the names of their buckets.
const QUOTAS: [(&str, Quota); 5] = [
    (quota::GRAPH_WRITES, Quota::DirectoryWrites),
    (quota::PERSONAL_APP_WRITES, Quota::PersonalAppWrites),
    (quota::KEY_READS, Quota::CertificateReads),
    (quota::VAULT_CREATES, Quota::VaultWrites),
    (quota::VAULT_KEYS, Quota::VaultKeys),
];

fn quota_of(bucket: &Bucket) -> Option<Quota> {
    QUOTAS.iter().find(|(name, _)| *name == bucket.sort()).map(|(_, quota)| *quota)
}

/// What the front of the queue waits for: `directory writes, 7.0/s of 20.0/s`.
pub(crate) fn held_back(by: &HeldBack) -> String {
    let HeldBack { bucket, per_second, documented_per_second, paused_for, waiting } = by;
    let named = quota_of(bucket).map(|q| q.to_string());
    let name = named.unwrap_or_else(|| match bucket.sort() {
        quota::GRAPH_UNITS => "directory reads".into(),
        quota::TENANT_WRITES => "directory writes of the whole tenant".into(),
        quota::LOG_READS => "reads of logs".into(),
        quota::RISK => "identity protection".into(),
        quota::VAULT_CALLS => "vault reads".into(),
        other => other.into(),
    });
    let paused = match paused_for.as_secs() {
        0 => String::new(),
        s => format!(", paused by the service for {}", about(s)),
    };
    format!("{name}, {per_second:.1}/s of {documented_per_second:.1}/s{paused}, {waiting} waiting")
}

/// Which targets begin first, and why. None if none is more dangerous than another.
pub(crate) fn order(plan: &Plan) -> Option<String> {
    let class = |risk: Risk| {
        let mut of: Vec<_> = plan.changes().filter(|t| t.start.risk == risk && t.start.place > 0).collect();
        of.sort_by_key(|t| t.start.place);
        let named: Vec<String> = of.iter().take(NAMED).map(|t| t.id.to_string()).collect();
        let more = if of.len() > NAMED { format!(" and {} more", of.len() - NAMED) } else { String::new() };
        let number = u32::try_from(of.len()).unwrap_or(u32::MAX);
        (number > 0).then(|| match number {
            _ if risk == Risk::Own => {
                count(number, "that reaches itself alone", "that reach themselves alone")
            }
            _ => format!("{number} that {risk} ({}{more})", named.join(", ")),
        })
    };
    let classes: Vec<String> =
        [Risk::Tenant, Risk::Wide, Risk::Unknown, Risk::Own].into_iter().filter_map(class).collect();
    (classes.len() > 1).then(|| format!("{}.", classes.join(", then ")))
}

/// The limit, for programs.
pub(crate) fn limit_object(limit: &Limit) -> serde_json::Value {
    match limit {
        Limit::Quota { quota, per_second } => serde_json::json!({
            "quota": quota.to_string(), "per_second": per_second, "documented_per_second": quota.per_second(),
        }),
        Limit::Waiting => serde_json::Value::Null,
    }
}

//! When something will be over and what holds it back, in words: for a plan, for a run that is on.

use super::bulletin::Rate;
use super::hindrance::{Hindrance, quota_named};
use crate::azure::quota;
use crate::domain::id::TargetId;
use crate::domain::plan::Plan;
use crate::domain::plan::estimate::{self, Estimate, Left, Limit, PACE_DEFAULT, PILOTS, Trial, Work};
use crate::domain::plan::risk::Risk;
use crate::domain::playbook::Store;
use crate::domain::quotas::Named;
use crate::domain::run::RunState;
use crate::domain::share::Share;
use crate::domain::states::States;
use crate::domain::target::{Next, Pause, TargetState};
use crate::domain::text::{Text, count};
use crate::domain::time::{Timestamp, show_span};
use crate::wire::budget::Budget;
use std::collections::BTreeMap;
use std::time::Duration;

/// Targets that are named in a line; of more, the first and a number.
const NAMED: usize = 5;

/// A span as people say it, rounded up.
pub(super) fn about(seconds: u64) -> String {
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
        _ => "(changes take that long to spread; no quota binds)".to_owned(),
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

/// How fast somebody goes.
pub(crate) struct Pacing {
    /// Percent of the quotas.
    pub(crate) pace: u8,
    /// What is said of some of them by a quota file.
    pub(crate) said: Vec<Named>,
    /// Quotas of which the log says what is not known here.
    pub(crate) unknown: Vec<Text<32>>,
    /// How many times shorter waits and windows are: a fast lab's.
    pub(crate) haste: u32,
}

impl Pacing {
    pub(crate) fn of(budget: &Budget) -> Self {
        Self { pace: budget.pace(), said: quota::said(budget), unknown: Vec::new(), haste: budget.haste() }
    }

    /// Everybody's.
    pub(crate) fn usual() -> Self {
        Self { pace: PACE_DEFAULT, said: Vec::new(), unknown: Vec::new(), haste: 1 }
    }

    /// What the log says of a run.
    pub(crate) fn of_run(run: &RunState) -> Self {
        let (mut said, mut unknown) = (Vec::new(), Vec::new());
        for quota in &run.quotas {
            match quota.named(&quota::documented()) {
                Some(named) => said.push(named),
                None => unknown.push(quota.name.clone()),
            }
        }
        Self { pace: run.pace.unwrap_or(PACE_DEFAULT), said, unknown, haste: run.haste }
    }

    /// Nobody asked for anything else.
    fn is_usual(&self) -> bool {
        self.pace == PACE_DEFAULT && self.said.is_empty() && self.haste == 1
    }

    fn work(&self) -> Work {
        let mut work = Work::new(self.pace).in_haste(self.haste);
        for (name, allowance) in &self.said {
            if let Some(quota) = quota_named(name) {
                work.set_share(quota, Share::of(*allowance, self.pace).in_haste(self.haste));
            }
        }
        work
    }

    fn of_plan(&self, plan: &Plan) -> Estimate {
        estimate::with(self.work(), &plan.targets)
    }
}

/// `about 24m (limited by directory writes)`, of the whole run; `at least` where people have to confirm.
pub(crate) fn in_all(plan: &Plan, pacing: &Pacing) -> String {
    let Estimate { people, seconds, limit, hold_s, .. } = pacing.of_plan(plan);
    let limit = match limit {
        // What limits the way to the holds does not limit a whole that is mostly hold.
        Limit::Quota { quota, .. } if hold_s * 2 <= seconds => format!(" (limited by {quota})"),
        _ => String::new(),
    };
    format!("{} {}{limit}", if people { "at least" } else { "about" }, about(seconds))
}

/// As [`of_plan`] for somebody who goes at another pace than everybody's: `With your --quotas, in this fast lab: …`.
pub(crate) fn of_plan_under(plan: &Plan, pacing: &Pacing) -> Option<String> {
    if pacing.is_usual() {
        return None;
    }
    let with: Vec<&str> =
        [(pacing.pace != PACE_DEFAULT).then_some("--pace"), (!pacing.said.is_empty()).then_some("--quotas")]
            .into_iter()
            .flatten()
            .collect();
    let head = match (with.is_empty(), pacing.haste > 1) {
        (false, false) => format!("With your {}", with.join(" and ")),
        (false, true) => format!("With your {}, in this fast lab", with.join(" and ")),
        (true, _) => "In this fast lab".to_owned(),
    };
    Some(format!("{head}: {}", of_plan(&pacing.of_plan(plan))))
}

/// When what is left will be over, and what holds it back.
pub(crate) struct Outlook {
    /// `finish about 04:41Z, in 24m`.
    pub(crate) finish: String,
    /// Nobody knows how much later.
    pub(crate) at_least: bool,
    /// `directory writes, 14.0/s of 20.0/s`.
    pub(crate) limit: String,
}

impl Outlook {
    /// Of what is left of a run, while that is in the way.
    pub(crate) fn of(estimate: &Estimate, by: Option<Hindrance>, now: Timestamp) -> Self {
        let Estimate { held_s: _, hold_s: _, limit, pace: _, people, seconds } = *estimate;
        let ends = now.after(Duration::from_secs(seconds));
        // While a service takes nothing, nobody knows.
        let at_least = people || by.as_ref().is_some_and(|by| by.is_standstill);
        let how = if at_least { "not before" } else { "about" };
        let finish = format!("finish {how} {}, in {}", ends.short(), about(seconds));
        Self { finish, at_least, limit: by.map_or_else(|| limit.to_string(), |by| by.what.to_string()) }
    }

    /// Both in words, with this between them.
    pub(crate) fn words(&self, between: &str) -> String {
        let Self { finish, at_least: _, limit } = self;
        format!("{finish}{between}limited by: {limit}")
    }
}

/// When what is left of a run will be over whose process began at `owned` and goes at these rates, where they are
/// slower than its pace. None if nothing goes on by itself.
pub(crate) fn left(
    states: &States,
    pacing: &Pacing,
    rates: &[Rate],
    [owned, now]: [Timestamp; 2],
) -> Option<Estimate> {
    let plan = states.plan();
    let live = states.briefs().filter(|(_, brief)| brief.is_live());
    // Who has begun goes before who has not.
    let mut live: Vec<_> = live.map(|(id, brief)| (!brief.started, plan.place(id), id)).collect();
    live.sort();
    let pilots: Vec<TargetId> = plan.in_order().0.into_iter().take(PILOTS).collect();
    let mut work = pacing.work().under_way();
    for rate in rates {
        let bucket = rate.bucket();
        if let Some(quota) = quota_named(bucket.sort()) {
            for of in names_of(&plan.header.stores, bucket.member()) {
                work.set_slower_share(quota, of, rate.share());
            }
        }
    }
    // One by one: as they are, many are large.
    for state in live.iter().filter_map(|(_, _, id)| states.state(*id)) {
        let trial = match pilots.contains(&state.plan.id) {
            true => (!state.is_through()).then_some(Trial::Pilot),
            false => (!state.is_started()).then_some(Trial::After),
        };
        work.add_rest(&state.plan, |no| state.is_done(no), Left { trial, ..left_of(&state, [owned, now]) });
    }
    (!live.is_empty()).then(|| work.estimate())
}

/// What the plan calls the vault at a host; nameless what is no vault's.
fn names_of(stores: &BTreeMap<Text<64>, Store>, host: &str) -> Vec<Text<64>> {
    if host.is_empty() {
        return vec![Text::lossy("")];
    }
    stores
        .iter()
        .filter(|(_, store)| store.key_vault.as_str() == host)
        .map(|(name, _)| name.clone())
        .collect()
}

fn left_of(state: &TargetState, [owned, now]: [Timestamp; 2]) -> Left {
    let hold = state.hold();
    let waits = matches!(
        state.next(now),
        Next::Wait(Pause::Approval(_) | Pause::Paused | Pause::Confirmation { .. })
    );
    let will_wait = hold.is_none() && !state.plan.hold.confirmed_by.is_empty();
    Left {
        hold_s: hold.map(|h| h.until.map_or(0, |until| until.since(now).as_secs())),
        people: waits || will_wait,
        // Who has not begun is not asked for yet: the first statements are about to be read.
        is_with_people: waits && (state.is_started() || matches!(state.next(now), Next::Wait(Pause::Paused))),
        trial: None,
        spent_s: state.waits_since(owned).map_or(0, |since| now.since(since).as_secs()),
    }
}

/// Which targets begin first, and why. None if none is more dangerous than another, and they are few.
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
    let pilots = (plan.changes().count() > PILOTS).then_some(PILOTS);
    match (classes.len() > 1, pilots) {
        (true, Some(pilots)) => Some(format!(
            "{}; {pilots} go alone at first, up to their holds or last writes.",
            classes.join(", then ")
        )),
        (true, None) => Some(format!("{}.", classes.join(", then "))),
        (false, Some(pilots)) => Some(format!("{pilots} go alone, up to their holds or last writes.")),
        (false, None) => None,
    }
}

/// The limit, for programs.
pub(crate) fn limit_object(limit: &Limit) -> serde_json::Value {
    match limit {
        Limit::Quota { quota, share } => serde_json::json!({
            "quota": quota.to_string(), "per_second": share.per_second, "allowed_per_second": share.allowed_per_second,
        }),
        _ => serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::progress::tests::Kept;
    use crate::domain::event::Event;
    use std::fmt::Write;
    use std::sync::PoisonError;

    const HEAD: &str = "reissue: 1
incident: { id: INC-FINISH, title: the finish }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 1, valid_for: 48h }
guardrails: { rotate_at_most: 100%, reset_at_most: 100%, disable_at_most: 100% }
targets:
";

    fn target(kind: &str, n: u32) -> String {
        let app = format!("app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}");
        let publish = format!("publish: {{ store: ir, name: a{n} }}, hold: {{ time: 0s }}");
        match kind {
            "secret" => format!("{app}, rotate: {{ secret: all, {publish} }}"),
            "certificate" => format!("{app}, rotate: {{ certificate: all, {publish} }}"),
            "disable" => format!("{app}, disable: {{ reason: unused }}"),
            _ => format!(
                "user: u{n}@lab.test, reset: {{ deliver: {{ store: ir, name: u{n}, to: helpdesk }} }}"
            ),
        }
    }

    /// Looked at every ten seconds from the first target's beginning to the end of the last: whatever is waited for, the
    /// finish that is told neither slides nor jumps.
    #[test]
    fn the_finish_stays_where_it_is() {
        for kinds in [
            &["secret"][..],
            &["certificate"],
            &["disable"],
            &["password"],
            &["disable", "secret", "password"],
        ] {
            let text = (0..9).zip(kinds.iter().cycle()).fold(HEAD.to_owned(), |mut text, (n, kind)| {
                let _ = writeln!(text, "  - {{ {} }}", target(kind, n + 1));
                text
            });
            let kept = Kept::of(&text);
            let at = |is: fn(&Event) -> bool| move |line: &&crate::domain::event::Line| is(&line.event);
            let begun = kept.lines.iter().find(at(|e| matches!(e, Event::TargetStarted(_)))).unwrap().time;
            let ended = kept.lines.iter().rfind(at(|e| matches!(e, Event::TargetEnded(_)))).unwrap().time;
            let (mut now, mut looks, mut told) = (begun, 0, None::<Timestamp>);
            while now < ended {
                let end = kept.lines.partition_point(|line| line.time <= now);
                let states = kept.states(&kept.lines[..end]);
                let states = states.lock().unwrap_or_else(PoisonError::into_inner);
                let estimate = left(&states, &Pacing::usual(), &[], [begun, now]).unwrap();
                let finish = now.after(Duration::from_secs(estimate.seconds));
                let off = finish.since(ended).max(ended.since(finish));
                let is_near = off < Duration::from_secs(30) || off * 4 < ended.since(begun);
                assert!(is_near, "{kinds:?}: {now} says {finish}, it was {ended}: {estimate:?}");
                let moved = told.map_or(Duration::ZERO, |told| finish.since(told).max(told.since(finish)));
                assert!(moved < Duration::from_secs(45), "{kinds:?}: {now} says {finish}, and said {told:?}");
                told = Some(finish);
                now = now.after(Duration::from_secs(10));
                looks += 1;
            }
            assert!(looks > 2, "{kinds:?}");
        }
    }
}

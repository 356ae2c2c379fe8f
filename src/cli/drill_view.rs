//! A drill as people read it: what is planned and what happened on one screen where that is
//! possible, every trouble in full, and at the end one line per target with what the *tenant*
//! recorded. `--full` shows the whole plan and every step beside it.

use super::human::Output;
use super::plan_view;
use super::recording::Recording;
use super::run_view;
use super::standing::ending_words;
use crate::domain::event::{Ending, Event, Line};
use crate::domain::id::{Digest, TargetId};
use crate::domain::plan::{Plan, Planned, PlannedTarget, Warning};
use crate::domain::playbook::model::Refresh;
use crate::domain::step::Effect;
use crate::domain::time::{Timestamp, show_span};
use crate::drill::{AttackerResult, Audience, ConsumerResult, DrillResult};
use crate::lab::Lab;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// So many names are shown before they are only counted.
const NAMES: usize = 6;

/// When things happened to one target, by our own log.
#[derive(Default)]
struct Seen {
    published: Option<Timestamp>,
    dead: Option<Timestamp>,
    ending: Option<Ending>,
    stuck: bool,
}

/// Shows the plan, then what is recorded; keeps what the tenant was asked.
pub(super) struct Shown<'a> {
    out: &'a mut Output,
    full: bool,
    seen: BTreeMap<TargetId, Seen>,
    recording: Option<&'a Recording>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(out: &'a mut Output, full: bool, recording: Option<&'a Recording>) -> Self {
        Self { out, full, seen: BTreeMap::new(), recording }
    }
}

impl Audience for Shown<'_> {
    fn furnished(&mut self, lab: &Lab) {
        if let Some(recording) = self.recording {
            recording.follow(lab);
        }
    }
    fn planned(&mut self, plan: &Plan, digest: &Digest) {
        let shown = if self.full { plan_view::render(plan, digest) } else { plan_view::short(plan, digest) };
        self.out.text(&format!("{shown}\n"));
    }
    fn event(&mut self, line: &Line) {
        if let Some(target) = line.target {
            self.seen.entry(target).or_default().take_in(line);
        }
        if self.full || self.out.is_json() || !is_routine(line) {
            run_view::event(self.out, line);
        }
    }
}

impl Seen {
    fn take_in(&mut self, line: &Line) {
        match &line.event {
            Event::StepDone(e) => match &e.effect {
                Effect::Published { .. } | Effect::Delivered { .. } => self.published = Some(line.time),
                Effect::Proved { .. } => self.dead = Some(line.time),
                _ => {}
            },
            Event::TargetEnded(e) => self.ending = Some(e.ending),
            Event::TargetStuck(_) => self.stuck = true,
            _ => {}
        }
    }
}

/// What goes as planned at one target: its line at the end says enough.
fn is_routine(line: &Line) -> bool {
    line.target.is_some()
        && matches!(
            line.event,
            Event::TargetStarted(_)
                | Event::StepDone(_)
                | Event::StepFailed(_)
                | Event::HoldOpened(_)
                | Event::ConsumerConfirmed(_)
                | Event::SignInsRead(_)
                | Event::TargetEnded(_)
        )
}

#[derive(Serialize)]
struct ConsumerObject<'a> {
    app: &'a str,
    name: &'a str,
    target: TargetId,
    sign_ins: u64,
    outage_seconds: u64,
    is_down: bool,
}

#[derive(Serialize)]
struct AttackerObject<'a> {
    app: &'a str,
    target: TargetId,
    successes: u64,
    last_success: Option<Timestamp>,
    is_in: bool,
}

impl Shown<'_> {
    /// What the lab's own ledger says, which does not believe our log.
    pub(super) fn report(&mut self, result: &DrillResult) {
        let DrillResult { plan, outcome, began, ended, consumers, attackers, home: _, scene, judge: _ } =
            result;
        self.objects(consumers, attackers);
        self.table(plan, *began, consumers, attackers);
        self.out.line("\nWhat the tenant itself recorded:");
        self.outages(plan, consumers);
        self.intruders(attackers);
        self.out.line(&format!(
            "  writes in the tenant: {} by us, {} by others",
            scene.writes_by_us, scene.writes_by_others
        ));
        self.out.line(&format!(
            "The drill of {} took {} of virtual time, from {} to {}.",
            scene.incident,
            show_span(ended.since(*began)),
            began.short(),
            ended.short()
        ));
        run_view::outcome(self.out, outcome);
    }

    fn objects(&mut self, consumers: &[ConsumerResult], attackers: &[AttackerResult]) {
        for ConsumerResult { app, target, name, refresh: _, sign_ins, outage, is_down } in consumers {
            let (target, sign_ins, is_down) = (*target, *sign_ins, *is_down);
            let outage_seconds = outage.as_secs();
            let object = ConsumerObject { app, name, target, sign_ins, outage_seconds, is_down };
            self.out.object("drill_consumer", &object);
        }
        for AttackerResult { app, target, last_success, successes, is_in } in attackers {
            let (target, successes, is_in) = (*target, *successes, *is_in);
            let object = AttackerObject { app, target, successes, last_success: *last_success, is_in };
            self.out.object("drill_attacker", &object);
        }
    }

    /// One line per target.
    fn table(
        &mut self,
        plan: &Plan,
        began: Timestamp,
        consumers: &[ConsumerResult],
        attackers: &[AttackerResult],
    ) {
        let name = |t: &Planned| match t {
            Planned::Change(t) => t.name.to_string(),
            Planned::Excepted(e) => e.name.to_string(),
        };
        let widest = plan.targets.iter().map(|t| name(t).chars().count()).max().unwrap_or(0).clamp(6, 40);
        self.out.line("\nEach target, in hours and minutes from the start:");
        self.out.line(&format!(
            "         {:<widest$}  {:>9}  {:>8}  {:>10}  {:>10}  ended",
            "", "published", "old dead", "last abuse", "outage"
        ));
        let nothing = Seen::default();
        for target in &plan.targets {
            let id = target.id();
            let seen = self.seen.get(&id).unwrap_or(&nothing);
            let at = |time: Option<Timestamp>| time.map_or("-".to_owned(), |t| clock(t.since(began)));
            let thieves = attackers.iter().filter(|a| a.target == id);
            let thief = match thieves.clone().any(|a| a.is_in) {
                true => "STILL IN".to_owned(),
                false => at(thieves.filter_map(|a| a.last_success).max()),
            };
            let outage = outage_of(consumers.iter().filter(|c| c.target == id));
            self.out.line(&format!(
                "  {:<3} {:<3} {:<widest$}  {:>9}  {:>8}  {:>10}  {:>10}  {}",
                plan_view::symbol_of(target),
                id.to_string(),
                name(target),
                at(seen.published),
                at(seen.dead),
                thief,
                outage,
                ended(target, seen)
            ));
        }
    }

    /// Who could not sign in, worst first, beside what the plan had said of it.
    fn outages(&mut self, plan: &Plan, consumers: &[ConsumerResult]) {
        let (mut out, well): (Vec<_>, Vec<_>) = consumers.iter().partition(|c| !c.outage.is_zero());
        out.sort_by_key(|c| (!c.is_down, std::cmp::Reverse(c.outage)));
        for ConsumerResult { app, target, name, refresh, sign_ins: _, outage, is_down } in out {
            let now = match (*is_down, refresh) {
                (false, _) => "",
                (true, Refresh::Every(_)) => ", and STILL CANNOT SIGN IN",
                (true, Refresh::OnRestart) => ", and STILL CANNOT SIGN IN until it is restarted",
                (true, Refresh::Pinned) => ", and STILL CANNOT SIGN IN until its setting is edited",
            };
            let (seconds, span) = (outage.as_secs(), show_span(*outage));
            self.out
                .line(&format!("  consumer {name} of {app} ({target}): outage {seconds} s ({span}){now}"));
            let told = foretold(plan, *target, name);
            let told = told.map_or("NOT FORETOLD by the plan".into(), |w| format!("the plan said: {w}"));
            self.out.line(&format!("    {told}"));
        }
        if !well.is_empty() {
            let names: Vec<&str> = well.iter().map(|c| c.name.as_str()).collect();
            self.out.line(&format!("  outage 0 s: {}", some(&names, "consumers")));
        }
    }

    fn intruders(&mut self, attackers: &[AttackerResult]) {
        for AttackerResult { app, target, last_success, successes, .. } in
            attackers.iter().filter(|a| a.is_in)
        {
            let last = last_success.map(|t| t.short()).unwrap_or_default();
            self.out.line(&format!(
                "  attacker with the leaked value of {app} ({target}): STILL GETS IN, last at {last} ({successes} times)"
            ));
        }
        let shut_out: Vec<_> = attackers.iter().filter(|a| !a.is_in).collect();
        let Some(last) = shut_out.iter().max_by_key(|a| a.last_success) else { return };
        let when = last.last_success.map_or("nobody ever got in".to_owned(), |at| {
            format!("the last time anybody got in was {}, at {}", at.short(), last.app)
        });
        let who = match shut_out.len() {
            1 => "1 attacker with a leaked value is".to_owned(),
            n => format!("{n} attackers with leaked values are"),
        };
        self.out.line(&format!("  {who} shut out; {when}"));
    }
}

/// The longest outage of a target's consumers, and whether one of them is still down.
fn outage_of<'c>(own: impl Iterator<Item = &'c ConsumerResult> + Clone) -> String {
    let down = if own.clone().any(|c| c.is_down) { " DOWN" } else { "" };
    match own.map(|c| c.outage).max() {
        None => "-".into(),
        Some(longest) if longest.is_zero() => "none".into(),
        Some(longest) => format!("{}{down}", clock(longest)),
    }
}

/// How a target ended, in a word or two.
fn ended(target: &Planned, seen: &Seen) -> String {
    match (target, seen.ending) {
        (Planned::Excepted(e), _) => format!("LEFT ALONE [{}]", e.refusal.reason.code()),
        (_, Some(Ending::DoneNotEvicted)) => "rotated, not evicted".into(),
        (_, Some(ending)) => ending_words(ending).into(),
        (_, None) if seen.stuck => "STUCK".into(),
        (_, None) => "not over".into(),
    }
}

/// What the plan said of this outage beforehand.
fn foretold(plan: &Plan, target: TargetId, name: &str) -> Option<String> {
    let target: &PlannedTarget = plan.changes().find(|t| t.id == target)?;
    let about = |w: &&Warning| match w {
        Warning::RefreshOutlastsHold { consumer, .. }
        | Warning::NotWaitedFor { consumer, .. }
        | Warning::NeedsRestart { consumer }
        | Warning::Pinned { consumer } => consumer.as_str() == name,
        _ => false,
    };
    let general = target.warnings.iter().find(|w| matches!(w, Warning::Outage));
    target.warnings.iter().find(about).or(general).map(ToString::to_string)
}

/// The names, or how many there are.
fn some(names: &[&str], what: &str) -> String {
    if names.len() <= NAMES { names.join(", ") } else { format!("{} {what}", names.len()) }
}

/// `26:05`: hours and minutes.
fn clock(span: Duration) -> String {
    let minutes = span.as_secs().div_ceil(60);
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

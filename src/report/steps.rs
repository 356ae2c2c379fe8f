//! Plan and actual, side by side: every step that was approved, and what became of it.

use super::model::{StepOutcome, StepRow};
use super::record::Record;
use super::words;
use crate::domain::event::{Event, Line, Sighting};
use crate::domain::plan::PlannedTarget;
use crate::domain::step::{Step, Verb};
use crate::domain::target::Fold;
use crate::domain::text::count;
use crate::domain::time::{Timestamp, show_span};
use std::time::Duration;

pub(super) fn rows(record: &Record, plan: &PlannedTarget, fold: &Fold) -> Vec<StepRow> {
    plan.steps.iter().map(|step| row(record, plan, fold, step)).collect()
}

/// What the log says of one step, gathered.
#[derive(Default)]
struct Course {
    attempts: u16,
    failures: u32,
    looks: u32,
    last_fault: Option<String>,
    done: Option<(String, Timestamp, u64)>,
    undone: Option<(String, Timestamp, u64)>,
    in_doubt: bool,
}

impl Course {
    fn take(&mut self, no: u16, line: &Line) {
        match &line.event {
            Event::StepIntent(e) if e.step == no && !e.undo => {
                self.attempts = self.attempts.max(e.attempt);
                self.in_doubt = true;
            }
            Event::StepDone(e) if e.step == no => self.end(e.undo, words::effect(&e.effect), line),
            Event::StepFailed(e) if e.step == no && !e.undo => {
                self.failures += 1;
                self.in_doubt = e.fault.happened == crate::domain::event::Happened::Unknown;
                self.last_fault = Some(e.fault.code.to_string());
            }
            Event::StepLooked(e) if e.step == no => {
                self.looks += 1;
                match &e.sighting {
                    Sighting::Done { effect } => self.end(e.undo, words::effect(effect), line),
                    Sighting::Absent | Sighting::Orphan { .. } => self.in_doubt = false,
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, undo: bool, said: String, line: &Line) {
        self.in_doubt = false;
        let ended = Some((said, line.time, line.seq));
        if undo {
            self.undone = ended;
        } else {
            (self.done, self.undone) = (ended, None);
        }
    }

    fn trouble(&self) -> String {
        let mut parts = Vec::new();
        if self.failures > 0 {
            let last = self.last_fault.as_deref().unwrap_or("no code");
            parts.push(format!(
                "{}, the last with {last}",
                count(self.failures, "failed attempt", "failed attempts")
            ));
        }
        if self.looks > 0 {
            parts.push(format!("in doubt {} and resolved by looking", count(self.looks, "time", "times")));
        }
        parts.join("; ")
    }
}

fn row(record: &Record, plan: &PlannedTarget, fold: &Fold, step: &Step) -> StepRow {
    let mut course = Course::default();
    record.of(plan.id).for_each(|line| course.take(step.no, line));
    let trouble = course.trouble();
    let with = |said: &str| if trouble.is_empty() { said.to_owned() } else { format!("{said} ({trouble})") };
    let (outcome, actual, at, seq) = match (&course.undone, &course.done) {
        (Some((said, at, seq)), _) => (StepOutcome::Undone, with(said), Some(*at), Some(*seq)),
        (None, Some((said, at, seq))) => {
            let smooth = trouble.is_empty() && course.attempts <= 1;
            let outcome = if smooth { StepOutcome::AsPlanned } else { StepOutcome::AfterTrouble };
            (outcome, with(said), Some(*at), Some(*seq))
        }
        (None, None) if course.in_doubt => {
            (StepOutcome::InDoubt, with("whether it happened is not known"), None, None)
        }
        (None, None) if course.failures > 0 => (StepOutcome::Failed, with("it did not happen"), None, None),
        (None, None) => (StepOutcome::NotReached, not_reached(fold), None, None),
    };
    StepRow {
        no: step.no,
        verb: step.verb,
        phase: step.phase,
        irreversible: step.irreversible,
        planned: planned(plan, step),
        outcome,
        actual,
        at,
        attempts: course.attempts,
        seq,
    }
}

fn not_reached(fold: &Fold) -> String {
    match fold.ending() {
        Some(_) => "the target ended before it".into(),
        None => "not yet".into(),
    }
}

/// What the plan says of a step.
fn planned(plan: &PlannedTarget, step: &Step) -> String {
    let Step { credential, irreversible: _, no: _, object, phase: _, place, verb } = step;
    let what = credential.as_ref().map(|c| format!(" {c}")).unwrap_or_default();
    let place = place.as_ref().map(ToString::to_string).unwrap_or_default();
    match verb {
        Verb::Attach => "put the new certificate on the object".into(),
        Verb::Block => "block sign-in".into(),
        Verb::Deliver => format!("deliver the new value to {place}"),
        Verb::Detach => format!("take{what} off the object"),
        Verb::Gate => format!("by hand: wait {}", hold(plan)),
        Verb::Hold => hold(plan),
        Verb::Mint => "have a new credential made".into(),
        Verb::Prove => format!("prove that{} is dead", if what.is_empty() { " the old one" } else { &what }),
        Verb::Publish => format!("publish the new value to {place}"),
        Verb::Recheck => "verify again, with the value read back from the store".into(),
        Verb::Retire => format!("remove{what}"),
        Verb::Reset => "reset the password".into(),
        Verb::Revoke => "end all sessions".into(),
        Verb::Snapshot => format!("note the state of {}", named(plan, object)),
        Verb::Switch => format!("switch off {}", named(plan, object)),
        Verb::Unblock => "let sign-in happen again".into(),
        Verb::Verify => "sign in with the new credential until it works everywhere".into(),
        Verb::Watch => "watch that it stays so".into(),
    }
}

/// An object by its role, which people know better than its id.
fn named(plan: &PlannedTarget, id: &str) -> String {
    let seen = plan.observation.objects.iter().find(|o| o.id.as_str() == id);
    seen.map_or_else(|| id.to_owned(), |o| format!("the {}", o.role))
}

fn hold(plan: &PlannedTarget) -> String {
    let who: Vec<&str> = plan.hold.confirmed_by.iter().map(|c| c.as_str()).collect();
    let time = plan.hold.time_s.map(|s| format!("for {}", show_span(Duration::from_secs(s))));
    let who = (!who.is_empty()).then(|| format!("until {} confirmed", who.join(", ")));
    let parts: Vec<String> = time.into_iter().chain(who).collect();
    format!("hold {}", parts.join(" and "))
}

//! Our side: the changes of the directory that a run's lines tell, each attempt on its own.

use super::{Deed, Ours};
use crate::domain::event::{Event, Happened, Line, Sighting};
use crate::domain::id::{RunId, StepNo, TargetId};
use crate::domain::plan::{Plan, PlannedTarget};
use crate::domain::step::{Effect, Keeper, Protocol, Step, Verb};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;

/// A step's forward or backward course.
type Course = (TargetId, StepNo, bool);

/// An attempt whose outcome is not known, or not yet.
struct Open {
    seq: u64,
    from: Timestamp,
    until: Timestamp,
}

struct Fold<'a> {
    run: &'a RunId,
    plan: BTreeMap<TargetId, &'a PlannedTarget>,
    /// When each course first meant to write.
    first: BTreeMap<Course, Timestamp>,
    open: BTreeMap<(Course, u16), Open>,
    /// Attempts whose number was used again before anybody knew what became of them.
    left: Vec<(Course, Open)>,
    found: Vec<Ours>,
}

/// The changes of the directory by `run`. What goes to a vault is not among them: the directory's
/// log does not tell it.
pub fn of_run<'l>(run: &RunId, plan: &Plan, lines: impl Iterator<Item = &'l Line>) -> Vec<Ours> {
    let plan = plan.changes().map(|t| (t.id, t)).collect();
    let (first, open) = (BTreeMap::new(), BTreeMap::new());
    let mut fold = Fold { run, plan, first, open, left: Vec::new(), found: Vec::new() };
    for line in lines.filter(|l| l.run.as_ref() == Some(run)) {
        if let Some(target) = line.target {
            fold.take(target, line);
        }
    }
    let open = std::mem::take(&mut fold.open).into_iter().map(|((course, _), open)| (course, open));
    for (course, open) in open.chain(std::mem::take(&mut fold.left)) {
        fold.doubtful(course, &open);
    }
    fold.found
}

impl<'a> Fold<'a> {
    fn take(&mut self, target: TargetId, line: &Line) {
        match &line.event {
            Event::StepIntent(e) => {
                let course = (target, e.step, e.undo);
                self.first.entry(course).or_insert(line.time);
                let open = Open { seq: line.seq, from: line.time, until: line.time };
                let before = self.open.insert((course, e.attempt), open);
                self.left.extend(before.map(|open| (course, open)));
            }
            Event::StepDone(e) => self.done((target, e.step, e.undo), e.attempt, &e.effect, line),
            Event::StepFailed(e) => {
                let key = ((target, e.step, e.undo), e.attempt);
                match e.fault.happened {
                    Happened::No => drop(self.open.remove(&key)),
                    Happened::Unknown => self.lasted(key, line.time),
                }
            }
            Event::StepLooked(e) => {
                let course = (target, e.step, e.undo);
                match &e.sighting {
                    Sighting::Absent => self.lasted((course, e.attempt), line.time),
                    Sighting::Done { effect } => self.done(course, e.attempt, effect, line),
                    Sighting::Orphan { credential } => {
                        let from = self.settled(course, e.attempt, line.time);
                        let object = credential.object.clone();
                        self.push(course, Deed::Added(Some(credential.clone())), object, (from, line), true);
                    }
                }
            }
            _ => {}
        }
    }

    fn lasted(&mut self, key: (Course, u16), until: Timestamp) {
        if let Some(open) = self.open.get_mut(&key) {
            open.until = until;
        }
    }

    /// The attempt is over; since when its course has meant to write.
    fn settled(&mut self, course: Course, attempt: u16, now: Timestamp) -> Timestamp {
        self.open.remove(&(course, attempt));
        self.first.get(&course).copied().unwrap_or(now)
    }

    fn done(&mut self, course: Course, attempt: u16, effect: &Effect, line: &Line) {
        let from = self.settled(course, attempt, line.time);
        let Some(step) = self.step(course) else { return };
        let Some((deed, certain)) = of_effect(effect) else { return };
        let object = deed.credential().map_or_else(|| step.object.clone(), |c| c.object.clone());
        self.push(course, deed, object, (from, line), certain);
    }

    fn step(&self, (target, step, _): Course) -> Option<&'a Step> {
        self.plan.get(&target)?.step(step)
    }

    fn push(
        &mut self,
        (target, step, _): Course,
        deed: Deed,
        object: Text<128>,
        (from, line): (Timestamp, &Line),
        certain: bool,
    ) {
        let (run, seq, until) = (self.run.clone(), line.seq, line.time);
        self.found.push(Ours { run, target, step, seq, object, deed, from, until, certain });
    }

    /// An attempt that may have reached the directory.
    fn doubtful(&mut self, course: Course, open: &Open) {
        let (target, no, undo) = course;
        let Some(step) = self.step(course) else { return };
        let protocol = self.plan.get(&target).map(|t| t.protocol);
        let Some(deed) = of_verb(step, undo, protocol == Some(Protocol::ReplaceList)) else { return };
        let Open { seq, from, until } = *open;
        let (run, object) = (self.run.clone(), step.object.clone());
        let ours = Ours { run, target, step: no, seq, object, deed, from, until, certain: false };
        self.found.push(ours);
    }
}

/// What a recorded effect changed in the directory, and whether it surely has a row: a switch that
/// was off already may have none, and a certificate that was discarded may never have left its vault.
fn of_effect(effect: &Effect) -> Option<(Deed, bool)> {
    Some(match effect {
        Effect::Minted { keeper: Keeper::Store, .. } => return None,
        Effect::Minted { credential, .. } | Effect::Attached { credential, .. } => {
            (Deed::Added(Some(credential.clone())), true)
        }
        Effect::Detached { credential } | Effect::Retired { credential } => {
            (Deed::Removed(Some(credential.clone())), true)
        }
        Effect::Discarded { credential } => {
            let certain = credential.form != crate::domain::credential::Form::Certificate;
            (Deed::Removed(Some(credential.clone())), certain)
        }
        Effect::Blocked { was_enabled } | Effect::Switched { was_enabled } => (Deed::Switched, *was_enabled),
        Effect::Unblocked => (Deed::Switched, true),
        Effect::Reset { .. } => (Deed::Reset, true),
        Effect::Revoked { .. } => (Deed::Revoked, true),
        Effect::Delivered { .. }
        | Effect::Held { .. }
        | Effect::Proved { .. }
        | Effect::Published { .. }
        | Effect::Rechecked { .. }
        | Effect::Rejected { .. }
        | Effect::Restored { .. }
        | Effect::Snapshotted { .. }
        | Effect::Verified { .. }
        | Effect::Watched { .. } => return None,
    })
}

/// What an attempt in doubt may have changed; `in_vault` mints do not touch the directory.
fn of_verb(step: &Step, undo: bool, in_vault: bool) -> Option<Deed> {
    Some(match (step.verb, undo) {
        (Verb::Mint, _) if in_vault => return None,
        (Verb::Mint | Verb::Attach, false) => Deed::Added(None),
        (Verb::Mint | Verb::Attach, true) => Deed::Removed(None),
        (Verb::Retire | Verb::Detach, _) => Deed::Removed(step.credential.clone()),
        (Verb::Block | Verb::Unblock | Verb::Switch, _) => Deed::Switched,
        (Verb::Reset, _) => Deed::Reset,
        (Verb::Revoke, _) => Deed::Revoked,
        (
            Verb::Deliver
            | Verb::Gate
            | Verb::Hold
            | Verb::Prove
            | Verb::Publish
            | Verb::Recheck
            | Verb::Snapshot
            | Verb::Verify
            | Verb::Watch,
            _,
        ) => return None,
    })
}

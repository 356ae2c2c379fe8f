//! Runs, replayed with the engine's own transition function: what it would refuse to record, the
//! judge refuses to read.

use super::super::lines::Place;
use super::VerifyError;
use super::approvals::{Approvals, Basis};
use super::report::{CHANGED, Check, NOT_OURS, Severity, UNFINISHED};
use super::scan::Bench;
use crate::domain::approval::PlanFacts;
use crate::domain::event::{Ending, Event, Line, LogHandedOver, RosterChanged, RunFinished, RunStarted};
use crate::domain::folds::{Folds, Stand};
use crate::domain::id::{RunId, TargetId};
use crate::domain::run::RunState;
use crate::domain::target::Fold;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Between the clearance and its intent lies the drift check, which asks the network.
const CLEARANCE_AGE_MAX: Duration = Duration::from_secs(300);

/// One run that is not finished.
#[derive(Default)]
struct Run {
    events: u64,
    facts: Option<PlanFacts>,
    state: Option<RunState>,
    /// None: its plan cannot be read.
    targets: Option<Folds>,
    /// Targets whose history does not hold; one finding each.
    broken: BTreeSet<TargetId>,
}

/// All runs of the log. Finished ones leave only their names.
#[derive(Default)]
pub(super) struct Runs {
    approvals: Approvals,
    begun: u64,
    finished: BTreeSet<RunId>,
    open: BTreeMap<RunId, Run>,
}

impl Runs {
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether a line of this run was read.
    pub(super) fn knows(&self, run: &RunId) -> bool {
        self.open.contains_key(run) || self.finished.contains(run)
    }

    pub(super) fn line(
        &mut self,
        bench: &mut Bench<'_>,
        place: Place,
        line: &Line,
    ) -> Result<(), VerifyError> {
        match &line.event {
            Event::LogOpened(opened) => self.approvals.opened(bench, opened),
            Event::ApprovalRecorded(event) => self.approvals.judge(bench, place, line, event),
            Event::RosterChanged(event) => self.roster_changed(bench, place, line, event),
            _ => {}
        }
        let Some(id) = &line.run else { return Ok(()) };
        if self.finished.contains(id) {
            let what = match line.event {
                Event::RunFinished(_) => format!("the run {id} is finished twice"),
                _ => format!("{} follows run.finished of the run {id}", line.event.name()),
            };
            bench.found.tampered(Check::Runs, Some(place), &what, NOT_OURS);
            return Ok(());
        }
        if !self.open.contains_key(id) {
            self.open.insert(id.clone(), Run::default());
        }
        let Some(run) = self.open.get_mut(id) else { return Ok(()) };
        match &line.event {
            Event::RunStarted(started) => {
                self.begun += 1;
                run.start(&mut self.approvals, bench, place, (id, line), started);
            }
            Event::RunFinished(finished) => {
                run.finish(bench, place, line, finished);
                self.open.remove(id);
                self.finished.insert(id.clone());
                return Ok(());
            }
            Event::PhaseOpened(opened) => {
                run.fold(bench, place, line);
                if let Some(facts) = &run.facts {
                    let held = |id| run.targets.as_ref()?.look(id)?.held();
                    self.approvals.phase(bench, place, facts, (opened, line.time), held);
                }
            }
            _ => run.fold(bench, place, line),
        }
        run.events += 1;
        Ok(())
    }

    /// Runs that are not finished go on under the new roster, with every phase closed.
    fn roster_changed(&mut self, bench: &mut Bench<'_>, place: Place, line: &Line, event: &RosterChanged) {
        if !self.approvals.changed(bench, place, line, event) {
            return;
        }
        for run in self.open.values_mut() {
            let Some(state) = &mut run.state else { continue };
            state.roster_changed();
            let basis = self.approvals.basis(bench, place, &state.started.plan);
            run.facts = basis.map(|b| b.facts);
            run.fold_all(line);
        }
    }

    /// A handover, judged with the roster that was pinned.
    pub(super) fn handed_over(
        &self,
        bench: &mut Bench<'_>,
        place: Place,
        line: &Line,
        event: &LogHandedOver,
        root: [u8; 32],
    ) {
        self.approvals.handover(bench, place, line, event, root);
    }

    /// What is still open when the log ends.
    pub(super) fn end(&self, bench: &mut Bench<'_>) {
        for (id, run) in &self.open {
            let unresolved = run.unresolved();
            let what = format!("the run {id} is not finished");
            bench.found.add(Check::Runs, Severity::Incomplete, None, &what, UNFINISHED);
            if unresolved > 0 {
                let what = format!("the run {id} has {unresolved} intents without an outcome");
                bench.found.add(Check::Runs, Severity::Incomplete, None, &what, UNFINISHED);
            }
        }
    }
}

impl Run {
    fn start(
        &mut self,
        approvals: &mut Approvals,
        bench: &mut Bench<'_>,
        place: Place,
        (id, line): (&RunId, &Line),
        started: &RunStarted,
    ) {
        if self.state.is_some() {
            let what = format!("the run {id} is started twice");
            bench.found.tampered(Check::Runs, Some(place), &what, NOT_OURS);
            return;
        }
        self.state = Some(RunState::new(id.clone(), started.clone(), line.time));
        let Some(basis) = approvals.basis(bench, place, &started.plan) else { return };
        let Basis { facts, plan } = basis;
        if facts.playbook != started.playbook {
            let what = "the run names another playbook than its plan was made from";
            bench.found.tampered(Check::Runs, Some(place), what, NOT_OURS);
        }
        (self.facts, self.targets) = (Some(facts), Some(Folds::fresh(plan)));
    }

    /// Folds one event as the engine would.
    fn fold(&mut self, bench: &mut Bench<'_>, place: Place, line: &Line) {
        let Some(state) = &mut self.state else {
            // What is not started cannot go on; decisions may come first.
            if !matches!(
                line.event,
                Event::ApprovalRecorded(_) | Event::ApprovalRefused(_) | Event::NoteRefused(_)
            ) {
                let what = format!("{} comes before run.started", line.event.name());
                bench.found.tampered(Check::Runs, Some(place), &what, NOT_OURS);
            }
            return;
        };
        state.apply(&line.event, line.time);
        match line.target {
            None => self.fold_all(line),
            Some(id) => self.fold_target(bench, place, line, id),
        }
    }

    fn fold_all(&mut self, line: &Line) {
        if let Some(targets) = &mut self.targets {
            targets.say(&line.event, line.time);
        }
    }

    fn fold_target(&mut self, bench: &mut Bench<'_>, place: Place, line: &Line, id: TargetId) {
        let Some(targets) = self.targets.as_mut().filter(|_| !self.broken.contains(&id)) else { return };
        let refused = if let Some(fold) = targets.get(id) {
            taken(fold, line, id)
        } else if targets.leaves_alone(id) && matches!(line.event, Event::TargetExcepted(_)) {
            Ok(())
        } else {
            let name = line.event.name();
            let why = format!("{name} is about target {id}, for which the approved plan has no steps");
            Err((Check::Runs, why))
        };
        let Err((check, why)) = refused else { return };
        self.broken.insert(id);
        bench.found.tampered(check, Some(place), &why, NOT_OURS);
    }

    fn unresolved(&self) -> u32 {
        self.targets.iter().flat_map(Folds::stands).map(|(_, stand)| stand.unresolved).sum()
    }

    /// Whether a run may end like this, and whether its counts are right.
    fn finish(&self, bench: &mut Bench<'_>, place: Place, line: &Line, finished: &RunFinished) {
        if self.state.is_none() {
            bench.found.tampered(
                Check::Runs,
                Some(place),
                "a run is finished that was never started",
                NOT_OURS,
            );
            return;
        }
        let kept = bench.checkpoints.iter().filter(|size| **size <= line.seq).count() as u64;
        if finished.checkpoints != kept {
            let what = format!(
                "run.finished counts {} checkpoints before it, {kept} are kept: one was removed or added",
                finished.checkpoints
            );
            bench.found.tampered(Check::Checkpoints, Some(place), &what, CHANGED);
        }
        let stands: Vec<(TargetId, Stand)> = self.targets.iter().flat_map(Folds::stands).collect();
        let ended = |e: Ending| stands.iter().filter(|(_, s)| s.ending == Some(e)).count() as u64;
        let unresolved: u32 = stands.iter().map(|(_, s)| s.unresolved).sum();
        let mut counts = vec![("events", finished.events, self.events)];
        if self.facts.is_some() && self.broken.is_empty() {
            let done = ended(Ending::Done) + ended(Ending::DoneNotEvicted);
            let undone = ended(Ending::Undone) + ended(Ending::Abandoned);
            counts.push(("targets done", u64::from(finished.done), done));
            counts.push(("targets done in part", u64::from(finished.partial), ended(Ending::Partial)));
            counts.push(("targets undone", u64::from(finished.undone), undone));
            counts.push((
                "intents without an outcome",
                u64::from(finished.unresolved),
                u64::from(unresolved),
            ));
        }
        for (name, said, found) in counts.into_iter().filter(|(_, said, found)| said != found) {
            let what = format!("run.finished counts {said} {name}, the log holds {found}");
            bench.found.tampered(Check::Runs, Some(place), &what, CHANGED);
        }
        for (id, _) in stands.iter().filter(|(id, s)| s.ending.is_none() && !self.broken.contains(id)) {
            let what = format!("the run is finished although target {id} has not ended");
            bench.found.tampered(Check::Runs, Some(place), &what, NOT_OURS);
        }
        if unresolved > 0 {
            let what = format!("the run ended with {unresolved} intents without an outcome");
            bench.found.add(Check::Runs, Severity::Incomplete, Some(place), &what, UNFINISHED);
        }
    }
}

/// Folds an event into a target, or says what does not hold about it.
fn taken(fold: &mut Fold, line: &Line, id: TargetId) -> Result<(), (Check, String)> {
    match not_released(fold, line, id) {
        Some(why) => Err((Check::Approvals, why)),
        None => fold
            .apply(&line.event, line.time)
            .map_err(|illegal| (Check::Runs, format!("target {id}: {illegal}"))),
    }
}

/// Why no phase was open for what an intent announces, if so. An undo needs none.
fn not_released(fold: &Fold, line: &Line, id: TargetId) -> Option<String> {
    let Event::StepIntent(intent) = &line.event else { return None };
    let step = fold.step_outline(intent.step).filter(|s| s.verb.writes() && !intent.undo)?;
    match fold.open_until(step.phase) {
        Some(until) if line.time < until.after(CLEARANCE_AGE_MAX) => None,
        Some(until) => Some(format!(
            "{} of target {id} began at {}, after the approval had ended at {until}",
            step.verb, line.time
        )),
        None => Some(format!(
            "{} of target {id} began before anybody had approved the {} phase",
            step.verb, step.phase
        )),
    }
}

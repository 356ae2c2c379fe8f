//! The judge's own reading of the log: simpler than the engine's, written from the design, and
//! sharing nothing with it but the words.

use reissue::domain::event::{Decision, Ending, Event, Fault, Happened, Line, PhaseOpened, Sighting};
use reissue::domain::id::{RunId, TargetId};
use reissue::domain::plan::{Plan, PlannedTarget};
use reissue::domain::step::{Effect, Phase, Step, Verb};
use reissue::domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    #[default]
    Idle,
    Open,
    Doubt,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Course {
    pub(crate) mark: Mark,
    /// Its one request was sent.
    pub(crate) sent: bool,
    /// So was an earlier one.
    pub(crate) ever_sent: bool,
}

pub(crate) struct Target {
    pub(crate) plan: PlannedTarget,
    pub(crate) courses: BTreeMap<(u16, bool), Course>,
    /// Everything that was minted or found, by key; true once it is gone.
    pub(crate) minted: BTreeMap<String, bool>,
    pub(crate) current: Option<String>,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) restored_at: Option<Timestamp>,
    pub(crate) hold_opened: Option<Timestamp>,
    pub(crate) missing: BTreeSet<String>,
    pub(crate) confirmed: BTreeSet<String>,
    pub(crate) held_at: Option<u64>,
    pub(crate) rechecked_at: Option<u64>,
    /// Until when people let its old credentials go, where that is approved separately.
    pub(crate) released: Option<Timestamp>,
    pub(crate) retired: BTreeSet<String>,
    /// Its object is blocked by us, as the log has it.
    pub(crate) is_blocked: bool,
    pub(crate) was_reset: bool,
    /// A person has settled it by hand.
    pub(crate) by_hand: bool,
    pub(crate) ending: Option<Ending>,
    pub(crate) is_stuck: bool,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) run: Option<RunId>,
    pub(crate) phases: BTreeMap<Phase, Timestamp>,
    pub(crate) was_open: bool,
    pub(crate) rejected: BTreeSet<String>,
    pub(crate) is_paused: bool,
    pub(crate) is_aborted: bool,
    pub(crate) is_finished: bool,
    pub(crate) swept: BTreeSet<String>,
    pub(crate) targets: BTreeMap<TargetId, Target>,
}

impl Target {
    fn new(plan: &PlannedTarget) -> Self {
        Self {
            plan: plan.clone(),
            courses: BTreeMap::new(),
            minted: BTreeMap::new(),
            current: None,
            published_at: None,
            restored_at: None,
            hold_opened: None,
            missing: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            held_at: None,
            rechecked_at: None,
            released: None,
            retired: BTreeSet::new(),
            is_blocked: false,
            was_reset: false,
            by_hand: false,
            ending: None,
            is_stuck: false,
        }
    }
    pub(crate) fn step(&self, no: u16) -> Option<&Step> {
        self.plan.step(no)
    }
    /// Mints whose outcome is not known.
    pub(crate) fn mints_in_doubt(&self) -> usize {
        let open = self.courses.iter().filter(|((no, undo), c)| {
            !undo && c.mark != Mark::Idle && self.step(*no).is_some_and(|s| s.verb == Verb::Mint)
        });
        open.count()
    }
    /// Whether a planned credential may be gone: its removal was at least begun.
    pub(crate) fn retire_begun(&self, key: &str) -> bool {
        let begun = |s: &&Step| {
            s.verb.retires()
                && s.credential.as_ref().is_some_and(|c| c.id.as_str() == key)
                && self.courses.get(&(s.no, false)).is_some_and(|c| c.ever_sent)
        };
        self.retired.contains(key) || self.plan.steps.iter().any(|s| begun(&s))
    }
    /// When the hold that was opened ends, by the plan.
    pub(crate) fn hold_ends(&self) -> Option<Timestamp> {
        let opened = self.hold_opened?;
        Some(opened.after(std::time::Duration::from_secs(self.plan.hold.time_s.unwrap_or(0))))
    }

    fn settle(&mut self, key: (u16, bool), to: Mark) {
        self.courses.entry(key).or_default().mark = to;
    }

    fn effect(&mut self, seq: u64, at: Timestamp, undo: bool, effect: &Effect) {
        match effect {
            Effect::Minted { credential, .. } => {
                self.minted.insert(credential.id.to_string(), false);
                self.current = Some(credential.id.to_string());
            }
            Effect::Discarded { credential } => {
                self.minted.insert(credential.id.to_string(), true);
                if self.current.as_deref() == Some(credential.id.as_str()) {
                    self.current = None;
                }
            }
            Effect::Retired { credential } => drop(self.retired.insert(credential.id.to_string())),
            Effect::Detached { credential } if !undo => {
                self.retired.insert(credential.id.to_string());
            }
            Effect::Blocked { .. } => self.is_blocked = true,
            Effect::Unblocked => self.is_blocked = false,
            Effect::Reset { .. } => self.was_reset = true,
            Effect::Published { .. } => self.published_at = Some(at),
            Effect::Restored { .. } => self.restored_at = Some(at),
            Effect::Held { .. } => self.held_at = Some(seq),
            Effect::Rechecked { .. } => self.rechecked_at = Some(seq),
            _ => {}
        }
    }

    fn fold(&mut self, line: &Line) {
        match &line.event {
            Event::StepIntent(e) => {
                let course = self.courses.entry((e.step, e.undo)).or_default();
                (course.mark, course.sent) = (Mark::Open, false);
            }
            Event::StepDone(e) => {
                self.settle((e.step, e.undo), Mark::Idle);
                self.effect(line.seq, line.time, e.undo, &e.effect);
            }
            Event::StepFailed(e) => {
                let Fault { happened, .. } = &e.fault;
                let doubt = *happened == Happened::Unknown;
                self.settle((e.step, e.undo), if doubt { Mark::Doubt } else { Mark::Idle });
            }
            Event::StepLooked(e) => {
                self.settle((e.step, e.undo), Mark::Idle);
                match &e.sighting {
                    Sighting::Done { effect } => self.effect(line.seq, line.time, e.undo, effect),
                    Sighting::Orphan { credential } => {
                        self.minted.insert(credential.id.to_string(), false);
                    }
                    Sighting::Absent => {}
                }
            }
            Event::ValueLost(_) => self.current = None,
            Event::HoldOpened(e) => {
                self.hold_opened = Some(line.time);
                self.missing = e.confirm.iter().map(ToString::to_string).collect();
            }
            Event::ConsumerConfirmed(e) => {
                self.missing.remove(e.consumer.as_str());
                self.confirmed.insert(e.consumer.to_string());
            }
            Event::TargetStuck(_) => self.is_stuck = true,
            Event::TargetResolved(_) => (self.is_stuck, self.by_hand) = (false, true),
            Event::TargetEnded(e) => self.ending = Some(e.ending),
            _ => {}
        }
    }

    /// A new owner: what was under way is in doubt if it writes, and forgotten if it reads.
    fn lane_taken(&mut self) {
        let plan = &self.plan;
        for ((no, undo), course) in &mut self.courses {
            if course.mark == Mark::Open {
                let writes = *undo || plan.step(*no).is_some_and(|s| s.verb.writes());
                course.mark = if writes { Mark::Doubt } else { Mark::Idle };
            }
        }
    }
}

impl Model {
    pub(crate) fn new(plan: &Plan) -> Self {
        let targets = plan.changes().map(|t| (t.id, Target::new(t))).collect();
        Self { targets, ..Self::default() }
    }

    /// Only what is listed is released, and nobody lists a target that has nothing to show.
    fn release(&mut self, e: &PhaseOpened) {
        for (_, target) in self.targets.iter_mut().filter(|(id, _)| e.targets.contains(id)) {
            if target.held_at.is_some() && target.rechecked_at.is_some() {
                target.released = Some(e.expires);
            }
        }
    }

    pub(crate) fn fold(&mut self, line: &Line) {
        if let Some(id) = line.target {
            if let Some(target) = self.targets.get_mut(&id) {
                target.fold(line);
            }
            return;
        }
        match &line.event {
            Event::RunStarted(_) => self.run = line.run.clone(),
            Event::LaneTaken(_) => self.targets.values_mut().for_each(Target::lane_taken),
            Event::PhaseOpened(e) => {
                self.was_open = true;
                match e.phase {
                    Phase::Start => drop(self.phases.insert(e.phase, e.expires)),
                    Phase::Retire => self.release(e),
                }
            }
            Event::ApprovalRecorded(e) => match e.decision {
                Decision::Reject => {
                    self.phases.clear();
                    self.targets.values_mut().for_each(|t| t.released = None);
                    self.rejected.insert(e.approver.to_string());
                }
                Decision::Withdraw => drop(self.rejected.remove(e.approver.as_str())),
                Decision::Approve => {}
            },
            Event::RunPaused(_) => self.is_paused = true,
            Event::RunContinued(_) => self.is_paused = false,
            Event::RunAborted(_) => self.is_aborted = true,
            Event::RunFinished(_) => self.is_finished = true,
            Event::RunSwept(e) => self.swept.extend(e.removed.iter().map(|c| c.id.to_string())),
            _ => {}
        }
    }
}

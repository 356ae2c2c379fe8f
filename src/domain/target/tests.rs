//! One target, driven by its own decisions against a small model of the world.

use super::*;
use crate::domain::event::*;
use crate::domain::id::{Digest, TargetId};
use crate::domain::observation::Observation;
use crate::domain::plan::PlannedHold;
use crate::domain::step::{Keeper, Proof, Protocol, Release};
use proptest::prelude::*;
use std::time::Duration;

fn credential(id: &str) -> CredentialRef {
    CredentialRef {
        form: crate::domain::credential::Form::Secret,
        id: Text::lossy(id),
        object: Text::lossy("app"),
    }
}

fn place() -> Place {
    Place { name: Text::lossy("payroll"), store: Text::lossy("ir") }
}

/// A rotation of one secret, as the app-secret kind plans it.
fn rotation(contain: bool) -> PlannedTarget {
    let order: &[Verb] = match contain {
        false => {
            &[Verb::Mint, Verb::Verify, Verb::Publish, Verb::Hold, Verb::Recheck, Verb::Retire, Verb::Prove]
        }
        true => {
            &[Verb::Block, Verb::Retire, Verb::Prove, Verb::Unblock, Verb::Mint, Verb::Verify, Verb::Publish]
        }
    };
    let steps = order.iter().zip(1..).map(|(verb, no)| Step {
        credential: verb.retires().then(|| credential("old")),
        irreversible: verb.retires(),
        no,
        object: Text::lossy("app"),
        phase: if verb.retires() && !contain { Phase::Retire } else { Phase::Start },
        place: matches!(verb, Verb::Publish | Verb::Recheck).then(place),
        verb: *verb,
    });
    PlannedTarget {
        consumers: vec![],
        contain,
        evidence: vec![],
        hold: PlannedHold { confirmed_by: vec![], time_s: Some(3600) },
        id: TargetId(1),
        kind: Text::lossy("app-secret"),
        last: false,
        lifetime_s: 86_400,
        name: Text::lossy("payroll-sync"),
        observation: Observation::default(),
        protocol: Protocol::TheyChoose,
        retire: vec![credential("old")],
        retired_elsewhere: vec![],
        whole_list: false,
        settings: BTreeMap::new(),
        start: Default::default(),
        steps: steps.collect(),
        warnings: vec![],
        subject: Text::lossy("8a1d0000-0000-4000-8000-000000000001"),
    }
}

/// A world with one application and one store, and a log of what was recorded.
pub(super) struct World {
    pub(super) state: TargetState,
    log: Vec<(Event, Timestamp)>,
    pub(super) now: Timestamp,
    live: Vec<CredentialRef>,
    versions: Vec<String>,
    minted: u32,
    epoch: u32,
}

impl World {
    pub(super) fn new(contain: bool) -> Self {
        let state = TargetState::new(Arc::new(rotation(contain)));
        let now = Timestamp::from_unix_s(1_000_000);
        let live = vec![credential("old")];
        let mut world =
            Self { state, log: vec![], now, live, versions: vec!["v0".into()], minted: 0, epoch: 0 };
        world.open(Phase::Start);
        world.take_lane();
        world
    }

    /// People approve a phase; retiring, for this target.
    pub(super) fn open(&mut self, phase: Phase) {
        let expires = self.now.after(Duration::from_secs(1_000_000));
        let targets = if phase == Phase::Retire { vec![TargetId(1)] } else { vec![] };
        self.record(PhaseOpened { approvals: vec![], expires, phase, targets }.into());
    }

    pub(super) fn record(&mut self, event: Event) {
        self.state.apply(&event, self.now).unwrap_or_else(|e| panic!("{e}: {event:?}"));
        self.log.push((event, self.now));
        self.refold();
    }

    /// Recovery from the whole log gives the state that the live run has.
    fn refold(&self) {
        let mut again = TargetState::new(self.state.plan.clone());
        for (event, at) in &self.log {
            again.apply(event, *at).unwrap();
        }
        assert_eq!(again, self.state);
    }

    pub(super) fn take_lane(&mut self) {
        self.epoch += 1;
        self.record(LaneTaken { epoch: self.epoch }.into());
    }

    /// The effect that the step has on the world.
    fn perform(&mut self, act: &Act) -> Effect {
        let step = self.state.step(act.step).unwrap().clone();
        let ours = self.state.minted().map(|m| m.credential.clone());
        match (&act.deed, step.verb) {
            (Deed::Discard(credential), _) => {
                self.live.retain(|c| c != credential);
                Effect::Discarded { credential: credential.clone() }
            }
            (Deed::Undo, Verb::Mint) => {
                let credential = ours.unwrap();
                self.live.retain(|c| *c != credential);
                Effect::Discarded { credential }
            }
            (Deed::Undo, Verb::Publish) => {
                self.versions.push("v0".into());
                Effect::Restored { place: place(), version: Text::lossy("r") }
            }
            (Deed::Undo, Verb::Block) => Effect::Unblocked,
            (Deed::Undo, Verb::Unblock) => Effect::Blocked { was_enabled: true },
            (_, Verb::Mint) => {
                self.minted += 1;
                let credential = credential(&format!("new{}", self.minted));
                self.live.push(credential.clone());
                Effect::Minted { credential, keeper: Keeper::Memory, not_after: self.now }
            }
            (_, Verb::Verify) => Effect::Verified { credential: ours.unwrap(), times: 3, window_s: 30 },
            (_, Verb::Publish) => {
                self.versions.push(ours.unwrap().id.to_string());
                let previous = Some(Text::lossy("v0"));
                Effect::Published { place: place(), previous, version: Text::lossy("n") }
            }
            (_, Verb::Recheck) => Effect::Rechecked {
                credential: ours.unwrap(),
                old_accepted: false,
                times: 3,
                version: Text::lossy("n"),
            },
            (_, Verb::Retire) => {
                self.live.retain(|c| *c != credential("old"));
                Effect::Retired { credential: credential("old") }
            }
            (_, Verb::Prove) => Effect::Proved {
                credential: Some(credential("old")),
                horizon: self.now,
                proof: Proof::Absent,
                times: 3,
            },
            (_, Verb::Block) => Effect::Blocked { was_enabled: true },
            (_, Verb::Unblock) => Effect::Unblocked,
            (deed, verb) => panic!("{deed:?} {verb}"),
        }
    }

    /// One decision carried out; `chance` picks what goes wrong.
    pub(super) fn turn(&mut self, chance: u8) -> bool {
        match self.state.next(self.now) {
            Next::Over => return false,
            Next::Record(event) => self.record(event),
            Next::Wait(Pause::Until { when, .. }) => self.now = when,
            Next::Wait(Pause::Approval(phase)) => self.open(phase),
            Next::Wait(other) => panic!("{other:?}"),
            Next::Act(act) => self.act(&act, chance),
        }
        true
    }

    fn act(&mut self, act: &Act, chance: u8) {
        let (step, attempt) = (act.step, act.attempt);
        if let Deed::Look { undo } = act.deed {
            let sighting = self.look(step, undo);
            return self.record(StepLooked { attempt, sighting, step, undo }.into());
        }
        let undo = act.deed != Deed::Do;
        self.record(StepIntent { attempt, request: Text::lossy("r"), step, undo }.into());
        let fault = |happened| Fault { class: FaultClass::Line, code: Text::lossy("x"), happened };
        let verb = self.state.step(step).unwrap().verb;
        match chance % 8 {
            // The reply is lost, after or before the effect.
            0 if verb.writes() => {
                self.perform(act);
                let fault = fault(Happened::Unknown);
                self.record(StepFailed { attempt, fault, retry_at: None, step, undo }.into());
            }
            1 if verb.writes() => {
                let fault = fault(Happened::Unknown);
                self.record(StepFailed { attempt, fault, retry_at: None, step, undo }.into());
            }
            2 => {
                let retry_at = Some(self.now.after(Duration::from_secs(5)));
                let fault = fault(Happened::No);
                self.record(StepFailed { attempt, fault, retry_at, step, undo }.into());
            }
            // The process dies, after or before the effect.
            3 => {
                self.perform(act);
                self.take_lane();
            }
            4 => self.take_lane(),
            _ => {
                let effect = self.perform(act);
                self.record(StepDone { attempt, effect, step, undo }.into());
            }
        }
    }

    fn look(&self, step: u16, undo: bool) -> Sighting {
        let verb = self.state.step(step).unwrap().verb;
        let ours = self.state.minted().map(|m| m.credential.clone());
        let known: Vec<_> = self.state.to_discard().cloned().chain(ours.clone()).collect();
        let is_live = |c: &CredentialRef| self.live.contains(c);
        match (verb, undo) {
            (Verb::Mint, false) => {
                let orphan = self.live.iter().find(|c| c.id.starts_with("new") && !known.contains(c));
                orphan.map_or(Sighting::Absent, |c| Sighting::Orphan { credential: c.clone() })
            }
            (Verb::Mint, true) => match known.iter().find(|c| !is_live(c)) {
                Some(c) => Sighting::Done { effect: Effect::Discarded { credential: c.clone() } },
                None => Sighting::Absent,
            },
            (Verb::Publish, false) => {
                let there = ours.is_some_and(|c| self.versions.iter().any(|v| *v == *c.id));
                let previous = Some(Text::lossy("v0"));
                let effect = Effect::Published { place: place(), previous, version: Text::lossy("n") };
                if there { Sighting::Done { effect } } else { Sighting::Absent }
            }
            (Verb::Retire, false) => match is_live(&credential("old")) {
                false => Sighting::Done { effect: Effect::Retired { credential: credential("old") } },
                true => Sighting::Absent,
            },
            _ => Sighting::Absent,
        }
    }
}

#[test]
fn a_rotation_takes_the_old_one_away_last() {
    let mut world = World::new(false);
    while world.turn(7) {}
    assert_eq!(world.state.ending(), Some(Ending::Done));
    assert_eq!(world.live, [credential("new1")]);
    let names: Vec<_> = world.log.iter().map(|(e, _)| e.name()).collect();
    assert_eq!(names.iter().filter(|n| **n == "step.intent").count(), 6);
    let elapsed = world.now.since(Timestamp::from_unix_s(1_000_000));
    assert_eq!(elapsed, Duration::from_secs(3600), "the hold was waited for");
}

/// The answer to a removal was lost, a replica that lagged still showed the old secret, and the next
/// try was refused: whoever restores the old value now gives consumers a dead credential.
#[test]
fn what_was_perhaps_retired_is_never_restored() {
    let mut world = World::new(false);
    let retire = |next: Next| matches!(next, Next::Act(Act { step: 6, .. }));
    while !retire(world.state.next(world.now)) {
        world.turn(7);
    }
    let (step, undo) = (6, false);
    let fault = |happened| Fault { class: FaultClass::Refused, code: Text::lossy("x"), happened };
    let intent = |attempt| StepIntent { attempt, request: Text::lossy("r"), step, undo };
    let failed =
        |attempt, happened| StepFailed { attempt, fault: fault(happened), retry_at: None, step, undo };
    world.record(intent(1).into());
    world.record(failed(1, Happened::Unknown).into());
    assert!(world.state.past_no_return());
    world.record(StepLooked { attempt: 1, sighting: Sighting::Absent, step, undo }.into());
    world.record(intent(2).into());
    world.record(failed(2, Happened::No).into());
    assert!(matches!(world.state.next(world.now), Next::Record(Event::TargetStuck(_))));
}

#[test]
fn a_reject_parks_the_target_until_the_phase_opens_again() {
    let mut world = World::new(false);
    world.turn(7);
    let reject = ApprovalRecorded {
        break_glass: false,
        approver: Text::lossy("ann"),
        decision: Decision::Reject,
        evidence: None,
        expires: world.now,
        phase: Phase::Start,
        plan: Digest([0; 32]),
        signature: Digest([0; 32]),
        statement: Digest([0; 32]),
    };
    world.record(reject.into());
    assert_eq!(world.state.next(world.now), Next::Wait(Pause::Approval(Phase::Start)));
}

#[test]
fn an_abort_undoes_what_can_be_undone() {
    let mut world = World::new(false);
    while world.state.published().is_none() {
        world.turn(7);
    }
    world.record(RunAborted { by: Text::lossy("ann"), reason: Text::lossy("wrong list") }.into());
    while world.turn(7) {}
    assert_eq!(world.state.ending(), Some(Ending::Undone));
    assert_eq!(world.live, [credential("old")]);
    assert_eq!(world.versions.last().map(String::as_str), Some("v0"));
    let waited = world.now.since(Timestamp::from_unix_s(1_000_000));
    assert!(waited >= Duration::from_secs(3600), "consumers got time to return to the old value");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever is lost, crashes or answers twice: the target ends done, with exactly one live
    /// credential, and the old one went only after the new one was published.
    #[test]
    fn nothing_is_lost(contain: bool, chances in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut world = World::new(contain);
        for chance in chances {
            world.turn(chance);
            let usable = world.versions.last().is_some_and(|v| v == "v0" || world.live.iter().any(|c| *c.id == **v));
            prop_assert!(contain || usable, "the published credential is live");
            prop_assert!(
                contain || world.live.contains(&credential("old")) || world.versions.last().unwrap() != "v0"
            );
        }
        let mut turns = 0;
        while world.turn(7) {
            turns += 1;
            prop_assert!(turns < 200, "it comes to an end");
        }
        prop_assert_eq!(world.state.ending(), Some(Ending::Done), "{:?}", world.state.stuck());
        prop_assert_eq!(world.live.len(), 1);
        let newest = world.versions.last().unwrap();
        prop_assert_eq!(&*world.live[0].id, newest);
    }
}

#[test]
fn a_release_is_by_time_or_by_confirmation() {
    let mut plan = rotation(false);
    plan.hold = PlannedHold { confirmed_by: vec![Text::lossy("team")], time_s: None };
    let mut world = World::new(false);
    world.state = TargetState::new(Arc::new(plan));
    world.log.iter().for_each(|(e, at)| world.state.apply(e, *at).unwrap());
    while !matches!(world.state.next(world.now), Next::Wait(Pause::Confirmation { .. })) {
        world.turn(7);
    }
    let confirmed = ConsumerConfirmed {
        unlisted: false,
        by: Text::lossy("ann"),
        consumer: Text::lossy("team"),
        how: Text::lossy("inbox"),
    };
    world.record(confirmed.into());
    assert!(matches!(
        world.state.next(world.now),
        Next::Record(Event::StepDone(StepDone { effect: Effect::Held { how: Release::Confirmed }, .. }))
    ));
}

/// The removal of a first lost value began long ago: that says nothing of the second one's.
#[test]
fn the_patience_of_an_undo_begins_anew_with_each_credential() {
    let mut world = World::new(false);
    for _ in 0..2 {
        while world.state.minted().is_none() {
            world.turn(7);
        }
        world.take_lane();
        let Next::Record(lost) = world.state.next(world.now) else { panic!("the value is lost") };
        world.record(lost);
        let Next::Act(act) = world.state.next(world.now) else { panic!("it is discarded") };
        let Deed::Discard(credential) = act.deed else { panic!("{act:?}") };
        let (attempt, step) = (act.attempt, act.step);
        world.now = world.now.after(Duration::from_secs(3600));
        world.record(StepIntent { attempt, request: Text::lossy("r"), step, undo: true }.into());
        assert_eq!(world.state.first_attempt_at(step, true), Some(world.now));
        let effect = Effect::Discarded { credential };
        world.record(StepDone { attempt, effect, step, undo: true }.into());
        assert_eq!(world.state.first_attempt_at(step, true), None, "it is gone");
    }
}

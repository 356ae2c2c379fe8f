//! Recovery from every prefix of the log: what was decided live is decided again, or the step in
//! doubt is looked for.

use reissue::domain::event::{Event, Line};
use reissue::domain::folds::{Folds, Stand};
use reissue::domain::id::{Digest, TargetId};
use reissue::domain::plan::{PackedPlan, Plan, file};
use reissue::domain::target::{Act, Deed, Next, Pause, TargetState};
use reissue::drill::{self, Audience};
use reissue::engine::recovery::Recovery;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keeps the plan's digest and every line.
#[derive(Default)]
struct Heard {
    digest: Option<Digest>,
    lines: Vec<Line>,
}

impl Audience for Heard {
    fn planned(&mut self, _: &Plan, digest: &Digest) {
        self.digest = Some(*digest);
    }
    fn event(&mut self, line: &Line) {
        self.lines.push(line.clone());
    }
}

fn hold(playbook: &str, seed: u64) -> (Plan, Heard) {
    let text = std::fs::read_to_string(format!("{playbook}.yaml")).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let env = drill::environment(seed);
        let mut heard = Heard::default();
        let result = drill::hold(&env, &text, &mut heard).await.unwrap();
        (result.plan, heard)
    })
}

/// What the recovered state decides, beside what the live run then recorded for that target.
fn agrees(decided: &Next, recorded: &Event) -> bool {
    match (decided, recorded) {
        (Next::Record(event), recorded) => same_kind(event, recorded),
        (Next::Act(Act { attempt, deed, step }), Event::StepIntent(e)) => {
            !matches!(deed, Deed::Look { .. }) && (e.step, e.attempt) == (*step, *attempt)
        }
        // The outcome of an intent that was open: recovery would look for it first.
        (
            Next::Act(Act { deed: Deed::Look { .. }, step, .. }),
            Event::StepDone(_) | Event::StepFailed(_) | Event::StepLooked(_),
        ) => step_of(recorded) == Some(*step),
        // People spoke, or the world moved: recorded while the target waited or was about to act.
        (Next::Wait(Pause::Confirmation { .. }), Event::ConsumerConfirmed(_)) => true,
        (Next::Wait(Pause::Approval(_)), Event::SignInsRead(_)) => true,
        (_, Event::DriftSeen(_)) => true,
        _ => false,
    }
}

fn step_of(event: &Event) -> Option<u16> {
    match event {
        Event::StepDone(e) => Some(e.step),
        Event::StepFailed(e) => Some(e.step),
        Event::StepLooked(e) => Some(e.step),
        _ => None,
    }
}

fn same_kind(a: &Event, b: &Event) -> bool {
    a.name() == b.name() && (a == b || matches!(a, Event::HoldOpened(_)))
}

fn every_prefix(playbook: &str, seed: u64) {
    let (plan, heard) = hold(playbook, seed);
    let plan = Arc::new(PackedPlan::read(&file::write(&plan).unwrap()).unwrap());
    assert_eq!(heard.digest, Some(plan.digest()));
    let mut decided = 0;
    for cut in 0..heard.lines.len() {
        let mut recovery = Recovery::new(&plan);
        heard.lines[..cut].iter().for_each(|line| recovery.fold(line));
        assert!(recovery.illegal.is_none(), "{playbook}, {cut} lines: {:?}", recovery.illegal);
        let next = &heard.lines[cut];
        let Some(state) = next.target.and_then(|id| recovery.states.state(id)) else { continue };
        let decision = state.next(next.time);
        assert!(
            agrees(&decision, &next.event),
            "{playbook}, seed {seed}, after {cut} lines: recovery decides {decision:?}, live was {:?}",
            next.event
        );
        decided += 1;
    }
    assert!(decided > 5, "{playbook}: only {decided} decisions were compared");
}

#[test]
fn a_secret_rotation() {
    every_prefix("playbooks/leaked-app-secret", 1);
    every_prefix("playbooks/leaked-app-secret", 2);
}

#[test]
fn a_certificate() {
    every_prefix("tests/playbooks/one-certificate", 1);
}

#[test]
fn a_user_an_application_and_containment() {
    for playbook in ["tests/playbooks/one-user", "tests/playbooks/one-disable", "playbooks/contain-first"] {
        every_prefix(playbook, 1);
    }
}

#[test]
fn all_kinds_together() {
    every_prefix("tests/playbooks/every-kind", 3);
}

/// What a judge keeps without plans, packed and unpacked all the time in this build, is after each line what the engine
/// keeps with them.
#[test]
fn a_judge_folds_as_the_engine_does() {
    for (playbook, seed) in [("tests/playbooks/every-kind", 3), ("playbooks/contain-first", 1)] {
        let (plan, heard) = hold(playbook, seed);
        let plan = Arc::new(PackedPlan::read(&file::write(&plan).unwrap()).unwrap());
        let mut states: BTreeMap<TargetId, TargetState> =
            plan.changes().map(|t| (t.id, TargetState::new(Arc::new(t)))).collect();
        let mut folds = Folds::fresh(plan);
        let of_run = heard.lines.iter().skip_while(|l| !matches!(l.event, Event::RunStarted(_))).skip(1);
        for line in of_run.filter(|l| l.run.is_some()) {
            match line.target {
                None => {
                    folds.say(&line.event, line.time);
                    states.values_mut().for_each(|s| s.apply(&line.event, line.time).unwrap());
                }
                Some(id) => {
                    // What the plan leaves alone is folded by nobody.
                    let Some(state) = states.get_mut(&id) else { continue };
                    state.apply(&line.event, line.time).unwrap();
                    folds.get(id).unwrap().apply(&line.event, line.time).unwrap();
                }
            }
            for (id, state) in &states {
                assert_eq!(folds.look(*id).as_deref(), Some(&**state), "{playbook}, line {}", line.seq);
            }
            let stand = |s: &TargetState| Stand { ending: s.ending(), unresolved: s.unresolved() };
            assert!(folds.stands().eq(states.iter().map(|(id, s)| (*id, stand(s)))), "line {}", line.seq);
        }
        assert!(states.values().all(|s| s.ending().is_some()), "{playbook}: the run was told to its end");
    }
}

/// The same seed gives the same log, byte for byte; another seed does not.
#[test]
fn the_same_seed_gives_the_same_log() {
    let bytes = |seed| -> Vec<Vec<u8>> {
        hold("playbooks/leaked-app-secret", seed).1.lines.iter().map(|l| l.to_bytes().unwrap()).collect()
    };
    assert_eq!(bytes(7), bytes(7));
    assert_ne!(bytes(7), bytes(8));
}

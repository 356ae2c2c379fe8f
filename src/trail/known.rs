//! What the log says of the tenant that makes the next plan: which runs are over, and what they
//! switched off and left off.

use super::{Home, HomeError};
use crate::domain::event::{Event, Line, Sighting};
use crate::domain::id::TargetId;
use crate::domain::plan::PackedPlan;
use crate::domain::plan::make::Known;
use crate::domain::step::Effect;
use crate::domain::text::Text;

/// Reads the whole log once. Who may approve is not in it.
pub fn known(home: &Home) -> Result<Known, HomeError> {
    let objects = home.objects();
    let (mut known, mut plan) = (Known::default(), None);
    for read in home.read_log()? {
        let line = read?.line;
        match &line.event {
            // A plan that cannot be read has no objects: nothing is restored because of it.
            Event::RunStarted(e) => plan = objects.plan(&e.plan).ok(),
            Event::RunFinished(_) => known.finished_runs.extend(line.run.clone()),
            _ => {}
        }
        let Some((target, step, undo, effect)) = effect_of(&line) else { continue };
        let is_off = match effect {
            Effect::Switched { was_enabled: true } | Effect::Blocked { was_enabled: true } if !undo => true,
            Effect::Unblocked => false,
            _ => continue,
        };
        let Some(object) = plan.as_ref().and_then(|p| object_of(p, target, step)) else { continue };
        match is_off {
            true => drop(known.switched_off.insert(object)),
            false => drop(known.switched_off.remove(&object)),
        }
    }
    Ok(known)
}

fn effect_of(line: &Line) -> Option<(TargetId, u16, bool, &Effect)> {
    match &line.event {
        Event::StepDone(e) => Some((line.target?, e.step, e.undo, &e.effect)),
        Event::StepLooked(e) => match &e.sighting {
            Sighting::Done { effect } => Some((line.target?, e.step, e.undo, effect)),
            _ => None,
        },
        _ => None,
    }
}

fn object_of(plan: &PackedPlan, target: TargetId, step: u16) -> Option<Text<128>> {
    plan.target(target)?.step(step).map(|s| s.object.clone())
}

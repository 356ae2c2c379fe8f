//! What a batch of runs must have met: every fault and every branch. A counter that stays at zero
//! means that the simulator does not test what it says it does.

use crate::model::Target;
use reissue::domain::event::{Cause, Event, Sighting};
use reissue::domain::step::{Effect, Proof, Release, Verb};

/// A line in words, without anything that is long.
pub(crate) fn detail(event: &Event) -> String {
    match event {
        Event::StepIntent(e) => format!("intent step {} attempt {} undo {}", e.step, e.attempt, e.undo),
        Event::StepDone(e) => format!("done step {} undo {} {:?}", e.step, e.undo, e.effect),
        Event::StepFailed(e) => {
            let f = &e.fault;
            format!(
                "failed step {} undo {}: {} ({:?}) retry {:?}",
                e.step, e.undo, f.code, f.happened, e.retry_at
            )
        }
        Event::StepLooked(e) => format!("looked step {} undo {} {:?}", e.step, e.undo, e.sighting),
        Event::LogOpened(_) => "log.opened".into(),
        Event::ApprovalRecorded(e) => {
            format!("approval {} {:?} {:?} until {}", e.approver, e.decision, e.phase, e.expires)
        }
        other => format!("{} {other:?}", other.name()).chars().take(240).collect(),
    }
}

/// Under which names a line is counted.
pub(crate) fn words(event: &Event, target: Option<&Target>) -> Vec<String> {
    let verb = |no: u16| target.and_then(|t| t.step(no)).map_or(Verb::Prove, |s| s.verb);
    let undo = |u: bool| if u { "undo of " } else { "" };
    let mut out = vec![event.name().to_owned()];
    match event {
        Event::StepLooked(e) => {
            let found = match e.sighting {
                Sighting::Absent => "absent",
                Sighting::Done { .. } => "done",
                Sighting::Orphan { .. } => "orphan",
            };
            out.push(format!("looked: {}{} {found}", undo(e.undo), verb(e.step)));
        }
        Event::StepDone(e) if e.undo => out.push(format!("undone: {}", verb(e.step))),
        Event::StepDone(e) => match &e.effect {
            Effect::Held { how: Release::Confirmed } => out.push("hold ended: confirmed".into()),
            Effect::Held { how: Release::Time } => out.push("hold ended: time".into()),
            Effect::Proved { proof: Proof::Absent, .. } => out.push("proved: absent".into()),
            Effect::Proved { proof: Proof::Refused, .. } => out.push("proved: refused".into()),
            Effect::Proved { .. } => out.push("proved: refused, never seen accepted".into()),
            _ => {}
        },
        Event::TargetUnwinding(e) => out.push(format!("unwinding: {}", cause(&e.cause))),
        Event::TargetStuck(e) => out.push(format!("stuck: {}", cause(&e.cause))),
        Event::TargetEnded(e) => out.push(format!("ended: {:?}", e.ending)),
        Event::DriftSeen(e) => {
            let word = if e.stops { "stops" } else { "is a finding" };
            out.push(format!("drift: {:?} {word}", e.change));
        }
        Event::RunSwept(e) if e.found > 0 => out.push("sweep found something".into()),
        _ => {}
    }
    out
}

fn cause(cause: &Cause) -> &'static str {
    match cause {
        Cause::Aborted => "aborted",
        Cause::Drift { .. } => "drift",
        Cause::Fault { .. } => "fault",
        Cause::NoWayBack => "no way back",
        Cause::StillAlive => "still alive",
    }
}

//! Events and effects as sentences. Every field that matters to a reader is said; the matches are
//! complete, so that a new event cannot go untold.

use super::model::EventRow;
use crate::domain::event::{
    Cause, Decision, Drift, Environment, Event, Happened, Resolution, Sighting, StepFailed, StepLooked,
};
use crate::domain::id::{few, hex};
use crate::domain::step::{Effect, Release};
use crate::domain::text::count;
use crate::domain::time::show_span;
use crate::trail::reader::Read;
use std::time::Duration;

/// One line of the log as a row of the event table.
pub(super) fn row(read: &Read) -> EventRow {
    let Read { leaf, line, place: _ } = read;
    EventRow {
        seq: line.seq,
        at: line.time,
        code: line.event.code(),
        event: line.event.name(),
        run: line.run.clone(),
        target: line.target,
        text: event(&line.event),
        leaf: hex(leaf),
    }
}

/// What an event says.
pub fn event(event: &Event) -> String {
    of_log(event).or_else(|| of_run(event)).or_else(|| of_target(event)).unwrap_or_else(|| of_step(event))
}

pub fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Lab => "lab",
        Environment::Production => "production",
    }
}

fn of_log(event: &Event) -> Option<String> {
    Some(match event {
        Event::LogOpened(e) => format!(
            "the log was opened by `reissue {}` {} ({}), {} installation {}",
            e.command,
            e.version,
            e.process,
            environment(e.environment),
            e.install
        ),
        Event::LogTornTail(e) => {
            format!("a torn last line of {} was set aside as {}", count(e.bytes, "byte", "bytes"), e.object)
        }
        Event::LogClosed(e) => format!("the log was closed after {}", count(e.events, "line", "lines")),
        Event::LogMirrored(e) => format!("every line goes to {} too, before anything is done", e.to),
        Event::RosterChanged(e) => format!(
            "roster number {} is in force: signed by {}; approvals given before count no more",
            e.version,
            e.by.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", ")
        ),
        Event::LogCountersigned(e) => format!("checkpoints are countersigned by {} from here on", e.vkey),
        Event::LogHandedOver(e) => format!(
            "{} hands the log over to {}, under the key {}: signed, and endorsed from here on",
            e.by, e.operator, e.to
        ),
        Event::RunClaimed(e) => format!("the lease in {} is ours until {}", e.place, e.until.short()),
        Event::ApprovalRecorded(e) => {
            let does = match e.decision {
                Decision::Approve if e.break_glass => "BREAKS GLASS, and alone approves",
                Decision::Approve => "approves",
                Decision::Reject => "REJECTS",
                Decision::Withdraw => "withdraws the reject of",
            };
            format!("{} {does} the {} phase, until {}", e.approver, e.phase, e.expires.short())
        }
        Event::ApprovalRefused(e) => format!("an approval was not taken: {}", e.reason),
        Event::NoteRefused(e) => format!("a note was not taken: {}", e.reason),
        Event::PhaseOpened(e) => {
            let targets =
                if e.targets.is_empty() { String::new() } else { format!(" for {}", few(&e.targets)) };
            format!(
                "the {} phase is open{targets} until {}, with {}",
                e.phase,
                e.expires.short(),
                count(e.approvals.len(), "approval", "approvals")
            )
        }
        _ => return None,
    })
}

fn of_run(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunStarted(e) => {
            format!("the run begins: {}, started by {}", count(e.targets, "target", "targets"), e.operator)
        }
        Event::RunResumed(e) => format!("the run is resumed by {} ({})", e.operator, e.process),
        Event::LaneTaken(e) => format!("writer number {} takes the run", e.epoch),
        Event::RunPaused(e) => format!("PAUSED by {}: {}", e.by, e.reason),
        Event::RunContinued(e) => format!("continued by {}", e.by),
        Event::RunAborted(e) => format!("ABORTED by {}: {}", e.by, e.reason),
        Event::StoreProbed(e) => {
            format!("store {}: a probe was written and read back (version {})", e.place.store, e.version)
        }
        Event::RunSwept(e) => format!(
            "{} swept for forgotten credentials of this run: {} found, {} to be removed",
            count(e.looked_at, "object was", "objects were"),
            e.found,
            e.removed.len()
        ),
        Event::RunFinished(e) => format!(
            "the run is finished: {} done, {} undone, {} stuck, {} left alone, {} outcomes unknown",
            e.done, e.undone, e.stuck, e.excepted, e.unresolved
        ),
        _ => return None,
    })
}

fn of_target(event: &Event) -> Option<String> {
    Some(match event {
        Event::TargetStarted(e) => {
            format!("{} begins: {}, {}", e.name, e.kind, count(e.steps, "step", "steps"))
        }
        Event::TargetExcepted(e) => format!("{} is left alone, as planned ({})", e.name, e.code),
        Event::TargetUnwinding(e) => format!("goes back: {}", cause(&e.cause)),
        Event::TargetStuck(e) => format!("STUCK at step {}: {}; a person is needed", e.step, cause(&e.cause)),
        Event::TargetResolved(e) => {
            let how = match e.how {
                Resolution::Abandoned => "abandoned",
                Resolution::Done => "done by hand",
            };
            format!("{} settles it as {how}: {}", e.by, e.reason)
        }
        Event::TargetEnded(e) => {
            use crate::domain::event::Ending;
            let how = match e.ending {
                Ending::Abandoned => "abandoned",
                Ending::Done => "done",
                Ending::DoneNotEvicted => "done, but other ways in were not reviewed",
                Ending::Partial => "done in part",
                Ending::Undone => "undone",
            };
            format!("ended: {how}")
        }
        Event::ValueLost(e) => {
            format!("the value of {} is lost with its process; the credential is discarded", e.credential)
        }
        Event::HoldOpened(e) => {
            let until = e.until.map(|u| format!(" until {}", u.short())).unwrap_or_default();
            let who: Vec<&str> = e.confirm.iter().map(|c| c.as_str()).collect();
            let who =
                if who.is_empty() { String::new() } else { format!(", waiting for {}", who.join(", ")) };
            format!("hold{until}{who}")
        }
        Event::ConsumerConfirmed(e) => {
            let who = if e.unlisted { ", who is not on the roster" } else { "" };
            format!("{} has moved, says {}{who} ({})", e.consumer, e.by, e.how)
        }
        Event::SignInsRead(e) => e.sign_ins.to_string(),
        Event::DriftSeen(e) => {
            let stops = if e.stops { "; this target stops" } else { "" };
            let subject = e.subject.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
            format!("the world moved: {} on {}{subject}{stops}", drift(e.change), e.object)
        }
        _ => return None,
    })
}

fn of_step(event: &Event) -> String {
    match event {
        Event::StepIntent(e) => {
            let what = if e.undo { "undo of step" } else { "step" };
            format!("{what} {}, attempt {}, is about to begin (request {})", e.step, e.attempt, e.request)
        }
        Event::StepDone(e) => {
            let what = if e.undo { "undo of step" } else { "step" };
            format!("{what} {}: {}", e.step, effect(&e.effect))
        }
        Event::StepFailed(e) => failed(e),
        Event::StepLooked(e) => looked(e),
        other => other.name().to_owned(),
    }
}

fn failed(e: &StepFailed) -> String {
    let StepFailed { attempt, fault, retry_at, step, undo } = e;
    let what = if *undo { "undo of step" } else { "step" };
    let doubt = match fault.happened {
        Happened::No => "nothing happened",
        Happened::Unknown => "whether it happened is in doubt",
    };
    let again = retry_at.map(|at| format!("; again at {}", at.short())).unwrap_or_default();
    format!("{what} {step}, attempt {attempt}, failed with {}: {doubt}{again}", fault.code)
}

fn looked(e: &StepLooked) -> String {
    let step = e.step;
    match &e.sighting {
        Sighting::Absent => format!("step {step} was in doubt: looked, it did not happen"),
        Sighting::Done { effect: done } => {
            format!("step {step} was in doubt: looked, it happened: {}", effect(done))
        }
        Sighting::Orphan { credential } => {
            format!("step {step} was in doubt: {credential} is ours and nobody has its value")
        }
    }
}

pub fn drift(change: Drift) -> &'static str {
    match change {
        Drift::AnotherRun => "a credential bears the mark of another run",
        Drift::CredentialAdded => "a credential was added",
        Drift::CredentialGone => "a credential is gone",
        Drift::ObjectGone => "the object is gone",
        Drift::PropertyChanged => "a property changed",
        Drift::StateChanged => "its switch changed",
        Drift::StoreChanged => "the store changed",
    }
}

pub fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Aborted => "the run was aborted".into(),
        Cause::Drift { change } => format!("the world moved since the plan ({})", drift(*change)),
        Cause::Fault { code } => format!("the service answered {code}"),
        Cause::NoWayBack => "there is no way back from here".into(),
        Cause::StillAlive => "the old credential still works".into(),
    }
}

/// What a step left behind.
pub fn effect(effect: &Effect) -> String {
    let on = |b: bool| if b { "on" } else { "off" };
    match effect {
        Effect::Attached { credential, not_after } => {
            format!("{credential} attached, valid until {}", not_after.short())
        }
        Effect::Blocked { was_enabled } => format!("sign-in blocked (it was {})", on(*was_enabled)),
        Effect::Delivered { place, version } => format!("delivered to {place}, version {version}"),
        Effect::Detached { credential } => format!("{credential} detached"),
        Effect::Discarded { credential } => format!("{credential} discarded; nobody had used it"),
        Effect::Held { how: Release::Confirmed } => "hold over: everybody confirmed".into(),
        Effect::Held { how: Release::Time } => {
            "hold over: its time had passed, and no confirmation was missing".into()
        }
        Effect::Minted { credential, keeper: _, not_after } => {
            format!("{credential} made, valid until {}", not_after.short())
        }
        Effect::Proved { credential, horizon, proof, times } => {
            let what = credential.as_ref().map_or("it".to_owned(), ToString::to_string);
            format!(
                "{what} is dead: {proof}, {}; tokens may live until {}",
                count(*times, "time", "times"),
                horizon.short()
            )
        }
        Effect::Published { place, previous: _, version } => {
            format!("published to {place}, version {version}")
        }
        Effect::Rechecked { credential: _, old_accepted, times, version } => {
            let old = if *old_accepted { "; the old one was still accepted" } else { "" };
            format!(
                "the store's newest version {version} was accepted {}{old}",
                count(*times, "time", "times")
            )
        }
        Effect::Rejected { code } => format!("the cloud refuses this switch ({code}); it was left as it was"),
        Effect::Reset { changed_at } => format!("password reset at {}", changed_at.short()),
        Effect::Restored { place, version } => {
            format!("{place} holds its previous value again, as version {version}")
        }
        Effect::Retired { credential } => format!("{credential} removed"),
        Effect::Revoked { valid_from } => format!("sessions begun before {} are over", valid_from.short()),
        Effect::Snapshotted { was_enabled } => format!("it was {}", on(*was_enabled)),
        Effect::Switched { was_enabled } => format!("switched off (it was {})", on(*was_enabled)),
        Effect::Unblocked => "sign-in possible again".into(),
        Effect::Verified { credential, times, window_s } => format!(
            "{credential} accepted {} in a row over {}",
            count(*times, "time", "times"),
            show_span(Duration::from_secs((*window_s).into()))
        ),
        Effect::Watched { times } => format!("stayed so in {}", count(*times, "read", "reads")),
    }
}

//! A run as people read it while it goes on, and how it ended.

use super::ExitCode;
use super::human::Output;
use crate::domain::event::{Cause, Decision, Event, Happened, Line, RunFinished, Sighting, StepLooked};
use crate::domain::id::few;
use crate::domain::retry::CUT_SHORT;
use crate::domain::step::{Effect, Release};
use crate::domain::text::count;
use crate::domain::time::show_span;
use crate::engine::{Left, Outcome};
use std::time::Duration;

/// One event: the line itself for programs, a sentence for people.
pub(crate) fn event(out: &mut Output, line: &Line) {
    if out.is_json() {
        if let Ok(bytes) = line.to_bytes() {
            out.raw(&format!("{}\n", String::from_utf8_lossy(&bytes)));
        }
        return;
    }
    if let Some(said) = sentence(&line.event) {
        let target = line.target.map(|t| format!("{t} ")).unwrap_or_default();
        out.line(&format!("{}  {target}{said}", line.time.short()));
    }
}

/// What an event says to a person; none for those that only the record needs.
pub(crate) fn sentence(event: &Event) -> Option<String> {
    of_run(event).or_else(|| of_target(event))
}

/// Events of the log and of the whole run.
fn of_run(event: &Event) -> Option<String> {
    Some(match event {
        Event::LogTornTail(e) => {
            format!("a torn last line of {} was set aside", count(e.bytes, "byte", "bytes"))
        }
        Event::ApprovalRecorded(e) => {
            let does = match e.decision {
                Decision::Approve if e.break_glass => "BREAKS GLASS, and alone approves",
                Decision::Approve => "approves",
                Decision::Reject => "REJECTS",
                Decision::Withdraw => "withdraws the reject of",
            };
            format!("{} {does} the {} phase, until {}", e.approver, e.phase, e.expires.short())
        }
        Event::NoteRefused(e) => format!("a note was not taken: {}", e.reason),
        Event::ApprovalRefused(e) => format!("an approval was not taken: {}", e.reason),
        Event::PhaseOpened(e) if e.targets.is_empty() => {
            format!("{} phase open until {}", e.phase, e.expires.short())
        }
        Event::PhaseOpened(e) => {
            format!("{} phase open for {} until {}", e.phase, few(&e.targets), e.expires.short())
        }
        Event::RunStarted(e) => {
            format!("run started: {}, by {}", count(e.targets, "target", "targets"), e.operator)
        }
        Event::RunResumed(e) => format!("run resumed by {}", e.operator),
        Event::LogMirrored(e) => format!("mirrored to {}", e.to),
        Event::RosterChanged(e) => format!("ROSTER number {} in force", e.version),
        Event::LogCountersigned(e) => format!("checkpoints countersigned by {}", e.vkey),
        Event::LogHandedOver(e) => format!("log HANDED OVER by {} to {}", e.by, e.operator),
        Event::RunPaused(e) => format!("PAUSED by {}: {}", e.by, e.reason),
        Event::RunContinued(e) => format!("continued by {}", e.by),
        Event::RunAborted(e) => format!("ABORTED by {}: {}", e.by, e.reason),
        Event::StoreProbed(e) => format!("store {} can be written and read", e.place.store),
        Event::RunSwept(e) => format!(
            "sweep: {}, {}",
            count(e.looked_at, "object", "objects"),
            count(e.found, "forgotten credential", "forgotten credentials")
        ),
        Event::RunFinished(e) => format!(
            "run finished: {} done, {} stuck, {} undone, {} left alone",
            e.done, e.stuck, e.undone, e.excepted
        ),
        _ => return None,
    })
}

/// Events of one target.
fn of_target(event: &Event) -> Option<String> {
    Some(match event {
        Event::TargetStarted(e) => {
            format!("{}: {} begins, {}", e.name, e.kind, count(e.steps, "step", "steps"))
        }
        Event::TargetExcepted(e) => format!("{}: left alone [{}]", e.name, e.code),
        Event::StepDone(e) => effect(&e.effect),
        Event::StepFailed(e) if e.fault.code.as_str() == CUT_SHORT => {
            format!("step {} was cut short with nothing sent: it begins again on resume", e.step)
        }
        Event::StepFailed(e) => {
            let doubt = if e.fault.happened == Happened::Unknown { ", its effect is in doubt" } else { "" };
            let again = e.retry_at.map(|at| format!(", again from {} on", at.short())).unwrap_or_default();
            format!("step {} failed: {}{doubt}{again}", e.step, e.fault.code)
        }
        Event::StepLooked(e) => looked(e),
        Event::ValueLost(e) => {
            format!("the value of {} is lost with its process: it will be discarded", e.credential)
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
            let stops = if e.stops { ", this target stops" } else { "" };
            format!("the world moved: {:?} on {}{stops}", e.change, e.object)
        }
        Event::TargetUnwinding(e) => format!("going back: {}", cause(&e.cause)),
        Event::TargetStuck(e) => {
            format!("STUCK at step {}: {}; a person is needed", e.step, cause(&e.cause))
        }
        Event::TargetResolved(e) => format!("resolved by {} as {:?}: {}", e.by, e.how, e.reason),
        Event::TargetEnded(e) => format!("ended: {:?}", e.ending),
        _ => return None,
    })
}

fn looked(e: &StepLooked) -> String {
    let step = e.step;
    match &e.sighting {
        Sighting::Absent => format!("step {step} in doubt: looked, it did not happen"),
        Sighting::Done { .. } => format!("step {step} in doubt: looked, it happened"),
        Sighting::Orphan { credential } => {
            format!("step {step} in doubt: {credential} is ours and nobody has its value")
        }
    }
}

/// Why a target goes back or is stuck.
pub(crate) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Aborted => "the run was aborted".into(),
        Cause::Drift { change } => format!("the world moved since the plan ({change:?})"),
        Cause::Fault { code } => code.to_string(),
        Cause::NoWayBack => "there is no way back from here".into(),
        Cause::StillAlive => "the old credential is still alive".into(),
    }
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Attached { credential, not_after } => {
            format!("attached {credential}, valid until {}", not_after.short())
        }
        Effect::Blocked { .. } => "sign-in blocked".into(),
        Effect::Delivered { place, .. } => format!("delivered to {place}"),
        Effect::Detached { credential } => format!("detached {credential}"),
        Effect::Discarded { credential } => format!("discarded {credential}, which nobody used"),
        Effect::Held { how } => match how {
            Release::Confirmed => "the hold is over: everybody confirmed".into(),
            Release::Time => "the hold is over: its time has passed, and no confirmation is missing".into(),
        },
        Effect::Minted { credential, not_after, .. } => {
            format!("minted {credential}, valid until {}", not_after.short())
        }
        Effect::Proved { credential, horizon, proof, times } => {
            let what = credential.as_ref().map_or("it".to_owned(), ToString::to_string);
            format!(
                "{what} is dead: {proof}, {}; tokens issued with it may live until {}",
                count(*times, "time", "times"),
                horizon.short()
            )
        }
        Effect::Published { place, .. } => format!("published to {place}"),
        Effect::Rechecked { old_accepted, times, .. } => {
            let old = if *old_accepted { "; the old one is still accepted" } else { "" };
            format!("the store holds the new value, accepted {}{old}", count(*times, "time", "times"))
        }
        Effect::Rejected { code } => format!("the cloud refuses this switch ({code}): left as it was"),
        Effect::Reset { changed_at } => format!("password reset, changed at {}", changed_at.short()),
        Effect::Restored { place, .. } => format!("{place} holds its previous value again"),
        Effect::Retired { credential } => format!("retired {credential}"),
        Effect::Revoked { valid_from } => format!("sessions from before {} are over", valid_from.short()),
        Effect::Snapshotted { was_enabled } => {
            format!("noted: it was {}", if *was_enabled { "on" } else { "off" })
        }
        Effect::Switched { .. } => "switched off".into(),
        Effect::Unblocked => "sign-in possible again".into(),
        Effect::Verified { times, window_s, .. } => {
            format!(
                "the new one was accepted {} over {}",
                count(*times, "time", "times"),
                show_span(Duration::from_secs((*window_s).into()))
            )
        }
        Effect::Watched { times } => format!("stays so, in {}", count(*times, "read", "reads")),
    }
}

/// The last lines: what was reached, and what to do now.
pub(crate) fn outcome(out: &mut Output, outcome: &Outcome) {
    let Outcome { left, done, not_evicted, partial, undone, stale, abandoned, stuck, excepted } = outcome;
    out.line(&format!(
        "\n{done} done, {not_evicted} rotated but not evicted, {undone} undone, {abandoned} abandoned, {stuck} stuck, \
         {excepted} left alone."
    ));
    if *partial > 0 {
        out.line(&format!(
            "{partial} done in part: the cloud refuses a switch; the report says what is left."
        ));
    }
    if *not_evicted > 0 {
        out.line("Rotated, not evicted: other ways in were seen there that nobody has reviewed; the plan lists them.");
    }
    if *stale > 0 {
        out.line(&format!(
            "{stale} of the undone: the world had moved since the plan. Make a new plan for them."
        ));
    }
    match left {
        Left::Finished if *stuck > 0 => out.line("Stuck targets wait for a person."),
        Left::Finished => {}
        Left::Holding { until, confirm } => {
            if let Some(until) = until {
                out.line(&format!("Holding until {}.", until.short()));
            }
            for (target, consumer) in confirm {
                out.line(&format!("Waiting for {consumer} of {target}."));
            }
        }
        Left::Approval(phase) => out.line(&format!("The {phase} phase needs approvals.")),
        Left::Paused => out.line("Paused."),
        Left::Interrupted => out.line("Interrupted at a safe place."),
    }
}

/// How a run ended, for the shell.
pub(crate) fn exit_code(outcome: &Outcome) -> ExitCode {
    match &outcome.left {
        _ if outcome.stuck + outcome.partial > 0 => ExitCode::Stuck,
        Left::Finished if outcome.undone + outcome.abandoned > outcome.stale => ExitCode::FailedUndone,
        Left::Finished if outcome.stale > 0 => ExitCode::PlanStale,
        Left::Finished => ExitCode::Done,
        Left::Holding { .. } | Left::Paused => ExitCode::Holding,
        Left::Approval(_) => ExitCode::Approval,
        Left::Interrupted => ExitCode::Interrupted,
    }
}

/// The same of a run that is over, by what its last event says.
pub(crate) fn exit_code_of(finished: &RunFinished) -> ExitCode {
    match finished {
        RunFinished { stuck: 1.., .. } | RunFinished { partial: 1.., .. } => ExitCode::Stuck,
        RunFinished { undone: 1.., .. } => ExitCode::FailedUndone,
        _ => ExitCode::Done,
    }
}

/// How a run ended, in one line.
pub(crate) fn short(outcome: &Outcome) -> String {
    let Outcome { left, done, not_evicted, partial, undone, stale: _, abandoned, stuck, excepted } = outcome;
    let counts = [
        (done, "done"),
        (not_evicted, "rotated, not evicted"),
        (partial, "done in part"),
        (undone, "undone"),
        (abandoned, "abandoned"),
        (stuck, "stuck"),
        (excepted, "left alone"),
    ];
    let counts = counts.iter().filter(|(n, what)| **n > 0 || *what == "done");
    let mut said: Vec<String> = counts.map(|(n, what)| format!("{n} {what}")).collect();
    match left {
        Left::Finished => {}
        Left::Holding { until: Some(until), .. } => said.push(format!("holding until {}", until.short())),
        Left::Holding { until: None, .. } => said.push("waiting for consumers".into()),
        Left::Approval(phase) => said.push(format!("the {phase} phase needs approvals")),
        Left::Paused => said.push("paused".into()),
        Left::Interrupted => said.push("interrupted at a safe place".into()),
    }
    said.join(", ")
}

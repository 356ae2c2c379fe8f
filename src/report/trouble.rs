//! What did not go as planned, what people did by hand, and what is not done.

use super::model::{ExceptedReport, Fate, Open, Standing, TargetReport, Tone, Trouble};
use super::record::Record;
use super::words;
use crate::domain::event::{Event, Line};
use crate::domain::text::count;

/// Deviations, failures, retries, undo, manual resolutions, in the order of the log.
pub(super) fn list(record: &Record) -> Vec<Trouble> {
    // A torn line belongs to no run, but whoever reads about this one wants to know of it.
    let torn = |l: &&Line| {
        l.run.is_none() && matches!(l.event, Event::LogTornTail(_)) && l.time >= record.started_at
    };
    let mut all: Vec<&Line> = record.of_run().collect();
    all.extend(record.lines.iter().map(|r| &r.line).filter(torn));
    all.sort_by_key(|l| l.seq);
    all.into_iter().filter_map(trouble).collect()
}

fn trouble(line: &Line) -> Option<Trouble> {
    let mut by = None;
    let sort = match &line.event {
        Event::LogTornTail(_) => "crash",
        Event::ApprovalRefused(_) | Event::NoteRefused(_) => "refused",
        Event::RunResumed(e) => {
            by = Some(e.operator.to_string());
            "resumed"
        }
        Event::RunPaused(e) => {
            by = Some(e.by.to_string());
            "paused"
        }
        Event::RunContinued(e) => {
            by = Some(e.by.to_string());
            "continued"
        }
        Event::RunAborted(e) => {
            by = Some(e.by.to_string());
            "aborted"
        }
        Event::RunSwept(e) if e.found > 0 => "forgotten credential",
        Event::StepFailed(e) if e.retry_at.is_some() => "retry",
        Event::StepFailed(_) => "failure",
        Event::StepLooked(_) => "looked",
        Event::StepDone(e) if e.undo => "undo",
        Event::ValueLost(_) => "value lost",
        Event::SignInsRead(e) => match e.sign_ins.is_used() {
            Some(true) => "old one still used",
            None => "sign-ins not known",
            Some(false) => return None,
        },
        Event::DriftSeen(e) if e.stops => "drift, stopped",
        Event::DriftSeen(_) => "drift, noted",
        Event::TargetUnwinding(_) => "goes back",
        Event::TargetStuck(_) => "stuck",
        Event::TargetResolved(e) => {
            by = Some(e.by.to_string());
            "settled by hand"
        }
        Event::ConsumerConfirmed(e) => {
            by = Some(e.by.to_string());
            "attested"
        }
        _ => return None,
    };
    let what = words::event(&line.event);
    Some(Trouble { seq: line.seq, at: line.time, target: line.target, sort, what, by })
}

/// What is not done, or not known.
pub(super) fn open(record: &Record, targets: &[TargetReport], excepted: &[ExceptedReport]) -> Vec<Open> {
    let mut open = Vec::new();
    if record.finished.is_none() {
        let next = "`reissue status` says what it waits for; `reissue apply --resume` goes on";
        open.push(Open {
            target: None,
            name: "the run".into(),
            tone: Tone::Bad,
            what: "it is not finished: whatever follows the last line is not in this report".into(),
            next: next.into(),
        });
    }
    for target in targets {
        of_target(record, target, &mut open);
    }
    open.extend(excepted.iter().map(|e| Open {
        target: Some(e.id),
        name: e.name.clone(),
        tone: Tone::Bad,
        what: format!("left alone, as the approved plan said: {}", e.reason),
        next: e.next.clone(),
    }));
    open.sort_by_key(|o| (o.tone != Tone::Bad, o.target));
    open
}

/// What has to be done about a target that stands so.
fn next_of(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Done | Standing::DoneNotEvicted => None,
        Standing::Partial => Some(
            "the cloud refuses to disable the application itself: watch it, take its owners off, or delete it",
        ),
        Standing::Undone => Some("correct the cause, then plan and approve again"),
        Standing::Abandoned => Some("decide what replaces it; nothing more happens here"),
        Standing::Stuck => Some("`reissue status` shows what a person does by hand, then `reissue resolve`"),
        Standing::Running | Standing::Waiting => Some("`reissue apply --resume` goes on"),
    }
}

fn of_target(record: &Record, target: &TargetReport, open: &mut Vec<Open>) {
    let mut add = |tone, what: String, next: &str| {
        let (name, next) = (target.name.clone(), next.to_owned());
        open.push(Open { target: Some(target.id), name, tone, what, next });
    };
    let next = next_of(target.standing);
    if let Some(next) = next {
        add(target.standing.tone(), target.standing.words().to_owned(), next);
    }
    for old in &target.old {
        let named = old.id.as_ref().map_or(old.what.clone(), |id| format!("{} {id}", old.what));
        match (old.fate, &old.proof) {
            (Fate::StillUsable, _) => add(
                Tone::Bad,
                format!("{named} is still usable: nothing says when it will end"),
                "treat it as in the attacker's hands",
            ),
            (Fate::RemovedNotProved, _) => add(
                Tone::Caution,
                format!("{named} was removed; that it is dead is not proved"),
                "prove it by a read or a sign-in",
            ),
            (Fate::SaidDone, _) => add(
                Tone::Caution,
                format!("{named} is dead only by a person's word"),
                "ask that person for the evidence",
            ),
            (Fate::ProvedDead, Some(proof)) if proof.horizon > record.as_of() => add(
                Tone::Caution,
                format!("tokens issued with {named} may live until {}", proof.horizon.short()),
                "watch sign-in logs until then",
            ),
            (Fate::ProvedDead, _) => {}
        }
    }
    if target.standing == Standing::DoneNotEvicted {
        let ways = target.other_ways_in.len();
        let what = format!(
            "rotated, not evicted: {} seen there that nobody has reviewed",
            count(ways, "other way in was", "other ways in were")
        );
        add(Tone::Caution, what, "review each with its owner; replace or remove what is not needed");
    }
    let unknown = record.folds.look(target.id).map_or(0, |s| s.unresolved());
    if unknown > 0 {
        add(
            Tone::Bad,
            format!("the outcome of {} is not known", count(unknown, "step", "steps")),
            "look at the object before anything else",
        );
    }
}

//! One target: what was planned, what happened, and where it stands.

use super::credential;
use super::model::{ExceptedReport, Hold, Mark, NewCredential, Standing, TargetReport};
use super::record::Record;
use super::steps;
use crate::domain::event::{Ending, Event, Sighting};
use crate::domain::observation::Way;
use crate::domain::plan::{Excepted, PlannedTarget};
use crate::domain::playbook::model::{Consumer, Evidence, Refresh};
use crate::domain::step::{Effect, Release};
use crate::domain::target::Fold;
use crate::domain::time::{Timestamp, show_span};

pub(super) fn report(record: &Record, plan: &PlannedTarget) -> Option<TargetReport> {
    let fold = record.folds.look(plan.id)?;
    let standing = standing(&fold);
    let effects = effects(record, plan);
    let ways: Vec<_> = plan.other_ways_in().collect();
    let owners = ways.iter().filter(|w| w.what == Way::Owner).map(|w| w.name.to_string()).collect();
    let old = credential::old(record, plan, standing, &effects);
    let hold = hold(record, plan, &effects);
    let objects = plan.observation.objects.iter();
    Some(TargetReport {
        id: plan.id,
        name: plan.name.to_string(),
        kind: plan.kind.to_string(),
        subject: plan.subject.to_string(),
        contain: plan.contain,
        standing,
        evidence: plan.evidence.iter().map(evidence).collect(),
        owners,
        objects: objects.map(|o| [o.role.to_string(), o.name.to_string(), o.id.to_string()]).collect(),
        consumers: plan.consumers.iter().map(consumer).collect(),
        new: replacement(&effects),
        marks: marks(&old, &effects),
        expected: hold.as_ref().filter(|h| h.over.is_none()).and_then(|h| h.until),
        hold,
        other_ways_in: ways
            .iter()
            .map(|w| [w.what.to_string(), w.name.to_string(), w.id.to_string()])
            .collect(),
        steps: steps::rows(record, plan, &fold),
        warnings: plan.warnings.iter().map(ToString::to_string).collect(),
        old,
    })
}

fn standing(fold: &Fold) -> Standing {
    match fold.ending() {
        Some(Ending::Done) => Standing::Done,
        Some(Ending::DoneNotEvicted) => Standing::DoneNotEvicted,
        Some(Ending::Partial) => Standing::Partial,
        Some(Ending::Undone) => Standing::Undone,
        Some(Ending::Abandoned) => Standing::Abandoned,
        None if fold.stuck().is_some() => Standing::Stuck,
        None if fold.is_started() => Standing::Running,
        None => Standing::Waiting,
    }
}

/// An effect that was recorded, also one that was only found by looking.
pub(super) struct Done<'a> {
    pub(super) undo: bool,
    pub(super) effect: &'a Effect,
    pub(super) at: Timestamp,
}

fn effects<'a>(record: &'a Record, plan: &PlannedTarget) -> Vec<Done<'a>> {
    let done = |line: &'a crate::domain::event::Line| match &line.event {
        Event::StepDone(e) => Some(Done { undo: e.undo, effect: &e.effect, at: line.time }),
        Event::StepLooked(e) => match &e.sighting {
            Sighting::Done { effect } => Some(Done { undo: e.undo, effect, at: line.time }),
            Sighting::Absent | Sighting::Orphan { .. } => None,
        },
        _ => None,
    };
    record.of(plan.id).filter_map(done).collect()
}

fn evidence(evidence: &Evidence) -> String {
    let Evidence { finding, note } = evidence;
    let parts: Vec<&str> =
        finding.iter().map(|f| f.as_str()).chain(note.iter().map(|n| n.as_str())).collect();
    parts.join(": ")
}

fn consumer(consumer: &Consumer) -> String {
    let Consumer { name, refresh } = consumer;
    match refresh {
        Refresh::Every(span) => format!("{name} (reads its store every {})", show_span(*span)),
        Refresh::OnRestart => format!("{name} (reads its store when it starts)"),
        Refresh::Pinned => format!("{name} (names one version: follows by hand only)"),
    }
}

/// The credential that was made last and not discarded, and where it was put.
fn replacement(effects: &[Done<'_>]) -> Option<NewCredential> {
    let mut new: Option<NewCredential> = None;
    for done in effects {
        match done.effect {
            Effect::Minted { credential, not_after, .. } | Effect::Attached { credential, not_after } => {
                let place = new.take().filter(|n| n.id == credential.id.as_str());
                new = Some(NewCredential {
                    what: credential.form.to_string(),
                    id: credential.id.to_string(),
                    not_after: *not_after,
                    version: place.as_ref().and_then(|n| n.version.clone()),
                    place: place.and_then(|n| n.place),
                });
            }
            Effect::Published { place, version, .. } => {
                if let Some(new) = &mut new {
                    (new.place, new.version) = (Some(place.to_string()), Some(version.to_string()));
                }
            }
            Effect::Discarded { credential } => {
                new = new.filter(|n| n.id != credential.id.as_str());
            }
            Effect::Detached { credential } if done.undo => {
                new = new.filter(|n| n.id != credential.id.as_str());
            }
            _ => {}
        }
    }
    new
}

/// The points of the timeline, in the order in which they came.
fn marks(old: &[super::model::OldCredential], effects: &[Done<'_>]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = old
        .iter()
        .filter_map(|o| o.exposed_since)
        .min()
        .map(|at| Mark { what: "exposed", at })
        .into_iter()
        .collect();
    for done in effects {
        let what = match (done.effect, done.undo) {
            (_, true) => "undone",
            (Effect::Minted { .. }, _) => "minted",
            (Effect::Attached { .. }, _) => "attached",
            (Effect::Verified { .. }, _) => "verified",
            (Effect::Published { .. }, _) => "published",
            (Effect::Delivered { .. }, _) => "delivered",
            (Effect::Held { .. }, _) => "hold over",
            (Effect::Rechecked { .. }, _) => "verified again",
            (Effect::Retired { .. } | Effect::Detached { .. }, _) => "retired",
            (Effect::Reset { .. }, _) => "reset",
            (Effect::Revoked { .. }, _) => "sessions ended",
            (Effect::Blocked { .. }, _) => "blocked",
            (Effect::Unblocked, _) => "unblocked",
            (Effect::Switched { .. }, _) => "switched off",
            (Effect::Rejected { .. }, _) => "refused",
            (Effect::Proved { .. }, _) => "proved dead",
            (
                Effect::Snapshotted { .. }
                | Effect::Watched { .. }
                | Effect::Discarded { .. }
                | Effect::Restored { .. },
                _,
            ) => continue,
        };
        match marks.last_mut() {
            Some(last) if last.what == what => last.at = done.at,
            _ => marks.push(Mark { what, at: done.at }),
        }
    }
    let horizon = old.iter().filter_map(|o| o.proof.as_ref()).map(|p| p.horizon).max();
    marks.extend(horizon.map(|at| Mark { what: "last token ends", at }));
    marks.sort_by_key(|m| m.at);
    marks
}

fn hold(record: &Record, plan: &PlannedTarget, effects: &[Done<'_>]) -> Option<Hold> {
    let mut hold: Option<Hold> = None;
    for line in record.of(plan.id) {
        match &line.event {
            Event::HoldOpened(e) => {
                let waited_for = e.confirm.iter().map(ToString::to_string).collect();
                let (until, opened_at) = (e.until, line.time);
                let (confirmed, over, sign_ins) = (Vec::new(), None, None);
                hold = Some(Hold { opened_at, until, waited_for, confirmed, over, sign_ins });
            }
            Event::SignInsRead(e) => {
                if let Some(hold) = &mut hold {
                    hold.sign_ins = Some(e.sign_ins.clone());
                }
            }
            Event::ConsumerConfirmed(e) => {
                if let Some(hold) = &mut hold {
                    let who = if e.unlisted { " (not on the roster)" } else { "" };
                    let by = format!("{}{who}", e.by);
                    let said = (e.consumer.to_string(), by, e.how.to_string(), line.time);
                    hold.confirmed.push(said);
                }
            }
            _ => {}
        }
    }
    let over = effects.iter().rev().find_map(|d| match d.effect {
        Effect::Held { how: Release::Confirmed } => Some(("everybody confirmed".to_owned(), d.at)),
        Effect::Held { how: Release::Time } => {
            Some(("its time had passed, and no confirmation was missing".to_owned(), d.at))
        }
        _ => None,
    });
    hold.map(|h| Hold { over, ..h })
}

pub(super) fn excepted(excepted: &Excepted) -> ExceptedReport {
    let Excepted { id, kind, name, refusal } = excepted;
    ExceptedReport {
        id: *id,
        name: name.to_string(),
        kind: kind.to_string(),
        code: refusal.reason.code().to_owned(),
        reason: refusal.to_string(),
        next: refusal.reason.next().to_owned(),
    }
}

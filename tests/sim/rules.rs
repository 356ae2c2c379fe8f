//! The promises, one function each: what must hold of every line and of the tenant after every
//! write.

use crate::judge::{Fact, Inner, Judge, Truth};
use crate::model::{Model, Target};
use crate::scenario::Follows;
use reissue::domain::event::{Ending, Event, Line};
use reissue::domain::plan::Warning;
use reissue::domain::step::Verb;
use reissue::domain::time::Timestamp;
use std::collections::BTreeSet;

/// No old credential goes before the hold has ended and a later recheck is recorded.
pub(crate) fn retire(target: &Target, now: Timestamp) -> Result<(), String> {
    let ends = target.hold_ends().ok_or("no hold was opened")?;
    if ends > now {
        return Err(format!("the hold lasts until {ends}"));
    }
    if let Some(who) = target.missing.first() {
        return Err(format!("{who} has not confirmed"));
    }
    match (target.held_at, target.rechecked_at) {
        (Some(held), Some(rechecked)) if rechecked > held => Ok(()),
        _ => Err("there was no recheck after the hold".into()),
    }
}

/// What may be written into the log now.
pub(crate) fn line(model: &Model, line: &Line) -> Result<(), String> {
    let Event::StepIntent(intent) = &line.event else { return Ok(()) };
    let target = line.target.and_then(|t| model.targets.get(&t)).ok_or("an intent without target")?;
    let step = target.step(intent.step).ok_or("the plan has no such step")?;
    if intent.undo || !step.verb.writes() {
        return Ok(());
    }
    match model.phases.get(&step.phase) {
        Some(until) if *until > line.time => {}
        Some(until) => return Err(format!("intent of {} although the approval ended {until}", step.verb)),
        None => return Err(format!("intent of {} although its phase is not open", step.verb)),
    }
    if let Some(who) = model.rejected.first() {
        return Err(format!("intent of {} although {who} has rejected", step.verb));
    }
    let publishing = step.verb == Verb::Publish && target.current.is_some();
    if model.is_aborted {
        return Err(format!("intent of {} after the abort", step.verb));
    }
    if model.is_paused && !publishing {
        return Err(format!("intent of {} during the pause", step.verb));
    }
    Ok(())
}

/// The world moved after the plan: the target is not begun.
pub(crate) fn moved(model: &Model, truth: &Truth, line: &Line) -> Result<(), String> {
    let Event::StepIntent(intent) = &line.event else { return Ok(()) };
    let target = line.target.and_then(|t| model.targets.get(&t));
    let step = target.and_then(|t| t.step(intent.step)).filter(|s| s.verb.writes() && !intent.undo);
    match (step, target) {
        (Some(step), Some(t)) if truth.moved.contains(t.plan.subject.as_str()) => {
            Err(format!("intent of {} although the world has moved since the plan", step.verb))
        }
        _ => Ok(()),
    }
}

/// Every credential in the tenant is explained, and nothing of another owner is gone.
pub(crate) fn tenant(judge: &Judge, inner: &mut Inner) {
    let mut wrong = Vec::new();
    for fact in &judge.facts {
        let Some(target) = target_of(&inner.model, fact) else { continue };
        let live: BTreeSet<String> =
            judge.lab.credentials(&fact.client_id).iter().map(|c| c.key_id.to_string()).collect();
        for key in fact.initial.iter().filter(|k| !live.contains(*k)) {
            if !inner.truth.stolen.contains(key) && !target.retire_begun(key) {
                wrong.push(format!("{key} of {} is gone, and no retire was begun", fact.place));
            }
        }
        let mut unknown = 0;
        for key in &live {
            if target.retired.contains(key) {
                wrong.push(format!("{key} is recorded as retired and still there"));
            } else if fact.initial.contains(key) || inner.truth.strangers.contains(key) {
                continue;
            } else if target.minted.get(key) == Some(&true) {
                wrong.push(format!("{key} is recorded as discarded and still there"));
            } else if !target.minted.contains_key(key) && !inner.model.swept.contains(key) {
                unknown += 1;
            }
        }
        if unknown > target.mints_in_doubt() {
            inner.trace.count("a stray credential waits for the sweep");
        }
        wrong.extend(vault(judge, inner, fact, target, &live));
    }
    for what in wrong {
        inner.trace.break_promise(judge.clock.now(), &what);
    }
}

/// What consumers read now is a live credential.
fn vault(
    judge: &Judge,
    inner: &Inner,
    fact: &Fact,
    target: &Target,
    live: &BTreeSet<String>,
) -> Option<String> {
    let Some(value) = judge.lab.vault_secret(crate::scenario::VAULT, &fact.place) else {
        let was_there = !fact.consumers.is_empty() || target.published_at.is_some();
        return was_there.then(|| format!("consumers of {} can read nothing", fact.place));
    };
    let key = inner.truth.values.get(&value)?;
    let declared = target.plan.contain && target.published_at.is_none();
    let by_others = inner.truth.stolen.contains(key);
    let bad = !live.contains(key) && !declared && !by_others;
    bad.then(|| format!("consumers of {} read {key}, which is gone", fact.place))
}

pub(crate) fn target_of<'a>(model: &'a Model, fact: &Fact) -> Option<&'a Target> {
    model.targets.values().find(|t| t.plan.subject.as_str() == fact.client_id.as_str())
}

/// We have removed a credential: who held it?
pub(crate) fn consumers(judge: &Judge, inner: &mut Inner, key: &str) {
    let ledger = judge.lab.ledger();
    for fact in &judge.facts {
        let Some(target) = target_of(&inner.model, fact) else { continue };
        if target.plan.contain {
            continue;
        }
        for (name, follows, slack) in &fact.consumers {
            let held = ledger.consumers.get(name).and_then(|c| c.holds_version.as_ref());
            let held = held.and_then(|v| inner.truth.versions.get(v)).and_then(|v| inner.truth.values.get(v));
            if held.map(String::as_str) != Some(key) {
                continue;
            }
            match excuse(target, name, *follows, *slack) {
                Ok(word) => inner.trace.count(word),
                Err(why) => {
                    let what = format!("{name} holds only {key}, which we removed ({why})");
                    inner.trace.break_promise(judge.clock.now(), &what);
                }
            }
        }
    }
}

/// Why a consumer may be left behind: it follows too slowly, and the plan has said so.
fn excuse(target: &Target, name: &str, follows: Follows, slack: u64) -> Result<&'static str, &'static str> {
    let undone = target.restored_at.is_some();
    if target.confirmed.contains(name) && !undone {
        return Err("it was confirmed");
    }
    let hold_s = target.plan.hold.time_s.unwrap_or(0);
    let warned = target.plan.warnings.iter().any(|w| match w {
        Warning::RefreshOutlastsHold { consumer, .. }
        | Warning::NotWaitedFor { consumer, .. }
        | Warning::NeedsRestart { consumer }
        | Warning::Pinned { consumer } => consumer.as_str() == name,
        _ => false,
    });
    match follows {
        Follows::Every(refresh) if refresh + slack <= hold_s => Err("it reads often enough"),
        Follows::Every(refresh) if refresh < hold_s => {
            Ok("a consumer was left behind: it signs in too rarely")
        }
        _ if undone => Ok("a consumer was left behind by an undo"),
        _ if warned => Ok("a consumer was left behind: the plan warned"),
        _ => Err("no warning was given"),
    }
}

/// What must be in the tenant when the run is over.
pub(crate) fn end(judge: &Judge, inner: &mut Inner) {
    let mut wrong = Vec::new();
    for fact in &judge.facts {
        let live: BTreeSet<String> =
            judge.lab.credentials(&fact.client_id).iter().map(|c| c.key_id.to_string()).collect();
        let mut want: BTreeSet<String> = fact.initial.union(&inner.truth.strangers).cloned().collect();
        let mut loose: BTreeSet<String> = BTreeSet::new();
        if let Some(target) = target_of(&inner.model, fact) {
            want.retain(|k| !target.retired.contains(k));
            let left = target.minted.iter().filter(|(_, gone)| !**gone).map(|(k, _)| k.clone());
            match target.ending {
                Some(Ending::Done | Ending::DoneNotEvicted) if !target.is_stuck => {
                    want.extend(target.current.clone());
                    if target.plan.retire.iter().any(|c| live.contains(c.id.as_str())) {
                        wrong.push(format!("{} is done, and what leaked is alive", fact.place));
                    }
                }
                Some(Ending::Undone) => {
                    if !target.retired.is_empty() {
                        wrong.push(format!("{} is undone, and something was retired", fact.place));
                    }
                }
                // A person was told, or has settled it by hand: all is explained, no more.
                _ => loose.extend(left.chain(target.plan.retire.iter().map(|c| c.id.to_string()))),
            }
        }
        want.retain(|k| !inner.truth.stolen.contains(k));
        let others = inner.truth.strangers.clone();
        let extra: Vec<_> = live.difference(&want).filter(|k| !loose.contains(*k)).collect();
        let missing: Vec<_> =
            want.difference(&live).filter(|k| !loose.contains(*k) && !others.contains(*k)).collect();
        if !extra.is_empty() || !missing.is_empty() {
            wrong.push(format!("at the end {} has {extra:?} too many and lacks {missing:?}", fact.place));
        }
    }
    for what in wrong {
        inner.trace.break_promise(judge.clock.now(), &what);
    }
}

//! The promises about users: what was set is what somebody can read, blocked stays blocked, and
//! nobody is reset twice for want of looking.

use crate::ending::is_done;
use crate::judge::{Inner, Judge, Person};
use crate::model::{Model, Target};
use crate::scenario::VAULT;
use crate::truth::Truth;
use crate::write::Write;
use reissue::domain::event::Ending;
use reissue::domain::step::Verb;

fn target_of<'a>(model: &'a Model, person: &Person) -> Option<&'a Target> {
    model.targets.values().find(|t| t.plan.subject.as_str() == person.upn)
}

/// A second reset, although every replica showed the first.
pub(crate) fn reset(judge: &Judge, truth: &Truth, write: &Write) -> Result<(), String> {
    let Write::ResetPassword { object, .. } = write else { return Ok(()) };
    let known = truth.resets.get(object).is_some_and(|n| *n > 0);
    let person = judge.scene.people.iter().find(|p| p.id == *object).filter(|_| known);
    let Some(person) = person else { return Ok(()) };
    let stamp = "lastPasswordChangeDateTime";
    let newest = judge.lab.user_properties(&person.upn).and_then(|mut p| p.remove(stamp));
    match judge.lab.user_at_replicas(&person.upn, stamp).iter().all(|seen| Some(seen) == newest.as_ref()) {
        true => Err("it was reset before, and every replica shows it".into()),
        false => Ok(()),
    }
}

/// After every write.
pub(crate) fn look(judge: &Judge, inner: &mut Inner) {
    let mut wrong = Vec::new();
    for person in &judge.scene.people {
        let Some(target) = target_of(&inner.model, person) else { continue };
        let enabled = is_enabled(judge, person);
        if target.is_blocked && enabled && !unblocks(target) {
            wrong.push(format!("{} is recorded as blocked, and is not", person.upn));
        }
        let is_theirs = |value: &str| judge.lab.has_password(&person.upn, value);
        let stored = judge.lab.vault_secret(VAULT, &person.place);
        let spoiled = inner.truth.spoiled.contains(&person.place);
        if !is_theirs(&person.password) && !spoiled && !stored.is_some_and(|v| is_theirs(&v)) {
            wrong.push(format!("nobody can read the password of {}", person.upn));
        }
    }
    for what in wrong {
        inner.trace.break_promise(judge.clock.now(), &what);
    }
}

fn is_enabled(judge: &Judge, person: &Person) -> bool {
    let properties = judge.lab.user_properties(&person.upn).unwrap_or_default();
    properties.get("accountEnabled").and_then(|v| v.as_bool()) != Some(false)
}

/// A block is being taken back, or was.
fn unblocks(target: &Target) -> bool {
    let block = |no: u16| target.step(no).is_some_and(|s| s.verb == Verb::Block);
    target.courses.iter().any(|((no, undo), c)| *undo && block(*no) && c.ever_sent)
}

/// When the run is over.
pub(crate) fn end(judge: &Judge, inner: &mut Inner) {
    let mut wrong = Vec::new();
    for person in &judge.scene.people {
        let Some(target) = target_of(&inner.model, person) else { continue };
        let blocks = target.plan.steps.iter().any(|s| s.verb == Verb::Block);
        let (upn, enabled) = (&person.upn, is_enabled(judge, person));
        let is_old = judge.lab.has_password(upn, &person.password);
        if is_done(target) {
            if is_old || judge.lab.user_signs_in(upn, &person.password).is_ok() {
                wrong.push(format!("{upn} is done, and the leaked password is accepted"));
            }
            if enabled == blocks {
                wrong.push(format!("{upn} is done, and enabled is {enabled}"));
            }
            let ledger = judge.lab.ledger();
            if ledger.attackers.get(&person.attacker).is_none_or(|a| a.last_error.is_none()) {
                wrong.push(format!("{upn} is done, and the attacker was never refused"));
            }
        } else if target.ending == Some(Ending::Undone) && (!is_old || !enabled) {
            wrong.push(format!("{upn} is undone; password as before: {is_old}, enabled: {enabled}"));
        }
    }
    for what in wrong {
        inner.trace.break_promise(judge.clock.now(), &what);
    }
}

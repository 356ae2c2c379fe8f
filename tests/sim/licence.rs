//! Whether the log allows a write at this moment: a durable intent, one request for each, and the
//! order of things that promise 1 wants.

use crate::model::{Mark, Model, Target};
use crate::rules;
use crate::truth::Truth;
use crate::write::Write;
use reissue::domain::id::TargetId;
use reissue::domain::step::{Step, Verb};
use reissue::domain::time::Timestamp;

/// The intent that a write carries out: target, step, and whether it is an undo.
pub(crate) type Used = (TargetId, (u16, bool));

/// The write was not carried out, for sure: its intent still stands.
pub(crate) fn give_back(model: &mut Model, (id, key): Used) {
    let course = model.targets.get_mut(&id).and_then(|t| t.courses.get_mut(&key));
    if let Some(course) = course.filter(|c| c.mark == Mark::Open) {
        course.sent = false;
    }
}

/// Marks the intent as used. None: no target's intent is needed.
pub(crate) fn check(
    model: &mut Model,
    truth: &Truth,
    write: &Write,
    now: Timestamp,
) -> Result<Option<Used>, String> {
    if !model.was_open {
        return Err("no phase was ever opened".into());
    }
    match write {
        Write::SetSecret { name, .. } if name == "reissue-probe" => return Ok(None),
        Write::RemoveSecret { key, .. } | Write::RemoveKey { key, .. } if model.swept.contains(key) => {
            return Ok(None);
        }
        _ => {}
    }
    for (id, target) in &mut model.targets {
        let Some((key, verb, undo)) = intent_for(target, write) else { continue };
        if verb.retires() && !target.plan.contain {
            rules::retire(target, now)?;
        }
        if let Write::RemoveSecret { key, .. } | Write::RemoveKey { key, .. } = write {
            let own = truth.ours.contains(key) || target.minted.contains_key(key);
            let planned = target.plan.retire.iter().any(|c| c.id.as_str() == key);
            if !own && !planned {
                return Err("the credential is somebody else's".into());
            }
        }
        if let (Write::ReplaceKeys { keys, .. }, Some(step)) = (write, target.step(key.0)) {
            list(target, step, undo, keys)?;
        }
        if let Some(course) = target.courses.get_mut(&key) {
            (course.sent, course.ever_sent) = (true, true);
        }
        return Ok(Some((*id, key)));
    }
    if let Write::ReplaceKeys { keys, .. } = write
        && !model.swept.is_empty()
        && !keys.iter().any(|k| model.swept.contains(k))
    {
        return Ok(None);
    }
    Err("no durable intent is open for it, or its one request was sent before".into())
}

/// What a new list of certificates must hold and must not.
fn list(target: &Target, step: &Step, undo: bool, keys: &[String]) -> Result<(), String> {
    let ours = target.current.as_ref().is_some_and(|c| keys.contains(c));
    match (step.verb, undo) {
        (Verb::Attach, false) if !ours => Err("the new list lacks ours".into()),
        (Verb::Attach, true) if ours => Err("ours is still in the list".into()),
        (Verb::Detach, _) => match step.credential.as_ref().filter(|c| keys.iter().any(|k| *k == *c.id)) {
            Some(old) => Err(format!("{} is still in the list", old.id)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

type Intent = ((u16, bool), Verb, bool);

/// The open intent that a write carries out.
fn intent_for(target: &Target, write: &Write) -> Option<Intent> {
    let open = target.courses.iter().filter(|(_, c)| c.mark == Mark::Open && !c.sent);
    for (&(no, undo), _) in open {
        let Some(step) = target.step(no) else { continue };
        if fits(target, step, undo, write) {
            return Some(((no, undo), step.verb, undo));
        }
    }
    None
}

fn fits(target: &Target, step: &Step, undo: bool, write: &Write) -> bool {
    let on = |object: &str| step.object.as_str() == object;
    let old = |key: &str| step.credential.as_ref().is_some_and(|c| c.id.as_str() == key);
    let ours = |key: &str| target.minted.get(key) == Some(&false);
    let place = |name: &str| step.place.as_ref().is_some_and(|p| p.name.as_str() == name);
    let own = |name: &str| step.place.as_ref().is_some_and(|p| name.starts_with(&format!("{}-", p.name)));
    match (write, step.verb, undo) {
        (Write::AddSecret { object }, Verb::Mint, false) => on(object),
        (Write::RemoveSecret { object, key }, Verb::Retire, false)
        | (Write::RemoveKey { object, key }, Verb::Detach, false) => on(object) && old(key),
        (Write::RemoveSecret { object, key }, Verb::Mint, true)
        | (Write::RemoveKey { object, key }, Verb::Attach, true) => on(object) && ours(key),
        (Write::ReplaceKeys { object, .. }, Verb::Attach, _)
        | (Write::ReplaceKeys { object, .. }, Verb::Detach, false)
        | (Write::ResetPassword { object, .. }, Verb::Reset, false)
        | (Write::Revoke { object }, Verb::Revoke, false) => on(object),
        (Write::SetSecret { name, .. }, Verb::Publish, _)
        | (Write::SetSecret { name, .. }, Verb::Deliver, false) => place(name),
        (Write::CreateCertificate { name }, Verb::Mint, false)
        | (Write::DeleteCertificate { name }, Verb::Mint, true) => own(name),
        (Write::Switch { object, on: false }, Verb::Block | Verb::Switch, false)
        | (Write::Switch { object, on: false }, Verb::Unblock, true)
        | (Write::Switch { object, on: true }, Verb::Block | Verb::Switch, true)
        | (Write::Switch { object, on: true }, Verb::Unblock, false) => on(object),
        _ => false,
    }
}

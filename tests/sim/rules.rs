//! The promises, one function each: what must hold of every line and of the tenant after every
//! write.

use crate::aims::Follows;
use crate::judge::{Fact, Inner, Judge};
use crate::model::{Model, Target};
use crate::truth::Truth;
use crate::write::Write;
use reissue::domain::credential::Form;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::ClientId;
use reissue::domain::plan::Warning;
use reissue::domain::step::{Phase, Protocol, Step, Verb};
use reissue::domain::time::Timestamp;
use reissue::lab::Owner;
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
    let until = match step.phase {
        Phase::Start => model.phases.get(&step.phase),
        Phase::Retire => target.released.as_ref(),
    };
    match until {
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

/// The world moved after the plan, and everybody can see it: the target is not begun.
pub(crate) fn moved(model: &Model, truth: &Truth, line: &Line, blind_s: u64) -> Result<(), String> {
    let Event::StepIntent(intent) = &line.event else { return Ok(()) };
    let Some(target) = line.target.and_then(|t| model.targets.get(&t)) else { return Ok(()) };
    let place = target.plan.steps.iter().find_map(|s| s.place.as_ref());
    let Some((since, added)) = place.and_then(|p| truth.moved.get(p.name.as_str())) else { return Ok(()) };
    let seen = line.time.since(*since).as_secs() > blind_s;
    let stands = added.as_ref().is_none_or(|key| !truth.stolen.contains(key));
    // Lists of certificates are looked at before a write to a list (docs/adr/0015): a key that is made in the
    // vault, or published, takes nobody's entry away.
    let is_of_a_list = added.is_some() && target.plan.protocol == Protocol::ReplaceList;
    let looks = |s: &&Step| !is_of_a_list || !matches!(s.verb, Verb::Mint | Verb::Publish);
    let writes = |s: &&Step| s.verb.writes() && !intent.undo && looks(s);
    match target.step(intent.step).filter(|s| writes(s) && seen && stands) {
        Some(step) => Err(format!("intent of {} although the world has moved since the plan", step.verb)),
        None => Ok(()),
    }
}

/// The identity that acts is not what anything is done to.
pub(crate) fn own(judge: &Judge, write: &Write) -> Result<(), String> {
    let own: ClientId = judge.operator.parse().map_err(|_| "the operator has no client id")?;
    let there = !judge.lab.is_deleted(&own);
    let is_own = |on| there && judge.lab.properties(&own, on)["id"].as_str() == Some(write.object());
    match [Owner::Application, Owner::ServicePrincipal].into_iter().any(is_own) {
        true => Err("it is our own identity".into()),
        false => Ok(()),
    }
}

/// Every credential in the tenant is explained, and nothing of another owner is gone.
pub(crate) fn tenant(judge: &Judge, inner: &mut Inner) {
    let mut wrong = Vec::new();
    for fact in judge.scene.facts.iter().filter(|f| !judge.lab.is_deleted(&f.client_id)) {
        let (live, target) = (judge.live(fact), target_of(&inner.model, fact));
        for key in fact.initial.iter().filter(|k| !live.contains(*k)) {
            if !inner.truth.stolen.contains(key) && !target.is_some_and(|t| t.retire_begun(key)) {
                wrong.push(format!("{key} of {} is gone, and no retire was begun", fact.show()));
            }
        }
        let foreign =
            |key: &&String| !fact.initial.contains(*key) && !inner.truth.strangers.contains_key(*key);
        let Some(target) = target else {
            wrong.extend(
                live.iter().filter(foreign).map(|key| format!("{key} of {} is nobody's", fact.show())),
            );
            continue;
        };
        let retired = live.intersection(&target.retired);
        wrong.extend(retired.map(|key| format!("{key} is recorded as retired and still there")));
        let discarded = live.iter().filter(foreign).filter(|key| target.minted.get(*key) == Some(&true));
        wrong.extend(discarded.map(|key| format!("{key} is recorded as discarded and still there")));
        let known = |key: &&String| target.minted.contains_key(*key) || inner.model.swept.contains(*key);
        if live.iter().filter(foreign).filter(|k| !known(k)).count() > target.mints_in_doubt() {
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
        let by_others = inner.truth.spoiled.contains(&fact.place);
        return (was_there && !by_others).then(|| format!("consumers of {} can read nothing", fact.place));
    };
    let key = inner.truth.values.get(&value)?;
    let declared = target.plan.contain && target.published_at.is_none();
    let by_others = inner.truth.stolen.contains(key);
    let bad = !live.contains(key) && !declared && !by_others;
    bad.then(|| format!("consumers of {} read {key}, which is gone", fact.place))
}

impl Fact {
    pub(crate) fn show(&self) -> String {
        format!("{} ({})", self.client_id, self.form)
    }
}

pub(crate) fn target_of<'a>(model: &'a Model, fact: &Fact) -> Option<&'a Target> {
    let kind = if fact.form == Form::Secret { "app-secret" } else { "app-certificate" };
    let is_it =
        |t: &&Target| t.plan.subject.as_str() == fact.client_id.as_str() && t.plan.kind.as_str() == kind;
    model.targets.values().find(is_it)
}

/// We have removed a credential: was it somebody else's, and who held it?
pub(crate) fn removed(judge: &Judge, inner: &mut Inner, key: &str) {
    let now = judge.clock.now();
    if let Some(added) = inner.truth.strangers.get(key) {
        let known_s = judge.lab.now().since(*added).as_secs();
        match known_s > judge.blind_s {
            true => {
                let what = format!("{key} was added by somebody else {known_s} s ago, and we removed it");
                inner.trace.break_promise(now, &what);
            }
            // A list has no ETag: what nobody could read yet is lost when the list is replaced.
            false => inner.trace.count("a certificate of others was lost in the race for the list"),
        }
    }
    for fact in &judge.scene.facts {
        let Some(target) = target_of(&inner.model, fact).filter(|t| !t.plan.contain) else { continue };
        for (name, follows, slack) in &fact.consumers {
            let held = judge.lab.consumer_record(name).and_then(|c| c.holds_version);
            let held =
                held.and_then(|v| inner.truth.versions.get(&v)).and_then(|v| inner.truth.values.get(v));
            if held.map(String::as_str) != Some(key) || inner.truth.spoiled.contains(&fact.place) {
                continue;
            }
            match excuse(target, name, *follows, *slack) {
                Ok(word) => inner.trace.count(word),
                Err(why) => {
                    let what = format!("{name} holds only {key}, which we removed ({why})");
                    inner.trace.break_promise(now, &what);
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

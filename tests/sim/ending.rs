//! What must be in the tenant when the run is over, and has been for a while.

use crate::aims::Follows;
use crate::judge::{Fact, Inner, Judge};
use crate::model::Target;
use crate::rules::target_of;
use crate::scenario::VAULT;
use reissue::domain::event::Ending;
use reissue::lab::Owner;
use std::collections::BTreeSet;

/// A consumer that reads this often has read by then.
pub(crate) const AFTER_S: u64 = 1_800;

pub(crate) fn judge(judge: &Judge, inner: &mut Inner) {
    let mut wrong = Vec::new();
    for fact in judge.scene.facts.iter().filter(|f| !judge.lab.is_deleted(&f.client_id)) {
        wrong.extend(lists(judge, inner, fact));
        wrong.extend(sign_ins(judge, inner, fact));
        wrong.extend(switches(judge, inner, fact));
    }
    wrong.extend(vault_certificates(judge, inner));
    for what in wrong {
        inner.trace.break_promise(judge.clock.now(), &what);
    }
}

/// It ended as planned, by our own doing.
pub(crate) fn is_done(target: &Target) -> bool {
    let done = matches!(target.ending, Some(Ending::Done | Ending::DoneNotEvicted));
    done && !target.is_stuck && !target.by_hand
}

/// The list holds what it must, and nothing more.
fn lists(judge: &Judge, inner: &Inner, fact: &Fact) -> Vec<String> {
    let (live, truth, mut wrong) = (judge.live(fact), &inner.truth, Vec::new());
    let mut want: BTreeSet<String> = fact.initial.iter().chain(truth.strangers.keys()).cloned().collect();
    let mut loose: BTreeSet<String> = BTreeSet::new();
    if let Some(target) = target_of(&inner.model, fact) {
        want.retain(|k| !target.retired.contains(k));
        let left = target.minted.iter().filter(|(_, gone)| !**gone).map(|(k, _)| k.clone());
        match target.ending {
            _ if is_done(target) => {
                want.extend(target.current.clone());
                if target.plan.retire.iter().any(|c| live.contains(c.id.as_str())) {
                    wrong.push(format!("{} is done, and what leaked is alive", fact.show()));
                }
            }
            Some(Ending::Undone) if !target.retired.is_empty() => {
                wrong.push(format!("{} is undone, and something was retired", fact.show()));
            }
            Some(Ending::Undone) => {}
            // A person was told, or has settled it by hand: all is explained, no more.
            _ => loose.extend(left.chain(target.plan.retire.iter().map(|c| c.id.to_string()))),
        }
    }
    want.retain(|k| !truth.stolen.contains(k));
    let extra: Vec<_> = live.difference(&want).filter(|k| !loose.contains(*k)).collect();
    let missing = want.difference(&live).filter(|k| !loose.contains(*k) && !truth.strangers.contains_key(*k));
    let missing: Vec<_> = missing.collect();
    if !extra.is_empty() || !missing.is_empty() {
        wrong.push(format!("at the end {} has {extra:?} too many and lacks {missing:?}", fact.show()));
    }
    wrong
}

/// The attacker is out, and whoever reads often enough is in.
fn sign_ins(judge: &Judge, inner: &Inner, fact: &Fact) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(target) = target_of(&inner.model, fact).filter(|t| is_done(t)) else { return wrong };
    if let Some(leaked) = &fact.leaked
        && judge.lab.nodes_that_accept(&fact.client_id, leaked) > 0
    {
        wrong.push(format!("{} is done, and the attacker signs in", fact.show()));
    }
    let current = target.current.as_ref().filter(|c| !inner.truth.stolen.contains(*c));
    let Some(current) = current.filter(|_| !inner.truth.spoiled.contains(&fact.place)) else { return wrong };
    if enabled(judge, fact) != (true, true) {
        return wrong;
    }
    for (name, follows, slack) in &fact.consumers {
        let reads = matches!(follows, Follows::Every(s) if s + slack <= AFTER_S);
        let record = judge.lab.consumer_record(name);
        let is_in = record.is_some_and(|c| {
            c.outage_open_since.is_none() && c.last_key_id.as_deref() == Some(current.as_str())
        });
        if reads && !is_in {
            wrong.push(format!("{} is done, and {name} does not sign in with {current}", fact.show()));
        }
    }
    wrong
}

/// The switches of service principal and application: on?
fn enabled(judge: &Judge, fact: &Fact) -> (bool, bool) {
    let of = |on| judge.lab.properties(&fact.client_id, on);
    let principal = of(Owner::ServicePrincipal)["accountEnabled"].as_bool() != Some(false);
    (principal, of(Owner::Application)["isDisabled"].as_bool() != Some(true))
}

/// Off if that was the aim, else as they were found.
fn switches(judge: &Judge, inner: &Inner, fact: &Fact) -> Option<String> {
    let of = |on| judge.lab.properties(&fact.client_id, on)["id"].as_str().unwrap_or_default().to_owned();
    let touched = [of(Owner::Application), of(Owner::ServicePrincipal)];
    if touched.iter().any(|id| inner.truth.disabled.contains(id)) {
        return None;
    }
    let about = |t: &&Target| t.plan.subject.as_str() == fact.client_id.as_str();
    let (mut explained, mut want) = (false, vec![(true, true)]);
    for target in inner.model.targets.values().filter(about) {
        let off = target.plan.kind.as_str() == "app-disable";
        match target.ending {
            _ if is_done(target) && off => want = vec![(false, false)],
            Some(Ending::Partial) if off => want = vec![(false, false), (false, true)],
            Some(Ending::Undone) => {}
            _ if is_done(target) => {}
            _ => explained = true,
        }
    }
    let found = enabled(judge, fact);
    let wrong = !explained && !want.contains(&found);
    wrong.then(|| format!("at the end {} has its switches at {found:?}, not {want:?}", fact.show()))
}

/// A key that was made in the vault belongs to a certificate in use, or is gone.
fn vault_certificates(judge: &Judge, inner: &Inner) -> Vec<String> {
    let mut names = judge.lab.vault_certificates(VAULT);
    let mut wrong = Vec::new();
    for target in inner.model.targets.values().filter(|t| t.plan.kind.as_str() == "app-certificate") {
        let place = target.plan.steps.iter().find_map(|s| s.place.as_ref()).map(|p| format!("{}-", p.name));
        let is_own = |name: &String| place.as_ref().is_some_and(|p| name.starts_with(p));
        let own = names.iter().filter(|n| is_own(n)).count();
        names.retain(|n| !is_own(n));
        let fits = match target.ending {
            _ if is_done(target) => own == 1,
            Some(Ending::Undone) => own == 0,
            _ => own <= 1,
        };
        if !fits {
            wrong.push(format!("{}: {own} certificates of ours are in the vault", target.plan.name));
        }
    }
    wrong.extend(names.into_iter().map(|n| format!("the certificate {n} in the vault is nobody's")));
    wrong
}

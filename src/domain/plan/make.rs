//! Making a plan: pure, from a playbook and what was observed.

use super::guardrail::{Population, Use, measure};
use super::refusal::Reason;
use super::risk::{Start, set_order};
use super::{Counts, Excepted, Identity, Planned, PlannedHold, PlannedTarget, Refusal, Warning};
use crate::bent::{self, Bend};
use crate::domain::approval::same_person;
use crate::domain::credential::CredentialRef;
use crate::domain::id::{RunId, TargetId};
use crate::domain::kind::{Kind, PlanContext, Proposal};
use crate::domain::observation::{ObjectRole, Observation};
use crate::domain::playbook::model::{Protected, Refresh, Subject, Target, ValidPlaybook};
use crate::domain::step::{Protocol, Verb};
use crate::domain::text::Text;
use std::collections::{BTreeMap, BTreeSet};

/// One target with what was read about it, or why it could not be.
#[derive(Clone, Debug)]
pub struct ObservedTarget {
    pub target: Target,
    pub seen: Result<Observation, Refusal>,
}

/// Everything that was read for a plan.
#[derive(Clone, Debug)]
pub struct Observed {
    pub identity: Identity,
    pub population: Population,
    pub targets: Vec<ObservedTarget>,
    pub known: Known,
}

/// What the installation knows that makes the plan.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Marks of runs that are this installation's own and finished: not "another run".
    pub finished_runs: Vec<RunId>,
    /// Who may approve: their own accounts are not for a plan that they decide on.
    pub approvers: Vec<Text<128>>,
    /// Objects that this installation switched off, and that were on before.
    pub switched_off: BTreeSet<Text<128>>,
}

/// The planned targets and the guardrails beside their use.
#[derive(Clone, Debug)]
pub struct Draft {
    pub guardrails: Vec<Use>,
    pub targets: Vec<Planned>,
}

/// Plans every target. What was observed moves into the plan: it is large.
pub fn plan(
    playbook: &ValidPlaybook,
    mut observed: Observed,
    kinds: &dyn Fn(&str) -> Option<&'static dyn Kind>,
    context: &PlanContext,
) -> Draft {
    let mut targets: Vec<Planned> = std::mem::take(&mut observed.targets)
        .into_iter()
        .map(|ObservedTarget { target, seen }| {
            let planned =
                seen.and_then(|seen| plan_one(playbook, &observed, (&target, seen), kinds, context));
            match planned {
                Ok(mut planned) => {
                    planned.shrink();
                    Planned::Change(Box::new(planned))
                }
                Err(refusal) => Planned::Excepted(Excepted {
                    id: target.id,
                    kind: Text::lossy(target.kind),
                    name: Text::lossy(target.subject.name()),
                    refusal,
                }),
            }
        })
        .collect();
    know_each_other(&mut targets);
    set_order(&mut targets);
    Draft { guardrails: measure(&playbook.guardrails, observed.population, &targets), targets }
}

/// What one target retires is no way in that another leaves open.
fn know_each_other(targets: &mut [Planned]) {
    let retired: Vec<(TargetId, CredentialRef)> = targets
        .iter()
        .filter_map(|t| match t {
            Planned::Change(t) => Some(t.retire.iter().map(|c| (t.id, c.clone()))),
            Planned::Excepted(_) => None,
        })
        .flatten()
        .collect();
    let mut by_object: BTreeMap<&Text<128>, Vec<&(TargetId, CredentialRef)>> = BTreeMap::new();
    for entry in &retired {
        by_object.entry(&entry.1.object).or_default().push(entry);
    }
    for planned in targets {
        let Planned::Change(target) = planned else { continue };
        let on = target.observation.objects.iter().filter_map(|o| by_object.get(&o.id)).flatten();
        let elsewhere = on.filter(|(id, _)| *id != target.id);
        target.retired_elsewhere = elsewhere.map(|(_, c)| c.clone()).collect();
    }
}

fn plan_one(
    playbook: &ValidPlaybook,
    observed: &Observed,
    (target, seen): (&Target, Observation),
    kinds: &dyn Fn(&str) -> Option<&'static dyn Kind>,
    context: &PlanContext,
) -> Result<PlannedTarget, Refusal> {
    let kind = kinds(target.kind).ok_or_else(|| Refusal::new(Reason::Unreadable, target.kind))?;
    refuse_untouchable(playbook, observed, target, &seen)?;
    refuse_marks(observed, &seen)?;
    let proposal = kind.propose(target, &seen, context)?;
    Ok(assemble(target, seen, kind, proposal))
}

fn assemble(target: &Target, seen: Observation, kind: &dyn Kind, p: Proposal) -> PlannedTarget {
    let Proposal { hold, retire, settings, steps, mut warnings, whole_list } = p;
    let hold = hold.unwrap_or_else(|| hold_of(target));
    let holds = steps.iter().any(|s| s.verb == Verb::Hold);
    if holds {
        warnings.extend(consumer_warnings(target, &hold));
    }
    if target.contain {
        warnings.insert(0, Warning::Outage);
    }
    PlannedTarget {
        consumers: target.consumers.clone(),
        contain: target.contain,
        evidence: target.evidence.clone(),
        hold,
        id: target.id,
        kind: Text::lossy(target.kind),
        last: target.last,
        lifetime_s: target.lifetime.as_secs(),
        name: Text::lossy(target.subject.name()),
        observation: seen,
        protocol: kind.protocol(),
        retire,
        retired_elsewhere: Vec::new(),
        settings,
        start: Start::default(),
        steps,
        subject: match &target.subject {
            Subject::App { client_id, .. } => Text::lossy(client_id.as_str()),
            Subject::User { upn } => upn.clone(),
        },
        warnings,
        whole_list,
    }
}

/// The hold as planned: confirmation, a time, or the default time when neither is stated.
fn hold_of(target: &Target) -> PlannedHold {
    let stated = target.hold.time.map(|t| t.as_secs());
    let time_s = match stated {
        None if target.hold.confirmed_by.is_empty() => Some(super::DEFAULT_HOLD_S),
        other => other,
    };
    PlannedHold { confirmed_by: target.hold.confirmed_by.clone(), time_s }
}

/// Who will not have followed when the hold ends.
fn consumer_warnings(target: &Target, hold: &PlannedHold) -> Vec<Warning> {
    if target.consumers.is_empty() && hold.confirmed_by.is_empty() {
        return vec![Warning::NoConsumers];
    }
    let unconfirmed = target.consumers.iter().filter(|c| !hold.confirmed_by.contains(&c.name));
    unconfirmed
        .filter_map(|c| {
            let consumer = c.name.clone();
            match c.refresh {
                Refresh::OnRestart => Some(Warning::NeedsRestart { consumer }),
                Refresh::Pinned => Some(Warning::Pinned { consumer }),
                Refresh::Every(span) => {
                    let refresh_s = span.as_secs();
                    match hold.time_s {
                        // It ends when others confirm, who need not have looked at this one.
                        None => Some(Warning::NotWaitedFor { consumer, refresh_s }),
                        Some(hold_s) if refresh_s >= hold_s => {
                            Some(Warning::RefreshOutlastsHold { consumer, hold_s, refresh_s })
                        }
                        Some(_) => None,
                    }
                }
            }
        })
        .collect()
}

/// Promise 5: protected objects and our own identity.
fn refuse_untouchable(
    playbook: &ValidPlaybook,
    observed: &Observed,
    target: &Target,
    seen: &Observation,
) -> Result<(), Refusal> {
    let own = &observed.identity;
    let is_own = match &target.subject {
        Subject::App { client_id, .. } => client_id.as_str() == own.client_id.as_str(),
        Subject::User { .. } => false,
    };
    let is_own = is_own || seen.objects.iter().any(|o| o.id == own.object);
    match (is_own, target.last) {
        (true, false) if !bent::is(Bend::OwnIdentity) => {
            return Err(Refusal::new(Reason::OwnIdentity, &*own.name));
        }
        (false, true) => return Err(Refusal::new(Reason::NotOwnIdentity, &*own.name)),
        _ => {}
    }
    if let Subject::User { upn } = &target.subject
        && observed.known.approvers.iter().any(|a| same_person(a, upn))
    {
        return Err(Refusal::new(Reason::Approver, &**upn));
    }
    let protects = |p: &Protected| match (p, &target.subject) {
        (Protected::App(id), Subject::App { client_id, .. }) => id == client_id,
        (Protected::User(upn), Subject::User { upn: subject }) => upn.eq_ignore_ascii_case(subject),
        (Protected::Object(id), _) => seen.objects.iter().any(|o| o.id.as_str() == id.as_str()),
        (Protected::User(upn), _) => {
            seen.objects.iter().any(|o| o.role == ObjectRole::User && o.name.eq_ignore_ascii_case(upn))
        }
        _ => false,
    };
    match playbook.guardrails.protect.iter().any(protects) {
        true => Err(Refusal::new(Reason::Protected, target.subject.name())),
        false => Ok(()),
    }
}

/// A credential that bears another run's mark is somebody's work in progress.
fn refuse_marks(observed: &Observed, seen: &Observation) -> Result<(), Refusal> {
    let is_ours = |mark: &str| observed.known.finished_runs.iter().any(|run| run.mark() == mark);
    let marked = seen.credentials.iter().find_map(|c| {
        let mark = c.mark()?;
        (!is_ours(mark)).then(|| mark.to_owned())
    });
    marked.map_or(Ok(()), |mark| Err(Refusal::new(Reason::AnotherRun, mark)))
}

/// Counts what the targets amount to.
pub fn count(targets: &[Planned]) -> Counts {
    let mut n = Counts::default();
    for planned in targets {
        n.targets += 1;
        let Planned::Change(target) = planned else {
            n.excepted += 1;
            continue;
        };
        for step in &target.steps {
            n.steps += 1;
            n.irreversible += u32::from(step.irreversible);
            match step.verb {
                Verb::Attach => n.attach += 1,
                Verb::Block => n.block += 1,
                Verb::Mint => n.mint += 1,
                Verb::Reset => n.reset += 1,
                Verb::Retire | Verb::Detach => n.retire += 1,
                Verb::Revoke => n.revoke += 1,
                Verb::Switch => n.switch += 1,
                Verb::Unblock if target.protocol == Protocol::Toggle => n.enable += 1,
                _ => {}
            }
        }
    }
    n
}

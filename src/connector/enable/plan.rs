//! What may be switched on again: only what the log says that we switched off, and no more of it.

use super::syntax::{AppEnable, UserEnable};
use crate::connector::app_rules::{APP_WRITERS, Steps, need_permission, need_same_name, settings_of};
use crate::domain::kind::{Kind, PlanContext, Proposal};
use crate::domain::observation::{Fact, ObjectRole, ObjectSeen, Observation};
use crate::domain::plan::refusal::Reason;
use crate::domain::plan::{PlanHeader, Refusal, Warning};
use crate::domain::playbook::model::Target;
use crate::domain::step::{Protocol, Verb};
use crate::domain::target::TargetState;

/// The application first: its service principal is the door, and is opened last.
const PARTS: [ObjectRole; 2] = [ObjectRole::Application, ObjectRole::ServicePrincipal];

fn restore(
    target: &Target,
    seen: &Observation,
    context: &PlanContext,
    roles: &[ObjectRole],
) -> Result<Proposal, Refusal> {
    let parts: Vec<&ObjectSeen> = roles.iter().filter_map(|role| seen.object(*role)).collect();
    let Some(first) = parts.first() else {
        return Err(Refusal::new(Reason::NotFound, target.subject.name()));
    };
    let off: Vec<_> = parts.iter().filter(|o| !o.enabled).collect();
    if off.is_empty() {
        return Err(Refusal::new(Reason::AlreadyOn, &*first.id));
    }
    if let Some(other) = off.iter().find(|o| !context.switched_off.contains(&o.id)) {
        return Err(Refusal::new(Reason::NotOurs, format!("{} {}", other.role, other.id)));
    }
    let mut steps = Steps::new(false);
    for object in &off {
        steps = steps.on(Verb::Snapshot, &object.id);
    }
    for object in &off {
        steps = steps.on(Verb::Unblock, &object.id);
    }
    let credentials = u32::try_from(seen.credentials.len()).unwrap_or(u32::MAX);
    let warnings = if credentials > 0 { vec![Warning::WorksAgain { credentials }] } else { Vec::new() };
    let steps = steps.on(Verb::Watch, &first.id).done();
    Ok(Proposal { settings: settings_of(target), steps, warnings, ..Proposal::default() })
}

impl Kind for AppEnable {
    fn protocol(&self) -> Protocol {
        Protocol::Toggle
    }
    fn propose(
        &self,
        target: &Target,
        seen: &Observation,
        context: &PlanContext,
    ) -> Result<Proposal, Refusal> {
        need_permission(context, &APP_WRITERS)?;
        let parts: Vec<&ObjectSeen> = PARTS.into_iter().filter_map(|role| seen.object(role)).collect();
        need_same_name(target, &parts)?;
        restore(target, seen, context, &PARTS)
    }
    fn by_hand(&self, state: &TargetState, header: &PlanHeader) -> Vec<String> {
        super::by_hand::lines(state, header)
    }
}

impl Kind for UserEnable {
    fn protocol(&self) -> Protocol {
        Protocol::Toggle
    }
    fn propose(
        &self,
        target: &Target,
        seen: &Observation,
        context: &PlanContext,
    ) -> Result<Proposal, Refusal> {
        if seen.fact(Fact::Synced) == Some("true") {
            return Err(Refusal::new(Reason::SwitchedElsewhere, target.subject.name()));
        }
        need_permission(context, &["User.EnableDisableAccount.All"])?;
        restore(target, seen, context, &[ObjectRole::User])
    }
    fn by_hand(&self, state: &TargetState, header: &PlanHeader) -> Vec<String> {
        super::by_hand::lines(state, header)
    }
}

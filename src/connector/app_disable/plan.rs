//! What may be switched off, what is refused, and the order of steps.

use super::syntax::AppDisable;
use crate::connector::app_rules::{APP_WRITERS, Steps, need_permission, need_same_name, settings_of};
use crate::domain::kind::{Kind, PlanContext, Proposal};
use crate::domain::observation::{Fact, ObjectRole, Observation, Way};
use crate::domain::plan::refusal::Reason;
use crate::domain::plan::{PlanHeader, Refusal, Warning};
use crate::domain::playbook::model::{Setting, Target};
use crate::domain::step::{Protocol, Verb};
use crate::domain::target::TargetState;

impl Kind for AppDisable {
    fn protocol(&self) -> Protocol {
        Protocol::Toggle
    }

    fn propose(
        &self,
        target: &Target,
        seen: &Observation,
        context: &PlanContext,
    ) -> Result<Proposal, Refusal> {
        if seen.fact(Fact::PrincipalType) == Some("ManagedIdentity") {
            return Err(Refusal::new(Reason::ManagedIdentity, target.subject.name()));
        }
        need_permission(context, &APP_WRITERS)?;
        // A foreign application has only its service principal here, and that is ours to switch.
        let parts = [ObjectRole::ServicePrincipal, ObjectRole::Application];
        let parts: Vec<_> = parts.into_iter().filter_map(|role| seen.object(role)).collect();
        let Some(first) = parts.first() else {
            return Err(Refusal::new(Reason::NotFound, target.subject.name()));
        };
        need_same_name(target, &parts)?;
        let on: Vec<_> = parts.iter().filter(|o| o.enabled).collect();
        if on.is_empty() {
            return Err(Refusal::new(Reason::AlreadyOff, &*first.id));
        }
        let serves_others = seen.fact(Fact::Audience).is_some_and(|a| a != "AzureADMyOrg");
        let switches_application = on.iter().any(|o| o.role == ObjectRole::Application);
        let meant = target.settings.get("multi_tenant") == Some(&Setting::Flag(true));
        if serves_others && switches_application && !meant {
            let audience = seen.fact(Fact::Audience).unwrap_or_default();
            return Err(Refusal::new(Reason::MultiTenant, audience));
        }
        let mut steps = Steps::new(false);
        for object in &on {
            steps = steps.on(Verb::Snapshot, &object.id);
        }
        for object in &on {
            steps = steps.on(Verb::Switch, &object.id);
        }
        let steps = steps.on(Verb::Watch, &first.id).on(Verb::Prove, &first.id);
        let owners = seen.ways_in.iter().filter(|w| w.what == Way::Owner).count();
        let owners = u32::try_from(owners).unwrap_or(u32::MAX);
        let warnings = if owners > 0 { vec![Warning::OwnersCanReenable { owners }] } else { Vec::new() };
        Ok(Proposal { settings: settings_of(target), steps: steps.done(), warnings, ..Proposal::default() })
    }

    fn by_hand(&self, state: &TargetState, header: &PlanHeader) -> Vec<String> {
        super::by_hand::lines(state, header)
    }
}

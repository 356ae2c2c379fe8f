//! Which certificates are meant, what is refused, and the order of steps.

use super::syntax::AppCertificate;
use crate::connector::app_rules::{
    APP_WRITERS, CERTIFICATE_RESTRICTIONS, Steps, need_permission, need_policy, need_store, need_switched_on,
    of_form, own_app, place_of, settings_of,
};
use crate::domain::credential::{CredentialRef, Form};
use crate::domain::kind::{Kind, PlanContext, Proposal};
use crate::domain::observation::{CredentialSeen, Observation};
use crate::domain::plan::refusal::Reason;
use crate::domain::plan::{PlanHeader, Refusal, Warning};
use crate::domain::playbook::model::{Selector, Setting, Target};
use crate::domain::step::{Protocol, Verb};
use crate::domain::target::TargetState;

impl Kind for AppCertificate {
    fn protocol(&self) -> Protocol {
        Protocol::ReplaceList
    }

    fn propose(
        &self,
        target: &Target,
        seen: &Observation,
        context: &PlanContext,
    ) -> Result<Proposal, Refusal> {
        let app = own_app(target, seen, context)?;
        need_permission(context, &APP_WRITERS)?;
        need_switched_on(&app)?;
        need_policy(seen, CERTIFICATE_RESTRICTIONS, target.lifetime)?;
        let retire = select(&of_form(seen, Form::Certificate), &target.selector)?;
        if let Some(on_principal) = retire.iter().find(|c| c.object == app.principal.id) {
            return Err(Refusal::new(Reason::PrincipalCertificate, &*on_principal.id));
        }
        let place = place_of(target).ok_or_else(|| Refusal::new(Reason::StoreUnreachable, "no store"))?;
        need_store(seen, &place)?;
        let mut warnings = vec![Warning::StoreUnproved { store: place.store.clone() }];
        if seen.store.as_ref().is_some_and(|s| s.newest.is_none()) {
            warnings.push(Warning::NoPreviousValue);
            warnings.push(Warning::ProvedByAbsence);
        }
        if target.settings.get("exportable") == Some(&Setting::Flag(false)) {
            warnings.push(Warning::PointerOnly);
        }
        let home: &str = &app.application.id;
        let steps = Steps::new(context.retire_separately && !target.contain);
        let steps = match target.contain {
            false => steps
                .to(Verb::Mint, home, &place)
                .on(Verb::Attach, home)
                .on(Verb::Verify, home)
                .to(Verb::Publish, home, &place)
                .on(Verb::Hold, home)
                .to(Verb::Recheck, home, &place)
                .each(Verb::Detach, &retire)
                .each(Verb::Prove, &retire),
            true => steps
                .on(Verb::Block, &app.principal.id)
                .each(Verb::Detach, &retire)
                .each(Verb::Prove, &retire)
                .on(Verb::Unblock, &app.principal.id)
                .to(Verb::Mint, home, &place)
                .on(Verb::Attach, home)
                .on(Verb::Verify, home)
                .to(Verb::Publish, home, &place),
        };
        let settings = settings_of(target);
        Ok(Proposal { hold: None, retire, settings, steps: steps.done(), warnings, whole_list: true })
    }

    fn by_hand(&self, state: &TargetState, header: &PlanHeader) -> Vec<String> {
        super::by_hand::lines(state, header)
    }
}

fn select(certificates: &[&CredentialSeen], selector: &Selector) -> Result<Vec<CredentialRef>, Refusal> {
    let none = |what: &str| Err(Refusal::new(Reason::NoSuchCredential, what));
    let refs = |found: &[&&CredentialSeen]| found.iter().map(|s| s.credential.clone()).collect();
    match selector {
        Selector::KeyId(id) => {
            let found: Vec<_> =
                certificates.iter().filter(|s| s.credential.id.as_str() == id.as_str()).collect();
            if found.is_empty() { none(id.as_str()) } else { Ok(refs(&found)) }
        }
        Selector::Thumbprint(wanted) => {
            let found: Vec<_> =
                certificates.iter().filter(|s| s.thumbprint.as_ref() == Some(wanted)).collect();
            match found.len() {
                0 => none(wanted),
                1 => Ok(refs(&found)),
                n => Err(Refusal::new(Reason::AmbiguousThumbprint, format!("{n} have {wanted}"))),
            }
        }
        Selector::All if certificates.is_empty() => none("there is no certificate at all"),
        Selector::All => Ok(certificates.iter().map(|s| s.credential.clone()).collect()),
        Selector::Hint(_) | Selector::Itself => none("a certificate has neither hint nor switch"),
    }
}

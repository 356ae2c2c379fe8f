//! Which secrets are meant, what is refused, and the order of steps.

use super::syntax::AppSecret;
use crate::connector::app_rules::{
    APP_WRITERS, App, SECRET_RESTRICTIONS, Steps, need_permission, need_policy, need_store, need_switched_on,
    of_form, own_app, place_of,
};
use crate::domain::credential::{CredentialRef, Form};
use crate::domain::kind::{Kind, PlanContext, Proposal};
use crate::domain::observation::{CredentialSeen, Fact, Observation};
use crate::domain::plan::refusal::Reason;
use crate::domain::plan::{PlanHeader, Refusal, Warning};
use crate::domain::playbook::model::{Selector, Target};
use crate::domain::step::{Protocol, Step, Verb};
use crate::domain::target::TargetState;

/// Secrets that an application open to personal accounts may hold (Microsoft Learn, "Validation
/// differences by supported account types").
const PERSONAL_MOST: usize = 2;

impl Kind for AppSecret {
    fn protocol(&self) -> Protocol {
        Protocol::TheyChoose
    }

    fn propose(
        &self,
        target: &Target,
        seen: &Observation,
        context: &PlanContext,
    ) -> Result<Proposal, Refusal> {
        let app = own_app(target, seen, context)?;
        if target.last && !context.can_adopt {
            let why = "the Azure CLI keeps a copy of its own, which this run cannot replace";
            return Err(Refusal::new(Reason::OwnIdentity, why));
        }
        need_permission(context, &APP_WRITERS)?;
        need_switched_on(&app)?;
        need_policy(seen, SECRET_RESTRICTIONS, target.lifetime)?;
        let secrets = of_form(seen, Form::Secret);
        let retire = select(&secrets, &target.selector)?;
        let home = home_of(&app, &retire);
        if home == app.principal.id.as_str() && seen.fact(Fact::Locked) == Some("true") {
            return Err(Refusal::new(Reason::CredentialLocked, home));
        }
        let on_home = secrets.iter().filter(|s| s.credential.object.as_str() == home).count();
        let personal = seen.fact(Fact::Audience).is_some_and(|a| a.contains("Personal"));
        if personal && !target.contain && on_home >= PERSONAL_MOST {
            return Err(Refusal::new(Reason::SecretLimit, format!("{on_home} secrets")));
        }
        let place = place_of(target).ok_or_else(|| Refusal::new(Reason::StoreUnreachable, "no store"))?;
        need_store(seen, &place)?;
        let mut warnings = vec![Warning::StoreUnproved { store: place.store.clone() }];
        if target.last {
            warnings.insert(0, Warning::OwnSignIn);
        }
        if seen.store.as_ref().is_some_and(|s| s.newest.is_none()) {
            warnings.push(Warning::NoPreviousValue);
            warnings.push(Warning::ProvedByAbsence);
        }
        let steps = Steps::new(context.retire_separately && !target.contain);
        let steps = match target.contain {
            false => steps
                .on(Verb::Mint, home)
                .on(Verb::Verify, home)
                .to(Verb::Publish, home, &place)
                .on(Verb::Hold, home)
                .to(Verb::Recheck, home, &place)
                .each(Verb::Retire, &retire)
                .each(Verb::Prove, &retire),
            true => steps
                .on(Verb::Block, &app.principal.id)
                .each(Verb::Retire, &retire)
                .each(Verb::Prove, &retire)
                .on(Verb::Unblock, &app.principal.id)
                .on(Verb::Mint, home)
                .on(Verb::Verify, home)
                .to(Verb::Publish, home, &place),
        };
        let steps: Vec<Step> = steps.done();
        let whole_list = target.selector == Selector::All;
        Ok(Proposal { retire, steps, warnings, whole_list, ..Proposal::default() })
    }

    fn by_hand(&self, state: &TargetState, header: &PlanHeader) -> Vec<String> {
        super::by_hand::lines(state, header)
    }
}

/// The new secret is made on the application, unless all that leaked is on the service principal.
fn home_of<'a>(app: &App<'a>, retire: &[CredentialRef]) -> &'a str {
    let on_principal = !retire.is_empty() && retire.iter().all(|c| c.object == app.principal.id);
    if on_principal { &app.principal.id } else { &app.application.id }
}

fn select(secrets: &[&CredentialSeen], selector: &Selector) -> Result<Vec<CredentialRef>, Refusal> {
    let refs = |found: Vec<&&CredentialSeen>| found.into_iter().map(|s| s.credential.clone()).collect();
    let none = |what: &str| Err(Refusal::new(Reason::NoSuchCredential, what));
    match selector {
        Selector::KeyId(id) => match secrets.iter().find(|s| s.credential.id.as_str() == id.as_str()) {
            Some(secret) => Ok(vec![secret.credential.clone()]),
            None => none(id.as_str()),
        },
        Selector::Hint(hint) => {
            let found: Vec<_> = secrets.iter().filter(|s| s.hint.as_ref() == Some(hint)).collect();
            let without = secrets.iter().filter(|s| s.hint.is_none()).count();
            match (found.len(), without) {
                (1, 0) => Ok(refs(found)),
                (0, 0) => none(hint),
                (n, w) => {
                    let detail = format!("{n} secrets begin with {hint}, {w} have no hint");
                    Err(Refusal::new(Reason::AmbiguousHint, detail))
                }
            }
        }
        Selector::All if secrets.is_empty() => none("there is no secret at all"),
        Selector::All => Ok(refs(secrets.iter().collect())),
        Selector::Thumbprint(_) | Selector::Itself => none("a secret has neither thumbprint nor switch"),
    }
}

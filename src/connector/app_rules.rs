//! What every kind that is about an application refuses, purely: shared by secret, certificate
//! and disable.

use crate::domain::credential::{CredentialRef, Form, Place};
use crate::domain::kind::PlanContext;
use crate::domain::observation::{Fact, ObjectRole, ObjectSeen, Observation};
use crate::domain::plan::Refusal;
use crate::domain::plan::refusal::Reason;
use crate::domain::playbook::model::{Subject, Target};
use crate::domain::step::{Phase, Step, Verb};
use crate::domain::text::Text;
use std::time::Duration;

/// Graph permissions that allow writing to applications (Microsoft Graph permissions reference).
pub(super) const APP_WRITERS: [&str; 2] = ["Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"];

/// The app management restrictions that a new secret meets: forbidden at all, and too long a life
/// (Microsoft Graph, `appManagementConfiguration`).
pub(super) const SECRET_RESTRICTIONS: [&str; 2] = ["passwordAddition", "passwordLifetime"];
/// The same of a new certificate. A self-signed one is never from a trusted authority.
pub(super) const CERTIFICATE_RESTRICTIONS: [&str; 2] =
    ["trustedCertificateAuthority", "asymmetricKeyLifetime"];

/// The two objects of an application in this tenant.
pub(super) struct App<'a> {
    pub(super) application: &'a ObjectSeen,
    pub(super) principal: &'a ObjectSeen,
}

/// The application's objects, if it is ours to change at all.
pub(super) fn own_app<'a>(
    target: &Target,
    seen: &'a Observation,
    context: &PlanContext,
) -> Result<App<'a>, Refusal> {
    let principal = seen.object(ObjectRole::ServicePrincipal);
    let refuse = |reason, detail: &str| Err(Refusal::new(reason, detail));
    if seen.fact(Fact::PrincipalType) == Some("ManagedIdentity") {
        return refuse(Reason::ManagedIdentity, target.subject.name());
    }
    let owner = seen.fact(Fact::OwnerTenant);
    if let Some(owner) = owner.filter(|o| *o != context.tenant.as_str()) {
        return refuse(Reason::ForeignApp, owner);
    }
    let Some(application) = seen.object(ObjectRole::Application) else {
        return refuse(Reason::NotFound, subject_id(target));
    };
    if application.name.as_str() != target.subject.name() {
        return refuse(Reason::NameMismatch, &application.name);
    }
    let Some(principal) = principal else { return refuse(Reason::NoServicePrincipal, subject_id(target)) };
    Ok(App { application, principal })
}

fn subject_id(target: &Target) -> &str {
    match &target.subject {
        Subject::App { client_id, .. } => client_id.as_str(),
        Subject::User { upn } => upn,
    }
}

/// The identity must hold one of these permissions, if its permissions can be told at all.
pub(super) fn need_permission(context: &PlanContext, any_of: &[&str]) -> Result<(), Refusal> {
    let has = context.permissions.iter().any(|p| any_of.contains(&p.as_str()));
    match has || context.permissions.is_empty() {
        true => Ok(()),
        false => Err(Refusal::new(Reason::MissingPermission, any_of.join(" or "))),
    }
}

/// A client id decides, and the name in the playbook must agree with the directory's.
pub(super) fn need_same_name(target: &Target, parts: &[&ObjectSeen]) -> Result<(), Refusal> {
    let other = parts.iter().find(|o| o.name.as_str() != target.subject.name());
    other.map_or(Ok(()), |o| Err(Refusal::new(Reason::NameMismatch, &*o.name)))
}

/// Both objects must be on: a new credential is verified by signing in.
pub(super) fn need_switched_on(app: &App<'_>) -> Result<(), Refusal> {
    let off = [app.application, app.principal].into_iter().find(|o| !o.enabled);
    off.map_or(Ok(()), |o| Err(Refusal::new(Reason::SwitchedOff, format!("{} {}", o.role, o.id))))
}

/// A restriction of the app management policy in force, as `type` or `type=limit` words
/// (Microsoft Graph, `appManagementConfiguration`).
pub(super) fn need_policy(
    seen: &Observation,
    [forbids, limits]: [&str; 2],
    lifetime: Duration,
) -> Result<(), Refusal> {
    for word in seen.fact(Fact::Policy).unwrap_or_default().split_whitespace() {
        let (restriction, limit) = word.split_once('=').unwrap_or((word, ""));
        if restriction == forbids {
            return Err(Refusal::new(Reason::PolicyForbids, word));
        }
        if restriction == limits && limit.parse::<u64>().is_ok_and(|most_s| lifetime.as_secs() > most_s) {
            return Err(Refusal::new(
                Reason::PolicyLifetime,
                format!(
                    "at most {}, the playbook wants {}",
                    crate::domain::time::show_span(Duration::from_secs(limit.parse().unwrap_or(0))),
                    crate::domain::time::show_span(lifetime)
                ),
            ));
        }
    }
    Ok(())
}

/// The name in the store must be writable and readable.
pub(super) fn need_store(seen: &Observation, place: &Place) -> Result<(), Refusal> {
    match &seen.store {
        None => Err(Refusal::new(Reason::StoreUnreachable, &*place.store)),
        Some(s) if s.soft_deleted => Err(Refusal::new(Reason::StoreNameDeleted, &*place.name)),
        Some(s) if s.managed => Err(Refusal::new(Reason::StoreNameManaged, &*place.name)),
        Some(s) if s.newest.is_some() && !s.newest_enabled => {
            Err(Refusal::new(Reason::StoreNewestDisabled, &*place.name))
        }
        Some(_) => Ok(()),
    }
}

/// Where the playbook wants the new value.
pub(super) fn place_of(target: &Target) -> Option<Place> {
    target.publish.as_ref().map(|p| Place { name: p.name.clone(), store: p.store.clone() })
}

/// The credentials of a form, on both objects.
pub(super) fn of_form(seen: &Observation, form: Form) -> Vec<&crate::domain::observation::CredentialSeen> {
    seen.credentials.iter().filter(|c| c.credential.form == form).collect()
}

/// Builds a kind's steps in order.
pub(super) struct Steps {
    steps: Vec<Step>,
    retire_separately: bool,
}

impl Steps {
    pub(super) fn new(retire_separately: bool) -> Self {
        Self { steps: Vec::new(), retire_separately }
    }
    fn push(&mut self, verb: Verb, object: &str, credential: Option<&CredentialRef>, place: Option<&Place>) {
        let separate = self.retire_separately && matches!(verb, Verb::Retire | Verb::Detach);
        self.steps.push(Step {
            credential: credential.cloned(),
            irreversible: !verb.can_be_undone(),
            no: u16::try_from(self.steps.len() + 1).unwrap_or(u16::MAX),
            object: Text::lossy(object),
            phase: if separate { Phase::Retire } else { Phase::Start },
            place: place.cloned(),
            verb,
        });
    }
    pub(super) fn on(mut self, verb: Verb, object: &str) -> Self {
        self.push(verb, object, None, None);
        self
    }
    pub(super) fn to(mut self, verb: Verb, object: &str, place: &Place) -> Self {
        self.push(verb, object, None, Some(place));
        self
    }
    pub(super) fn each(mut self, verb: Verb, credentials: &[CredentialRef]) -> Self {
        for c in credentials {
            self.push(verb, &c.object, Some(c), None);
        }
        self
    }
    pub(super) fn done(self) -> Vec<Step> {
        self.steps
    }
}

/// A kind's own settings, as the plan carries them.
pub(super) fn settings_of(target: &Target) -> std::collections::BTreeMap<Text<32>, Text<300>> {
    use crate::domain::playbook::model::Setting;
    let shown = target.settings.iter().map(|(key, value)| {
        let value = match value {
            Setting::Flag(flag) => Text::lossy(&flag.to_string()),
            Setting::Number(n) => Text::lossy(&n.to_string()),
            Setting::Text(text) => text.clone(),
        };
        (Text::lossy(key), value)
    });
    let to = target.publish.as_ref().and_then(|p| p.to.as_ref());
    shown.chain(to.map(|to| (Text::lossy("to"), Text::lossy(to)))).collect()
}

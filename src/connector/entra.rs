//! What is read of an application: its two objects here, every credential on both, and every
//! other way in.

use super::app_reads::{AppReads, Certificates, Pair};
use super::plan_reads::{PlanReads, Side};
use super::{Depth, Sight};
use crate::azure::Azure;
use crate::azure::fault::ApiError;
use crate::azure::graph::applications::{Application, FederatedCredential, Owner};
use crate::azure::graph::credentials::{KeyCredential, PasswordCredential};
use crate::azure::graph::service_principals::ServicePrincipal;
use crate::domain::credential::{CredentialRef, Form};
use crate::domain::event::{Fault, FaultClass, Happened};
use crate::domain::id::{ClientId, ObjectId};
use crate::domain::observation::{CredentialSeen, Fact, ObjectRole, ObjectSeen, Observation, Way, WayIn};
use crate::domain::plan::guardrail::Population;
use crate::domain::text::Text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How many applications and users the tenant has.
pub(super) async fn population(azure: &Azure) -> Result<Population, Fault> {
    let graph = azure.graph();
    let applications = graph.count_applications().await.map_err(Fault::from)?;
    // Who may not read users has no user targets either: their reads are refused one by one.
    let users = match graph.count_users().await {
        Err(e) if e.status == Some(403) => 0,
        other => other.map_err(Fault::from)?,
    };
    Ok(super::observe::population(applications, users))
}

/// A fault of our own making.
pub(super) fn fault(class: FaultClass, code: &str) -> Fault {
    Fault { class, code: Text::lossy(code), happened: Happened::No }
}

/// What a kind wants to know of an application besides what every kind does.
#[derive(Clone, Copy, Default)]
pub(super) struct Wish {
    /// Restrictions of app management policies that concern the kind, by their types.
    pub(super) restrictions: &'static [&'static str],
    /// The kind replaces lists of certificates: it watches them, and wants their public keys, so that a
    /// lost entry can be put back. To others they are shown in the plan and at the end.
    pub(super) certificates: bool,
}

/// Reads an application by its client id.
pub(super) async fn observe_app(
    apps: &AppReads,
    plans: &PlanReads,
    sight: Sight<'_>,
    wish: Wish,
) -> Result<Observation, Fault> {
    let id: ClientId = sight.subject.parse().map_err(|_| fault(FaultClass::Refused, "not_a_client_id"))?;
    let certificates = match sight.depth {
        Depth::Plan if wish.certificates => Certificates::Whole,
        Depth::Aside => Certificates::Left,
        Depth::Drift if !wish.certificates => Certificates::Left,
        Depth::Plan | Depth::Drift | Depth::End => Certificates::Listed,
    };
    let prepared = matches!(sight.depth, Depth::Plan | Depth::End);
    let pair = apps.pair(&id, certificates, prepared).await;
    let Pair { application, principal } = pair.map_err(Fault::from)?;
    let without_certificates = certificates == Certificates::Left;
    let mut seen = Observation { without_certificates, ..Observation::default() };
    let with_keys = certificates == Certificates::Whole;
    if let Some(application) = &application {
        add_application(&mut seen, application, with_keys);
    }
    if let Some(principal) = &principal {
        add_principal(&mut seen, principal, with_keys);
    }
    if seen.objects.is_empty() {
        return Err(fault(FaultClass::Refused, "Request_ResourceNotFound"));
    }
    if sight.depth == Depth::Plan {
        let around = add_ways_in(plans, &mut seen, application.as_ref(), principal.as_ref());
        around.await.map_err(Fault::from)?;
        if let Some(application) = application.filter(|_| !wish.restrictions.is_empty()) {
            add_policy(plans, &mut seen, &application, wish.restrictions).await?;
        }
    }
    seen.credentials.sort_by(|a, b| a.credential.cmp(&b.credential));
    seen.ways_in.sort();
    Ok(seen)
}

/// The restrictions in force that concern the kind, as `type` or `type=seconds` words.
async fn add_policy(
    plans: &PlanReads,
    seen: &mut Observation,
    application: &Application,
    wanted: &[&str],
) -> Result<(), Fault> {
    let all = plans.restrictions(application).await?;
    let concerns = all.iter().filter(|r| wanted.contains(&r.restriction.as_str()));
    let words: Vec<String> = concerns
        .map(|r| match r.max_lifetime {
            Some(most) => format!("{}={}", r.restriction, most.as_secs()),
            None => r.restriction.to_string(),
        })
        .collect();
    seen.facts.insert(Fact::Policy, Text::lossy(&words.join(" ")));
    Ok(())
}

fn add_application(seen: &mut Observation, application: &Application, with_keys: bool) {
    seen.objects.push(ObjectSeen {
        enabled: !application.is_disabled && !application.is_disabled_by_microsoft(),
        id: object(&application.id),
        name: Text::lossy(&application.display_name()),
        role: ObjectRole::Application,
    });
    seen.facts.insert(Fact::Audience, Text::lossy(&application.audience_name()));
    if application.locks_service_principals() {
        seen.facts.insert(Fact::Locked, Text::lossy("true"));
    }
    add_secrets(seen, &application.id, &application.passwords);
    add_certificates(seen, &application.id, &application.keys, with_keys);
}

fn add_principal(seen: &mut Observation, principal: &ServicePrincipal, with_keys: bool) {
    seen.objects.push(ObjectSeen {
        enabled: principal.is_enabled(),
        id: object(&principal.id),
        name: Text::lossy(&principal.display_name()),
        role: ObjectRole::ServicePrincipal,
    });
    let kind = if principal.is_managed_identity() { "ManagedIdentity" } else { "Application" };
    seen.facts.insert(Fact::PrincipalType, Text::lossy(kind));
    if let Some(owner) = &principal.app_owner_organization_id {
        seen.facts.insert(Fact::OwnerTenant, Text::lossy(owner.as_str()));
    }
    add_secrets(seen, &principal.id, &principal.passwords);
    add_certificates(seen, &principal.id, &principal.keys, with_keys);
}

fn object(id: &ObjectId) -> Text<128> {
    Text::lossy(id.as_str())
}

fn add_secrets(seen: &mut Observation, holder: &ObjectId, passwords: &[PasswordCredential]) {
    for password in passwords {
        seen.credentials.push(CredentialSeen {
            credential: reference(holder, Form::Secret, password.key_id.as_str()),
            ends: password.end,
            hint: password.hint(),
            name: password.display_name().map(|n| Text::lossy(&n)),
            public_key: None,
            starts: password.start,
            thumbprint: None,
        });
    }
}

fn add_certificates(seen: &mut Observation, holder: &ObjectId, keys: &[KeyCredential], with_keys: bool) {
    for key in keys {
        let public_key = key.certificate().filter(|_| with_keys);
        seen.credentials.push(CredentialSeen {
            credential: reference(holder, Form::Certificate, key.key_id.as_str()),
            ends: key.end(),
            hint: None,
            name: key.display_name().map(|n| Text::lossy(&n)),
            public_key: public_key.and_then(|der| Text::new(STANDARD.encode(der)).ok()),
            starts: key.start(),
            thumbprint: key.thumbprint(),
        });
    }
}

/// A credential's name in plan and log.
pub(super) fn reference(holder: &ObjectId, form: Form, key_id: &str) -> CredentialRef {
    CredentialRef { form, id: Text::lossy(key_id), object: object(holder) }
}

/// Who and what else acts as it, and what it may do.
async fn add_ways_in(
    plans: &PlanReads,
    seen: &mut Observation,
    application: Option<&Application>,
    principal: Option<&ServicePrincipal>,
) -> Result<(), ApiError> {
    if let Some(application) = application {
        let owners = plans.owners(Side::Application, &application.id).await?;
        let federated = plans.federated(Side::Application, &application.id).await?;
        note_ways(seen, &application.id, &owners, &federated);
    }
    if let Some(principal) = principal {
        let owners = plans.owners(Side::ServicePrincipal, &principal.id).await?;
        let federated = plans.federated(Side::ServicePrincipal, &principal.id).await?;
        note_ways(seen, &principal.id, &owners, &federated);
        plans.powers(&principal.id).await?.note(seen);
    }
    Ok(())
}

fn note_ways(seen: &mut Observation, on: &ObjectId, owners: &[Owner], federated: &[FederatedCredential]) {
    let owners = owners.iter().map(|o| WayIn {
        id: object(&o.id),
        name: Text::lossy(&o.name()),
        object: object(on),
        what: Way::Owner,
    });
    let federated = federated.iter().map(|f| WayIn {
        id: f.id.clone(),
        name: Text::lossy(&format!("{} for {}", f.issuer(), f.subject())),
        object: object(on),
        what: Way::FederatedCredential,
    });
    seen.ways_in.extend(owners.chain(federated));
}

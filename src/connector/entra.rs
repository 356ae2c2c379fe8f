//! What is read of an application: its two objects here, every credential on both, and every
//! other way in.

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

/// How many applications and users the tenant has.
pub(super) async fn population(azure: &Azure) -> Result<Population, Fault> {
    let applications = azure.graph().applications().all().await.map_err(Fault::from)?.len() as u64;
    Ok(super::observe::population(applications, 0))
}

/// A fault of our own making.
pub(super) fn fault(class: FaultClass, code: &str) -> Fault {
    Fault { class, code: Text::lossy(code), happened: Happened::No }
}

/// Reads an application by its client id.
pub(super) async fn observe_app(azure: &Azure, sight: Sight<'_>) -> Result<Observation, Fault> {
    let id: ClientId = sight.subject.parse().map_err(|_| fault(FaultClass::Refused, "not_a_client_id"))?;
    let graph = azure.graph();
    let (application, principal) =
        futures::try_join!(graph.application_by_client_id(&id), graph.service_principal_by_client_id(&id))
            .map_err(Fault::from)?;
    let mut seen = Observation::default();
    if let Some(application) = &application {
        add_application(&mut seen, application);
    }
    if let Some(principal) = &principal {
        add_principal(&mut seen, principal);
    }
    if seen.objects.is_empty() {
        return Err(fault(FaultClass::Refused, "Request_ResourceNotFound"));
    }
    if sight.depth == Depth::Plan {
        add_ways_in(azure, &mut seen, application.as_ref(), principal.as_ref()).await.map_err(Fault::from)?;
    }
    seen.credentials.sort_by(|a, b| a.credential.cmp(&b.credential));
    seen.ways_in.sort();
    Ok(seen)
}

fn add_application(seen: &mut Observation, application: &Application) {
    seen.objects.push(ObjectSeen {
        enabled: !application.is_disabled && !application.is_disabled_by_microsoft(),
        id: object(&application.id),
        name: Text::lossy(&application.display_name()),
        role: ObjectRole::Application,
    });
    seen.facts.insert(Fact::Audience, Text::lossy(&application.audience_name()));
    add_credentials(seen, &application.id, &application.passwords, &application.keys);
}

fn add_principal(seen: &mut Observation, principal: &ServicePrincipal) {
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
    add_credentials(seen, &principal.id, &principal.passwords, &principal.keys);
}

fn object(id: &ObjectId) -> Text<128> {
    Text::lossy(id.as_str())
}

fn add_credentials(
    seen: &mut Observation,
    holder: &ObjectId,
    passwords: &[PasswordCredential],
    keys: &[KeyCredential],
) {
    for password in passwords {
        seen.credentials.push(CredentialSeen {
            credential: reference(holder, Form::Secret, password.key_id.as_str()),
            ends: password.end,
            hint: password.hint(),
            name: password.display_name().map(|n| Text::lossy(&n)),
            starts: password.start,
            thumbprint: None,
        });
    }
    for key in keys {
        seen.credentials.push(CredentialSeen {
            credential: reference(holder, Form::Certificate, key.key_id.as_str()),
            ends: key.end(),
            hint: None,
            name: key.display_name().map(|n| Text::lossy(&n)),
            starts: key.start(),
            thumbprint: key.thumbprint(),
        });
    }
}

/// A credential's name in plan and log.
pub(super) fn reference(holder: &ObjectId, form: Form, key_id: &str) -> CredentialRef {
    CredentialRef { form, id: Text::lossy(key_id), object: object(holder) }
}

async fn add_ways_in(
    azure: &Azure,
    seen: &mut Observation,
    application: Option<&Application>,
    principal: Option<&ServicePrincipal>,
) -> Result<(), ApiError> {
    let graph = azure.graph();
    if let Some(application) = application {
        let owners = graph.application_owners(&application.id).await?;
        let federated = graph.federated_credentials(&application.id).await?;
        note_ways(seen, &application.id, &owners, &federated);
    }
    if let Some(principal) = principal {
        let owners = graph.service_principal_owners(&principal.id).await?;
        note_ways(seen, &principal.id, &owners, &[]);
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

//! Scenes of applications: objects, secrets, certificates, owners, federated credentials,
//! permissions.

use super::impossible;
use crate::domain::id::{ClientId, KeyId, ObjectId};
use crate::domain::time::Timestamp;
use crate::lab::Lab;
use crate::lab::credential::Password;
use crate::lab::directory::{Kind, Object};
use crate::lab::graph::{
    DEFAULT_LIFE, application_fields, assignment, graph_principal, new_value, permission_id, principal_fields,
};
use crate::lab::state::State;
use crate::lab::stranger::{Errand, Intent};
use serde_json::json;
use std::time::Duration;

/// An application to be created, with its service principal.
#[derive(Clone, Debug)]
pub struct NewApplication {
    pub client_id: ClientId,
    pub name: String,
    /// `AzureADMyOrg`, `AzureADMultipleOrgs`, `AzureADandPersonalMicrosoftAccount`, …
    pub audience: String,
    /// It belongs to another tenant: only a service principal is here.
    pub foreign: bool,
    /// A managed identity: only a service principal, whose credentials Microsoft rotates.
    pub managed_identity: bool,
    pub created: Option<Timestamp>,
    /// Default: drawn.
    pub object_id: Option<ObjectId>,
    pub service_principal_id: Option<ObjectId>,
}

impl NewApplication {
    pub fn new(client_id: ClientId, name: impl Into<String>) -> Self {
        Self {
            client_id,
            name: name.into(),
            audience: "AzureADMyOrg".into(),
            foreign: false,
            managed_identity: false,
            created: None,
            object_id: None,
            service_principal_id: None,
        }
    }
    /// Open to other organisations.
    pub fn multi_tenant(mut self) -> Self {
        self.audience = "AzureADMultipleOrgs".into();
        self
    }
    /// Open to personal accounts: at most two secrets, 60 writes a minute.
    pub fn personal(mut self) -> Self {
        self.audience = "AzureADandPersonalMicrosoftAccount".into();
        self
    }
}

/// Where an application is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppHandle {
    /// The application object; for a foreign application the service principal's id.
    pub object_id: ObjectId,
    pub service_principal_id: ObjectId,
    pub client_id: ClientId,
}

/// Which of the two objects holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Owner {
    #[default]
    Application,
    ServicePrincipal,
}

#[derive(Clone, Debug, Default)]
pub struct SecretSpec {
    pub on: Owner,
    /// Forces the first three characters.
    pub hint: Option<String>,
    /// Entra shows no hint for this one, as for some old credentials.
    pub null_hint: bool,
    pub display_name: Option<String>,
    /// Default: now.
    pub start: Option<Timestamp>,
    /// Default: two years after the start.
    pub end: Option<Timestamp>,
    /// Default: drawn.
    pub key_id: Option<KeyId>,
    /// Forces the whole value.
    pub value: Option<String>,
}

pub(in crate::lab) fn object_id(text: &str) -> ObjectId {
    text.parse().unwrap_or_else(|_| impossible(&format!("{text:?} is no object id")))
}

fn application_object(state: &State, spec: &NewApplication, created: &str) -> Object {
    let id = spec.object_id.as_ref().map_or_else(|| state.new_id(), ToString::to_string);
    let mut body = application_fields(spec.client_id.as_str(), &spec.name, &spec.audience, created);
    body.insert("id".into(), json!(id));
    Object::new(Kind::Application, id, body)
}

fn principal_object(state: &State, spec: &NewApplication, created: &str) -> Object {
    let id = spec.service_principal_id.as_ref().map_or_else(|| state.new_id(), ToString::to_string);
    let home =
        if spec.foreign { "8f5b3a10-0000-4000-8000-00000000f0f0" } else { state.options.tenant.as_str() };
    let mut body = principal_fields(spec.client_id.as_str(), &spec.name, created);
    body.insert("id".into(), json!(id));
    body.insert("appOwnerOrganizationId".into(), json!(home));
    body.insert("signInAudience".into(), json!(spec.audience));
    if spec.managed_identity {
        body.insert("servicePrincipalType".into(), json!("ManagedIdentity"));
    }
    Object::new(Kind::ServicePrincipal, id, body)
}

impl Lab {
    /// Creates an application and its service principal, with separate object ids.
    pub fn create_application(&self, spec: NewApplication) -> AppHandle {
        self.with(|state| {
            let created = spec.created.unwrap_or_else(|| state.now()).to_string();
            let principal = principal_object(state, &spec, &created);
            let principal_id = principal.id.clone();
            let mut app_id = principal_id.clone();
            if !(spec.foreign || spec.managed_identity) {
                let application = application_object(state, &spec, &created);
                app_id.clone_from(&application.id);
                state.write_everywhere(application);
            }
            state.write_everywhere(principal);
            AppHandle {
                object_id: object_id(&app_id),
                service_principal_id: object_id(&principal_id),
                client_id: spec.client_id,
            }
        })
    }

    /// Adds a secret that is accepted from now on; the answer is its key id and its value.
    pub fn add_secret(&self, client_id: &ClientId, spec: SecretSpec) -> (KeyId, String) {
        self.edit(client_id.as_str(), spec.on, |state, object| {
            let start = spec.start.unwrap_or_else(|| state.now());
            let value = spec.value.clone().unwrap_or_else(|| new_value(state, spec.hint.as_deref()));
            let key_id = spec.key_id.as_ref().map_or_else(|| state.new_id(), ToString::to_string);
            object.passwords.push(Password {
                key_id: key_id.clone(),
                display_name: spec.display_name.clone(),
                start,
                end: spec.end.unwrap_or_else(|| start.after(DEFAULT_LIFE)),
                shows_hint: !spec.null_hint,
                value: value.as_str().into(),
            });
            (key_id.parse().unwrap_or_else(|_| KeyId::from_random([0; 16])), value)
        })
    }

    /// Another administrator adds a secret to the application after so long: known to the tenant's
    /// log, and to nobody else.
    pub fn another_administrator_adds(&self, client_id: &ClientId, after: Duration) {
        self.with(|state| {
            let id = super::owner_object(state, client_id.as_str(), Owner::Application).id;
            let errand = Errand::Directory { kind: Kind::Application, id, intent: Intent::Adds };
            state.strangers.push((state.now().after(after), errand));
        });
    }

    /// Gives an application a Graph permission, which its tokens then carry in `roles`.
    pub fn grant_app_permission(&self, client_id: &ClientId, permission: &str) {
        self.with(|state| {
            let principal = super::owner_object(state, client_id.as_str(), Owner::ServicePrincipal);
            let resource = graph_principal(state);
            let role = (permission_id(permission), permission);
            let made = assignment(state, &principal, (&resource, "Microsoft Graph"), (&role.0, role.1));
            state.write_everywhere(made);
        });
    }
}

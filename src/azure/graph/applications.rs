//! App registrations.
//!
//! Sources: Microsoft Learn, "application resource type", "List applications", "Deactivate an app
//! registration" (`isDisabled`; whether the national clouds have it is unconfirmed), "List owners",
//! "List federatedIdentityCredentials".

use super::GraphError;
use super::credentials::{KeyCredential, PasswordCredential};
use super::http::{Ask, Graph};
use super::json;
use super::pages::Pages;
use crate::azure::quota::Operation;
use crate::domain::id::{ClientId, ObjectId};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::Permit;
use serde::Deserialize;

const SELECT: &str = "id,appId,displayName,signInAudience,isDisabled,createdDateTime,disabledByMicrosoftStatus,\
    servicePrincipalLockConfiguration,passwordCredentials,keyCredentials";
/// Without `keyCredentials`, whose quota is narrow, for reads that only watch.
const SELECT_STATE: &str = "id,appId,displayName,signInAudience,isDisabled,createdDateTime,\
    disabledByMicrosoftStatus,servicePrincipalLockConfiguration,passwordCredentials";

/// An app registration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Its object id.
    pub id: ObjectId,
    /// Its client id.
    pub app_id: ClientId,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    sign_in_audience: Option<String>,
    #[serde(default, deserialize_with = "json::flag")]
    pub is_disabled: bool,
    #[serde(default)]
    disabled_by_microsoft_status: Option<String>,
    #[serde(default, deserialize_with = "json::time", rename = "createdDateTime")]
    pub created: Option<Timestamp>,
    #[serde(default)]
    service_principal_lock_configuration: Option<Lock>,
    #[serde(default, deserialize_with = "json::list", rename = "passwordCredentials")]
    pub passwords: Vec<PasswordCredential>,
    #[serde(default, deserialize_with = "json::list", rename = "keyCredentials")]
    pub keys: Vec<KeyCredential>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    #[serde(default, deserialize_with = "json::flag")]
    is_enabled: bool,
    #[serde(default, deserialize_with = "json::flag")]
    all_properties: bool,
    #[serde(default, deserialize_with = "json::flag")]
    credentials_with_usage_sign: bool,
    #[serde(default, deserialize_with = "json::flag")]
    credentials_with_usage_verify: bool,
}

/// Who may sign in to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Its own tenant.
    MyOrg,
    /// Any tenant.
    MultipleOrgs,
    /// Personal accounts too: at most two secrets, and 60 writes a minute.
    Personal,
    /// One that this version does not know; treated like `Personal`.
    Unknown,
}

impl Audience {
    pub fn allows_two_secrets_at_most(self) -> bool {
        matches!(self, Audience::Personal | Audience::Unknown)
    }
    /// What a write to an application of this audience costs.
    pub fn write_operation(self) -> Operation<'static> {
        if self.allows_two_secrets_at_most() { Operation::WritePersonalApp } else { Operation::WriteObject }
    }
}

impl Application {
    pub fn display_name(&self) -> Text<256> {
        Text::lossy(self.display_name.as_deref().unwrap_or(""))
    }
    /// The audience as the directory spells it.
    pub fn audience_name(&self) -> Text<64> {
        Text::lossy(self.sign_in_audience.as_deref().unwrap_or(""))
    }
    pub fn audience(&self) -> Audience {
        match self.sign_in_audience.as_deref() {
            Some("AzureADMyOrg") => Audience::MyOrg,
            Some("AzureADMultipleOrgs") => Audience::MultipleOrgs,
            Some("AzureADandPersonalMicrosoftAccount" | "PersonalMicrosoftAccount") => Audience::Personal,
            _ => Audience::Unknown,
        }
    }
    /// Switched off by Microsoft, which nobody here can undo.
    pub fn is_disabled_by_microsoft(&self) -> bool {
        !matches!(self.disabled_by_microsoft_status.as_deref(), None | Some("NotDisabled"))
    }
    /// Whether its service principals refuse new credentials.
    pub fn locks_service_principals(&self) -> bool {
        self.service_principal_lock_configuration.as_ref().is_some_and(|lock| {
            lock.is_enabled
                && (lock.all_properties
                    || lock.credentials_with_usage_sign
                    || lock.credentials_with_usage_verify)
        })
    }
}

/// An owner: may add credentials, and may switch a disabled application on again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    pub id: ObjectId,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    user_principal_name: Option<String>,
}

impl Owner {
    /// The principal name where it has one, else the display name.
    pub fn name(&self) -> Text<256> {
        Text::lossy(self.user_principal_name.as_deref().or(self.display_name.as_deref()).unwrap_or(""))
    }
}

/// A federated credential: another issuer's tokens sign in as the application. Rotating secrets
/// does not touch it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FederatedCredential {
    pub id: Text<128>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    subject: Option<String>,
}

impl FederatedCredential {
    pub fn name(&self) -> Text<120> {
        Text::lossy(self.name.as_deref().unwrap_or(""))
    }
    pub fn issuer(&self) -> Text<600> {
        Text::lossy(self.issuer.as_deref().unwrap_or(""))
    }
    pub fn subject(&self) -> Text<600> {
        Text::lossy(self.subject.as_deref().unwrap_or(""))
    }
}

impl Graph {
    pub async fn application(&self, id: &ObjectId) -> Result<Option<Application>, GraphError> {
        self.find(&Ask::get(format!("/applications/{id}"), Operation::ReadKeys).with("$select", SELECT)).await
    }

    pub async fn application_by_client_id(&self, id: &ClientId) -> Result<Option<Application>, GraphError> {
        let path = format!("/applications(appId='{id}')");
        self.find(&Ask::get(path, Operation::ReadKeys).with("$select", SELECT)).await
    }

    /// The same without certificates: `keys` is empty.
    pub async fn application_state(&self, id: &ObjectId) -> Result<Option<Application>, GraphError> {
        let ask =
            Ask::get(format!("/applications/{id}"), Operation::ReadObject).with("$select", SELECT_STATE);
        self.find(&ask).await
    }

    pub async fn application_state_by_client_id(
        &self,
        id: &ClientId,
    ) -> Result<Option<Application>, GraphError> {
        let path = format!("/applications(appId='{id}')");
        self.find(&Ask::get(path, Operation::ReadObject).with("$select", SELECT_STATE)).await
    }

    /// All app registrations, with the dates of their certificates but not their public keys.
    pub fn applications(&self) -> Pages<Application> {
        Pages::new(
            self,
            Ask::get("/applications", Operation::ReadKeys).with("$select", SELECT).with("$top", "999"),
        )
    }

    /// Switches the application off or on, in all tenants. Tokens that were issued live on.
    pub async fn set_application_disabled(
        &self,
        id: &ObjectId,
        disabled: bool,
        permit: &Permit,
    ) -> Result<(), GraphError> {
        let body = serde_json::json!({ "isDisabled": disabled });
        self.done(&Ask::patch(format!("/applications/{id}"), permit).body(&body)).await
    }

    pub async fn application_owners(&self, id: &ObjectId) -> Result<Vec<Owner>, GraphError> {
        let ask = Ask::get(format!("/applications/{id}/owners"), Operation::ReadList);
        Pages::new(self, ask.with("$select", "id,displayName,userPrincipalName")).all().await
    }

    pub async fn federated_credentials(&self, id: &ObjectId) -> Result<Vec<FederatedCredential>, GraphError> {
        let path = format!("/applications/{id}/federatedIdentityCredentials");
        Pages::new(self, Ask::get(path, Operation::ReadList)).all().await
    }
}

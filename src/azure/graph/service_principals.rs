//! Service principals: what an application is in one tenant.
//!
//! Sources: Microsoft Learn, "servicePrincipal resource type", "List appRoleAssignments granted to
//! a service principal". Secrets on a service principal are not shown among the app's own, which
//! makes them a favourite of intruders: both objects are always read.

use super::GraphError;
use super::applications::{FederatedCredential, Owner};
use super::credentials::{KeyCredential, PasswordCredential};
use super::http::{Ask, Graph};
use super::json;
use super::pages::Pages;
use crate::azure::quota::Operation;
use crate::domain::id::{ClientId, ObjectId, TenantId};
use crate::domain::text::Text;
use crate::wire::budget::Permit;
use serde::Deserialize;

const SELECT: &str = "id,appId,displayName,accountEnabled,servicePrincipalType,appOwnerOrganizationId,\
    passwordCredentials,keyCredentials";
const SELECT_STATE: &str =
    "id,appId,displayName,accountEnabled,servicePrincipalType,appOwnerOrganizationId,passwordCredentials";

/// The tenant that owns Microsoft's own applications.
pub const MICROSOFT_SERVICES_TENANT: &str = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";

/// A service principal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    pub id: ObjectId,
    pub app_id: ClientId,
    #[serde(default)]
    display_name: Option<String>,
    /// `None` reads as enabled.
    #[serde(default)]
    account_enabled: Option<bool>,
    #[serde(default)]
    service_principal_type: Option<String>,
    /// The tenant where its application is registered.
    #[serde(default)]
    pub app_owner_organization_id: Option<TenantId>,
    #[serde(default, deserialize_with = "json::list", rename = "passwordCredentials")]
    pub passwords: Vec<PasswordCredential>,
    #[serde(default, deserialize_with = "json::list", rename = "keyCredentials")]
    pub keys: Vec<KeyCredential>,
}

impl ServicePrincipal {
    pub fn display_name(&self) -> Text<256> {
        Text::lossy(self.display_name.as_deref().unwrap_or(""))
    }
    pub fn is_enabled(&self) -> bool {
        self.account_enabled.unwrap_or(true)
    }
    /// Its certificates are rotated by the platform: never to be touched.
    pub fn is_managed_identity(&self) -> bool {
        self.service_principal_type.as_deref() == Some("ManagedIdentity")
    }
    /// One of Microsoft's own.
    pub fn is_first_party(&self) -> bool {
        self.app_owner_organization_id.as_ref().is_some_and(|t| t.as_str() == MICROSOFT_SERVICES_TENANT)
    }
}

/// A permission or role that was granted to a service principal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRoleAssignment {
    pub app_role_id: ObjectId,
    /// Who was granted it.
    pub principal_id: ObjectId,
    pub resource_id: ObjectId,
    #[serde(default)]
    resource_display_name: Option<String>,
}

impl AppRoleAssignment {
    pub fn resource(&self) -> Text<256> {
        Text::lossy(self.resource_display_name.as_deref().unwrap_or(""))
    }
}

/// The application roles that Microsoft Graph offers: its permissions, by the ids that grants name.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnRoles {
    /// The object id of Graph's service principal here.
    pub id: ObjectId,
    #[serde(default, deserialize_with = "json::list")]
    app_roles: Vec<AppRole>,
}

#[derive(Clone, Debug, Deserialize)]
struct AppRole {
    id: ObjectId,
    #[serde(default)]
    value: Option<String>,
}

impl OwnRoles {
    /// The name of a permission; one without a name is told by its id.
    pub fn name(&self, id: &ObjectId) -> String {
        let role = self.app_roles.iter().find(|r| r.id == *id);
        let name = role.and_then(|r| r.value.as_deref()).map(Text::<128>::lossy);
        name.map_or_else(|| id.to_string(), |name| name.to_string())
    }
}

/// The client id of Microsoft Graph, the same in every tenant and cloud.
const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";

#[derive(Deserialize)]
struct Expanded {
    #[serde(default, deserialize_with = "json::list", rename = "federatedIdentityCredentials")]
    federated: Vec<FederatedCredential>,
}

impl Graph {
    pub async fn service_principal(&self, id: &ObjectId) -> Result<Option<ServicePrincipal>, GraphError> {
        self.find(&Ask::get(format!("/servicePrincipals/{id}"), Operation::ReadKeys).with("$select", SELECT))
            .await
    }

    pub async fn service_principal_by_client_id(
        &self,
        id: &ClientId,
    ) -> Result<Option<ServicePrincipal>, GraphError> {
        let path = format!("/servicePrincipals(appId='{id}')");
        self.find(&Ask::get(path, Operation::ReadKeys).with("$select", SELECT)).await
    }

    /// The same without certificates: `keys` is empty.
    pub async fn service_principal_state(
        &self,
        id: &ObjectId,
    ) -> Result<Option<ServicePrincipal>, GraphError> {
        let path = format!("/servicePrincipals/{id}");
        self.find(&Ask::get(path, Operation::ReadObject).with("$select", SELECT_STATE)).await
    }

    pub async fn service_principal_state_by_client_id(
        &self,
        id: &ClientId,
    ) -> Result<Option<ServicePrincipal>, GraphError> {
        let path = format!("/servicePrincipals(appId='{id}')");
        self.find(&Ask::get(path, Operation::ReadObject).with("$select", SELECT_STATE)).await
    }

    /// All service principals, with the dates of their certificates but not their public keys.
    pub fn service_principals(&self) -> Pages<ServicePrincipal> {
        let ask = Ask::get("/servicePrincipals", Operation::ReadKeys);
        Pages::new(self, ask.with("$select", SELECT).with("$top", "999"))
    }

    /// Lets the application sign in to this tenant, or not. Off also ends sessions at resources
    /// with continuous access evaluation, which for applications is Graph alone.
    pub async fn set_service_principal_enabled(
        &self,
        id: &ObjectId,
        enabled: bool,
        permit: &Permit,
    ) -> Result<(), GraphError> {
        let body = serde_json::json!({ "accountEnabled": enabled });
        self.done(&Ask::patch(format!("/servicePrincipals/{id}"), permit).body(&body)).await
    }

    pub async fn service_principal_owners(&self, id: &ObjectId) -> Result<Vec<Owner>, GraphError> {
        let ask = Ask::get(format!("/servicePrincipals/{id}/owners"), Operation::ReadList);
        Pages::new(self, ask.with("$select", "id,displayName,userPrincipalName")).all().await
    }

    /// Federated credentials on the service principal itself, meant for managed identities. No page
    /// describes a list of them; "servicePrincipal resource type" says "Supports $expand", which
    /// shows at most 20: all there can be. A service that does not know them answers 400 or 404.
    pub async fn service_principal_federated_credentials(
        &self,
        id: &ObjectId,
    ) -> Result<Vec<FederatedCredential>, GraphError> {
        let ask = Ask::get(format!("/servicePrincipals/{id}"), Operation::ReadList)
            .with("$select", "id")
            .with("$expand", "federatedIdentityCredentials");
        match self.read::<Expanded>(&ask).await {
            Ok(expanded) => Ok(expanded.federated),
            Err(e) if matches!(e.status, Some(400 | 404)) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// The permissions that Graph itself offers.
    pub async fn own_roles(&self) -> Result<OwnRoles, GraphError> {
        let path = format!("/servicePrincipals(appId='{GRAPH_APP}')");
        self.read(&Ask::get(path, Operation::ReadObject).with("$select", "id,appRoles")).await
    }

    /// Everybody who was granted an application role of this resource.
    pub fn app_roles_assigned(&self, resource: &ObjectId) -> Pages<AppRoleAssignment> {
        let path = format!("/servicePrincipals/{resource}/appRoleAssignedTo");
        Pages::new(self, Ask::get(path, Operation::ReadList).with("$top", "999"))
    }

    pub async fn app_role_assignments(&self, id: &ObjectId) -> Result<Vec<AppRoleAssignment>, GraphError> {
        let path = format!("/servicePrincipals/{id}/appRoleAssignments");
        Pages::new(self, Ask::get(path, Operation::ReadList)).all().await
    }
}

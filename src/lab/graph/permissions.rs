//! Microsoft Graph's own service principal in the tenant, and the ids of its application roles.

use crate::lab::directory::{Kind, Object};
use crate::lab::state::State;
use serde_json::{Map, Value, json};

/// The client id of Microsoft Graph, the same in every tenant.
pub(in crate::lab) const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";

/// The permissions that the lab's Graph offers.
const OFFERED: [&str; 27] = [
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "DelegatedPermissionGrant.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "IdentityRiskyServicePrincipal.ReadWrite.All",
    "IdentityRiskyUser.ReadWrite.All",
    "Organization.Read.All",
    "Policy.Read.All",
    "Policy.ReadWrite.ApplicationConfiguration",
    "Reports.Read.All",
    "RoleManagement.Read.All",
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
    "User-PasswordProfile.ReadWrite.All",
    "User.EnableDisableAccount.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "User.RevokeSessions.All",
    "UserAuthenticationMethod.Read.All",
    "UserAuthenticationMethod.ReadWrite.All",
    "UserAuthMethod-Phone.ReadWrite.All",
    "UserAuthMethod-TAP.ReadWrite.All",
];

/// The lab's id of an application role: made from its name, so not Microsoft's own id. Look it
/// up in the `appRoles` of Graph's service principal, as one should.
pub(in crate::lab) fn permission_id(name: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&crate::lab::credential::sha256(name.as_bytes())[..16]);
    crate::domain::id::ObjectId::from_random(bytes).to_string()
}

/// The object id of Graph's service principal, which is made when it is first needed.
pub(in crate::lab) fn graph_principal(state: &mut State) -> String {
    if let Some(id) = state.directory.client(GRAPH_APP).1 {
        return id.to_owned();
    }
    let id = permission_id("Microsoft Graph");
    let roles: Vec<Value> = OFFERED
        .iter()
        .map(|name| json!({"id": permission_id(name), "value": name, "displayName": name, "description": name, "isEnabled": true, "origin": "Application", "allowedMemberTypes": ["Application"]}))
        .collect();
    let body = json!({
        "id": id, "appId": GRAPH_APP, "displayName": "Microsoft Graph", "appDisplayName": "Microsoft Graph",
        "accountEnabled": true, "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "appRoleAssignmentRequired": false, "appRoles": roles, "oauth2PermissionScopes": [], "deletedDateTime": null,
        "servicePrincipalNames": [GRAPH_APP, "https://graph.microsoft.com"], "servicePrincipalType": "Application",
        "signInAudience": "AzureADMultipleOrgs", "tags": [], "isDisabled": null,
    });
    let fields = if let Value::Object(map) = body { map } else { Map::new() };
    state.write_everywhere(Object::new(Kind::ServicePrincipal, id.clone(), fields));
    id
}

//! Creating, changing, disabling and deleting applications and service principals.

use super::app_like::{collection, writable};
use super::caller::Need;
use super::{Call, Deed, error, keys, reply};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::{Kind, Object};
use serde_json::{Map, Value, json};

const APPLICATION: [&str; 19] = [
    "api",
    "appRoles",
    "description",
    "displayName",
    "groupMembershipClaims",
    "identifierUris",
    "info",
    "isDisabled",
    "isFallbackPublicClient",
    "notes",
    "publicClient",
    "requiredResourceAccess",
    "serviceManagementReference",
    "servicePrincipalLockConfiguration",
    "signInAudience",
    "spa",
    "tags",
    "uniqueName",
    "web",
];
const PRINCIPAL: [&str; 15] = [
    "accountEnabled",
    "alternativeNames",
    "appRoleAssignmentRequired",
    "description",
    "displayName",
    "homepage",
    "loginUrl",
    "logoutUrl",
    "notes",
    "notificationEmailAddresses",
    "preferredSingleSignOnMode",
    "preferredTokenSigningKeyThumbprint",
    "replyUrls",
    "servicePrincipalNames",
    "tags",
];
const READ_ONLY: [&str; 6] =
    ["id", "appId", "createdDateTime", "deletedDateTime", "disabledByMicrosoftStatus", "publisherDomain"];

/// `PATCH`: 204.
pub(super) fn patch(call: &mut Call<'_>, kind: Kind, id: &str) -> Outcome {
    let body = call.body()?;
    let mut object = writable(call, kind, id)?;
    let mut properties = Vec::new();
    let mut key_id = None;
    for (name, value) in body.iter().filter(|(k, _)| !k.starts_with('@')) {
        if name == "keyCredentials" {
            key_id = keys::replace_all(call, &mut object, value)?;
            continue;
        }
        check(kind, name, value)?;
        let old = object.fields.insert(name.clone(), value.clone());
        properties.push((name.clone(), old.map(|v| v.to_string()), Some(value.to_string())));
    }
    let activity = match (kind, body.contains_key("keyCredentials")) {
        (Kind::Application, true) => "Update application \u{2013} Certificates and secrets management ",
        (Kind::Application, false) => "Update application",
        _ => "Update service principal",
    };
    let off = object.flag("isDisabled");
    let client = object.text("appId").to_owned();
    call.commit(object, Deed { operation: "update", activity, key_id, properties });
    if kind == Kind::Application && body.contains_key("isDisabled") {
        mirror(call, &client, off);
    }
    Ok(Answer::empty(204))
}

/// The service principal shows the application's `isDisabled`.
fn mirror(call: &mut Call<'_>, client: &str, off: Option<bool>) {
    let Some(id) = call.state.directory.client(client).1.map(str::to_owned) else { return };
    if let Some(mut principal) = call.state.newest(Kind::ServicePrincipal, &id) {
        principal.set("isDisabled", off.map_or(Value::Null, Value::Bool));
        call.state.write_on_behalf(principal);
    }
}

fn check(kind: Kind, name: &str, value: &Value) -> Result<(), Answer> {
    let known: &[&str] = if kind == Kind::Application { &APPLICATION } else { &PRINCIPAL };
    if name == "passwordCredentials" {
        return Err(error::bad_request(
            "Updates to passwordCredentials are not supported: use addPassword and removePassword.",
        ));
    }
    if READ_ONLY.contains(&name) {
        return Err(error::bad_request(&format!("Property '{name}' is read-only and cannot be set.")));
    }
    if !known.contains(&name) {
        return Err(error::bad_request(&format!("Invalid property '{name}'.")));
    }
    let is_flag = matches!(name, "isDisabled" | "accountEnabled");
    if is_flag && !(value.is_boolean() || (name == "isDisabled" && value.is_null())) {
        return Err(error::bad_request(&format!("Invalid value specified for property '{name}'.")));
    }
    Ok(())
}

/// `POST` on the collection: 201. An application gets ids; a service principal needs an `appId`.
pub(super) fn create(call: &mut Call<'_>, kind: Kind) -> Outcome {
    call.require(Need::CreateApp)?;
    let body = call.body()?;
    let text = |k: &str| body.get(k).and_then(Value::as_str);
    let created = call.state.now().to_string();
    let object = if kind == Kind::Application {
        let Some(name) = text("displayName") else {
            return Err(error::bad_request(
                "A value is required for property 'displayName' of resource 'Application'.",
            ));
        };
        let client = call.state.new_id();
        let audience = text("signInAudience").unwrap_or("AzureADMyOrg");
        Object::new(
            Kind::Application,
            call.state.new_id(),
            application_fields(&client, name, audience, &created),
        )
    } else {
        let client = text("appId").unwrap_or("").to_ascii_lowercase();
        let (app, principal) = call.state.directory.client(&client);
        let live = |kind, id: Option<&str>| id.and_then(|id| call.state.primary(kind, id));
        if live(Kind::ServicePrincipal, principal).is_some() {
            return Err(error::error(
                409,
                "Request_MultipleObjectsWithSameKeyValue",
                &format!(
                    "The service principal cannot be created, updated, or restored because the service principal name {client} is already in use."
                ),
            ));
        }
        let Some(app) = live(Kind::Application, app) else {
            return Err(error::bad_request(&format!(
                "The appId '{client}' of the service principal does not reference a valid application object."
            )));
        };
        let mut fields = principal_fields(&client, app.text("displayName"), &created);
        fields.insert("appOwnerOrganizationId".into(), json!(call.state.options.tenant.as_str()));
        fields.insert("signInAudience".into(), json!(app.text("signInAudience")));
        Object::new(Kind::ServicePrincipal, call.state.new_id(), fields)
    };
    finish_create(call, kind, object)
}

fn finish_create(call: &mut Call<'_>, kind: Kind, mut object: Object) -> Outcome {
    let id = object.id.clone();
    object.set("id", id);
    object.owners.push(call.caller.oid.clone());
    let shown = reply::show(&object, None, false);
    let activity = if kind == Kind::Application { "Add application" } else { "Add service principal" };
    call.commit(object, Deed { operation: "create", activity, key_id: None, properties: Vec::new() });
    let mut answer = reply::entity(call.ask, collection(kind), shown);
    answer.status = 201;
    Ok(answer)
}

/// The fields of a new application, without its object id.
pub(in crate::lab) fn application_fields(
    client: &str,
    name: &str,
    audience: &str,
    created: &str,
) -> Map<String, Value> {
    as_map(json!({
        "appId": client, "displayName": name, "createdDateTime": created, "deletedDateTime": null, "description": null,
        "disabledByMicrosoftStatus": null, "identifierUris": [], "isDisabled": null, "isFallbackPublicClient": null,
        "notes": null, "publisherDomain": "lab.test", "signInAudience": audience, "tags": [], "uniqueName": null,
        "appRoles": [], "requiredResourceAccess": [],
        "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [], "knownClientApplications": [], "preAuthorizedApplications": []},
        "web": {"redirectUris": [], "homePageUrl": null, "logoutUrl": null, "implicitGrantSettings": {"enableIdTokenIssuance": false, "enableAccessTokenIssuance": false}},
        "publicClient": {"redirectUris": []}, "spa": {"redirectUris": []}, "servicePrincipalLockConfiguration": null,
    }))
}

/// The fields of a new service principal, without its object id.
pub(in crate::lab) fn principal_fields(client: &str, name: &str, created: &str) -> Map<String, Value> {
    as_map(json!({
        "appId": client, "displayName": name, "appDisplayName": name, "~created": created, "deletedDateTime": null,
        "accountEnabled": true, "alternativeNames": [], "appOwnerOrganizationId": null, "appRoleAssignmentRequired": false,
        "appRoles": [], "description": null, "disabledByMicrosoftStatus": null, "homepage": null, "isDisabled": null,
        "oauth2PermissionScopes": [], "preferredTokenSigningKeyThumbprint": null, "replyUrls": [],
        "servicePrincipalNames": [client], "servicePrincipalType": "Application", "signInAudience": "AzureADMyOrg",
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp"], "tokenEncryptionKeyId": null,
    }))
}

pub(in crate::lab) fn as_map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// `DELETE`: into the recycle bin for 30 days. An application takes its service principal along.
pub(super) fn delete(call: &mut Call<'_>, kind: Kind, id: &str) -> Outcome {
    let mut object = writable(call, kind, id)?;
    let now = call.state.now();
    object.deleted = Some(now);
    let client = object.text("appId").to_owned();
    let activity = if kind == Kind::Application { "Delete application" } else { "Remove service principal" };
    call.commit(object, Deed { operation: "delete", activity, key_id: None, properties: Vec::new() });
    if kind == Kind::Application {
        let principal = call.state.directory.client(&client).1.map(str::to_owned);
        if let Some(mut principal) = principal.and_then(|id| call.state.newest(Kind::ServicePrincipal, &id)) {
            principal.deleted = Some(now);
            call.state.write_on_behalf(principal);
        }
    }
    Ok(Answer::empty(204))
}

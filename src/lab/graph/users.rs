//! Users: read, block, reset by PATCH, revoke sessions; and the organization itself.

use super::app_like::principal;
use super::caller::Need;
use super::change::as_map;
use super::{Call, Deed, error, methods, query, reply, roles};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::{Kind, Node, Object};
use http::Method;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What a read without `$select` shows (Microsoft Graph reference, user: get).
const DEFAULTS: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];
const WRITABLE: [&str; 12] = [
    "accountEnabled",
    "businessPhones",
    "department",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "passwordPolicies",
    "surname",
    "usageLocation",
];

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    let Some((name, rest)) = rest.split_first() else {
        return match call.ask.method {
            Method::GET => list(call),
            _ => Err(error::bad_request("The method is not supported here.")),
        };
    };
    let id = user_id(call, name);
    let rest: Vec<&str> = rest.iter().map(|s| s.strip_prefix("microsoft.graph.").unwrap_or(s)).collect();
    match (&call.ask.method, rest.as_slice()) {
        (&Method::GET, []) => get(call, &id),
        (&Method::PATCH, []) => patch(call, &id),
        (&Method::DELETE, []) => delete(call, &id),
        (&Method::POST, ["revokeSignInSessions" | "invalidateAllRefreshTokens"]) => revoke(call, &id),
        (_, ["authentication", rest @ ..]) => methods::route(call, &id, rest),
        (&Method::GET, ["memberOf" | "transitiveMemberOf"]) => {
            call.require(Need::ReadUsers)?;
            call.read(Kind::User, &id)?;
            call.maps("directoryObjects", member_of(call, &id))
        }
        (&Method::GET, ["ownedObjects"]) => owned(call, Kind::User, &id),
        (&Method::GET, ["appRoleAssignments" | "oauth2PermissionGrants"]) => {
            call.require(Need::ReadUsers)?;
            call.maps(&format!("users('{id}')/{}", rest[0]), Vec::new())
        }
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::bad_request("The method is not supported here.")),
    }
}

/// `/me`: the signed-in user.
pub(super) fn me(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    if !call.caller.is_user {
        return Err(error::error(
            400,
            "BadRequest",
            "/me request is only valid with delegated authentication flow.",
        ));
    }
    let oid = call.caller.oid.clone();
    let mut parts = vec![oid.as_str()];
    parts.extend(rest);
    route(call, &parts)
}

/// An object id from an id or a user principal name.
fn user_id(call: &Call<'_>, name: &str) -> String {
    call.state.directory.user_id(name).unwrap_or(name).to_ascii_lowercase()
}

fn show(user: &Object, select: Option<&[String]>) -> Map<String, Value> {
    match select {
        Some(_) => reply::show(user, select, false),
        None => {
            let defaults: Vec<String> = DEFAULTS.iter().map(|s| (*s).to_owned()).collect();
            reply::show(user, Some(&defaults), false)
        }
    }
}

fn get(call: &mut Call<'_>, id: &str) -> Outcome {
    let own = call.caller.is_user && call.caller.oid == id;
    if !own {
        call.require(Need::ReadUsers)?;
    }
    let query = query::read(call.ask, 100, 999)?;
    let user = call.read(Kind::User, id)?;
    Ok(reply::entity(call.ask, "users", show(&user, query.select.as_deref())))
}

fn list(call: &mut Call<'_>) -> Outcome {
    call.require(Need::ReadUsers)?;
    let query = query::read(call.ask, 100, 999)?;
    let (node, now) = (call.node, call.state.now());
    let directory = &call.state.directory;
    let fits =
        |u: &&Arc<Object>| u.deleted.is_none() && query.filter.as_ref().is_none_or(|f| f.matches(&u.fields));
    let named = query.filter.as_ref().and_then(|f| f.equals("userPrincipalName"));
    let found: Vec<Arc<Object>> = match named {
        Some(name) => {
            let id = directory.user_id(name);
            id.and_then(|id| directory.get(Kind::User, id, node, now))
                .into_iter()
                .filter(fits)
                .cloned()
                .collect()
        }
        None => directory
            .all(Kind::User, &query.after, node, now)
            .filter(fits)
            .take(query.top + 1)
            .cloned()
            .collect(),
    };
    let total = query.count.then(|| directory.all(Kind::User, "", node, now).filter(fits).count());
    let rows = found.iter().map(|u| (u.id.clone(), show(u, query.select.as_deref()))).collect();
    Ok(reply::page(call.ask, "users", &query, rows, total))
}

/// Who holds a directory role needs a stronger administrator (Entra: who can reset passwords).
pub(super) fn guard_admin(call: &Call<'_>, id: &str) -> Result<(), Answer> {
    let now = call.state.now();
    let held = |who: &str| call.state.directory.held(who, Kind::RoleAssignment, Node::Primary, now);
    let privileged = held(id).iter().any(|a| roles::is_privileged(a.text("roleDefinitionId")));
    let strong = held(&call.caller.oid).iter().any(|a| {
        let role = a.text("roleDefinitionId");
        role == roles::GLOBAL_ADMINISTRATOR || role == roles::PRIVILEGED_AUTHENTICATION_ADMINISTRATOR
    });
    if privileged && !strong { Err(error::denied()) } else { Ok(()) }
}

fn patch(call: &mut Call<'_>, id: &str) -> Outcome {
    let body = call.body()?;
    let resets = body.get("passwordProfile").is_some_and(|p| !p.is_null());
    let switches = body.contains_key("accountEnabled");
    let others = body
        .keys()
        .any(|k| !matches!(k.as_str(), "passwordProfile" | "accountEnabled") && !k.starts_with('@'));
    for (wanted, need) in
        [(resets, Need::ResetPassword), (switches, Need::EnableUser), (others, Need::WriteUsers)]
    {
        if wanted {
            call.require(need)?;
        }
    }
    let mut user = call.change(Kind::User, id)?;
    if resets || switches {
        guard_admin(call, id)?;
    }
    let synced = user.flag("onPremisesSyncEnabled") == Some(true);
    if synced && (resets || switches) {
        return Err(error::bad_request(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
        ));
    }
    for (name, value) in body.iter().filter(|(k, _)| WRITABLE.contains(&k.as_str())) {
        user.set(name, value.clone());
    }
    if let Some(unknown) = body
        .keys()
        .find(|k| !WRITABLE.contains(&k.as_str()) && *k != "passwordProfile" && !k.starts_with('@'))
    {
        return Err(error::bad_request(&format!("Invalid property '{unknown}'.")));
    }
    let activity = if resets { "Reset user password" } else { "Update user" };
    if let Some(profile) = body.get("passwordProfile").and_then(Value::as_object) {
        set_password(call, &mut user, profile)?;
    }
    if switches && user.flag("accountEnabled") == Some(false) {
        user.set("~disabledAt", call.state.now().to_string());
    }
    let operation = if resets { "resetPassword" } else { "update" };
    let properties = body.keys().map(|k| (k.clone(), None, None)).collect();
    call.commit(user, Deed { operation, activity, key_id: None, properties });
    Ok(Answer::empty(204))
}

/// Takes a new password: at least 8 characters of three kinds (Entra password policy). The time
/// of the change has whole seconds.
pub(super) fn set_password(
    call: &Call<'_>,
    user: &mut Object,
    profile: &Map<String, Value>,
) -> Result<(), Answer> {
    let force = |k: &str| profile.get(k).and_then(Value::as_bool) == Some(true);
    user.set(
        "~forceChangePasswordNextSignIn",
        force("forceChangePasswordNextSignIn") || force("forceChangePasswordNextSignInWithMfa"),
    );
    let Some(password) = profile.get("password").and_then(Value::as_str) else { return Ok(()) };
    let kinds: [fn(char) -> bool; 4] =
        [|c| c.is_lowercase(), |c| c.is_uppercase(), |c| c.is_ascii_digit(), |c| !c.is_alphanumeric()];
    let met = kinds.iter().filter(|kind| password.chars().any(kind)).count();
    if !(8..=256).contains(&password.chars().count()) || met < 3 {
        return Err(error::bad_request(
            "The specified password does not comply with password complexity requirements. Please provide a different password.",
        ));
    }
    if user.password.as_deref() == Some(password) {
        return Err(error::bad_request(
            "The specified password has been used recently. Please provide a different password.",
        ));
    }
    user.password = Some(password.into());
    user.set("lastPasswordChangeDateTime", whole_seconds(call));
    Ok(())
}

pub(super) fn whole_seconds(call: &Call<'_>) -> String {
    format!("{}Z", &call.state.now().to_string()[..19])
}

/// `revokeSignInSessions`: 200 and true.
fn revoke(call: &mut Call<'_>, id: &str) -> Outcome {
    if !(call.caller.is_user && call.caller.oid == id) {
        call.require(Need::RevokeSessions)?;
    }
    let mut user = call.change(Kind::User, id)?;
    user.set("signInSessionsValidFromDateTime", whole_seconds(call));
    call.commit(
        user,
        Deed {
            operation: "revokeSignInSessions",
            activity: "Update StsRefreshTokenValidFrom Timestamp",
            key_id: None,
            properties: Vec::new(),
        },
    );
    let body = json!({"@odata.context": reply::context(call.ask, "Edm.Boolean"), "value": true});
    Ok(Answer::json(200, body))
}

fn delete(call: &mut Call<'_>, id: &str) -> Outcome {
    call.require(Need::WriteUsers)?;
    let mut user = call.change(Kind::User, id)?;
    guard_admin(call, id)?;
    user.deleted = Some(call.state.now());
    call.commit(
        user,
        Deed { operation: "delete", activity: "Delete user", key_id: None, properties: Vec::new() },
    );
    Ok(Answer::empty(204))
}

/// The directory roles that someone holds, as `memberOf` shows them.
pub(super) fn member_of(call: &Call<'_>, id: &str) -> Vec<Map<String, Value>> {
    let held = call.state.directory.held(id, Kind::RoleAssignment, call.node, call.state.now());
    let named = held.iter().filter_map(|a| roles::find(a.text("roleDefinitionId")));
    named
        .map(|(role, name)| as_map(json!({"@odata.type": "#microsoft.graph.directoryRole", "id": super::permission_id(role), "displayName": name, "roleTemplateId": role, "deletedDateTime": null, "description": name})))
        .collect()
}

/// Applications and service principals that someone owns.
pub(super) fn owned(call: &Call<'_>, kind: Kind, id: &str) -> Outcome {
    call.require(Need::ReadApps)?;
    call.read(kind, id)?;
    let (node, now) = (call.node, call.state.now());
    let of = |kind| {
        call.state
            .directory
            .all(kind, "", node, now)
            .filter(|o| o.deleted.is_none() && o.owners.iter().any(|w| w == id))
    };
    let found = of(Kind::Application).chain(of(Kind::ServicePrincipal)).map(|o| {
        let mut fields = as_map(json!({"@odata.type": format!("#microsoft.graph.{}", o.kind.odata())}));
        fields.extend(reply::show(o, None, false));
        fields
    });
    call.maps("directoryObjects", found.collect())
}

/// The tenant.
pub(super) fn organization(call: &mut Call<'_>) -> Outcome {
    call.require(Need::ReadTenant)?;
    let options = &call.state.options;
    let domains: Vec<Value> = options.domains.iter().enumerate().map(|(i, d)| json!({"capabilities": "Email", "isDefault": i == 0, "isInitial": i == 0, "name": d, "type": "Managed"})).collect();
    let tenant = as_map(json!({
        "id": options.tenant.as_str(), "displayName": options.tenant_name, "tenantType": "AAD", "deletedDateTime": null,
        "createdDateTime": "2021-08-02T10:30:06Z", "countryLetterCode": "US", "onPremisesSyncEnabled": null,
        "verifiedDomains": domains, "directorySizeQuota": {"used": 698, "total": 50000},
    }));
    call.maps("organization", vec![tenant])
}

/// A principal's short form, for role assignments.
pub(super) fn short(call: &Call<'_>, id: &str) -> Value {
    principal(call, id).map_or(Value::Null, |p| {
        let keep = ["@odata.type", "id", "displayName", "userPrincipalName", "appId", "accountEnabled"];
        Value::Object(p.into_iter().filter(|(k, _)| keep.contains(&k.as_str())).collect())
    })
}

//! What principals were granted: app role assignments and delegated permission grants.

use super::caller::Need;
use super::change::as_map;
use super::{Call, Deed, error, reply, users};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::{Kind, Object};
use crate::lab::state::State;
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

/// An app role assignment object; `value` is the role's name, for the lab's own use.
pub(in crate::lab) fn assignment(
    state: &State,
    principal: &Object,
    resource: (&str, &str),
    role: (&str, &str),
) -> Object {
    let id = crate::lab::credential::base64_url(&state.random.stream("lab-ids").bytes::<24>());
    let fields = as_map(json!({
        "id": id, "appRoleId": role.0, "createdDateTime": state.now().to_string(), "deletedDateTime": null,
        "principalDisplayName": principal.text("displayName"), "principalId": principal.id,
        "principalType": "ServicePrincipal", "resourceDisplayName": resource.1, "resourceId": resource.0, "~value": role.1,
    }));
    Object::new(Kind::AppRoleAssignment, id, fields)
}

/// What hangs below one service principal.
pub(super) fn of_principal(call: &mut Call<'_>, id: &str, rest: &[&str]) -> Outcome {
    let what = |name: &str| format!("servicePrincipals('{id}')/{name}");
    match (&call.ask.method, rest) {
        (&Method::GET, ["appRoleAssignments"]) => {
            call.require(Need::ReadApps)?;
            call.read(Kind::ServicePrincipal, id)?;
            let held = call.state.directory.held(id, Kind::AppRoleAssignment, call.node, call.state.now());
            call.objects(&what("appRoleAssignments"), held.into_iter().cloned().collect())
        }
        (&Method::GET, ["appRoleAssignedTo"]) => {
            call.require(Need::ReadApps)?;
            call.objects(&what("appRoleAssignedTo"), all(call, Kind::AppRoleAssignment, "resourceId", id))
        }
        (&Method::GET, ["oauth2PermissionGrants"]) => {
            call.require(Need::ReadGrants)?;
            call.objects("oauth2PermissionGrants", all(call, Kind::PermissionGrant, "clientId", id))
        }
        (&Method::DELETE, ["appRoleAssignments" | "appRoleAssignedTo", one]) => {
            call.require(Need::WriteAssignments)?;
            erase(call, Kind::AppRoleAssignment, one, "Remove app role assignment from service principal")
        }
        (&Method::POST, ["appRoleAssignments" | "appRoleAssignedTo"]) => assign(call),
        (&Method::GET, ["memberOf" | "transitiveMemberOf"]) => {
            call.require(Need::ReadApps)?;
            call.maps("directoryObjects", users::member_of(call, id))
        }
        (&Method::GET, ["ownedObjects"]) => users::owned(call, Kind::ServicePrincipal, id),
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::bad_request("The method is not supported here.")),
    }
}

fn all(call: &Call<'_>, kind: Kind, field: &str, value: &str) -> Vec<Arc<Object>> {
    let found = call.state.directory.all(kind, "", call.node, call.state.now());
    found.filter(|o| o.deleted.is_none() && (field.is_empty() || o.text(field) == value)).cloned().collect()
}

fn erase(call: &mut Call<'_>, kind: Kind, id: &str, activity: &'static str) -> Outcome {
    let object = call.change(kind, id)?;
    call.record(&object, Deed { operation: "delete", activity, key_id: None, properties: Vec::new() });
    call.state.erase(kind, id);
    Ok(Answer::empty(204))
}

fn assign(call: &mut Call<'_>) -> Outcome {
    call.require(Need::WriteAssignments)?;
    let body = call.body()?;
    let text = |k: &str| body.get(k).and_then(Value::as_str).unwrap_or("").to_owned();
    let principal = call.read(Kind::ServicePrincipal, &text("principalId"))?;
    let resource = call.read(Kind::ServicePrincipal, &text("resourceId"))?;
    let role = text("appRoleId");
    let roles = resource.fields.get("appRoles").and_then(Value::as_array);
    let named =
        roles.into_iter().flatten().find(|r| r["id"] == json!(role)).and_then(|r| r["value"].as_str());
    let named =
        named.ok_or_else(|| error::bad_request("Permission being assigned was not found on application."))?;
    let made =
        assignment(call.state, &principal, (&resource.id, resource.text("displayName")), (&role, named));
    let shown = reply::show(&made, None, false);
    call.commit(
        made,
        Deed {
            operation: "create",
            activity: "Add app role assignment to service principal",
            key_id: None,
            properties: Vec::new(),
        },
    );
    let mut answer = reply::entity(call.ask, "appRoleAssignments", shown);
    answer.status = 201;
    Ok(answer)
}

/// `/oauth2PermissionGrants`.
pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, []) => {
            call.require(Need::ReadGrants)?;
            call.objects("oauth2PermissionGrants", all(call, Kind::PermissionGrant, "", ""))
        }
        (&Method::GET, [id]) => {
            call.require(Need::ReadGrants)?;
            let grant = call.read(Kind::PermissionGrant, id)?;
            Ok(reply::entity(call.ask, "oauth2PermissionGrants", reply::show(&grant, None, false)))
        }
        (&Method::PATCH, [id]) => {
            call.require(Need::WriteGrants)?;
            let mut grant = call.change(Kind::PermissionGrant, id)?;
            if let Some(scope) = call.body()?.get("scope") {
                grant.set("scope", scope.clone());
            }
            call.commit(
                grant,
                Deed {
                    operation: "update",
                    activity: "Update delegated permission grant",
                    key_id: None,
                    properties: Vec::new(),
                },
            );
            Ok(Answer::empty(204))
        }
        (&Method::DELETE, [id]) => {
            call.require(Need::WriteGrants)?;
            erase(call, Kind::PermissionGrant, id, "Remove delegated permission grant")
        }
        _ => Err(error::bad_request("The method is not supported here.")),
    }
}

//! Directory roles and who holds them: `/roleManagement/directory`.

use super::caller::Need;
use super::change::as_map;
use super::{Call, Deed, error, reply, roles, users};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::{Kind, Object};
use crate::lab::state::State;
use http::Method;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A role assignment over the whole directory.
pub(in crate::lab) fn role_assignment(state: &State, principal: &str, role: &str) -> Object {
    let id =
        format!("{}-1", crate::lab::credential::base64_url(&state.random.stream("lab-ids").bytes::<32>()));
    let fields = as_map(json!({
        "id": id, "principalId": principal, "roleDefinitionId": role, "directoryScopeId": "/", "appScopeId": null,
    }));
    Object::new(Kind::RoleAssignment, id, fields)
}

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    let Some((&"directory", rest)) = rest.split_first() else {
        return Err(error::no_segment(rest.first().unwrap_or(&"roleManagement")));
    };
    match (&call.ask.method, rest) {
        (&Method::GET, ["roleAssignments"]) => list(call),
        (&Method::GET, ["roleAssignments", id]) => {
            call.require(Need::ReadRoles)?;
            let found = call.read(Kind::RoleAssignment, id)?;
            let shown = expanded(call, &found);
            Ok(reply::entity(call.ask, "roleManagement/directory/roleAssignments", shown))
        }
        (&Method::POST, ["roleAssignments"]) => create(call),
        (&Method::DELETE, ["roleAssignments", id]) => {
            call.require(Need::WriteRoles)?;
            let found = call.change(Kind::RoleAssignment, id)?;
            call.record(&found, deed("delete", "Remove member from role"));
            call.state.erase(Kind::RoleAssignment, id);
            Ok(Answer::empty(204))
        }
        (&Method::GET, ["roleDefinitions"]) => {
            call.require(Need::ReadRoles)?;
            let all = roles::ALL.iter().map(|(id, name)| definition(id, name)).collect();
            call.maps("roleManagement/directory/roleDefinitions", all)
        }
        (&Method::GET, ["roleDefinitions", id]) => {
            call.require(Need::ReadRoles)?;
            let (id, name) = roles::find(id).ok_or_else(|| error::not_found(id))?;
            Ok(reply::entity(call.ask, "roleManagement/directory/roleDefinitions", definition(id, name)))
        }
        (&Method::GET, [name @ ("roleEligibilityScheduleInstances" | "roleAssignmentScheduleInstances")]) => {
            call.require(Need::ReadRoles)?;
            call.maps(&format!("roleManagement/directory/{name}"), Vec::new())
        }
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::no_segment("directory")),
    }
}

fn deed(operation: &'static str, activity: &'static str) -> Deed<'static> {
    Deed { operation, activity, key_id: None, properties: Vec::new() }
}

fn definition(id: &str, name: &str) -> Map<String, Value> {
    as_map(json!({
        "id": id, "displayName": name, "description": name, "isBuiltIn": true, "isEnabled": true,
        "resourceScopes": ["/"], "templateId": id, "version": "1", "rolePermissions": [],
    }))
}

/// With `$expand=roleDefinition` or `principal`.
fn expanded(call: &Call<'_>, assignment: &Object) -> Map<String, Value> {
    let mut shown = reply::show(assignment, None, false);
    let expand = call.ask.option("$expand").unwrap_or("");
    if expand.contains("roleDefinition")
        && let Some((id, name)) = roles::find(assignment.text("roleDefinitionId"))
    {
        shown.insert("roleDefinition".into(), Value::Object(definition(id, name)));
    }
    if expand.contains("principal") {
        shown.insert("principal".into(), users::short(call, assignment.text("principalId")));
    }
    shown
}

fn list(call: &mut Call<'_>) -> Outcome {
    call.require(Need::ReadRoles)?;
    let (node, now) = (call.node, call.state.now());
    let filter = call.ask.option("$filter").and_then(super::filter::parse);
    let directory = &call.state.directory;
    let found: Vec<Arc<Object>> = match filter.as_ref().and_then(|f| f.equals("principalId")) {
        Some(principal) => {
            directory.held(principal, Kind::RoleAssignment, node, now).into_iter().cloned().collect()
        }
        None => directory.all(Kind::RoleAssignment, "", node, now).cloned().collect(),
    };
    let rows = found.iter().map(|a| (a.id.clone(), a.fields.clone(), expanded(call, a))).collect();
    call.rows("roleManagement/directory/roleAssignments", rows)
}

fn create(call: &mut Call<'_>) -> Outcome {
    call.require(Need::WriteRoles)?;
    let body = call.body()?;
    let text = |k: &str| body.get(k).and_then(Value::as_str).unwrap_or("");
    let (role, _) = roles::find(text("roleDefinitionId"))
        .ok_or_else(|| error::bad_request("The role definition was not found."))?;
    let principal = text("principalId").to_ascii_lowercase();
    super::app_like::principal(call, &principal).ok_or_else(|| error::not_found(&principal))?;
    let made = role_assignment(call.state, &principal, role);
    let shown = reply::show(&made, None, false);
    call.commit(made, deed("create", "Add member to role"));
    let mut answer = reply::entity(call.ask, "roleManagement/directory/roleAssignments", shown);
    answer.status = 201;
    Ok(answer)
}

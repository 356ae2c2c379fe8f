//! What hangs on an application or service principal: owners, federated identity credentials,
//! assigned policies.

use super::app_like::{collection, principal, writable};
use super::caller::Need;
use super::{Call, Deed, error, reply};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::Kind;
use http::Method;
use serde_json::{Map, Value, json};

const FEDERATED_MAX: usize = 20;
const OWNERS_MAX: usize = 100;

fn deed(operation: &'static str, activity: &'static str, what: &str) -> Deed<'static> {
    Deed {
        operation,
        activity,
        key_id: None,
        properties: vec![("Included Updated Properties".into(), None, Some(what.to_owned()))],
    }
}

/// The last part of the `@odata.id` of a reference body.
pub(super) fn referenced(body: &Map<String, Value>) -> Result<String, Answer> {
    let link = body.get("@odata.id").and_then(Value::as_str).unwrap_or("");
    let last = link.trim_end_matches(')').rsplit(['/', '(']).next().unwrap_or("").trim_matches('\'');
    if last.is_empty() {
        Err(error::bad_request("A value is required for property '@odata.id'."))
    } else {
        Ok(last.to_owned())
    }
}

pub(super) fn owners(call: &mut Call<'_>, kind: Kind, id: &str, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, []) => {
            call.require(Need::ReadApps)?;
            let owners = call.read(kind, id)?.owners.clone();
            call.maps("directoryObjects", owners.iter().filter_map(|o| principal(call, o)).collect())
        }
        (&Method::POST, ["$ref"]) => {
            let owner = referenced(&call.body()?)?;
            let mut object = writable(call, kind, id)?;
            if principal(call, &owner).is_none() {
                return Err(error::not_found(&owner));
            }
            if object.owners.contains(&owner) {
                return Err(error::bad_request(
                    "One or more added object references already exist for the following modified properties: 'owners'.",
                ));
            }
            if object.owners.len() >= OWNERS_MAX {
                return Err(error::bad_request("The number of owners exceeds the limit of 100."));
            }
            object.owners.push(owner.clone());
            call.commit(object, deed("addOwner", "Add owner to application", &owner));
            Ok(Answer::empty(204))
        }
        (&Method::DELETE, [owner, "$ref"]) => {
            let mut object = writable(call, kind, id)?;
            if !object.owners.iter().any(|o| o == owner) {
                return Err(error::not_found(owner));
            }
            object.owners.retain(|o| o != owner);
            call.commit(object, deed("removeOwner", "Remove owner from application", owner));
            Ok(Answer::empty(204))
        }
        _ => Err(error::bad_request("The method is not supported here.")),
    }
}

/// Those of an application: a service principal's can only be expanded.
pub(super) fn federated(call: &mut Call<'_>, id: &str, rest: &[&str]) -> Outcome {
    let kind = Kind::Application;
    let what = format!("{}('{id}')/federatedIdentityCredentials", collection(kind));
    match (&call.ask.method, rest) {
        (&Method::GET, []) => {
            call.require(Need::ReadApps)?;
            call.maps(&what, call.read(kind, id)?.federated.clone())
        }
        (&Method::GET, [one]) => {
            call.require(Need::ReadApps)?;
            let object = call.read(kind, id)?;
            let found = object.federated.iter().find(|f| is_named(f, one));
            Ok(reply::entity(call.ask, &what, found.ok_or_else(|| error::not_found(one))?.clone()))
        }
        (&Method::POST, []) => add_federated(call, id, &what),
        (&Method::PATCH, [one]) => change_federated(call, id, one, false),
        (&Method::DELETE, [one]) => change_federated(call, id, one, true),
        _ => Err(error::bad_request("The method is not supported here.")),
    }
}

/// By id or by name, which is an alternate key.
fn is_named(credential: &Map<String, Value>, key: &str) -> bool {
    let bare = key.strip_prefix("name='").and_then(|k| k.strip_suffix('\'')).unwrap_or(key);
    ["id", "name"].iter().any(|k| credential.get(*k).and_then(Value::as_str) == Some(bare))
}

fn add_federated(call: &mut Call<'_>, id: &str, what: &str) -> Outcome {
    let body = call.body()?;
    let text = |k: &str| body.get(k).and_then(Value::as_str).unwrap_or("").to_owned();
    let (name, issuer, subject) = (text("name"), text("issuer"), text("subject"));
    let mut object = writable(call, Kind::Application, id)?;
    if name.is_empty() || name.len() > 120 || issuer.is_empty() || issuer.len() > 600 {
        return Err(error::bad_request(
            "Property 'name' (at most 120 characters) and 'issuer' (at most 600) are required.",
        ));
    }
    if object.federated.len() >= FEDERATED_MAX {
        return Err(error::bad_request(
            "The number of federated identity credentials exceeds the limit of 20.",
        ));
    }
    let same = |f: &Map<String, Value>| {
        f.get("name") == Some(&json!(name))
            || (f.get("issuer") == Some(&json!(issuer)) && f.get("subject") == Some(&json!(subject)))
    };
    if object.federated.iter().any(same) {
        return Err(error::error(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "FederatedIdentityCredential with the same name, or issuer and subject, already exists.",
        ));
    }
    let mut made = Map::new();
    made.insert("id".into(), json!(call.state.new_id()));
    made.insert("name".into(), json!(name));
    made.insert("issuer".into(), json!(issuer));
    made.insert("subject".into(), json!(subject));
    made.insert("description".into(), body.get("description").cloned().unwrap_or(Value::Null));
    made.insert(
        "audiences".into(),
        body.get("audiences").cloned().unwrap_or_else(|| json!(["api://AzureADTokenExchange"])),
    );
    object.federated.push(made.clone());
    call.commit(object, deed("addFederatedCredential", "Update application", "FederatedIdentityCredentials"));
    let mut answer = reply::entity(call.ask, what, made);
    answer.status = 201;
    Ok(answer)
}

fn change_federated(call: &mut Call<'_>, id: &str, one: &str, remove: bool) -> Outcome {
    let body = call.body()?;
    let mut object = writable(call, Kind::Application, id)?;
    let at = object.federated.iter().position(|f| is_named(f, one)).ok_or_else(|| error::not_found(one))?;
    if remove {
        object.federated.remove(at);
    } else {
        if body.contains_key("name") {
            return Err(error::bad_request("Property 'name' is read-only and cannot be set."));
        }
        object.federated[at].extend(body.into_iter().filter(|(k, _)| !k.starts_with('@') && k != "id"));
    }
    let operation = if remove { "removeFederatedCredential" } else { "updateFederatedCredential" };
    call.commit(object, deed(operation, "Update application", "FederatedIdentityCredentials"));
    Ok(Answer::empty(204))
}

/// Policies assigned to the object: at most one takes effect, in place of the tenant's default.
pub(super) fn policies(call: &mut Call<'_>, kind: Kind, id: &str, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, []) => {
            call.require(Need::ReadPolicies)?;
            let assigned = call.read(kind, id)?.policies.clone();
            let found = assigned.iter().filter_map(|p| call.read(Kind::AppPolicy, p).ok()).collect();
            call.objects("policies/appManagementPolicies", found)
        }
        (&Method::POST, ["$ref"]) => {
            call.require(Need::WritePolicies)?;
            let policy = referenced(&call.body()?)?;
            let mut object = call.change(kind, id)?;
            call.read(Kind::AppPolicy, &policy)?;
            if !object.policies.is_empty() {
                return Err(error::bad_request(
                    "An app management policy is already assigned to this object.",
                ));
            }
            object.policies.push(policy.clone());
            call.commit(object, deed("assignPolicy", "Add policy to application", &policy));
            Ok(Answer::empty(204))
        }
        (&Method::DELETE, [policy, "$ref"]) => {
            call.require(Need::WritePolicies)?;
            let mut object = call.change(kind, id)?;
            object.policies.retain(|p| p != policy);
            call.commit(object, deed("unassignPolicy", "Remove policy from application", policy));
            Ok(Answer::empty(204))
        }
        _ => Err(error::bad_request("The method is not supported here.")),
    }
}

//! Applications and service principals: two kinds of object with the same credential actions.

use super::caller::Need;
use super::{Call, Deed, change, error, grants, keys, passwords, query, relations, reply};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::{Kind, Node, Object};
use http::Method;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The collection's name in URLs and contexts.
pub(in crate::lab) fn collection(kind: Kind) -> &'static str {
    if kind == Kind::Application { "applications" } else { "servicePrincipals" }
}

/// Routes everything below `/applications` and `/servicePrincipals`.
pub(super) fn route(call: &mut Call<'_>, kind: Kind, key: Option<(&str, &str)>, rest: &[&str]) -> Outcome {
    let (id, rest) = match (key, rest.split_first()) {
        (Some((field, value)), _) => (by_key(call, kind, field, value)?, rest),
        (None, Some((id, rest))) => ((*id).to_owned(), rest),
        (None, None) => return on_collection(call, kind),
    };
    let action: Vec<&str> = rest.iter().map(|s| s.strip_prefix("microsoft.graph.").unwrap_or(s)).collect();
    match (&call.ask.method, action.as_slice()) {
        (&Method::GET, []) => get(call, kind, &id),
        (&Method::PATCH, []) => change::patch(call, kind, &id),
        (&Method::DELETE, []) => change::delete(call, kind, &id),
        (_, ["owners", rest @ ..]) => relations::owners(call, kind, &id, rest),
        (_, ["federatedIdentityCredentials", rest @ ..]) if kind == Kind::Application => {
            relations::federated(call, &id, rest)
        }
        (_, ["appManagementPolicies", rest @ ..]) => relations::policies(call, kind, &id, rest),
        (&Method::POST, ["addKey"]) => keys::add(call, kind, &id),
        (&Method::POST, ["removeKey"]) => keys::remove(call, kind, &id),
        (&Method::POST, ["addPassword"]) => passwords::add(call, kind, &id),
        (&Method::POST, ["removePassword"]) => passwords::remove(call, kind, &id),
        (_, rest) if kind == Kind::ServicePrincipal => grants::of_principal(call, &id, rest),
        (_, [other, ..]) => Err(error::no_segment(other)),
        (_, []) => Err(error::bad_request("The method is not supported here.")),
    }
}

/// An alternate key: `appId='…'`.
fn by_key(call: &Call<'_>, kind: Kind, field: &str, value: &str) -> Result<String, Answer> {
    let (app, principal) = call.state.directory.client(&value.to_ascii_lowercase());
    let id = if kind == Kind::Application { app } else { principal };
    match (field, id) {
        ("appId", Some(id)) => Ok(id.to_owned()),
        _ => Err(error::not_found(value)),
    }
}

fn on_collection(call: &mut Call<'_>, kind: Kind) -> Outcome {
    match call.ask.method {
        Method::GET => list(call, kind),
        Method::POST => change::create(call, kind),
        _ => Err(error::bad_request("The method is not supported here.")),
    }
}

fn get(call: &mut Call<'_>, kind: Kind, id: &str) -> Outcome {
    call.require(Need::ReadApps)?;
    let query = query::read(call.ask, 100, 999)?;
    let object = call.read(kind, id)?;
    if query.select.as_ref().is_some_and(|s| s.iter().any(|f| f == "keyCredentials")) {
        crate::lab::stranger::notice_reader(call.state, kind, id);
    }
    let mut fields = reply::show(&object, query.select.as_deref(), true);
    expand(call, &object, &query, &mut fields);
    Ok(reply::entity(call.ask, collection(kind), fields))
}

/// So many values a filter may name (Microsoft Learn, "filter query parameter").
const NAMED_MOST: usize = 15;

fn list(call: &mut Call<'_>, kind: Kind) -> Outcome {
    call.require(Need::ReadApps)?;
    let query = query::read(call.ask, 100, 999)?;
    let named = query.filter.as_ref().and_then(|f| f.among("id")).unwrap_or_default();
    if named.len() > NAMED_MOST {
        let many = named.len();
        return Err(error::bad_request(&format!(
            "Too many child clauses specified in search filter expression containing 'OR' operators: {many}. Max allowed: {NAMED_MOST}."
        )));
    }
    if query.select.as_ref().is_some_and(|s| s.iter().any(|f| f == "keyCredentials")) {
        named.iter().for_each(|id| crate::lab::stranger::notice_reader(call.state, kind, id));
    }
    let call = &*call;
    let found = matching(call, kind, &query);
    let total = query.count.then(|| matching_from(call, kind, &query, "").len());
    let mut rows = Vec::with_capacity(found.len());
    for object in found {
        let mut fields = reply::show(&object, query.select.as_deref(), false);
        expand(call, &object, &query, &mut fields);
        rows.push((object.id.clone(), fields));
    }
    Ok(reply::page(call.ask, collection(kind), &query, rows, total))
}

/// The objects of one page, and one more if there is more.
fn matching(call: &Call<'_>, kind: Kind, query: &query::Query) -> Vec<Arc<Object>> {
    let mut found = matching_from(call, kind, query, &query.after);
    found.truncate(query.top + 1);
    found
}

fn matching_from(call: &Call<'_>, kind: Kind, query: &query::Query, after: &str) -> Vec<Arc<Object>> {
    let (node, now) = (call.node, call.state.now());
    let fits =
        |o: &&Arc<Object>| o.deleted.is_none() && query.filter.as_ref().is_none_or(|f| f.matches(&o.fields));
    let directory = &call.state.directory;
    // A client id finds its object without a scan.
    if let Some(client) = query.filter.as_ref().and_then(|f| f.equals("appId")) {
        let (app, principal) = directory.client(&client.to_ascii_lowercase());
        let id = if kind == Kind::Application { app } else { principal };
        let found = id.filter(|id| *id > after).and_then(|id| directory.get(kind, id, node, now));
        return found.into_iter().filter(fits).cloned().collect();
    }
    // Nor do ids.
    if let Some(mut named) = query.filter.as_ref().and_then(|f| f.among("id")) {
        named.sort_unstable();
        named.dedup();
        let found = named.into_iter().filter(|id| *id > after);
        return found.filter_map(|id| directory.get(kind, id, node, now)).filter(fits).cloned().collect();
    }
    let all = directory.all(kind, after, node, now).filter(fits);
    if query.count && after.is_empty() {
        all.cloned().collect()
    } else {
        all.take(query.top + 1).cloned().collect()
    }
}

/// `$expand=owners` and `federatedIdentityCredentials`, which show at most 20. No page describes
/// another way to see the latter on a service principal.
fn expand(call: &Call<'_>, object: &Object, query: &query::Query, fields: &mut Map<String, Value>) {
    let wanted = |what: &str| query.expand.iter().any(|e| e.split('(').next() == Some(what));
    if wanted("federatedIdentityCredentials") {
        let all = object.federated.iter().take(20).cloned().map(Value::Object).collect();
        fields.insert("federatedIdentityCredentials".into(), Value::Array(all));
    }
    if wanted("owners") {
        let owners =
            object.owners.iter().take(20).filter_map(|id| principal(call, id)).map(Value::Object).collect();
        fields.insert("owners".into(), Value::Array(owners));
    }
}

/// A user or service principal as a directory object.
pub(super) fn principal(call: &Call<'_>, id: &str) -> Option<Map<String, Value>> {
    let now = call.state.now();
    let find = |kind| call.state.directory.get(kind, id, Node::Primary, now);
    let object = find(Kind::User).or_else(|| find(Kind::ServicePrincipal))?;
    let mut fields = Map::new();
    fields.insert("@odata.type".into(), json!(format!("#microsoft.graph.{}", object.kind.odata())));
    fields.extend(reply::show(object, None, false));
    Some(fields)
}

/// Who may write to it, checked against the newest version.
pub(super) fn writable(call: &mut Call<'_>, kind: Kind, id: &str) -> Result<Object, Answer> {
    let object = call.change(kind, id)?;
    call.require(Need::WriteApp(&object))?;
    if object.text("signInAudience").contains("PersonalMicrosoftAccount") && call.state.options.quotas {
        let limit = [crate::lab::quota::personal()];
        let app = call.caller.app_id.clone();
        super::spend(call.state, &limit, &app)?;
    }
    Ok(object)
}

/// The audit log's name of a credential change. The dash differs between the two, as published.
pub(super) fn credential_deed(
    kind: Kind,
    operation: &'static str,
    key_id: &str,
    added: bool,
) -> Deed<'static> {
    let activity = match (kind, added) {
        (Kind::Application, _) => "Update application \u{2013} Certificates and secrets management ",
        (_, true) => "Add service principal credentials",
        (_, false) => "Remove service principal credentials",
    };
    Deed { operation, activity, key_id: Some(key_id.to_owned()), properties: Vec::new() }
}

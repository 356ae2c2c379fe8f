//! The recycle bin: deleted applications, service principals and users, for 30 days.

use super::caller::Need;
use super::change::as_map;
use super::{Call, Deed, error, reply};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::{Kind, Node, Object};
use http::Method;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const KINDS: [Kind; 3] = [Kind::Application, Kind::ServicePrincipal, Kind::User];
const KEPT: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    let Some((&"deletedItems", rest)) = rest.split_first() else {
        return Err(error::no_segment(rest.first().unwrap_or(&"directory")));
    };
    match (&call.ask.method, rest) {
        (&Method::GET, [one]) => match kind_named(one) {
            Some(kind) => list(call, kind),
            None => {
                let (found, need_user) = find(call, one)?;
                call.require(if need_user { Need::ReadUsers } else { Need::ReadApps })?;
                Ok(reply::entity(call.ask, "directoryObjects", shown(&found)))
            }
        },
        (&Method::POST, [id, "restore"]) => restore(call, id),
        (&Method::DELETE, [id]) => {
            let (found, _) = find(call, id)?;
            authorise(call, &found)?;
            call.record(&found, deed("purge", "Hard Delete application"));
            call.state.erase(found.kind, id);
            Ok(Answer::empty(204))
        }
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::no_segment("deletedItems")),
    }
}

fn deed(operation: &'static str, activity: &'static str) -> Deed<'static> {
    Deed { operation, activity, key_id: None, properties: Vec::new() }
}

fn kind_named(segment: &str) -> Option<Kind> {
    let name = segment.trim_start_matches("microsoft.").trim_start_matches("graph.");
    KINDS.into_iter().find(|k| k.odata() == name)
}

fn in_bin(call: &Call<'_>, object: &Object) -> bool {
    object.deleted.is_some_and(|at| call.state.now().since(at) < KEPT)
}

fn shown(object: &Object) -> serde_json::Map<String, serde_json::Value> {
    let mut out = as_map(json!({"@odata.type": format!("#microsoft.graph.{}", object.kind.odata())}));
    out.extend(reply::show(object, None, false));
    out
}

fn find(call: &Call<'_>, id: &str) -> Result<(Arc<Object>, bool), Answer> {
    let now = call.state.now();
    let mut found = KINDS.iter().filter_map(|k| call.state.directory.find(*k, id, Node::Primary, now));
    let object = found.find(|o| in_bin(call, o)).ok_or_else(|| error::not_found(id))?;
    Ok((object.clone(), object.kind == Kind::User))
}

fn list(call: &mut Call<'_>, kind: Kind) -> Outcome {
    call.require(if kind == Kind::User { Need::ReadUsers } else { Need::ReadApps })?;
    let all = call.state.directory.all(kind, "", call.node, call.state.now());
    let rows = all.filter(|o| in_bin(call, o)).map(|o| (o.id.clone(), o.fields.clone(), shown(o)));
    call.rows("directoryObjects", rows.collect())
}

fn authorise(call: &Call<'_>, object: &Object) -> Result<(), Answer> {
    if object.kind == Kind::User {
        call.require(Need::WriteUsers)
    } else {
        call.require(Need::WriteApp(object))
    }
}

/// Restores one object; an application's service principal is restored on its own.
fn restore(call: &mut Call<'_>, id: &str) -> Outcome {
    let (found, _) = find(call, id)?;
    authorise(call, &found)?;
    call.settled(id)?;
    let mut object = Object::clone(&found);
    object.deleted = None;
    let fields = shown(&object);
    let activity = if object.kind == Kind::User { "Restore user" } else { "Restore application" };
    call.commit(object, deed("restore", activity));
    Ok(reply::entity(call.ask, "directoryObjects", fields))
}

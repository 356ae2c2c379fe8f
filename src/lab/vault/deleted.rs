//! Deleted secrets: list, get, recover, purge. Until a deletion has settled, the deleted secret
//! is not found and its name cannot be used.

use super::model::Bin;
use super::secrets::deleted_bundle;
use super::{Call, error};
use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Outcome};
use http::Method;
use serde_json::json;

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, []) => list(call),
        (&Method::GET, [name]) => get(call, name),
        (&Method::POST, [name, "recover"]) => recover(call, name),
        (&Method::DELETE, [name]) => purge(call, name),
        _ => Err(error::error(405, "MethodNotAllowed", "The method is not allowed on this resource.", None)),
    }
}

/// When it was deleted, if that has settled.
fn settled(bin: Option<Bin>, now: Timestamp) -> Option<Timestamp> {
    match bin {
        Some(Bin::Deleted { at, settled }) if settled <= now => Some(at),
        _ => None,
    }
}

fn list(call: &mut Call<'_>) -> Outcome {
    call.allowed("secrets/readMetadata/action", "")?;
    let now = call.state.now();
    let deleted = call.model()?.secrets.iter().filter_map(|(key, s)| Some((key, s, settled(s.bin, now)?)));
    let items = deleted.map(|(key, s, at)| (key.clone(), deleted_bundle(call, s, at))).collect();
    call.page(items)
}

fn get(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("secrets/readMetadata/action", name)?;
    let now = call.state.now();
    let secret = call.model()?.secrets.get(&name.to_ascii_lowercase());
    let found = secret.and_then(|s| Some((s, settled(s.bin, now)?)));
    let (secret, at) = found.ok_or_else(|| error::not_found("SecretNotFound", "deleted secret", name))?;
    Ok(Answer::json(200, deleted_bundle(call, secret, at)))
}

fn recover(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("secrets/recover/action", name)?;
    let (now, until) = (call.state.now(), call.settle());
    let secret = call.model_mut()?.secrets.get_mut(&name.to_ascii_lowercase());
    let secret = secret.filter(|s| settled(s.bin, now).is_some());
    let secret = secret.ok_or_else(|| error::not_found("SecretNotFound", "deleted secret", name))?;
    secret.bin = Some(Bin::Recovering { settled: until });
    let newest = secret.versions.last().cloned();
    let name = secret.name.clone();
    call.record("recoverSecret", format!("secrets/{name}"), None);
    let Some(newest) = newest else { return Err(error::not_found("SecretNotFound", "secret", &name)) };
    Ok(Answer::json(
        200,
        json!({"id": call.url(&format!("secrets/{name}/{}", newest.id)), "attributes": newest.attributes.shown()}),
    ))
}

fn purge(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("secrets/purge/action", name)?;
    let (now, key) = (call.state.now(), name.to_ascii_lowercase());
    let secrets = &mut call.model_mut()?.secrets;
    match secrets.get(&key).map(|s| s.bin) {
        Some(bin) if settled(bin, now).is_some() => {
            secrets.remove(&key);
        }
        Some(Some(Bin::Deleted { .. })) => {
            return Err(error::conflict("ObjectIsBeingDeleted", "Secret", name));
        }
        _ => return Err(error::not_found("SecretNotFound", "deleted secret", name)),
    }
    call.record("purgeSecret", format!("secrets/{name}"), None);
    Ok(Answer::empty(204))
}

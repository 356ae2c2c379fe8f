//! Secrets: set, get, versions, list, attributes, delete. A set always makes a new version; a
//! read without a version is of the newest, and fails if that one is disabled.

use super::model::{Attributes, Bin, Named, SecretVersion};
use super::{Call, error, is_name};
use crate::lab::answer::{Answer, Outcome};
use http::Method;
use serde_json::{Map, Value, json};

/// 25 kB: the largest value of a secret.
const VALUE_MAX: usize = 25_600;

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, []) => list(call),
        (&Method::PUT, [name]) => set(call, name),
        (&Method::GET, [name]) => get(call, name, None),
        (&Method::DELETE, [name]) => delete(call, name),
        (&Method::GET, [name, "versions"]) => versions(call, name),
        (&Method::GET, [name, version]) => get(call, name, Some(version)),
        (&Method::PATCH, [name]) => update(call, name, None),
        (&Method::PATCH, [name, version]) => update(call, name, Some(version)),
        _ => Err(error::error(405, "MethodNotAllowed", "The method is not allowed on this resource.", None)),
    }
}

fn missing(name: &str) -> Answer {
    error::not_found("SecretNotFound", "secret", name)
}

/// Everything of a version but its value.
fn item(call: &Call<'_>, name: &str, version: &SecretVersion, with_version: bool) -> Map<String, Value> {
    let path =
        if with_version { format!("secrets/{name}/{}", version.id) } else { format!("secrets/{name}") };
    let mut out = Map::new();
    out.insert("id".into(), json!(call.url(&path)));
    out.insert("attributes".into(), version.attributes.shown());
    if let Some(kind) = &version.content_type {
        out.insert("contentType".into(), json!(kind));
    }
    if !version.tags.is_empty() {
        out.insert("tags".into(), Value::Object(version.tags.clone()));
    }
    if version.managed {
        out.insert("managed".into(), json!(true));
        if with_version {
            out.insert("kid".into(), json!(call.url(&format!("keys/{name}/{}", version.id))));
        }
    }
    out
}

fn bundle(call: &Call<'_>, name: &str, version: &SecretVersion) -> Map<String, Value> {
    let mut out = item(call, name, version, true);
    out.insert("value".into(), json!(&*version.value));
    out
}

fn set(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("secrets/setSecret/action", name)?;
    if !is_name(name) {
        return Err(error::bad_parameter(&format!("The request URI contains an invalid name: {name}")));
    }
    let body = call.body()?;
    let Some(value) = body.get("value").and_then(Value::as_str) else {
        return Err(error::bad_parameter(
            "Property  has invalid value\r\n. The parameter value is required.",
        ));
    };
    if value.len() > VALUE_MAX {
        return Err(error::bad_parameter("The secret value exceeds the limit of 25600 bytes."));
    }
    let now = call.state.now();
    usable(call, name)?;
    let mut attributes = Attributes::new(now);
    attributes.update(body.get("attributes"), now);
    let version = SecretVersion {
        id: call.state.new_version(),
        value: value.into(),
        content_type: body.get("contentType").and_then(Value::as_str).map(str::to_owned),
        attributes,
        tags: body.get("tags").and_then(Value::as_object).cloned().unwrap_or_default(),
        managed: false,
    };
    let shown = bundle(call, name, &version);
    call.record("setSecret", format!("secrets/{name}"), Some(version.id.clone()));
    let secrets = &mut call.model_mut()?.secrets;
    secrets.entry(name.to_ascii_lowercase()).or_insert_with(|| Named::new(name)).versions.push(version);
    Ok(Answer::json(200, Value::Object(shown)))
}

/// 409 if the name belongs to something deleted, or to a certificate.
fn usable(call: &Call<'_>, name: &str) -> Result<(), Answer> {
    let now = call.state.now();
    let Some(secret) = call.model()?.secrets.get(&name.to_ascii_lowercase()) else { return Ok(()) };
    match secret.bin {
        Some(Bin::Deleted { settled, .. }) if now < settled => {
            Err(error::conflict("ObjectIsBeingDeleted", "Secret", name))
        }
        Some(Bin::Deleted { .. }) => Err(error::conflict("ObjectIsDeletedButRecoverable", "Secret", name)),
        Some(Bin::Recovering { settled }) if now < settled => {
            Err(error::conflict("ObjectIsBeingRecovered", "Secret", name))
        }
        _ if secret.versions.last().is_some_and(|v| v.managed) => Err(error::error(
            403,
            "Forbidden",
            "The secret is managed by a certificate and cannot be set.",
            None,
        )),
        _ => Ok(()),
    }
}

fn get(call: &mut Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    call.allowed("secrets/getSecret/action", name)?;
    let now = call.state.now();
    let secret = call.model()?.secrets.get(&name.to_ascii_lowercase()).filter(|s| s.is_live(now));
    let secret = secret.ok_or_else(|| missing(name))?;
    let found = match version {
        None => secret.versions.last(),
        Some(id) => secret.versions.iter().find(|v| v.id == id),
    };
    let found = found.ok_or_else(|| missing(&format!("{name}/{}", version.unwrap_or(""))))?;
    if !found.attributes.enabled {
        return Err(error::disabled("secret"));
    }
    Ok(Answer::json(200, Value::Object(bundle(call, &secret.name, found))))
}

/// In the order of the version ids, which is not the order of time.
fn versions(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("secrets/readMetadata/action", name)?;
    let now = call.state.now();
    let secret = call.model()?.secrets.get(&name.to_ascii_lowercase()).filter(|s| s.is_live(now));
    let secret = secret.ok_or_else(|| missing(name))?;
    let mut items: Vec<(String, Value)> = secret
        .versions
        .iter()
        .map(|v| (v.id.clone(), Value::Object(item(call, &secret.name, v, true))))
        .collect();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    call.page(items)
}

fn list(call: &mut Call<'_>) -> Outcome {
    call.allowed("secrets/readMetadata/action", "")?;
    let now = call.state.now();
    let live = call.model()?.secrets.iter().filter(|(_, s)| s.is_live(now));
    let items = live
        .filter_map(|(key, s)| {
            Some((key.clone(), Value::Object(item(call, &s.name, s.versions.last()?, false))))
        })
        .collect();
    call.page(items)
}

fn update(call: &mut Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    call.allowed("secrets/update/action", name)?;
    let (body, now) = (call.body()?, call.state.now());
    let secret = call.model_mut()?.secrets.get_mut(&name.to_ascii_lowercase()).filter(|s| s.is_live(now));
    let secret = secret.ok_or_else(|| missing(name))?;
    let found = match version {
        None => secret.versions.last_mut(),
        Some(id) => secret.versions.iter_mut().find(|v| v.id == id),
    };
    let found = found.ok_or_else(|| missing(&format!("{name}/{}", version.unwrap_or(""))))?;
    found.attributes.update(body.get("attributes"), now);
    if let Some(kind) = body.get("contentType").and_then(Value::as_str) {
        found.content_type = Some(kind.to_owned());
    }
    if let Some(tags) = body.get("tags").and_then(Value::as_object) {
        found.tags = tags.clone();
    }
    let (copy, name) = (found.clone(), secret.name.clone());
    call.record("updateSecret", format!("secrets/{name}"), Some(copy.id.clone()));
    Ok(Answer::json(200, Value::Object(item(call, &name, &copy, true))))
}

fn delete(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("secrets/delete", name)?;
    let (now, settled) = (call.state.now(), call.settle());
    let secret = call.model_mut()?.secrets.get_mut(&name.to_ascii_lowercase()).filter(|s| s.is_live(now));
    let secret = secret.ok_or_else(|| missing(name))?;
    if secret.versions.last().is_some_and(|v| v.managed) {
        return Err(error::error(
            403,
            "Forbidden",
            "The secret is managed by a certificate and cannot be deleted.",
            None,
        ));
    }
    secret.bin = Some(Bin::Deleted { at: now, settled });
    let copy = secret.clone();
    call.record("deleteSecret", format!("secrets/{name}"), None);
    Ok(Answer::json(200, deleted_bundle(call, &copy, now)))
}

/// A deleted secret: its newest version, when it was deleted and when it will be purged.
pub(super) fn deleted_bundle(
    call: &Call<'_>,
    secret: &Named<SecretVersion>,
    at: crate::domain::time::Timestamp,
) -> Value {
    let mut out = secret.versions.last().map(|v| item(call, &secret.name, v, true)).unwrap_or_default();
    out.insert("recoveryId".into(), json!(call.url(&format!("deletedsecrets/{}", secret.name))));
    out.insert("deletedDate".into(), json!(at.unix_s()));
    out.insert("scheduledPurgeDate".into(), json!(at.unix_s() + 90 * 86_400));
    Value::Object(out)
}

//! Certificates of a vault: get, list, versions, policy, attributes, delete. Making them is in
//! `issue`.

use super::model::{Bin, CertificateVersion, Named};
use super::{Call, error, issue};
use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Outcome};
use crate::lab::credential::{base64_std, base64_url, sha1};
use http::Method;
use serde_json::{Map, Value, json};

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    if let [name, ..] = rest {
        issue::finish_due(call, name)?;
    }
    match (&call.ask.method, rest) {
        (&Method::GET, []) => list(call),
        (&Method::POST, [name, "create"]) => issue::create(call, name),
        (&Method::POST, [name, "import"]) => issue::import(call, name),
        (_, [name, "pending", rest @ ..]) => issue::pending(call, name, rest),
        (&Method::GET, [name, "policy"]) => {
            call.allowed("certificates/read", name)?;
            policy(call, name).map(|p| Answer::json(200, p))
        }
        (&Method::PATCH, [name, "policy"]) => update_policy(call, name),
        (&Method::GET, [name, "versions"]) => versions(call, name),
        (&Method::GET, [name]) => get(call, name, None),
        (&Method::GET, [name, version]) => get(call, name, Some(version)),
        (&Method::PATCH, [name]) => update(call, name, None),
        (&Method::PATCH, [name, version]) => update(call, name, Some(version)),
        (&Method::DELETE, [name]) => delete(call, name),
        _ => Err(error::error(405, "MethodNotAllowed", "The method is not allowed on this resource.", None)),
    }
}

fn missing(name: &str) -> Answer {
    error::not_found("CertificateNotFound", "certificate", name)
}

fn item(call: &Call<'_>, name: &str, version: &CertificateVersion, with_version: bool) -> Map<String, Value> {
    let path = if with_version {
        format!("certificates/{name}/{}", version.id)
    } else {
        format!("certificates/{name}")
    };
    let mut out = Map::new();
    out.insert("id".into(), json!(call.url(&path)));
    out.insert("x5t".into(), json!(base64_url(&sha1(&version.der))));
    out.insert("attributes".into(), version.attributes.shown());
    if !version.tags.is_empty() {
        out.insert("tags".into(), Value::Object(version.tags.clone()));
    }
    out
}

fn bundle(call: &Call<'_>, name: &str, version: &CertificateVersion) -> Map<String, Value> {
    let mut out = item(call, name, version, true);
    out.insert("kid".into(), json!(call.url(&format!("keys/{name}/{}", version.id))));
    out.insert("sid".into(), json!(call.url(&format!("secrets/{name}/{}", version.id))));
    out.insert("cer".into(), json!(base64_std(&version.der)));
    if let Ok(policy) = policy(call, name) {
        out.insert("policy".into(), policy);
    }
    out
}

/// One version, or the newest.
pub(super) fn bundle_of(
    call: &Call<'_>,
    name: &str,
    version: Option<&str>,
) -> Result<Map<String, Value>, Answer> {
    let now = call.state.now();
    let found = call.model()?.certificates.get(&name.to_ascii_lowercase()).filter(|c| c.is_live(now));
    let found = found.ok_or_else(|| missing(name))?;
    let one = match version {
        None => found.versions.last(),
        Some(id) => found.versions.iter().find(|v| v.id == id),
    };
    Ok(bundle(call, &found.name, one.ok_or_else(|| missing(name))?))
}

fn get(call: &mut Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    call.allowed("certificates/read", name)?;
    bundle_of(call, name, version).map(|shown| Answer::json(200, Value::Object(shown)))
}

fn versions(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("certificates/read", name)?;
    let now = call.state.now();
    let found = call.model()?.certificates.get(&name.to_ascii_lowercase()).filter(|c| c.is_live(now));
    let found = found.ok_or_else(|| missing(name))?;
    let mut items: Vec<(String, Value)> = found
        .versions
        .iter()
        .map(|v| (v.id.clone(), Value::Object(item(call, &found.name, v, true))))
        .collect();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    call.page(items)
}

fn list(call: &mut Call<'_>) -> Outcome {
    call.allowed("certificates/read", "")?;
    let now = call.state.now();
    let live = call.model()?.certificates.iter().filter(|(_, c)| c.is_live(now));
    let items = live
        .filter_map(|(key, c)| {
            Some((key.clone(), Value::Object(item(call, &c.name, c.versions.last()?, false))))
        })
        .collect();
    call.page(items)
}

fn policy(call: &Call<'_>, name: &str) -> Result<Value, Answer> {
    let found = call.model()?.policies.get(&name.to_ascii_lowercase());
    found.cloned().ok_or_else(|| missing(name))
}

fn update_policy(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("certificates/update/action", name)?;
    let mut known = policy(call, name)?;
    for (key, value) in call.body()?.into_iter().filter(|(k, v)| k != "id" && !v.is_null()) {
        match (known.get_mut(&key).and_then(Value::as_object_mut), value) {
            (Some(known), Value::Object(given)) => known.extend(given),
            (_, value) => known[&key] = value,
        }
    }
    call.model_mut()?.policies.insert(name.to_ascii_lowercase(), known.clone());
    Ok(Answer::json(200, known))
}

/// Attributes and tags; the managed secret follows.
fn update(call: &mut Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    call.allowed("certificates/update/action", name)?;
    let (body, now, key) = (call.body()?, call.state.now(), name.to_ascii_lowercase());
    let vault = call.model_mut()?;
    let found = vault.certificates.get_mut(&key).filter(|c| c.is_live(now)).ok_or_else(|| missing(name))?;
    let one = match version {
        None => found.versions.last_mut(),
        Some(id) => found.versions.iter_mut().find(|v| v.id == id),
    };
    let one = one.ok_or_else(|| missing(name))?;
    let given = body.get("attributes").and_then(Value::as_object);
    let enabled = given.and_then(|a| a.get("enabled")).cloned();
    one.attributes.update(enabled.map(|e| json!({"enabled": e})).as_ref(), now);
    if let Some(tags) = body.get("tags").and_then(Value::as_object) {
        one.tags = tags.clone();
    }
    let (id, attributes) = (one.id.clone(), one.attributes.clone());
    let secret = vault.secrets.get_mut(&key).and_then(|s| s.versions.iter_mut().find(|v| v.id == id));
    if let Some(secret) = secret {
        secret.attributes = attributes;
    }
    call.record("updateCertificate", format!("certificates/{name}"), Some(id.clone()));
    bundle_of(call, name, Some(&id)).map(|shown| Answer::json(200, Value::Object(shown)))
}

/// Deletes certificate, key and managed secret together.
fn delete(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("certificates/delete", name)?;
    let (now, settled, key) = (call.state.now(), call.settle(), name.to_ascii_lowercase());
    let vault = call.model_mut()?;
    let found = vault.certificates.get_mut(&key).filter(|c| c.is_live(now)).ok_or_else(|| missing(name))?;
    let bin = Some(Bin::Deleted { at: now, settled });
    found.bin = bin;
    let copy = found.clone();
    if let Some(secret) = vault.secrets.get_mut(&key) {
        secret.bin = bin;
    }
    call.record("deleteCertificate", format!("certificates/{name}"), None);
    Ok(Answer::json(200, deleted_bundle(call, &copy, now)))
}

pub(super) fn deleted_bundle(
    call: &Call<'_>,
    certificate: &Named<CertificateVersion>,
    at: Timestamp,
) -> Value {
    let mut out = certificate.versions.last().map(|v| bundle(call, &certificate.name, v)).unwrap_or_default();
    out.insert("recoveryId".into(), json!(call.url(&format!("deletedcertificates/{}", certificate.name))));
    out.insert("deletedDate".into(), json!(at.unix_s()));
    out.insert("scheduledPurgeDate".into(), json!(at.unix_s() + 90 * 86_400));
    Value::Object(out)
}

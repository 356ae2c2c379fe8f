//! Making certificates in the vault: create, pending, cancel, import, merge. The issuer `Self`
//! takes a few seconds; any other waits for a merge. Keys come from the lab's pool.

use super::model::{Attributes, Bin, CertificateVersion, Named, Pending, SecretVersion};
use super::{Call, certificates, error, is_name};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::credential::{base64_any, base64_std};
use crate::lab::keys;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

const PEM: &str = "application/x-pem-file";

fn broken(e: &keys::CertificateError) -> Answer {
    error::bad_parameter(&e.to_string())
}

/// The policy as the vault keeps it: what was given, and defaults for the rest.
pub(super) fn complete_policy(call: &Call<'_>, name: &str, given: Option<&Value>) -> Value {
    let now = call.state.now().unix_s();
    let mut policy = json!({
        "id": call.url(&format!("certificates/{name}/policy")),
        "key_props": {"exportable": true, "kty": "RSA", "key_size": 2048, "reuse_key": false},
        "secret_props": {"contentType": "application/x-pkcs12"},
        "x509_props": {"subject": format!("CN={name}"), "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"], "key_usage": ["digitalSignature", "keyEncipherment"], "validity_months": 12},
        "lifetime_actions": [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}],
        "issuer": {"name": "Self"},
        "attributes": {"enabled": true, "created": now, "updated": now},
    });
    let parts = given.and_then(Value::as_object).into_iter().flatten().filter(|(k, _)| *k != "id");
    for (key, value) in parts {
        match (policy.get_mut(key).and_then(Value::as_object_mut), value) {
            (Some(known), Value::Object(given)) => {
                known.extend(given.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())))
            }
            _ if value.is_null() => {}
            _ => policy[key] = value.clone(),
        }
    }
    policy
}

fn usable(call: &Call<'_>, name: &str) -> Result<(), Answer> {
    let (now, key) = (call.state.now(), name.to_ascii_lowercase());
    if !is_name(name) {
        return Err(error::bad_parameter(&format!("The request URI contains an invalid name: {name}")));
    }
    let vault = call.model()?;
    match vault.certificates.get(&key).and_then(|c| c.bin) {
        Some(Bin::Deleted { settled, .. }) if now < settled => {
            return Err(error::conflict("ObjectIsBeingDeleted", "Certificate", name));
        }
        Some(Bin::Deleted { .. }) => {
            return Err(error::conflict("ObjectIsDeletedButRecoverable", "Certificate", name));
        }
        _ => {}
    }
    let plain = vault.secrets.get(&key).is_some_and(|s| s.versions.last().is_some_and(|v| !v.managed));
    if plain {
        Err(error::error(409, "Conflict", &format!("A secret with the name {name} already exists."), None))
    } else {
        Ok(())
    }
}

/// `create`: 202 and the pending operation.
pub(super) fn create(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("certificates/create/action", name)?;
    usable(call, name)?;
    let body = call.body()?;
    let policy = complete_policy(call, name, body.get("policy"));
    // Whatever size is asked for, the key is one of the pool's, which have 2048 bits.
    let sizes = [json!(2048), json!(3072), json!(4096)];
    if policy["key_props"]["kty"] != json!("RSA") || !sizes.contains(&policy["key_props"]["key_size"]) {
        return Err(error::bad_parameter("The lab makes RSA keys of 2048, 3072 or 4096 bits."));
    }
    let stream = call.state.random.stream("lab-certificates");
    let key_pem = keys::pool_pem(keys::draw_pool_key(&stream));
    let subject = policy["x509_props"]["subject"].as_str().unwrap_or(name).to_owned();
    let csr = keys::signing_request(&key_pem, &subject).map_err(|e| broken(&e))?;
    let ready_in = call.state.options.lags.certificate.draw(&call.state.random.stream("lab-lag-vault"));
    let pending = Pending {
        request_id: call.state.new_version(),
        ready_at: call.state.now().after(ready_in),
        cancelled: false,
        done: false,
        policy: policy.clone(),
        key_pem: key_pem.into(),
        csr,
        attributes: body.get("attributes").cloned(),
        tags: body.get("tags").and_then(Value::as_object).cloned().unwrap_or_default(),
    };
    let shown = shown(call, name, &pending);
    let vault = call.model_mut()?;
    vault.policies.insert(name.to_ascii_lowercase(), policy);
    vault.pending.insert(name.to_ascii_lowercase(), pending);
    call.record("createCertificate", format!("certificates/{name}"), None);
    let location = call.url(&format!(
        "certificates/{name}/pending?api-version={}",
        call.ask.option("api-version").unwrap_or("7.4")
    ));
    Ok(Answer::json(202, shown).with("location", location).with("retry-after", "1".into()))
}

fn shown(call: &Call<'_>, name: &str, pending: &Pending) -> Value {
    let (status, details) = match (pending.done, pending.cancelled) {
        (true, _) => ("completed", Value::Null),
        (false, true) => ("cancelled", json!("Certificate creation was cancelled.")),
        _ => (
            "inProgress",
            json!(
                "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please check again later."
            ),
        ),
    };
    let mut out = json!({
        "id": call.url(&format!("certificates/{name}/pending")),
        "issuer": {"name": pending.policy["issuer"]["name"]},
        "csr": base64_std(&pending.csr),
        "cancellation_requested": pending.cancelled,
        "status": status,
        "request_id": pending.request_id,
    });
    if !details.is_null() {
        out["status_details"] = details;
    }
    if pending.done {
        out["target"] = json!(call.url(&format!("certificates/{name}")));
    }
    out
}

/// `/certificates/{name}/pending`.
pub(super) fn pending(call: &mut Call<'_>, name: &str, rest: &[&str]) -> Outcome {
    let key = name.to_ascii_lowercase();
    let action =
        if call.ask.method == Method::GET { "certificates/read" } else { "certificates/update/action" };
    call.allowed(action, name)?;
    finish_due(call, name)?;
    let Some(mut found) = call.model()?.pending.get(&key).cloned() else {
        return Err(error::not_found("PendingCertificateNotFound", "pending certificate", name));
    };
    match (&call.ask.method, rest) {
        (&Method::GET, []) => {}
        (&Method::PATCH, []) => {
            found.cancelled =
                call.body()?.get("cancellation_requested").and_then(Value::as_bool) == Some(true);
            call.model_mut()?.pending.insert(key, found.clone());
        }
        (&Method::DELETE, []) => {
            call.model_mut()?.pending.remove(&key);
        }
        (&Method::POST, ["merge"]) => return merge(call, name, &found),
        _ => {
            return Err(error::error(
                405,
                "MethodNotAllowed",
                "The method is not allowed on this resource.",
                None,
            ));
        }
    }
    Ok(Answer::json(200, shown(call, name, &found)))
}

/// Issues a self-signed certificate whose time has come.
pub(super) fn finish_due(call: &mut Call<'_>, name: &str) -> Result<(), Answer> {
    let (key, now) = (name.to_ascii_lowercase(), call.state.now());
    let Some(found) = call.model()?.pending.get(&key).cloned() else { return Ok(()) };
    if found.done
        || found.cancelled
        || now < found.ready_at
        || found.policy["issuer"]["name"] != json!("Self")
    {
        return Ok(());
    }
    let subject = found.policy["x509_props"]["subject"].as_str().unwrap_or(name).to_owned();
    let months = found.policy["x509_props"]["validity_months"].as_u64().unwrap_or(12);
    let serial = call.state.random.stream("lab-certificates").bytes();
    // Valid from ten minutes before it was made, for clocks that differ.
    let start = crate::domain::time::Timestamp::from_unix_s(now.unix_s() - 600);
    let life = Duration::from_secs(months * 365 * 86_400 / 12);
    let der = keys::self_signed(&found.key_pem, &subject, start, life, serial).map_err(|e| broken(&e))?;
    store(call, name, &found, der)?;
    if let Some(pending) = call.model_mut()?.pending.get_mut(&key) {
        pending.done = true;
    }
    Ok(())
}

/// Stores a version, and the managed secret that holds certificate and, if exportable, key.
fn store(call: &mut Call<'_>, name: &str, made: &Pending, der: Vec<u8>) -> Result<String, Answer> {
    let (now, id) = (call.state.now(), call.state.new_version());
    let mut attributes = Attributes::new(now);
    attributes.update(made.attributes.as_ref(), now);
    if let Some(facts) = keys::read_certificate(&der) {
        attributes.not_before = Some(facts.start.unix_s());
        attributes.expires = Some(facts.end.unix_s());
    }
    let certificate = keys::pem("CERTIFICATE", &der);
    let exportable = made.policy["key_props"]["exportable"] != json!(false);
    let value = if exportable { format!("{}{certificate}", made.key_pem) } else { certificate };
    let secret = SecretVersion {
        id: id.clone(),
        value: value.into(),
        // The lab has no PKCS #12: whatever the policy asks for, the value is PEM.
        content_type: Some(PEM.into()),
        attributes: attributes.clone(),
        tags: made.tags.clone(),
        managed: true,
    };
    let version = CertificateVersion {
        id: id.clone(),
        der: der.into(),
        key_pem: made.key_pem.clone(),
        attributes,
        tags: made.tags.clone(),
    };
    let (key, vault) = (name.to_ascii_lowercase(), call.model_mut()?);
    vault.secrets.entry(key.clone()).or_insert_with(|| Named::new(name)).versions.push(secret);
    vault.certificates.entry(key).or_insert_with(|| Named::new(name)).versions.push(version);
    call.record("issueCertificate", format!("certificates/{name}"), Some(id.clone()));
    Ok(id)
}

/// `import` of PEM: private key (PKCS #8) and certificate in one text.
pub(super) fn import(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("certificates/import/action", name)?;
    usable(call, name)?;
    let body = call.body()?;
    let value = body.get("value").and_then(Value::as_str).unwrap_or("");
    // PEM as it is, or (the Python SDK) once more in base64.
    let unpacked = base64_any(value).and_then(|bytes| String::from_utf8(bytes).ok());
    let value = unpacked.as_deref().filter(|t| t.contains("-----BEGIN")).unwrap_or(value);
    let unreadable = || {
        error::bad_parameter(
            "The specified PEM X.509 certificate content is in an unexpected format. The lab reads PEM with one private key and one certificate.",
        )
    };
    let key_pem = block(value, "PRIVATE KEY").ok_or_else(unreadable)?;
    let der = block(value, "CERTIFICATE").and_then(|pem| base64_any(inner(&pem))).ok_or_else(unreadable)?;
    keys::read_certificate(&der).ok_or_else(unreadable)?;
    let policy = complete_policy(call, name, body.get("policy"));
    let made = Pending {
        request_id: String::new(),
        ready_at: call.state.now(),
        cancelled: false,
        done: true,
        policy: policy.clone(),
        key_pem: key_pem.into(),
        csr: Vec::new(),
        attributes: body.get("attributes").cloned(),
        tags: body.get("tags").and_then(Value::as_object).cloned().unwrap_or_default(),
    };
    let id = store(call, name, &made, der)?;
    call.model_mut()?.policies.insert(name.to_ascii_lowercase(), policy);
    certificates::bundle_of(call, name, Some(&id)).map(|shown| Answer::json(200, Value::Object(shown)))
}

/// `pending/merge`: a certificate signed elsewhere for the pending key: 201.
fn merge(call: &mut Call<'_>, name: &str, found: &Pending) -> Outcome {
    let body = call.body()?;
    let first = body.get("x5c").and_then(Value::as_array).and_then(|c| c.first()).and_then(Value::as_str);
    let der = first.and_then(base64_any).ok_or_else(|| error::bad_parameter("Property x5c is required."))?;
    let facts = keys::read_certificate(&der)
        .ok_or_else(|| error::bad_parameter("The certificate cannot be read."))?;
    let own = super::keys::public_pkcs1(&found.key_pem);
    if own.as_deref() != Some(facts.public_pkcs1.as_slice()) {
        return Err(error::bad_parameter(
            "Public key from x509 certificate and key of this instance doesn't match.",
        ));
    }
    let id = store(call, name, found, der)?;
    call.model_mut()?.pending.remove(&name.to_ascii_lowercase());
    certificates::bundle_of(call, name, Some(&id)).map(|shown| Answer::json(201, Value::Object(shown)))
}

/// One PEM block, with its armour.
fn block(text: &str, label: &str) -> Option<String> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let from = text.find(&begin)?;
    let to = from + text[from..].find(&end)? + end.len();
    Some(format!("{}\n", &text[from..to]))
}

fn inner(pem: &str) -> &str {
    let body = pem.trim().trim_start_matches('-');
    let body = body.split_once("-----").map_or("", |(_, rest)| rest);
    body.split_once("-----").map_or("", |(body, _)| body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_blocks_are_found_in_one_text() {
        let text = "junk\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n";
        assert_eq!(inner(&block(text, "CERTIFICATE").unwrap()).trim(), "BBBB");
        assert!(block(text, "PRIVATE KEY").unwrap().contains("AAAA"));
        assert!(block("no pem", "CERTIFICATE").is_none());
    }
}

//! Keys of their own: EC on P-256, made by a request or by a scene, for ES256.
//!
//! Source: Microsoft Learn, "Create Key", "Get Key" and "Sign (Azure Key Vault)".

use super::model::{Attributes, KeyVersion, Named};
use super::{Call, error};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::credential::{base64_any, base64_url};
use crate::lab::state::State;
use http::Method;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

/// A new version, from the lab's own chance; about one number in 2^32 is no key.
pub(in crate::lab) fn draw(state: &State) -> KeyVersion {
    let key = loop {
        if let Ok(key) = SigningKey::from_slice(&state.random.stream("lab-vault-keys").bytes::<32>()) {
            break key;
        }
    };
    KeyVersion { id: state.new_version(), key, attributes: Attributes::new(state.now()) }
}

/// What a key answers to, if there is one of this name that is no certificate's.
pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Option<Outcome> {
    match (&call.ask.method, rest) {
        (&Method::POST, [name, "create"]) => Some(create(call, name)),
        (method, [name, rest @ ..]) => {
            let now = call.state.now();
            let known = call.model().ok()?.keys.get(&name.to_ascii_lowercase())?.is_live(now);
            let (version, signs) = match rest {
                [] => (None, false),
                ["sign"] => (None, true),
                [version] => (Some(*version), false),
                [version, "sign"] => (Some(*version), true),
                _ => return None,
            };
            match (method, signs) {
                _ if !known => None,
                (&Method::GET, false) => Some(get(call, name, version)),
                (&Method::POST, true) => Some(sign(call, name, version)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn create(call: &mut Call<'_>, name: &str) -> Outcome {
    call.allowed("keys/create/action", name)?;
    let body = call.body()?;
    let text = |k: &str| body.get(k).and_then(Value::as_str).unwrap_or("");
    if text("kty") != "EC" || text("crv") != "P-256" {
        return Err(error::bad_parameter("The lab makes keys of the type EC on the curve P-256 only."));
    }
    let made = draw(call.state);
    let id = made.id.clone();
    let keys = &mut call.model_mut()?.keys;
    keys.entry(name.to_ascii_lowercase()).or_insert_with(|| Named::new(name)).versions.push(made);
    shown(call, name, Some(&id))
}

fn find(call: &Call<'_>, name: &str, version: Option<&str>) -> Result<(String, KeyVersion), Answer> {
    let missing = || error::not_found("KeyNotFound", "key", name);
    let found = call.model()?.keys.get(&name.to_ascii_lowercase()).ok_or_else(missing)?;
    let one = match version {
        None => found.versions.last(),
        Some(id) => found.versions.iter().find(|v| v.id == id),
    };
    Ok((found.name.clone(), one.ok_or_else(missing)?.clone()))
}

fn get(call: &mut Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    call.allowed("keys/read", name)?;
    shown(call, name, version)
}

fn shown(call: &Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    let (name, one) = find(call, name, version)?;
    let point = one.key.verifying_key().to_encoded_point(false);
    let half = |half: Option<&p256::FieldBytes>| base64_url(half.map_or(&[][..], |b| b.as_slice()));
    Ok(Answer::json(
        200,
        json!({
            "key": {
                "kid": call.url(&format!("keys/{name}/{}", one.id)), "kty": "EC", "crv": "P-256",
                "key_ops": ["sign", "verify"], "x": half(point.x()), "y": half(point.y()),
            },
            "attributes": one.attributes.shown(),
        }),
    ))
}

fn sign(call: &mut Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    call.allowed("keys/sign/action", name)?;
    let body = call.body()?;
    let text = |k: &str| body.get(k).and_then(Value::as_str).unwrap_or("");
    if text("alg") != "ES256" {
        return Err(error::bad_parameter("The key is on P-256: it signs with ES256 only."));
    }
    let digest = base64_any(text("value")).filter(|d| d.len() == 32);
    let digest = digest.ok_or_else(|| error::bad_parameter("The value is not a SHA-256 digest."))?;
    let (name, one) = find(call, name, version)?;
    if !one.attributes.enabled {
        return Err(error::disabled("key"));
    }
    let signature: Result<Signature, _> = one.key.sign_prehash(&digest);
    let signature = signature.map_err(|_| error::bad_parameter("Signing failed."))?;
    let kid = call.url(&format!("keys/{name}/{}", one.id));
    Ok(Answer::json(200, json!({"kid": kid, "value": base64_url(&signature.to_bytes())})))
}

//! Keys of a vault's certificates (those of their own are in [`super::ec`]): the public half, and signing with the private one (RS256,
//! PS256 over a SHA-256 digest).

use super::model::CertificateVersion;
use super::{Call, error};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::credential::{base64_any, base64_url};
use crate::lab::{keys, token};
use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use http::Method;
use serde_json::{Value, json};

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, [name]) => get(call, name, None),
        (&Method::GET, [name, version]) => get(call, name, Some(version)),
        (&Method::POST, [name, "sign"]) => sign(call, name, None),
        (&Method::POST, [name, version, "sign"]) => sign(call, name, Some(version)),
        _ => Err(error::error(
            405,
            "MethodNotAllowed",
            "The lab only shows and uses the keys of certificates.",
            None,
        )),
    }
}

fn find<'a>(
    call: &'a Call<'_>,
    name: &str,
    version: Option<&str>,
) -> Result<(&'a str, &'a CertificateVersion), Answer> {
    let missing = || error::not_found("KeyNotFound", "key", name);
    let now = call.state.now();
    let found = call.model()?.certificates.get(&name.to_ascii_lowercase()).filter(|c| c.is_live(now));
    let found = found.ok_or_else(missing)?;
    let one = match version {
        None => found.versions.last(),
        Some(id) => found.versions.iter().find(|v| v.id == id),
    };
    Ok((&found.name, one.ok_or_else(missing)?))
}

fn get(call: &mut Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    call.allowed("keys/read", name)?;
    let (name, one) = find(call, name, version)?;
    let facts = keys::read_certificate(&one.der).and_then(|f| token::modulus(&f.public_pkcs1));
    let (n, e) = facts.ok_or_else(|| error::bad_parameter("The key cannot be read."))?;
    Ok(Answer::json(
        200,
        json!({
            "key": {
                "kid": call.url(&format!("keys/{name}/{}", one.id)), "kty": "RSA",
                "key_ops": ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"],
                "n": base64_url(&n), "e": base64_url(&e),
            },
            "attributes": one.attributes.shown(), "managed": true,
        }),
    ))
}

fn sign(call: &mut Call<'_>, name: &str, version: Option<&str>) -> Outcome {
    call.allowed("keys/sign/action", name)?;
    let body = call.body()?;
    let text = |k: &str| body.get(k).and_then(Value::as_str).unwrap_or("");
    let padding: &'static dyn RsaEncoding = match text("alg") {
        "PS256" => &RSA_PSS_SHA256,
        "RS256" => &RSA_PKCS1_SHA256,
        other => {
            return Err(error::bad_parameter(&format!(
                "The algorithm '{other}' is not supported by the lab."
            )));
        }
    };
    let digest = base64_any(text("value")).and_then(|d| Digest::import_less_safe(&d, &SHA256).ok());
    let digest = digest.ok_or_else(|| error::bad_parameter("The value is not a SHA-256 digest."))?;
    let (name, one) = find(call, name, version)?;
    if !one.attributes.enabled {
        return Err(error::disabled("key"));
    }
    let pair =
        keys::signing_key(&one.key_pem).ok_or_else(|| error::bad_parameter("The key cannot be used."))?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(padding, &digest, &mut signature)
        .map_err(|_| error::bad_parameter("Signing failed."))?;
    let kid = call.url(&format!("keys/{name}/{}", one.id));
    Ok(Answer::json(200, json!({"kid": kid, "value": base64_url(&signature)})))
}

/// The public key of a PEM private key, as PKCS #1.
pub(super) fn public_pkcs1(pem: &str) -> Option<Vec<u8>> {
    let pair = keys::signing_key(pem)?;
    let spki = pair.public_key().as_der().ok()?;
    let spki: &[u8] = spki.as_ref();
    use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};
    SubjectPublicKeyInfo::from_der(spki).ok().map(|(_, info)| info.subject_public_key.data.to_vec())
}

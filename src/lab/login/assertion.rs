//! Client assertions: a JWT signed with the key of one of the application's certificates
//! (Microsoft identity platform: certificate credentials). PS256 with `x5t#S256` is today's
//! form; RS256 with `x5t` the older one. Thumbprints come in both base64 alphabets.

use super::check::{Accepted, Client, credentials};
use super::error::Refusal;
use crate::domain::id::hex;
use crate::domain::time::Timestamp;
use crate::lab::ask::Ask;
use crate::lab::credential::{base64_any, sha1, sha256};
use crate::lab::directory::Proof;
use crate::lab::keys;
use crate::lab::state::State;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A NumericDate (RFC 7519, 2), to the second.
pub(in crate::lab) fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|s| s as i64))
}

fn bad(reason: &str) -> Refusal {
    Refusal::client(700_027, format!("Client assertion contains an invalid signature. [Reason - {reason}]"))
}

pub(super) fn check(
    state: &State,
    ask: &Ask,
    tenant: &str,
    client: &Client,
    jwt: &str,
) -> Result<Accepted, Refusal> {
    let header = jsonwebtoken::decode_header(jwt)
        .map_err(|_| Refusal::client(50_027, "Invalid JWT token: the client assertion is malformed."))?;
    let (der, key_id, end) = certificate(state, client, &header)?;
    let claims =
        verify(jwt, header.alg, &der).ok_or_else(|| bad("The key used is not the key that signed it."))?;
    if end <= state.now() {
        return Err(bad("The key used is expired."));
    }
    check_claims(state, ask, tenant, client, &claims)?;
    Ok(Accepted { key_id, thumbprint: Some(hex(&sha1(&der)).to_uppercase()) })
}

/// The registered certificate that the header names.
fn certificate(
    state: &State,
    client: &Client,
    header: &jsonwebtoken::Header,
) -> Result<(Arc<[u8]>, String, Timestamp), Refusal> {
    let by_sha256 = header.x5t_s256.as_deref().and_then(base64_any);
    let by_sha1 = header.x5t.as_deref().and_then(base64_any);
    if by_sha256.is_none() && by_sha1.is_none() {
        return Err(Refusal::client(
            50_027,
            "Invalid JWT token: the header names no certificate (x5t or x5t#S256).",
        ));
    }
    for credential in credentials(state, client) {
        let Proof::Certificate(der) = &credential.proof else { continue };
        let named = by_sha256
            .as_ref()
            .map_or_else(|| by_sha1.as_ref().is_some_and(|t| *t == sha1(der)), |t| *t == sha256(der));
        if named && credential.start <= state.now() {
            return Ok((der.clone(), credential.key_id.clone(), credential.end));
        }
    }
    Err(bad("The key was not found."))
}

/// The claims, if the certificate's key signed them.
pub(in crate::lab) fn verify(jwt: &str, algorithm: Algorithm, der: &[u8]) -> Option<Map<String, Value>> {
    if !matches!(algorithm, Algorithm::RS256 | Algorithm::PS256) {
        return None;
    }
    let facts = keys::read_certificate(der)?;
    let mut rules = Validation::new(algorithm);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    let key = DecodingKey::from_rsa_der(&facts.public_pkcs1);
    jsonwebtoken::decode::<Map<String, Value>>(jwt, &key, &rules).ok().map(|d| d.claims)
}

fn check_claims(
    state: &State,
    ask: &Ask,
    tenant: &str,
    client: &Client,
    claims: &Map<String, Value>,
) -> Result<(), Refusal> {
    let text = |k: &str| claims.get(k).and_then(Value::as_str).unwrap_or("");
    // MSAL for Python sends times with fractions, as RFC 7519 allows.
    let number = |k: &str| claims.get(k).and_then(seconds);
    let (now, app_id) = (state.now().unix_s(), client.principal.text("appId"));
    if text("iss") != text("sub") {
        return Err(Refusal::client(
            50_048,
            "The subject doesn't match the issuer claim in the client assertion.",
        ));
    }
    if !text("iss").eq_ignore_ascii_case(app_id) {
        return Err(Refusal::client(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    let base = format!("https://{}", ask.authority);
    let known = [tenant, state.options.tenant.as_str()];
    let fits = known.iter().any(|t| {
        ["/oauth2/v2.0/token", "/oauth2/token", "/v2.0"]
            .iter()
            .any(|p| text("aud") == format!("{base}/{t}{p}"))
    });
    if !fits {
        return Err(Refusal::client(
            700_023,
            format!(
                "Client assertion audience claim does not match Realm issuer. Please review the documentation. Expected {base}/{tenant}/oauth2/v2.0/token."
            ),
        ));
    }
    let expired = number("exp").is_none_or(|exp| exp + 300 < now);
    if expired || number("nbf").is_some_and(|nbf| now + 300 < nbf) {
        return Err(Refusal::client(700_024, "Client assertion is not within its valid time range."));
    }
    Ok(())
}

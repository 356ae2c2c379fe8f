//! Access tokens: RS256 JWTs as Entra issues them to applications (access token claims
//! reference, version 1.0), checked by Graph and the vaults on the lab's own clock.

use super::credential::{base64_url, sha256};
use super::keys;
use crate::domain::time::Timestamp;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

pub(super) struct Signer {
    key: Arc<KeyPair>,
    decoding: DecodingKey,
    pub(super) kid: String,
    pub(super) certificate: Vec<u8>,
}

/// The lab's token key: pool key 0. `None` only if the committed pool is broken.
pub(super) fn signer() -> Option<&'static Signer> {
    static SIGNER: OnceLock<Option<Signer>> = OnceLock::new();
    SIGNER.get_or_init(make_signer).as_ref()
}

fn make_signer() -> Option<Signer> {
    let pem = keys::pool_pem(0);
    let start = Timestamp::from_unix_s(1_700_000_000);
    let life = std::time::Duration::from_secs(86_400 * 3_650);
    let certificate = keys::self_signed(&pem, "CN=accounts.accesscontrol.lab", start, life, [7; 16]).ok()?;
    let facts = keys::read_certificate(&certificate)?;
    Some(Signer {
        key: keys::signing_key(&pem)?,
        decoding: DecodingKey::from_rsa_der(&facts.public_pkcs1),
        kid: base64_url(&super::credential::sha1(&certificate)),
        certificate,
    })
}

/// Signs claims as a token of the lab. jsonwebtoken would read the key again each time, which costs
/// more than signing.
pub(super) fn sign(claims: &Map<String, Value>) -> Option<String> {
    let signer = signer()?;
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(signer.kid.clone());
    header.x5t = Some(signer.kid.clone());
    let (header, claims) = (serde_json::to_vec(&header).ok()?, serde_json::to_vec(claims).ok()?);
    let text = format!("{}.{}", base64_url(&header), base64_url(&claims));
    let mut signature = vec![0; signer.key.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    signer.key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).ok()?;
    Some(format!("{text}.{}", base64_url(&signature)))
}

/// The public keys, as the JWKS document.
pub(super) fn jwks(issuer: &str) -> Value {
    let Some(signer) = signer() else { return json!({"keys": []}) };
    let Some(facts) = keys::read_certificate(&signer.certificate) else { return json!({"keys": []}) };
    let Some((n, e)) = modulus(&facts.public_pkcs1) else { return json!({"keys": []}) };
    json!({"keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": signer.kid, "x5t": signer.kid,
        "n": base64_url(&n), "e": base64_url(&e),
        "x5c": [super::credential::base64_std(&signer.certificate)], "issuer": issuer,
    }]})
}

/// Modulus and exponent of a PKCS #1 public key, without leading zeros.
pub(super) fn modulus(pkcs1: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    use x509_parser::der_parser::asn1_rs::{FromDer, Integer, Sequence};
    let (_, sequence) = Sequence::from_der(pkcs1).ok()?;
    let (rest, n) = Integer::from_der(&sequence.content).ok()?;
    let (_, e) = Integer::from_der(rest).ok()?;
    let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|b| *b == 0).collect::<Vec<u8>>();
    Some((strip(n.as_ref()), strip(e.as_ref())))
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    Malformed,
    Signature,
    Expired,
    Audience,
    Tenant,
}

/// The claims that routes use.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    pub(super) aud: String,
    pub(super) tid: String,
    pub(super) app_id: String,
    pub(super) oid: String,
    pub(super) name: String,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Option<String>,
    pub(super) cae: bool,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
}

/// The signatures checked last, so that a busy caller's token is verified once.
#[derive(Default)]
pub(super) struct Verified(VecDeque<([u8; 32], Arc<Claims>)>);

impl Verified {
    const KEPT: usize = 64;

    /// The claims of a token whose signature is the lab's.
    pub(super) fn read(&mut self, token: &str) -> Result<Arc<Claims>, Bad> {
        let mut digest = [0; 32];
        digest.copy_from_slice(&sha256(token.as_bytes()));
        if let Some((_, claims)) = self.0.iter().find(|(d, _)| *d == digest) {
            return Ok(claims.clone());
        }
        let claims = Arc::new(decode(token)?);
        if self.0.len() >= Self::KEPT {
            self.0.pop_front();
        }
        self.0.push_back((digest, claims.clone()));
        Ok(claims)
    }
}

fn decode(token: &str) -> Result<Claims, Bad> {
    let signer = signer().ok_or(Bad::Signature)?;
    let header = jsonwebtoken::decode_header(token).map_err(|_| Bad::Malformed)?;
    if header.alg != Algorithm::RS256 {
        return Err(Bad::Signature);
    }
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    let data = jsonwebtoken::decode::<Map<String, Value>>(token, &signer.decoding, &rules)
        .map_err(|_| Bad::Signature)?;
    let c = data.claims;
    let text = |k: &str| c.get(k).and_then(Value::as_str).unwrap_or("").to_owned();
    let number = |k: &str| c.get(k).and_then(Value::as_i64).unwrap_or(0);
    let list = |k: &str| -> Vec<String> {
        let items = c.get(k).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Ok(Claims {
        aud: text("aud"),
        tid: text("tid"),
        app_id: text("appid"),
        oid: text("oid"),
        name: text("app_displayname"),
        roles: list("roles"),
        scopes: c.get("scp").and_then(Value::as_str).map(str::to_owned),
        cae: list("xms_cc").iter().any(|x| x.eq_ignore_ascii_case("cp1")),
        iat: number("iat"),
        nbf: number("nbf"),
        exp: number("exp"),
    })
}

impl Claims {
    /// Time and tenant, on the lab's clock; a token is good for 5 s before it was made.
    pub(super) fn check(&self, tenant: &str, audiences: &[&str], now: Timestamp) -> Result<(), Bad> {
        let aud = self.aud.trim_end_matches('/');
        if !audiences.iter().any(|a| a.trim_end_matches('/').eq_ignore_ascii_case(aud)) {
            return Err(Bad::Audience);
        }
        if self.tid != tenant {
            return Err(Bad::Tenant);
        }
        if now.unix_s() >= self.exp || now.unix_s() + 5 < self.nbf {
            return Err(Bad::Expired);
        }
        Ok(())
    }
}

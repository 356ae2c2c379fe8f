//! Signed statements that prove possession of a certificate's key: the client assertion for
//! sign-in, and the proof that Graph wants for `addKey` and `removeKey`.
//!
//! Sources: Microsoft Learn, "Microsoft identity platform application authentication certificate
//! credentials" (PS256, `x5t#S256`, audience is the token endpoint); "application: removeKey" and
//! "Generate a proof-of-possession token" (issuer is the *object* id, ten minutes at most). The
//! audience of the proof differs between editions of that page (unconfirmed); see
//! [`PROOF_AUDIENCE`]. Format: RFC 7515, RFC 7519, RFC 7518 3.5. Times are Unix seconds.

use crate::domain::id::{ClientId, Digest, ObjectId, TenantId};
use crate::domain::secret::Secret;
use crate::env::Env;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PSS_SHA256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The audience of proofs: the directory's own service. One edition of Microsoft's page names
/// `00000003-0000-0000-c000-000000000000` (Graph) instead.
pub const PROOF_AUDIENCE: &str = "00000002-0000-0000-c000-000000000000";

/// How long an assertion or proof is good. Graph refuses proofs of more than ten minutes.
const GOOD_FOR: Duration = Duration::from_secs(300);
/// How far our clock may be ahead of theirs.
const SKEW_S: i64 = 5;

/// A statement that waits for its signature: PS256 over [`Unsigned::digest`].
#[derive(Clone, Debug)]
pub struct Unsigned(String);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(rename = "x5t#S256")]
    x5t_s256: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    nbf: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

impl Unsigned {
    /// A client assertion for `client_id` at the tenant's token endpoint. `certificate` is DER.
    pub fn assertion(
        env: &Env,
        login_host: &str,
        tenant: &TenantId,
        client_id: &ClientId,
        certificate: &[u8],
    ) -> Self {
        let audience = format!("https://{login_host}/{tenant}/oauth2/v2.0/token");
        let jti = env.new_guid("assertion-ids");
        Self::new(env, &audience, client_id.as_str(), Some((jti.as_str(), client_id.as_str())), certificate)
    }

    /// A proof that whoever changes `object` holds the key of one of its certificates.
    pub fn proof(env: &Env, audience: &str, object: &ObjectId, certificate: &[u8]) -> Self {
        Self::new(env, audience, object.as_str(), None, certificate)
    }

    fn new(env: &Env, aud: &str, iss: &str, jti_and_sub: Option<(&str, &str)>, certificate: &[u8]) -> Self {
        let x5t_s256 = URL_SAFE_NO_PAD.encode(Digest::of(certificate).0);
        let now = env.clock.now();
        let claims = Claims {
            aud,
            exp: now.after(GOOD_FOR).unix_s(),
            iss,
            jti: jti_and_sub.map(|(jti, _)| jti),
            nbf: now.unix_s() - SKEW_S,
            sub: jti_and_sub.map(|(_, sub)| sub),
        };
        let part = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let header = Header { alg: "PS256", typ: "JWT", x5t_s256: &x5t_s256 };
        // Strings and numbers always serialise; an empty part would only be refused.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        Self(format!("{}.{}", part(header), part(claims)))
    }

    /// SHA-256 of what is signed: what a vault's sign operation takes.
    pub fn digest(&self) -> [u8; 32] {
        Digest::of(self.0.as_bytes()).0
    }

    /// The statement with a signature made elsewhere.
    pub fn with_signature(self, signature: &[u8]) -> Secret {
        Secret::new(format!("{}.{}", self.0, URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The statement, signed with a key at hand.
    pub fn signed_by(self, key: &CertificateKey) -> Result<Secret, BadKey> {
        let mut signature = vec![0; key.key.public_modulus_len()];
        let signed = key.key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), self.0.as_bytes(), &mut signature);
        signed.map_err(|_| BadKey)?;
        Ok(self.with_signature(&signature))
    }
}

/// A certificate and its RSA key, in memory. Elliptic keys are not documented for client
/// assertions and are refused. The key is read once: reading one checks it, which takes longer than
/// signing with it.
#[derive(Clone)]
pub struct CertificateKey {
    key: Arc<KeyPair>,
    certificate: Vec<u8>,
}

/// Why a key cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RSA private key in PEM form (PKCS #1 or #8), or no certificate beside it")]
pub struct BadKey;

impl CertificateKey {
    /// From PEM: one certificate and its RSA key, in any order.
    pub fn from_pem(pem: &Secret) -> Result<Self, BadKey> {
        let mut certificates = x509_parser::pem::Pem::iter_from_buffer(pem.expose().as_bytes())
            .filter_map(Result::ok)
            .filter(|block| block.label == "CERTIFICATE");
        let certificate = certificates.next().ok_or(BadKey)?.contents;
        let key = private_key(private_key_block(pem.expose()).ok_or(BadKey)?)?;
        Ok(Self { key: Arc::new(key), certificate })
    }
    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

/// The first private key block of a PEM text, borrowed from it: no copy of the key is made.
fn private_key_block(pem: &str) -> Option<&str> {
    let begin = ["-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----"]
        .iter()
        .filter_map(|mark| pem.find(mark))
        .min()?;
    let end = begin + pem[begin..].find("-----END ")?;
    let line_end = pem[end..].find('\n').map_or(pem.len(), |at| end + at + 1);
    Some(&pem[begin..line_end])
}

/// The key of a PEM block (RFC 7468): PKCS #8, or PKCS #1 where the mark says RSA.
fn private_key(block: &str) -> Result<KeyPair, BadKey> {
    let is_text = |line: &&str| !line.starts_with('-');
    let size = block.lines().filter(is_text).map(|line| line.trim().len()).sum();
    // Taken at once, so that no half-grown copy stays behind.
    let mut text = Zeroizing::new(String::with_capacity(size));
    block.lines().filter(is_text).for_each(|line| text.push_str(line.trim()));
    let der = Zeroizing::new(STANDARD.decode(text.as_bytes()).map_err(|_| BadKey)?);
    let is_pkcs1 = block.starts_with("-----BEGIN RSA");
    let read = if is_pkcs1 { KeyPair::from_der(&der) } else { KeyPair::from_pkcs8(&der) };
    read.map_err(|_| BadKey)
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateKey({})", Digest::of(&self.certificate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::env::Clock;

    #[tokio::test(start_paused = true)]
    async fn statements_say_what_the_documents_ask_for() {
        let start = Timestamp::from_unix_s(1_795_417_209);
        let env = Env::simulated(Clock::starting_at(start), 1);
        let tenant = "7d3c9a10-0000-4000-8000-000000000001".parse().unwrap();
        let client = "8a1d0000-0000-4000-8000-000000000001".parse().unwrap();
        let object = "91110000-0000-4000-8000-000000000001".parse().unwrap();
        let read = |unsigned: &Unsigned| -> Vec<serde_json::Value> {
            let parts = unsigned.0.split('.').map(|p| URL_SAFE_NO_PAD.decode(p).unwrap());
            parts.map(|p| serde_json::from_slice(&p).unwrap()).collect()
        };
        let assertion = Unsigned::assertion(&env, "login.example", &tenant, &client, b"der");
        let [header, claims] = &read(&assertion)[..] else { panic!("two parts") };
        assert_eq!(header["alg"], "PS256");
        assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(Digest::of(b"der").0));
        assert_eq!(claims["aud"], format!("https://login.example/{tenant}/oauth2/v2.0/token"));
        assert_eq!((&claims["iss"], &claims["sub"]), (&claims["sub"], &claims["iss"]));
        assert_eq!(claims["exp"].as_i64().unwrap() - start.unix_s(), 300);

        let proof = Unsigned::proof(&env, PROOF_AUDIENCE, &object, b"der");
        let [_, claims] = &read(&proof)[..] else { panic!("two parts") };
        assert_eq!(claims["iss"], object.as_str());
        assert!(claims.get("sub").is_none());
        assert!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap() <= 600);
    }

    #[test]
    fn a_certificate_with_its_key_signs() {
        let key =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        for pem in [
            format!("{}{}", certificate.pem(), key.serialize_pem()),
            format!("{}{}", key.serialize_pem(), certificate.pem()),
        ] {
            let read = CertificateKey::from_pem(&Secret::new(pem)).unwrap();
            assert_eq!(read.certificate(), certificate.der().as_ref());
            let signed = Unsigned("a.b".into()).signed_by(&read).unwrap();
            assert_eq!(signed.expose().split('.').count(), 3);
            assert!(!format!("{read:?}").contains("PRIVATE"));
        }
        assert!(CertificateKey::from_pem(&Secret::new(key.serialize_pem())).is_err());
    }
}

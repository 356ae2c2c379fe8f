//! One Key Vault, through Microsoft's own clients on our transport.
//!
//! Source: Microsoft Learn, "Azure Key Vault REST API reference" (2025-07-01). The clients run
//! without retries of their own, for two faults seen in them: a new client whose first call is a
//! PUT and whose first try fails repeats it *without its body*, and every PUT of a secret makes a
//! version, so a repeated one makes two. Here, a client's first call is always a read.

pub mod certificates;
mod keys;
pub mod secrets;

use super::bridge::{Bridge, Client, response_of, wire_error_of};
use super::credential::{Door, Tokens};
use super::fault::{ApiError, Reply, Service};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use azure_core::error::Error;
use azure_core::http::{ClientOptions, RawResponse};
use azure_security_keyvault_certificates::{CertificateClient, CertificateClientOptions};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What vault calls fail with.
pub type VaultError = ApiError;

/// One vault. Copies share clients.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    host: String,
    tokens: Tokens,
    secrets: SecretClient,
    certificates: CertificateClient,
    keys: KeyClient,
    /// Whether the client has made a call that was answered.
    secrets_warm: AtomicBool,
    certificates_warm: AtomicBool,
}

/// A name in a vault: 1 to 127 letters, digits and hyphens. The clients put names into the
/// address as they are, so this is checked before any of them sees one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Text<127>);

impl Name {
    pub fn new(name: &str) -> Result<Self, VaultError> {
        let fits =
            (1..=127).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(Self(Text::lossy(name))) } else { Err(ApiError::refused(Service::Vault, "bad_name")) }
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A version in a vault: 32 hexadecimal digits at Microsoft; any short word here.
fn checked_version(version: &str) -> Result<String, VaultError> {
    let fits = (1..=64).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { Ok(version.to_owned()) } else { Err(ApiError::refused(Service::Vault, "bad_version")) }
}

impl Vault {
    /// A vault of the session's cloud; any other host is refused.
    pub(crate) fn new(door: &Door, tokens: &Tokens, host: &str) -> Result<Self, VaultError> {
        if !door.endpoints.is_vault(host) {
            return Err(ApiError::refused(Service::Vault, "not_a_vault_of_this_cloud"));
        }
        let endpoint = format!("https://{host}/");
        let options = || -> ClientOptions {
            Bridge::new(door.wire.clone(), door.env.clone(), Client::Vault, host).client_options()
        };
        let credential = || Arc::new(tokens.clone());
        let setup = |_: Error| ApiError::refused(Service::Vault, "client_setup");
        let secret_options = SecretClientOptions { client_options: options(), ..Default::default() };
        let secrets = SecretClient::new(&endpoint, credential(), Some(secret_options)).map_err(setup)?;
        let certificate_options =
            CertificateClientOptions { client_options: options(), ..Default::default() };
        let certificates =
            CertificateClient::new(&endpoint, credential(), Some(certificate_options)).map_err(setup)?;
        let key_options = KeyClientOptions { client_options: options(), ..Default::default() };
        let keys = KeyClient::new(&endpoint, credential(), Some(key_options)).map_err(setup)?;
        Ok(Self(Arc::new(Inner {
            host: host.to_owned(),
            tokens: tokens.clone(),
            secrets,
            certificates,
            keys,
            secrets_warm: AtomicBool::new(false),
            certificates_warm: AtomicBool::new(false),
        })))
    }

    pub fn host(&self) -> &str {
        &self.0.host
    }

    fn read<T: serde::de::DeserializeOwned>(&self, raw: &RawResponse, write: bool) -> Result<T, VaultError> {
        serde_json::from_slice(raw.body())
            .map_err(|_| ApiError::unexpected(Service::Vault, "unreadable_answer", write))
    }

    /// Turns a client's error into ours, and forgets the tokens if they were turned away.
    async fn fail(&self, e: &Error, write: bool, secret: bool) -> VaultError {
        let error = api_error(e, write, secret);
        if error.status == Some(401) {
            self.0.tokens.forget().await;
        }
        error
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vault").field(&self.0.host).finish()
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorDetail {
    code: Option<String>,
    message: Option<String>,
    #[serde(alias = "innererror", rename = "innerError")]
    inner: Option<Box<ErrorDetail>>,
}

fn api_error(e: &Error, write: bool, secret: bool) -> VaultError {
    if let Some(wire) = wire_error_of(e) {
        return ApiError::from_wire(Service::Vault, wire, write);
    }
    if let Some(own) = own_error_of(e) {
        return own.clone();
    }
    let Some(response) = response_of(e) else {
        return ApiError::unexpected(Service::Vault, "unreadable_answer", write);
    };
    let error = serde_json::from_slice::<ErrorBody>(response.body()).map(|b| b.error).unwrap_or_default();
    let header = response.headers().iter().find(|(n, _)| n.as_str() == "x-ms-request-id");
    let inner = error.inner.unwrap_or_default();
    ApiError::from_reply(&Reply {
        service: Service::Vault,
        status: response.status().into(),
        code: error.code.as_deref().unwrap_or(""),
        inner_code: inner.code.as_deref(),
        text: error.message.as_deref().unwrap_or(""),
        request_id: header.map(|(_, v)| v.as_str()),
        write,
        secret,
    })
}

/// Our own error, where getting a token failed: nothing was sent to the vault.
fn own_error_of(e: &Error) -> Option<&ApiError> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(e);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<ApiError>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The version at the end of an object's id (`https://host/secrets/name/version`).
fn version_of(id: &str) -> Option<Text<64>> {
    let version = id.trim_end_matches('/').rsplit('/').next()?;
    checked_version(version).ok().map(|v| Text::lossy(&v))
}

/// Attributes of anything in a vault; times are Unix seconds.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributes {
    enabled: Option<bool>,
    created: Option<i64>,
    exp: Option<i64>,
}

impl Attributes {
    fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }
    fn created(&self) -> Option<Timestamp> {
        self.created.map(Timestamp::from_unix_s)
    }
    fn expires(&self) -> Option<Timestamp> {
        self.exp.map(Timestamp::from_unix_s)
    }
}

/// Marks a client as warm, so that the read before its first write is made once.
fn warm(flag: &AtomicBool) {
    flag.store(true, Ordering::Release);
}

fn is_warm(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Acquire)
}

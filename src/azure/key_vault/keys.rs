//! Keys that stay in the vault: their public half, and signing with them.
//!
//! Source: Microsoft Learn, "Sign (Azure Key Vault)": PS256 and ES256 over a SHA-256 digest, ES256 as
//! `r || s`; "Get Key": a JSON Web Key. The key of a certificate has the certificate's name and a
//! version of its own.

use super::{Attributes, Name, Vault, VaultError, checked_version, version_of};
use crate::azure::fault::{ApiError, Service};
use crate::domain::text::Text;
use azure_security_keyvault_keys::models::{KeyClientGetKeyOptions, KeyClientSignOptions};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;

/// The public half of a version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub version: Text<64>,
    /// `x || y`, if it is an enabled key on P-256.
    pub point: Option<[u8; 64]>,
}

#[derive(Deserialize)]
struct Bundle {
    key: Jwk,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Jwk {
    kid: String,
    kty: String,
    crv: String,
    x: String,
    y: String,
}

impl Jwk {
    fn point(&self) -> Option<[u8; 64]> {
        let curve = matches!(self.kty.as_str(), "EC" | "EC-HSM") && self.crv == "P-256";
        let half = |text: &str| decoded(text).filter(|bytes| bytes.len() == 32);
        curve.then(|| [half(&self.x)?, half(&self.y)?].concat().try_into().ok()).flatten()
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

impl Vault {
    /// The public half of a key; without a version, of the newest. `None` if there is none.
    pub async fn key(&self, name: &Name, version: Option<&str>) -> Result<Option<PublicKey>, VaultError> {
        let key_version = version.map(checked_version).transpose()?;
        let options = KeyClientGetKeyOptions { key_version, ..Default::default() };
        match self.0.keys.get_key(name.as_str(), Some(options)).await {
            Ok(answer) => {
                let Bundle { key, attributes } = self.read(&answer.into(), false)?;
                let unreadable = || ApiError::unexpected(Service::Vault, "unreadable_answer", false);
                let version = version_of(&key.kid).ok_or_else(unreadable)?;
                Ok(Some(PublicKey { version, point: key.point().filter(|_| attributes.is_enabled()) }))
            }
            Err(e) => match self.fail(&e, false, false).await {
                e if e.is_not_found() => Ok(None),
                e => Err(e),
            },
        }
    }

    /// A PS256 signature over `digest`, which is SHA-256 of what is signed. Changes nothing.
    pub async fn sign(
        &self,
        name: &Name,
        key_version: Option<&str>,
        digest: &[u8; 32],
    ) -> Result<Vec<u8>, VaultError> {
        self.signed("PS256", name, key_version, digest).await
    }

    /// An ES256 signature over `digest`: `r || s`. Changes nothing.
    pub async fn sign_es256(
        &self,
        name: &Name,
        key_version: &str,
        digest: &[u8; 32],
    ) -> Result<[u8; 64], VaultError> {
        let signature = self.signed("ES256", name, Some(key_version), digest).await?;
        signature.try_into().map_err(|_| ApiError::unexpected(Service::Vault, "unreadable_answer", false))
    }

    async fn signed(
        &self,
        algorithm: &str,
        name: &Name,
        key_version: Option<&str>,
        digest: &[u8; 32],
    ) -> Result<Vec<u8>, VaultError> {
        #[derive(Deserialize)]
        struct Answer {
            value: String,
        }
        let key_version = key_version.map(checked_version).transpose()?;
        let options = KeyClientSignOptions { key_version, ..Default::default() };
        let body =
            serde_json::json!({ "alg": algorithm, "value": URL_SAFE_NO_PAD.encode(digest) }).to_string();
        match self.0.keys.sign(name.as_str(), Bytes::from(body).into(), Some(options)).await {
            Ok(answer) => {
                let answer: Answer = self.read(&answer.into(), false)?;
                let unreadable = || ApiError::unexpected(Service::Vault, "unreadable_answer", false);
                decoded(&answer.value).ok_or_else(unreadable)
            }
            Err(e) => Err(self.fail(&e, false, false).await),
        }
    }
}

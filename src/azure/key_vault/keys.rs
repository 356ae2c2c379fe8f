//! Signing with a key that stays in the vault.
//!
//! Source: Microsoft Learn, "Sign (Azure Key Vault)": PS256 over a SHA-256 digest. The key of a
//! certificate has the certificate's name and a version of its own.

use super::{Name, Vault, VaultError, checked_version};
use crate::azure::fault::{ApiError, Service};
use azure_security_keyvault_keys::models::KeyClientSignOptions;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;

impl Vault {
    /// A PS256 signature over `digest`, which is SHA-256 of what is signed. Changes nothing.
    pub async fn sign(
        &self,
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
        let body = serde_json::json!({ "alg": "PS256", "value": URL_SAFE_NO_PAD.encode(digest) }).to_string();
        match self.0.keys.sign(name.as_str(), Bytes::from(body).into(), Some(options)).await {
            Ok(answer) => {
                let answer: Answer = self.read(&answer.into(), false)?;
                let signature = URL_SAFE_NO_PAD.decode(answer.value.trim_end_matches('='));
                signature.map_err(|_| ApiError::unexpected(Service::Vault, "unreadable_answer", false))
            }
            Err(e) => Err(self.fail(&e, false, false).await),
        }
    }
}

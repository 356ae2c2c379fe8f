//! Secrets of a vault: where new values are published.

use super::{Attributes, Name, Vault, VaultError, checked_version, is_warm, version_of, warm};
use crate::azure::body;
use crate::azure::fault::{ApiError, Service};
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::{Permit, with_permit};
use azure_core::http::RawResponse;
use azure_security_keyvault_secrets::models::{
    SecretClientGetSecretOptions, SecretClientUpdateSecretPropertiesOptions,
};
use bytes::Bytes;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroize;

/// A secret to be stored.
#[derive(Debug)]
pub struct NewSecret<'a> {
    pub value: &'a Secret,
    /// Who made it and in which run: the handle on a version whose answer was lost.
    pub tags: BTreeMap<String, String>,
    pub content_type: Option<Text<255>>,
    pub expires: Option<Timestamp>,
}

/// One version of a secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    pub version: Text<64>,
    pub enabled: bool,
    pub tags: BTreeMap<String, String>,
    pub content_type: Option<Text<255>>,
    pub created: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    /// It belongs to a certificate, and is written with that alone.
    pub managed: bool,
}

impl SecretVersion {
    pub fn has_tag(&self, key: &str, value: &str) -> bool {
        self.tags.get(key).is_some_and(|v| v == value)
    }
}

/// One version with its value.
#[derive(Debug)]
pub struct StoredSecret {
    pub value: Secret,
    pub version: SecretVersion,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SetBody<'a> {
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    tags: &'a BTreeMap<String, String>,
    attributes: SetAttributes,
}

#[derive(Serialize)]
struct SetAttributes {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

/// A version as the service writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    id: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    managed: Option<bool>,
}

impl Bundle {
    fn into_parts(mut self) -> Option<(Option<Secret>, SecretVersion)> {
        let value = self.value.take().map(Secret::new);
        let version = SecretVersion {
            version: version_of(&self.id)?,
            enabled: self.attributes.is_enabled(),
            tags: self.tags.unwrap_or_default(),
            content_type: self.content_type.as_deref().map(Text::lossy),
            created: self.attributes.created(),
            expires: self.attributes.expires(),
            managed: self.managed == Some(true),
        };
        Some((value, version))
    }
}

impl Vault {
    /// Stores a new version, which becomes the one that an unversioned read returns. Not
    /// idempotent: after a lost answer, list the versions and look for the tags.
    pub async fn set_secret(
        &self,
        name: &Name,
        new: &NewSecret<'_>,
        permit: &Permit,
    ) -> Result<SecretVersion, VaultError> {
        self.warm_secrets(name).await?;
        let body = SetBody {
            value: new.value.expose(),
            content_type: new.content_type.as_deref(),
            tags: &new.tags,
            attributes: SetAttributes { enabled: true, exp: new.expires.map(Timestamp::unix_s) },
        };
        let bytes = body::json(&body).ok_or(ApiError::refused(Service::Vault, "bad_request"))?;
        let call = self.0.secrets.set_secret(name.as_str(), bytes.into(), None);
        match with_permit(permit, call).await {
            Ok(answer) => self.parts(answer.into(), true).map(|(_, version)| version),
            Err(e) => Err(self.fail(&e, true, true).await),
        }
    }

    /// The newest version, or a named one, with its value.
    pub async fn secret(&self, name: &Name, version: Option<&str>) -> Result<StoredSecret, VaultError> {
        let secret_version = version.map(checked_version).transpose()?;
        let options = SecretClientGetSecretOptions { secret_version, ..Default::default() };
        match self.0.secrets.get_secret(name.as_str(), Some(options)).await {
            Ok(answer) => {
                warm(&self.0.secrets_warm);
                let (value, version) = self.parts(answer.into(), false)?;
                let value = value.ok_or(ApiError::unexpected(Service::Vault, "no_value", false))?;
                Ok(StoredSecret { value, version })
            }
            Err(e) => Err(self.fail(&e, false, true).await),
        }
    }

    /// All versions, oldest first; empty if there is no such secret. Versions of one second are
    /// in the service's order: which of them is newest, only [`Vault::secret`] tells.
    pub async fn secret_versions(&self, name: &Name) -> Result<Vec<SecretVersion>, VaultError> {
        match self.list_versions(name).await {
            Ok(mut versions) => {
                warm(&self.0.secrets_warm);
                versions.sort_by_key(|v| v.created);
                Ok(versions)
            }
            Err(e) => {
                let e = self.fail(&e, false, false).await;
                if e.is_not_found() { Ok(Vec::new()) } else { Err(e) }
            }
        }
    }

    /// Whether the name is that of a deleted secret that can be recovered: it can be neither read
    /// nor written. Who may not see deleted secrets is told that it is not.
    pub async fn is_secret_deleted(&self, name: &Name) -> Result<bool, VaultError> {
        match self.0.secrets.get_deleted_secret(name.as_str(), None).await {
            Ok(_) => {
                warm(&self.0.secrets_warm);
                Ok(true)
            }
            Err(e) => match self.fail(&e, false, true).await {
                e if matches!(e.status, Some(403 | 404)) => Ok(false),
                e => Err(e),
            },
        }
    }

    /// Switches one version on or off. Never the newest: an unversioned read would then fail for
    /// everyone instead of falling back.
    pub async fn set_secret_enabled(
        &self,
        name: &Name,
        version: &str,
        enabled: bool,
        permit: &Permit,
    ) -> Result<SecretVersion, VaultError> {
        self.warm_secrets(name).await?;
        let options = SecretClientUpdateSecretPropertiesOptions {
            secret_version: Some(checked_version(version)?),
            ..Default::default()
        };
        let body = serde_json::json!({ "attributes": { "enabled": enabled } }).to_string();
        let call =
            self.0.secrets.update_secret_properties(name.as_str(), Bytes::from(body).into(), Some(options));
        match with_permit(permit, call).await {
            Ok(answer) => self.parts(answer.into(), true).map(|(_, version)| version),
            Err(e) => Err(self.fail(&e, true, false).await),
        }
    }

    /// Makes sure that the client's first call was a read.
    async fn warm_secrets(&self, name: &Name) -> Result<(), VaultError> {
        if !is_warm(&self.0.secrets_warm) {
            self.secret_versions(name).await?;
            // An answer that says "not found" has been through sign-in all the same.
            warm(&self.0.secrets_warm);
        }
        Ok(())
    }

    async fn list_versions(&self, name: &Name) -> azure_core::Result<Vec<SecretVersion>> {
        let mut pager = self.0.secrets.list_secret_properties_versions(name.as_str(), None)?.into_pages();
        let mut versions = Vec::new();
        while let Some(page) = pager.try_next().await? {
            #[derive(Deserialize)]
            struct Page {
                value: Vec<Bundle>,
            }
            let raw: RawResponse = page.into();
            let page: Page = serde_json::from_slice(raw.body())?;
            versions
                .extend(page.value.into_iter().filter_map(Bundle::into_parts).map(|(_, version)| version));
        }
        Ok(versions)
    }

    /// Reads one version and wipes the buffer it came in, if nobody else has it.
    fn parts(&self, raw: RawResponse, write: bool) -> Result<(Option<Secret>, SecretVersion), VaultError> {
        let bytes = Bytes::from(raw.into_body());
        let bundle = serde_json::from_slice::<Bundle>(&bytes);
        if let Ok(mut own) = bytes.try_into_mut() {
            own.as_mut().zeroize();
        }
        let parts = bundle.ok().and_then(Bundle::into_parts);
        parts.ok_or(ApiError::unexpected(Service::Vault, "unreadable_answer", write))
    }
}

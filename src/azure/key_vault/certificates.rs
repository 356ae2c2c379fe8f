//! Certificates of a vault: made in it, their keys never needed outside.
//!
//! Source: Microsoft Learn, "Create Certificate", "Certificate creation methods" (the `Self`
//! issuer signs at once, as a rule within seconds), "Import Certificate". That what is read from
//! one name can be imported under another is documented; the content was not tried against a real
//! vault (unconfirmed).

use super::{Attributes, Name, Vault, VaultError, checked_version, is_warm, version_of, warm};
use crate::azure::body;
use crate::azure::fault::{ApiError, Service, clean_code};
use crate::domain::id::{Digest, hex};
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::{Permit, with_permit};
use azure_core::http::RawResponse;
use azure_security_keyvault_certificates::models::CertificateClientGetCertificateOptions;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A certificate to be made: RSA, signed by itself, for client sign-in, never renewed by the vault.
/// Its secret holds it as PEM, key and certificate in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCertificate {
    pub common_name: Text<64>,
    pub validity_months: u32,
    /// 2048, 3072 or 4096.
    pub key_bits: u32,
    /// Whether consumers may read the key out of the vault, or only have it sign.
    pub exportable: bool,
    pub tags: BTreeMap<String, String>,
}

/// One version of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateVersion {
    pub version: Text<64>,
    pub enabled: bool,
    pub tags: BTreeMap<String, String>,
    pub created: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    /// SHA-1, 40 lower-case hexadecimal digits: what the directory shows.
    pub thumbprint: Option<Text<40>>,
}

/// One version with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    pub version: CertificateVersion,
    /// DER.
    pub der: Vec<u8>,
    /// SHA-256 of the DER.
    pub fingerprint: Digest,
    /// Version of the key in the vault; its name is the certificate's.
    pub key_version: Option<Text<64>>,
}

/// How far the making of a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Making {
    InProgress,
    Completed,
    Cancelled,
    /// With the vault's code.
    Failed(Text<64>),
}

/// What to make, as the service reads it.
fn create_body(new: &NewCertificate) -> serde_json::Value {
    // The subject is for people: signs that mean something in a distinguished name are dropped.
    let plain = |c: char| if ",+\"\\<>;=#/".contains(c) { '-' } else { c };
    let common_name: String = new.common_name.chars().map(plain).collect();
    serde_json::json!({
        "policy": {
            "issuer": { "name": "Self" },
            "key_props": { "exportable": new.exportable, "kty": "RSA", "key_size": new.key_bits, "reuse_key": false },
            "secret_props": { "contentType": "application/x-pem-file" },
            "x509_props": {
                "subject": format!("CN={}", common_name.trim()),
                "validity_months": new.validity_months,
                "key_usage": ["digitalSignature"],
                "ekus": ["1.3.6.1.5.5.7.3.2"],
            },
            // Stated, because a vault left to itself renews, and nobody would attach the result.
            "lifetime_actions": [{
                "trigger": { "lifetime_percentage": 80 },
                "action": { "action_type": "EmailContacts" },
            }],
        },
        "attributes": { "enabled": true },
        "tags": new.tags,
    })
}

#[derive(Serialize)]
struct ImportBody<'a> {
    value: &'a str,
    policy: serde_json::Value,
    tags: &'a BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Bundle {
    id: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    cer: Option<String>,
    #[serde(default)]
    x5t: Option<String>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

impl Bundle {
    fn version(&self) -> Option<CertificateVersion> {
        let x5t = self.x5t.as_deref().and_then(|t| URL_SAFE_NO_PAD.decode(t.trim_end_matches('=')).ok());
        Some(CertificateVersion {
            version: version_of(&self.id)?,
            enabled: self.attributes.is_enabled(),
            tags: self.tags.clone().unwrap_or_default(),
            created: self.attributes.created(),
            expires: self.attributes.expires(),
            thumbprint: x5t.filter(|t| t.len() == 20).map(|t| Text::lossy(&hex(&t))),
        })
    }
    fn stored(&self) -> Option<StoredCertificate> {
        let der = STANDARD.decode(self.cer.as_deref()?).ok()?;
        let key_version = self.kid.as_deref().and_then(version_of);
        Some(StoredCertificate { version: self.version()?, fingerprint: Digest::of(&der), der, key_version })
    }
}

#[derive(Deserialize)]
struct Operation {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error: Option<super::ErrorDetail>,
}

impl Operation {
    fn making(self) -> Making {
        match self.status.as_deref().unwrap_or("").to_ascii_lowercase().as_str() {
            "completed" => Making::Completed,
            "cancelled" | "canceled" => Making::Cancelled,
            "failed" => {
                let code = self.error.and_then(|e| e.code).unwrap_or_default();
                Making::Failed(clean_code(&code, 0))
            }
            _ => Making::InProgress,
        }
    }
}

impl Vault {
    /// Begins to make a certificate under `name`; [`Vault::making`] tells how it goes.
    pub async fn create_certificate(
        &self,
        name: &Name,
        new: &NewCertificate,
        permit: &Permit,
    ) -> Result<Making, VaultError> {
        self.warm_certificates(name).await?;
        let body = Bytes::from(create_body(new).to_string());
        let poller = self.0.certificates.begin_create_certificate(name.as_str(), body.into(), None);
        let first = async {
            // Only the first answer: how to wait is not the client's business.
            let mut poller = poller?;
            poller.next().await.transpose()
        };
        match with_permit(permit, first).await {
            Ok(Some(answer)) => {
                let raw: RawResponse = answer.into();
                self.read::<Operation>(&raw, true).map(Operation::making)
            }
            Ok(None) => Err(ApiError::unexpected(Service::Vault, "no_answer", true)),
            Err(e) => Err(self.fail(&e, true, false).await),
        }
    }

    /// How far the making is; `None` if nothing is being made under that name.
    pub async fn making(&self, name: &Name) -> Result<Option<Making>, VaultError> {
        match self.0.certificates.get_certificate_operation(name.as_str(), None).await {
            Ok(answer) => {
                warm(&self.0.certificates_warm);
                self.read::<Operation>(&answer.into(), false).map(|o| Some(o.making()))
            }
            Err(e) => none_if_missing(self.fail(&e, false, false).await),
        }
    }

    /// The newest version, or a named one; `None` if there is none.
    pub async fn certificate(
        &self,
        name: &Name,
        version: Option<&str>,
    ) -> Result<Option<StoredCertificate>, VaultError> {
        let certificate_version = version.map(checked_version).transpose()?;
        let options = CertificateClientGetCertificateOptions { certificate_version, ..Default::default() };
        match self.0.certificates.get_certificate(name.as_str(), Some(options)).await {
            Ok(answer) => {
                warm(&self.0.certificates_warm);
                let bundle: Bundle = self.read(&answer.into(), false)?;
                let stored = bundle.stored();
                stored.map(Some).ok_or(ApiError::unexpected(Service::Vault, "unreadable_answer", false))
            }
            Err(e) => none_if_missing(self.fail(&e, false, false).await),
        }
    }

    /// All versions, oldest first; empty if there is no such certificate.
    pub async fn certificate_versions(&self, name: &Name) -> Result<Vec<CertificateVersion>, VaultError> {
        match self.list_certificate_versions(name).await {
            Ok(mut versions) => {
                warm(&self.0.certificates_warm);
                versions.sort_by_key(|v| v.created);
                Ok(versions)
            }
            Err(e) => none_if_missing(self.fail(&e, false, false).await).map(Option::unwrap_or_default),
        }
    }

    /// Puts a certificate with its key under the name that consumers read. `value` is what the
    /// secret of an exportable certificate holds: PEM.
    pub async fn import_certificate(
        &self,
        name: &Name,
        value: &Secret,
        tags: &BTreeMap<String, String>,
        permit: &Permit,
    ) -> Result<StoredCertificate, VaultError> {
        self.warm_certificates(name).await?;
        let policy = serde_json::json!({
            "key_props": { "exportable": true },
            "secret_props": { "contentType": "application/x-pem-file" },
        });
        let body = ImportBody { value: value.expose(), policy, tags };
        let bytes = body::json(&body).ok_or(ApiError::refused(Service::Vault, "bad_request"))?;
        let call = self.0.certificates.import_certificate(name.as_str(), bytes.into(), None);
        match with_permit(permit, call).await {
            Ok(answer) => {
                let bundle: Bundle = self.read(&answer.into(), true)?;
                bundle.stored().ok_or(ApiError::unexpected(Service::Vault, "unreadable_answer", true))
            }
            Err(e) => Err(self.fail(&e, true, true).await),
        }
    }

    /// Deletes a certificate with its key, recoverably: the undo of making one under a run's own
    /// name. The name stays taken until it is purged.
    pub async fn delete_certificate(&self, name: &Name, permit: &Permit) -> Result<(), VaultError> {
        self.warm_certificates(name).await?;
        let call = self.0.certificates.delete_certificate(name.as_str(), None);
        match with_permit(permit, call).await {
            Ok(_) => Ok(()),
            Err(e) => Err(self.fail(&e, true, false).await),
        }
    }

    async fn warm_certificates(&self, name: &Name) -> Result<(), VaultError> {
        if !is_warm(&self.0.certificates_warm) {
            self.certificate_versions(name).await?;
            warm(&self.0.certificates_warm);
        }
        Ok(())
    }

    async fn list_certificate_versions(&self, name: &Name) -> azure_core::Result<Vec<CertificateVersion>> {
        #[derive(Deserialize)]
        struct Page {
            value: Vec<Bundle>,
        }
        let pager = self.0.certificates.list_certificate_properties_versions(name.as_str(), None)?;
        let mut pages = pager.into_pages();
        let mut versions = Vec::new();
        while let Some(page) = pages.try_next().await? {
            let raw: RawResponse = page.into();
            let page: Page = serde_json::from_slice(raw.body())?;
            versions.extend(page.value.iter().filter_map(Bundle::version));
        }
        Ok(versions)
    }
}

fn none_if_missing<T>(e: VaultError) -> Result<Option<T>, VaultError> {
    if e.is_not_found() { Ok(None) } else { Err(e) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vault_is_told_never_to_renew() {
        let body = create_body(&NewCertificate {
            common_name: Text::lossy("hr, portal"),
            validity_months: 3,
            key_bits: 3072,
            exportable: false,
            tags: BTreeMap::new(),
        });
        let policy = &body["policy"];
        assert_eq!(policy["lifetime_actions"][0]["action"]["action_type"], "EmailContacts");
        assert_eq!(policy["x509_props"]["subject"], "CN=hr- portal");
        assert_eq!(policy["key_props"]["exportable"], false);
    }
}

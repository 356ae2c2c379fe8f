//! What the vaults hold. Writes are seen at once by everyone; deleting, recovering and purging
//! take some seconds to settle. Times in attributes are Unix seconds.

use crate::domain::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Azure roles for data in a vault (Key Vault RBAC guide).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VaultRole {
    Administrator,
    SecretsOfficer,
    SecretsUser,
    CertificatesOfficer,
    CryptoOfficer,
    CryptoUser,
    Reader,
    PurgeOperator,
}

impl VaultRole {
    /// Whether the role allows an action, such as `secrets/getSecret/action`.
    pub(in crate::lab) fn allows(self, action: &str) -> bool {
        let metadata = action.ends_with("/readMetadata/action") || action.ends_with("/read");
        match self {
            Self::Administrator => true,
            Self::SecretsOfficer => action.starts_with("secrets/"),
            Self::SecretsUser => {
                action == "secrets/getSecret/action" || action == "secrets/readMetadata/action"
            }
            Self::CertificatesOfficer => action.starts_with("certificates/"),
            Self::CryptoOfficer => action.starts_with("keys/"),
            Self::CryptoUser => action.starts_with("keys/") && (metadata || action == "keys/sign/action"),
            Self::Reader => metadata,
            Self::PurgeOperator => metadata || action.ends_with("/purge/action"),
        }
    }
}

#[derive(Clone)]
pub(in crate::lab) struct Attributes {
    pub(in crate::lab) enabled: bool,
    pub(in crate::lab) not_before: Option<i64>,
    pub(in crate::lab) expires: Option<i64>,
    pub(in crate::lab) created: Timestamp,
    pub(in crate::lab) updated: Timestamp,
}

impl Attributes {
    pub(in crate::lab) fn new(now: Timestamp) -> Self {
        Self { enabled: true, not_before: None, expires: None, created: now, updated: now }
    }
    /// Takes what a request gives; unknown fields are ignored, as the service does.
    pub(in crate::lab) fn update(&mut self, given: Option<&Value>, now: Timestamp) {
        self.updated = now;
        let Some(given) = given.and_then(Value::as_object) else { return };
        if let Some(enabled) = given.get("enabled").and_then(Value::as_bool) {
            self.enabled = enabled;
        }
        if let Some(time) = given.get("nbf") {
            self.not_before = time.as_i64();
        }
        if let Some(time) = given.get("exp") {
            self.expires = time.as_i64();
        }
    }
    pub(in crate::lab) fn shown(&self) -> Value {
        let mut out = json!({
            "enabled": self.enabled,
            "created": self.created.unix_s(),
            "updated": self.updated.unix_s(),
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        });
        if let Some(time) = self.not_before {
            out["nbf"] = json!(time);
        }
        if let Some(time) = self.expires {
            out["exp"] = json!(time);
        }
        out
    }
}

#[derive(Clone)]
pub(in crate::lab) struct SecretVersion {
    pub(in crate::lab) id: String,
    pub(in crate::lab) value: Arc<str>,
    pub(in crate::lab) content_type: Option<String>,
    pub(in crate::lab) attributes: Attributes,
    pub(in crate::lab) tags: Map<String, Value>,
    /// It belongs to a certificate and changes only with it.
    pub(in crate::lab) managed: bool,
}

#[derive(Clone)]
pub(in crate::lab) struct CertificateVersion {
    pub(in crate::lab) id: String,
    pub(in crate::lab) der: Arc<[u8]>,
    pub(in crate::lab) key_pem: Arc<str>,
    pub(in crate::lab) attributes: Attributes,
    pub(in crate::lab) tags: Map<String, Value>,
}

/// A key that is no certificate's: EC P-256.
#[derive(Clone)]
pub(in crate::lab) struct KeyVersion {
    pub(in crate::lab) id: String,
    pub(in crate::lab) key: p256::ecdsa::SigningKey,
    pub(in crate::lab) attributes: Attributes,
}

/// A certificate that is being made.
#[derive(Clone)]
pub(in crate::lab) struct Pending {
    pub(in crate::lab) request_id: String,
    pub(in crate::lab) ready_at: Timestamp,
    pub(in crate::lab) cancelled: bool,
    pub(in crate::lab) done: bool,
    pub(in crate::lab) policy: Value,
    pub(in crate::lab) key_pem: Arc<str>,
    /// The signing request, DER.
    pub(in crate::lab) csr: Vec<u8>,
    pub(in crate::lab) attributes: Option<Value>,
    pub(in crate::lab) tags: Map<String, Value>,
}

/// Where a deleted or recovering object stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::lab) enum Bin {
    Deleted { at: Timestamp, settled: Timestamp },
    Recovering { settled: Timestamp },
}

#[derive(Clone)]
pub(in crate::lab) struct Named<V> {
    pub(in crate::lab) name: String,
    pub(in crate::lab) versions: Vec<V>,
    pub(in crate::lab) bin: Option<Bin>,
}

impl<V> Named<V> {
    pub(in crate::lab) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), versions: Vec::new(), bin: None }
    }
    /// Neither deleted nor still recovering.
    pub(in crate::lab) fn is_live(&self, now: Timestamp) -> bool {
        match self.bin {
            None => true,
            Some(Bin::Deleted { .. }) => false,
            Some(Bin::Recovering { settled }) => settled <= now,
        }
    }
}

#[derive(Clone)]
pub(in crate::lab) struct Vault {
    pub(in crate::lab) resource_id: String,
    pub(in crate::lab) secrets: BTreeMap<String, Named<SecretVersion>>,
    pub(in crate::lab) certificates: BTreeMap<String, Named<CertificateVersion>>,
    pub(in crate::lab) keys: BTreeMap<String, Named<KeyVersion>>,
    /// Policies by certificate name.
    pub(in crate::lab) policies: BTreeMap<String, Value>,
    pub(in crate::lab) pending: BTreeMap<String, Pending>,
    /// Principal to roles.
    pub(in crate::lab) roles: BTreeMap<String, BTreeSet<VaultRole>>,
}

pub(in crate::lab) type Vaults = BTreeMap<String, Vault>;

impl Vault {
    pub(in crate::lab) fn new(name: &str, subscription: &str) -> Self {
        let group = format!("/subscriptions/{subscription}/resourcegroups/lab");
        Self {
            resource_id: format!("{group}/providers/microsoft.keyvault/vaults/{name}"),
            secrets: BTreeMap::new(),
            certificates: BTreeMap::new(),
            keys: BTreeMap::new(),
            policies: BTreeMap::new(),
            pending: BTreeMap::new(),
            roles: BTreeMap::new(),
        }
    }
    /// One version of a secret that can be read now; no version means the newest.
    pub(in crate::lab) fn readable(
        &self,
        name: &str,
        version: Option<&str>,
        now: Timestamp,
    ) -> Option<&SecretVersion> {
        let secret = self.secrets.get(&name.to_ascii_lowercase()).filter(|s| s.is_live(now))?;
        let found = match version {
            None => secret.versions.last()?,
            Some(id) => secret.versions.iter().find(|v| v.id == id)?,
        };
        found.attributes.enabled.then_some(found)
    }
}

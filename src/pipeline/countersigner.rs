//! A key in a vault that countersigns checkpoints of the log: what knows both, the vault and the log.

use crate::azure::Azure;
use crate::azure::key_vault::{Name, Vault, VaultError};
use crate::domain::event::Fault;
use crate::trail::countersign::{CounterKey, Countersigner};
use async_trait::async_trait;

/// One version of one key: a newer version is another key.
pub struct VaultKey {
    vault: Vault,
    name: Name,
    version: String,
    key: CounterKey,
}

/// Why a key cannot countersign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultKeyError {
    #[error("the vault says {}", .0.code)]
    Fault(Fault),
    #[error("the vault has no such key, or no such version of it")]
    Missing,
    #[error("the key is not an elliptic curve key on P-256 that is enabled")]
    NotP256,
}

impl VaultKey {
    /// Reads the public half; without a version, of the newest.
    pub async fn find(
        azure: &Azure,
        host: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<Self, VaultKeyError> {
        let fault = |e: VaultError| VaultKeyError::Fault(Fault::from(e));
        let (vault, name) = (azure.vault(host).map_err(fault)?, Name::new(name).map_err(fault)?);
        let read = vault.key(&name, version).await.map_err(fault)?;
        let read = read.ok_or(VaultKeyError::Missing)?;
        let point = read.point.ok_or(VaultKeyError::NotP256)?;
        let full = format!("{host}/keys/{}/{}", name.as_str(), read.version);
        let key = CounterKey::new(&full, point).map_err(|_| VaultKeyError::NotP256)?;
        Ok(Self { vault, name, version: read.version.to_string(), key })
    }
}

#[async_trait]
impl Countersigner for VaultKey {
    fn key(&self) -> &CounterKey {
        &self.key
    }

    async fn sign(&self, digest: &[u8; 32]) -> Option<[u8; 64]> {
        self.vault.sign_es256(&self.name, &self.version, digest).await.ok()
    }
}

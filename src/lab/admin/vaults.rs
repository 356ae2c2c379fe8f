//! Scenes of vaults: the vault, who may do what in it, secrets that are already there.

use super::{Owner, impossible, owner_object};
use crate::domain::id::ClientId;
use crate::lab::Lab;
use crate::lab::people::vault_name;
use crate::lab::vault::ec;
use crate::lab::vault::model::{Attributes, Bin, Named, SecretVersion, Vault, VaultRole};
use serde_json::Map;

impl Lab {
    /// Makes a vault, named or given by its host.
    pub fn create_vault(&self, vault: &str) {
        self.with(|state| {
            let name = vault_name(vault).to_owned();
            let made = Vault::new(&name, &state.options.subscription);
            state.vaults.entry(name).or_insert(made);
        });
    }

    /// Gives an application's service principal a role on a vault.
    pub fn grant_vault_role(&self, client_id: &ClientId, vault: &str, role: VaultRole) {
        self.with(|state| {
            let principal = owner_object(state, client_id.as_str(), Owner::ServicePrincipal).id;
            let Some(found) = state.vaults.get_mut(vault_name(vault)) else {
                impossible(&format!("no vault {vault}"))
            };
            found.roles.entry(principal).or_default().insert(role);
        });
    }

    /// Makes a key in a vault, or a new version of it: EC on P-256.
    pub fn create_vault_key(&self, vault: &str, name: &str) {
        self.with(|state| {
            let made = ec::draw(state);
            let Some(found) = state.vaults.get_mut(vault_name(vault)) else {
                impossible(&format!("no vault {vault}"))
            };
            let key = found.keys.entry(name.to_ascii_lowercase()).or_insert_with(|| Named::new(name));
            key.versions.push(made);
        });
    }

    /// Takes a role away again.
    pub fn revoke_vault_role(&self, client_id: &ClientId, vault: &str, role: VaultRole) {
        self.with(|state| {
            let principal = owner_object(state, client_id.as_str(), Owner::ServicePrincipal).id;
            let Some(found) = state.vaults.get_mut(vault_name(vault)) else {
                impossible(&format!("no vault {vault}"))
            };
            found.roles.entry(principal).or_default().remove(&role);
        });
    }

    /// Puts a secret into a vault; the answer is its version.
    pub fn put_vault_secret(&self, vault: &str, name: &str, value: &str) -> String {
        let id = self.with(|state| state.new_version());
        self.put_vault_version(vault, name, value, &id);
        id
    }

    /// Puts a secret into a vault under a version id of the caller's choice.
    pub fn put_vault_version(&self, vault: &str, name: &str, value: &str, id: &str) {
        self.with(|state| {
            let now = state.now();
            let Some(found) = state.vaults.get_mut(vault_name(vault)) else {
                impossible(&format!("no vault {vault}"))
            };
            let version = SecretVersion {
                id: id.to_owned(),
                value: value.into(),
                content_type: None,
                attributes: Attributes::new(now),
                tags: Map::new(),
                managed: false,
            };
            let secrets = &mut found.secrets;
            secrets
                .entry(name.to_ascii_lowercase())
                .or_insert_with(|| Named::new(name))
                .versions
                .push(version);
        });
    }

    /// Deletes a secret, recoverably, or disables its newest version: scenes of a name that cannot
    /// be used.
    pub fn spoil_vault_secret(&self, vault: &str, name: &str, delete: bool) {
        self.with(|state| {
            let now = state.now();
            let secrets = state.vaults.get_mut(vault_name(vault)).map(|v| &mut v.secrets);
            let Some(secret) = secrets.and_then(|s| s.get_mut(&name.to_ascii_lowercase())) else {
                impossible(&format!("no secret {name} in {vault}"))
            };
            match delete {
                true => secret.bin = Some(Bin::Deleted { at: now, settled: now }),
                false => secret.versions.iter_mut().for_each(|v| v.attributes.enabled = false),
            }
        });
    }

    /// The names of a vault's secrets, deleted ones too.
    pub fn vault_secrets(&self, vault: &str) -> Vec<String> {
        self.with(|state| {
            let secrets = state.vaults.get(vault_name(vault)).map(|v| &v.secrets);
            secrets.into_iter().flatten().map(|(name, _)| name.clone()).collect()
        })
    }

    /// Recovers a secret and enables its versions, as its owner would.
    pub fn restore_vault_secret(&self, vault: &str, name: &str) {
        self.with(|state| {
            let secrets = state.vaults.get_mut(vault_name(vault)).map(|v| &mut v.secrets);
            if let Some(secret) = secrets.and_then(|s| s.get_mut(&name.to_ascii_lowercase())) {
                secret.bin = None;
                secret.versions.iter_mut().for_each(|v| v.attributes.enabled = true);
            }
        });
    }

    /// The names of a vault's live certificates.
    pub fn vault_certificates(&self, vault: &str) -> Vec<String> {
        self.with(|state| {
            let now = state.now();
            let certificates = state.vaults.get(vault_name(vault)).map(|v| &v.certificates);
            let live = certificates.into_iter().flatten().filter(|(_, c)| c.is_live(now));
            live.map(|(name, _)| name.clone()).collect()
        })
    }

    /// The newest value of a vault's secret, for judging; `None` if it cannot be read.
    pub fn vault_secret(&self, vault: &str, name: &str) -> Option<String> {
        self.with(|state| {
            let now = state.now();
            state.vaults.get(vault_name(vault))?.readable(name, None, now).map(|v| v.value.to_string())
        })
    }
}

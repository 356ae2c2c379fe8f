//! Where each of the four clouds is.
//!
//! Source: Microsoft Learn, "National cloud deployments" (Graph), "Microsoft Entra authentication
//! and national clouds", "Azure Key Vault: DNS suffixes". Tokens of one cloud mean nothing in
//! another.

use crate::domain::playbook::model::Cloud;

/// The hosts of one cloud. No scheme, no path: `https` is the only scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub login: &'static str,
    pub graph: &'static str,
    pub vault_suffix: &'static str,
    pub blob_suffix: &'static str,
    pub arm: &'static str,
}

impl Endpoints {
    pub const fn of(cloud: Cloud) -> Self {
        match cloud {
            Cloud::Public => Self {
                login: "login.microsoftonline.com",
                graph: "graph.microsoft.com",
                vault_suffix: "vault.azure.net",
                blob_suffix: "blob.core.windows.net",
                arm: "management.azure.com",
            },
            Cloud::UsGovHigh => Self {
                login: "login.microsoftonline.us",
                graph: "graph.microsoft.us",
                vault_suffix: "vault.usgovcloudapi.net",
                blob_suffix: "blob.core.usgovcloudapi.net",
                arm: "management.usgovcloudapi.net",
            },
            Cloud::UsGovDod => Self {
                login: "login.microsoftonline.us",
                graph: "dod-graph.microsoft.us",
                vault_suffix: "vault.usgovcloudapi.net",
                blob_suffix: "blob.core.usgovcloudapi.net",
                arm: "management.usgovcloudapi.net",
            },
            Cloud::China => Self {
                login: "login.partner.microsoftonline.cn",
                graph: "microsoftgraph.chinacloudapi.cn",
                vault_suffix: "vault.azure.cn",
                blob_suffix: "blob.core.chinacloudapi.cn",
                arm: "management.chinacloudapi.cn",
            },
        }
    }

    /// The scope of an app-only Graph token.
    pub fn graph_scope(&self) -> String {
        format!("https://{}/.default", self.graph)
    }

    /// Whether `host` is one vault of this cloud: a single label (3 to 24 letters, digits and
    /// inner hyphens; Microsoft Learn, "Resource name rules") under the suffix.
    pub fn is_vault(&self, host: &str) -> bool {
        let label = host.strip_suffix(self.vault_suffix).and_then(|rest| rest.strip_suffix('.'));
        label.is_some_and(|name| {
            (3..=24).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !name.starts_with('-')
                && !name.ends_with('-')
        })
    }

    /// Whether `host` is the blob endpoint of one storage account of this cloud: 3 to 24 lower-case letters
    /// and digits (Microsoft Learn, "Storage account overview").
    pub fn is_blob_account(&self, host: &str) -> bool {
        let account = host.strip_suffix(self.blob_suffix).and_then(|rest| rest.strip_suffix('.'));
        account.is_some_and(|name| {
            (3..=24).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
    }

    /// Reports, activity and sign-in details in the beta version exist in the global cloud only.
    pub fn has_reports(&self) -> bool {
        self.graph == Self::of(Cloud::Public).graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vaults_of_the_cloud_are_vaults() {
        let public = Endpoints::of(Cloud::Public);
        assert!(public.is_vault("kv-ir.vault.azure.net"));
        for bad in [
            "vault.azure.net",
            ".vault.azure.net",
            "evilvault.azure.net",
            "a.b.vault.azure.net",
            "kv-ir.vault.azure.net.evil.example",
            "kv-ir.vault.usgovcloudapi.net",
            "kv-ir.vault.azure.net:8443",
            "kv_ir.vault.azure.net",
            "-kv.vault.azure.net",
        ] {
            assert!(!public.is_vault(bad), "{bad}");
        }
    }
}

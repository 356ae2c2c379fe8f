//! Which service a host name belongs to. The names are those of Microsoft's four clouds
//! (Microsoft Learn: national clouds), and any lab domain that the options name.

/// One service of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Login,
    Graph,
    /// The vault's own name: the first label of its host.
    Vault(String),
    /// A storage account's blobs, by the account's name; without one, the resource of its tokens.
    Blob(String),
    Management,
    Nowhere,
}

/// One of Microsoft's clouds. GCC is in the public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabCloud {
    Public,
    UsGovHigh,
    UsGovDod,
    China,
}

impl LabCloud {
    /// Whether a real host name belongs to this cloud; other names belong to every cloud.
    pub(super) fn has(self, authority: &str) -> bool {
        let host = without_port(authority).to_ascii_lowercase();
        let one_of = |ends: &[&str]| ends.iter().any(|e| host.ends_with(e));
        let public =
            one_of(&[".microsoftonline.com", ".windows.net", ".microsoft.com", ".azure.com", ".azure.net"]);
        let us = one_of(&[".microsoftonline.us", ".microsoft.us", ".usgovcloudapi.net"]);
        let china = one_of(&[".cn"]);
        match self {
            Self::Public => !us && !china,
            Self::UsGovHigh => !public && !china && host != "dod-graph.microsoft.us",
            Self::UsGovDod => !public && !china && host != "graph.microsoft.us",
            Self::China => !public && !us,
        }
    }
}

const LOGIN: [&str; 6] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "login.windows.net",
    "login.microsoft.com",
];
const GRAPH: [&str; 4] = [
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
];
const MANAGEMENT: [&str; 3] =
    ["management.azure.com", "management.usgovcloudapi.net", "management.chinacloudapi.cn"];
const VAULT: [&str; 3] = ["vault.azure.net", "vault.usgovcloudapi.net", "vault.azure.cn"];

const BLOB: [&str; 3] =
    ["blob.core.windows.net", "blob.core.usgovcloudapi.net", "blob.core.chinacloudapi.cn"];
const STORAGE: &str = "storage.azure.com";

/// All real host names, for the certificate of the served lab. A wildcard stands for vaults.
pub(super) fn real_names() -> Vec<String> {
    let plain = LOGIN.iter().chain(&GRAPH).chain(&MANAGEMENT).map(|h| (*h).to_owned());
    plain.chain(VAULT.iter().chain(&BLOB).map(|h| format!("*.{h}"))).collect()
}

/// The host names of one lab domain.
pub(super) fn lab_names(domain: &str) -> Vec<String> {
    let domain = without_port(domain);
    ["login", "graph", "management", "*.vault"].iter().map(|s| format!("{s}.{domain}")).collect()
}

pub(super) fn without_port(authority: &str) -> &str {
    authority.split(':').next().unwrap_or(authority)
}

/// The service behind a host name, whatever its port.
pub(super) fn surface(authority: &str, extra: &[String]) -> Surface {
    let host = without_port(authority).to_ascii_lowercase();
    if LOGIN.contains(&host.as_str()) {
        return Surface::Login;
    }
    if GRAPH.contains(&host.as_str()) {
        return Surface::Graph;
    }
    if MANAGEMENT.contains(&host.as_str()) {
        return Surface::Management;
    }
    if host == STORAGE {
        return Surface::Blob(String::new());
    }
    let account = BLOB.iter().find_map(|suffix| host.strip_suffix(suffix)?.strip_suffix('.'));
    if let Some(account) = account.filter(|a| !a.is_empty() && !a.contains('.')) {
        return Surface::Blob(account.to_owned());
    }
    let vaults = VAULT.iter().map(|v| (*v).to_owned());
    let lab_vaults = extra.iter().map(|d| format!("vault.{}", without_port(d)));
    for suffix in vaults.chain(lab_vaults) {
        match host.strip_suffix(&suffix).and_then(|h| h.strip_suffix('.')) {
            Some(name) if !name.is_empty() && !name.contains('.') => return Surface::Vault(name.to_owned()),
            _ => {}
        }
    }
    for domain in extra {
        match host.strip_suffix(without_port(domain)) {
            Some("login.") => return Surface::Login,
            Some("graph.") => return Surface::Graph,
            Some("management.") => return Surface::Management,
            _ => {}
        }
    }
    Surface::Nowhere
}

/// The resource of a vault: its host without its own name (`kv1.vault.azure.net:8443` is under
/// `https://vault.azure.net:8443`).
pub(super) fn vault_resource(authority: &str) -> String {
    format!("https://{}", authority.split_once('.').map_or(authority, |(_, rest)| rest))
}

/// The login host of the cloud or lab domain that `authority` belongs to.
pub(super) fn login_host(authority: &str) -> String {
    let (host, port) =
        authority.split_once(':').map_or((authority, String::new()), |(h, p)| (h, format!(":{p}")));
    let cloud = [
        ("azure.net", LOGIN[0]),
        ("azure.com", LOGIN[0]),
        ("microsoft.com", LOGIN[0]),
        ("usgovcloudapi.net", LOGIN[1]),
        ("microsoft.us", LOGIN[1]),
        (".cn", LOGIN[2]),
    ];
    match cloud.iter().find(|(suffix, _)| host.ends_with(suffix)) {
        Some((_, login)) => format!("{login}{port}"),
        None => {
            let from = host
                .find("vault.")
                .map_or_else(|| host.find('.').map_or(0, |i| i + 1), |i| i + "vault.".len());
            format!("login.{}{port}", &host[from..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_its_service() {
        let extra = vec!["lab.test:8443".to_owned()];
        assert_eq!(surface("LOGIN.microsoftonline.us", &extra), Surface::Login);
        assert_eq!(surface("graph.lab.test:8443", &extra), Surface::Graph);
        assert_eq!(surface("kv1.vault.lab.test:8443", &extra), Surface::Vault("kv1".into()));
        assert_eq!(surface("kv-ir.vault.usgovcloudapi.net", &extra), Surface::Vault("kv-ir".into()));
        assert_eq!(surface("mirrors.blob.core.windows.net", &extra), Surface::Blob("mirrors".into()));
        assert_eq!(surface("management.lab.test", &extra), Surface::Management);
        assert_eq!(surface("example.com", &extra), Surface::Nowhere);
        assert_eq!(surface("a.b.vault.azure.net", &extra), Surface::Nowhere);
        assert!(
            LabCloud::UsGovHigh.has("login.microsoftonline.us") && LabCloud::China.has("login.lab.test:1")
        );
        assert!(
            !LabCloud::UsGovHigh.has("dod-graph.microsoft.us") && !LabCloud::Public.has("kv.vault.azure.cn")
        );
        assert!(LabCloud::Public.has("kv.vault.azure.net") && !LabCloud::China.has("graph.microsoft.com"));
        assert_eq!(vault_resource("kv1.vault.lab.test:8443"), "https://vault.lab.test:8443");
        assert_eq!(login_host("kv1.vault.lab.test:8443"), "login.lab.test:8443");
        assert_eq!(login_host("kv1.vault.azure.cn"), "login.partner.microsoftonline.cn");
    }
}

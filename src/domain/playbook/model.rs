//! A playbook that was read and found sound: what it says, in types.

use super::super::approval::Seats;
use super::super::id::{ClientId, Digest, ObjectId, TargetId, TenantId};
use super::super::text::Text;
use super::super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A checked playbook. Every name in it is safe to put into a URL or on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidPlaybook {
    /// SHA-256 of the file's exact bytes.
    pub digest: Digest,
    pub incident: Incident,
    pub tenant: Tenant,
    pub stores: BTreeMap<Text<64>, Store>,
    pub approval: ApprovalPolicy,
    pub guardrails: Guardrails,
    pub targets: Vec<Target>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: Text<64>,
    pub title: Text<200>,
    pub exposed_since: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    pub cloud: Cloud,
}

/// The four clouds that Entra runs in; each has its own sign-in, Graph, vault and ARM hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    Public,
    UsGovHigh,
    UsGovDod,
    China,
}

impl Cloud {
    pub const ALL: [(Cloud, &'static str); 4] = [
        (Cloud::Public, "public"),
        (Cloud::UsGovHigh, "us_gov_high"),
        (Cloud::UsGovDod, "us_gov_dod"),
        (Cloud::China, "china"),
    ];

    /// The domain directly under which this cloud's key vaults are (Microsoft Learn, "Azure Key
    /// Vault security", sovereign clouds; both clouds for the US government share one).
    pub fn vault_suffix(self) -> &'static str {
        match self {
            Cloud::Public => "vault.azure.net",
            Cloud::UsGovHigh | Cloud::UsGovDod => "vault.usgovcloudapi.net",
            Cloud::China => "vault.azure.cn",
        }
    }
}

/// A Key Vault, by its host name, which is known to lie under its cloud's vault suffix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    pub key_vault: Text<128>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalPolicy {
    /// People, not keys; the plan's author is not one of them.
    pub quorum: u8,
    /// Of these, so many of each role.
    #[serde(default, skip_serializing_if = "Seats::is_empty")]
    pub roles: Seats,
    pub valid_for: Duration,
    /// Whether retiring needs an approval of its own, given when the hold's evidence is there.
    pub retire_separately: bool,
}

/// Limits that a plan must keep, and what must never be touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrails {
    pub disable_at_most: Option<Limit>,
    pub reset_at_most: Option<Limit>,
    pub rotate_at_most: Option<Limit>,
    /// Stuck targets at which the run pauses by itself.
    pub pause_when_stuck: Option<u32>,
    pub protect: Vec<Protected>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    Count(u32),
    /// Of all objects of that kind in the tenant.
    Percent(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protected {
    App(ClientId),
    Object(ObjectId),
    /// By user principal name.
    User(Text<128>),
}

/// One target: what leaked and what shall be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub id: TargetId,
    /// Line and column of the target in the file, both counted from 1.
    pub at: (u32, u32),
    /// The target kind that recognised it, by name: `app-secret`, …
    pub kind: &'static str,
    pub subject: Subject,
    /// Which credentials of the subject leaked.
    pub selector: Selector,
    pub evidence: Vec<Evidence>,
    /// Retire and block first: a declared outage.
    pub contain: bool,
    /// It is the identity that acts: done when everything else is over.
    pub last: bool,
    pub publish: Option<Publication>,
    pub hold: Hold,
    /// How long the new credential shall live.
    pub lifetime: Duration,
    pub consumers: Vec<Consumer>,
    /// What the kind alone knows, already checked by it.
    pub settings: BTreeMap<&'static str, Setting>,
}

/// The object that the target is about, as the playbook names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    App { client_id: ClientId, name: Text<120> },
    User { upn: Text<128> },
}

impl Subject {
    pub fn name(&self) -> &str {
        match self {
            Subject::App { name, .. } => name,
            Subject::User { upn } => upn,
        }
    }
}

/// Which of the subject's credentials are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Every credential of the kind, on both objects.
    All,
    /// The one whose published hint is this, case-sensitively.
    Hint(Text<3>),
    KeyId(super::super::id::KeyId),
    /// SHA-1 of the certificate, 40 lower-case hexadecimal digits.
    Thumbprint(Text<40>),
    /// The subject itself (a user's password, an application's switch).
    Itself,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub finding: Option<Text<64>>,
    pub note: Option<Text<300>>,
}

/// The name in a store under which consumers read the new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    pub store: Text<64>,
    pub name: Text<127>,
    /// Whom a delivered password is for.
    pub to: Option<Text<64>>,
}

/// When consumers count as moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// At least this long; the default is 26 h, because App Service refetches a vault reference
    /// every 24 h (Microsoft Learn, "Use Key Vault references for App Service").
    pub time: Option<Duration>,
    /// These consumers must say so.
    pub confirmed_by: Vec<Text<64>>,
}

/// Somebody or something that uses the credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    pub name: Text<64>,
    pub refresh: Refresh,
}

/// How a consumer comes to read a newly published value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// Reads its store again this often.
    Every(Duration),
    /// Reads its store only when it starts.
    OnRestart,
    /// Names one version and never follows by itself.
    Pinned,
}

/// A kind's own setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    Flag(bool),
    Text(Text<300>),
    Number(u64),
}

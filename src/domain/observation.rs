//! What was seen of a target: its objects, every credential on them, and every other way in.
//!
//! One shape for all kinds. `plan` writes it into the plan; the drift check compares it, together
//! with the effects logged since, with what is there just before each write.

use super::credential::CredentialRef;
use super::text::Text;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What every run's mark begins with ([`RunId::mark`](super::id::RunId::mark)).
pub const MARK: &str = "reissue-";

/// In place of permissions that the acting identity may not read.
pub const UNREAD: &str = "not permitted to read";

/// Everything read about one target, from agreeing reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Every credential on every object, whoever made it.
    pub credentials: Vec<CredentialSeen>,
    /// Properties on which the plan relies: a change of one is drift.
    pub facts: BTreeMap<Fact, Text<128>>,
    pub objects: Vec<ObjectSeen>,
    /// What the store holds under the planned name; none if nothing is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreSeen>,
    pub ways_in: Vec<WayIn>,
    /// Certificates were not read, so that none here says nothing.
    #[serde(skip)]
    pub without_certificates: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSeen {
    /// Whether sign-in through this object is possible, as far as its own switch says.
    pub enabled: bool,
    pub id: Text<128>,
    pub name: Text<120>,
    pub role: ObjectRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectRole {
    Application,
    ServicePrincipal,
    User,
}

impl std::fmt::Display for ObjectRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            ObjectRole::Application => "application",
            ObjectRole::ServicePrincipal => "service principal",
            ObjectRole::User => "user",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialSeen {
    pub credential: CredentialRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// Entra's published hint: the first three characters of a secret. Null for old ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Text<3>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<120>>,
    /// The certificate (DER, base64), where its list is replaced as a whole: with it a person can
    /// put back an entry that another writer's replacement took away. It is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<Text<8000>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<Timestamp>,
    /// SHA-1 of a certificate, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<Text<40>>,
}

/// What the newest version under the publish name is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSeen {
    /// The name belongs to a certificate of the vault: nothing else can be written there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed: bool,
    /// None: the name is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Text<64>>,
    pub newest_enabled: bool,
    /// The name belongs to a deleted secret that can be recovered: it cannot be written.
    pub soft_deleted: bool,
}

/// A property on which a plan relies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// `signInAudience`.
    Audience,
    /// The restrictions of the app management policy that applies, as `type=value` words.
    Policy,
    /// `servicePrincipalType`.
    PrincipalType,
    /// `servicePrincipalLockConfiguration`: the service principal refuses new credentials.
    Locked,
    /// The tenant that owns the application.
    OwnerTenant,
    /// `onPremisesSyncEnabled`.
    Synced,
    /// The account in the directory that masters it: `DOMAIN\name`.
    OnPremisesAccount,
    /// Application permissions of Microsoft Graph, the most dangerous first, comma separated.
    Permissions,
    /// Directory roles, comma separated.
    Roles,
    /// `lastPasswordChangeDateTime`.
    PasswordChanged,
    /// `signInSessionsValidFromDateTime`.
    SessionsValidFrom,
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Fact::Audience => "audience",
            Fact::Locked => "credentials locked",
            Fact::OnPremisesAccount => "on-premises account",
            Fact::OwnerTenant => "owned by tenant",
            Fact::PasswordChanged => "password changed",
            Fact::Permissions => "application permissions",
            Fact::Policy => "app management policy",
            Fact::PrincipalType => "service principal type",
            Fact::Roles => "directory roles",
            Fact::SessionsValidFrom => "sessions valid from",
            Fact::Synced => "mastered on premises",
        })
    }
}

/// Another way to act as the target, which replacing one credential does not close.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WayIn {
    pub id: Text<128>,
    pub name: Text<120>,
    pub object: Text<128>,
    pub what: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Certificate,
    FederatedCredential,
    /// Owners can add credentials and switch a disabled application back on.
    Owner,
    Secret,
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Way::Certificate => "certificate",
            Way::FederatedCredential => "federated credential",
            Way::Owner => "owner",
            Way::Secret => "secret",
        })
    }
}

impl CredentialSeen {
    /// The mark of the run that made it, if one of ours did.
    pub fn mark(&self) -> Option<&str> {
        self.name.as_deref()?.split_whitespace().find(|w| w.starts_with(MARK))
    }
}

impl Observation {
    pub fn object(&self, role: ObjectRole) -> Option<&ObjectSeen> {
        self.objects.iter().find(|o| o.role == role)
    }
    pub fn has(&self, credential: &CredentialRef) -> bool {
        self.credentials.iter().any(|c| c.credential == *credential)
    }
    pub fn fact(&self, fact: Fact) -> Option<&str> {
        self.facts.get(&fact).map(Text::as_str)
    }
}

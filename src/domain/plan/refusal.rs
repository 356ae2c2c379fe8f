//! Why a target cannot be planned. Each is found by reading, before anything is written, because
//! it would otherwise be found at 3 a.m. with half of the work done.

use crate::domain::text::Text;
use serde::{Deserialize, Serialize};

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident $code:literal $what:literal $next:literal)*) => {
        /// The reason that approvers see.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason { $($(#[$doc])* #[serde(rename = $code)] $variant,)* }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),*];
            /// The name in plans and in `reissue explain`.
            pub fn code(self) -> &'static str { match self { $(Reason::$variant => $code,)* } }
            pub fn what(self) -> &'static str { match self { $(Reason::$variant => $what,)* } }
            pub fn next(self) -> &'static str { match self { $(Reason::$variant => $next,)* } }
        }
    };
}

refusals! {
    NotFound "not-found" "the directory has no such object"
        "Check the id in the playbook: an application is named by its client id, not its object id."
    NameMismatch "name-mismatch" "the directory knows this object under another name"
        "Check whether id and name mean the same application, then correct the one that is wrong."
    NoSuchCredential "no-such-credential" "no credential there matches"
        "It may be gone already, or be on another application. `reissue plan` lists what is there."
    AmbiguousHint "ambiguous-hint" "more than one credential, or one without a hint, could be meant"
        "Name it by `key_id` instead, or say `secret: all`."
    AmbiguousThumbprint "ambiguous-thumbprint" "more than one certificate has this thumbprint"
        "Name it by `key_id` instead."
    PolicyForbids "policy-forbids" "an app management policy forbids new credentials of this kind"
        "Use a certificate or a federated credential, or have the policy except this application."
    PolicyLifetime "policy-lifetime" "an app management policy allows only a shorter lifetime"
        "Set `lifetime` to at most what the policy allows."
    SecretLimit "secret-limit" "an application open to personal accounts already holds its two secrets"
        "Remove the unused one first, or say `contain: true`: the old one is then retired before the new one is made."
    SyncedUser "synced-user" "the user is mastered in the on-premises directory"
        "Say who resets it there, `on_premises: TEAM`: the run then waits for two resets by hand, and ends the sessions here."
    NothingDelivered "nothing-delivered" "the user is mastered in the cloud, and the target says no store to deliver the password to"
        "Add `deliver: { store: ..., name: ..., to: ... }`."
    PrivilegedUser "privileged-user" "the user holds a role that this identity may not reset"
        "A Privileged Authentication Administrator has to reset this user."
    ManagedIdentity "managed-identity" "it is a managed identity: Microsoft rotates its certificate"
        "Remove the role assignments of the resource instead."
    ForeignApp "foreign-app" "the application belongs to another tenant"
        "Its owner has to replace its credentials. You can still `disable` its service principal here."
    NoServicePrincipal "no-service-principal" "the application has no service principal in this tenant"
        "Nothing can sign in with it here. Check the tenant, or disable the application instead."
    Protected "protected" "the playbook protects this object"
        "Take it off `guardrails.protect` if that is meant."
    OwnIdentity "own-identity" "it is the identity that would do the work"
        "Say `self: last` if it is a secret: it is then replaced when everything else is over. Otherwise use another identity."
    NotOwnIdentity "not-own-identity" "the target says `self: last`, and it is not the identity that would do the work"
        "Remove `self: last`, or plan with that identity."
    Approver "approver" "it is the account of somebody who may approve this plan"
        "Nobody decides on a plan about themselves: take the person off the roster, or replace the credential by hand."
    MissingPermission "missing-permission" "the identity lacks a permission that a step needs"
        "`reissue doctor` says which, for each action."
    AnotherRun "another-run" "a credential there bears the mark of another run"
        "Finish or abort that run first: two runs on one object lose credentials."
    StoreNameDeleted "store-name-deleted" "the name in the store is that of a deleted secret"
        "Recover or purge it, or publish under another name."
    StoreNameManaged "store-name-managed" "the name in the store is that of a certificate: its secret is written by the vault alone"
        "Publish under another name."
    StoreUnreachable "store-unreachable" "the store does not answer to this identity"
        "`reissue doctor` says which vaults it reaches, and with which rights."
    StoreNewestDisabled "store-newest-disabled" "the newest version in the store is disabled"
        "Its readers fail already. Enable it, or publish under another name."
    MultiTenant "multi-tenant" "the application serves other tenants too: disabling it stops them all"
        "Say `multi_tenant: true` in the target if that is meant."
    AlreadyOff "already-off" "it is switched off already"
        "Nothing has to be done. Owners who can switch it on again are shown by `reissue plan`."
    AlreadyOn "already-on" "it is switched on already"
        "Nothing has to be done."
    NotOurs "not-ours" "it is switched off, and the log of this installation does not say that it did that"
        "Somebody else switched it off: ask them. It can be switched on in the admin center."
    SwitchedElsewhere "switched-elsewhere" "the user is mastered in the on-premises directory, and so is the block"
        "Enable the account there; the next synchronisation brings it here."
    CredentialLocked "credential-locked" "the application locks credentials of its service principal"
        "Rotate the credential on the application instead."
    SwitchedOff "switched-off" "it is switched off: a new credential could not be seen to work"
        "Switch it on, or `disable` it in the playbook if nobody needs it."
    PrincipalCertificate "principal-certificate" "the certificate is on the service principal: others trust it for signing"
        "Exchange it with each relying party first; this is a manual task."
    Unreadable "unreadable" "it could not be read well enough to plan"
        "Run `reissue doctor`, then plan again."
}

/// A refused target: the reason and what it was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// What was found, in the terms of the reason: a name, a number, a list of ids.
    pub detail: Text<300>,
    pub reason: Reason,
}

impl Refusal {
    pub fn new(reason: Reason, detail: impl AsRef<str>) -> Self {
        Self { detail: Text::lossy(detail.as_ref()), reason }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { detail, reason } = self;
        write!(f, "{}: {}", reason.what(), detail)
    }
}

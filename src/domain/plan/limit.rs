//! The quotas that can hold a run back, as documented.
//!
//! Sources: Microsoft Learn, "Microsoft Graph service-specific throttling limits" and "Azure Key Vault
//! service limits". `tests/plans/estimate.rs` holds them against the clients' own table.

use super::estimate::PILOTS;
use crate::domain::quotas::Allowance;
use crate::domain::share::Share;
use std::fmt;
use std::time::Duration;

/// A quota that can hold a run back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    DirectoryUnits,
    DirectoryWrites,
    TenantWrites,
    PersonalAppWrites,
    CertificateReads,
    VaultWrites,
    VaultKeys,
    VaultReads,
}

impl Quota {
    pub const ALL: [Quota; 8] = [
        Quota::DirectoryUnits,
        Quota::DirectoryWrites,
        Quota::TenantWrites,
        Quota::PersonalAppWrites,
        Quota::CertificateReads,
        Quota::VaultWrites,
        Quota::VaultKeys,
        Quota::VaultReads,
    ];

    /// As documented: of a calling application, of a tenant (all writes, certificates, personal accounts), of a
    /// vault.
    pub fn documented(self) -> Allowance {
        let (amount, seconds) = match self {
            Quota::DirectoryUnits => (8_000, 10),
            Quota::DirectoryWrites => (3_000, 150),
            Quota::TenantWrites => (18_000, 300),
            Quota::PersonalAppWrites => (60, 60),
            Quota::CertificateReads => (150, 60),
            Quota::VaultWrites => (300, 10),
            Quota::VaultKeys => (20, 10),
            Quota::VaultReads => (4_000, 10),
        };
        Allowance { amount, per: Duration::from_secs(seconds) }
    }

    /// Counted for each vault by itself.
    pub fn is_of_a_vault(self) -> bool {
        matches!(self, Quota::VaultWrites | Quota::VaultKeys | Quota::VaultReads)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Quota::DirectoryUnits => "directory reads",
            Quota::DirectoryWrites => "directory writes",
            Quota::TenantWrites => "directory writes of the whole tenant",
            Quota::PersonalAppWrites => "writes to apps open to personal accounts",
            Quota::CertificateReads => "reads of certificates",
            Quota::VaultWrites => "vault writes",
            Quota::VaultKeys => "keys made in a vault",
            Quota::VaultReads => "vault reads",
        })
    }
}

/// What holds a run back most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// A quota, and what is used of it.
    Quota { quota: Quota, share: Share },
    /// No quota: what has to be waited for with a single target.
    Waiting,
    /// A hold that is open, or will be.
    Hold,
    /// The first few go alone.
    Pilots,
    /// Whatever is left waits for people.
    People,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Quota { quota, share } => write!(f, "{quota}, {share}"),
            Limit::Waiting => f.write_str("no quota, changes have to spread"),
            Limit::Hold => f.write_str("no quota, a hold"),
            Limit::Pilots => write!(f, "no quota, the first {PILOTS} go alone"),
            Limit::People => f.write_str("no quota, people have to act"),
        }
    }
}

//! The quotas that can hold a run back, as documented.
//!
//! Sources: Microsoft Learn, "Microsoft Graph service-specific throttling limits" and "Azure Key Vault
//! service limits". `tests/plans/estimate.rs` holds them against the clients' own table.

use std::fmt;

/// A quota that can hold a run back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    DirectoryWrites,
    PersonalAppWrites,
    CertificateReads,
    VaultWrites,
    VaultKeys,
}

impl Quota {
    pub const ALL: [Quota; 5] = [
        Quota::DirectoryWrites,
        Quota::PersonalAppWrites,
        Quota::CertificateReads,
        Quota::VaultWrites,
        Quota::VaultKeys,
    ];

    /// So many in so many seconds, as documented: of a calling application, of a tenant (certificates,
    /// personal accounts), of a vault.
    pub fn documented(self) -> (u32, u32) {
        match self {
            Quota::DirectoryWrites => (3_000, 150),
            Quota::PersonalAppWrites => (60, 60),
            Quota::CertificateReads => (150, 60),
            Quota::VaultWrites => (300, 10),
            Quota::VaultKeys => (20, 10),
        }
    }

    pub fn per_second(self) -> f64 {
        let (amount, seconds) = self.documented();
        f64::from(amount) / f64::from(seconds)
    }

    /// Seconds for an amount at a pace: a full bucket holds what the pace leaves over, so that burst and
    /// rate together stay within the quota of any window.
    pub(super) fn seconds(self, amount: u32, pace: u8) -> f64 {
        let (rate, burst) = self.rate_and_burst(pace);
        (f64::from(amount) - burst).max(0.0) / rate
    }

    fn rate_and_burst(self, pace: u8) -> (f64, f64) {
        let (most, window) = self.documented();
        let (most, window) = (f64::from(most), f64::from(window));
        let share = most * f64::from(pace.clamp(1, 100)) / 100.0;
        let burst = (most - share).min(share).max(share / window).max(1.0);
        (share.min(most - burst).max(1.0) / window, burst)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Quota::DirectoryWrites => "directory writes",
            Quota::PersonalAppWrites => "writes to apps open to personal accounts",
            Quota::CertificateReads => "reads of certificates",
            Quota::VaultWrites => "vault writes",
            Quota::VaultKeys => "keys made in a vault",
        })
    }
}

/// What holds a run back most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// A quota, and the rate per second that is used of it.
    Quota { quota: Quota, per_second: f64 },
    /// No quota: what has to be waited for with a single target.
    Waiting,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Quota { quota, per_second } => {
                write!(f, "{quota}, {per_second:.1}/s of {:.1}/s", quota.per_second())
            }
            Limit::Waiting => f.write_str("no quota, changes have to spread"),
        }
    }
}

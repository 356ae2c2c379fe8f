//! What a lab is like: its tenant, its hosts, its lags (seconds of virtual time) and its faults.

use super::fault::Faults;
use super::hosts::LabCloud;
use crate::domain::id::TenantId;
use crate::env::random::Stream;
use std::time::Duration;

/// A span of time from which a delay is drawn, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    pub least: Duration,
    pub most: Duration,
}

impl Between {
    pub const fn seconds(least: u64, most: u64) -> Self {
        Self { least: Duration::from_secs(least), most: Duration::from_secs(most) }
    }
    pub const fn millis(least: u64, most: u64) -> Self {
        Self { least: Duration::from_millis(least), most: Duration::from_millis(most) }
    }
    pub const NONE: Self = Self { least: Duration::ZERO, most: Duration::ZERO };

    /// So many times shorter.
    pub(super) fn shorter(self, haste: u32) -> Self {
        Self { least: self.least / haste, most: self.most / haste }
    }
    pub(super) fn draw(self, stream: &Stream) -> Duration {
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(stream.between(ms(self.least), ms(self.most)))
    }
}

/// How late each part of the cloud learns of a write.
#[derive(Clone, Debug)]
pub struct Lags {
    /// Directory replicas. Reported: reads lag writes by 10 to 15 s; 4 to 18 s to a working secret.
    pub replica: Between,
    /// Login nodes: a new credential.
    pub login_new: Between,
    /// Login nodes: a removed credential. Microsoft publishes no figure; minutes are assumed.
    pub login_removed: Between,
    /// Login nodes: anything else (disabled, deleted, created).
    pub login_other: Between,
    /// Continuous access evaluation: a disabled service principal is refused by Graph.
    pub access_evaluation: Between,
    /// Sign-in and audit logs: minutes late.
    pub audit: Between,
    /// The time one request takes, half before it commits and half after.
    pub request: Between,
    /// Vault: deleting, recovering and purging settle.
    pub vault_settle: Between,
    /// Vault: a certificate is issued.
    pub certificate: Between,
    /// Two writes on one object closer than this collide (409 `Directory_ConcurrencyViolation`).
    pub settle_gap: Duration,
}

impl Default for Lags {
    fn default() -> Self {
        Self {
            replica: Between::seconds(4, 18),
            login_new: Between::seconds(4, 18),
            login_removed: Between::seconds(5, 120),
            login_other: Between::seconds(4, 60),
            access_evaluation: Between::seconds(30, 300),
            audit: Between::seconds(120, 300),
            request: Between::millis(20, 80),
            vault_settle: Between::seconds(5, 15),
            certificate: Between::seconds(2, 6),
            settle_gap: Duration::from_millis(200),
        }
    }
}

impl Lags {
    /// The usual lags, so many times shorter; a request takes its time.
    pub fn shorter(haste: u32) -> Self {
        let usual = Self::default();
        Self {
            replica: usual.replica.shorter(haste),
            login_new: usual.login_new.shorter(haste),
            login_removed: usual.login_removed.shorter(haste),
            login_other: usual.login_other.shorter(haste),
            access_evaluation: usual.access_evaluation.shorter(haste),
            audit: usual.audit.shorter(haste),
            request: usual.request,
            vault_settle: usual.vault_settle.shorter(haste),
            certificate: usual.certificate.shorter(haste),
            settle_gap: usual.settle_gap / haste,
        }
    }
    /// A cloud without delays, for tests of shapes and for measuring clients.
    pub fn none() -> Self {
        Self {
            replica: Between::NONE,
            login_new: Between::NONE,
            login_removed: Between::NONE,
            login_other: Between::NONE,
            access_evaluation: Between::NONE,
            audit: Between::NONE,
            request: Between::NONE,
            vault_settle: Between::NONE,
            certificate: Between::NONE,
            settle_gap: Duration::ZERO,
        }
    }
}

/// How large the tenant counts for the directory's quotas (Microsoft Graph throttling limits,
/// identity and access: S below 50 users, M to 500, L above).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantSize {
    Small,
    Medium,
    Large,
}

#[derive(Clone, Debug)]
pub struct LabOptions {
    pub tenant: TenantId,
    pub tenant_name: String,
    /// Domain names that stand for the tenant in URLs and in user names.
    pub domains: Vec<String>,
    /// The cloud that the tenant is in: other clouds' real hosts do not know it. `None` is in all.
    pub cloud: Option<LabCloud>,
    /// Further host domains: `lab.test` serves login.lab.test, graph.lab.test,
    /// management.lab.test and *.vault.lab.test, whatever the port.
    pub extra_hosts: Vec<String>,
    pub lags: Lags,
    pub faults: Faults,
    /// How many times shorter the faults' delays and the quotas' windows are than reported, and how
    /// many times more often its people act: for a lab in real time.
    pub haste: u32,
    pub size: TenantSize,
    /// False answers everything, however fast it is asked.
    pub quotas: bool,
    /// Life of an access token, in seconds.
    pub token_seconds: u64,
    /// The Azure subscription that the management routes show.
    pub subscription: String,
    /// Stands in every value and every token that the lab makes, so that a test finds them
    /// wherever they go.
    pub mark: String,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self {
            tenant: TenantId::from_random(*b"reissue lab tena"),
            tenant_name: "Lab".into(),
            domains: vec!["lab.test".into()],
            cloud: None,
            extra_hosts: vec!["lab.test".into()],
            lags: Lags::default(),
            faults: Faults::default(),
            haste: 1,
            size: TenantSize::Large,
            quotas: true,
            token_seconds: 3599,
            subscription: "22222222-2222-4222-8222-222222222222".into(),
            mark: String::new(),
        }
    }
}

//! What each operation costs, in one table.
//!
//! Source: Microsoft Learn, "Microsoft Graph service-specific throttling limits" (identity and
//! access; identity and access reports; identity protection), "Azure Key Vault service limits" and "How Azure Resource
//! Manager throttles requests" (of a subscription and principal: a bucket of 250 reads that gains 25 a second, one of 200
//! writes that gains 10).
//! Two limits are kept elsewhere: one writer for each directory object with a pause between two writes
//! (`engine/lanes.rs`: no figure is published), and sign-ins, whose limits are not published either.
//! Figures are per calling application and tenant unless said otherwise; resource units (RU) are
//! Graph's own weights. The tenant's size class is taken as large (more than 500 users): units
//! never bind before writes do. Where it is known to be otherwise, a quota file says so (`domain/quotas.rs`).

use crate::domain::quotas::Named;
use crate::wire::budget::{Bucket, Budget, Draw, Draws, Quota};

/// Resource units of the identity and access service.
pub const GRAPH_UNITS: &str = "graph-units";
/// Writes to the identity and access service.
pub const GRAPH_WRITES: &str = "graph-writes";
/// Writes to the same, by all applications in the tenant together: three like us fill it.
pub const TENANT_WRITES: &str = "tenant-writes";
/// Writes to applications that are open to personal accounts.
pub const PERSONAL_APP_WRITES: &str = "personal-app-writes";
/// Requests that select `keyCredentials`; per tenant.
pub const KEY_READS: &str = "graph-key-reads";
/// Sign-in and audit logs, usage reports.
pub const LOG_READS: &str = "graph-log-reads";
/// Identity protection; per tenant, over all applications, and 429 comes without `Retry-After`.
pub const RISK: &str = "graph-risk";
/// One vault: creating secrets, importing certificates and keys, together.
pub const VAULT_CREATES: &str = "vault-creates";
/// One vault: making RSA 2048 software keys (certificates among them).
pub const VAULT_KEYS: &str = "vault-keys";
/// One vault: everything else.
pub const VAULT_CALLS: &str = "vault-calls";
/// Azure Resource Manager, one subscription: reads.
pub const ARM_READS: &str = "arm-reads";
/// The same: writes, among them making a key anew.
pub const ARM_WRITES: &str = "arm-writes";

/// The documented quotas.
pub const QUOTAS: &[(&str, Quota)] = &[
    (GRAPH_UNITS, Quota::per_seconds(8_000, 10).scope("Tenant_Application/ReadWrite")),
    (GRAPH_WRITES, Quota::per_seconds(3_000, 150).scope("Tenant_Application/Write")),
    (TENANT_WRITES, Quota::per_seconds(18_000, 300).scope("Tenant/Write")),
    (PERSONAL_APP_WRITES, Quota::per_seconds(60, 60).scope("Application/Write")),
    (KEY_READS, Quota::per_seconds(150, 60).scope("Tenant/Read")),
    (LOG_READS, Quota::per_seconds(5, 10)),
    (RISK, Quota::per_seconds(1, 1)),
    (VAULT_CREATES, Quota::per_seconds(300, 10)),
    (VAULT_KEYS, Quota::per_seconds(20, 10)),
    (VAULT_CALLS, Quota::per_seconds(4_000, 10)),
    (ARM_READS, Quota::per_seconds(250, 10)),
    (ARM_WRITES, Quota::per_seconds(200, 20)),
];

/// The same, as a quota file names them.
pub fn documented() -> Vec<Named> {
    QUOTAS.iter().map(|(name, quota)| (*name, quota.allowance())).collect()
}

/// What a budget holds for others than the documented ones: what a quota file said.
pub fn said(budget: &Budget) -> Vec<Named> {
    let differs = |(name, documented): Named| {
        let here = budget.quota(name).allowance();
        (here != documented).then_some((name, here))
    };
    documented().into_iter().filter_map(differs).collect()
}

/// What a quota counts, in words.
pub fn counts(name: &str) -> &'static str {
    match name {
        GRAPH_UNITS => "Resource units of the directory, of this application: a read takes 1 or 2, a write 1",
        GRAPH_WRITES => "Writes to the directory by this application",
        TENANT_WRITES => "Writes to the directory by all applications together",
        PERSONAL_APP_WRITES => "Writes to applications that are open to personal accounts",
        KEY_READS => "Requests that read certificates, of the whole tenant",
        LOG_READS => "Reads of sign-in and audit logs",
        RISK => "Requests to identity protection, of the whole tenant",
        VAULT_CREATES => {
            "For each vault: secrets that are set (each new version), certificates and keys that are imported"
        }
        VAULT_KEYS => "For each vault: keys that it makes, certificates among them",
        VAULT_CALLS => "For each vault: everything else",
        ARM_READS => "For each subscription: reads of Azure Resource Manager",
        ARM_WRITES => "For each subscription: writes to Azure Resource Manager",
        _ => "Nothing that is known here",
    }
}

/// The documented quotas, with what is `said` of some of them in their place.
pub fn with(said: &[Named]) -> Vec<(&'static str, Quota)> {
    let of = |(name, documented): &(&'static str, Quota)| {
        let said = said.iter().find(|(said, _)| said == name);
        let quota = said.map(|(_, s)| Quota { amount: s.amount, window: s.per, ..*documented });
        (*name, quota.unwrap_or(*documented))
    };
    QUOTAS.iter().map(of).collect()
}

/// What is asked of a service, as far as its cost goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// One directory object, with `$select`.
    ReadObject,
    /// One page of a list of applications or users, with `$select`; without it one more.
    ReadList,
    /// An object or list whose `keyCredentials` are selected.
    ReadKeys,
    ReadLog,
    ReadRisk,
    /// addPassword, removePassword, PATCH, POST, DELETE on any directory object but the next.
    WriteObject,
    /// The same on an application whose audience includes personal accounts.
    WritePersonalApp,
    WriteRisk,
    /// Get, list, poll, sign; also update and delete, which count the same.
    VaultRead(&'a str),
    VaultUpdate(&'a str),
    VaultSetSecret(&'a str),
    VaultImport(&'a str),
    VaultCreateCertificate(&'a str),
    /// Azure Resource Manager, of a subscription. No kind that is here yet asks it.
    ArmRead(&'a str),
    ArmWrite(&'a str),
    /// One blob takes hundreds of requests a second, and nothing else of ours goes to it: not counted.
    BlobRead,
    BlobAppend,
}

/// What it draws.
pub fn draws(operation: Operation<'_>) -> Draws {
    let units = |amount| draw(Bucket::named(GRAPH_UNITS), amount);
    let one = |sort| draw(Bucket::named(sort), 1);
    let member = |sort, name| draw(Bucket::of(sort, name), 1);
    Draws(match operation {
        Operation::ReadObject => vec![units(1)],
        Operation::ReadList => vec![units(2)],
        Operation::ReadKeys => vec![units(1), one(KEY_READS)],
        Operation::ReadLog => vec![one(LOG_READS)],
        Operation::ReadRisk | Operation::WriteRisk => vec![one(RISK)],
        Operation::WriteObject => vec![units(1), one(GRAPH_WRITES), one(TENANT_WRITES)],
        Operation::WritePersonalApp => {
            vec![units(1), one(GRAPH_WRITES), one(TENANT_WRITES), one(PERSONAL_APP_WRITES)]
        }
        Operation::VaultRead(host) | Operation::VaultUpdate(host) => vec![member(VAULT_CALLS, host)],
        Operation::VaultSetSecret(host) | Operation::VaultImport(host) => vec![member(VAULT_CREATES, host)],
        Operation::ArmRead(subscription) => vec![member(ARM_READS, subscription)],
        Operation::ArmWrite(subscription) => vec![member(ARM_WRITES, subscription)],
        Operation::BlobRead | Operation::BlobAppend => Vec::new(),
        Operation::VaultCreateCertificate(host) => vec![member(VAULT_CALLS, host), member(VAULT_KEYS, host)],
    })
}

fn draw(bucket: Bucket, amount: u32) -> Draw {
    Draw { bucket, amount }
}

/// The sum of several costs: one permit may stand for a call that the service counts as many
/// (each request inside a batch is charged by itself).
pub fn sum(parts: impl IntoIterator<Item = Draws>) -> Draws {
    let mut total: Vec<Draw> = Vec::new();
    for part in parts.into_iter().flat_map(|d| d.0) {
        match total.iter_mut().find(|t| t.bucket == part.bucket) {
            Some(t) => t.amount += part.amount,
            None => total.push(part),
        }
    }
    Draws(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quotas::Allowance;

    #[test]
    fn every_bucket_has_a_quota() {
        let host = "kv-ir.vault.azure.net";
        for op in [
            Operation::ReadObject,
            Operation::ReadList,
            Operation::ReadKeys,
            Operation::ReadLog,
            Operation::ReadRisk,
            Operation::WriteObject,
            Operation::WritePersonalApp,
            Operation::WriteRisk,
            Operation::VaultRead(host),
            Operation::VaultUpdate(host),
            Operation::VaultSetSecret(host),
            Operation::VaultImport(host),
            Operation::VaultCreateCertificate(host),
            Operation::ArmRead("00000000-0000-4000-8000-000000000001"),
            Operation::ArmWrite("00000000-0000-4000-8000-000000000001"),
        ] {
            for draw in draws(op).0 {
                let sort = draw.bucket.as_str().split('/').next().unwrap();
                assert!(QUOTAS.iter().any(|(name, _)| *name == sort), "{op:?}");
            }
        }
    }

    #[test]
    fn what_a_quota_file_says_takes_the_place_of_what_is_documented() {
        let said = [(VAULT_CREATES, Allowance { amount: 150, per: std::time::Duration::from_secs(20) })];
        let with = with(&said);
        assert_eq!(with.len(), QUOTAS.len());
        for ((name, documented), (_, now)) in QUOTAS.iter().zip(&with) {
            let expected = if *name == VAULT_CREATES { Quota::per_seconds(150, 20) } else { *documented };
            assert_eq!(*now, expected, "{name}");
            assert_ne!(counts(name), counts(""), "{name}");
        }
    }

    #[test]
    fn a_rotation_at_seventy_percent_takes_what_the_documents_say() {
        // 10,000 secrets, two writes each: 24 minutes at 70 %, less what a full bucket holds.
        let (_, quota) = QUOTAS[1];
        let minutes = quota.share(70).seconds(20_000) / 60.0;
        assert!((22.0..=24.0).contains(&minutes), "{minutes}");
    }
}

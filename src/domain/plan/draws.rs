//! What a step draws of which quotas, for the estimate.
//!
//! Writes are the documented ones; how often a step reads was counted in runs on the lab, which
//! `tests/plans/estimate.rs` repeats.

use super::PlannedTarget;
use super::limit::Quota;
use crate::domain::observation::Fact;
use crate::domain::step::{Protocol, Step, Verb};

/// Requests that read certificates, to one that is rotated: lists are read some eighteen times, and fifteen
/// of many targets travel with one request.
const CERTIFICATE_READS: u32 = 1;
/// Before a write its object is read, and the write itself is a unit. These four are what runs in the lab drew.
const WRITE_UNITS: u32 = 2;
/// Agreeing reads.
const AGREE_UNITS: u32 = 4;
/// A switch is watched for ten minutes, application and service principal.
const WATCH_UNITS: u32 = 40;
/// To one value that is put into a vault.
const VAULT_READS: u32 = 5;

/// What one step draws.
pub(super) fn draws(target: &PlannedTarget, step: &Step) -> Vec<(Quota, u32)> {
    let list = target.protocol == Protocol::ReplaceList;
    match step.verb {
        Verb::Publish | Verb::Deliver => vec![(Quota::VaultWrites, 1), (Quota::VaultReads, VAULT_READS)],
        Verb::Mint if list => vec![(Quota::VaultKeys, 1), (Quota::VaultReads, VAULT_READS)],
        verb if verb.writes() => {
            let personal = target.observation.fact(Fact::Audience).is_some_and(|a| a.contains("Personal"));
            let mut draws = vec![
                (Quota::DirectoryUnits, WRITE_UNITS),
                (Quota::DirectoryWrites, 1),
                (Quota::TenantWrites, 1),
            ];
            draws.extend(personal.then_some((Quota::PersonalAppWrites, 1)));
            let attaches = step.verb == Verb::Attach;
            draws.extend(attaches.then_some((Quota::CertificateReads, CERTIFICATE_READS)));
            draws
        }
        Verb::Watch if target.steps.iter().any(|s| s.verb == Verb::Switch) => {
            vec![(Quota::DirectoryUnits, WATCH_UNITS)]
        }
        Verb::Recheck | Verb::Snapshot | Verb::Prove | Verb::Watch => {
            vec![(Quota::DirectoryUnits, AGREE_UNITS)]
        }
        _ => Vec::new(),
    }
}

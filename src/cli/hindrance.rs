//! What is in the way of a run now, in words: a quota, a host that does not answer, a service that takes nothing.

use super::forecast::about;
use crate::azure::quota;
use crate::domain::plan::estimate::Quota;
use crate::domain::states::States;
use crate::domain::text::count;
use crate::domain::time::Timestamp;
use crate::wire::budget::gauge::{HeldBack, Refused};
use crate::wire::budget::{Bucket, Budget};
use crate::wire::silence::{Silence, Trouble};
use std::time::Duration;

/// Steps that are refused for less are part of any run.
const REFUSED_LEAST: Duration = Duration::from_secs(20);

/// The quotas of estimates by the names of their buckets.
const QUOTAS: [(&str, Quota); 8] = [
    (quota::GRAPH_UNITS, Quota::DirectoryUnits),
    (quota::GRAPH_WRITES, Quota::DirectoryWrites),
    (quota::TENANT_WRITES, Quota::TenantWrites),
    (quota::PERSONAL_APP_WRITES, Quota::PersonalAppWrites),
    (quota::KEY_READS, Quota::CertificateReads),
    (quota::VAULT_CREATES, Quota::VaultWrites),
    (quota::VAULT_KEYS, Quota::VaultKeys),
    (quota::VAULT_CALLS, Quota::VaultReads),
];

pub(super) fn quota_named(name: &str) -> Option<Quota> {
    QUOTAS.iter().find(|(named, _)| *named == name).map(|(_, quota)| *quota)
}

/// What is in the way now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hindrance {
    pub(crate) what: String,
    /// Nothing goes on, and nobody knows for how long.
    pub(crate) is_standstill: bool,
}

/// What is waited for now: a quota, a host that does not answer, a service that takes nothing. None if nothing is.
pub(crate) fn hindrance(budget: &Budget) -> Option<Hindrance> {
    let is_long = |s: &Silence| s.trouble != Trouble::Refusing || s.lasts() >= REFUSED_LEAST;
    let longest = budget.troubles().into_iter().filter(is_long).max_by_key(Silence::lasts);
    let (silent, refused) = (longest.map(|silence| troubled(&silence)), budget.refused());
    let is_standstill = silent.is_some() || refused.is_some();
    let held_back = || budget.held_back().map(|by| held_back(&by));
    let quota = refused.map(|refused| refusing(&refused)).or_else(held_back);
    let what = [silent, quota].into_iter().flatten().reduce(|silent, quota| format!("{silent}; {quota}"))?;
    Some(Hindrance { what, is_standstill })
}

/// `no answer from kv-ir.vault.azure.net since …`.
fn troubled(silence: &Silence) -> String {
    let Silence { host, trouble, since, until: _ } = silence;
    let since = since.short();
    match trouble {
        Trouble::Silent => format!("no answer from {host} since {since}"),
        Trouble::Failing => format!("nothing but failures (5xx) from {host} since {since}"),
        Trouble::Refusing => format!("{host} refuses everything as too much (429) since {since}"),
    }
}

/// The same, and what the log says where no budget knows of it: refused sign-ins, for example.
pub(crate) fn hindrance_of(by: Option<Hindrance>, states: &States, now: Timestamp) -> Option<Hindrance> {
    by.clone().filter(|by| by.is_standstill).or_else(|| refused_steps(states, now)).or(by)
}

fn refused_steps(states: &States, now: Timestamp) -> Option<Hindrance> {
    let live = states.briefs().filter(|(_, brief)| brief.is_live() && brief.started);
    let refused: Vec<Timestamp> = live.filter_map(|(id, _)| states.state(id)?.refused_since()).collect();
    let since = refused.iter().min().filter(|since| now.since(**since) >= REFUSED_LEAST)?;
    let targets = count(refused.len(), "target is", "targets are");
    let what = format!("{targets} refused by the service as too much or busy, since {}", since.short());
    Some(Hindrance { what, is_standstill: true })
}

/// `directory writes, refused by the service as too much (429) since …, asked again in 4m`.
fn refusing(refused: &Refused) -> String {
    let Refused { bucket, since, paused_for } = refused;
    let again = match paused_for.as_secs() {
        0 => String::new(),
        s => format!(", asked again in {}", about(s)),
    };
    format!("{}, refused by the service as too much (429) since {}{again}", name_of(bucket), since.short())
}

/// What people call a quota.
fn name_of(bucket: &Bucket) -> String {
    let named = quota_named(bucket.sort()).map(|q| q.to_string());
    named.unwrap_or_else(|| match bucket.sort() {
        quota::LOG_READS => "reads of logs".into(),
        quota::RISK => "identity protection".into(),
        quota::ARM_READS => "reads of Azure Resource Manager".into(),
        quota::ARM_WRITES => "writes to Azure Resource Manager".into(),
        other => other.into(),
    })
}

/// What the front of the queue waits for: `directory writes, 7.0/s of 20.0/s`.
fn held_back(by: &HeldBack) -> String {
    let HeldBack { bucket, share, paused_for, waiting } = by;
    let name = name_of(bucket);
    let paused = match paused_for.as_secs() {
        0 => String::new(),
        s => format!(", paused by the service for {}", about(s)),
    };
    format!("{name}, {share}{paused}, {waiting} waiting")
}

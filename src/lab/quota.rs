//! Documented quotas, as token buckets on the lab's clock (Microsoft Graph service-specific
//! throttling limits; Azure Key Vault service limits). A bucket holds its window's worth.

use super::ask::Ask;
use super::options::TenantSize;
use crate::domain::time::Timestamp;
use http::Method;
use std::collections::BTreeMap;

/// One limit that a request draws on.
pub(super) struct Limit {
    pub(super) key: String,
    pub(super) capacity: f64,
    pub(super) window_s: f64,
    pub(super) cost: f64,
    /// `x-ms-throttle-scope` and `x-ms-throttle-information`.
    pub(super) scope: &'static str,
    pub(super) information: &'static str,
    /// Identity protection throttles without saying for how long.
    pub(super) says_when: bool,
}

pub(super) struct Throttled {
    pub(super) retry_after_s: Option<u64>,
    pub(super) scope: &'static str,
    pub(super) information: &'static str,
}

struct Bucket {
    level: f64,
    at: Timestamp,
}

pub(super) struct Quotas {
    /// How many times shorter the windows are.
    haste: u32,
    buckets: BTreeMap<String, Bucket>,
}

impl Quotas {
    pub(super) fn new(haste: u32) -> Self {
        Self { haste, buckets: BTreeMap::new() }
    }
    /// Draws on every limit; the answer is how full the fullest is (0 to 1). `scale` shrinks
    /// all capacities: the true quota may be lower than the documented one.
    pub(super) fn charge(&mut self, limits: &[Limit], scale: f64, now: Timestamp) -> Result<f64, Throttled> {
        let (mut fullest, mut refused) = (0.0_f64, None);
        for limit in limits {
            let capacity = (limit.capacity * scale).max(1.0);
            let rate = capacity / limit.window_s * f64::from(self.haste);
            let bucket = self.buckets.entry(limit.key.clone()).or_insert(Bucket { level: capacity, at: now });
            let passed = now.since(bucket.at).as_secs_f64();
            bucket.level = (bucket.level + passed * rate).min(capacity);
            bucket.at = now;
            if bucket.level < limit.cost {
                let wait = ((limit.cost - bucket.level) / rate).ceil().max(1.0);
                refused = Some(Throttled {
                    retry_after_s: limit.says_when.then_some(wait as u64),
                    scope: limit.scope,
                    information: limit.information,
                });
            }
            bucket.level = (bucket.level - limit.cost).max(0.0);
            fullest = fullest.max(1.0 - bucket.level / capacity);
        }
        refused.map_or(Ok(fullest), Err)
    }
}

fn limit(
    key: String,
    capacity: f64,
    window_s: f64,
    cost: f64,
    scope: &'static str,
    information: &'static str,
) -> Limit {
    Limit { key, capacity, window_s, cost, scope, information, says_when: true }
}

/// Resource units of a directory request.
pub(super) fn resource_units(ask: &Ask) -> f64 {
    if ask.method != Method::GET {
        return 1.0;
    }
    let parts = ask.path_parts();
    let collection = parts.get(1).map_or("", |p| p.split('(').next().unwrap_or(p));
    let base: f64 = match (collection, parts.get(3).copied()) {
        ("applications" | "users" | "oauth2PermissionGrants", None) | (_, Some("appRoleAssignments")) => 2.0,
        ("subscribedSkus", _) => 3.0,
        _ => 1.0,
    };
    let less = |yes: bool| if yes { -1.0 } else { 0.0 };
    let top = ask.option("$top").and_then(|t| t.parse::<u32>().ok());
    let more = if ask.option("$expand").is_some() { 1.0 } else { 0.0 };
    (base + less(ask.option("$select").is_some()) + less(top.is_some_and(|t| t < 20)) + more).max(1.0)
}

/// The limits of one Graph request of one application in this tenant.
pub(super) fn graph(ask: &Ask, app: &str, size: TenantSize) -> Vec<Limit> {
    let parts = ask.path_parts();
    match parts.get(1).copied().unwrap_or("") {
        "auditLogs" | "reports" => {
            let key = format!("reports/{app}");
            return vec![limit(
                key,
                5.0,
                10.0,
                1.0,
                "Tenant_Application/ReadWrite",
                "ResourceUnitLimitExceeded",
            )];
        }
        "identityProtection" => {
            let one =
                limit("protection".into(), 1.0, 1.0, 1.0, "Tenant/ReadWrite", "ResourceUnitLimitExceeded");
            return vec![Limit { says_when: false, ..one }];
        }
        _ => {}
    }
    let capacity = match size {
        TenantSize::Small => 3_500.0,
        TenantSize::Medium => 5_000.0,
        TenantSize::Large => 8_000.0,
    };
    let units = resource_units(ask);
    let mut limits = vec![limit(
        format!("units/{app}"),
        capacity,
        10.0,
        units,
        "Tenant_Application/ReadWrite",
        "ResourceUnitLimitExceeded",
    )];
    if ask.method != Method::GET {
        let app_key = format!("writes/{app}");
        limits.push(limit(app_key, 3_000.0, 150.0, 1.0, "Tenant_Application/Write", "WriteLimitExceeded"));
        limits.push(limit("writes".into(), 18_000.0, 300.0, 1.0, "Tenant/Write", "WriteLimitExceeded"));
    }
    let selects_keys = ask.option("$select").is_some_and(|s| s.contains("keyCredentials"));
    let collection = parts.get(1).map_or("", |p| p.split('(').next().unwrap_or(p));
    if selects_keys && matches!(collection, "applications" | "servicePrincipals") {
        limits.push(limit(
            "key-selects".into(),
            150.0,
            60.0,
            1.0,
            "Tenant/Read",
            "ResourceUnitLimitExceeded",
        ));
    }
    limits
}

/// Writes on applications that are open to personal accounts: one bucket for the tenant.
pub(super) fn personal() -> Limit {
    limit("personal".into(), 60.0, 60.0, 1.0, "Application/Write", "WriteLimitExceeded")
}

/// What a request to a vault counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum VaultCall {
    /// Making a secret, importing a certificate or key.
    Creates,
    /// Making an RSA key in software, a certificate's among them.
    MakesKey,
    Other,
}

/// The limits of one request to a vault.
pub(super) fn vault(vault: &str, call: VaultCall) -> Vec<Limit> {
    let one = |kind, capacity| {
        let key = format!("vault/{vault}/{kind}");
        limit(key, capacity, 10.0, 1.0, "Vault", "VaultRequestTypeLimitReached")
    };
    match call {
        VaultCall::Creates => vec![one("creates", 300.0)],
        VaultCall::MakesKey => vec![one("keys", 20.0), one("others", 4_000.0)],
        VaultCall::Other => vec![one("others", 4_000.0)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let t = |ms: i64| Timestamp::from_unix_ms(1_700_000_000_000 + ms);
        let mut quotas = Quotas::new(1);
        let ask = |now: Timestamp, quotas: &mut Quotas| {
            let one = [limit("k".into(), 5.0, 10.0, 1.0, "s", "i")];
            quotas.charge(&one, 1.0, now).map_err(|t| t.retry_after_s)
        };
        for _ in 0..5 {
            assert!(ask(t(0), &mut quotas).is_ok());
        }
        assert_eq!(ask(t(0), &mut quotas).unwrap_err(), Some(2));
        assert!(ask(t(2_000), &mut quotas).is_ok());
        assert!(ask(t(2_100), &mut quotas).is_err());
        assert!(quotas.charge(&[personal()], 0.001, t(0)).is_ok(), "a quota is never below one");
    }
}

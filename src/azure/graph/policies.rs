//! App management policies: which credentials may be added to an application, and for how long.
//!
//! Source: Microsoft Learn, "Microsoft Entra application management policies API overview". A
//! policy assigned to an object replaces the tenant's default; policies judge the adding of a
//! credential, never a sign-in. `excludeActors` is not read: an exempt caller is treated as bound,
//! which can only make a plan more careful.

use super::GraphError;
use super::http::{Ask, Graph};
use super::json;
use super::pages::Pages;
use crate::azure::quota::Operation;
use crate::domain::id::ObjectId;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// One restriction in force for an application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Restriction {
    /// `passwordAddition`, `passwordLifetime`, `asymmetricKeyLifetime`, …
    pub restriction: Text<64>,
    /// Of lifetime restrictions. One that could not be read counts as zero: nothing is allowed.
    pub max_lifetime: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TenantPolicy {
    #[serde(default, deserialize_with = "json::flag")]
    is_enabled: bool,
    #[serde(default)]
    application_restrictions: Option<Restrictions>,
    #[serde(default)]
    service_principal_restrictions: Option<Restrictions>,
}

/// What binds in the whole tenant, and who has a policy of its own.
pub struct Policies {
    tenant: TenantPolicy,
    own: BTreeSet<ObjectId>,
}

impl Policies {
    /// What binds an application; `None` if it has a policy of its own, which has to be read.
    pub fn of_application(&self, id: &ObjectId, created: Option<Timestamp>) -> Option<Vec<Restriction>> {
        let bound = self.tenant.application_restrictions.as_ref().filter(|_| self.tenant.is_enabled);
        (!self.own.contains(id)).then(|| bound.map(|r| r.in_force(created)).unwrap_or_default())
    }
}

#[derive(Deserialize)]
struct Identified {
    id: ObjectId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppPolicy {
    #[serde(default, deserialize_with = "json::flag")]
    is_enabled: bool,
    #[serde(default)]
    restrictions: Option<Restrictions>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Restrictions {
    #[serde(default, deserialize_with = "json::list")]
    password_credentials: Vec<Entry>,
    #[serde(default, deserialize_with = "json::list")]
    key_credentials: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    restriction_type: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    max_lifetime: Option<String>,
    #[serde(default, deserialize_with = "json::time")]
    restrict_for_apps_created_after_date_time: Option<Timestamp>,
}

impl Restrictions {
    /// Those in force for an object that was created then. An unknown birthday counts as young.
    fn in_force(&self, created: Option<Timestamp>) -> Vec<Restriction> {
        let applies = |e: &&Entry| {
            let on = e.state.as_deref() != Some("disabled");
            let after = e.restrict_for_apps_created_after_date_time;
            let old = created.zip(after).is_some_and(|(created, after)| created < after);
            on && !old
        };
        let all = self.password_credentials.iter().chain(&self.key_credentials);
        let mut found: Vec<Restriction> = all.filter(applies).map(Entry::restriction).collect();
        found.sort();
        found.dedup();
        found
    }
}

impl Entry {
    fn restriction(&self) -> Restriction {
        let restriction = Text::lossy(self.restriction_type.as_deref().unwrap_or("unknown"));
        let max_lifetime = self.max_lifetime.as_deref().map(|t| parse_duration(t).unwrap_or_default());
        Restriction { restriction, max_lifetime }
    }
}

/// An ISO 8601 duration (`P90D`, `P4DT12H30M5S`). A year counts 365 days and a month 30.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('P')?;
    let (mut seconds, mut in_time, mut any) = (0u64, false, false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (rest, in_time) = (after, true);
            continue;
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|n| *n > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match (rest.as_bytes()[digits], in_time) {
            (b'Y', false) => 365 * 86_400,
            (b'M', false) => 30 * 86_400,
            (b'W', false) => 7 * 86_400,
            (b'D', false) => 86_400,
            (b'H', true) => 3_600,
            (b'M', true) => 60,
            (b'S', true) => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        (rest, any) = (&rest[digits + 1..], true);
    }
    any.then(|| Duration::from_secs(seconds))
}

impl Graph {
    /// What binds the adding of credentials to an application: its own policy, else the tenant's.
    pub async fn app_restrictions(
        &self,
        application: &ObjectId,
        created: Option<Timestamp>,
    ) -> Result<Vec<Restriction>, GraphError> {
        let path = format!("/applications/{application}/appManagementPolicies");
        self.restrictions(path, created, |tenant| tenant.application_restrictions).await
    }

    /// The tenant's policy, and who has one of its own: a few reads for any number of applications.
    pub async fn policies(&self) -> Result<Policies, GraphError> {
        let ask = Ask::get("/policies/appManagementPolicies", Operation::ReadList).with("$select", "id");
        let mut own = BTreeSet::new();
        for policy in Pages::<Identified>::new(self, ask).all().await? {
            let path = format!("/policies/appManagementPolicies/{}/appliesTo", policy.id);
            let ask = Ask::get(path, Operation::ReadList).with("$select", "id");
            own.extend(Pages::<Identified>::new(self, ask).all().await?.into_iter().map(|o| o.id));
        }
        Ok(Policies { tenant: self.tenant_policy().await?, own })
    }

    async fn tenant_policy(&self) -> Result<TenantPolicy, GraphError> {
        self.read(&Ask::get("/policies/defaultAppManagementPolicy", Operation::ReadObject)).await
    }

    /// The same for a service principal.
    pub async fn service_principal_restrictions(
        &self,
        principal: &ObjectId,
        created: Option<Timestamp>,
    ) -> Result<Vec<Restriction>, GraphError> {
        let path = format!("/servicePrincipals/{principal}/appManagementPolicies");
        self.restrictions(path, created, |tenant| tenant.service_principal_restrictions).await
    }

    async fn restrictions(
        &self,
        path: String,
        created: Option<Timestamp>,
        of_tenant: impl FnOnce(TenantPolicy) -> Option<Restrictions>,
    ) -> Result<Vec<Restriction>, GraphError> {
        let own = Pages::<AppPolicy>::new(self, Ask::get(path, Operation::ReadList)).all().await?;
        if let Some(policy) = own.into_iter().find(|p| p.is_enabled) {
            return Ok(policy.restrictions.unwrap_or_default().in_force(created));
        }
        let tenant = self.tenant_policy().await?;
        if !tenant.is_enabled {
            return Ok(Vec::new());
        }
        Ok(of_tenant(tenant).unwrap_or_default().in_force(created))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let days = |n: u64| Some(Duration::from_secs(n * 86_400));
        assert_eq!(parse_duration("P90D"), days(90));
        assert_eq!(parse_duration("P1Y2M"), days(425));
        assert_eq!(parse_duration("P4DT12H30M5S"), Some(Duration::from_secs(4 * 86_400 + 45_005)));
        for bad in
            ["", "P", "90D", "PT5D", "P5H", "P-1D", "PD", "P1.5D", "P99999999999999999999D", "P1", "PT"]
        {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_what_is_in_force_counts() {
        let policy: Restrictions = serde_json::from_str(
            r#"{"passwordCredentials":[
                {"restrictionType":"passwordAddition","state":"disabled"},
                {"restrictionType":"passwordLifetime","maxLifetime":"P90D","restrictForAppsCreatedAfterDateTime":"2025-01-01T00:00:00Z"},
                {"restrictionType":"customPasswordAddition","restrictForAppsCreatedAfterDateTime":"2030-01-01T00:00:00Z"}],
               "keyCredentials":[{"restrictionType":"asymmetricKeyLifetime","maxLifetime":"soon"}]}"#,
        )
        .unwrap();
        let found = policy.in_force(Some("2026-01-01T00:00:00Z".parse().unwrap()));
        let shown: Vec<_> =
            found.iter().map(|r| (r.restriction.as_str(), r.max_lifetime.map(|d| d.as_secs()))).collect();
        assert_eq!(shown, [("asymmetricKeyLifetime", Some(0)), ("passwordLifetime", Some(90 * 86_400))]);
    }
}

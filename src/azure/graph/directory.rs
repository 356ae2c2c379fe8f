//! The tenant itself: who it is, how large it is, and who holds which role in it.
//!
//! Sources: Microsoft Learn, "organization resource type", "Advanced query capabilities on
//! directory objects" (`$count` wants `ConsistencyLevel: eventual`, and answers from an index that
//! lags), "List unifiedRoleAssignments", "Privileged roles and permissions in Microsoft Entra ID".

use super::GraphError;
use super::http::{Ask, Graph};
use super::json;
use super::pages::Pages;
use crate::azure::fault::{ApiError, Service};
use crate::azure::quota::Operation;
use crate::domain::id::{ObjectId, TenantId};
use crate::domain::text::Text;
use serde::Deserialize;

/// The tenant's own entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    pub id: TenantId,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "json::list")]
    verified_domains: Vec<Domain>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Domain {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "json::flag")]
    is_default: bool,
}

impl Organization {
    pub fn display_name(&self) -> Text<256> {
        Text::lossy(self.display_name.as_deref().unwrap_or(""))
    }
    pub fn default_domain(&self) -> Option<Text<256>> {
        self.verified_domains.iter().find(|d| d.is_default)?.name.as_deref().map(Text::lossy)
    }
}

/// A directory role that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAssignment {
    /// Who holds it.
    #[serde(default)]
    pub principal_id: Option<ObjectId>,
    pub role_definition_id: ObjectId,
    #[serde(default)]
    directory_scope_id: Option<String>,
    #[serde(default)]
    role_definition: Option<RoleDefinition>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleDefinition {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    template_id: Option<String>,
}

impl RoleAssignment {
    pub fn name(&self) -> Text<128> {
        let shown = self.role_definition.as_ref().and_then(|r| r.display_name.as_deref());
        Text::lossy(shown.unwrap_or(self.role_definition_id.as_str()))
    }
    /// The id that the role has in every tenant.
    pub fn template_id(&self) -> Text<64> {
        let template = self.role_definition.as_ref().and_then(|r| r.template_id.as_deref());
        Text::lossy(template.unwrap_or(self.role_definition_id.as_str()))
    }
    /// Whether it holds in the whole tenant, not in one unit of it.
    pub fn is_tenant_wide(&self) -> bool {
        matches!(self.directory_scope_id.as_deref(), None | Some("/"))
    }
}

/// A group that somebody is in, as far as roles go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Membership {
    #[serde(default, rename = "@odata.type")]
    kind: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    is_assignable_to_role: Option<bool>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "@odata.count")]
    count: Option<u64>,
}

impl Graph {
    pub async fn organization(&self) -> Result<Organization, GraphError> {
        let ask = Ask::get("/organization", Operation::ReadObject)
            .with("$select", "id,displayName,verifiedDomains");
        let found = Pages::<Organization>::new(self, ask).all().await?;
        found.into_iter().next().ok_or(ApiError::unexpected(Service::Graph, "no_organization", false))
    }

    pub async fn count_applications(&self) -> Result<u64, GraphError> {
        self.count("/applications").await
    }

    pub async fn count_users(&self) -> Result<u64, GraphError> {
        self.count("/users").await
    }

    pub async fn count_service_principals(&self) -> Result<u64, GraphError> {
        self.count("/servicePrincipals").await
    }

    /// The count that comes with a page of one: plain JSON, unlike the `/$count` address.
    async fn count(&self, path: &'static str) -> Result<u64, GraphError> {
        let ask = Ask::get(path, Operation::ReadList)
            .with("$count", "true")
            .with("$top", "1")
            .with("$select", "id");
        let counted: Counted = self.read(&ask.eventual()).await?;
        counted.count.ok_or(ApiError::unexpected(Service::Graph, "no_count", false))
    }

    /// The directory roles assigned to a user or service principal, directly and active. Roles
    /// that come by a group are not here; see [`Graph::role_groups_of_user`].
    pub async fn role_assignments(&self, principal: &ObjectId) -> Result<Vec<RoleAssignment>, GraphError> {
        let ask = Ask::get("/roleManagement/directory/roleAssignments", Operation::ReadList)
            .with("$filter", format!("principalId eq {}", json::quote(principal.as_str())))
            .with("$expand", "roleDefinition");
        Pages::new(self, ask).all().await
    }

    /// The roles a user could activate (Privileged Identity Management): as good as held, to
    /// whoever has the password.
    pub async fn eligible_roles(&self, principal: &ObjectId) -> Result<Vec<RoleAssignment>, GraphError> {
        let ask = Ask::get("/roleManagement/directory/roleEligibilityScheduleInstances", Operation::ReadList)
            .with("$filter", format!("principalId eq {}", json::quote(principal.as_str())))
            .with("$expand", "roleDefinition");
        Pages::new(self, ask).all().await
    }

    /// The directory roles that everybody holds, directly and active.
    pub fn all_role_assignments(&self) -> Pages<RoleAssignment> {
        let ask = Ask::get("/roleManagement/directory/roleAssignments", Operation::ReadList);
        Pages::new(self, ask.with("$expand", "roleDefinition"))
    }

    /// The roles that anybody could activate.
    pub fn all_eligible_roles(&self) -> Pages<RoleAssignment> {
        let ask = Ask::get("/roleManagement/directory/roleEligibilityScheduleInstances", Operation::ReadList);
        Pages::new(self, ask.with("$expand", "roleDefinition"))
    }

    /// Names of the groups of a user that roles can be assigned to. Members of such a group may
    /// only be reset by the most privileged roles, whatever the group is assigned to. Direct
    /// membership is all: no group can be a member of such a group (Microsoft Learn, "Use Microsoft
    /// Entra groups to manage role assignments").
    pub async fn role_groups_of_user(&self, user: &ObjectId) -> Result<Vec<Text<256>>, GraphError> {
        let ask = Ask::get(format!("/users/{user}/memberOf"), Operation::ReadList)
            .with("$select", "id,displayName,isAssignableToRole");
        let all = Pages::<Membership>::new(self, ask).all().await?;
        let is_role_group = |m: &Membership| {
            m.is_assignable_to_role == Some(true)
                && m.kind.as_deref().is_none_or(|k| k.eq_ignore_ascii_case("#microsoft.graph.group"))
        };
        let names = all.iter().filter(|m| is_role_group(m));
        Ok(names.map(|m| Text::lossy(m.display_name.as_deref().unwrap_or(""))).collect())
    }
}

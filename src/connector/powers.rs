//! What a principal may do: application permissions of Microsoft Graph, directory roles.
//!
//! Sources: Microsoft Learn, "List appRoleAssignedTo" (one list of everybody who was granted a role of
//! Microsoft Graph), "List unifiedRoleAssignments", "List roleEligibilityScheduleInstances". Not read: roles
//! that a service principal has by a group or could activate, and roles of other resources than Graph.

use crate::azure::fault::ApiError;
use crate::azure::graph::Graph;
use crate::azure::graph::directory::RoleAssignment;
use crate::azure::graph::pages::Pages;
use crate::domain::id::ObjectId;
use crate::domain::observation::{Fact, Observation, UNREAD};
use crate::domain::plan::risk::TENANT_PERMISSIONS;
use crate::domain::text::Text;
use std::collections::BTreeMap;

/// What one service principal may do. `None`: this identity may not read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Powers {
    permissions: Option<Vec<String>>,
    roles: Option<Vec<String>>,
}

/// What everybody may do: object id of a principal to names.
pub(super) struct Holders {
    permissions: Option<BTreeMap<ObjectId, Vec<String>>>,
    roles: Option<BTreeMap<ObjectId, Vec<String>>>,
    eligible: BTreeMap<ObjectId, Vec<String>>,
}

impl Powers {
    /// Reads one service principal.
    pub(super) async fn read(graph: &Graph, principal: &ObjectId) -> Result<Self, ApiError> {
        let permissions = async {
            let granted = graph.app_role_assignments(principal).await?;
            if granted.is_empty() {
                return Ok(Vec::new());
            }
            let roles = graph.own_roles().await?;
            let own = granted.into_iter().filter(|g| g.resource_id == roles.id);
            Ok(own.map(|g| roles.name(&g.app_role_id)).collect())
        };
        let roles = async { Ok(names(graph.role_assignments(principal).await?)) };
        let (permissions, roles) = futures::join!(permissions, roles);
        Ok(Self { permissions: if_permitted(permissions)?, roles: if_permitted(roles)? })
    }

    /// Writes it down: the most dangerous first, for the place is short.
    pub(super) fn note(mut self, seen: &mut Observation) {
        let unread = self.permissions.is_none() || self.roles.is_none();
        let mut permissions = self.permissions.take().unwrap_or_default();
        permissions.sort_by_key(|p| (!TENANT_PERMISSIONS.contains(&p.as_str()), p.clone()));
        permissions.dedup();
        if unread {
            permissions.push(UNREAD.to_owned());
        }
        let mut roles = self.roles.unwrap_or_default();
        roles.sort();
        roles.dedup();
        for (fact, words) in [(Fact::Permissions, permissions), (Fact::Roles, roles)] {
            if !words.is_empty() {
                seen.facts.insert(fact, short(&words));
            }
        }
    }
}

/// As many whole words as fit.
fn short(words: &[String]) -> Text<128> {
    let mut line = String::new();
    for (i, word) in words.iter().enumerate() {
        let more = format!(", and {} more", words.len() - i);
        let comma = if line.is_empty() { "" } else { ", " };
        if i > 0 && line.len() + comma.len() + word.len() + more.len() > 128 {
            line.push_str(&more);
            break;
        }
        line.push_str(comma);
        line.push_str(word);
    }
    Text::lossy(&line)
}

impl Holders {
    /// Reads everybody's, page by page.
    pub(super) async fn read(graph: &Graph) -> Result<Self, ApiError> {
        let permissions = async {
            let roles = graph.own_roles().await?;
            let (mut pages, mut all) = (graph.app_roles_assigned(&roles.id), BTreeMap::new());
            while let Some(page) = pages.next().await? {
                for granted in page {
                    let held: &mut Vec<String> = all.entry(granted.principal_id).or_default();
                    held.push(roles.name(&granted.app_role_id));
                }
            }
            Ok(all)
        };
        let (permissions, roles, eligible) =
            futures::join!(permissions, by_holder(graph.all_role_assignments()), eligible(graph));
        Ok(Self { permissions: if_permitted(permissions)?, roles: if_permitted(roles)?, eligible: eligible? })
    }

    pub(super) fn powers_of(&self, principal: &ObjectId) -> Powers {
        let of = |all: &Option<BTreeMap<ObjectId, Vec<String>>>| {
            all.as_ref().map(|all| all.get(principal).cloned().unwrap_or_default())
        };
        Powers { permissions: of(&self.permissions), roles: of(&self.roles) }
    }

    /// Of a user; `None` if they were not readable.
    pub(super) fn roles_of(&self, user: &ObjectId) -> Option<Vec<String>> {
        let held = self.roles.as_ref()?.get(user).into_iter().flatten();
        Some(held.chain(self.eligible.get(user).into_iter().flatten()).cloned().collect())
    }
}

/// Roles that somebody could activate. A tenant without the licence for it has nobody who is eligible; who
/// may not read them is told so by the read of one user.
async fn eligible(graph: &Graph) -> Result<BTreeMap<ObjectId, Vec<String>>, ApiError> {
    match by_holder(graph.all_eligible_roles()).await {
        Err(e) if is_unlicensed(&e) => Ok(BTreeMap::new()),
        other => other,
    }
}

fn is_unlicensed(e: &ApiError) -> bool {
    e.code.contains("License") || e.code.contains("NonPremium")
}

async fn by_holder(mut pages: Pages<RoleAssignment>) -> Result<BTreeMap<ObjectId, Vec<String>>, ApiError> {
    let mut all: BTreeMap<ObjectId, Vec<String>> = BTreeMap::new();
    while let Some(page) = pages.next().await? {
        for role in page {
            let name = role.name().to_string();
            let Some(principal) = role.principal_id else { continue };
            all.entry(principal).or_default().push(name);
        }
    }
    Ok(all)
}

/// The roles that a user holds or could activate, read for one.
pub(super) async fn roles_of_user(graph: &Graph, id: &ObjectId) -> Result<Vec<String>, ApiError> {
    let eligible = async {
        match graph.eligible_roles(id).await {
            Err(e) if is_unlicensed(&e) => Ok(Vec::new()),
            other => other,
        }
    };
    let (held, eligible) = futures::try_join!(graph.role_assignments(id), eligible)?;
    Ok(names(held.into_iter().chain(eligible)))
}

fn names(roles: impl IntoIterator<Item = RoleAssignment>) -> Vec<String> {
    roles.into_iter().map(|r| r.name().to_string()).collect()
}

fn if_permitted<T>(read: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.status == Some(403) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let words = |n: usize| (0..n).map(|i| format!("Permission.Number{i:03}")).collect::<Vec<_>>();
        assert_eq!(short(&words(2)).as_str(), "Permission.Number000, Permission.Number001");
        let long = short(&words(9));
        assert!(long.chars().count() <= 128 && long.ends_with(", and 4 more"), "{long}");
        assert_eq!(short(&["x".repeat(200)]).chars().count(), 128);
    }

    #[test]
    fn the_most_dangerous_is_written_first() {
        let mut seen = Observation::default();
        let held = ["Mail.Read", "RoleManagement.ReadWrite.Directory", "Mail.Read"].map(str::to_owned);
        Powers { permissions: Some(held.to_vec()), roles: None }.note(&mut seen);
        let said = seen.fact(Fact::Permissions);
        assert_eq!(said, Some("RoleManagement.ReadWrite.Directory, Mail.Read, not permitted to read"));
        assert_eq!(seen.fact(Fact::Roles), None);
    }
}

//! What a plan shows of a target besides its objects: owners, federated credentials, policies, users, what
//! each may do, and what the store holds.
//!
//! Read one by one, ten thousand applications take sixty thousand requests. Their lists, 999 to a page and
//! with one relation expanded, take a few hundred; so [`PlanReads::prepare`] reads those when that is less.
//! Whatever a list did not show in full is read by itself, and so is everything when the playbook is short.
//!
//! Sources: Microsoft Learn, "Use query parameters to customize responses" (`$expand` of a relation shows at
//! most 20), "List appManagementPolicies", "List appliesTo".

use super::powers::{Holders, Powers};
use super::reading::Reading;
use crate::azure::Azure;
use crate::azure::fault::ApiError;
use crate::azure::graph::applications::{Application, FederatedCredential, Owner};
use crate::azure::graph::pages::Pages;
use crate::azure::graph::policies::{Policies, Restriction};
use crate::azure::graph::users::User;
use crate::azure::graph::ways::{EXPANDED_MAX, WithFederated, WithOwners};
use crate::domain::id::{ClientId, ObjectId};
use crate::domain::plan::guardrail::Population;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Entries of one page of a list, at most (Microsoft Graph, `$top`).
pub(super) const PAGE: u64 = 999;
/// Fewer are read one by one.
const FEW: usize = 20;

/// Which of the two objects of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Application,
    ServicePrincipal,
}

/// Reads them, ahead if many are wanted.
pub(super) struct PlanReads {
    azure: Azure,
    ahead: RwLock<Ahead>,
}

/// What lists have shown in full.
#[derive(Default)]
struct Ahead {
    owners: BTreeMap<ObjectId, Vec<Owner>>,
    federated: BTreeMap<ObjectId, Vec<FederatedCredential>>,
    /// By the name in lower case.
    users: BTreeMap<String, User>,
    policies: Option<Policies>,
    holders: Option<Holders>,
}

/// What is going to be planned.
pub(super) struct Wanted<'a> {
    pub(super) apps: BTreeSet<ClientId>,
    pub(super) users: BTreeSet<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Client ids, and user principal names.
    pub(super) fn of(subjects: &[&'a str]) -> Self {
        let apps = subjects.iter().filter_map(|s| s.parse().ok()).collect();
        let users = subjects.iter().filter(|s| s.parse::<ClientId>().is_err()).copied().collect();
        Self { apps, users }
    }
}

/// Whether lists of `all` objects take fewer requests than reading `wanted` of them by themselves.
fn lists_are_shorter(wanted: usize, all: u64) -> bool {
    // There are more service principals than applications: Microsoft's own, and other tenants'.
    wanted > FEW && 2 * (all / PAGE + 1) + 1 < 2 * wanted as u64
}

impl PlanReads {
    pub(super) fn new(azure: Azure) -> Self {
        Self { azure, ahead: RwLock::default() }
    }

    fn ahead(&self) -> RwLockReadGuard<'_, Ahead> {
        self.ahead.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of these are going to be planned. What goes wrong here is met again, and told, by whoever reads one.
    pub(super) async fn prepare(&self, wanted: &Wanted<'_>, population: Population, reading: &Reading) {
        let graph = self.azure.graph();
        let apps = lists_are_shorter(wanted.apps.len(), u64::from(population.applications));
        let users = lists_are_shorter(wanted.users.len(), u64::from(population.users));
        // Owners and federated credentials, of applications and of service principals.
        if apps {
            reading.lists(4, population.applications.into());
        }
        if users {
            reading.lists(1, population.users.into());
        }
        let owners = async {
            let lists = || (graph.applications_with_owners(), graph.service_principals_with_owners());
            if apps {
                both(lists(), |o: &WithOwners| wanted.apps.contains(&o.app_id), reading).await
            } else {
                Vec::new()
            }
        };
        let federated = async {
            let lists = || (graph.applications_with_federated(), graph.service_principals_with_federated());
            if apps {
                both(lists(), |o: &WithFederated| wanted.apps.contains(&o.app_id), reading).await
            } else {
                Vec::new()
            }
        };
        let policies = async { if apps { graph.policies().await.ok() } else { None } };
        let people = async { if users { self.users_of(wanted, reading).await } else { BTreeMap::new() } };
        let holders = async { if apps || users { Holders::read(&graph).await.ok() } else { None } };
        let (owners, federated, policies, users, holders) =
            futures::join!(owners, federated, policies, people, holders);
        let whole = |o: &WithOwners| o.owners.len() < EXPANDED_MAX;
        *self.ahead.write().unwrap_or_else(PoisonError::into_inner) = Ahead {
            owners: owners.into_iter().filter(whole).map(|o| (o.id, o.owners)).collect(),
            // There cannot be more than are shown.
            federated: federated.into_iter().map(|o| (o.id, o.federated)).collect(),
            users,
            policies,
            holders,
        };
    }

    async fn users_of(&self, wanted: &Wanted<'_>, reading: &Reading) -> BTreeMap<String, User> {
        let names: BTreeSet<String> = wanted.users.iter().map(|u| u.to_lowercase()).collect();
        let (mut pages, mut found) = (self.azure.graph().users(), BTreeMap::new());
        while let Ok(Some(page)) = pages.next().await {
            reading.page();
            let named = page.into_iter().map(|u| (u.user_principal_name().to_lowercase(), u));
            found.extend(named.filter(|(name, _)| names.contains(name)));
        }
        found
    }

    pub(super) async fn owners(&self, side: Side, id: &ObjectId) -> Result<Vec<Owner>, ApiError> {
        let known = self.ahead().owners.get(id).cloned();
        match (known, side) {
            (Some(owners), _) => Ok(owners),
            (None, Side::Application) => self.azure.graph().application_owners(id).await,
            (None, Side::ServicePrincipal) => self.azure.graph().service_principal_owners(id).await,
        }
    }

    pub(super) async fn federated(
        &self,
        side: Side,
        id: &ObjectId,
    ) -> Result<Vec<FederatedCredential>, ApiError> {
        let known = self.ahead().federated.get(id).cloned();
        match (known, side) {
            (Some(federated), _) => Ok(federated),
            (None, Side::Application) => self.azure.graph().federated_credentials(id).await,
            (None, Side::ServicePrincipal) => {
                self.azure.graph().service_principal_federated_credentials(id).await
            }
        }
    }

    /// What binds the adding of credentials to an application.
    pub(super) async fn restrictions(&self, application: &Application) -> Result<Vec<Restriction>, ApiError> {
        let (id, created) = (&application.id, application.created);
        let known = self.ahead().policies.as_ref().and_then(|p| p.of_application(id, created));
        match known {
            Some(restrictions) => Ok(restrictions),
            None => self.azure.graph().app_restrictions(id, created).await,
        }
    }

    pub(super) async fn user(&self, name: &str) -> Result<Option<User>, ApiError> {
        let known = self.ahead().users.get(&name.to_lowercase()).cloned();
        match known {
            Some(user) => Ok(Some(user)),
            None => self.azure.graph().user_by_name(name).await,
        }
    }

    /// The directory roles of a user, those included that the user could activate.
    pub(super) async fn roles_of_user(&self, id: &ObjectId) -> Result<Vec<String>, ApiError> {
        let known = self.ahead().holders.as_ref().and_then(|h| h.roles_of(id));
        match known {
            Some(roles) => Ok(roles),
            None => super::powers::roles_of_user(&self.azure.graph(), id).await,
        }
    }

    /// What a service principal may do.
    pub(super) async fn powers(&self, principal: &ObjectId) -> Result<Powers, ApiError> {
        let known = self.ahead().holders.as_ref().map(|h| h.powers_of(principal));
        match known {
            Some(powers) => Ok(powers),
            None => Powers::read(&self.azure.graph(), principal).await,
        }
    }
}

/// Those wanted of two lists, which are longer than memory should hold. Of a list that is cut off, what it
/// has shown.
async fn both<T: DeserializeOwned>(
    lists: (Pages<T>, Pages<T>),
    wanted: impl Fn(&T) -> bool,
    reading: &Reading,
) -> Vec<T> {
    let one = async |mut pages: Pages<T>| {
        let mut found = Vec::new();
        while let Ok(Some(page)) = pages.next().await {
            reading.page();
            found.extend(page.into_iter().filter(|one| wanted(one)));
        }
        found
    };
    let (mut first, second) = futures::join!(one(lists.0), one(lists.1));
    first.extend(second);
    first
}

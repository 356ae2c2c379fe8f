//! Applications and their service principals, read one by one or in one pass.
//!
//! `keyCredentials` have the narrowest quota of all reads: 150 requests a minute and tenant (Microsoft
//! Graph throttling limits). Ten thousand applications read one by one would take more than two hours. So
//! several travel with one request (`app_keys.rs`), and whoever is about to look at many says so first: the
//! lists of the whole tenant, 999 to a page, may take fewer.

use super::app_keys::{AppKeys, Haste, TOGETHER};
use super::plan_reads::PAGE;
use super::reading::Reading;
use crate::azure::Azure;
use crate::azure::fault::{ApiError, Service};
use crate::azure::graph::applications::Application;
use crate::azure::graph::credentials::Holder;
use crate::azure::graph::pages::Pages;
use crate::azure::graph::service_principals::ServicePrincipal;
use crate::domain::id::ClientId;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The two objects of an application in a tenant; either may be missing.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) application: Option<Application>,
    pub(super) principal: Option<ServicePrincipal>,
}

/// Whether certificates are read, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Certificates {
    Left,
    Listed,
    /// With their public keys, which only a read of the object itself shows.
    Whole,
}

/// Reads pairs.
pub(super) struct AppReads {
    azure: Azure,
    keys: AppKeys,
    /// What a pass has found and nobody has asked for yet. It is given out once.
    ahead: Mutex<BTreeMap<ClientId, Pair>>,
}

impl AppReads {
    pub(super) fn new(azure: Azure) -> Self {
        Self { keys: AppKeys::new(azure.clone()), azure, ahead: Mutex::default() }
    }

    pub(super) fn azure(&self) -> &Azure {
        &self.azure
    }

    pub(super) fn keys(&self) -> &AppKeys {
        &self.keys
    }

    fn ahead(&self) -> MutexGuard<'_, BTreeMap<ClientId, Pair>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are going to be read with their certificates: reads the lists, if that takes fewer requests.
    /// What goes wrong here is met again, and told, by whoever reads one.
    pub(super) async fn prepare(&self, subjects: &[&str]) {
        let wanted: BTreeSet<ClientId> = subjects.iter().filter_map(|s| s.parse().ok()).collect();
        if !lists_take_fewer(wanted.len(), 0) {
            return;
        }
        if let Ok(all) = self.azure.graph().count_applications().await {
            self.pass(&wanted, all, &Reading::default()).await;
        }
    }

    /// The same where it is known how many applications there are.
    pub(super) async fn pass(&self, wanted: &BTreeSet<ClientId>, all: u64, reading: &Reading) {
        if !lists_take_fewer(wanted.len(), all) {
            return;
        }
        let graph = self.azure.graph();
        reading.lists(2, all);
        let found = futures::try_join!(
            pass(graph.applications(), wanted, |a: &Application| a.app_id.clone(), reading),
            pass(graph.service_principals(), wanted, |p: &ServicePrincipal| p.app_id.clone(), reading),
        );
        let Ok((applications, mut principals)) = found else { return };
        // Who is not in both lists is looked for itself: a page may have been behind.
        let both = applications.into_iter().filter_map(|(id, application)| {
            let principal = principals.remove(&id)?;
            Some((id, Pair { application: Some(application), principal: Some(principal) }))
        });
        self.ahead().extend(both);
    }

    /// Both objects; `prepared` takes what a pass has found.
    pub(super) async fn pair(
        &self,
        id: &ClientId,
        certificates: Certificates,
        prepared: bool,
    ) -> Result<Pair, ApiError> {
        if certificates == Certificates::Left {
            return self.state(id).await;
        }
        let ahead = if prepared { self.ahead().remove(id) } else { None };
        let listed = match ahead {
            Some(pair) => pair,
            None => self.listed(id).await?,
        };
        if certificates == Certificates::Listed {
            return Ok(listed);
        }
        let Pair { application, principal } = listed;
        let application = async {
            match application {
                Some(known) if !known.keys.is_empty() => self.application(id).await.map(Some),
                other => Ok(other),
            }
        };
        let principal = async {
            match principal {
                Some(known) if !known.keys.is_empty() => self.principal(id).await.map(Some),
                other => Ok(other),
            }
        };
        let (application, principal) = futures::try_join!(application, principal)?;
        Ok(Pair { application, principal })
    }

    /// Without certificates.
    async fn state(&self, id: &ClientId) -> Result<Pair, ApiError> {
        let graph = self.azure.graph();
        let (application, principal) = futures::try_join!(
            graph.application_state_by_client_id(id),
            graph.service_principal_state_by_client_id(id),
        )?;
        Ok(Pair { application, principal })
    }

    /// The object itself with everything. It was shown a moment ago: a replica that does not know it is behind, and is
    /// asked again.
    async fn application(&self, id: &ClientId) -> Result<Application, ApiError> {
        self.azure.graph().application_by_client_id(id).await?.ok_or_else(behind)
    }

    async fn principal(&self, id: &ClientId) -> Result<ServicePrincipal, ApiError> {
        self.azure.graph().service_principal_by_client_id(id).await?.ok_or_else(behind)
    }

    /// With the certificates, which others' requests may have brought along. Of an object that these do not
    /// show (a replica may be behind), what it says itself counts.
    async fn listed(&self, id: &ClientId) -> Result<Pair, ApiError> {
        let Pair { application, principal } = self.state(id).await?;
        let application = async {
            let Some(mut application) = application else { return Ok(None) };
            match self.keys.read(&Holder::Application(application.id.clone()), Haste::Usual).await? {
                Some(keys) => application.keys = keys,
                None => application = self.application(id).await?,
            }
            Ok(Some(application))
        };
        let principal = async {
            let Some(mut principal) = principal else { return Ok(None) };
            match self.keys.read(&Holder::ServicePrincipal(principal.id.clone()), Haste::Usual).await? {
                Some(keys) => principal.keys = keys,
                None => principal = self.principal(id).await?,
            }
            Ok(Some(principal))
        };
        let (application, principal) = futures::try_join!(application, principal)?;
        Ok(Pair { application, principal })
    }
}

fn behind() -> ApiError {
    ApiError::unexpected(Service::Graph, "object_not_shown", false)
}

/// Whether lists of `all` applications take fewer requests of the quota of certificates than asking for
/// `wanted`, several with one request.
fn lists_take_fewer(wanted: usize, all: u64) -> bool {
    2 * (all / PAGE + 1) < 2 * wanted.div_ceil(TOGETHER) as u64
}

/// Those wanted of a list, which is longer than memory should hold.
async fn pass<T: DeserializeOwned>(
    mut pages: Pages<T>,
    wanted: &BTreeSet<ClientId>,
    id: impl Fn(&T) -> ClientId,
    reading: &Reading,
) -> Result<BTreeMap<ClientId, T>, ApiError> {
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await? {
        reading.page();
        found.extend(page.into_iter().map(|one| (id(&one), one)).filter(|(id, _)| wanted.contains(id)));
    }
    Ok(found)
}

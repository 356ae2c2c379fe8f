//! The one object that connectors receive: one tenant, one cloud, one acting identity, one
//! budget.

use super::assertion::CertificateKey;
use super::blob::{AppendBlob, KeptBlob};
use super::claims::Claims;
use super::clock::{Dated, Difference};
use super::cloud::Endpoints;
use super::credential::{Door, Identity, Tokens};
use super::fault::{ApiError, Service};
use super::graph::Graph;
use super::key_vault::{Vault, VaultError};
use super::quota::{self, Operation};
use super::sign_in::SignIn;
use crate::domain::id::{ClientId, TenantId};
use crate::domain::playbook::model::Cloud;
use crate::domain::quotas::Named;
use crate::domain::secret::Secret;
use crate::env::Env;
use crate::wire::Wire;
use crate::wire::budget::{Budget, Permit, Start};
use crate::wire::metered::Metered;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A session with one tenant. Copies share everything.
#[derive(Clone)]
pub struct Azure(Arc<Inner>);

struct Inner {
    door: Door,
    budget: Budget,
    tokens: Tokens,
    vaults: Mutex<BTreeMap<String, Vault>>,
    difference: Difference,
}

impl Azure {
    /// Over a bare wire: the budget is put around it here, so that nothing goes past it.
    pub fn new(
        env: &Env,
        cloud: Cloud,
        tenant: TenantId,
        wire: Arc<dyn Wire>,
        budget: Budget,
        identity: Identity,
    ) -> Self {
        let difference = Difference::default();
        let wire = Dated { inner: wire, env: env.clone(), difference: difference.clone() };
        let wire: Arc<dyn Wire> = Arc::new(Metered::new(wire, budget.clone(), env));
        let door = Door { env: env.clone(), endpoints: Endpoints::of(cloud), tenant, wire };
        let tokens = Tokens::new(door.clone(), identity);
        Self(Arc::new(Inner { door, budget, tokens, vaults: Mutex::default(), difference }))
    }

    /// A budget with the documented quotas.
    pub fn budget_for(env: &Env, pace: u8, start: Start) -> Budget {
        Self::budget_with(env, &[], pace, start)
    }

    /// The same, with what a quota file says of some of them.
    pub fn budget_with(env: &Env, said: &[Named], pace: u8, start: Start) -> Budget {
        Budget::new(env, &quota::with(said), pace, start)
    }

    pub fn env(&self) -> &Env {
        &self.0.door.env
    }
    pub fn tenant(&self) -> &TenantId {
        &self.0.door.tenant
    }
    pub fn endpoints(&self) -> &Endpoints {
        &self.0.door.endpoints
    }
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }
    /// How many milliseconds our clock is ahead of the service's, by the date of its last answer;
    /// `None` before the first. Good to a second.
    pub fn clock_difference_ms(&self) -> Option<i64> {
        self.0.difference.get()
    }
    pub fn identity(&self) -> Arc<Identity> {
        self.0.tokens.identity()
    }

    /// Whether a new secret of our own identity leaves us able to act: we sign in with a secret that
    /// we can change, or with something else that stays.
    pub fn can_adopt(&self) -> bool {
        !matches!(*self.identity(), Identity::AzureCli)
    }
    /// Signs in with this secret from now on, if we act as this application by secret. A certificate
    /// of ours stays what it is.
    pub async fn adopt(&self, client: &ClientId, secret: Secret) -> Result<(), ApiError> {
        match &*self.identity() {
            Identity::Secret { client_id, .. } if client_id == client => {
                self.0.tokens.adopt(Identity::Secret { client_id: client.clone(), secret }).await;
                self.who_am_i().await.map(drop)
            }
            Identity::Secret { .. } | Identity::Certificate { .. } => Ok(()),
            Identity::AzureCli => Err(ApiError::refused(Service::SignIn, "cannot_adopt")),
        }
    }

    /// Waits for the right to do `operation` once.
    pub async fn permit(&self, operation: Operation<'_>) -> Permit {
        self.permit_ahead(operation, Duration::ZERO).await
    }

    /// The same, in front of those who came up to `lead` earlier without one.
    pub async fn permit_ahead(&self, operation: Operation<'_>, lead: Duration) -> Permit {
        self.0.budget.permit_ahead(&quota::draws(operation).0, lead).await
    }

    pub fn graph(&self) -> Graph {
        Graph::new(self.0.door.clone(), self.0.tokens.clone())
    }

    /// The vault at `host`, which must be one of this cloud's. One client for each host.
    pub fn vault(&self, host: &str) -> Result<Vault, VaultError> {
        let mut vaults = self.0.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = vaults.get(host) {
            return Ok(found.clone());
        }
        let vault = Vault::new(&self.0.door, &self.0.tokens, host)?;
        vaults.insert(host.to_owned(), vault.clone());
        Ok(vault)
    }

    /// The append blob at `https://ACCOUNT…/CONTAINER/BLOB`, which must be in this cloud.
    pub fn blob(&self, url: &str) -> Result<AppendBlob, ApiError> {
        AppendBlob::new(self, (self.0.door.clone(), self.0.tokens.clone()), url)
    }

    /// The blob at this address, to be written once and kept.
    pub fn kept_blob(&self, url: &str) -> Result<KeptBlob, ApiError> {
        KeptBlob::new(self, (self.0.door.clone(), self.0.tokens.clone()), url)
    }

    /// Sign-in as somebody else, to see whether a credential works.
    pub fn sign_in(&self) -> FreshSignIn {
        FreshSignIn(self.0.door.clone())
    }

    /// Who we are, from our own Graph token; `None` if the token does not say. A token of another
    /// tenant is refused here: no plan is made with it.
    pub async fn who_am_i(&self) -> Result<Option<Claims>, ApiError> {
        let token = self.0.tokens.bearer(&self.0.door.endpoints.graph_scope()).await?;
        let claims = Claims::read(&token);
        match claims.as_ref().and_then(|c| c.tid.as_ref()) {
            Some(tid) if tid != self.tenant() => Err(ApiError::refused(Service::SignIn, "wrong_tenant")),
            _ => Ok(claims),
        }
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure")
            .field("tenant", self.tenant())
            .field("identity", &self.identity())
            .finish_non_exhaustive()
    }
}

/// Sign-in attempts with credentials other than our own. Each call is one attempt by a brand-new
/// client: a cached token would make ten successes of one.
#[derive(Clone)]
pub struct FreshSignIn(Door);

impl FreshSignIn {
    /// One attempt with a client secret, for a Graph token that is thrown away.
    pub async fn by_secret(&self, client_id: &ClientId, secret: &Secret) -> Result<SignIn, ApiError> {
        self.0.fresh_by_secret(client_id, secret).await
    }
    /// One attempt with an assertion that is already signed.
    pub async fn by_assertion(&self, client_id: &ClientId, assertion: &Secret) -> Result<SignIn, ApiError> {
        self.0.fresh_by_assertion(client_id, assertion).await
    }
    /// One attempt with a certificate whose key is at hand.
    pub async fn by_certificate(
        &self,
        client_id: &ClientId,
        key: &CertificateKey,
    ) -> Result<SignIn, ApiError> {
        let assertion = self.0.assertion(client_id, key)?;
        self.0.fresh_by_assertion(client_id, &assertion).await
    }
    /// An assertion to be signed elsewhere, by a vault for example.
    pub fn unsigned(&self, client_id: &ClientId, certificate: &[u8]) -> super::assertion::Unsigned {
        let Door { env, endpoints, tenant, .. } = &self.0;
        super::assertion::Unsigned::assertion(env, endpoints.login, tenant, client_id, certificate)
    }
}

impl fmt::Debug for FreshSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreshSignIn")
    }
}

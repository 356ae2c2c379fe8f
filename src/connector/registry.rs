//! Every target kind, one line each.

use super::app_certificate::{AppCertificate, AppCertificateEffects};
use super::app_disable::{AppDisable, AppDisableEffects};
use super::app_reads::AppReads;
use super::app_secret::{AppSecret, AppSecretEffects};
use super::enable::{AppEnable, EnableEffects, UserEnable};
use super::plan_reads::{PlanReads, Wanted};
use super::reading::Reading;
use super::sign_in_log::EntraSignIns;
use super::store::VaultStores;
use super::user_password::{UserPassword, UserPasswordEffects};
use super::{Effects, SignInLog, Stores};
use crate::azure::Azure;
use crate::domain::credential::Place;
use crate::domain::event::Fault;
use crate::domain::kind::Kind;
use crate::domain::plan::guardrail::Population;
use crate::domain::playbook::model::Store;
use crate::domain::playbook::syntax::KindSyntax;
use crate::domain::text::Text;
use crate::wire::silence::Silence;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Fewer places are read with their targets.
const FEW: usize = 20;

/// One kind: its pure half, syntax included, and how its effects are made.
struct Row {
    kind: &'static dyn Kind,
    effects: fn(&World) -> Arc<dyn Effects>,
}

/// What every connector is made of.
#[derive(Clone)]
pub struct World {
    pub azure: Azure,
    pub stores: Arc<VaultStores>,
    pub(super) apps: Arc<AppReads>,
    pub(super) plans: Arc<PlanReads>,
}

static ROWS: &[Row] = &[
    Row { kind: &AppSecret, effects: |w| Arc::new(AppSecretEffects::new(w)) },
    Row { kind: &AppCertificate, effects: |w| Arc::new(AppCertificateEffects::new(w)) },
    Row { kind: &UserPassword, effects: |w| Arc::new(UserPasswordEffects::new(w)) },
    Row { kind: &AppDisable, effects: |w| Arc::new(AppDisableEffects::new(w)) },
    Row { kind: &AppEnable, effects: |w| Arc::new(EnableEffects::of_apps(w)) },
    Row { kind: &UserEnable, effects: |w| Arc::new(EnableEffects::of_users(w)) },
];

/// The playbook syntax of every kind, for `check` and `schema`.
pub fn syntaxes() -> Vec<&'static dyn KindSyntax> {
    ROWS.iter().map(|r| r.kind as &dyn KindSyntax).collect()
}

/// The pure half of a kind, by name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    ROWS.iter().map(|r| r.kind).find(|k| k.name() == name)
}

/// The connectors of one tenant.
pub struct Registry {
    world: World,
    effects: BTreeMap<String, Arc<dyn Effects>>,
}

impl Registry {
    pub fn new(azure: Azure, stores: &BTreeMap<Text<64>, Store>) -> Self {
        let stores = Arc::new(VaultStores::new(azure.clone(), stores.clone()));
        let apps = Arc::new(AppReads::new(azure.clone()));
        let plans = Arc::new(PlanReads::new(azure.clone()));
        let world = World { azure, stores, apps, plans };
        let effects = ROWS.iter().map(|r| (r.kind.name().to_owned(), (r.effects)(&world))).collect();
        Self { world, effects }
    }
    pub fn effects(&self) -> BTreeMap<String, Arc<dyn Effects>> {
        self.effects.clone()
    }
    pub fn effects_of(&self, kind: &str) -> Option<&Arc<dyn Effects>> {
        self.effects.get(kind)
    }
    pub(super) fn vault_stores(&self) -> &VaultStores {
        &self.world.stores
    }
    pub fn stores(&self) -> Arc<dyn Stores> {
        self.world.stores.clone()
    }
    pub fn sign_in_log(&self) -> Arc<dyn SignInLog> {
        Arc::new(EntraSignIns(self.world.azure.clone()))
    }
    /// These are going to be planned: what lists and pages show of them is read, all lists at the same time.
    pub(super) async fn prepare(
        &self,
        subjects: &[&str],
        places: &[Place],
        population: Population,
        reading: &Reading,
    ) {
        let World { apps, plans, stores, .. } = &self.world;
        let wanted = Wanted::of(subjects);
        let whole = apps.pass(&wanted.apps, u64::from(population.applications), reading);
        let around = plans.prepare(&wanted, population, reading);
        futures::join!(whole, around, async {
            if places.len() > FEW {
                stores.prepare(places).await;
            }
        });
    }
    pub(super) fn clock(&self) -> crate::env::Clock {
        self.world.azure.env().clock
    }
    /// The host that has not answered for longest, if there is one.
    pub(super) fn longest_silence(&self) -> Option<Silence> {
        self.world.azure.budget().silence()
    }
    /// This host's silence, or that of the one who gives out its tokens.
    pub(super) fn silence(&self, host: &str) -> Option<Silence> {
        let login = self.world.azure.endpoints().login;
        let silences = self.world.azure.budget().silences();
        silences.into_iter().find(|silence| silence.host == host || silence.host == login)
    }
    pub(super) fn directory_host(&self) -> &'static str {
        self.world.azure.endpoints().graph
    }
    /// How many applications and users the tenant has.
    pub async fn population(&self) -> Result<Population, Fault> {
        super::entra::population(&self.world.azure).await
    }
}

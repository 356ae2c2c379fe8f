//! A lab tenant in this process, and a session that talks to it.

use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::domain::id::{ClientId, ObjectId, TenantId};
use reissue::domain::playbook::model::Cloud;
use reissue::domain::secret::Secret;
use reissue::domain::time::Timestamp;
use reissue::env::{Clock, Env};
use reissue::lab::{AppHandle, Lab, LabDisconnect, LabOptions, Lags, NewApplication, SecretSpec, VaultRole};
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const TENANT: &str = "7d3c9a10-0000-4000-8000-000000000001";
pub(crate) const OPERATOR: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const PAYROLL: &str = "8a1d0000-0000-4000-8000-000000000001";
pub(crate) const VAULT: &str = "kv-ir.vault.usgovcloudapi.net";

pub(crate) fn client(id: &str) -> ClientId {
    id.parse().unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

pub(crate) fn env(seed: u64) -> Env {
    let start: Timestamp = "2026-11-23T07:00:00Z".parse().unwrap();
    Env::simulated(Clock::starting_at(start), seed)
}

pub(crate) struct Scene {
    pub(crate) env: Env,
    pub(crate) lab: Lab,
    pub(crate) azure: Azure,
    pub(crate) operator: AppHandle,
    pub(crate) payroll: AppHandle,
}

impl Scene {
    /// So many that one at a time on each is never what limits; their object ids.
    pub(crate) fn sixty_applications(&self) -> Vec<ObjectId> {
        let made = (0..60).map(|i| {
            let id = client(&format!("8a1d0000-0000-4000-8000-0000000001{i:02}"));
            self.lab.create_application(NewApplication::new(id, format!("app {i}"))).object_id
        });
        made.collect()
    }

    /// A calm lab: no lag, no faults.
    pub(crate) fn calm() -> Self {
        Self::new(LabOptions { lags: Lags::none(), ..LabOptions::default() })
    }

    pub(crate) fn new(options: LabOptions) -> Self {
        Self::seeded(7, options)
    }

    pub(crate) fn seeded(seed: u64, options: LabOptions) -> Self {
        let env = env(seed);
        let lab = Lab::new(env.clock, env.random.clone(), LabOptions { tenant: tenant(), ..options });
        let operator = lab.create_application(NewApplication::new(client(OPERATOR), "operator"));
        let (_, secret) = lab.add_secret(&client(OPERATOR), SecretSpec::default());
        for permission in
            ["Application.ReadWrite.All", "Policy.Read.All", "Organization.Read.All", "AuditLog.Read.All"]
        {
            lab.grant_app_permission(&client(OPERATOR), permission);
        }
        lab.create_vault("kv-ir");
        for role in [VaultRole::SecretsOfficer, VaultRole::CertificatesOfficer, VaultRole::CryptoOfficer] {
            lab.grant_vault_role(&client(OPERATOR), "kv-ir", role);
        }
        let payroll = lab.create_application(NewApplication::new(client(PAYROLL), "payroll-sync"));
        let identity = Identity::Secret { client_id: client(OPERATOR), secret: Secret::new(secret) };
        let azure = session(&env, &lab, identity, 70);
        Self { env, lab, azure, operator, payroll }
    }

    pub(crate) async fn wait(&self, seconds: u64) {
        self.env.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

pub(crate) fn session(env: &Env, lab: &Lab, identity: Identity, pace: u8) -> Azure {
    let wire = InProcess::new(lab.service(), |e: &LabDisconnect| e.may_have_reached);
    let budget = Azure::budget_for(env, pace, Start::Full);
    Azure::new(env, Cloud::UsGovHigh, tenant(), Arc::new(wire), budget, identity)
}

//! A lab tenant made from a playbook: what the playbook names exists there, with the consumers
//! it declares and one attacker for each leaked value. What a kind's targets look like is in
//! [`super::furnish`].

use super::furnish;
use crate::domain::id::{ClientId, TenantId};
use crate::domain::playbook::model::{Refresh, ValidPlaybook};
use crate::env::Env;
use crate::lab::{Lab, LabOptions, NewApplication, NewUser, SecretSpec, VaultRole};
use std::collections::BTreeMap;

/// The identity that acts in every drill.
pub const OPERATOR: &str = "0e155ed0-0000-4000-8000-00000000a11e";
/// Its name in the lab.
pub const OPERATOR_NAME: &str = "reissue-operator";

/// What the operator of a real tenant would be granted for these actions (Microsoft Graph
/// permissions reference; least privilege per action).
const PERMISSIONS: [&str; 9] = [
    "Application.ReadWrite.All",
    "AuditLog.Read.All",
    "Directory.Read.All",
    "Policy.Read.All",
    "RoleManagement.Read.Directory",
    "User-PasswordProfile.ReadWrite.All",
    "User.EnableDisableAccount.All",
    "User.Read.All",
    "User.RevokeSessions.All",
];

/// Others who live in the tenant, so that a percentage means something.
const BYSTANDERS: u8 = 40;

/// A tenant ready for a drill.
pub struct Scene {
    pub lab: Lab,
    pub operator: ClientId,
    pub operator_secret: String,
    /// The attacker in the ledger, by the name of the application whose value it holds.
    pub attackers: Vec<(String, String)>,
    /// What each consumer held at first, by its name.
    pub consumers: BTreeMap<String, Held>,
    /// What leaked, by the name of its subject: known to the scene and the judge alone.
    pub leaked: Vec<(String, String)>,
    /// Applications that exist already.
    pub(super) made: Vec<ClientId>,
    /// How many times more often everybody signs in than in a drill.
    pub(super) haste: u32,
}

/// What a consumer began with.
pub struct Held {
    pub app: String,
    pub leaked_key_id: String,
    pub refresh: Refresh,
    /// Who confirms for it: its own name, or its target's teams.
    pub confirmed_by: Vec<String>,
}

/// Builds the tenant.
pub fn build(env: &Env, playbook: &ValidPlaybook) -> Scene {
    build_with(env, playbook, LabOptions::default())
}

/// Builds the tenant in a lab of these options.
pub fn build_with(env: &Env, playbook: &ValidPlaybook, options: LabOptions) -> Scene {
    let options = LabOptions { tenant: playbook.tenant.id.clone(), ..options };
    let haste = options.haste;
    let lab = Lab::new(env.clock, env.random.clone(), options);
    let operator: ClientId = OPERATOR.parse().unwrap_or_else(|_| ClientId::from_random([0; 16]));
    lab.create_application(NewApplication::new(operator.clone(), OPERATOR_NAME));
    let (_, operator_secret) = lab.add_secret(&operator, SecretSpec::default());
    PERMISSIONS.iter().for_each(|p| lab.grant_app_permission(&operator, p));
    for store in playbook.stores.values() {
        lab.create_vault(&store.key_vault);
        for role in [VaultRole::SecretsOfficer, VaultRole::CertificatesOfficer, VaultRole::CryptoUser] {
            lab.grant_vault_role(&operator, &store.key_vault, role);
        }
    }
    bystanders(&lab, &playbook.tenant.id);
    let mut scene = Scene {
        lab,
        operator,
        operator_secret,
        attackers: Vec::new(),
        consumers: BTreeMap::new(),
        leaked: Vec::new(),
        made: Vec::new(),
        haste,
    };
    for target in &playbook.targets {
        furnish::furnish(&mut scene, playbook, target);
    }
    scene
}

fn bystanders(lab: &Lab, tenant: &TenantId) {
    let seed = crate::domain::id::Digest::of(tenant.as_str().as_bytes()).0;
    for n in 0..BYSTANDERS {
        let mut bytes = [n; 16];
        bytes[..8].copy_from_slice(&seed[..8]);
        lab.create_application(NewApplication::new(
            ClientId::from_random(bytes),
            format!("bystander-{n:02}"),
        ));
        lab.create_user(NewUser::new(format!("bystander-{n:02}@lab.test"), format!("Bystander {n:02}")));
    }
}

impl Scene {
    /// Whether a consumer signs in with another credential than the leaked one, as the lab saw it.
    fn consumer_has_moved(&self, consumer: &str) -> bool {
        let Some(held) = self.consumers.get(consumer) else { return false };
        let ledger = self.lab.ledger();
        let used = ledger.consumers.get(consumer).and_then(|c| c.last_key_id.as_ref());
        used.is_some_and(|used| *used != held.leaked_key_id)
    }

    /// Whether those for whom somebody speaks have moved: the consumer of that name, or every
    /// consumer of the team's target that follows by itself or after a restart.
    pub fn has_moved(&self, who: &str) -> bool {
        if self.consumers.contains_key(who) {
            return self.consumer_has_moved(who);
        }
        let team = self.consumers.iter().filter(|(_, held)| held.confirmed_by.iter().any(|c| c == who));
        let mut waits = team.filter(|(_, held)| held.refresh != Refresh::Pinned);
        waits.all(|(name, _)| self.consumer_has_moved(name))
    }

    /// Somebody restarts what follows only a restart, as the plan's warning asks for.
    pub fn restart_the_idle(&self) {
        let idle = self.consumers.iter().filter(|(_, held)| held.refresh == Refresh::OnRestart);
        idle.filter(|(name, _)| !self.consumer_has_moved(name)).for_each(|(name, _)| self.lab.restart(name));
    }
}

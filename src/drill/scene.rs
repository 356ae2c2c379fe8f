//! A lab tenant made from a playbook: what the playbook names exists there, with the consumers
//! it declares and one attacker for each leaked value.

use crate::domain::id::{ClientId, TenantId};
use crate::domain::playbook::model::{
    Consumer, Publication, Refresh, Selector, Subject, Target, ValidPlaybook,
};
use crate::env::Env;
use crate::lab::{
    AttackerSpec, ConsumerSpec, Habit, Lab, LabOptions, NewApplication, SecretSpec, VaultRole, VaultSecret,
};
use std::collections::BTreeMap;
use std::time::Duration;

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
const SIGN_IN_EVERY: Duration = Duration::from_secs(60);
const ATTACK_EVERY: Duration = Duration::from_secs(300);

/// A tenant ready for a drill.
pub struct Scene {
    pub lab: Lab,
    pub operator: ClientId,
    pub operator_secret: String,
    /// The attacker in the ledger, by the name of the application whose value it holds.
    pub attackers: Vec<(String, String)>,
    /// What each consumer held at first, by its name.
    pub consumers: BTreeMap<String, Held>,
}

/// What a consumer began with.
pub struct Held {
    pub app: String,
    pub leaked_key_id: String,
}

/// Builds the tenant.
pub fn build(env: &Env, playbook: &ValidPlaybook) -> Scene {
    build_with(env, playbook, LabOptions::default())
}

/// Builds the tenant in a lab of these options.
pub fn build_with(env: &Env, playbook: &ValidPlaybook, options: LabOptions) -> Scene {
    let options = LabOptions { tenant: playbook.tenant.id.clone(), ..options };
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
    let mut scene =
        Scene { lab, operator, operator_secret, attackers: Vec::new(), consumers: BTreeMap::new() };
    let mut made = Vec::new();
    for target in &playbook.targets {
        scene.furnish(playbook, target, &mut made);
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
    }
}

impl Scene {
    fn furnish(&mut self, playbook: &ValidPlaybook, target: &Target, made: &mut Vec<ClientId>) {
        let Subject::App { client_id, name } = &target.subject else { return };
        if !made.contains(client_id) {
            self.lab.create_application(NewApplication::new(client_id.clone(), name.to_string()));
            made.push(client_id.clone());
        }
        if target.kind != "app-secret" {
            return;
        }
        let hint = match &target.selector {
            Selector::Hint(hint) => Some(hint.to_string()),
            _ => None,
        };
        let spec =
            SecretSpec { hint, display_name: Some("mailed to a vendor".into()), ..SecretSpec::default() };
        let (key_id, leaked) = self.lab.add_secret(client_id, spec);
        let attacker =
            AttackerSpec { client_id: client_id.clone(), value: leaked.clone(), every: ATTACK_EVERY };
        self.attackers.push((name.to_string(), self.lab.attacker(attacker)));
        if let Some(publication) = &target.publish {
            self.move_in(playbook, target, publication, (key_id.as_str(), &leaked));
        }
    }

    /// The store holds the leaked value, and the declared consumers read it there.
    fn move_in(
        &mut self,
        playbook: &ValidPlaybook,
        target: &Target,
        publication: &Publication,
        (key_id, leaked): (&str, &str),
    ) {
        let Subject::App { client_id, .. } = &target.subject else { return };
        let Some(store) = playbook.stores.get(&publication.store) else { return };
        let version = self.lab.put_vault_secret(&store.key_vault, &publication.name, leaked);
        for Consumer { name, refresh } in &target.consumers {
            let (habit, pinned_version) = match refresh {
                Refresh::Every(span) => (Habit::Every(*span), None),
                Refresh::OnRestart => (Habit::OnRestartOnly, None),
                Refresh::Pinned => (Habit::Pinned, Some(version.clone())),
            };
            let source = VaultSecret {
                vault: store.key_vault.to_string(),
                name: publication.name.to_string(),
                pinned_version,
            };
            self.lab.consumer(ConsumerSpec {
                name: name.to_string(),
                client_id: client_id.clone(),
                source,
                refresh: habit,
                sign_in_every: SIGN_IN_EVERY,
            });
            let app = target.subject.name().to_owned();
            self.consumers.insert(name.to_string(), Held { app, leaked_key_id: key_id.to_owned() });
        }
    }

    /// Whether a consumer signs in with another credential than the leaked one, as the lab saw it.
    pub fn has_moved(&self, consumer: &str) -> bool {
        let Some(held) = self.consumers.get(consumer) else { return false };
        let ledger = self.lab.ledger();
        let used = ledger.consumers.get(consumer).and_then(|c| c.last_key_id.as_ref());
        used.is_some_and(|used| *used != held.leaked_key_id)
    }
}

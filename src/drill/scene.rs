//! A lab tenant made from a playbook: what the playbook names exists there, with the consumers
//! it declares and one attacker for each leaked value. What a kind's targets look like is in
//! [`super::furnish`].

use super::furnish;
use crate::domain::id::{ClientId, TargetId, TenantId};
use crate::domain::playbook::model::{Refresh, ValidPlaybook};
use crate::domain::text::Text;
use crate::env::Env;
use crate::lab::{Lab, LabOptions, NewApplication, NewUser, SecretSpec, VaultRole};
use std::collections::{BTreeMap, BTreeSet};

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

/// What the on-premises team sets, one after the other.
const ON_PREMISES_PASSWORDS: [&str; 2] = ["First-on-premises", "Second-on-premises"];

/// Others who live in the tenant, so that a percentage means something.
const BYSTANDERS: u8 = 40;

/// A tenant ready for a drill.
pub struct Scene {
    pub lab: Lab,
    pub operator: ClientId,
    pub operator_secret: String,
    /// One for each leaked value.
    pub attackers: Vec<Attacker>,
    /// What each consumer held at first, by its name in the lab: consumers of two targets may have
    /// one name.
    pub consumers: BTreeMap<String, Held>,
    consumers_of: BTreeMap<TargetId, BTreeSet<String>>,
    /// What leaked, by the name of its subject: known to the scene and the judge alone.
    pub leaked: Vec<(String, String)>,
    /// Users who are mastered on premises, and whether they shall be disabled there.
    pub(super) on_premises: BTreeMap<TargetId, (String, bool)>,
    /// Objects that this installation is taken to have switched off.
    pub(super) switched_off: BTreeSet<Text<128>>,
    /// Applications that exist already.
    pub(super) made: BTreeSet<ClientId>,
    /// How many times more often everybody signs in than in a drill.
    pub(super) haste: u32,
}

/// Who holds a leaked value.
pub struct Attacker {
    /// The subject that the value opens.
    pub app: String,
    pub target: TargetId,
    /// Its name in the lab.
    pub in_lab: String,
}

/// What a consumer began with.
pub struct Held {
    pub app: String,
    /// As the playbook names it.
    pub name: String,
    pub target: TargetId,
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
        operator: operator.clone(),
        operator_secret,
        attackers: Vec::new(),
        consumers: BTreeMap::new(),
        consumers_of: BTreeMap::new(),
        leaked: Vec::new(),
        on_premises: BTreeMap::new(),
        switched_off: BTreeSet::new(),
        made: BTreeSet::from([operator.clone()]),
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

impl Held {
    /// Whether it signs in with another credential than the leaked one, as the lab saw it.
    fn has_moved(&self, in_lab: &str, lab: &Lab) -> bool {
        let used = lab.consumer_record(in_lab).and_then(|c| c.last_key_id);
        used.is_some_and(|used| used != self.leaked_key_id)
    }
    /// Somebody waits for this consumer by its own name.
    fn is_waited_for(&self) -> bool {
        self.confirmed_by.contains(&self.name)
    }
}

impl Scene {
    /// What the log of this installation would say: the drill begins after it.
    pub fn switched_off(&self) -> BTreeSet<Text<128>> {
        self.switched_off.clone()
    }
    fn of(&self, target: TargetId) -> impl Iterator<Item = (&String, &Held)> {
        let names = self.consumers_of.get(&target).into_iter().flatten();
        names.filter_map(|name| self.consumers.get_key_value(name))
    }
    /// A consumer moves in.
    pub(super) fn holds(&mut self, in_lab: String, held: Held) {
        self.consumers_of.entry(held.target).or_default().insert(in_lab.clone());
        self.consumers.insert(in_lab, held);
    }

    /// Whether those for whom somebody speaks have moved: the target's consumer of that name, or
    /// every consumer of the target that follows by itself or after a restart.
    pub fn has_moved(&self, target: TargetId, who: &str) -> bool {
        if let Some((in_lab, held)) = self.of(target).find(|(_, held)| held.name == who) {
            return held.has_moved(in_lab, &self.lab);
        }
        if let Some((upn, _)) = self.on_premises.get(&target) {
            let leaked = self.leaked.iter().find(|(subject, _)| subject == upn);
            return leaked.is_some_and(|(_, password)| self.lab.user_signs_in(upn, password).is_err());
        }
        let mut waits = self.of(target).filter(|(_, held)| held.refresh != Refresh::Pinned);
        waits.all(|(in_lab, held)| held.has_moved(in_lab, &self.lab))
    }

    /// Somebody does what the plan's warnings ask for: restarts what follows only a restart, and
    /// edits the setting of what names one version and is waited for; resets on premises.
    pub fn tend(&self, target: TargetId) {
        if let Some((upn, disable)) = self.on_premises.get(&target) {
            ON_PREMISES_PASSWORDS.iter().for_each(|p| self.lab.reset_on_premises(upn, p));
            if *disable {
                self.lab.disable_on_premises(upn);
            }
        }
        for (in_lab, held) in self.of(target) {
            match held.refresh {
                Refresh::OnRestart => self.lab.restart(in_lab),
                Refresh::Pinned if held.is_waited_for() => self.lab.repoint(in_lab),
                Refresh::Pinned | Refresh::Every(_) => {}
            }
        }
    }
}

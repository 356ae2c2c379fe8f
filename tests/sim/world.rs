//! The scene of one seed: the tenant with its people, the machine, the installation, the judge.

use crate::judge::{Fact, Judge};
use crate::line::Line;
use crate::machine::Machine;
use crate::scenario::{App, Follows, OPERATOR, OPERATOR_NAME, Scenario, TENANT, VAULT};
use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::connector::registry;
use reissue::domain::approval::Signer;
use reissue::domain::event::Environment;
use reissue::domain::id::{ClientId, Digest};
use reissue::domain::playbook::check;
use reissue::domain::playbook::model::{Cloud, ValidPlaybook};
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::env::{Clock, Env, Random};
use reissue::lab::{
    AttackerSpec, ConsumerSpec, Faults, Habit, Lab, LabDisconnect, LabOptions, NewApplication, Owner,
    SecretSpec, VaultRole, VaultSecret,
};
use reissue::trail::home::{Home, Install};
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

pub(crate) const HOME: &str = "sim";
pub(crate) const AUTHOR: &str = "operator@sim.example";
const BYSTANDERS: u8 = 3;

pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) env: Env,
    pub(crate) lab: Lab,
    pub(crate) machine: Machine,
    pub(crate) judge: Arc<Judge>,
    pub(crate) playbook: ValidPlaybook,
    pub(crate) approvers: Vec<(String, Signer)>,
    operator: ClientId,
    operator_secret: String,
    /// Values that must not be in any file.
    pub(crate) canaries: Vec<String>,
    bystanders: Vec<ClientId>,
    writes: Arc<AtomicU32>,
    before: Vec<String>,
}

impl World {
    pub(crate) async fn build(scenario: Scenario, aloud: bool) -> Self {
        let start = "2026-01-05T03:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(start);
        let random = Random::from_seed(scenario.seed);
        let machine = Machine::new(Path::new(HOME).join("log/events.jsonl"), random.clone());
        let env = Env { clock, random: random.clone(), disk: Arc::new(machine.clone()) };
        let options = LabOptions {
            tenant: TENANT.parse().unwrap(),
            lags: scenario.lags.clone(),
            ..LabOptions::default()
        };
        let lab = Lab::new(clock, random, options);
        let (operator, operator_secret) = operator(&lab);
        let bystanders = bystanders(&lab);
        let mut canaries = vec![operator_secret.clone()];
        let made: Vec<Made> = scenario.apps.iter().map(|a| furnish(&lab, a, &mut canaries)).collect();
        let key_ids: Vec<String> = made.iter().map(|m| m.leaked.clone()).collect();
        let text = scenario.playbook(&key_ids);
        if aloud {
            println!("{text}");
        }
        let playbook = check(&text, &registry::syntaxes()).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let signer = |n: u8| {
            let name = format!("approver{n}@sim.example");
            (name.clone(), Signer::from_seed(&[n; 32], &name).unwrap())
        };
        let approvers: Vec<_> = (1..=scenario.quorum + 1).map(signer).collect();
        let (facts, known): (Vec<Fact>, Vec<_>) = made.into_iter().map(|m| (m.fact, m.known)).unzip();
        let judge = Arc::new(Judge::new(clock, lab.clone(), operator.to_string(), facts, aloud));
        for (version, value, key) in known.into_iter().flatten() {
            let truth = &mut judge.inner().truth;
            truth.values.insert(value.clone(), key);
            truth.versions.extend(version.map(|v| (v, value)));
        }
        let world = Self {
            before: Vec::new(),
            writes: Arc::default(),
            scenario,
            env,
            lab,
            machine,
            judge,
            playbook,
            approvers,
            operator,
            operator_secret,
            canaries,
            bystanders,
        };
        let before = world.untouched();
        world.found().await;
        world.machine.watch(world.judge.clone());
        Self { before, ..world }
    }

    async fn found(&self) {
        let mut roster = String::from("reissue_roster: 1\npeople:\n");
        for (name, signer) in &self.approvers {
            let line = signer.public_line().unwrap();
            let _ = write!(roster, "  - name: {name}\n    role: officer\n    keys:\n      - {line}\n");
        }
        let install = Install {
            agency: Text::lossy("sim"),
            cloud: Cloud::UsGovHigh,
            environment: Environment::Lab,
            install: Text::lossy("sim"),
            roster: Digest::of(roster.as_bytes()),
            tenant: self.playbook.tenant.id.clone(),
            version: 1,
        };
        let process = Text::lossy("sim");
        let home = Home::create(&self.env, Path::new(HOME), install, roster.as_bytes(), process).await;
        home.unwrap_or_else(|e| panic!("{e}"));
    }

    pub(crate) fn home(&self) -> Home {
        Home::open(&self.env, Path::new(HOME)).unwrap_or_else(|e| panic!("{e}"))
    }

    /// A session of a new process with the tenant.
    pub(crate) fn session(&self, process: u32) -> Azure {
        let line = Line {
            lab: self.lab.clone(),
            machine: self.machine.clone(),
            judge: self.judge.clone(),
            clock: self.env.clock,
            process,
            writes: self.writes.clone(),
            lost_replies: self.scenario.lost_replies.clone(),
            lost_requests: self.scenario.lost_requests.clone(),
        };
        let wire = InProcess::new(line, |e: &LabDisconnect| e.may_have_reached);
        let start = if process <= 1 { Start::Full } else { Start::Empty };
        let budget = Azure::budget_for(&self.env, 70, start);
        let secret = Secret::new(self.operator_secret.clone());
        let identity = Identity::Secret { client_id: self.operator.clone(), secret };
        let tenant = self.playbook.tenant.id.clone();
        Azure::new(&self.env, self.playbook.tenant.cloud, tenant, Arc::new(wire), budget, identity)
    }

    pub(crate) fn be_hostile(&self) {
        self.lab.set_faults(self.scenario.faults.clone());
    }
    pub(crate) fn be_quiet(&self) {
        self.lab.set_faults(Faults::default());
    }

    /// Our own identity and everybody who is no target, as one text each.
    fn untouched(&self) -> Vec<String> {
        let show = |id: &ClientId| {
            let of = |on| serde_json::to_string(&self.lab.properties(id, on)).unwrap();
            format!(
                "{:?} {} {}",
                self.lab.credentials(id),
                of(Owner::Application),
                of(Owner::ServicePrincipal)
            )
        };
        self.bystanders.iter().chain([&self.operator]).map(show).collect()
    }
    pub(crate) fn judge_bystanders(&self) {
        if self.untouched() != self.before {
            self.judge.broken("our own identity or a bystander was changed");
        }
    }
    /// No value may be in any file.
    pub(crate) fn judge_files(&self) {
        let mut values = self.canaries.clone();
        values.extend(self.judge.inner().truth.values.keys().cloned());
        for (path, bytes) in self.machine.files().contents() {
            let text = String::from_utf8_lossy(&bytes);
            if values.iter().any(|v| text.contains(&v[3..14])) {
                self.judge.broken(&format!("{} holds a secret value", path.display()));
            }
        }
    }
}

fn operator(lab: &Lab) -> (ClientId, String) {
    let operator: ClientId = OPERATOR.parse().unwrap();
    lab.create_application(NewApplication::new(operator.clone(), OPERATOR_NAME));
    let (_, secret) = lab.add_secret(&operator, SecretSpec::default());
    let permissions =
        ["Application.ReadWrite.All", "Directory.Read.All", "Policy.Read.All", "AuditLog.Read.All"];
    permissions.iter().for_each(|p| lab.grant_app_permission(&operator, p));
    lab.create_vault(VAULT);
    lab.grant_vault_role(&operator, VAULT, VaultRole::SecretsOfficer);
    (operator, secret)
}

fn bystanders(lab: &Lab) -> Vec<ClientId> {
    let make = |n| {
        let id = ClientId::from_random([n + 100; 16]);
        lab.create_application(NewApplication::new(id.clone(), format!("bystander-{n}")));
        lab.add_secret(&id, SecretSpec::default());
        id
    };
    (0..BYSTANDERS).map(make).collect()
}

/// What furnishing an application yields.
struct Made {
    leaked: String,
    fact: Fact,
    /// Version in the store, value, key.
    known: Vec<(Option<String>, String, String)>,
}

fn furnish(lab: &Lab, app: &App, canaries: &mut Vec<String>) -> Made {
    lab.create_application(NewApplication::new(app.client_id.clone(), app.name.clone()));
    let on = |principal| if principal { Owner::ServicePrincipal } else { Owner::Application };
    let spec = SecretSpec {
        on: on(app.on_principal),
        hint: Some(app.hint.clone()),
        display_name: Some("leaked".into()),
        ..SecretSpec::default()
    };
    let (leaked, value) = lab.add_secret(&app.client_id, spec);
    let leaked = leaked.to_string();
    let (mut initial, mut known) = (BTreeSet::from([leaked.clone()]), Vec::new());
    for principal in &app.others {
        let spec = SecretSpec { on: on(*principal), ..SecretSpec::default() };
        let (key, value) = lab.add_secret(&app.client_id, spec);
        initial.insert(key.to_string());
        canaries.push(value.clone());
        known.push((None, value, key.to_string()));
    }
    canaries.push(value.clone());
    let attacker = AttackerSpec {
        client_id: app.client_id.clone(),
        value: value.clone(),
        every: Duration::from_secs(300),
    };
    lab.attacker(attacker);
    let version = app.stored.then(|| lab.put_vault_secret(VAULT, &app.place, &value));
    let mut consumers = Vec::new();
    for c in app.consumers.iter().filter(|_| app.stored) {
        let (refresh, pinned_version) = match c.follows {
            Follows::Every(s) => (Habit::Every(Duration::from_secs(s)), None),
            Follows::Restart => (Habit::OnRestartOnly, None),
            Follows::Pinned => (Habit::Pinned, version.clone()),
        };
        let source = VaultSecret { vault: VAULT.into(), name: app.place.clone(), pinned_version };
        lab.consumer(ConsumerSpec {
            name: c.name.clone(),
            client_id: app.client_id.clone(),
            source,
            refresh,
            sign_in_every: c.signs_in_every,
        });
        consumers.push((c.name.clone(), c.follows, c.signs_in_every.as_secs()));
    }
    known.push((version, value, leaked.clone()));
    let fact = Fact { client_id: app.client_id.clone(), place: app.place.clone(), initial, consumers };
    Made { leaked, fact, known }
}

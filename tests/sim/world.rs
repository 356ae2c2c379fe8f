//! The scene of one seed: the tenant with its people, the machine, the installation, the judge.

use crate::aims::Named;
use crate::furnish::{self, Made};
use crate::judge::{Fact, Judge, Scene};
use crate::line::Line;
use crate::machine::Machine;
use crate::scenario::{Scenario, TENANT};
use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::connector::registry;
use reissue::domain::approval::Signer;
use reissue::domain::credential::Form;
use reissue::domain::event::Environment;
use reissue::domain::id::{ClientId, Digest};
use reissue::domain::playbook::check;
use reissue::domain::playbook::model::{Cloud, ValidPlaybook};
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::domain::time::Timestamp;
use reissue::env::{Clock, Env, MemoryDisk, Random};
use reissue::lab::{Faults, Lab, LabDisconnect, LabOptions, Owner};
use reissue::trail::home::{Home, Install};
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use std::cell::RefCell;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

pub(crate) const HOME: &str = "sim";
pub(crate) const AUTHOR: &str = "operator@sim.example";

pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) env: Env,
    pub(crate) lab: Lab,
    /// The one that the team works on.
    pub(crate) machine: RefCell<Machine>,
    /// What both machines reach.
    pub(crate) share: MemoryDisk,
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
        let start: Timestamp = "2026-01-05T03:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(start);
        let random = Random::from_seed(scenario.seed);
        let machine = Machine::new(Path::new(HOME).join("log/events.jsonl"), random.clone(), 0);
        let env = Env { clock, random: random.clone(), disk: Arc::new(machine.clone()) };
        let options = LabOptions {
            tenant: TENANT.parse().unwrap(),
            lags: scenario.lags.clone(),
            token_seconds: scenario.token_s,
            ..LabOptions::default()
        };
        let theirs = Clock::starting_at(Timestamp::from_unix_s(start.unix_s() + scenario.skew_s));
        let lab = Lab::new(theirs, random, options);
        let (operator, operator_secret) = furnish::operator(&lab);
        let bystanders = furnish::bystanders(&lab);
        let mut canaries = vec![operator_secret.clone()];
        let (named, scene, known) = set_the_scene(&lab, &scenario, &mut canaries);
        let text = scenario.playbook(&named);
        if aloud {
            println!("{text}");
        }
        let playbook = check(&text, &registry::syntaxes()).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let signer = |n: u8| {
            let name = format!("approver{n}@sim.example");
            (name.clone(), Signer::from_seed(&[n; 32], &name).unwrap())
        };
        let approvers: Vec<_> = (1..=scenario.quorum + 1).map(signer).collect();
        let blind_s =
            scenario.lags.replica.most.as_secs() + if scenario.faults.long_lag > 0 { 660 } else { 60 };
        let judge = Arc::new(Judge::new((clock, blind_s), lab.clone(), operator.to_string(), scene, aloud));
        for (version, value, key) in known {
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
            machine: RefCell::new(machine),
            share: MemoryDisk::default(),
            judge,
            playbook,
            approvers,
            operator,
            operator_secret,
            canaries,
            bystanders,
        };
        if world.scenario.skew_s != 0 {
            world.judge.count("clocks differ");
        }
        let before = world.untouched();
        world.found().await;
        world.machine().watch(world.judge.clone());
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

    pub(crate) fn machine(&self) -> Machine {
        self.machine.borrow().clone()
    }

    /// The surroundings of a process on the team's machine.
    pub(crate) fn surroundings(&self) -> Env {
        Env { disk: Arc::new(self.machine()), ..self.env.clone() }
    }

    pub(crate) fn home(&self) -> Home {
        Home::open(&self.surroundings(), Path::new(HOME)).unwrap_or_else(|e| panic!("{e}"))
    }

    /// A session of a new process with the tenant.
    pub(crate) fn session_on(&self, machine: &Machine, process: u32) -> Azure {
        let line = Line {
            lab: self.lab.clone(),
            machine: machine.clone(),
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
            if self.lab.is_deleted(id) {
                return "deleted".to_owned();
            }
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
        let inner = self.judge.inner();
        let by_others =
            |text: &String| inner.truth.visited.iter().any(|object| text.contains(object.as_str()));
        let now = self.untouched();
        let changed = now.iter().zip(&self.before).any(|(now, before)| now != before && !by_others(before));
        drop(inner);
        if changed {
            self.judge.broken("our own identity or a bystander was changed");
        }
    }
    /// No value may be in any file.
    pub(crate) fn judge_files(&self) {
        for (path, bytes) in self.machine().files().contents().into_iter().chain(self.share.contents()) {
            self.judge_file(&path, &bytes);
        }
    }
    pub(crate) fn judge_file(&self, path: &Path, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let holds = {
            let truth = &self.judge.inner().truth;
            let values = self.canaries.iter().chain(truth.values.keys()).chain(&truth.delivered);
            values.map(|v| part(v)).any(|v| text.contains(v))
        };
        if holds {
            self.judge.broken(&format!("{} holds a secret value", path.display()));
        }
    }
}

/// A part of a value that is in no other text: of a private key, past its public half.
fn part(value: &str) -> &str {
    if value.starts_with("-----") { value.get(700..718).unwrap_or(value) } else { &value[3..14] }
}

type Known = Vec<(Option<String>, String, String)>;

fn set_the_scene(lab: &Lab, scenario: &Scenario, canaries: &mut Vec<String>) -> (Vec<Named>, Scene, Known) {
    let (mut named, mut facts, mut known) = (Vec::new(), Vec::<Fact>::new(), Vec::new());
    for app in &scenario.apps {
        let exists = facts.iter().any(|f| f.client_id == app.client_id);
        let Made { named: name, fact, known: values } = furnish::application(lab, app, exists);
        canaries.extend(values.iter().map(|(_, value, _)| value.clone()));
        named.push(name);
        facts.push(fact);
        known.extend(values);
    }
    for off in &scenario.offs {
        let (fact, value) = furnish::unused(lab, off);
        canaries.push(value);
        facts.push(fact);
    }
    let clients: std::collections::BTreeSet<_> = facts.iter().map(|f| f.client_id.clone()).collect();
    for (client, form) in clients.iter().flat_map(|c| [(c, Form::Secret), (c, Form::Certificate)]) {
        if !facts.iter().any(|f| f.client_id == *client && f.form == form) {
            facts.push(furnish::rest_of(client, form));
        }
    }
    let people: Vec<_> = scenario.users.iter().map(|u| furnish::user(lab, u)).collect();
    canaries.extend(people.iter().map(|p| p.password.clone()));
    (named, Scene { facts, people }, known)
}

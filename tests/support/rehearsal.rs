//! A lab tenant with one playbook, a wire that can be told to go wrong at the n-th write, and a
//! process that can be killed there and started again. Nobody is at work in the tenant but us.

#[path = "mishaps.rs"]
mod mishaps;

use bytes::Bytes;
pub(crate) use mishaps::{Frail, Mishap, Sent};
use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::connector::syntaxes;
use reissue::domain::approval::{Signer, Statement};
use reissue::domain::approved::{NotApproved, ReadPlan, Says};
use reissue::domain::event::{Decision, Environment};
use reissue::domain::id::{ClientId, Digest};
use reissue::domain::note::Note;
use reissue::domain::plan::make::Known;
use reissue::domain::plan::{Plan, file};
use reissue::domain::playbook::{ValidPlaybook, check};
use reissue::domain::secret::Secret;
use reissue::domain::step::Phase;
use reissue::domain::target::TargetState;
use reissue::domain::text::Text;
use reissue::drill::scene::{self, Scene};
use reissue::engine::recovery::Recovery;
use reissue::engine::{Left, Outcome};
use reissue::env::{Clock, Env, MemoryDisk};
use reissue::lab::LabDisconnect;
use reissue::pipeline::{self, ApplyFailure, ApplyOrder, PlanFailure, PlanInHand, PlanOrder};
use reissue::trail::home::Install;
use reissue::trail::inbox::Inbox;
use reissue::trail::reader::Reader;
use reissue::trail::{Home, Journal};
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

const BEGINS: &str = "2026-01-05T03:00:00Z";
const HOME: &str = "/home";
pub(crate) const AUTHOR: &str = "author@agency.example";
pub(crate) const APPROVER: &str = "ann@agency.example";

/// Everything that a run needs, and what outlives a crash of it.
pub(crate) struct Rehearsal {
    pub(crate) env: Env,
    pub(crate) disk: MemoryDisk,
    pub(crate) playbook: ValidPlaybook,
    pub(crate) scene: Scene,
    pub(crate) wire: Arc<Frail>,
    pub(crate) azure: Azure,
    /// What the installation knows when it plans.
    pub(crate) known: Known,
    /// What is reset on premises shows here.
    pub(crate) hashes_are_synchronised: bool,
}

impl Rehearsal {
    pub(crate) fn new(text: &str) -> Self {
        Self::with_scene(text, |_| {})
    }

    /// The furnished scene, and what a test changes in it.
    pub(crate) fn with_scene(text: &str, change: impl FnOnce(&Scene)) -> Self {
        Self::made(text, 7, change)
    }

    /// Other chances.
    pub(crate) fn seeded(text: &str, seed: u64) -> Self {
        Self::made(text, seed, |_| {})
    }

    fn made(text: &str, seed: u64, change: impl FnOnce(&Scene)) -> Self {
        let playbook = check(text, &syntaxes()).unwrap_or_else(|found| panic!("{:?}", found.found()));
        let disk = MemoryDisk::default();
        let clock = Clock::starting_at(BEGINS.parse().unwrap());
        let env = Env { disk: Arc::new(disk.clone()), ..Env::simulated(clock, seed) };
        let scene = scene::build(&env, &playbook);
        change(&scene);
        let inner = InProcess::new(scene.lab.service(), |e: &LabDisconnect| e.may_have_reached);
        let wire = Arc::new(Frail {
            inner: Box::new(inner),
            plan: Mutex::default(),
            sent: Mutex::default(),
            answers: Mutex::default(),
            hangs: Mutex::default(),
            dead: Notify::new(),
        });
        let azure = session(&env, &playbook, &scene, &wire);
        Self {
            env,
            disk,
            playbook,
            scene,
            wire,
            azure,
            known: Known::default(),
            hashes_are_synchronised: true,
        }
    }

    /// What a process comes to, unless it dies before.
    pub(crate) async fn unless_it_dies<T>(&self, process: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wire.dead.notified() => None,
            ended = process => Some(ended),
        }
    }

    pub(crate) fn go_wrong(&self, n: usize, mishap: Mishap) {
        self.wire.plan.lock().unwrap().push((n, mishap));
    }

    /// Another playbook for the same tenant.
    pub(crate) fn reads(&mut self, text: &str) {
        self.playbook = check(text, &syntaxes()).unwrap_or_else(|found| panic!("{:?}", found.found()));
    }

    /// Another identity acts.
    pub(crate) fn acts_as(&mut self, client: &ClientId, secret: String) {
        self.scene.operator = client.clone();
        self.scene.operator_secret = secret;
        self.azure = session(&self.env, &self.playbook, &self.scene, &self.wire);
    }

    /// A request of the operator's that is none of the product's business: to set the scene.
    pub(crate) async fn by_hand(&self, method: &str, url: &str, body: &str) -> u16 {
        let host = url.split('/').nth(2).unwrap();
        let resource = match host.split_once('.') {
            Some((_, zone)) if zone.starts_with("vault.") => format!("https://{zone}"),
            _ => format!("https://{host}"),
        };
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", self.scene.operator.as_str())
            .append_pair("client_secret", &self.scene.operator_secret)
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &format!("{resource}/.default"))
            .finish();
        let tenant = &self.playbook.tenant.id;
        let login = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
        let request = http::Request::post(login)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .unwrap();
        let answer = self.scene.lab.handle(request).await.unwrap();
        let token: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()))
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        let status = self.scene.lab.handle(request).await.unwrap().status().as_u16();
        // Whatever it was has spread before anybody looks.
        self.env.clock.sleep(Duration::from_secs(120)).await;
        status
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.wire.sent.lock().unwrap().clone()
    }

    pub(crate) async fn plan(&self) -> Result<Plan, PlanFailure> {
        let environment = Environment::Lab;
        let mut known = self.known.clone();
        known.switched_off.extend(self.scene.switched_off());
        let order = PlanOrder::new(Text::lossy(AUTHOR), environment, known);
        pipeline::make_plan(&self.env, &self.azure, &self.playbook, order).await
    }

    /// Plans, approves, and applies; a crash is followed by a resume, as often as it takes.
    pub(crate) async fn run(&mut self) -> Result<Outcome, ApplyFailure> {
        let plan = self.plan().await.unwrap();
        self.carry_out(&plan).await
    }

    /// The same, with the plan that was carried out.
    pub(crate) async fn run_and_keep_the_plan(&mut self) -> (Plan, Outcome) {
        let plan = self.plan().await.unwrap();
        let outcome = self.carry_out(&plan).await.unwrap();
        (plan, outcome)
    }

    /// The first target's state, folded from the log again.
    pub(crate) fn recovered_state(&self, plan: &Plan) -> TargetState {
        let mut recovery = Recovery::new(PlanInHand::held(file::write(plan).unwrap()).unwrap().plan());
        let home = Home::open(&self.env, Path::new(HOME)).unwrap();
        let log = Reader::open(self.env.disk.as_ref(), &home.log()).unwrap();
        log.for_each(|read| recovery.fold(&read.unwrap().line));
        recovery.states.all().next().unwrap().1.into_owned()
    }

    /// What the log says of trouble, for messages.
    pub(crate) fn troubles(&self) -> String {
        self.told(&["step.failed", "step.looked", "drift.seen", "target."])
    }

    /// The lines of the log that hold one of some words.
    pub(crate) fn told(&self, words: &[&str]) -> String {
        let home = Home::open(&self.env, Path::new(HOME)).unwrap();
        let log = Reader::open(self.env.disk.as_ref(), &home.log()).unwrap();
        let lines = log.map(|read| String::from_utf8(read.unwrap().line.to_bytes().unwrap()).unwrap());
        let told = lines.filter(|l| words.iter().any(|w| l.contains(w)));
        told.map(|l| l[l.find("\"time\"").unwrap_or(0)..].to_owned() + "\n").collect()
    }

    pub(crate) async fn carry_out(&mut self, plan: &Plan) -> Result<Outcome, ApplyFailure> {
        let (home, plan) = self.prepare(plan).await;
        self.go(&home, &plan, false).await
    }

    /// The same, in an installation that is there already.
    pub(crate) async fn carry_on_with(&mut self, plan: &Plan) -> Result<Outcome, ApplyFailure> {
        let (home, plan) = self.approved(plan);
        self.go(&home, &plan, false).await
    }

    /// An installation, and an approval of the plan in its inbox.
    pub(crate) async fn prepare(&self, plan: &Plan) -> (Home, Vec<u8>) {
        self.found().await;
        self.approved(plan)
    }

    fn approved(&self, plan: &Plan) -> (Home, Vec<u8>) {
        let plan = file::write(plan).unwrap();
        let home = Home::open(&self.env, Path::new(HOME)).unwrap();
        self.approve(&home, &plan);
        (home, plan)
    }

    /// Applies, as often as it takes: after a crash, and when people have done what is asked.
    pub(crate) async fn go(
        &mut self,
        home: &Home,
        plan: &[u8],
        mut resume: bool,
    ) -> Result<Outcome, ApplyFailure> {
        loop {
            let ended = self.unless_it_dies(self.apply(home, plan, resume)).await;
            resume = true;
            match ended {
                Some(Ok(outcome)) if self.is_confirmed(home, &outcome).await => continue,
                Some(ended) => return ended,
                None => {}
            }
            self.disk.crash_process();
            self.azure = session(&self.env, &self.playbook, &self.scene, &self.wire);
        }
    }

    /// If the run left because it waits for people: they do what they are asked for, and say so.
    async fn is_confirmed(&self, home: &Home, outcome: &Outcome) -> bool {
        let Left::Holding { confirm, .. } = &outcome.left else { return false };
        let log = Reader::open(self.env.disk.as_ref(), &home.log()).unwrap();
        let run = log.filter_map(|read| read.unwrap().line.run).last().unwrap();
        // Written by other processes: what goes wrong with ours is not theirs.
        let inbox = Inbox::new(Arc::new(self.disk.clone()), &home.log());
        for (target, consumer) in confirm {
            self.env.clock.sleep(Duration::from_secs(300)).await;
            let upn = self.playbook.targets[0].subject.name();
            match consumer.as_str() {
                "disabled-on-premises" => self.scene.lab.disable_on_premises(upn),
                reset if self.hashes_are_synchronised => {
                    self.scene.lab.reset_on_premises(upn, &format!("On-premises {reset}"));
                }
                _ => {}
            }
            let (by, how) = (Text::lossy("ad@agency.example"), Text::lossy("done there"));
            let note =
                Note::Confirm { by, consumer: consumer.clone(), how, run: run.clone(), target: *target };
            inbox.hand_in(note.word(), &serde_json::to_vec(&note).unwrap()).unwrap();
        }
        !confirm.is_empty()
    }

    /// What the next plan knows of this installation.
    pub(crate) fn known_from_the_log(&self) -> Known {
        let home = Home::open(&self.env, Path::new(HOME)).unwrap();
        reissue::trail::known::known(&home).unwrap()
    }

    async fn apply(&self, home: &Home, plan: &[u8], resume: bool) -> Result<Outcome, ApplyFailure> {
        let (_keep, stop) = watch::channel(false);
        self.apply_until(home, plan, resume, stop, |_| {}).await
    }

    /// The same, with somebody who may ask it to leave, and who sees the log.
    pub(crate) async fn apply_until(
        &self,
        home: &Home,
        plan: &[u8],
        resume: bool,
        stop: watch::Receiver<bool>,
        see: impl FnOnce(&Journal),
    ) -> Result<Outcome, ApplyFailure> {
        let plan = PlanInHand::held(plan.to_vec()).map_err(NotApproved::Plan)?;
        self.apply_in_hand(home, plan, resume, stop, see).await
    }

    pub(crate) async fn apply_in_hand(
        &self,
        home: &Home,
        plan: PlanInHand,
        resume: bool,
        stop: watch::Receiver<bool>,
        see: impl FnOnce(&Journal),
    ) -> Result<Outcome, ApplyFailure> {
        let order = ApplyOrder {
            plan,
            operator: Text::lossy(AUTHOR),
            process: Text::lossy("rehearsal"),
            resume,
            patience: Some(Duration::from_secs(30 * 86_400)),
            stop,
        };
        Ok(pipeline::apply(&self.env, home, &self.azure, order, see).await?.1)
    }

    pub(crate) async fn found(&self) -> Home {
        let line = approver().public_line().unwrap();
        let roster = format!(
            "reissue_roster: 1\npeople:\n  - name: {APPROVER}\n    role: security-officer\n    keys:\n      - {line}\n"
        );
        let install = Install {
            agency: Text::lossy("rehearsal"),
            cloud: self.playbook.tenant.cloud,
            environment: Environment::Lab,
            install: Text::lossy("rehearsal"),
            roster: Digest::of(roster.as_bytes()),
            tenant: self.playbook.tenant.id.clone(),
            version: 1,
        };
        let process = Text::lossy("rehearsal");
        Home::create(&self.env, Path::new(HOME), install, roster.as_bytes(), process).await.unwrap().0
    }

    pub(crate) fn approve(&self, home: &Home, plan: &[u8]) {
        let read = ReadPlan::new(plan, pipeline::here(home).unwrap()).unwrap();
        let now = self.env.clock.now();
        let statement = read.statement(Says {
            approver: Text::lossy(APPROVER),
            break_glass: false,
            decision: Decision::Approve,
            evidence: None,
            from: now,
            log_head: home.head().unwrap(),
            nonce: Statement::nonce(self.env.random.stream("nonces").bytes()),
            phase: Phase::Start,
            role: Text::lossy("security-officer"),
            until: now.after(self.playbook.approval.valid_for),
        });
        let signed = approver().sign(&statement).unwrap();
        let statement = String::from_utf8(signed.statement_bytes).unwrap();
        let note = Note::Approval { signature: signed.armored, statement };
        let inbox = Inbox::new(self.env.disk.clone(), &home.log());
        inbox.hand_in(note.word(), &serde_json::to_vec(&note).unwrap()).unwrap();
    }
}

pub(crate) fn approver() -> Signer {
    Signer::from_seed(&[3; 32], APPROVER).unwrap()
}

pub(crate) fn session(env: &Env, playbook: &ValidPlaybook, scene: &Scene, wire: &Arc<Frail>) -> Azure {
    let identity = Identity::Secret {
        client_id: scene.operator.clone(),
        secret: Secret::new(scene.operator_secret.clone()),
    };
    let budget = Azure::budget_for(env, 70, Start::Full);
    let tenant = playbook.tenant.id.clone();
    Azure::new(env, playbook.tenant.cloud, tenant, Arc::<Frail>::clone(wire), budget, identity)
}

/// Runs a test in a runtime of its own, in virtual time.
pub(crate) fn in_virtual_time<F: Future>(test: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test)
}

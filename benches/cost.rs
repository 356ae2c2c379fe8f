//! What a rotation costs us, over TLS on loopback: run by `python3 benches/cost.py`, which sets others beside it.
//!
//!     cost lab FOLDER APPLICATIONS            a lab that answers at once: no lags, no quotas, nobody lives in it
//!     cost ours FOLDER APPLICATIONS AT_ONCE [WARM]
//!
//! `ours` rotates one secret of each application: reads it, has the directory add a secret, stores that in the
//! vault, removes the old one. It does so through the library as the executor does: permits from a budget,
//! one session, and a log on disk in which each intent is durable before its request is sent, and each outcome
//! before the next. It says `begin` after the first `WARM` applications (connections, token), and `end` after
//! the last, so that whoever started it can look at its processor time there.

#![allow(clippy::expect_used, clippy::print_stdout)]

use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::azure::graph::credentials::{Holder, NewPassword};
use reissue::azure::key_vault::Name;
use reissue::azure::key_vault::secrets::NewSecret;
use reissue::azure::quota::Operation;
use reissue::domain::credential::{CredentialRef, Form, Place};
use reissue::domain::event::{Environment, Event, StepDone, StepIntent};
use reissue::domain::id::{ClientId, Digest, ObjectId, RunId, StepNo, TargetId};
use reissue::domain::playbook::model::Cloud;
use reissue::domain::secret::Secret;
use reissue::domain::step::{Effect, Keeper};
use reissue::domain::text::Text;
use reissue::domain::time::Timestamp;
use reissue::env::{Disk, Env, RealDisk};
use reissue::lab::{Lab, LabOptions, Lags, NewApplication, SecretSpec, VaultRole};
use reissue::trail::journal::{Entry, Journal, Opening, Settings};
use reissue::trail::{Folder, LogKey};
use reissue::wire::budget::Start;
use reissue::wire::net::{Net, NetOptions, Roots};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const TENANT: &str = "7d3c9a10-0000-4000-8000-000000000001";
const OPERATOR: &str = "33333333-3333-4333-8333-333333333333";
/// Names to which the lab answers as one of the public cloud.
const VAULT: &str = "lab.vault.azure.net";
const LIFE: Duration = Duration::from_secs(90 * 86_400);
/// The budget counts as if the cloud's windows were so many times shorter, so that it does not bind: at
/// pace 100 it gives out 20,000 writes a second to the directory (a rotation takes two).
const HASTE: u32 = 1_000;

fn client(n: u32) -> ClientId {
    format!("8a1d0000-0000-4000-8000-{n:012x}").parse().expect("a client id")
}

fn object(n: u32) -> ObjectId {
    format!("8a1d0000-0000-4000-9000-{n:012x}").parse().expect("an object id")
}

fn say(word: &str) {
    println!("{word}");
    std::io::stdout().flush().expect("somebody listens");
}

/// Serves the lab until the process is ended.
async fn lab(folder: &Path, applications: u32) {
    let env = Env::real();
    let options = LabOptions {
        tenant: TENANT.parse().expect("a tenant"),
        lags: Lags::none(),
        quotas: false,
        ..LabOptions::default()
    };
    let lab = Lab::new(env.clock, env.random.clone(), options);
    let operator: ClientId = OPERATOR.parse().expect("a client id");
    lab.create_application(NewApplication::new(operator.clone(), "operator"));
    let secret = lab.add_secret(&operator, SecretSpec::default()).1;
    for permission in ["Application.ReadWrite.All", "Directory.Read.All"] {
        lab.grant_app_permission(&operator, permission);
    }
    lab.create_vault("lab");
    lab.grant_vault_role(&operator, "lab", VaultRole::SecretsOfficer);
    for n in 1..=applications {
        let spec = NewApplication::new(client(n), format!("app-{n}"));
        lab.create_application(NewApplication { object_id: Some(object(n)), ..spec });
        lab.add_secret(&client(n), SecretSpec::default());
    }
    let operator = serde_json::json!({ "client_id": OPERATOR, "client_secret": secret });
    RealDisk.make_folder(folder).expect("a folder");
    let text = operator.to_string();
    RealDisk.write_atomic(&folder.join("operator.json"), text.as_bytes()).expect("written");
    let serving = reissue::lab::serve::serve(lab, folder, ([127, 0, 0, 1], 0).into()).await;
    serving.expect("a served lab").wait().await;
}

/// What the rotations share.
struct Desk {
    azure: Azure,
    journal: Journal,
    run: RunId,
    name: Text<90>,
}

fn json(folder: &Path, name: &str) -> serde_json::Value {
    let bytes = std::fs::read(folder.join(name)).expect("a lab's folder");
    serde_json::from_slice(&bytes).expect("JSON")
}

impl Desk {
    fn open(folder: &Path) -> Self {
        let env = Env::real();
        let env = Env { clock: env.clock.hasty(HASTE), ..env };
        let (about, operator) = (json(folder, "lab.json"), json(folder, "operator.json"));
        let address = about["addr"].as_str().expect("an address").parse().expect("an address");
        let hosts = ["login.microsoftonline.com", "graph.microsoft.com", "*.vault.azure.net"];
        let table = hosts.iter().map(|host| ((*host).to_owned(), address)).collect();
        let ca = std::fs::read(folder.join("ca.pem")).expect("a CA");
        let options = NetOptions { roots: Roots::Only(ca), resolve: Some(table), plain: false };
        let net = Net::new(options).expect("a client");
        let identity = Identity::Secret {
            client_id: OPERATOR.parse().expect("a client id"),
            secret: Secret::new(operator["client_secret"].as_str().expect("a secret").to_owned()),
        };
        let budget = Azure::budget_for(&env, 100, Start::Full);
        let tenant = TENANT.parse().expect("a tenant");
        let azure = Azure::new(&env, Cloud::Public, tenant, Arc::new(net), budget, identity);
        let run = env.new_run_id();
        let name = Text::lossy(&format!("reissue {run}"));
        Self { azure, journal: journal(&env, &folder.join(format!("log-{run}"))), run, name }
    }

    async fn record(&self, target: TargetId, event: impl Into<Event>) {
        let entry = Entry::of_target(&self.run, target, event);
        self.journal.append_one(entry).await.expect("durable");
    }
    async fn intend(&self, target: TargetId, step: StepNo) {
        let request = Text::lossy(self.azure.env().new_guid("request-ids").as_str());
        self.record(target, StepIntent { attempt: 1, request, step, undo: false }).await;
    }
    async fn done(&self, target: TargetId, step: StepNo, effect: Effect) {
        self.record(target, StepDone { attempt: 1, effect, step, undo: false }).await;
    }

    /// Four requests and six lines of log.
    async fn rotate(&self, n: u32) {
        let (graph, target) = (self.azure.graph(), TargetId(n));
        let app = graph.application_state(&object(n)).await.expect("an answer").expect("an application");
        let holder = Holder::Application(app.id.clone());
        let reference = |id: &str| CredentialRef {
            form: Form::Password,
            id: Text::lossy(id),
            object: Text::lossy(app.id.as_str()),
        };
        let old = &app.passwords.first().expect("a secret").key_id;

        let permit = self.azure.permit(app.audience().write_operation()).await;
        self.intend(target, 1).await;
        let end = self.azure.env().clock.now().after(LIFE);
        let new = NewPassword { display_name: Text::lossy(&self.name), end };
        let minted = graph.add_password(&holder, &new, &permit).await.expect("a secret");
        let credential = reference(minted.key_id.as_str());
        self.done(target, 1, Effect::Minted { credential, keeper: Keeper::Memory, not_after: end }).await;

        let version = self.publish(target, n, &minted.value, end).await;
        let place = Place { name: Text::lossy(&format!("app-{n}")), store: Text::lossy("ir") };
        self.done(target, 2, Effect::Published { place, previous: None, version }).await;

        let permit = self.azure.permit(app.audience().write_operation()).await;
        self.intend(target, 3).await;
        graph.remove_password(&holder, old, &permit).await.expect("removed");
        self.done(target, 3, Effect::Retired { credential: reference(old.as_str()) }).await;
    }

    async fn publish(&self, target: TargetId, n: u32, value: &Secret, end: Timestamp) -> Text<64> {
        let vault = self.azure.vault(VAULT).expect("a vault");
        let permit = self.azure.permit(Operation::VaultSetSecret(VAULT)).await;
        self.intend(target, 2).await;
        let tags = BTreeMap::from([("reissue-run".to_owned(), self.run.to_string())]);
        let new = NewSecret { value, tags, content_type: None, expires: Some(end) };
        let name = Name::new(&format!("app-{n}")).expect("a name");
        vault.set_secret(&name, &new, &permit).await.expect("stored").version
    }
}

fn journal(env: &Env, root: &Path) -> Journal {
    let opening = Opening {
        command: Text::lossy("apply"),
        environment: Environment::Lab,
        install: Text::lossy("bench"),
        process: Text::lossy("boot:1:1"),
        roster: Digest::of(b"roster"),
        tenant: TENANT.parse().expect("a tenant"),
        version: Text::lossy("0.1.0"),
    };
    let key = LogKey::create(env.disk.as_ref(), &root.with_extension("key"), &env.random, "bench.test/t/i");
    let settings = Settings { env: env.clone(), folder: Folder::new(root), key: key.expect("a key") };
    Journal::create(settings, &opening).expect("a log")
}

/// Rotates these applications, so many at once.
async fn rotate_all(desk: &Arc<Desk>, numbers: std::ops::RangeInclusive<u32>, at_once: usize) {
    let numbers = Arc::new(std::sync::Mutex::new(numbers));
    let mut working = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (desk, numbers) = (desk.clone(), numbers.clone());
        working.spawn(async move {
            loop {
                let next = numbers.lock().expect("nobody panics").next();
                let Some(n) = next else { return };
                desk.rotate(n).await;
            }
        });
    }
    working.join_all().await;
}

async fn ours(folder: &Path, applications: u32, at_once: usize, warm: u32) {
    let desk = Arc::new(Desk::open(folder));
    rotate_all(&desk, 1..=warm, at_once).await;
    say("begin");
    rotate_all(&desk, warm + 1..=applications, at_once).await;
    say("end");
    let desk = Arc::into_inner(desk).expect("nobody works any more");
    desk.journal.close().await.expect("closed");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u32>().expect("a number");
    // One thread, as the program itself.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match words.as_slice() {
        ["lab", folder, applications] => runtime.block_on(lab(Path::new(folder), number(applications))),
        ["ours", folder, applications, at_once, rest @ ..] => {
            let warm = rest.first().map_or(20, |w| number(w));
            runtime.block_on(ours(Path::new(folder), number(applications), number(at_once) as usize, warm));
        }
        _ => println!("run `python3 benches/cost.py`, or see the head of benches/cost.rs"),
    }
}

//! How long planning takes in a large tenant, and how much memory.
//!
//!     cargo bench --bench plan [-- [APPLICATIONS] [TARGETS]...]     (default: 100,000; 10,000, 1,000 and 100)
//!
//! The tenant has so many applications, a fifth of that in users, and some who hold permissions. Of the
//! targets seven in ten are secrets, of which half are to be searched by their hints, two in ten are users,
//! half of the rest are disables and half certificates.
//!
//! 1. *Time*, virtual, in this process, at pace 70 and at 100: the bound is what the read quotas dictate for
//!    the requests that a plan cannot do without (pages of 999 of everything that is listed, or the certificates of
//!    fifteen objects with one request, whatever is less; one read for each certificate's public key; the groups of each user; the versions of each name in the vault), by the
//!    documented rates at that pace, the bucket full at the beginning. Buckets are used side by side, so the
//!    bound is that of the slowest.
//! 2. *Memory*: the real program plans the same playbook over TLS; the lab is in this process, the program in
//!    one of its own, and the largest resident set is its own. The lab is a hasty one (windows 20 times
//!    shorter), which changes the time and nothing else.

#![allow(clippy::expect_used, clippy::print_stdout)]

use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::azure::quota::{self, GRAPH_UNITS, KEY_READS, VAULT_CALLS};
use reissue::connector::syntaxes;
use reissue::domain::approval::Signer;
use reissue::domain::event::Environment;
use reissue::domain::id::{ClientId, Digest};
use reissue::domain::plan::make::Known;
use reissue::domain::playbook::{ValidPlaybook, check};
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::drill::{self, scene};
use reissue::env::{Disk, Env, RealDisk};
use reissue::lab::serve::serve;
use reissue::lab::{Lab, LabDisconnect, LabOptions, Lags, NewApplication, NewUser};
use reissue::pipeline::{PlanOrder, make_plan};
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HEAD: &str = "reissue: 1
incident: { id: INC-BENCH, title: Planning, exposed_since: 2026-01-01T00:00:00Z }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 1, valid_for: 48h }
guardrails: { rotate_at_most: 100000, reset_at_most: 100000, disable_at_most: 100000 }
targets:
";
const PAGE: u64 = 999;
/// Objects whose certificates one request brings.
const TOGETHER: u64 = 15;
const HASTE: u32 = 20;
/// Everything else there is in a lab's tenant: the operator, bystanders.
const OTHERS: u64 = 41;

/// How many targets of each sort.
#[derive(Clone, Copy, Default)]
struct Sorts {
    secrets: u64,
    certificates: u64,
    disables: u64,
    users: u64,
}

fn playbook(targets: usize) -> (String, Sorts) {
    let (mut text, mut sorts) = (HEAD.to_owned(), Sorts::default());
    for n in 1..=targets {
        let app = format!("8a1d0000-0000-4000-8000-{n:012x}");
        let to = format!("publish: {{ store: ir, name: a{n} }}, hold: {{ time: 1h }}");
        let line = match n % 20 {
            0 => {
                sorts.certificates += 1;
                format!("app: {app}, name: a{n}, rotate: {{ certificate: all, {to} }}")
            }
            1 => {
                sorts.disables += 1;
                format!("app: {app}, name: a{n}, disable: {{ reason: unused }}")
            }
            2..=5 => {
                sorts.users += 1;
                format!(
                    "user: u{n}@lab.test, reset: {{ deliver: {{ store: ir, name: u{n}, to: helpdesk }} }}"
                )
            }
            _ => {
                sorts.secrets += 1;
                let secret =
                    if n % 2 == 0 { "all".to_owned() } else { format!("{{ hint: h{:02} }}", n % 89 + 10) };
                format!("app: {app}, name: a{n}, rotate: {{ secret: {secret}, {to} }}")
            }
        };
        let _ = writeln!(text, "  - {{ {line} }}");
    }
    (text, sorts)
}

/// The rest of the tenant; some hold permissions.
fn populate(lab: &Lab, applications: usize, users: usize) {
    for n in 0..applications {
        let mut id = [0xbb; 16];
        id[..8].copy_from_slice(&(n as u64).to_be_bytes());
        let id = ClientId::from_random(id);
        lab.create_application(NewApplication::new(id.clone(), format!("other-{n}")));
        match n % 400 {
            0 => lab.grant_app_permission(&id, "Application.ReadWrite.All"),
            1..=10 => lab.grant_app_permission(&id, "User.Read.All"),
            _ => {}
        }
    }
    for n in 0..users {
        lab.create_user(NewUser::new(format!("other-{n}@lab.test"), format!("Other {n}")));
    }
}

/// The tenant with this playbook's targets in it.
fn tenant(env: &Env, playbook: &ValidPlaybook, applications: usize, options: LabOptions) -> scene::Scene {
    let scene = scene::build_with(env, playbook, options);
    let targets = playbook.targets.len();
    populate(&scene.lab, applications.saturating_sub(targets), applications / 5);
    scene
}

/// Seconds that the read quotas dictate at a pace, by bucket; the longest counts.
fn bounds(applications: u64, sorts: Sorts, pace: u8) -> Vec<(&'static str, u64, f64)> {
    let apps = sorts.secrets + sorts.certificates + sorts.disables;
    let listed = applications.max(apps) + OTHERS;
    let users = applications / 5 + sorts.users + OTHERS;
    let pages = |n: u64| n.div_ceil(PAGE);
    let stored = sorts.secrets + sorts.certificates + sorts.users;
    // Certificates: both lists, or both objects of each, together.
    let (lists, together) = (2 * pages(listed), 2 * apps.div_ceil(TOGETHER));
    let keys = lists.min(together) + if together < lists { 2 * apps } else { 0 };
    // Owners and federated credentials: lists that cost two a page, or four reads for each.
    let around = (2 * lists * 2).min(4 * apps);
    let people = (2 * pages(users) + 2 * sorts.users).min(4 * sorts.users);
    let reads = [
        // Then the public key of each application that has a certificate to replace.
        (KEY_READS, lists.min(together) + sorts.certificates),
        (GRAPH_UNITS, keys + around + people + sorts.certificates),
        // A free name: its versions, and whether it is a deleted one's.
        (VAULT_CALLS, 2 * stored),
    ];
    let documented = |name| quota::QUOTAS.iter().find(|(n, _)| *n == name).expect("a documented quota").1;
    reads.into_iter().map(|(n, amount)| (n, amount, documented(n).share(pace).seconds(amount))).collect()
}

fn in_virtual_time(text: &str, sorts: Sorts, applications: usize, pace: u8) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let env = drill::environment(1);
        let playbook = check(text, &syntaxes()).expect("a sound playbook");
        let scene = tenant(&env, &playbook, applications, LabOptions::default());
        let wire = InProcess::new(scene.lab.service(), |e: &LabDisconnect| e.may_have_reached);
        let secret = Secret::new(scene.operator_secret.clone());
        let identity = Identity::Secret { client_id: scene.operator.clone(), secret };
        let (cloud, id) = (playbook.tenant.cloud, playbook.tenant.id.clone());
        let budget = Azure::budget_for(&env, pace, Start::Full);
        let azure = Azure::new(&env, cloud, id, Arc::new(wire), budget, identity);
        let order = PlanOrder::new(Text::lossy("op"), Environment::Lab, Known::default());
        let (began, wall) = (env.clock.elapsed(), Instant::now());
        let plan = make_plan(&env, &azure, &playbook, order).await.expect("a plan");
        let (took, wall) = ((env.clock.elapsed() - began).as_secs_f64(), wall.elapsed().as_secs_f64());
        let bounds = bounds(applications as u64, sorts, pace);
        let (name, _, bound) = bounds.iter().max_by(|a, b| a.2.total_cmp(&b.2)).expect("buckets");
        let shown: Vec<String> = bounds.iter().map(|(n, amount, s)| format!("{amount} of {n}: {s:.0} s")).collect();
        println!(
            "| {pace} | {} ({} left alone) | {bound:.1} s ({name}) | {took:.1} s | {:.3} | {:?} | {wall:.1} s |",
            plan.changes().count(),
            plan.exceptions().count(),
            took / bound,
            scene.lab.ledger().answers,
        );
        println!("\nbound at pace {pace}: {}\n", shown.join("; "));
    });
}

/// Peak resident set in MiB, so far.
fn peak(pid: u32) -> Option<u64> {
    let status = RealDisk.read(Path::new(&format!("/proc/{pid}/status")), 1 << 16).ok()?;
    let text = String::from_utf8(status).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib.div_ceil(1024))
}

fn program(folder: &Path, words: &[&str]) -> (u64, f64) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_reissue"));
    child.args(words).current_dir(folder).stdout(Stdio::null());
    let mut child = child.spawn().expect("the program");
    let mut most = 0;
    loop {
        most = most.max(peak(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a status") {
            assert!(status.success(), "{words:?}: {status}");
            return (most, began.elapsed().as_secs_f64());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn in_real_memory(text: &str, applications: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        RealDisk.write_atomic(&folder.path().join(name), text.as_bytes()).expect("a file");
    };
    write("playbook.yaml", text);
    let signer = Signer::from_seed(&Digest::of(b"ann").0, "ann").expect("a key");
    let key = signer.public_line().expect("a key");
    write(
        "roster.yaml",
        &format!("reissue_roster: 1\npeople:\n  - {{ name: ann, role: approver, keys: [ \"{key}\" ] }}\n"),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let env = Env::real();
    let playbook = check(text, &syntaxes()).expect("a sound playbook");
    let options = LabOptions { lags: Lags::none(), haste: HASTE, ..LabOptions::default() };
    let scene = tenant(&env, &playbook, applications, options);
    let operator = serde_json::json!({
        "client_id": scene.operator, "secret": scene.operator_secret, "haste": HASTE
    });
    let lab = folder.path().join("lab");
    let any = "127.0.0.1:0".parse().expect("an address");
    let serving = runtime.block_on(serve(scene.lab.clone(), &lab, any)).expect("a lab");
    write("lab/operator.json", &operator.to_string());
    let tenant = playbook.tenant.id.to_string();
    let init = ["init", "--tenant", &tenant, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
    let (idle, _) = program(folder.path(), &init);
    let (most, wall) = program(folder.path(), &["plan", "playbook.yaml", "--author", "op", "--lab", "lab"]);
    let bytes = RealDisk.read(&folder.path().join("plan.jsonl"), 1 << 30).map_or(0, |b| b.len()) >> 20;
    println!(
        "peak of `reissue plan`: {most} MiB (of `reissue init`: {idle} MiB); plan.jsonl {bytes} MiB; {wall:.0} s"
    );
    drop(serving);
}

fn main() {
    // Cargo passes `--bench` on.
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let applications = numbers.first().copied().unwrap_or(100_000);
    let targets = numbers.get(1..).filter(|n| !n.is_empty()).unwrap_or(&[10_000, 1_000, 100]);
    println!("| pace | planned | bound | took | / bound | answers | wall |");
    println!("|---|---|---|---|---|---|---|");
    for targets in targets {
        let (text, sorts) = playbook(*targets);
        in_virtual_time(&text, sorts, applications, 70);
        in_virtual_time(&text, sorts, applications, 100);
    }
    in_real_memory(&playbook(targets[0]).0, applications);
}

//! No secret escapes (promise 3): every secret in play is a canary, every command runs, on good
//! and on bad days, and whatever it prints or writes is scanned for each canary in every shape.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "canary/debug.rs"]
mod debug;
#[path = "canary/fleet.rs"]
mod fleet;
mod support;
#[path = "canary/tree.rs"]
mod tree;

use crate::support::desk::{self, Desk, full_at, told};
use crate::support::team::TENANT;
use reissue::lab::Faults;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

const PLAYBOOK: &str = include_str!("canary/playbook.yaml");
const KEY: &str = "vault:kv-ir.vault.usgovcloudapi.net/reissue-log";
const RESUME: [&str; 12] = [
    "apply",
    "--resume",
    "--operator",
    "kim",
    "--lab",
    "lab",
    "--patience",
    "5s",
    "--countersign",
    KEY,
    "--mirror",
    "mirror",
];

#[test]
fn no_secret_escapes() {
    let mut desk = Desk::new(PLAYBOOK);
    before_the_run(&mut desk);
    wrong_secret(&mut desk);
    killed_and_resumed(&mut desk);
    after_the_run(&mut desk);
    roster_changes(&mut desk);
    anchored(&mut desk);
    commands_about_nothing(&mut desk);
    a_lab(&mut desk);
    fleet::a_fleet(&mut desk);
    what_the_run_made(&mut desk);
    let missed: Vec<_> = desk::all_commands().difference(&desk.exercised).cloned().collect();
    assert!(missed.is_empty(), "not exercised, so not scanned: {missed:?}");
    let children = std::fs::read_dir(desk.team.path("children")).unwrap().count();
    assert!(children >= 10, "ssh-keygen and az were watched: {children}");
    let found = desk.findings();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), told(&found));
}

fn before_the_run(desk: &mut Desk) {
    desk.must(0, &["check", "playbook.yaml"]);
    let init = ["init", "--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
    desk.must(0, &init);
    desk.must(0, &["doctor", "--playbook", "playbook.yaml", "--lab", "lab"]);
    desk.must(0, &["doctor", "--playbook", "playbook.yaml", "--lab", "lab", "--json"]);
    desk.must(0, &["plan", "playbook.yaml", "--author", "op", "--lab", "lab"]);
    desk.must(0, &["plan", "playbook.yaml", "--author", "op", "--lab", "lab", "--out", "2.jsonl", "--json"]);
    desk.must(0, &["show", "plan.jsonl"]);
    desk.must(0, &["show", "plan.jsonl", "--json"]);
    desk.must(4, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"]);
    approve(desk, "start");
}

fn approve(desk: &mut Desk, phase: &str) {
    for who in ["ann", "ben"] {
        let by = format!("{who}@agency.example");
        desk.must(0, &["approve", "plan.jsonl", "--by", &by, "--key", who, "--phase", phase]);
    }
}

/// A secret that the service refuses is a secret too.
fn wrong_secret(desk: &mut Desk) {
    let wrong = "Wr0ng\"+/\\~&<éQw3rtzUiop.As9d";
    desk.canaries.add("a refused secret", wrong);
    std::fs::write(desk.team.path("wrong-secret"), wrong).unwrap();
    let id = desk.scene.operator.to_string();
    for last in [&[][..], &["--json"]] {
        let doctor = ["doctor", "--lab", "lab", "--as", "secret", "--client-id", &id, "--secret-fd", "0"];
        let stdin = std::fs::File::open(desk.team.path("wrong-secret")).unwrap();
        assert_eq!(desk.run_with(&[&doctor[..], last].concat(), &[], Some(stdin)), 1);
        assert!(desk.last().contains("AADSTS7000215"), "{}", desk.last());
    }
}

fn killed_and_resumed(desk: &mut Desk) {
    let begin = [
        "apply",
        "plan.jsonl",
        "--operator",
        "op",
        "--lab",
        "lab",
        "--countersign",
        KEY,
        "--mirror",
        "mirror",
    ];
    let mut apply = desk.team.start(&begin);
    desk.team.wait_for("the mint", || desk.team.log().contains("\"minted\""));
    for file in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{}/{file}", apply.id())).unwrap_or_default();
        desk.printed.push((format!("{file} of apply"), bytes));
    }
    apply.kill().unwrap();
    apply.wait().unwrap();
    desk.must(0, &["status"]);
    desk.must(0, &["status", "--json"]);
    people_speak(desk);
    another_machine(desk);
    on_a_full_disk(desk);
    // Writes that may or may not have happened, told in the words of the request.
    desk.scene.lab.set_faults(Faults { echo: 30, ..Faults::default() });
    let ended = desk.run(&RESUME);
    assert!([4, 7].contains(&ended), "{ended}\n{}", desk.last());
    desk.scene.lab.set_faults(Faults::default());
    approve(desk, "retire");
    let json = [&RESUME[..], &["--json"]].concat();
    let ended = desk.run(&json);
    assert!([0, 7].contains(&ended), "{ended}\n{}", desk.last());
}

/// Full at once, and full while the run is at work.
fn on_a_full_disk(desk: &mut Desk) {
    for room in [0, 8, 400] {
        let log = std::fs::metadata(desk.team.path(".reissue/log/events.jsonl")).unwrap().len();
        let blocks = if room == 0 { 0 } else { log / 512 + room };
        let ended = desk.run_under(&full_at(blocks), &RESUME, &[]);
        assert_ne!(ended, 0, "{}", desk.last());
        assert!(room > 8 || desk.last().contains("too large"), "{room}: {}", desk.last());
    }
}

/// The roster is changed by its people, after the run.
fn roster_changes(desk: &mut Desk) {
    // Files that are something else, and hold secrets.
    let by_card = ["approve", "plan.jsonl", "--by", "ann@agency.example", "--statement", "lab/operator.json"];
    let files = ["--signature", "lab/operator.json", "--crl", "lab/operator.json"];
    desk.must(4, &[&by_card[..], &files].concat());
    desk.must(4, &[&by_card[..], &["--signature", "lab/operator.json", "--json"]].concat());
    let roster = std::fs::read_to_string(desk.team.path("roster.yaml")).unwrap();
    std::fs::write(desk.team.path("second.yaml"), roster + "# the second\n").unwrap();
    desk.must(0, &["roster", "show"]);
    desk.must(0, &["roster", "key", "lab/ca.pem"]);
    desk.must(1, &["roster", "key", "lab/operator.json", "--json"]);
    desk.must(0, &["roster", "sign", "second.yaml", "--by", "ann@agency.example", "--show", "--json"]);
    desk.must(0, &["roster", "sign", "second.yaml", "--by", "ann@agency.example", "--key", "ann"]);
    desk.must(4, &["roster", "adopt", "second.yaml"]);
    desk.must(0, &["roster", "sign", "second.yaml", "--by", "ben@agency.example", "--key", "ben", "--json"]);
    desk.must(0, &["roster", "adopt", "second.yaml", "--json"]);
    desk.must(0, &["roster", "show", "--json"]);
    desk.must(1, &["roster", "sign", "lab/operator.json", "--by", "ann@agency.example"]);
}

fn after_the_run(desk: &mut Desk) {
    assert!(desk.team.path("mirror").read_dir().unwrap().count() > 0, "there is a mirror to scan");
    let key = std::fs::read_to_string(desk.team.path(".reissue/log/log.vkey")).unwrap();
    let key = ["--key", key.trim()];
    desk.must(0, &["audit", "export", "--out", "bundle.tar"]);
    desk.must(3, &[&["audit", "verify", "--bundle", "bundle.tar"], &key[..]].concat());
    desk.must(0, &[&["report", "--bundle", "bundle.tar", "--out", "page.html"], &key[..]].concat());
    for (version, json) in [("1.8", &[][..]), ("1.9", &["--json"])] {
        let siem = format!("siem-{version}.jsonl");
        desk.must(0, &[&["report", "--ocsf", version, "--out", &siem], json].concat());
    }
    for arguments in [
        &["status", "latest"][..],
        &["status", "latest", "--json"],
        &["audit", "verify"],
        &["audit", "verify", "--json"],
        &["audit", "show"],
        &["audit", "show", "--json"],
        &["report", "--out", "reports"],
        &["report", "--out", "reports-again", "--json"],
        &["audit", "export", "--only", "--out", "private.tar"],
        &["audit", "export", "--only", "--out", "private-again.tar", "--json"],
        &["audit", "corroborate", "--lab", "lab"],
        &["audit", "corroborate", "latest", "--lab", "lab", "--json"],
        &["confirm", "latest", "t1", "--consumer", "payroll-worker", "--by", "kim", "--how", "x"],
        &["apply", "2.jsonl", "--operator", "op", "--lab", "lab"],
        &["show", "lab/operator.json"],
        &["check", "lab/operator.json"],
        &["init", "--home", "h2", "--tenant", TENANT, "--roster", "lab/operator.json"],
        &["plan", "lab/operator.json", "--author", "op", "--lab", "lab"],
    ] {
        desk.run(arguments);
    }
    assert!(std::fs::read_dir(desk.team.path("reports")).unwrap().count() > 0, "there is a report to scan");
}

/// A repository keeps the checkpoint; witnesses and authorities do not answer here.
fn anchored(desk: &mut Desk) {
    for arguments in [
        &["init", "-q", "--bare", "kept.git"][..],
        &["-C", "kept.git", "config", "user.name", "Kim"],
        &["-C", "kept.git", "config", "user.email", "kim@agency.example"],
    ] {
        let done = std::process::Command::new("git").args(arguments).current_dir(desk.team.path("")).status();
        assert!(done.unwrap().success());
    }
    desk.must(0, &["audit", "anchor", "--git", "kept.git"]);
    desk.must(0, &["audit", "anchor", "--git", "kept.git", "--json"]);
    desk.must(0, &["audit", "anchor", "--tsq-out", "kept.tsq"]);
    let blob = "https://kept.blob.core.usgovcloudapi.net/anchors";
    for last in [&[][..], &["--json"]] {
        let keep = ["audit", "anchor", "--blob", blob, "--keep-for", "30d", "--lab", "lab"];
        desk.must(0, &[&keep[..], last].concat());
    }
    let witness = "w.example+fd0a1844+BAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    for url in ["http://127.0.0.1:9", "https://127.0.0.1:9", "ftp://kim:s3cret@x"] {
        desk.must(1, &["audit", "anchor", "--witness", url, "--witness-vkey", witness]);
    }
    desk.run(&["audit", "verify", "--anchor-git", "kept.git", "--witness-vkey", witness]);
}

/// What people say about a run that is open.
fn people_speak(desk: &mut Desk) {
    let by = ["--by", "ann@agency.example"];
    for arguments in [&["pause", "latest", "--reason", "lunch"][..], &["pause", "latest", "--continue"]] {
        desk.must(0, &[arguments, &by].concat());
    }
    desk.must(1, &[&["resolve", "latest", "t1", "--done", "--reason", "x"][..], &by].concat());
    // On a copy: the run itself goes on.
    let mut copy = std::process::Command::new("cp");
    let copied = copy.arg("-r").args([desk.team.path(".reissue"), desk.team.path("copy")]).status();
    assert!(copied.unwrap().success());
    desk.must(0, &[&["abort", "latest", "--reason", "x", "--home", "copy"][..], &by].concat());
    // Identities that sign in otherwise.
    let secret = desk.scene.operator_secret.clone();
    let file = desk.team.path("own-secret");
    std::fs::write(&file, secret).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let id = desk.scene.operator.to_string();
    let own = ["doctor", "--lab", "lab", "--as", "secret", "--client-id", &id, "--secret-file", "own-secret"];
    desk.must(0, &own);
    desk.must(1, &["doctor", "--lab", "lab", "--as", "azure-cli"]);
}

/// With no log, or with a copy of it that nobody mirrored, another machine only says so.
fn another_machine(desk: &mut Desk) {
    desk.must(0, &["recover", "plan.jsonl", "--lab", "lab"]);
    desk.must(0, &["recover", "plan.jsonl", "--lab", "lab", "--json"]);
    let common = ["handover", "latest", "--roster", "roster.yaml", "--tenant", TENANT, "--lab", "lab"];
    let who = ["--cloud", "us_gov_high", "--operator", "kim", "--by", "ann@agency.example", "--key", "ann"];
    for from in [".reissue/log", "nowhere"] {
        let to = ["--home", "taken", "--from", from];
        assert_ne!(desk.run(&[&common[..], &who, &to].concat()), 0, "the run is at work: {}", desk.last());
    }
}

/// Commands that need no installation.
fn commands_about_nothing(desk: &mut Desk) {
    for arguments in [
        &["schema"][..],
        &["explain"],
        &["explain", "RI001", "--json"],
        &["completions", "bash"],
        &["drill", "playbook.yaml", "--json"],
    ] {
        let ended = desk.run(arguments);
        assert!([0, 7].contains(&ended), "{arguments:?}: {ended}");
    }
}

/// A lab of its own: its operator's secret is known only when it is there.
fn a_lab(desk: &mut Desk) {
    let arguments = ["lab", "playbook.yaml", "--dir", "served", "--fast", "--record", "served.jsonl"];
    desk.note(&arguments);
    let mut lab =
        desk.team.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    desk.team.wait_for("the lab", || desk.team.path("served/lab.json").exists());
    let operator = std::fs::read(desk.team.path("served/operator.json")).unwrap();
    let operator: serde_json::Value = serde_json::from_slice(&operator).unwrap();
    desk.canaries.add("the served lab's operator", operator["secret"].as_str().unwrap());
    desk.must(0, &["doctor", "--lab", "served", "--playbook", "playbook.yaml"]);
    lab.kill().unwrap();
    let output = lab.wait_with_output().unwrap();
    desk.printed.push(("stdout of lab".into(), output.stdout));
    desk.printed.push(("stderr of lab".into(), output.stderr));
}

/// Values that only the run itself made are canaries after the fact.
fn what_the_run_made(desk: &mut Desk) {
    let vault = |store: &str, name: &str| {
        desk.scene.lab.vault_secret(&format!("{store}.vault.usgovcloudapi.net"), name).expect("published")
    };
    let password = vault("kv-helpdesk", "alice-temporary");
    let (secret, contained) = (vault("kv-ir", "payroll-sync"), vault("kv-ir", "partner-feed"));
    let key = vault("kv-ir", "hr-portal-cert");
    desk.canaries.add("alice's new password", &password);
    desk.canaries.add("the new secret", &secret);
    desk.canaries.add("the new secret of the contained app", &contained);
    desk.canaries.add_private_key("the new private key", &key);
    let log_key = std::fs::read_to_string(desk.team.path(".reissue/log.key")).unwrap();
    desk.canaries.add("the log's key", log_key.trim().splitn(5, '+').nth(4).unwrap());
}

/// Every error repeats the request: its token, its body, its secret.
#[test]
fn errors_that_repeat_the_request_tell_nothing() {
    let mut desk = Desk::new(PLAYBOOK);
    desk.scene.lab.set_faults(Faults { echo: 1000, ..Faults::default() });
    let tried: Vec<_> = [
        &["doctor", "--playbook", "playbook.yaml", "--lab", "lab"][..],
        &["doctor", "--json", "--playbook", "playbook.yaml", "--lab", "lab"],
    ]
    .map(|arguments| {
        (arguments, desk.team.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn())
    })
    .into_iter()
    .map(|(arguments, child)| (arguments.join(" "), child.unwrap().wait_with_output().unwrap()))
    .collect();
    for (name, output) in tried {
        assert_eq!(output.status.code(), Some(1));
        desk.printed.push((format!("stdout of {name}"), output.stdout));
        desk.printed.push((format!("stderr of {name}"), output.stderr));
    }
    assert!(desk.scene.lab.ledger().faults.contains_key("echo"));
    let found = desk.findings();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), told(&found));
}

/// Lost and broken answers, throttling, a person who is impatient: what is told of it is told without what
/// was sent.
#[test]
fn no_secret_escapes_in_bad_weather() {
    let mut desk = Desk::new(PLAYBOOK);
    desk.must(0, &["init", "--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"]);
    desk.must(0, &["plan", "playbook.yaml", "--author", "op", "--lab", "lab"]);
    approve(&mut desk, "start");
    let begin = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"];
    let mut apply = desk.team.command(&begin);
    let apply = apply.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    desk.team.wait_for("the mint", || desk.team.log().contains("\"minted\""));
    let pid = rustix::process::Pid::from_child(&apply);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = apply.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    desk.printed.push(("stdout of an interrupted apply".into(), output.stdout));
    desk.printed.push(("stderr of an interrupted apply".into(), output.stderr));
    // Whatever takes minutes is left out: it is told in no other words.
    let quick = Faults { slow: 0, long_lag: 0, throttled_lying: 0, ..Faults::hostile().without_strangers() };
    let storm = Faults { echo: 60, lost_after: 40, cut_body: 40, ..quick };
    desk.scene.lab.set_faults(storm);
    let resume = ["apply", "--resume", "--operator", "op", "--lab", "lab", "--patience", "2s"];
    for last in [&[][..], &["--json"]] {
        desk.run(&[&resume[..], last].concat());
        for who in ["ann", "ben"] {
            let by = format!("{who}@agency.example");
            // Refused while no hold is over.
            desk.run(&["approve", "plan.jsonl", "--by", &by, "--key", who, "--phase", "retire"]);
        }
    }
    desk.run(&["doctor", "--playbook", "playbook.yaml", "--lab", "lab"]);
    let faults = desk.scene.lab.ledger().faults;
    assert!(faults.len() > 3, "it was bad weather: {faults:?}");
    desk.must(0, &["report", "--out", "reports"]);
    desk.must(0, &["audit", "export", "--out", "bundle.tar"]);
    let found = desk.findings();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), told(&found));
}

/// The values of a drill are those of its seed: they are known beforehand.
#[test]
fn no_secret_escapes_from_a_drill() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut desk = Desk::new(PLAYBOOK);
    let scene = runtime.block_on(async {
        let env = reissue::drill::environment(7);
        let playbook = reissue::domain::playbook::check(PLAYBOOK, &reissue::connector::syntaxes()).unwrap();
        reissue::drill::scene::build(&env, &playbook)
    });
    desk.canaries.add("the drill's operator", &scene.operator_secret);
    for (name, value) in scene.leaked.iter().filter(|(_, v)| !v.contains("PRIVATE KEY")) {
        desk.canaries.add(&format!("the drill's {name}"), value);
    }
    for last in [&["--keep", "kept"][..], &["--json"]] {
        let ended = desk.run(&[&["drill", "playbook.yaml", "--seed", "7"][..], last].concat());
        assert!([0, 7].contains(&ended), "{ended}\n{}", desk.last());
    }
    let found = desk.findings();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), told(&found));
}

//! Many tenants with the real program: two labs, two installations, one fleet file, and rows that go wrong.

use crate::support::team::{self, TENANT, Team};
use serde_json::Value;
use std::fmt::Write;
use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");
const OTHER: &str = "7d3c9a10-0000-4000-8000-000000000002";
const BOTH: [&str; 4] = ["--only", "contoso", "--only", "fabrikam"];
const APPLY: [&str; 7] = ["apply", "--fleet", "fleet.yaml", "--operator", "op", "--patience", "1s"];

/// Two tenants, each with people and a lab; the first one's folder has the fleet file, whose third row
/// names a home that is not there.
struct Two {
    contoso: Team,
    fabrikam: Team,
}

impl Two {
    fn gather() -> Self {
        let contoso = Team::gather(PLAYBOOK);
        let fabrikam = Team::gather(&PLAYBOOK.replace(TENANT, OTHER));
        contoso.init();
        let init = ["init", "--tenant", OTHER, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
        fabrikam.must(0, &init);
        let there = fabrikam.folder.path().display();
        let rows = format!(
            "reissue_fleet: 1
tenants:
  - {{ name: contoso, home: .reissue, playbook: playbook.yaml, plan: plan.jsonl, lab: lab }}
  - {{ name: fabrikam, home: {there}/.reissue, playbook: {there}/playbook.yaml, plan: {there}/plan.jsonl, lab: {there}/lab }}
  - {{ name: northwind, home: nowhere, playbook: playbook.yaml, lab: lab }}
"
        );
        std::fs::write(contoso.path("fleet.yaml"), rows).unwrap();
        Self { contoso, fabrikam }
    }

    fn approve(&self) {
        for team in [&self.contoso, &self.fabrikam] {
            team.approve("ann", "start");
            team.approve("ben", "start");
        }
    }

    fn both_logs_have(&self, word: &str) -> bool {
        [&self.contoso, &self.fabrikam].iter().all(|team| team.log().contains(word))
    }
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

#[test]
fn one_goes_wrong_and_the_others_go_on() {
    let two = Two::gather();
    let desk = &two.contoso;
    let told =
        objects(&desk.must(1, &["--json", "plan", "--fleet", "fleet.yaml", "--author", "op@agency.example"]));
    let of = |kind: &str| told.iter().filter(|o| o["kind"] == kind).collect::<Vec<_>>();
    assert_eq!((of("plan").len(), of("failure").len(), of("fleet_row").len()), (2, 1, 3));
    assert_eq!(of("failure")[0]["fleet_tenant"], "northwind");
    assert!(
        of("plan").iter().all(|o| ["contoso", "fabrikam"].contains(&o["fleet_tenant"].as_str().unwrap()))
    );
    assert_eq!(of("fleet")[0]["exits"], serde_json::json!({ "0": 2, "1": 1 }));
    // A plan is not written over.
    let again = desk.must(1, &[&["plan", "--fleet", "fleet.yaml", "--author", "op"][..], &BOTH].concat());
    assert_eq!(
        again.matches("there is a file already").count(),
        4,
        "told at once, and in the table: {again}"
    );
    // Unapproved: nothing is begun.
    let told = desk.must(4, &[&APPLY[..], &BOTH].concat());
    assert!(told.contains("2 tenants by exit code: 2 with 4."), "{told}");
    two.approve();
    let told = desk.must(1, &APPLY);
    for line in ["contoso | ", "fabrikam | ", "northwind | error RI007"] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(told.contains("3 tenants by exit code: 1 with 1, 2 with 9."), "{told}");
    let waits = |l: &&str| l.contains("next: reissue confirm ") && l.contains("--consumer payroll-worker");
    assert_eq!(told.lines().filter(waits).count(), 2, "{told}");
    // Begun twice is refused as ever; with --resume both go on.
    assert_eq!(desk.must(1, &[&APPLY[..], &BOTH].concat()).matches("is not finished: go on with").count(), 4);
    desk.must(9, &[&APPLY[..], &["--resume"], &BOTH].concat());
    assert_eq!(desk.recorded("/addPassword").len(), 1, "nothing was minted twice");
    let told = desk.must(1, &["status", "--fleet", "fleet.yaml"]);
    assert_eq!(told.lines().filter(|l| l.contains(" open: 1 waiting for people")).count(), 2, "{told}");
}

/// Without the first field, a line is the one that the command alone prints.
#[test]
fn a_tenant_of_a_fleet_says_what_it_says_alone() {
    let two = Two::gather();
    let desk = &two.contoso;
    let plan = ["--json", "plan", "--author", "op", "--fleet", "fleet.yaml", "--only", "contoso"];
    let beside = desk.must(0, &plan);
    let first = r#"{"fleet_tenant":"contoso","#;
    let beside: Vec<Value> = beside
        .lines()
        .filter_map(|l| l.strip_prefix(first))
        .map(|l| serde_json::from_str(&format!("{{{l}")).unwrap())
        .collect();
    let out = ["--json", "plan", "--author", "op", "playbook.yaml", "--lab", "lab", "--out", "alone.jsonl"];
    let alone = objects(&desk.must(0, &out));
    assert_eq!(beside.len(), alone.len());
    for (beside, alone) in beside.iter().zip(&alone).filter(|(_, alone)| alone["kind"] != "plan") {
        assert_eq!(beside, alone);
    }
    // Two rows for one tenant.
    let rows = std::fs::read_to_string(desk.path("fleet.yaml")).unwrap();
    let third = "- { name: northwind, home: nowhere";
    std::fs::create_dir(desk.path("copy")).unwrap();
    let copied = Command::new("cp").arg("-r").args([desk.path(".reissue"), desk.path("copy/home")]).status();
    assert!(copied.unwrap().success());
    std::fs::write(desk.path("twice.yaml"), rows.replace(third, "- { name: northwind, home: copy/home"))
        .unwrap();
    let told = desk.must(1, &["status", "--fleet", "twice.yaml"]);
    assert!(told.contains("RI037") && told.contains("contoso and northwind are both about tenant"), "{told}");
}

#[test]
fn ctrl_c_leaves_all_of_them_at_a_safe_place() {
    let two = Two::gather();
    let desk = &two.contoso;
    desk.must(0, &[&["plan", "--fleet", "fleet.yaml", "--author", "op@agency.example"][..], &BOTH].concat());
    two.approve();
    let mut apply = desk
        .command(&[&APPLY[..], &BOTH].concat())
        .stdout(File::create(desk.path("out")).unwrap())
        .stderr(File::create(desk.path("err")).unwrap())
        .spawn()
        .unwrap();
    desk.wait_for("both mints", || two.both_logs_have("\"minted\""));
    let sent = Command::new("kill").args(["-INT", &apply.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = apply.wait().unwrap().code();
    let said = |name: &str| std::fs::read_to_string(desk.path(name)).unwrap();
    assert_eq!(ended, Some(130), "{}{}", said("out"), said("err"));
    for name in ["contoso", "fabrikam"] {
        assert!(said("err").contains(&format!("{name} | leaving at the next safe place")), "{}", said("err"));
    }
    assert!(said("out").contains("2 tenants by exit code: 2 with 130."), "{}", said("out"));
    assert!(two.both_logs_have("\"published\""), "what only memory held was published first");
    desk.must(9, &[&APPLY[..], &["--resume"], &BOTH].concat());
    for team in [&two.contoso, &two.fabrikam] {
        assert_eq!(team.recorded("/addPassword").len(), 1, "nothing was minted twice");
    }
}

fn rows(many: usize) -> String {
    let mut text = String::from("reissue_fleet: 1\ntenants:\n");
    for n in 0..many {
        let _ = writeln!(text, "  - {{ name: t{n}, home: homes/{n}, playbook: {n}.yaml, lab: lab }}");
    }
    text
}

#[test]
fn many_are_counted_and_too_many_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = |many: usize, arguments: &[&str]| {
        std::fs::write(folder.path().join("fleet.yaml"), rows(many)).unwrap();
        let begun = Instant::now();
        let output = team::program(folder.path(), arguments).output().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        assert_eq!(output.status.code(), Some(1));
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (out, err) = run(1_000, &["status", "--fleet", "fleet.yaml"]);
    assert!(out.contains("1000 tenants by exit code: 1000 with 1.") && out.lines().count() < 2_100, "{out}");
    assert!(!err.contains("RI007"), "the table says it once: {err}");
    let (out, err) = run(10_000, &["plan", "--fleet", "fleet.yaml", "--author", "op"]);
    assert!(out.is_empty() && err.contains("PB007") && err.contains("at most 5000"), "{err}");
    assert!(err.lines().count() < 20, "{err}");
}

//! The commands of a run, as somebody meets them who makes a mistake: each case in
//! `tests/cases/desk` is a command, its exit code and all that it prints, on a desk that holds
//! installations in several states. No case may leave anything behind.
//!
//! After a wanted change of words: `TRYCMD=overwrite cargo test --test cli_desk`, then read the
//! diff as a tired person would.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use crate::support::team::{TENANT, Team};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const OTHER: &str = "7d3c9a10-0000-4000-8000-0000000000ff";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/desk");
    let all = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    all.filter(|p| p.extension().is_some_and(|e| e == "trycmd")).collect()
}

/// The desk: `.reissue` with a run that is holding, `fresh`, `real` and `other` without runs,
/// `drill` with a finished run, `tampered`, `edited`, `cut` and `planless` logs, a plan, an edited
/// plan and half a plan, a kept checkpoint.
fn desk() -> Team {
    let team = Team::gather(include_str!("cases/desk.yaml"));
    std::fs::write(team.path("shipped.yaml"), include_str!("../playbooks/leaked-app-secret.yaml")).unwrap();
    team.init();
    team.plan();
    for (home, tenant, lab) in [("fresh", TENANT, true), ("real", TENANT, false), ("other", OTHER, true)] {
        let mut arguments = vec![
            "init",
            "--home",
            home,
            "--tenant",
            tenant,
            "--cloud",
            "us_gov_high",
            "--roster",
            "roster.yaml",
        ];
        arguments.extend(lab.then_some("--lab"));
        team.must(0, &arguments);
    }
    team.approve("ann", "start");
    team.approve("ben", "start");
    team.must(9, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"]);
    let plan = std::fs::read_to_string(team.path("plan.jsonl")).unwrap();
    std::fs::write(team.path("edited.jsonl"), plan.replace("\"verb\":\"verify\"", "\"verb\":\"watch\""))
        .unwrap();
    for keep in ["drill", "tampered"] {
        team.must(0, &["drill", "shipped.yaml", "--keep", keep]);
    }
    std::fs::copy(team.path("drill/log/checkpoints/checkpoint"), team.path("kept")).unwrap();
    // A refused `apply` opens and closes the log: each of those cases has a home of its own.
    for (from, to) in [
        (".reissue", "begun"),
        (".reissue", "begun-too"),
        ("fresh", "unapproved"),
        ("fresh", "unapproved-too"),
        (".reissue", "edited"),
        (".reissue", "cut"),
        (".reissue", "planless"),
    ] {
        let copied =
            std::process::Command::new("cp").arg("-r").args([team.path(from), team.path(to)]).status();
        assert!(copied.unwrap().success());
    }
    for (name, text, mode) in [("shared-secret", "no real one", 0o640), ("empty-secret", "\n", 0o600)] {
        std::fs::write(team.path(name), text).unwrap();
        std::fs::set_permissions(team.path(name), Permissions::from_mode(mode)).unwrap();
    }
    std::fs::write(team.path("odd-quotas.yaml"), include_str!("cases/quotas/mistakes.yaml")).unwrap();
    std::os::unix::fs::symlink("empty-secret", team.path("linked-secret")).unwrap();
    edit(&team, "tampered", |text| text.replace("\"how\":\"time\"", "\"how\":\"confirmed\""));
    damage(&team, &plan);
    team
}

fn edit(team: &Team, home: &str, edit: impl Fn(String) -> String) {
    let events = team.path(home).join("log/events.jsonl");
    let text = std::fs::read_to_string(&events).unwrap();
    std::fs::write(events, edit(text)).unwrap();
}

/// Logs of the holding run: changed in the middle, without its last lines, without its plan.
fn damage(team: &Team, plan: &str) {
    edit(team, "edited", |text| text.replace("\"operator\":\"op\"", "\"operator\":\"me\""));
    edit(team, "cut", |text| {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        lines[..lines.len() - 2].concat()
    });
    let objects = team.path("planless/log/objects");
    for object in std::fs::read_dir(objects).unwrap().map(|e| e.unwrap().path()) {
        if std::fs::read(&object).unwrap() == plan.as_bytes() {
            std::fs::write(object, "{}").unwrap();
        }
    }
    std::fs::write(team.path("half.jsonl"), &plan[..plan.len() / 2]).unwrap();
    std::fs::write(team.path("headless.jsonl"), plan.split_inclusive('\n').next().unwrap()).unwrap();
}

fn files(folder: &Path, into: &mut BTreeMap<PathBuf, u64>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap()) {
        match entry.path().is_dir() {
            true => files(&entry.path(), into),
            false => drop(into.insert(entry.path(), entry.metadata().unwrap().len())),
        }
    }
}

/// Everything but what the lab itself writes.
fn listing(team: &Team) -> BTreeMap<PathBuf, u64> {
    let mut all = BTreeMap::new();
    files(team.folder.path(), &mut all);
    let grows =
        |p: &Path| p.to_string_lossy().contains("begun") || p.to_string_lossy().contains("unapproved");
    all.retain(|p, _| !p.ends_with("recording.jsonl") && !p.ends_with("lab.out") && !grows(p));
    all
}

#[test]
fn every_mistake_is_answered_and_leaves_nothing_behind() {
    let team = desk();
    let names: Vec<String> =
        cases().iter().map(|p| p.file_name().unwrap().to_string_lossy().into()).collect();
    assert!(names.len() >= 50);
    for (case, name) in cases().iter().zip(&names) {
        std::fs::copy(case, team.path(name)).unwrap();
    }
    let before = listing(&team);
    // The only test of this program: nobody else minds where it stands.
    std::env::set_current_dir(team.folder.path()).unwrap();
    let run = trycmd::TestCases::new();
    run.case(team.path("*.trycmd"));
    run.run();
    if std::env::var_os("TRYCMD").is_some() {
        cases().iter().zip(&names).for_each(|(case, name)| {
            std::fs::copy(team.path(name), case).unwrap();
        });
        return;
    }
    let after = listing(&team);
    let changed: Vec<_> = after.iter().filter(|(p, n)| before.get(*p) != Some(n)).collect();
    assert!(changed.is_empty() && after.len() == before.len(), "{changed:?}");
}

/// What the documentation says of exit codes is what the type says.
#[test]
fn every_exit_code_is_documented() {
    use reissue::cli::ExitCode as E;
    use reissue::cli::exit::AuditCode as A;
    let text = include_str!("../docs/exit-codes.md");
    let (commands, audit) = text.split_once("## `reissue audit verify`").unwrap();
    let rows = |text: &str| {
        let first = |l: &str| l.strip_prefix("| ")?.split(' ').next()?.parse::<u8>().ok();
        text.lines().filter_map(first).collect::<Vec<_>>()
    };
    let all = [
        E::Done,
        E::Error,
        E::ChangesPresent,
        E::Guardrail,
        E::Approval,
        E::PlanStale,
        E::FailedUndone,
        E::Stuck,
        E::Holding,
        E::Usage,
        E::Interrupted,
    ];
    assert_eq!(rows(commands), all.map(E::number));
    let all = [A::Intact, A::Tampered, A::NoVerdict, A::NotAnchored, A::Incomplete];
    assert_eq!(rows(audit), all.map(|a| E::Audit(a).number()));
}

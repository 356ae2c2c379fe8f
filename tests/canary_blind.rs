//! The canary scan is not blind: a build that leaks on purpose is caught at each sink and in each
//! shape. Needs `--features leak`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

use crate::support::desk::{Desk, full_at, told};
use crate::support::team::TENANT;

const PLAYBOOK: &str = include_str!("cases/desk.yaml");
const APPLY: [&str; 8] = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"];

/// Where each deliberate leak must be found. All of them happen before the run begins.
const SINKS: [(&str, &str); 24] = [
    ("stdout", "stdout of apply"),
    ("debug", "stderr of apply"),
    ("error", "stderr of apply"),
    ("base64", "stdout of apply"),
    ("base64-one-off", "stdout of apply"),
    ("base64-two-off", "stdout of apply"),
    ("base64url", "stdout of apply"),
    ("hex", "stdout of apply"),
    ("hex-upper", "stdout of apply"),
    ("url", "stdout of apply"),
    ("json", "stdout of apply"),
    ("json-ascii", "stdout of apply"),
    ("html", "stdout of apply"),
    ("bytes", "stdout of apply"),
    ("part", "stdout of apply"),
    ("trace", "stdout of apply"),
    ("utf16", ".reissue/cache.utf16"),
    ("gzip", ".reissue/cache.gz"),
    ("gzip-in-tar", ".reissue/cache.tar"),
    ("killed", ".reissue/cache.half"),
    ("object", "objects/sha256-"),
    ("file", ".reissue/cache.json"),
    ("argv", ".argv"),
    ("environ", ".environ"),
];

fn planned() -> Desk {
    let mut desk = Desk::new(PLAYBOOK);
    let init = ["init", "--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
    desk.must(0, &init);
    desk.must(0, &["plan", "playbook.yaml", "--author", "op", "--lab", "lab"]);
    desk
}

fn approve(desk: &mut Desk) {
    for who in ["ann", "ben"] {
        let by = format!("{who}@agency.example");
        desk.must(0, &["approve", "plan.jsonl", "--by", &by, "--key", who]);
    }
}

#[test]
fn every_deliberate_leak_is_found() {
    let mut desk = planned();
    for (sink, place) in SINKS {
        desk.printed.clear();
        let seen = |desk: &Desk| desk.findings().into_iter().filter(|f| f.contains(place)).count();
        let before = seen(&desk);
        // Without approvals it ends before the run, whatever it has leaked.
        desk.run_with(&APPLY, &[("REISSUE_LEAK", sink)], None);
        assert!(seen(&desk) > before, "{sink} is not seen at {place}:\n{}", told(&desk.findings()));
    }
}

/// A message about a write that failed says what was to be written.
#[test]
fn a_leak_on_a_full_disk_is_found() {
    let mut desk = planned();
    desk.run_under(&full_at(0), &APPLY, &[("REISSUE_LEAK", "full")]);
    assert!(desk.last().contains("could not keep"), "the disk is full: {}", desk.last());
    let found = desk.findings();
    assert!(found.iter().any(|f| f.contains("stdout of apply")), "{}", told(&found));
}

/// A file that is gone by the end was written all the same.
#[test]
fn a_leak_into_a_file_that_is_deleted_is_found() {
    let mut desk = planned();
    if !desk.run_traced(&APPLY, &[("REISSUE_LEAK", "deleted")]) {
        eprintln!("not tested: this machine has no strace, or does not let it trace");
        return;
    }
    let found = desk.findings();
    assert!(found.iter().any(|f| f.contains("writes of apply")), "{}", told(&found));
    assert!(!found.iter().any(|f| f.contains("cache.gone")), "{}", told(&found));
}

/// What is in an event is in the log, and in everything that is made of it.
#[test]
fn a_leak_into_an_event_is_found_wherever_the_log_goes() {
    let mut desk = planned();
    approve(&mut desk);
    desk.run_with(&[&APPLY[..], &["--mirror", "mirror"]].concat(), &[("REISSUE_LEAK", "event")], None);
    desk.run(&["status", "latest"]);
    desk.run(&["report", "--ocsf", "1.8", "--out", "siem-1.8.jsonl"]);
    desk.run(&["report", "--ocsf", "1.9", "--out", "siem-1.9.jsonl"]);
    desk.run(&["audit", "show"]);
    desk.run(&["report", "--out", "reports"]);
    desk.run(&["audit", "export", "--out", "bundle.tar"]);
    let found = desk.findings();
    for place in [
        "events.jsonl",
        "mirror/",
        "stdout of status",
        "stdout of audit show",
        "reports/report.html",
        "reports/report.json",
        "reports/events.csv",
        "siem-1.8.jsonl",
        "siem-1.9.jsonl",
        "bundle.tar",
    ] {
        assert!(found.iter().any(|f| f.contains(place)), "not seen at {place}:\n{}", told(&found));
    }
}

#[test]
fn without_a_leak_nothing_is_found_and_a_panic_hides_its_words() {
    for sink in ["nowhere", "panic"] {
        let mut desk = planned();
        approve(&mut desk);
        desk.run_with(&APPLY, &[("REISSUE_LEAK", sink)], None);
        let found = desk.findings();
        assert!(found.is_empty(), "{sink}:\n{}", told(&found));
        assert_eq!(desk.last().contains("a fault in reissue itself"), sink == "panic", "{}", desk.last());
    }
}

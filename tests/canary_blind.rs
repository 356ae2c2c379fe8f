//! The canary scan is not blind: a build that leaks on purpose is caught at each sink. Needs
//! `--features leak`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "canary/desk.rs"]
mod desk;
#[path = "canary/scan.rs"]
mod scan;
#[path = "support/team.rs"]
mod team;

use desk::{Desk, told};
use team::TENANT;

const PLAYBOOK: &str = include_str!("cases/desk.yaml");

/// Where each deliberate leak must be found.
const SINKS: [(&str, &str); 5] = [
    ("stdout", "stdout of apply"),
    ("debug", "stderr of apply"),
    ("error", "stderr of apply"),
    ("event", "events.jsonl"),
    ("object", "objects/sha256-"),
];

fn applied(sink: &str) -> Desk {
    let mut desk = Desk::new(PLAYBOOK);
    let init = ["init", "--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
    desk.must(0, &init);
    desk.must(0, &["plan", "playbook.yaml", "--author", "op", "--lab", "lab"]);
    for who in ["ann", "ben"] {
        let by = format!("{who}@agency.example");
        desk.must(0, &["approve", "plan.jsonl", "--by", &by, "--key", who]);
    }
    let apply = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"];
    desk.run_with(&apply, &[("REISSUE_LEAK", sink)], None);
    desk
}

#[test]
fn every_deliberate_leak_is_found() {
    for (sink, place) in SINKS {
        let found = applied(sink).findings();
        assert!(found.iter().any(|f| f.contains(place)), "{sink} is not seen at {place}:\n{}", told(&found));
    }
}

#[test]
fn without_a_leak_nothing_is_found_and_a_panic_hides_its_words() {
    for sink in ["nowhere", "panic"] {
        let desk = applied(sink);
        let found = desk.findings();
        assert!(found.is_empty(), "{sink}:\n{}", told(&found));
        assert_eq!(desk.last().contains("a fault in reissue itself"), sink == "panic", "{}", desk.last());
    }
}

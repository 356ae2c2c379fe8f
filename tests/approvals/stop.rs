//! What releases alone, what stops, and what counts once, with the real program: break-glass, a reject
//! and its withdrawal, a plan that was used.

use crate::support::team::Team;
use std::process::Command;

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");
const APPLY: [&str; 8] = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"];

/// The same incident, contained first: an outage, and nothing to wait for.
fn contained() -> String {
    let hold = "\n      hold: { confirmed_by: [ payroll-worker ] }";
    PLAYBOOK
        .replace(hold, "")
        .replace("    rotate:", "    contain: true\n    rotate:")
        .replace(", retire: separately", "")
}

/// Ben may break glass.
fn prepared(playbook: &str) -> Team {
    let team = Team::gather(playbook);
    let roster = std::fs::read_to_string(team.path("roster.yaml")).unwrap();
    let alone = roster.replace("role: system-owner\n", "role: system-owner\n    break_glass: true\n");
    assert_ne!(roster, alone);
    std::fs::write(team.path("roster.yaml"), alone).unwrap();
    team.init();
    team.plan();
    team
}

fn says(team: &Team, code: i32, who: &str, what: &str) -> String {
    let by = format!("{who}@agency.example");
    team.must(code, &["approve", "plan.jsonl", "--by", &by, "--key", who, what])
}

/// What the verifier in Python says of the log: its exit code and its words.
fn theirs(team: &Team) -> (Option<i32>, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let key = std::fs::read_to_string(team.path(".reissue/log/log.vkey")).unwrap();
    let log = team.path(".reissue/log");
    let ran = Command::new("python3").arg(script).arg(log).arg(key.trim()).output().unwrap();
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
}

fn both_accept(team: &Team) {
    team.must(3, &["audit", "verify"]);
    let (code, said) = theirs(team);
    assert_eq!(code, Some(3), "{said}");
}

#[test]
fn break_glass_contains_alone_and_is_loud_wherever_the_run_is_shown() {
    let team = prepared(&contained());
    let refused = says(&team, 4, "ann", "--break-glass");
    assert!(refused.contains("may not break glass") && refused.contains("reissue roster sign"), "{refused}");
    let show =
        ["approve", "plan.jsonl", "--by", "ann@agency.example", "--break-glass", "--show", "--out", "alone"];
    let refused = team.must(4, &show);
    assert!(!refused.contains("APPROVE ALONE") && !team.path("alone").exists(), "{refused}");
    let signed = says(&team, 0, "ben", "--break-glass");
    assert!(signed.contains("APPROVE ALONE (break glass)"), "{signed}");
    team.must(0, &APPLY);
    for command in [&["status", "latest"][..], &["audit", "show", "--person", "ben@agency.example"]] {
        let said = team.must(0, command);
        assert!(said.contains("BREAK-GLASS") || said.contains("BREAKS GLASS"), "{command:?}\n{said}");
    }
    assert!(team.log().contains("\"break_glass\":true"), "in the trail itself");
    team.must(0, &["report", "--out", "report.html"]);
    let page = std::fs::read_to_string(team.path("report.html")).unwrap();
    assert!(page.contains("BREAK-GLASS: one person alone released a phase"));
    // Both judges accept it, and neither does when the line keeps silent about it.
    both_accept(&team);
    let quiet = team.log().replace("\"break_glass\":true,", "");
    std::fs::write(team.path(".reissue/log/events.jsonl"), quiet).unwrap();
    let ours = team.must(1, &["audit", "verify"]);
    assert!(ours.contains("something else than the statement that was signed"), "{ours}");
    let theirs = theirs(&team).1;
    assert!(theirs.contains("something else than what was signed"), "{theirs}");
}

#[test]
fn break_glass_releases_nothing_but_containment() {
    let team = prepared(PLAYBOOK);
    let refused = says(&team, 4, "ben", "--break-glass");
    assert!(refused.contains("breaking glass is for plans that only contain"), "{refused}");
    assert!(refused.contains("says `contain: true` in the playbook"), "{refused}");
    team.must(4, &APPLY);
}

#[test]
fn a_reject_blocks_until_it_is_withdrawn_and_a_plan_is_used_once() {
    let team = prepared(&contained());
    team.approve("ann", "start");
    team.approve("ben", "start");
    says(&team, 0, "ben", "--reject");
    let blocked = team.must(4, &APPLY);
    assert!(blocked.contains("ben@agency.example rejected the plan"), "{blocked}");
    let next = "`reissue approve plan.jsonl --by ben@agency.example --withdraw --key FILE`, which is no approval yet";
    assert!(blocked.contains(next), "{blocked}");
    let said = team.must(0, &["status"]);
    let waiting = "2 approvals (ann@agency.example, ben@agency.example), 1 reject (ben@agency.example).";
    assert!(said.contains(waiting) && said.contains("--by ben@agency.example --withdraw"), "{said}");
    // Others cannot withdraw it.
    says(&team, 0, "ann", "--withdraw");
    assert!(team.must(4, &APPLY).contains("ben@agency.example rejected the plan"));
    says(&team, 0, "ben", "--withdraw");
    assert!(team.must(4, &APPLY).contains("1 of 2 people"), "the reject took his approval back");
    team.approve("ben", "start");
    team.must(0, &APPLY);
    // What Ann took back was nothing: her approval counts for either judge.
    both_accept(&team);
    // Used: whatever is signed again, and whatever lies in the inbox.
    team.approve("ann", "start");
    team.approve("ben", "start");
    assert!(team.must(1, &APPLY).contains("a plan is used once"));
}

#[test]
fn what_is_said_of_another_plan_waits_for_that_plan() {
    let team = prepared(&contained());
    let other =
        ["plan", "playbook.yaml", "--author", "op@agency.example", "--lab", "lab", "--out", "b.jsonl"];
    team.must(0, &other);
    team.approve("ann", "start");
    team.approve("ben", "start");
    says(&team, 0, "ben", "--reject");
    for who in ["ann", "ben"] {
        let by = format!("{who}@agency.example");
        team.must(0, &["approve", "b.jsonl", "--by", &by, "--key", who]);
    }
    let applied = team.must(0, &["apply", "b.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"]);
    assert!(!applied.contains("not taken"), "{applied}");
    // Ben has never withdrawn.
    let blocked = team.must(4, &APPLY);
    assert!(blocked.contains("ben@agency.example rejected the plan"), "{blocked}");
}

/// Ben's approval, with this done to what he signs.
fn signs_otherwise(team: &Team, change: impl FnOnce(&mut serde_json::Value)) {
    let by = "ben@agency.example";
    team.must(0, &["approve", "plan.jsonl", "--by", by, "--show", "--out", "s.json"]);
    let mut said = serde_json::from_slice(&std::fs::read(team.path("s.json")).unwrap()).unwrap();
    change(&mut said);
    let bytes = serde_json_canonicalizer::to_vec(&said).unwrap();
    std::fs::write(team.path("s.json"), bytes).unwrap();
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", "plan-approval@reissue.v1", "-f", "ben", "s.json"]);
    assert!(sign.current_dir(team.path("")).output().unwrap().status.success());
}

#[test]
fn a_head_that_the_log_never_had_is_not_taken() {
    let team = prepared(&contained());
    team.approve("ann", "start");
    signs_otherwise(&team, |said| said["predicate"]["log_head"]["size"] = 900.into());
    let taken =
        ["approve", "plan.jsonl", "--by", "ben@agency.example", "--statement", "s.json", "--signature"];
    let refused = team.must(4, &[&taken[..], &["s.json.sig"]].concat());
    assert!(refused.contains("a root that they never had"), "{refused}");
    // Nor by whoever puts it into the inbox without asking.
    let inbox = team.path(".reissue/log/inbox");
    let first = std::fs::read_dir(&inbox).unwrap().next().unwrap().unwrap().path();
    let text = |file: &str| std::fs::read_to_string(team.path(file)).unwrap();
    let mut note: serde_json::Value = serde_json::from_slice(&std::fs::read(first).unwrap()).unwrap();
    let fields = note.as_object_mut().unwrap().values_mut().find(|v| v.is_object()).unwrap();
    fields["statement"] = text("s.json").into();
    fields["signature"] = text("s.json.sig").into();
    std::fs::write(inbox.join("00000009-approval-forged"), serde_json::to_vec(&note).unwrap()).unwrap();
    let refused = team.must(4, &APPLY);
    assert!(refused.contains("1 of 2 people") && refused.contains("a root that they never had"), "{refused}");
    team.approve("ben", "start");
    team.must(0, &APPLY);
    both_accept(&team);
}

//! The people of a roster change it, with the real program and real signatures: between an approval and
//! the run, and in the middle of a run.

use crate::support::team::Team;
use std::process::Command;

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");
const APPLY: [&str; 6] = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"];
const RESUME: [&str; 8] = ["apply", "--resume", "--operator", "op", "--lab", "lab", "--patience", "1s"];

/// A roster with one person more, whose key is made here.
fn with_one_more(team: &Team, name: &str, from: &str, to: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(team.path(name))
        .status();
    assert!(made.unwrap().success());
    let key = std::fs::read_to_string(team.path(&format!("{name}.pub"))).unwrap();
    let roster = std::fs::read_to_string(team.path(from)).unwrap();
    let more = format!(
        "  - name: {name}@agency.example\n    roles: [ system-owner, incident-lead ]\n    keys: [ \"{}\" ]\n",
        key.trim()
    );
    std::fs::write(team.path(to), roster + &more).unwrap();
}

fn sign(team: &Team, code: i32, who: &str, file: &str) -> String {
    let by = format!("{who}@agency.example");
    team.must(code, &["roster", "sign", file, "--by", &by, "--key", who])
}

#[test]
fn a_roster_is_changed_by_its_own_people_and_approvals_end_with_it() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    team.plan();
    team.approve("ann", "start");
    team.approve("ben", "start");
    with_one_more(&team, "cid", "roster.yaml", "second.yaml");

    // Seen before it is signed; signed by people of the old roster only; adopted by enough of them.
    let shown = team.must(0, &["roster", "sign", "second.yaml", "--by", "ann@agency.example", "--show"]);
    assert!(shown.contains("+ cid@agency.example (system-owner, incident-lead)"), "{shown}");
    assert!(shown.contains("You CHANGE THE ROSTER") && shown.contains("(number 2)"), "{shown}");
    assert!(sign(&team, 4, "cid", "second.yaml").contains("not on the roster in force"));
    sign(&team, 0, "ann", "second.yaml");
    let short = team.must(4, &["roster", "adopt", "second.yaml"]);
    assert!(short.contains("1 of 2 people of the roster in force"), "{short}");
    let twice = sign(&team, 0, "ann", "second.yaml");
    assert!(twice.contains("Signed and handed in"), "{twice}");
    team.must(4, &["roster", "adopt", "second.yaml"]);
    sign(&team, 0, "ben", "second.yaml");
    assert!(team.must(4, &["roster", "adopt", "roster.yaml"]).contains("is the one in force"));
    let adopted = team.must(0, &["roster", "adopt", "second.yaml"]);
    assert!(adopted.contains("Roster number 2 is in force"), "{adopted}");
    let now = team.must(0, &["roster", "show"]);
    assert!(
        now.contains("number 2") && now.contains("cid@agency.example") && now.contains("before: number 1")
    );

    // What was signed before releases nothing.
    let old = team.must(4, &APPLY);
    assert!(old.contains("it relies on another roster"), "{old}");
    team.approve("ben", "start");
    team.approve("cid", "start");
    team.must(9, &PATIENT);
    in_the_middle_of_a_run(&team);
    judged(&team);
}

const PATIENT: [&str; 8] = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"];

/// Ben leaves while the run holds: it goes on only when the new roster's people have approved.
fn in_the_middle_of_a_run(team: &Team) {
    let roster = std::fs::read_to_string(team.path("second.yaml")).unwrap();
    let (ben, cid) = (roster.find("  - name: ben").unwrap(), roster.find("  - name: cid").unwrap());
    std::fs::write(team.path("third.yaml"), format!("{}{}", &roster[..ben], &roster[cid..])).unwrap();
    sign(team, 0, "ann", "third.yaml");
    sign(team, 0, "cid", "third.yaml");
    team.must(0, &["roster", "adopt", "third.yaml"]);
    let confirm = ["confirm", "latest", "t1", "--consumer", "payroll-worker", "--by", "kim", "--how", "seen"];
    team.must(0, &confirm);
    let status = team.must(0, &["status", "latest"]);
    assert!(status.contains("not approved"), "the phases are closed: {status}");
    team.must(4, &RESUME);
    let gone = team.must(
        4,
        &["approve", "plan.jsonl", "--by", "ben@agency.example", "--key", "ben", "--phase", "retire"],
    );
    assert!(gone.contains("is not in the roster"), "{gone}");
    team.approve("ann", "retire");
    team.approve("cid", "retire");
    team.approve("ann", "start");
    team.approve("cid", "start");
    team.must(0, &RESUME);
}

/// By reissue and by the verifier without its code; the report tells of it.
fn judged(team: &Team) {
    std::fs::copy(team.path(".reissue/log/checkpoints/checkpoint"), team.path("kept")).unwrap();
    team.must(0, &["audit", "verify", "--anchor", "kept"]);
    let key = std::fs::read_to_string(team.path(".reissue/log/log.vkey")).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let log = team.path(".reissue/log");
    let theirs = Command::new("python3")
        .arg(script)
        .arg(log)
        .args([key.trim()])
        .arg(team.path("kept"))
        .output()
        .unwrap();
    assert_eq!(theirs.status.code(), Some(0), "{}", String::from_utf8_lossy(&theirs.stdout));
    team.must(0, &["report", "--out", "report.html"]);
    let report = std::fs::read_to_string(team.path("report.html")).unwrap();
    assert!(report.contains("The roster was changed at") && report.contains("number 3 is"));
    // The auditor's list of signers knows everybody who could sign.
    team.must(0, &["audit", "export", "--out", "bundle.tar"]);
    let unpacked = Command::new("tar").args(["xf", "bundle.tar"]).current_dir(team.path("")).status();
    assert!(unpacked.unwrap().success());
    let signers = std::fs::read_to_string(team.path("allowed_signers")).unwrap();
    assert!(
        ["ann", "ben", "cid"].iter().all(|n| signers.contains(&format!("{n}@agency.example"))),
        "{signers}"
    );
    // A copy that somebody edited is refused.
    let path = team.path(".reissue/roster.yaml");
    let roster = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, roster + "# mallory\n").unwrap();
    assert!(team.must(1, &["roster", "show"]).contains("no roster that the log of this installation knows"));
}

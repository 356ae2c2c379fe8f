//! The shift changes, with the real program: a run that holds is mirrored to a share, the first
//! laptop is gone, somebody else goes on from the share with Ann's signature, and the first is
//! refused when it comes back. `recover` reads what a plan alone can tell.

use crate::support::team::{TENANT, Team};

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");

fn run_of(team: &Team) -> String {
    let lines = team.log();
    let line = lines.lines().find(|l| l.contains("run.started")).expect("a run was started");
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["run"].as_str().unwrap().to_owned()
}

/// The command with the arguments that hand the run over to Kim.
fn handover<'a>(run: &'a str, key: &'a str, by: &'a [&'a str]) -> Vec<&'a str> {
    let common = [
        "handover",
        run,
        "--from",
        "share",
        "--home",
        "second",
        "--roster",
        "roster.yaml",
        "--tenant",
        TENANT,
        "--cloud",
        "us_gov_high",
        "--operator",
        "kim@agency.example",
        "--log-key",
        key,
        "--lab",
        "lab",
    ];
    common.iter().chain(by).copied().collect()
}

#[test]
fn somebody_else_goes_on_from_the_share() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    let key = std::fs::read_to_string(team.path(".reissue/log/log.vkey")).unwrap();
    team.plan();
    let untouched = team.must(0, &["recover", "plan.jsonl", "--lab", "lab"]);
    assert!(untouched.contains("t1 payroll-sync (app-secret): nothing that can be seen"), "{untouched}");
    team.approve("ann", "start");
    team.approve("ben", "start");
    let apply = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"];
    let inside = [&apply[..], &["--mirror", ".reissue/mirror"]].concat();
    assert!(team.must(64, &inside).contains("inside the installation"), "that dies with it");
    team.must(9, &[&apply[..], &["--mirror", "share"]].concat());
    let run = run_of(&team);
    let published = team.must(0, &["recover", "plan.jsonl", "--lab", "lab"]);
    assert!(published.contains("published; the old one is still there"), "{published}");
    assert!(published.contains(&run) && published.contains("/removePassword"), "{published}");
    let status = team.must(0, &["status"]);
    assert!(status.contains("--mirror share"), "the line that goes on has the mirror: {status}");
    let bare = ["apply", "--resume", "--operator", "op", "--lab", "lab"];
    let without = team.must(1, &bare);
    assert!(without.contains("goes on only with a mirror") && without.contains("--mirror"), "{without}");

    let alone = handover(&run, &key, &["--by", "ann@agency.example", "--key", "nobody"]);
    assert!(team.must(1, &alone).contains("there is no such key file"), "before anything is looked at");
    let stranger = handover(&run, &key, &["--by", "kim@agency.example", "--key", "ann"]);
    assert!(team.must(1, &stranger).contains("kim@agency.example is not in the roster"));
    let told = team.must(0, &handover(&run, &key, &["--by", "ann@agency.example", "--key", "ann"]));
    for word in ["You HAND OVER this log", "kim@agency.example goes on", "goes on here, in second", "Next: "]
    {
        assert!(told.contains(word), "{word}: {told}");
    }

    let back = team.must(1, &[&bare[..], &["--mirror", "share"]].concat());
    assert!(back.contains("was handed over to kim@agency.example"), "{back}");
    let at = ["--home", "second"];
    let confirm =
        ["confirm", "latest", "t1", "--consumer", "payroll-worker", "--by", "kim", "--how", "its log"];
    team.must(0, &[&confirm[..], &at].concat());
    let resume = ["apply", "--resume", "--operator", "kim", "--lab", "lab", "--mirror", "share"];
    team.must(4, &[&resume[..], &at].concat());
    for who in ["ann", "ben"] {
        let by = format!("{who}@agency.example");
        let approve = ["approve", "plan.jsonl", "--by", &by, "--key", who, "--phase", "retire"];
        team.must(0, &[&approve[..], &at].concat());
    }
    team.must(0, &[&resume[..], &at].concat());
    judged(&team, key.trim());
}

/// Under the key that was printed at `init`, and under the new one; here, and on the share.
fn judged(team: &Team, key: &str) {
    std::fs::copy(team.path("second/log/checkpoints/checkpoint"), team.path("kept")).unwrap();
    let here = ["audit", "verify", "--home", "second", "--anchor", "kept"];
    team.must(0, &here);
    team.must(0, &[&here[..], &["--key", key]].concat());
    team.must(0, &["audit", "verify", "--folder", "share", "--key", key, "--anchor", "kept"]);
    let shown = team.must(0, &["audit", "show", "--home", "second"]);
    assert!(shown.contains("log HANDED OVER by ann@agency.example to kim@agency.example"), "{shown}");
    let over = team.must(0, &["recover", "plan.jsonl", "--lab", "lab"]);
    assert!(over.contains("published, and the old one is gone"), "{over}");
    let removed = team.recorded("/removePassword");
    assert_eq!(removed.len(), 1, "the leaked one, once");
}

//! One incident from beginning to end with the real program, real signatures and TLS: two people
//! approve, the process is killed in the middle, somebody else goes on, a consumer confirms, the
//! removal is approved on its own, and the log is judged. The lab's recording has the last word.

use crate::support::team::Team;
use serde_json::Value;
use std::collections::BTreeSet;

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");

const RESUME: [&str; 8] = ["apply", "--resume", "--operator", "kim", "--lab", "lab", "--patience", "1s"];

#[test]
fn two_people_replace_a_secret_and_a_crash_changes_nothing() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    team.plan();
    team.must(4, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"]);
    team.approve("ann", "start");
    team.approve("ben", "start");

    let quotas = "reissue_quotas: 1\nquotas:\n  graph-writes: { amount: 1500, per: 150s }\n";
    std::fs::write(team.path("quotas.yaml"), quotas).unwrap();
    let slower = ["--pace", "50", "--quotas", "quotas.yaml"];
    let begin = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"];
    let mut apply = team.start(&[&begin[..], &slower].concat());
    team.wait_for("the mint", || team.log().contains("\"minted\""));
    let on = team.must(0, &["status"]);
    assert!(on.contains("has not closed it"), "status works beside apply:\n{on}");
    apply.kill().unwrap();
    apply.wait().unwrap();
    assert!(!team.log().contains("\"published\""), "killed between mint and publish");
    let killed = team.must(0, &["status"]);
    assert!(killed.contains("apply --resume") && killed.contains("t1"), "{killed}");
    let nobody = "At pace 50 with the quotas that its file says, if somebody carries it on now:";
    assert!(killed.contains(nobody) && !killed.contains("has not closed it"), "{killed}");
    team.must(1, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"]);

    goes_on_no_faster(&team);
    let holding = team.must(0, &["status", "latest"]);
    assert!(holding.contains("reissue confirm") && holding.contains("payroll-worker"), "{holding}");
    team.must(
        0,
        &[
            "confirm",
            "latest",
            "t1",
            "--consumer",
            "payroll-worker",
            "--by",
            "kim",
            "--how",
            "seen in its log",
        ],
    );
    let handed_in = team.must(0, &["status", "latest"]);
    assert!(!handed_in.contains("reissue confirm"), "nobody is asked twice: {handed_in}");
    assert!(handed_in.contains("what is handed in is read when the run goes on"), "{handed_in}");
    team.must(4, &RESUME);
    let waiting = team.must(0, &["status", "latest"]);
    assert!(waiting.contains("--phase retire"), "{waiting}");
    team.approve("ann", "retire");
    team.must(4, &RESUME);
    team.approve("ben", "retire");
    team.must(0, &RESUME);

    judged(&team);
    recorded(&team);
}

/// What goes on goes no faster than somebody once allowed.
fn goes_on_no_faster(team: &Team) {
    let resumed = team.must(9, &RESUME);
    assert!(resumed.contains("At pace 50, as the run went before"), "{resumed}");
    assert!(resumed.contains("With what was said of graph-writes, as the run went before"), "{resumed}");
    let quota = "\"quotas\":[{\"amount\":1500,\"name\":\"graph-writes\",\"per_s\":150}]";
    // The lab is a fast one: `status` reckons with that, too.
    let keeps = |l: &str| {
        l.contains("run.resumed")
            && ["\"haste\":20", "\"pace\":50", quota].iter().all(|part| l.contains(part))
    };
    assert!(team.log().lines().any(keeps), "{}", team.log());
}

/// Consistent by its own files, intact with a checkpoint that was kept elsewhere.
fn judged(team: &Team) {
    let alone = team.must(3, &["audit", "verify"]);
    // A word of its own: a key in base64 may hold these two letters.
    let praised = alone.split_whitespace().any(|word| word == "OK");
    assert!(alone.contains("NOT anchored") && !praised, "{alone}");
    std::fs::copy(team.path(".reissue/log/checkpoints/checkpoint"), team.path("kept")).unwrap();
    team.must(0, &["audit", "verify", "--anchor", "kept"]);
    let shown = team.must(0, &["audit", "show", "--person", "kim"]);
    assert!(shown.contains("run resumed by kim") && shown.contains("seen in its log"), "{shown}");
    assert!(shown.contains("says kim, who is not on the roster"), "{shown}");
    let lost = team.must(0, &["audit", "show", "--code", "value.lost", "--json"]);
    assert_eq!(lost.lines().count(), 1, "the value that died with the process: {lost}");
}

/// What the tenant itself saw.
fn recorded(team: &Team) {
    let ids = |of: Vec<(Value, u64, Value)>, wanted: u64, pick: fn(&Value, &Value) -> Value| {
        let kept = of.into_iter().filter(|(_, status, _)| *status == wanted);
        kept.map(|(ask, _, answer)| pick(&ask, &answer).as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let added = ids(team.recorded("/addPassword"), 200, |_, answer| answer["keyId"].clone());
    let removed = ids(team.recorded("/removePassword"), 204, |ask, _| ask["keyId"].clone());
    assert_eq!(added.len(), 2, "one was lost with the process, one took its place");
    let live: Vec<_> = added.difference(&removed).collect();
    assert_eq!(live.len(), 1, "exactly one new secret lives: added {added:?}, removed {removed:?}");
    let old: Vec<_> = removed.difference(&added).collect();
    assert_eq!(old.len(), 1, "the leaked one, and nothing else of other people, was removed");
}

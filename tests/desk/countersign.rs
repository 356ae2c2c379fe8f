//! The real program has a key of the served lab's vault sign checkpoints too, over TLS; whoever verifies
//! gives that key.

use crate::support::team::Team;

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");
const KEY: &str = "vault:kv-ir.vault.usgovcloudapi.net/reissue-log";

fn apply(key: &str) -> [&str; 10] {
    ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "2s", "--countersign", key]
}

#[test]
fn a_key_in_the_vault_countersigns_what_a_run_records() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    team.plan();
    for key in [
        "vault:kv-ir.vault.usgovcloudapi.net/no-such-key",
        "vault:kv-ir.vault.azure.net/reissue-log",
        "vault:kv-ir.vault.usgovcloudapi.net",
        "kv-ir.vault.usgovcloudapi.net/reissue-log",
        "vault:kv-ir.vault.usgovcloudapi.net/bad_name",
        "vault:kv-ir.vault.usgovcloudapi.net/reissue-log/0123456789abcdef0123456789abcdef",
    ] {
        let told = team.must(64, &apply(key));
        assert!(told.contains("--countersign") && !team.log().contains("run.started"), "{told}");
    }
    team.approve("ann", "start");
    team.approve("ben", "start");
    let told = team.must(9, &apply(KEY));
    let (_, rest) = told.split_once("Checkpoints are countersigned by ").expect("it is said");
    let vkey = rest.lines().next().unwrap();
    assert!(vkey.starts_with("kv-ir.vault.usgovcloudapi.net/keys/reissue-log/"), "{vkey}");
    // Incomplete: the run holds. The given key is the log's.
    let told = team.must(4, &["audit", "verify", "--countersign-key", vkey]);
    assert!(told.contains("The vault's line: ") && told.contains("(given)"), "{told}");
    assert!(!told.contains("lack the vault's line"), "{told}");
    let told = team.must(4, &["audit", "verify"]);
    assert!(told.contains("better give `--countersign-key`"), "{told}");
    let other = vkey.replace("reissue-log", "another-log");
    let told = team.must(1, &["audit", "verify", "--countersign-key", &other]);
    assert!(told.contains("which is no key that was given"), "{told}");
    team.must(2, &["audit", "verify", "--countersign-key", "not a key"]);
    // The page of the report says it too.
    team.must(0, &["report", "--out", "report.html"]);
    let page = std::fs::read_to_string(team.path("report.html")).unwrap();
    assert!(page.contains("Countersigned by a key in a vault"), "the integrity page names it");
    let signed = team.recorded("/sign?api-version=2025-07-01");
    assert!(
        signed.len() >= 3
            && signed.iter().all(|(body, status, _)| { *status == 200 && body["alg"] == "ES256" }),
        "{signed:?}"
    );
    if let Ok(to) = std::env::var("LAB_RECORDING") {
        std::fs::copy(team.path("recording.jsonl"), to).unwrap();
    }
}

/// Unlike a mirror, the key is not missed when another writer goes on.
#[test]
fn a_run_goes_on_without_the_option() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    team.plan();
    team.approve("ann", "start");
    team.approve("ben", "start");
    team.must(9, &apply(KEY));
    let resume = ["apply", "--resume", "--operator", "op", "--lab", "lab", "--patience", "1s"];
    team.must(9, &resume);
    // What the second writer signed was not due: nothing lacks.
    let told = team.must(4, &["audit", "verify"]);
    assert!(!told.contains("lack the vault's line"), "{told}");
}

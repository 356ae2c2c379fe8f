//! `drill --record`: what it writes, and what it leaves out.

use reissue::lab::recorder::REDACTED;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn drill(file: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reissue"));
    command.args(["drill", "playbooks/contain-first.yaml", "--record"]).arg(file);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("it runs")
}

fn exchanges(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_drill_is_recorded_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drill.jsonl");
    let output = drill(&file);
    assert!(output.status.success());
    let all = exchanges(&file);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("Recorded {} exchanges in {}.", all.len(), file.display())), "{said}");
    let ending = |path: &str| {
        let of = |e: &&Value| e["url"].as_str().unwrap().split('?').next().unwrap().ends_with(path);
        all.iter().filter(of).collect::<Vec<_>>()
    };
    let minted = ending("/addPassword");
    assert_eq!(minted.len(), 1);
    assert_eq!((&minted[0]["status"], &minted[0]["method"]), (&Value::from(200), &Value::from("POST")));
    assert_eq!(minted[0]["response_body"]["secretText"], REDACTED);
    let tokens = ending("/oauth2/v2.0/token");
    assert!(!tokens.is_empty());
    for token in tokens {
        let form = token["request_body"].as_str().unwrap();
        assert!(form.contains(&format!("client_secret={REDACTED}")), "{form}");
    }
    let written: Vec<_> =
        all.iter().filter(|e| e["method"] == "PUT").map(|e| &e["request_body"]["value"]).collect();
    assert!(!written.is_empty() && written.iter().all(|value| *value == REDACTED), "{written:?}");
    assert!(ending("/openid-configuration").is_empty() && ending("/keys").is_empty());

    assert!(drill(&file).status.success());
    let twice = exchanges(&file);
    assert_eq!(twice[..all.len()], all, "a second recording is added, and changes nothing");
    assert_eq!(twice[all.len()..], all, "one seed, one recording");
}

#[test]
fn a_recording_that_cannot_be_written_is_said_before_the_drill() {
    let folder = tempfile::tempdir().unwrap();
    let output = drill(folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("the exchanges cannot be recorded") && told.contains("nothing was changed"),
        "{told}"
    );
    assert!(told.contains("record to another file"), "{told}");
}

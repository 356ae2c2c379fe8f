//! The examples do what they say.

#[allow(dead_code)]
#[path = "../../examples/pipeline.rs"]
mod pipeline;
#[allow(dead_code)]
#[path = "../../examples/verify_trail.rs"]
mod verify_trail;

use reissue::trail::verify::Verdict;
use std::process::Command;

#[test]
fn the_pipeline_goes_from_a_playbook_to_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let text = include_str!("../../playbooks/leaked-app-secret.yaml");
    let verdict = runtime.block_on(pipeline::run(text, &page)).unwrap();
    assert_eq!(verdict, Verdict::Intact);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<html lang=\"en\">") && page.contains("payroll-sync"));
}

#[test]
fn a_trail_is_verified_and_a_changed_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("drill");
    let mut drill = Command::new(env!("CARGO_BIN_EXE_reissue"));
    drill.args(["drill", "playbooks/unneeded-apps.yaml", "--keep"]).arg(&home);
    assert!(drill.output().unwrap().status.success());
    let log = home.join("log");
    let key = std::fs::read_to_string(log.join("log.vkey")).unwrap();
    let kept = log.join("checkpoints/checkpoint").to_str().unwrap().to_owned();
    let verdict = |kept: &[String]| verify_trail::judge(&log, &key, kept).unwrap().verdict;
    assert_eq!(verdict(&[]), Verdict::NotAnchored);
    assert_eq!(verdict(&[kept]), Verdict::Intact);
    let events = std::fs::read_to_string(log.join("events.jsonl")).unwrap();
    std::fs::write(log.join("events.jsonl"), events.replacen("old-importer", "new-importer", 1)).unwrap();
    assert_eq!(verdict(&[]), Verdict::Tampered);
}

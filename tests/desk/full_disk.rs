//! A disk that is full, or breaks, before a run has begun: nothing is sent, nothing is begun, and
//! the exit code says that nothing was changed.

use crate::support::frail::FrailDisk;
use crate::support::rehearsal::{Rehearsal, in_virtual_time};
use crate::support::team::Team;
use reissue::domain::plan::file;
use reissue::engine::Halt;
use reissue::pipeline::ApplyFailure;
use reissue::trail::{Home, Reader};
use std::sync::Arc;
use tokio::sync::watch;

const PLAYBOOK: &str = include_str!("../playbooks/saga/app-secret.yaml");

/// Everything is ready to be applied, on a disk that can be told to fail.
async fn ready() -> (Rehearsal, Home, Vec<u8>, FrailDisk) {
    let mut rehearsal = Rehearsal::new(PLAYBOOK);
    let plan = file::write(&rehearsal.plan().await.unwrap()).unwrap();
    let home = rehearsal.found().await;
    rehearsal.approve(&home, &plan);
    let disk = FrailDisk::over(rehearsal.disk.clone());
    rehearsal.env.disk = Arc::new(disk.clone());
    let home = Home::open(&rehearsal.env, home.root()).unwrap();
    (rehearsal, home, plan, disk)
}

/// How it failed, and whether a run was begun.
async fn apply(rehearsal: &Rehearsal, home: &Home, plan: &[u8]) -> (Option<ApplyFailure>, bool) {
    let (_keep, stop) = watch::channel(false);
    let failed = rehearsal.apply_until(home, plan, false, stop, |_| {}).await.err();
    let log = Reader::open(&rehearsal.disk, &home.log()).unwrap();
    let begun = log.flatten().any(|read| read.line.event.name() == "run.started");
    (failed, begun)
}

#[test]
fn a_full_disk_is_noticed_before_the_run_begins() {
    in_virtual_time(async {
        let (rehearsal, home, plan, disk) = ready().await;
        disk.is_full(true);
        let (failed, begun) = apply(&rehearsal, &home, &plan).await;
        assert!(matches!(failed, Some(ApplyFailure::Unwritable(_))), "{failed:?}");
        assert!(!begun && rehearsal.sent().is_empty());
        let told = failed.unwrap().to_string();
        assert!(told.contains("no space is left"), "{told}");
        // Nothing has to be repaired but the space.
        disk.is_full(false);
        let (failed, begun) = apply(&rehearsal, &home, &plan).await;
        assert!(failed.is_none() && begun, "{failed:?}");
    });
}

#[test]
fn whichever_operation_fails_first_nothing_is_sent() {
    let (mut before, mut after) = (0, 0);
    for n in 0..60 {
        in_virtual_time(async {
            let (rehearsal, home, plan, disk) = ready().await;
            disk.die_after(n);
            let (failed, begun) = apply(&rehearsal, &home, &plan).await;
            match (&failed, begun) {
                (Some(ApplyFailure::Unwritable(_)), false) => {
                    assert!(rehearsal.sent().is_empty(), "{n}: {:?}", rehearsal.sent());
                    before += 1;
                }
                (Some(ApplyFailure::Halt(Halt::Log(_) | Halt::Disk(_))), true) => after += 1,
                // The bytes of `run.started` are there, its sync failed: begun for whoever reads it.
                (Some(ApplyFailure::Unwritable(_)), true) => assert!(rehearsal.sent().is_empty(), "{n}"),
                other => panic!("{n}: {other:?}"),
            }
        });
    }
    assert!(before >= 5 && after >= 10, "{before} before, {after} after");
}

/// The real program under a limit on the size of its files, which the system answers as it does a
/// full disk: with an error of the write.
#[test]
fn the_program_says_that_nothing_was_changed() {
    let team = Team::gather(include_str!("../cases/desk.yaml"));
    team.init();
    team.plan();
    team.approve("ann", "start");
    team.approve("ben", "start");
    let program = env!("CARGO_BIN_EXE_reissue");
    // Without the trap the signal would end the process before it can say anything.
    let script = format!(
        "trap '' XFSZ; ulimit -f 1; exec {program} apply plan.jsonl --operator op --lab lab --patience 1s"
    );
    let output =
        std::process::Command::new("sh").args(["-c", &script]).current_dir(team.folder.path()).output();
    let output = output.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for word in [
        "RI022",
        "nothing was begun",
        "free at least 4 MiB",
        ".reissue",
        "`reissue apply plan.jsonl --lab lab --operator op` again",
    ] {
        assert!(told.contains(word), "{word}:\n{told}");
    }
    assert!(!team.log().contains("run.started"));
    assert!(team.recorded("/addPassword").is_empty());
    // With room again it simply goes on.
    team.must(9, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"]);
}

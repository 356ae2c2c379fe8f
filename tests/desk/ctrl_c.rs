//! Ctrl-C with the real program: the first is answered with what is being finished, the second
//! stops at once, and both leave a run that somebody else can resume.

use crate::support::team::Team;
use std::fs::File;
use std::process::{Child, Command};

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");
const RESUME: [&str; 8] = ["apply", "--resume", "--operator", "kim", "--lab", "lab", "--patience", "1s"];

fn approved() -> Team {
    let team = Team::gather(PLAYBOOK);
    team.init();
    team.plan();
    team.approve("ann", "start");
    team.approve("ben", "start");
    team
}

fn minting(team: &Team) -> Child {
    let arguments = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"];
    let child = team
        .command(&arguments)
        .stdout(File::create(team.path("out")).unwrap())
        .stderr(File::create(team.path("err")).unwrap())
        .spawn()
        .unwrap();
    team.wait_for("the mint", || team.log().contains("\"minted\""));
    child
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn said(team: &Team, file: &str) -> String {
    std::fs::read_to_string(team.path(file)).unwrap()
}

#[test]
fn the_first_finishes_what_only_memory_holds_and_says_so() {
    let team = approved();
    let mut apply = minting(&team);
    interrupt(&apply);
    assert_eq!(apply.wait().unwrap().code(), Some(130));
    let told = said(&team, "err");
    assert!(told.contains("leaving at the next safe place"), "{told}");
    assert!(told.contains("finishing t1: its new secret is only in memory"), "{told}");
    assert!(team.log().contains("\"published\""), "{}", team.log());
    let out = said(&team, "out");
    assert!(out.contains("Interrupted at a safe place."), "{out}");
    let whole =
        |l: &str| l.starts_with("    reissue apply --resume 0") && l.ends_with(" --operator op --lab lab");
    assert!(out.lines().any(whole), "the next command is whole: {out}");
    team.must(9, &RESUME);
    assert_eq!(team.recorded("/addPassword").len(), 1, "nothing was minted twice");
}

#[test]
fn the_second_stops_at_once_and_the_value_is_minted_again() {
    let team = approved();
    let mut apply = minting(&team);
    interrupt(&apply);
    team.wait_for("the answer", || said(&team, "err").contains("finishing t1"));
    interrupt(&apply);
    assert_eq!(apply.wait().unwrap().code(), Some(130));
    assert!(!team.log().contains("\"published\""), "{}", team.log());
    assert!(said(&team, "out").contains("Stopped at once."), "{}", said(&team, "out"));
    team.must(9, &RESUME);
    assert_eq!(team.recorded("/addPassword").len(), 2, "one was lost with the process");
    assert!(team.log().contains("value.lost"));
}

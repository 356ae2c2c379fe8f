//! Two real processes on one log: the second refuses and names the first, also when the first was
//! stopped; and what a dead process leaves behind stops nobody.

use crate::support::team::Team;
use std::process::{Child, Command};

const APPLY: [&str; 6] = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"];
const RESUME: [&str; 8] = ["apply", "--resume", "--operator", "kim", "--lab", "lab", "--patience", "1s"];

fn signal(name: &str, process: &Child) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// That nobody but the first process has written since.
fn refused(team: &Team, first: &Child) {
    let before = team.log();
    for arguments in [&APPLY[..], &RESUME[..]] {
        let told = team.must(1, arguments);
        let who = format!("pid {} at ", first.id());
        assert!(told.contains("RI022") && told.contains("another process is writing the log"), "{told}");
        assert!(told.contains(&who) && told.contains("(`reissue apply`) opened it at 20"), "{told}");
        assert!(told.contains("nothing was changed") && told.contains("`reissue status`"), "{told}");
    }
    let opened = |log: &str| log.matches("\"event\":\"log.opened\"").count();
    assert_eq!(opened(&team.log()), opened(&before), "the second has recorded nothing");
}

#[test]
fn the_second_writer_names_the_first() {
    let team = Team::gather(include_str!("../cases/desk.yaml"));
    team.init();
    team.plan();
    team.approve("ann", "start");
    team.approve("ben", "start");
    let mut first = team.start(&APPLY);
    team.wait_for("the run", || team.log().contains("\"event\":\"lane.taken\""));
    refused(&team, &first);
    signal("-STOP", &first);
    refused(&team, &first);
    let told = team.must(0, &["status"]);
    assert!(told.contains(&format!("pid {}", first.id())), "{told}");
    // It dies without closing the log; its lock goes with it.
    first.kill().unwrap();
    first.wait().unwrap();
    team.must(9, &RESUME);
}

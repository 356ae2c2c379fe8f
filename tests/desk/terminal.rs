//! On a terminal, real as far as the program can tell (`script` of util-linux gives it one): a bar,
//! colours unless `NO_COLOR` says otherwise, and with `--json` objects and nothing else.

use crate::support::team::Team;
use std::process::Command;

/// Runs the program on a terminal; what stands there.
fn on_a_terminal(team: &Team, arguments: &str, no_color: bool) -> String {
    let program = env!("CARGO_BIN_EXE_reissue");
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{program} {arguments}"), "/dev/null"]);
    command.current_dir(team.folder.path()).env("TERM", "xterm").env_remove("NO_COLOR");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    String::from_utf8(command.output().expect("script of util-linux").stdout).unwrap()
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let team = Team::sit_down("reissue: 2\n");
    let colours = |text: &str| text.contains("\x1b[31") || text.contains("\x1b[1");
    let shown = on_a_terminal(&team, "check playbook.yaml", false);
    assert!(shown.contains("playbook.yaml") && colours(&shown), "{shown:?}");
    let plain = on_a_terminal(&team, "check playbook.yaml", true);
    assert!(plain.contains("playbook.yaml") && !plain.contains('\x1b'), "{plain:?}");
}

#[test]
fn a_run_shows_a_bar_and_with_json_only_objects() {
    let team = Team::gather(include_str!("../cases/desk.yaml"));
    team.init();
    team.plan();
    team.approve("ann", "start");
    team.approve("ben", "start");
    let apply = "apply plan.jsonl --operator op --lab lab --patience 1s";
    let shown = on_a_terminal(&team, apply, true);
    assert!(shown.contains("] 0/1 ") && shown.contains("1 waiting for propagation (verify)"), "{shown:?}");
    // What moves the cursor begins like a colour, which ends with an m.
    let colour =
        |after: &str| after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
    assert!(!shown.split("\x1b[").skip(1).any(colour), "a bar without colours: {shown:?}");
    let json = "apply --resume --json --operator op --lab lab --patience 1s";
    let shown = on_a_terminal(&team, json, false);
    assert!(shown.lines().count() > 3, "{shown}");
    for line in shown.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object(), "{line:?}");
    }
}

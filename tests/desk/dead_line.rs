//! A line that is dead from the start: each command that needs it names the host and the reason
//! while it tries again, so that nobody waits in front of a silent terminal.

use crate::support::team::Team;
use std::fs::File;
use std::net::TcpListener;

/// The folder of a lab that has ended: its address is free again.
fn a_lab_that_has_ended(team: &Team) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let ca = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    std::fs::create_dir(team.path("lab")).unwrap();
    let write = |name: &str, text: String| std::fs::write(team.path("lab").join(name), text).unwrap();
    write("ca.pem", ca.pem());
    let hosts = ["login.microsoftonline.us", "graph.microsoft.us", "*.vault.usgovcloudapi.net"];
    write("lab.json", serde_json::json!({ "addr": address, "hosts": hosts }).to_string());
    let operator = serde_json::json!({
        "client_id": "0e155ed0-0000-4000-8000-00000000a11e", "secret": "not one that matters", "haste": 20
    });
    write("operator.json", operator.to_string());
}

#[test]
fn the_host_and_the_reason_are_named_while_it_is_tried_again() {
    let team = Team::sit_down(include_str!("../cases/desk.yaml"));
    team.init();
    a_lab_that_has_ended(&team);
    let commands =
        [&["plan", "playbook.yaml", "--author", "op", "--lab", "lab"][..], &["doctor", "--lab", "lab"]];
    for arguments in commands {
        let stderr = File::create(team.path("err")).unwrap();
        let mut child =
            team.command(arguments).stdout(std::process::Stdio::null()).stderr(stderr).spawn().unwrap();
        let said = || std::fs::read_to_string(team.path("err")).unwrap();
        team.wait_for("the host's name", || !said().is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        let expected = "login.microsoftonline.us does not answer (connection refused): trying again\n";
        assert_eq!(said(), expected, "{arguments:?}");
    }
}

/// Whoever stops it reads that nothing was written; so does a program.
#[test]
fn a_plan_that_is_stopped_says_so() {
    let team = Team::sit_down(include_str!("../cases/desk.yaml"));
    team.init();
    a_lab_that_has_ended(&team);
    for (signal, json) in [("-INT", false), ("-TERM", true)] {
        let mut arguments = vec!["plan", "playbook.yaml", "--author", "op", "--lab", "lab"];
        arguments.extend(json.then_some("--json"));
        let [out, err] = ["out", "err"].map(|name| File::create(team.path(name)).unwrap());
        let mut child = team.command(&arguments).stdout(out).stderr(err).spawn().unwrap();
        let said = |name: &str| std::fs::read_to_string(team.path(name)).unwrap();
        // It waits for the first pause between two tries.
        let is_on = || {
            std::fs::read_to_string(format!("/proc/{}/stat", child.id())).is_ok_and(|s| s.contains(") S "))
        };
        team.wait_for("the first try", || is_on() && (json || !said("err").is_empty()));
        let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{}{}", said("out"), said("err"));
        let told = if json { said("out") } else { said("err") };
        let whole = match json {
            false => "error RI039: stopped while the tenant was read",
            true => "\"kind\":\"failure\",\"code\":\"RI039\",\"exit\":130",
        };
        assert!(told.contains(whole) && told.contains("no plan was written, nothing was changed"), "{told}");
        assert!(!team.path("plan.jsonl").exists());
    }
}

//! The real program acts by certificate against a served lab over TLS: the certificate whose
//! public part the operator's application holds is taken, another one is not.

use crate::support::team::Team;
use reissue::drill::scene::OPERATOR;
use reissue::env::{Clock, Random};
use reissue::lab::{Lab, LabOptions};

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");

/// The arguments that say who acts, with this file.
fn acting(file: &str) -> [&str; 8] {
    ["--as", "certificate", "--client-id", OPERATOR, "--certificate", file, "--lab", "lab"]
}

fn plan_by<'a>(file: &'a str, out: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["plan", "playbook.yaml", "--author", "op", "--out", out];
    arguments.extend(acting(file));
    arguments
}

#[test]
fn the_operators_certificate_makes_the_same_plan_as_its_secret() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    team.must(0, &plan_by("lab/operator.pem", "by-certificate.jsonl"));
    let sign_ins = team.recorded("/oauth2/v2.0/token");
    assert!(!sign_ins.is_empty());
    for (form, status, _) in sign_ins {
        let form = form.as_str().unwrap();
        assert!(form.contains("client_assertion=") && !form.contains("client_secret="), "{form}");
        assert_eq!(status, 200);
    }
    team.plan();
    let acts = |file: &str| {
        let plan = std::fs::read_to_string(team.path(file)).unwrap();
        let header: serde_json::Value = serde_json::from_str(plan.lines().next().unwrap()).unwrap();
        header["identity"].clone()
    };
    assert!(acts("plan.jsonl").is_object(), "{}", acts("plan.jsonl"));
    assert_eq!(acts("by-certificate.jsonl"), acts("plan.jsonl"), "one identity, however it signs in");
    let mut doctor = vec!["doctor", "--playbook", "playbook.yaml"];
    doctor.extend(acting("lab/operator.pem"));
    let told = team.must(0, &doctor);
    assert!(told.contains(&format!("application {OPERATOR} by certificate")), "{told}");
}

#[test]
fn a_certificate_that_the_application_does_not_hold_is_refused() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    let stranger = Lab::new(Clock::real(), Random::from_seed(7), LabOptions::default());
    let life = std::time::Duration::from_secs(86_400);
    let certificate = stranger.generate_certificate("CN=operator", life).unwrap();
    std::fs::write(team.path("stranger.pem"), certificate.pem()).unwrap();
    let told = team.must(1, &plan_by("stranger.pem", "plan.jsonl"));
    assert!(told.contains("AADSTS700027") && told.contains("nothing was changed"), "{told}");
    assert!(!team.path("plan.jsonl").exists());
    // A file without a key says so before anything is sent.
    std::fs::copy(team.path("lab/ca.pem"), team.path("keyless.pem")).unwrap();
    let told = team.must(1, &plan_by("keyless.pem", "plan.jsonl"));
    assert!(told.contains("keyless.pem") && told.contains("unencrypted RSA key"), "{told}");
}

//! The lines of the README with which a card signs in CMS, and those of a report with which anybody checks
//! it, as they stand there: `openssl`, a shell, and the real program.

use super::readme::{blocks, shell};
use crate::support::cards::{Issuer, P256, openssl_is_here, with_card};
use crate::support::team::Team;

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");
/// Whatever the clock of this machine says.
const ALWAYS: (&str, &str) = ("20200101000000Z", "20450101000000Z");

/// The block of the README with this command.
fn lines_of_the_readme(with: &str) -> &'static str {
    blocks("PIV and CAC cards").into_iter().find(|block| block.contains(with)).expect("the block is there")
}

#[test]
fn a_card_signs_as_the_readme_says_and_anybody_checks_it() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::with("issuing-ca", "issuer", ALWAYS);
    issuer.list("crl", ALWAYS);
    let certificate = issuer.issue_with("ann", P256, "card", ALWAYS, "");
    let mut team = Team::sit_down(PLAYBOOK);
    let roster = std::fs::read_to_string(team.path("roster.yaml")).unwrap();
    let roster = with_card(&roster, &issuer.text("ca.pem"), "ann@agency.example", &[certificate]);
    std::fs::write(team.path("roster.yaml"), roster).unwrap();
    for (from, to) in [("ann.pem", "cert.pem"), ("ann.key", "card.key"), ("crl.pem", "issuer.crl")] {
        std::fs::copy(issuer.path(from), team.path(to)).unwrap();
    }
    assert!(team.must(0, &["roster", "key", "cert.pem"]).contains(&format!("\"{certificate}\"")));
    team.open_a_lab(&["--fast"]);
    team.init();
    assert!(team.must(0, &["roster", "show"]).contains("cards count if issued by CN=issuing-ca"));
    team.plan();
    let (code, said) = shell(&team.path(""), lines_of_the_readme("openssl cms -sign"));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Signed and handed in"), "{said}");
    // Without the list, or with another person's name, nothing is handed in.
    let given = |by: &str, more: &[&str]| {
        let base = ["approve", "plan.jsonl", "--by", by, "--statement", "statement.json"];
        team.must(4, &[&base[..], &["--signature", "statement.cms"], more].concat())
    };
    assert!(given("ann@agency.example", &[]).contains("give it with `--crl`"));
    assert!(given("ben@agency.example", &["--crl", "issuer.crl"]).contains("signed this, not ben"));
    team.approve("ben", "start");
    team.must(9, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"]);
    let verified = team.must(4, &["audit", "verify"]);
    assert!(!verified.contains("TAMPERED"), "{verified}");
    team.must(0, &["audit", "export", "--out", "bundle.tar"]);
    std::fs::create_dir(team.path("there")).unwrap();
    std::fs::rename(team.path("bundle.tar"), team.path("there/bundle.tar")).unwrap();
    let (code, said) = shell(&team.path("there"), lines_of_the_readme("openssl cms -verify"));
    assert!(code == 0 && said.matches("Verification successful").count() == 1, "{said}");
    assert!(said.contains(&certificate.hex()), "{said}");
    let report = std::fs::read_to_string(team.path("there/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let commands = report["integrity"]["commands"].as_array().expect("commands").clone();
    let line = |tool: &str| {
        let all = commands.iter().filter_map(|c| c[1].as_str());
        all.filter(|c| c.contains(tool)).collect::<Vec<_>>().join("\n")
    };
    let (code, said) = shell(&team.path("there"), &line("openssl cms"));
    assert!(code == 0 && said.contains(&certificate.hex()), "{said}");
    let (code, said) = shell(&team.path("there"), &line("ssh-keygen"));
    assert!(code == 0 && said.contains("for ben@agency.example"), "{said}");
}

//! The lines of the README with which people sign and check without trusting us, as they stand there:
//! `sha256sum`, `ssh-keygen`, a shell. And keys that are nowhere but in an agent, as those of a card.

use super::readme::{blocks, shell};
use crate::support::team::Team;
use std::process::Command;

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");

/// A plan to be approved. The lab has gone: nobody can be asked any more.
fn planned() -> Team {
    let mut team = Team::gather(PLAYBOOK);
    team.init();
    team.plan();
    team.send_the_lab_home();
    std::fs::create_dir_all(team.path("home/.ssh")).unwrap();
    std::fs::copy(team.path("ann"), team.path("home/.ssh/id_ed25519")).unwrap();
    team
}

#[test]
fn a_statement_is_checked_and_signed_as_the_readme_says() {
    let team = planned();
    let [sign, _] = blocks("With nothing but `sha256sum` and `ssh-keygen`")[..] else { panic!() };
    let (code, said) = shell(&team.path(""), sign);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Signed and handed in"), "{said}");
    // Each digest was found, alone on its line.
    let digest = |l: &&str| l.len() == 64 && l.bytes().all(|b| b.is_ascii_hexdigit());
    assert_eq!(said.lines().filter(digest).count(), 3, "{said}");
    assert!(team.path("statement.json").exists() && !said.contains("PRIVATE"), "{said}");
}

#[test]
fn what_was_signed_elsewhere_is_judged_like_everything_else() {
    let team = planned();
    let show = ["approve", "plan.jsonl", "--by", "ann@agency.example", "--show", "--out", "s.json"];
    team.must(0, &show);
    assert!(team.must(1, &show).contains("already"), "nothing is written over");
    let sign = |key: &str, namespace: &str| {
        let _ = std::fs::remove_file(team.path("s.json.sig"));
        let line = format!("ssh-keygen -q -Y sign -n {namespace} -f {key} s.json");
        assert_eq!(shell(&team.path(""), &line).0, 0);
    };
    let given = |by: &str, code: i32| {
        let by = format!("{by}@agency.example");
        team.must(
            code,
            &["approve", "plan.jsonl", "--by", &by, "--statement", "s.json", "--signature", "s.json.sig"],
        )
    };
    sign("ben", "plan-approval@reissue.v1");
    assert!(given("ann", 4).contains("the key belongs to ben@agency.example"));
    sign("ann", "file");
    assert!(given("ann", 4).contains("it was signed for"));
    sign("ann", "plan-approval@reissue.v1");
    assert!(given("ben", 4).contains("ann@agency.example signed this, not ben@agency.example"));
    given("ann", 0);
    let text = std::fs::read_to_string(team.path("s.json")).unwrap();
    std::fs::write(team.path("s.json"), text.replace("\"retire\":1", "\"retire\":0")).unwrap();
    assert!(given("ann", 4).contains("does not match the statement"));
    std::fs::write(team.path("s.json"), text + "\n").unwrap();
    sign("ann", "plan-approval@reissue.v1");
    assert!(given("ann", 4).contains("not in canonical form"));
}

#[test]
fn what_was_signed_elsewhere_is_shown_and_is_what_the_command_line_says() {
    let team = planned();
    let by = ["approve", "plan.jsonl", "--by", "ann@agency.example"];
    team.must(0, &[&by[..], &["--reject", "--show", "--out", "s.json"]].concat());
    assert_eq!(shell(&team.path(""), "ssh-keygen -q -Y sign -n plan-approval@reissue.v1 -f ann s.json").0, 0);
    let files = ["--statement", "s.json", "--signature", "s.json.sig"];
    let given = |code, more: &[&str]| team.must(code, &[&by[..], &files, more].concat());
    for (flag, more) in [
        ("--phase", &["--phase", "retire"][..]),
        ("--withdraw", &["--withdraw"]),
        ("--break-glass", &["--break-glass"]),
    ] {
        let said = given(4, more);
        let what = format!("the statement is a reject, which is not what `{flag}` says");
        assert!(said.contains(&what) && said.contains("You REJECT this plan"), "{said}");
    }
    assert!(team.must(0, &["status"]).contains("Next:\n  make a plan"), "nothing was handed in");
    let said = given(0, &["--reject", "--phase", "start"]);
    assert!(said.contains("You REJECT this plan") && said.contains("handed in: a reject ("), "{said}");
    // Unread as it is, it is told as what it is.
    let said = team.must(0, &["status"]);
    assert!(said.contains("not read yet: 1 reject (ann@agency.example)."), "{said}");
    assert!(said.contains("reissue approve PLAN --by ann@agency.example --withdraw --key FILE\n"), "{said}");
    given(0, &[]);
    let said = team.must(0, &["status"]);
    assert!(said.contains("1 reject (ann@agency.example)."), "the same again is one: {said}");
}

#[test]
fn every_approval_of_a_bundle_is_checked_as_the_readme_says() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    team.plan();
    team.approve("ann", "start");
    team.approve("ben", "start");
    team.must(9, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"]);
    team.must(0, &["audit", "export", "--out", "bundle.tar"]);
    let [_, check] = blocks("With nothing but `sha256sum` and `ssh-keygen`")[..] else { panic!() };
    let (code, said) = shell(&team.path(""), check);
    assert_eq!(code, 0, "{said}");
    for who in ["ann", "ben"] {
        let good = format!("Good \"plan-approval@reissue.v1\" signature for {who}@agency.example");
        assert_eq!(said.matches(&good).count(), 1, "{said}");
    }
    assert_eq!(said.matches(": OK").count(), 2, "{said}");
    // Somebody else's key under the same name is no good signature.
    let signers = std::fs::read_to_string(team.path("allowed_signers")).unwrap();
    let swapped = signers.replace("ann@", "x@").replace("ben@", "ann@").replace("x@", "ben@");
    std::fs::write(team.path("allowed_signers"), swapped).unwrap();
    let loop_only = &check[check.find("grep").unwrap()..];
    let (code, said) = shell(&team.path(""), loop_only);
    assert!(code != 0 && !said.contains("Good"), "{said}");
}

/// As with a card: the private key is in the agent only, and the public one is named.
#[test]
fn a_key_that_only_an_agent_has() {
    let team = planned();
    std::fs::create_dir(team.path("agent")).unwrap();
    let lines = "
        eval \"$(ssh-agent -s -a agent/socket)\" >/dev/null
        trap 'ssh-agent -k >/dev/null' EXIT
        ssh-add -q ann
        rm ann home/.ssh/id_ed25519
        reissue approve plan.jsonl --by ann@agency.example --key ann.pub
        ssh-add -q -D
        ! reissue approve plan.jsonl --by ann@agency.example --key ann.pub";
    let (code, said) = shell(&team.path(""), lines);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("Signed and handed in").count(), 1, "only while the agent has the key: {said}");
    assert!(said.contains("ssh-keygen did not sign"), "{said}");
}

/// A card's certificate gives the line for a roster; its key, held by an agent, signs. Without openssl
/// nothing of it can be tried.
#[test]
fn the_key_of_a_certificate_is_a_key_of_the_roster() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("SKIPPED: openssl cannot be run here; keys of certificates were not tested");
        return;
    }
    for (kind, make) in [
        ("ecdsa-sha2-nistp256", "-newkey ec -pkeyopt ec_paramgen_curve:P-256"),
        ("ecdsa-sha2-nistp384", "-newkey ec -pkeyopt ec_paramgen_curve:P-384"),
        ("ssh-rsa", "-newkey rsa:2048"),
    ] {
        let mut team = Team::sit_down(PLAYBOOK);
        let lines = format!(
            "openssl req -x509 {make} -nodes -keyout card -out cert.pem -days 9 -subj /CN=ann 2>/dev/null
             openssl x509 -in cert.pem -outform DER -out cert.der
             openssl x509 -in cert.pem -pubkey -noout > spki.pem
             ssh-keygen -i -m PKCS8 -f spki.pem > theirs
             reissue roster key cert.pem > card.pub
             reissue roster key cert.der | cmp - card.pub
             cmp theirs card.pub
             ! reissue roster key card"
        );
        let (code, said) = shell(&team.path(""), &lines);
        assert_eq!(code, 0, "{kind}: {said}");
        let line = std::fs::read_to_string(team.path("card.pub")).unwrap();
        assert!(line.starts_with(kind), "{line}");
        if kind != "ecdsa-sha2-nistp256" {
            continue;
        }
        let roster = std::fs::read_to_string(team.path("roster.yaml")).unwrap();
        let ann = std::fs::read_to_string(team.path("ann.pub")).unwrap();
        std::fs::write(team.path("roster.yaml"), roster.replace(ann.trim(), line.trim())).unwrap();
        serve_a_plan(&mut team);
        let lines = "
            eval \"$(ssh-agent -s -a socket)\" >/dev/null
            trap 'ssh-agent -k >/dev/null' EXIT
            chmod 600 card
            ssh-add -q card
            rm card
            reissue approve plan.jsonl --by ann@agency.example --key card.pub";
        let (code, said) = shell(&team.path(""), lines);
        assert!(code == 0 && said.contains("Signed and handed in"), "{said}");
    }
    let team = Team::sit_down(PLAYBOOK);
    let weak = "openssl req -x509 -newkey rsa:1024 -nodes -keyout k -out c.pem -subj /CN=x 2>/dev/null; reissue roster key c.pem";
    let (code, said) = shell(&team.path(""), weak);
    assert!(code != 0 && said.contains("RSA key of 1024 bits is too short"), "{said}");
}

/// A lab for as long as it takes to make the plan.
fn serve_a_plan(team: &mut Team) {
    team.open_a_lab(&["--fast"]);
    team.init();
    team.plan();
    team.send_the_lab_home();
}

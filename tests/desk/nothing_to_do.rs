//! A plan that changes nothing: nobody has to sign for it, and no run is begun.

use crate::support::team::Team;

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");

#[test]
fn a_plan_without_a_change_is_applied_without_a_signature() {
    let team = Team::gather(PLAYBOOK);
    team.init();
    let other =
        PLAYBOOK.replace("8a1d0000-0000-4000-8000-000000000001", "8a1d0000-0000-4000-8000-0000000000ff");
    assert_ne!(other, PLAYBOOK);
    std::fs::write(team.path("other.yaml"), other).unwrap();
    let planned =
        team.must(0, &["plan", "other.yaml", "--author", "op", "--lab", "lab", "--out", "plan.jsonl"]);
    assert!(planned.contains("Nothing was changed, and nothing would be"), "{planned}");
    let applied = team.must(0, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"]);
    assert!(
        applied.contains("The plan changes nothing") && applied.contains("No run was begun."),
        "{applied}"
    );
    let log = team.log();
    assert!(!log.contains("run.started") && !log.contains("run.claimed"), "{log}");
}

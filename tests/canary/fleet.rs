//! Commands on many tenants, scanned like all others.

use crate::support::desk::Desk;

/// The same commands for many tenants: one that is there, one whose files are something else, and hold secrets.
pub(crate) fn a_fleet(desk: &mut Desk) {
    let id = desk.scene.operator.to_string();
    let rows = format!(
        "reissue_fleet: 1\ntenants:\n  - {{ name: contoso, home: .reissue, playbook: playbook.yaml, lab: lab }}\n  \
         - {{ name: fabrikam, home: h3, playbook: lab/operator.json, lab: lab, plan: lab/operator.json, \
         as: {{ secret_file: own-secret, client_id: {id} }} }}\n"
    );
    std::fs::write(desk.team.path("fleet.yaml"), rows).unwrap();
    let secret = desk.scene.operator_secret.clone();
    let pasted = format!("reissue_fleet: 1\ntenants:\n  - {{ name: a, client_secret: {secret:?} }}\n");
    std::fs::write(desk.team.path("pasted-fleet.yaml"), pasted).unwrap();
    for last in [&[][..], &["--json"]] {
        for command in [
            &["plan", "--author", "op"][..],
            &["apply", "--operator", "op"],
            &["apply", "--operator", "op", "--resume"],
            &["status"],
        ] {
            assert_ne!(
                desk.run(&[command, &["--fleet", "fleet.yaml"], last].concat()),
                64,
                "{}",
                desk.last()
            );
            desk.must(1, &[command, &["--fleet", "pasted-fleet.yaml"], last].concat());
            desk.must(1, &[command, &["--fleet", "lab/operator.json"], last].concat());
        }
        let _ = std::fs::remove_file(desk.team.path("contoso.plan.jsonl"));
    }
}

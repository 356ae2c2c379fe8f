//! What planning reads: lists by the page, and nothing for each target that a page could serve.

use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::connector::syntaxes;
use reissue::domain::event::Environment;
use reissue::domain::id::ClientId;
use reissue::domain::observation::{Fact, Way};
use reissue::domain::plan::make::Known;
use reissue::domain::plan::risk::Risk;
use reissue::domain::plan::{Plan, PlannedTarget};
use reissue::domain::playbook::check;
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::drill::{self, scene};
use reissue::lab::{Lab, LabDisconnect, ManagementPolicy, NewApplication, NewUser, Owner};
use reissue::pipeline::{PlanOrder, make_plan};
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

const HEAD: &str = "reissue: 1
incident: { id: INC-READS, title: reads }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 1, valid_for: 48h }
targets:
";

fn app(n: usize) -> ClientId {
    format!("8a1d0000-0000-4000-8000-{n:012x}").parse().unwrap()
}

fn playbook(apps: usize, users: usize) -> String {
    let mut text = HEAD.to_owned();
    for n in 1..=apps {
        let _ = writeln!(
            text,
            "  - {{ app: {}, name: a{n}, rotate: {{ secret: {{ hint: a{:02} }}, publish: {{ store: ir, name: a{n} }}, \
             hold: {{ time: 0s }} }} }}",
            app(n),
            n % 100
        );
    }
    for n in 1..=users {
        let _ = writeln!(
            text,
            "  - {{ user: u{n}@lab.test, reset: {{ deliver: {{ store: ir, name: u{n}, to: helpdesk }} }} }}"
        );
    }
    text
}

struct Planned {
    plan: Plan,
    lab: Lab,
    /// Requests to the directory, and to the vault.
    graph: u64,
    vault: u64,
    took: Duration,
}

/// Plans in a tenant that `furnish` has seen.
fn plan(text: &str, furnish: impl FnOnce(&Lab)) -> Planned {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let env = drill::environment(1);
        let playbook = check(text, &syntaxes()).unwrap();
        let scene = scene::build(&env, &playbook);
        furnish(&scene.lab);
        let wire = InProcess::new(scene.lab.service(), |e: &LabDisconnect| e.may_have_reached);
        let identity = Identity::Secret {
            client_id: scene.operator.clone(),
            secret: Secret::new(scene.operator_secret.clone()),
        };
        let budget = Azure::budget_for(&env, 70, Start::Full);
        let tenant = playbook.tenant.id.clone();
        let azure = Azure::new(&env, playbook.tenant.cloud, tenant, Arc::new(wire), budget, identity);
        let order = PlanOrder::new(Text::lossy("op"), Environment::Lab, Known::default());
        let began = env.clock.elapsed();
        let plan = make_plan(&env, &azure, &playbook, order).await.unwrap();
        let answers = scene.lab.ledger().answers;
        let of = |service: &str| answers.iter().filter(|(k, _)| k.starts_with(service)).map(|(_, n)| n).sum();
        let (graph, vault) = (of("graph"), of("vault"));
        Planned { plan, lab: scene.lab, graph, vault, took: env.clock.elapsed() - began }
    })
}

fn target<'a>(plan: &'a Plan, name: &str) -> &'a PlannedTarget {
    plan.changes().find(|t| t.name.as_str() == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_thousand_other_applications_cost_pages_and_no_target_a_read() {
    let (apps, users) = (150, 60);
    let text = playbook(apps, users);
    let planned = plan(&text, |lab| {
        for n in 0..1_200_u32 {
            let mut id = [0xbb; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            lab.create_application(NewApplication::new(ClientId::from_random(id), format!("other-{n}")));
            lab.create_user(NewUser::new(format!("other-{n}@lab.test"), format!("Other {n}")));
        }
    });
    assert_eq!(planned.plan.changes().count(), apps + users, "{:?}", planned.plan.exceptions().next());
    // Two pages each of: applications, service principals (plain, with owners, with federated credentials),
    // users; one each of policies, roles, grants, counts. For a user its groups.
    let lists = 2 * 7 + 12;
    assert!(planned.graph <= lists + users as u64, "{} requests to the directory", planned.graph);
    // A free name takes two: its versions, and whether it is a deleted one's.
    assert!(planned.vault <= 2 * (apps + users) as u64 + 4, "{} requests to the vault", planned.vault);
    assert!(planned.took < Duration::from_secs(30), "{:?}", planned.took);
}

/// Whatever a page shows is what a read of the one object shows.
#[test]
fn pages_and_single_reads_agree() {
    let furnish = |lab: &Lab| {
        let ann = lab.create_user(NewUser::new("ann@lab.test", "Ann"));
        lab.add_owner(&app(1), Owner::Application, &ann);
        lab.add_owner(&app(2), Owner::ServicePrincipal, &ann);
        // More owners than an expanded list shows.
        for n in 0..25 {
            let owner = lab.create_user(NewUser::new(format!("owner-{n}@lab.test"), "Owner"));
            lab.add_owner(&app(3), Owner::Application, &owner);
        }
        lab.add_federated_credential(&app(4), Owner::Application, "ci", "https://token.example", "repo:x");
        lab.grant_app_permission(&app(5), "RoleManagement.ReadWrite.Directory");
        lab.grant_app_permission(&app(6), "User.Read.All");
        let strict =
            ManagementPolicy { password_life_max: Some(Duration::from_secs(86_400)), ..Default::default() };
        lab.set_app_policy(&app(7), &strict);
    };
    let (many, few) = (plan(&playbook(30, 25), furnish), plan(&playbook(8, 1), furnish));
    let ways = |p: &Planned, name: &str| {
        let seen = &target(&p.plan, name).observation;
        (seen.ways_in.iter().filter(|w| w.what == Way::Owner).count(), seen.ways_in.len())
    };
    for (name, expected) in [("a1", (1, 1)), ("a2", (1, 1)), ("a3", (25, 25)), ("a4", (0, 1)), ("a8", (0, 0))]
    {
        assert_eq!((ways(&many, name), ways(&few, name)), (expected, expected), "{name}");
    }
    for planned in [&many, &few] {
        let (t5, t6, t8) =
            (target(&planned.plan, "a5"), target(&planned.plan, "a6"), target(&planned.plan, "a8"));
        assert_eq!((t5.start.place, t5.start.risk), (1, Risk::Tenant));
        assert_eq!(t5.start.why.as_str(), "RoleManagement.ReadWrite.Directory");
        assert_eq!((t6.start.place, t6.start.risk), (2, Risk::Wide));
        assert_eq!(t8.start.risk, Risk::Own);
        assert_eq!(t8.observation.fact(Fact::Permissions), None);
        let refused = planned.plan.exceptions().next().unwrap();
        assert_eq!((refused.name.as_str(), refused.refusal.reason.code()), ("a7", "policy-lifetime"));
    }
    assert!(many.lab.ledger().writes.is_empty());
}

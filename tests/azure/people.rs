//! Users, roles, policies, owners and switches, judged by the lab.

use crate::scene::{OPERATOR, PAYROLL, Scene, client};
use reissue::azure::fault::MessageClass;
use reissue::azure::graph::applications::Audience;
use reissue::azure::graph::credentials::{Holder, NewPassword};
use reissue::azure::quota::Operation;
use reissue::azure::sign_in::Meaning;
use reissue::domain::event::{FaultClass, Happened};
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::lab::{ManagementPolicy, NewApplication, NewUser, Owner, SecretSpec};
use std::time::Duration;

fn granted(scene: &Scene) {
    for permission in [
        "User.Read.All",
        "User-PasswordProfile.ReadWrite.All",
        "User.EnableDisableAccount.All",
        "User.RevokeSessions.All",
        "RoleManagement.Read.Directory",
    ] {
        scene.lab.grant_app_permission(&client(OPERATOR), permission);
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_is_blocked_reset_and_signed_out() {
    let scene = Scene::calm();
    granted(&scene);
    let mut alice = NewUser::new("alice@lab.test", "Alice");
    alice.password = Some("Old-Passw0rd".into());
    let id = scene.lab.create_user(alice);
    let graph = scene.azure.graph();
    let before = graph.user_by_name("alice@lab.test").await.unwrap().unwrap();
    assert_eq!((&before.id, before.account_enabled, before.is_synced()), (&id, Some(true), false));
    assert_eq!(graph.user_by_name("nobody@lab.test").await.unwrap(), None);

    scene.wait(60).await;
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.set_user_enabled(&id, false, &permit).await.unwrap();
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.reset_password(&id, &Secret::new("N3w-\"Passw0rd!\\".into()), true, &permit).await.unwrap();
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.revoke_sessions(&id, &permit).await.unwrap();
    let after = graph.user(&id).await.unwrap().unwrap();
    assert_eq!(after.account_enabled, Some(false));
    assert!(after.last_password_change > before.last_password_change);
    assert!(after.sessions_valid_from > before.sessions_valid_from);
    assert_eq!(scene.lab.user_signs_in("alice@lab.test", "N3w-\"Passw0rd!\\"), Err(50_057));
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.set_user_enabled(&id, true, &permit).await.unwrap();
    assert_eq!(scene.lab.user_signs_in("alice@lab.test", "Old-Passw0rd"), Err(50_126));
}

#[tokio::test(start_paused = true)]
async fn synced_and_privileged_users_are_told_apart() {
    let scene = Scene::calm();
    granted(&scene);
    let mut synced = NewUser::new("bob@lab.test", "Bob");
    synced.synced = true;
    let bob = scene.lab.create_user(synced);
    let mut admin = NewUser::new("root@lab.test", "Root");
    admin.roles = vec!["Global Administrator".into()];
    let root = scene.lab.create_user(admin);
    let graph = scene.azure.graph();
    let seen = graph.user(&bob).await.unwrap().unwrap();
    assert!(seen.is_synced());
    assert_eq!(seen.on_premises_name().unwrap().as_str(), "corp.lab.test\\bob");
    let secret = Secret::new("N3w-Passw0rd!".into());
    let permit = scene.azure.permit(Operation::WriteObject).await;
    let e = graph.reset_password(&bob, &secret, true, &permit).await.unwrap_err();
    assert_eq!(
        (e.message, e.class, e.happened),
        (MessageClass::DirectorySynced, FaultClass::Refused, Happened::No)
    );
    let permit = scene.azure.permit(Operation::WriteObject).await;
    let e = graph.reset_password(&root, &secret, true, &permit).await.unwrap_err();
    assert_eq!((e.message, e.code.as_str()), (MessageClass::Forbidden, "Authorization_RequestDenied"));
    let roles = graph.role_assignments(&root).await.unwrap();
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].name().as_str(), "Global Administrator");
    assert_eq!(roles[0].template_id().as_str(), "62e90394-69f5-4237-9190-012177145e10");
    assert!(roles[0].is_tenant_wide());
    assert!(graph.role_assignments(&bob).await.unwrap().is_empty());
    assert!(graph.eligible_roles(&root).await.is_ok());
    assert_eq!(graph.role_groups_of_user(&root).await.unwrap(), vec![]);
}

#[tokio::test(start_paused = true)]
async fn the_tenant_is_counted() {
    let scene = Scene::calm();
    granted(&scene);
    let graph = scene.azure.graph();
    for i in 0..3 {
        scene.lab.create_user(NewUser::new(format!("user{i}@lab.test"), "U"));
    }
    assert_eq!(graph.count_users().await.unwrap(), 3);
    assert_eq!(graph.count_applications().await.unwrap(), 2);
    assert!(graph.count_service_principals().await.unwrap() >= 2);
    let organization = graph.organization().await.unwrap();
    assert_eq!(&organization.id, scene.azure.tenant());
    assert!(organization.default_domain().is_some());
}

#[tokio::test(start_paused = true)]
async fn policies_are_read_before_they_refuse() {
    let scene = Scene::calm();
    let graph = scene.azure.graph();
    let id = &scene.payroll.object_id;
    assert_eq!(graph.app_restrictions(id, None).await.unwrap(), vec![]);
    let month = Duration::from_secs(30 * 86_400);
    scene.lab.set_default_policy(&ManagementPolicy { password_life_max: Some(month), ..Default::default() });
    let found = graph.app_restrictions(id, None).await.unwrap();
    assert_eq!((found[0].restriction.as_str(), found[0].max_lifetime), ("passwordLifetime", Some(month)));
    let end = scene.env.clock.now().after(month * 3);
    let new = NewPassword { display_name: Text::lossy("x"), end };
    let permit = scene.azure.permit(Operation::WriteObject).await;
    let e = graph.add_password(&Holder::Application(id.clone()), &new, &permit).await.unwrap_err();
    assert_eq!((e.message, e.class), (MessageClass::PolicyLifetime, FaultClass::Refused));
    scene
        .lab
        .set_app_policy(&client(PAYROLL), &ManagementPolicy { no_passwords: true, ..Default::default() });
    let found = graph.app_restrictions(id, None).await.unwrap();
    assert_eq!(found.iter().map(|r| r.restriction.as_str()).collect::<Vec<_>>(), ["passwordAddition"]);
    let permit = scene.azure.permit(Operation::WriteObject).await;
    let e = graph.add_password(&Holder::Application(id.clone()), &new, &permit).await.unwrap_err();
    assert_eq!((e.message, e.class), (MessageClass::PolicyForbids, FaultClass::Refused));
}

#[tokio::test(start_paused = true)]
async fn both_switches_stop_sign_in_and_are_read_back() {
    let scene = Scene::calm();
    let graph = scene.azure.graph();
    let (_, value) = scene.lab.add_secret(&client(PAYROLL), SecretSpec::default());
    let value = Secret::new(value);
    let sign_in =
        || async { scene.azure.sign_in().by_secret(&client(PAYROLL), &value).await.unwrap().meaning() };
    let (app, principal) = (&scene.payroll.object_id, &scene.payroll.service_principal_id);
    assert_eq!(sign_in().await, None);
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.set_service_principal_enabled(principal, false, &permit).await.unwrap();
    assert_eq!(sign_in().await, Some(Meaning::Disabled));
    assert!(!graph.service_principal_state(principal).await.unwrap().unwrap().is_enabled());
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.set_service_principal_enabled(principal, true, &permit).await.unwrap();
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.set_application_disabled(app, true, &permit).await.unwrap();
    assert!(graph.application_state(app).await.unwrap().unwrap().is_disabled);
    assert_eq!(sign_in().await, Some(Meaning::Disabled));
}

#[tokio::test(start_paused = true)]
async fn every_other_way_in_is_seen() {
    let scene = Scene::calm();
    let graph = scene.azure.graph();
    let id = client(PAYROLL);
    scene.lab.add_owner(&id, Owner::Application, &scene.operator.service_principal_id);
    let add = |on, issuer| scene.lab.add_federated_credential(&id, on, "github", issuer, "repo:a/b");
    add(Owner::Application, "https://token.actions.example");
    add(Owner::ServicePrincipal, "https://oidc.intruder.example");
    scene.lab.add_secret(&id, SecretSpec { on: Owner::ServicePrincipal, ..SecretSpec::default() });
    let app = graph.application_by_client_id(&id).await.unwrap().unwrap();
    assert_eq!(app.audience(), Audience::MyOrg);
    let owners = graph.application_owners(&app.id).await.unwrap();
    assert_eq!(owners[0].id, scene.operator.service_principal_id);
    let federated = graph.federated_credentials(&app.id).await.unwrap();
    assert_eq!(federated[0].issuer().as_str(), "https://token.actions.example");
    let principal = graph.service_principal_by_client_id(&id).await.unwrap().unwrap();
    assert_eq!((app.passwords.len(), principal.passwords.len()), (0, 1));
    assert!(graph.service_principal_owners(&principal.id).await.unwrap().is_empty());
    let federated = graph.service_principal_federated_credentials(&principal.id).await.unwrap();
    assert_eq!(federated.len(), 1);
    assert_eq!(federated[0].issuer().as_str(), "https://oidc.intruder.example");
    let operator = graph.service_principal_by_client_id(&client(OPERATOR)).await.unwrap().unwrap();
    assert!(!graph.app_role_assignments(&operator.id).await.unwrap().is_empty());
    let many = [Holder::Application(app.id), Holder::ServicePrincipal(principal.id)];
    let lists = graph.passwords_of(&many).await.unwrap();
    assert_eq!(lists.iter().map(|l| l.as_ref().unwrap().len()).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn personal_applications_cost_more() {
    let scene = Scene::calm();
    let id = client("8a1d0000-0000-4000-8000-000000000777");
    scene.lab.create_application(NewApplication::new(id.clone(), "toy").personal());
    let app = scene.azure.graph().application_by_client_id(&id).await.unwrap().unwrap();
    assert_eq!(app.audience(), Audience::Personal);
    assert_eq!(app.audience().write_operation(), Operation::WritePersonalApp);
}

#[tokio::test(start_paused = true)]
async fn changes_come_late_into_the_log() {
    let scene = Scene::calm();
    let since = scene.env.clock.now();
    let graph = scene.azure.graph();
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.set_application_disabled(&scene.payroll.object_id, true, &permit).await.unwrap();
    scene.wait(600).await;
    let changes = graph.changes_of(&scene.payroll.object_id, since).all().await.unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].activity().starts_with("Update application"));
    assert!(changes[0].succeeded());
    assert_eq!(changes[0].targets(), vec![scene.payroll.object_id.clone()]);
    assert_eq!(changes[0].actor_principal(), Some(scene.operator.service_principal_id.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_tells_which_credential_was_used() {
    let scene = Scene::calm();
    let since = scene.env.clock.now();
    let (key, value) = scene.lab.add_secret(&client(PAYROLL), SecretSpec::default());
    let sign_in = scene.azure.sign_in();
    assert!(sign_in.by_secret(&client(PAYROLL), &Secret::new(value)).await.unwrap().is_accepted());
    sign_in.by_secret(&client(PAYROLL), &Secret::new("wrong".into())).await.unwrap();
    scene.wait(1_200).await;
    let rows = scene.azure.graph().application_sign_ins(&[&client(PAYROLL)], since).all().await.unwrap();
    let good = rows.iter().find(|r| r.aadsts() == 0).unwrap();
    assert_eq!(good.key_id(), Some(key));
    assert!(good.at.unwrap() >= since);
    assert!(rows.iter().any(|r| r.aadsts() == 7_000_215));
}

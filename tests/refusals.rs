//! Every reason for which a target is left alone, produced on the lab; and the ways in that are
//! shown and left open.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/rehearsal.rs"]
mod rehearsal;

use bytes::Bytes;
use rehearsal::{Rehearsal, in_virtual_time};
use reissue::domain::id::{ClientId, KeyId};
use reissue::domain::observation::Way;
use reissue::domain::plan::refusal::Reason;
use reissue::domain::plan::{Plan, Refusal};
use reissue::drill::scene::{OPERATOR, OPERATOR_NAME};
use reissue::lab::{ManagementPolicy, NewApplication, NewUser, Owner, SecretSpec};
use serde_json::json;
use std::time::Duration;

const APP: &str = "8a1d0000-0000-4000-8000-000000000001";
const NAME: &str = "payroll-sync";
const OTHER: &str = "5b770000-0000-4000-8000-000000000002";
const VAULT: &str = "https://kv-ir.vault.azure.net";
const GRAPH: &str = "https://graph.microsoft.com/v1.0";
const THUMBPRINT: &str = "2f9a4e0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f";

const SECRET: &str = "rotate: { secret: { hint: x7Q }, publish: { store: ir, name: payroll-sync } }";
const CERTIFICATE: &str = "rotate: { certificate: { thumbprint: 2f9a4e0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f }, publish: { store: ir, name: payroll-cert } }";
const DISABLE: &str = "disable: { reason: nobody needs it }";
const RESET: &str = "reset: { deliver: { store: ir, name: alice-temporary, to: helpdesk } }";

fn client(text: &str) -> ClientId {
    text.parse().unwrap()
}

fn playbook(guardrails: &str, target: &str) -> String {
    format!(
        "reissue: 1
incident: {{ id: INC-1, title: Refusals }}
tenant: {{ id: 7d3c9a10-0000-4000-8000-000000000001, cloud: public }}
stores: {{ ir: {{ key_vault: {VAULT} }} }}
approval: {{ quorum: 1, valid_for: 48h }}
{guardrails}
targets:
  - {target}
"
    )
}

fn app(id: &str, name: &str, what: &str) -> String {
    playbook("", &format!("app: {id}\n    name: {name}\n    {what}"))
}

fn user(upn: &str) -> String {
    playbook("", &format!("user: {upn}\n    {RESET}"))
}

/// Why the one target of the plan was left alone.
fn refusal(plan: &Plan) -> Refusal {
    match plan.exceptions().next() {
        Some(excepted) => excepted.refusal.clone(),
        None => panic!("it is planned: {:?}", plan.targets),
    }
}

/// The furnished scene of a playbook, changed, and then planned.
fn refused(text: &str, change: impl FnOnce(&reissue::drill::scene::Scene)) -> Refusal {
    in_virtual_time(async {
        let rehearsal = Rehearsal::with_scene(text, change);
        refusal(&rehearsal.plan().await.unwrap())
    })
}

/// A tenant furnished for `text`, and another playbook for it.
fn refused_elsewhere(text: &str, change: impl FnOnce(&reissue::drill::scene::Scene)) -> Refusal {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::with_scene(&user("alice@agency.example"), change);
        rehearsal.reads(text);
        refusal(&rehearsal.plan().await.unwrap())
    })
}

fn set(scene: &reissue::drill::scene::Scene, on: Owner, properties: serde_json::Value) {
    let serde_json::Value::Object(properties) = properties else { panic!("an object") };
    scene.lab.set_properties(&client(APP), on, properties);
}

#[test]
fn every_reason_has_its_test_here() {
    let here = include_str!("refusals.rs");
    for reason in Reason::ALL {
        assert!(here.contains(&format!("Reason::{reason:?}")), "{reason:?}");
    }
}

#[test]
fn not_found() {
    let found = refused_elsewhere(&app(APP, NAME, SECRET), |_| {});
    assert_eq!(found.reason, Reason::NotFound);
    assert_eq!(refused_elsewhere(&user("nobody@agency.example"), |_| {}).reason, Reason::NotFound);
}

#[test]
fn name_mismatch() {
    for what in [SECRET, CERTIFICATE, DISABLE] {
        let found = refused(&app(APP, NAME, what), |scene| {
            set(scene, Owner::Application, json!({ "displayName": "payroll-sink" }));
        });
        assert_eq!(found.reason, Reason::NameMismatch);
        assert_eq!(found.detail.as_str(), "payroll-sink");
    }
}

#[test]
fn no_such_credential() {
    let text = app(APP, NAME, SECRET);
    let mut absent = SECRET.replace("x7Q", "Q7x");
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&text);
        rehearsal.reads(&app(APP, NAME, &absent));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::NoSuchCredential);
    absent = CERTIFICATE.replace(THUMBPRINT, &THUMBPRINT.chars().rev().collect::<String>());
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&app(APP, NAME, CERTIFICATE));
        rehearsal.reads(&app(APP, NAME, &absent));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::NoSuchCredential);
}

#[test]
fn ambiguous_hint() {
    for spec in [
        SecretSpec { hint: Some("x7Q".into()), ..SecretSpec::default() },
        SecretSpec { null_hint: true, on: Owner::ServicePrincipal, ..SecretSpec::default() },
    ] {
        let found = refused(&app(APP, NAME, SECRET), |scene| {
            scene.lab.add_secret(&client(APP), spec);
        });
        assert_eq!(found.reason, Reason::AmbiguousHint);
    }
}

fn add_certificate(scene: &reissue::drill::scene::Scene, on: Owner) -> KeyId {
    let made = scene.lab.generate_certificate("CN=other", Duration::from_secs(86_400 * 100)).unwrap();
    let key = scene.lab.add_certificate(&client(APP), on, &made.cert_der, Some("other"));
    scene.lab.set_key_identifier(&client(APP), on, &key, THUMBPRINT);
    key
}

#[test]
fn ambiguous_thumbprint() {
    let found = refused(&app(APP, NAME, CERTIFICATE), |scene| {
        add_certificate(scene, Owner::Application);
    });
    assert_eq!(found.reason, Reason::AmbiguousThumbprint);
}

#[test]
fn principal_certificate() {
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&app(APP, NAME, CERTIFICATE));
        let key = add_certificate(&rehearsal.scene, Owner::ServicePrincipal);
        let by_key = CERTIFICATE.replace(&format!("thumbprint: {THUMBPRINT}"), &format!("key_id: {key}"));
        rehearsal.reads(&app(APP, NAME, &by_key));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::PrincipalCertificate);
}

#[test]
fn policy_forbids() {
    let found = refused(&app(APP, NAME, SECRET), |scene| {
        let policy = ManagementPolicy { no_passwords: true, ..ManagementPolicy::default() };
        scene.lab.set_default_policy(&policy);
    });
    assert_eq!(found.reason, Reason::PolicyForbids);
}

#[test]
fn policy_lifetime() {
    let month = Some(Duration::from_secs(30 * 86_400));
    let policy = ManagementPolicy {
        password_life_max: month,
        certificate_life_max: month,
        ..ManagementPolicy::default()
    };
    for what in [SECRET, CERTIFICATE] {
        let found = refused(&app(APP, NAME, what), |scene| {
            scene.lab.set_app_policy(&client(APP), &policy);
        });
        assert_eq!(found.reason, Reason::PolicyLifetime);
        assert!(found.detail.contains("30d"), "{}", found.detail);
    }
}

#[test]
fn secret_limit() {
    let found = refused(&app(APP, NAME, SECRET), |scene| {
        set(scene, Owner::Application, json!({ "signInAudience": "AzureADandPersonalMicrosoftAccount" }));
        scene.lab.add_secret(&client(APP), SecretSpec::default());
    });
    assert_eq!(found.reason, Reason::SecretLimit);
}

#[test]
fn synced_user() {
    let found = refused_elsewhere(&user("bob@agency.example"), |scene| {
        let bob = NewUser { synced: true, ..NewUser::new("bob@agency.example", "Bob") };
        scene.lab.create_user(bob);
    });
    assert_eq!(found.reason, Reason::SyncedUser);
}

#[test]
fn privileged_user() {
    let found = refused_elsewhere(&user("bob@agency.example"), |scene| {
        let roles = vec!["Directory Readers".to_owned(), "Global Administrator".to_owned()];
        scene.lab.create_user(NewUser { roles, ..NewUser::new("bob@agency.example", "Bob") });
    });
    assert_eq!(found.reason, Reason::PrivilegedUser);
    assert_eq!(found.detail.as_str(), "Global Administrator");
}

#[test]
fn managed_identity() {
    for what in [SECRET, DISABLE] {
        let found = refused_elsewhere(&app(OTHER, "vm-identity", what), |scene| {
            let identity = NewApplication {
                managed_identity: true,
                ..NewApplication::new(client(OTHER), "vm-identity")
            };
            scene.lab.create_application(identity);
        });
        assert_eq!(found.reason, Reason::ManagedIdentity);
    }
}

#[test]
fn foreign_app() {
    let found = refused_elsewhere(&app(OTHER, "vendor", SECRET), |scene| {
        let vendor = NewApplication { foreign: true, ..NewApplication::new(client(OTHER), "vendor") };
        scene.lab.create_application(vendor);
    });
    assert_eq!(found.reason, Reason::ForeignApp);
}

#[test]
fn no_service_principal() {
    let found = in_virtual_time(async {
        let rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        let url = format!("{GRAPH}/servicePrincipals(appId='{APP}')");
        assert_eq!(rehearsal.by_hand("DELETE", &url, "").await, 204);
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::NoServicePrincipal);
}

#[test]
fn protected() {
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        let properties = rehearsal.scene.lab.properties(&client(APP), Owner::ServicePrincipal);
        let id = properties["id"].as_str().unwrap();
        let guardrails = format!("guardrails: {{ protect: [ {{ object: {id} }} ] }}");
        rehearsal.reads(&playbook(&guardrails, &format!("app: {APP}\n    name: {NAME}\n    {SECRET}")));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::Protected);
}

#[test]
fn own_identity() {
    for what in [SECRET, DISABLE] {
        let found = refused_elsewhere(&app(OPERATOR, OPERATOR_NAME, what), |_| {});
        assert_eq!(found.reason, Reason::OwnIdentity);
    }
}

/// An operator with these permissions alone.
fn refused_with(permissions: &[&str], text: &str) -> Refusal {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(text);
        let lab = rehearsal.scene.lab.clone();
        lab.create_application(NewApplication::new(client(OTHER), "reader"));
        permissions.iter().for_each(|p| lab.grant_app_permission(&client(OTHER), p));
        for role in [reissue::lab::VaultRole::SecretsOfficer, reissue::lab::VaultRole::CertificatesOfficer] {
            lab.grant_vault_role(&client(OTHER), VAULT, role);
        }
        let (_, secret) = lab.add_secret(&client(OTHER), SecretSpec::default());
        rehearsal.acts_as(&client(OTHER), secret);
        refusal(&rehearsal.plan().await.unwrap())
    })
}

#[test]
fn missing_permission() {
    let reader = ["Directory.Read.All", "Policy.Read.All", "RoleManagement.Read.Directory"];
    for text in [app(APP, NAME, SECRET), app(APP, NAME, DISABLE), user("alice@agency.example")] {
        assert_eq!(refused_with(&reader, &text).reason, Reason::MissingPermission);
    }
    // Policies cannot be read: what they forbid would be found at 3 a.m.
    let found = refused_with(&["Application.ReadWrite.All"], &app(APP, NAME, SECRET));
    assert_eq!(found.reason, Reason::MissingPermission);
    assert_eq!(found.detail.as_str(), "Authorization_RequestDenied");
}

#[test]
fn another_run() {
    let found = refused(&app(APP, NAME, SECRET), |scene| {
        let spec = SecretSpec { display_name: Some("reissue-0123456789".into()), ..SecretSpec::default() };
        scene.lab.add_secret(&client(APP), spec);
    });
    assert_eq!(found.reason, Reason::AnotherRun);
}

#[test]
fn store_name_deleted() {
    let found = in_virtual_time(async {
        let rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        let url = format!("{VAULT}/secrets/payroll-sync?api-version=7.5");
        assert_eq!(rehearsal.by_hand("DELETE", &url, "").await, 200);
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::StoreNameDeleted);
}

#[test]
fn store_newest_disabled() {
    let found = in_virtual_time(async {
        let rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        let lab = &rehearsal.scene.lab;
        rehearsal.env.clock.sleep(Duration::from_secs(5)).await;
        let version = lab.put_vault_secret(VAULT, "payroll-sync", "newer");
        let url = format!("{VAULT}/secrets/payroll-sync/{version}?api-version=7.5");
        assert_eq!(rehearsal.by_hand("PATCH", &url, r#"{"attributes":{"enabled":false}}"#).await, 200);
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::StoreNewestDisabled);
}

/// Answers of a service for every request whose path has this in it.
fn refused_by(part: &'static str, status: u16, body: &'static str) -> Refusal {
    in_virtual_time(async {
        let rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
            let answer =
                || http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes()));
            request.uri().path().contains(part).then(|| answer().unwrap())
        }));
        refusal(&rehearsal.plan().await.unwrap())
    })
}

/// Roles can be given for single secrets: the vault answers, and this name does not.
#[test]
fn store_unreachable() {
    let found = refused_by(
        "/secrets/payroll-sync",
        403,
        r#"{"error":{"code":"Forbidden","message":"no","innererror":{"code":"ForbiddenByRbac"}}}"#,
    );
    assert_eq!(found.reason, Reason::StoreUnreachable);
}

#[test]
fn unreadable() {
    let found = refused_by("/owners", 500, r#"{"error":{"code":"InternalServerError","message":"no"}}"#);
    assert_eq!(found.reason, Reason::Unreadable);
    assert_eq!(found.detail.as_str(), "InternalServerError");
}

#[test]
fn multi_tenant() {
    let change = |scene: &reissue::drill::scene::Scene| {
        set(scene, Owner::Application, json!({ "signInAudience": "AzureADMultipleOrgs" }));
    };
    assert_eq!(refused(&app(APP, NAME, DISABLE), change).reason, Reason::MultiTenant);
}

#[test]
fn already_off() {
    let found = refused(&app(APP, NAME, DISABLE), |scene| {
        set(scene, Owner::Application, json!({ "isDisabled": true }));
        set(scene, Owner::ServicePrincipal, json!({ "accountEnabled": false }));
    });
    assert_eq!(found.reason, Reason::AlreadyOff);
}

#[test]
fn switched_off() {
    for what in [SECRET, CERTIFICATE] {
        let found = refused(&app(APP, NAME, what), |scene| {
            set(scene, Owner::ServicePrincipal, json!({ "accountEnabled": false }));
        });
        assert_eq!(found.reason, Reason::SwitchedOff);
    }
}

#[test]
fn credential_locked() {
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        let lock = json!({ "isEnabled": true, "allProperties": true });
        set(&rehearsal.scene, Owner::Application, json!({ "servicePrincipalLockConfiguration": lock }));
        let spec = SecretSpec { on: Owner::ServicePrincipal, ..SecretSpec::default() };
        let (key, _) = rehearsal.scene.lab.add_secret(&client(APP), spec);
        rehearsal.reads(&app(APP, NAME, &SECRET.replace("hint: x7Q", &format!("key_id: {key}"))));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::CredentialLocked);
}

/// What replacing one secret does not close is shown before, and said after.
#[test]
fn other_ways_in_are_listed_and_the_target_is_not_called_evicted() {
    in_virtual_time(async {
        let short = SECRET.replace("} }", "}, hold: { time: 10m } }");
        let mut rehearsal = Rehearsal::with_scene(&app(APP, NAME, &short), |scene| {
            let bob = scene.lab.create_user(NewUser::new("bob@agency.example", "Bob"));
            scene.lab.add_owner(&client(APP), Owner::ServicePrincipal, &bob);
            scene.lab.add_federated_credential(&client(APP), "ci", "https://ci.example", "repo:x");
            let spec = SecretSpec {
                on: Owner::ServicePrincipal,
                display_name: Some("not in the portal".into()),
                ..SecretSpec::default()
            };
            scene.lab.add_secret(&client(APP), spec);
        });
        let plan = rehearsal.plan().await.unwrap();
        let ways: Vec<_> = plan.changes().next().unwrap().other_ways_in().collect();
        let has = |what, name: &str| ways.iter().any(|w| w.what == what && w.name.contains(name));
        assert!(has(Way::Owner, "bob@agency.example"), "{ways:?}");
        assert!(has(Way::FederatedCredential, "https://ci.example"), "{ways:?}");
        assert!(has(Way::Secret, "not in the portal"), "{ways:?}");
        assert_eq!(ways.len(), 3);
        let outcome = rehearsal.run().await.unwrap();
        assert_eq!((outcome.done, outcome.not_evicted), (0, 1));
    });
}

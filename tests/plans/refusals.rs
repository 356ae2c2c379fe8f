//! Every reason for which a target is left alone, produced on the lab; and the ways in that are
//! shown and left open.

mod switches;

use crate::support::refused::*;
use crate::support::rehearsal::{Rehearsal, in_virtual_time};
use reissue::domain::observation::Way;
use reissue::domain::plan::refusal::Reason;
use reissue::domain::text::Text;
use reissue::drill::scene::{OPERATOR, OPERATOR_NAME};
use reissue::lab::{ManagementPolicy, NewApplication, NewUser, Owner, SecretSpec};
use serde_json::json;
use std::time::Duration;

#[test]
fn every_reason_has_its_test_here() {
    let here = [include_str!("refusals.rs"), include_str!("refusals/switches.rs")].concat();
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

/// A certificate of that name holds the secret of that name.
#[test]
fn store_name_managed() {
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        let url = format!("{VAULT}/certificates/web-server/create?api-version=7.5");
        let policy = r#"{"policy":{"key_props":{"kty":"RSA","key_size":2048,"exportable":true},"x509_props":{"subject":"CN=web"},"issuer":{"name":"Self"}}}"#;
        assert_eq!(rehearsal.by_hand("POST", &url, policy).await, 202);
        let pending = format!("{VAULT}/certificates/web-server/pending?api-version=7.5");
        assert_eq!(rehearsal.by_hand("GET", &pending, "").await, 200);
        rehearsal.reads(&app(APP, NAME, &SECRET.replace("name: payroll-sync }", "name: web-server }")));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::StoreNameManaged);
}

/// Mastered in the cloud, while the playbook only says who resets it elsewhere.
#[test]
fn nothing_delivered() {
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&user("alice@agency.example"));
        rehearsal.reads(&playbook("", "user: alice@agency.example\n    reset: { on_premises: ad-team }"));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::NothingDelivered);
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
    // Of one alone: where more are, there is no plan (`outage.rs`).
    let own = "/applications(appId='8a1d0000-0000-4000-8000-000000000001')";
    let found = refused_by(own, 500, r#"{"error":{"code":"InternalServerError","message":"no"}}"#);
    assert_eq!(found.reason, Reason::Unreadable);
    assert_eq!(found.detail.as_str(), "InternalServerError");
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

#[test]
fn not_own_identity() {
    let last = format!("self: last\n    {SECRET}");
    let found = refused(&app(APP, NAME, &last), |_| {});
    assert_eq!(found.reason, Reason::NotOwnIdentity);
}

/// Whoever decides on a plan is not its object, however the name is written.
#[test]
fn approver() {
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&user("alice@agency.example"));
        rehearsal.known.approvers = vec![Text::lossy("Alice@Agency.example")];
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::Approver);
}

/// What replacing one secret does not close is shown before, and said after.
#[test]
fn other_ways_in_are_listed_and_the_target_is_not_called_evicted() {
    in_virtual_time(async {
        let short = SECRET.replace("} }", "}, hold: { time: 10m } }");
        let mut rehearsal = Rehearsal::with_scene(&app(APP, NAME, &short), |scene| {
            let bob = scene.lab.create_user(NewUser::new("bob@agency.example", "Bob"));
            scene.lab.add_owner(&client(APP), Owner::ServicePrincipal, &bob);
            scene.lab.add_federated_credential(
                &client(APP),
                Owner::ServicePrincipal,
                "ci",
                "https://ci.example",
                "repo:x",
            );
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

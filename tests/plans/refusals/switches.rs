//! What may not be switched off, and what may not be switched on again.

use super::*;

const ENABLE: &str = "enable: { reason: needed after all }";

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
fn already_on() {
    let found = refused(&app(APP, NAME, ENABLE), |scene| {
        set(scene, Owner::Application, json!({ "isDisabled": false }));
        set(scene, Owner::ServicePrincipal, json!({ "accountEnabled": true }));
    });
    assert_eq!(found.reason, Reason::AlreadyOn);
}

/// Switched off by somebody else: the log knows nothing of it.
#[test]
fn not_ours() {
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        set(&rehearsal.scene, Owner::ServicePrincipal, json!({ "accountEnabled": false }));
        rehearsal.reads(&app(APP, NAME, ENABLE));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::NotOurs);
}

#[test]
fn switched_elsewhere() {
    let found = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&app(APP, NAME, SECRET));
        let synced = NewUser { synced: true, enabled: false, ..NewUser::new("bob@agency.example", "Bob") };
        rehearsal.scene.lab.create_user(synced);
        rehearsal.reads(&playbook("", &format!("user: bob@agency.example\n    {ENABLE}")));
        refusal(&rehearsal.plan().await.unwrap())
    });
    assert_eq!(found.reason, Reason::SwitchedElsewhere);
}

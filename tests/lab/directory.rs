//! Users, owners, policies, disabling and the rest of the directory.

use crate::scene::{OPERATOR, PAYROLL, Scene, client_id, options, password};
use reissue::lab::{LabOptions, Lags, ManagementPolicy, NewApplication, NewUser, Owner, SecretSpec};
use serde_json::json;
use std::time::Duration;

fn quick() -> LabOptions {
    LabOptions { lags: Lags::none(), ..options() }
}

fn granted(scene: &Scene, permissions: &[&str]) {
    permissions.iter().for_each(|p| scene.lab.grant_app_permission(&client_id(OPERATOR), p));
}

#[tokio::test(start_paused = true)]
async fn a_user_is_reset_blocked_and_signed_out() {
    let scene = Scene::new(1, quick());
    let mut alice = NewUser::new("alice@lab.test", "Alice");
    alice.password = Some("Old-Passw0rd".into());
    scene.lab.create_user(alice);
    let path = "/v1.0/users/alice%40lab.test";
    assert_eq!(scene.graph("GET", path, None).await.code(), "Authorization_RequestDenied");
    granted(
        &scene,
        &[
            "User.Read.All",
            "User-PasswordProfile.ReadWrite.All",
            "User.EnableDisableAccount.All",
            "User.RevokeSessions.All",
        ],
    );
    let shown = scene.graph("GET", path, None).await;
    assert_eq!(shown.status, 200);
    assert!(shown.body.get("accountEnabled").is_none(), "only with $select");
    let weak = json!({"passwordProfile": {"password": "N3w!"}});
    assert_eq!(scene.graph("PATCH", path, Some(weak)).await.code(), "Request_BadRequest");
    assert_eq!(scene.lab.user_signs_in("alice@lab.test", "Old-Passw0rd"), Ok(()));
    scene.wait(100).await;
    let strong = json!({"passwordProfile": {"password": "N3w-Passw0rd!", "forceChangePasswordNextSignIn": true}, "accountEnabled": false});
    assert_eq!(scene.graph("PATCH", path, Some(strong)).await.status, 204);
    assert_eq!(scene.lab.user_signs_in("alice@lab.test", "N3w-Passw0rd!"), Err(50_057));
    let enable = json!({"accountEnabled": true});
    assert_eq!(scene.graph("PATCH", path, Some(enable)).await.status, 204);
    assert_eq!(scene.lab.user_signs_in("alice@lab.test", "Old-Passw0rd"), Err(50_126));
    assert_eq!(scene.lab.user_signs_in("alice@lab.test", "N3w-Passw0rd!"), Err(50_055), "must change it");
    let revoked = scene.graph("POST", &format!("{path}/revokeSignInSessions"), None).await;
    assert_eq!((revoked.status, &revoked.body["value"]), (200, &json!(true)));
    let select = format!(
        "{path}?$select=id,lastPasswordChangeDateTime,signInSessionsValidFromDateTime,accountEnabled"
    );
    let after = scene.graph("GET", &select, None).await.body;
    assert_eq!(after["lastPasswordChangeDateTime"], "2026-11-23T07:01:40Z");
    assert_eq!(after["signInSessionsValidFromDateTime"], "2026-11-23T07:01:40Z");
}

#[tokio::test(start_paused = true)]
async fn synced_users_and_administrators_are_refused() {
    let scene = Scene::new(2, quick());
    granted(&scene, &["User.Read.All", "User-PasswordProfile.ReadWrite.All"]);
    let mut synced = NewUser::new("bob@lab.test", "Bob");
    synced.synced = true;
    scene.lab.create_user(synced);
    let mut admin = NewUser::new("root@lab.test", "Root");
    admin.roles = vec!["Global Administrator".into()];
    let root = scene.lab.create_user(admin);
    let body = || Some(json!({"passwordProfile": {"password": "N3w-Passw0rd!"}}));
    let reply = scene.graph("PATCH", "/v1.0/users/bob@lab.test", body()).await;
    assert_eq!(reply.status, 400);
    assert!(reply.body["error"]["message"].as_str().unwrap().contains("on-premises mastered"));
    let reply = scene.graph("PATCH", "/v1.0/users/root@lab.test", body()).await;
    assert_eq!((reply.status, reply.code()), (403, "Authorization_RequestDenied"));
    granted(&scene, &["RoleManagement.Read.Directory"]);
    let url = format!(
        "/v1.0/roleManagement/directory/roleAssignments?$filter=principalId%20eq%20'{root}'&$expand=roleDefinition"
    );
    let roles = scene.graph("GET", &url, None).await.body;
    assert_eq!(roles["value"][0]["roleDefinition"]["displayName"], "Global Administrator");
}

#[tokio::test(start_paused = true)]
async fn disabling_either_object_stops_sign_in() {
    let scene = Scene::new(3, quick());
    let app = format!("/v1.0/applications(appId='{PAYROLL}')");
    let principal = format!("/v1.0/servicePrincipals/{}", scene.payroll.service_principal_id);
    let code = |reply: &crate::scene::Reply| reply.body["error_codes"][0].as_u64();
    let sign_in = || scene.sign_in(PAYROLL, &scene.payroll_secret.1, "https://graph.microsoft.us");
    assert_eq!(scene.graph("PATCH", &app, Some(json!({"isDisabled": true}))).await.status, 204);
    assert_eq!(code(&sign_in().await), Some(7_000_112));
    assert_eq!(scene.graph("GET", &principal, None).await.body["isDisabled"], json!(true), "it mirrors");
    assert_eq!(scene.graph("PATCH", &app, Some(json!({"isDisabled": false}))).await.status, 204);
    assert_eq!(sign_in().await.status, 200);
    assert_eq!(scene.graph("PATCH", &principal, Some(json!({"accountEnabled": false}))).await.status, 204);
    assert_eq!(code(&sign_in().await), Some(7_000_112));
    let found =
        scene.graph("GET", "/v1.0/servicePrincipals?$filter=accountEnabled%20eq%20false", None).await.body;
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn owned_only_means_owned_only() {
    let scene = Scene::new(4, quick());
    let robot = client_id("33333333-3333-4333-8333-000000000009");
    let handle = scene.lab.create_application(NewApplication::new(robot.clone(), "robot"));
    let secret = scene.lab.add_secret(&robot, SecretSpec::default()).1;
    scene.lab.grant_app_permission(&robot, "Application.ReadWrite.OwnedBy");
    let token = scene.sign_in(robot.as_str(), &secret, "https://graph.microsoft.us").await;
    let token = token.body["access_token"].as_str().unwrap().to_owned();
    let url = format!("https://graph.microsoft.us/v1.0/applications/{}/addPassword", scene.payroll.object_id);
    assert_eq!(scene.send("POST", &url, &token, password("x")).await.status, 403);
    scene.lab.add_owner(&client_id(PAYROLL), Owner::Application, &handle.service_principal_id);
    assert_eq!(scene.send("POST", &url, &token, password("x")).await.status, 200);
    let owners =
        scene.graph("GET", &format!("/v1.0/applications/{}/owners", scene.payroll.object_id), None).await;
    assert_eq!(owners.body["value"][0]["@odata.type"], "#microsoft.graph.servicePrincipal");
}

#[tokio::test(start_paused = true)]
async fn policies_refuse_secrets_and_long_lives() {
    let scene = Scene::new(5, quick());
    let add = format!("/v1.0/applications/{}/addPassword", scene.payroll.object_id);
    let month = ManagementPolicy {
        password_life_max: Some(Duration::from_secs(30 * 86_400)),
        ..ManagementPolicy::default()
    };
    scene.lab.set_default_policy(&month);
    let refused = scene.graph("POST", &add, password("two years")).await;
    assert_eq!((refused.status, refused.code()), (400, "CredentialInvalidLifetimeAsPerAppPolicy"));
    let short =
        json!({"passwordCredential": {"displayName": "s", "endDateTime": "2026-12-01T00:00:00+00:00"}});
    assert_eq!(scene.graph("POST", &add, Some(short.clone())).await.status, 200);
    let none = ManagementPolicy { no_passwords: true, ..ManagementPolicy::default() };
    let policy = scene.lab.set_app_policy(&client_id(PAYROLL), &none);
    let refused = scene.graph("POST", &add, Some(short)).await;
    assert_eq!(refused.code(), "CredentialTypeNotAllowedAsPerAppPolicy");
    granted(&scene, &["Policy.Read.All"]);
    let of_app = scene
        .graph("GET", &format!("/v1.0/applications/{}/appManagementPolicies", scene.payroll.object_id), None)
        .await;
    assert_eq!(of_app.body["value"][0]["id"], json!(policy.as_str()));
    let default = scene.graph("GET", "/v1.0/policies/defaultAppManagementPolicy", None).await.body;
    assert_eq!(default["isEnabled"], json!(true));
}

#[tokio::test(start_paused = true)]
async fn personal_applications_hold_two_secrets() {
    let scene = Scene::new(6, quick());
    let id = client_id("77c10000-0000-4000-8000-000000000009");
    let app = scene.lab.create_application(NewApplication::new(id.clone(), "partner-feed").personal());
    scene.lab.add_secret(&id, SecretSpec::default());
    let add = format!("/v1.0/applications/{}/addPassword", app.object_id);
    assert_eq!(scene.graph("POST", &add, password("2")).await.status, 200);
    assert_eq!(scene.graph("POST", &add, password("3")).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn the_bin_gives_back_what_was_deleted() {
    let scene = Scene::new(7, quick());
    let (app, principal) = (&scene.payroll.object_id, &scene.payroll.service_principal_id);
    assert_eq!(scene.graph("DELETE", &format!("/v1.0/applications/{app}"), None).await.status, 204);
    assert_eq!(scene.graph("GET", &format!("/v1.0/applications/{app}"), None).await.status, 404);
    let sign_in = || scene.sign_in(PAYROLL, &scene.payroll_secret.1, "https://graph.microsoft.us");
    assert_eq!(sign_in().await.body["error_codes"][0], json!(700_016));
    let bin = scene.graph("GET", "/v1.0/directory/deletedItems/microsoft.graph.application", None).await;
    assert_eq!(bin.body["value"].as_array().unwrap().len(), 1);
    for id in [app, principal] {
        assert_eq!(sign_in().await.status / 100, 4, "both objects are needed");
        assert_eq!(
            scene.graph("POST", &format!("/v1.0/directory/deletedItems/{id}/restore"), None).await.status,
            200
        );
    }
    assert_eq!(sign_in().await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn certificates_are_replaced_as_a_whole_list() {
    let scene = Scene::new(8, quick());
    let app = format!("/v1.0/applications/{}", scene.payroll.object_id);
    let life = Duration::from_secs(86_400 * 90);
    let old = scene.lab.generate_certificate("CN=old", life).unwrap();
    let old_id = scene.lab.add_certificate(&client_id(PAYROLL), Owner::Application, &old.cert_der, None);
    let new = scene.lab.generate_certificate("CN=new", life).unwrap();
    let der = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &new.cert_der);
    let listed =
        scene.graph("GET", &format!("{app}?$select=id,keyCredentials"), None).await.body["keyCredentials"]
            .clone();
    assert!(listed[0]["key"].is_string());
    assert!(scene.graph("GET", &app, None).await.body["keyCredentials"][0]["key"].is_null());
    let added = json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": der, "displayName": "CN=new"});
    let both = json!({"keyCredentials": [listed[0], added]});
    assert_eq!(scene.graph("PATCH", &app, Some(both)).await.status, 204);
    let mut changed = listed[0].clone();
    changed["displayName"] = json!("another name");
    let refused = scene.graph("PATCH", &app, Some(json!({"keyCredentials": [changed]}))).await;
    let message = format!("Update to existing credential with KeyId '{old_id}' is not allowed.");
    assert_eq!(refused.body["error"]["message"], json!(message));
    assert_eq!(
        scene.graph("PATCH", &app, Some(json!({"keyCredentials": [added]}))).await.status,
        204,
        "drops the others"
    );
    let left = scene.graph("GET", &app, None).await.body["keyCredentials"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_ne!(left[0]["keyId"], json!(old_id.as_str()));
}

#[tokio::test(start_paused = true)]
async fn federated_credentials_survive_rotation() {
    let scene = Scene::new(9, quick());
    scene.lab.add_federated_credential(
        &client_id(PAYROLL),
        Owner::Application,
        "gh",
        "https://token.actions.example",
        "repo:x",
    );
    let path = format!("/v1.0/applications/{}/federatedIdentityCredentials", scene.payroll.object_id);
    let twice = json!({"name": "gh", "issuer": "https://elsewhere.example", "subject": "y"});
    assert_eq!(scene.graph("POST", &path, Some(twice)).await.status, 409);
    let another = json!({"name": "ci", "issuer": "https://elsewhere.example", "subject": "y"});
    assert_eq!(scene.graph("POST", &path, Some(another)).await.status, 201);
    assert_eq!(scene.graph("GET", &path, None).await.body["value"].as_array().unwrap().len(), 2);
    assert_eq!(scene.graph("DELETE", &format!("{path}/ci"), None).await.status, 204);
}

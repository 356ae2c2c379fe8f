//! Tokens: their signature against the published keys, continuous evaluation, refusals on
//! request; people who hold certificates; the lab over TLS.

use crate::scene::{OPERATOR, PAYROLL, Scene, TENANT, client_id, options};
use bytes::Bytes;
use reissue::lab::{ConsumerSpec, Habit, LabOptions, Lags, NewUser, Owner, VaultSecret};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn tokens_are_signed_by_the_published_key() {
    let scene = Scene::new(1, options());
    let token = scene.token("https://graph.microsoft.us").await;
    let get = |url: String| http::Request::get(url).body(Bytes::new()).unwrap();
    let url = format!("https://login.microsoftonline.us/{TENANT}/v2.0/.well-known/openid-configuration");
    let discovery = scene.raw(get(url)).await.body;
    let keys = scene.raw(get(discovery["jwks_uri"].as_str().unwrap().to_owned())).await.body;
    let header = jsonwebtoken::decode_header(&token).unwrap();
    let key =
        keys["keys"].as_array().unwrap().iter().find(|k| k["kid"] == json!(header.kid)).unwrap().clone();
    let key = jsonwebtoken::DecodingKey::from_rsa_components(
        key["n"].as_str().unwrap(),
        key["e"].as_str().unwrap(),
    )
    .unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.set_audience(&["https://graph.microsoft.us"]);
    rules.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(&token, &key, &rules).unwrap().claims;
    assert_eq!(
        (&claims["tid"], &claims["appid"], &claims["idtyp"]),
        (&json!(TENANT), &json!(OPERATOR), &json!("app"))
    );
    assert_eq!(claims["roles"], json!(["Application.ReadWrite.All"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3599);
}

#[tokio::test(start_paused = true)]
async fn a_challenge_comes_to_clients_that_understand_one() {
    let lags = Lags { access_evaluation: reissue::lab::Between::seconds(60, 60), ..Lags::none() };
    let scene = Scene::new(2, LabOptions { lags, ..options() });
    scene.lab.grant_app_permission(&client_id(PAYROLL), "Application.Read.All");
    let mut tokens = Vec::new();
    for claims in ["", "{\"access_token\": {\"xms_cc\": {\"values\": [\"CP1\"]}}}"] {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", PAYROLL)
            .append_pair("client_secret", &scene.payroll_secret.1)
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", "https://graph.microsoft.us/.default")
            .append_pair("claims", claims)
            .finish();
        let request =
            http::Request::post(format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Bytes::from(form))
                .unwrap();
        tokens.push(scene.raw(request).await.body["access_token"].as_str().unwrap().to_owned());
    }
    let principal = format!("/v1.0/servicePrincipals/{}", scene.payroll.service_principal_id);
    assert_eq!(scene.graph("PATCH", &principal, Some(json!({"accountEnabled": false}))).await.status, 204);
    let url = "https://graph.microsoft.us/v1.0/applications";
    for token in &tokens {
        assert_eq!(scene.send("GET", url, token, None).await.status, 200, "not evaluated yet");
    }
    scene.wait(61).await;
    assert_eq!(scene.send("GET", url, &tokens[0], None).await.status, 200, "an issued token lives on");
    let refused = scene.send("GET", url, &tokens[1], None).await;
    assert_eq!(refused.status, 401);
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_claims\", claims=\""));
}

#[tokio::test(start_paused = true)]
async fn a_scene_may_refuse_sign_ins_by_number() {
    let scene = Scene::new(3, options());
    scene.lab.refuse_sign_in(&client_id(PAYROLL), Some(53_003));
    let reply = scene.sign_in(PAYROLL, &scene.payroll_secret.1, "https://graph.microsoft.us").await;
    assert_eq!((reply.status, &reply.body["error"]), (400, &json!("invalid_grant")));
    assert!(reply.body["error_description"].as_str().unwrap().starts_with("AADSTS53003: "));
    scene.lab.refuse_sign_in(&client_id(PAYROLL), None);
    assert_eq!(
        scene.sign_in(PAYROLL, &scene.payroll_secret.1, "https://graph.microsoft.us").await.status,
        200
    );
    let elsewhere = scene.sign_in(PAYROLL, &scene.payroll_secret.1, "https://example.com").await;
    assert_eq!(elsewhere.body["error_codes"][0], json!(500_011));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_of_one_cloud_is_unknown_in_the_others() {
    let cloud = Some(reissue::lab::LabCloud::Public);
    let scene = Scene::new(7, LabOptions { cloud, ..options() });
    let reply = scene.sign_in(OPERATOR, &scene.operator_secret, "https://graph.microsoft.us").await;
    assert_eq!(reply.body["error_codes"][0], json!(90_002));
    let vault = http::Request::get("https://kv-ir.vault.usgovcloudapi.net/secrets?api-version=7.4")
        .body(Bytes::new())
        .unwrap();
    assert!(scene.lab.handle(vault).await.is_err(), "no such host");
}

#[tokio::test(start_paused = true)]
async fn revoked_sessions_end_refresh_tokens() {
    let scene = Scene::new(4, LabOptions { lags: Lags::none(), ..options() });
    let mut alice = NewUser::new("alice@lab.test", "Alice");
    alice.password = Some("Old-Passw0rd".into());
    scene.lab.create_user(alice);
    scene.lab.grant_app_permission(&client_id(OPERATOR), "User.RevokeSessions.All");
    let ask = |fields: Vec<(&'static str, String)>| {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46");
        form.append_pair("scope", "https://graph.microsoft.us/.default openid offline_access");
        fields.iter().for_each(|(k, v)| {
            form.append_pair(k, v);
        });
        let url = format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token");
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        http::Request::post(url).header(form_type.0, form_type.1).body(Bytes::from(form.finish())).unwrap()
    };
    let first = ask(vec![
        ("grant_type", "password".into()),
        ("username", "alice@lab.test".into()),
        ("password", "Old-Passw0rd".into()),
    ]);
    let signed_in = scene.raw(first).await.body;
    let me = scene
        .send("GET", "https://graph.microsoft.us/v1.0/me", signed_in["access_token"].as_str().unwrap(), None)
        .await;
    assert_eq!(me.body["userPrincipalName"], json!("alice@lab.test"));
    let refresh = || {
        ask(vec![
            ("grant_type", "refresh_token".into()),
            ("refresh_token", signed_in["refresh_token"].as_str().unwrap().to_owned()),
        ])
    };
    assert_eq!(scene.raw(refresh()).await.status, 200);
    scene.wait(5).await;
    scene.graph("POST", "/v1.0/users/alice@lab.test/revokeSignInSessions", None).await;
    assert_eq!(scene.raw(refresh()).await.body["error_codes"][0], json!(50_173));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_may_hold_a_certificate() {
    let scene = Scene::new(5, options());
    let made = scene.lab.generate_certificate("CN=hr", Duration::from_secs(86_400)).unwrap();
    let key_id = scene.lab.add_certificate(&client_id(PAYROLL), Owner::Application, &made.cert_der, None);
    scene.lab.put_vault_secret("kv-ir", "hr-cert", &made.pem());
    scene.lab.consumer(ConsumerSpec {
        name: "hr".into(),
        client_id: client_id(PAYROLL),
        source: VaultSecret { vault: "kv-ir".into(), name: "hr-cert".into(), pinned_version: None },
        refresh: Habit::AtOnce,
        sign_in_every: Duration::from_secs(60),
    });
    let lab = scene.lab.clone();
    tokio::select! { () = scene.wait(86_400 + 600) => {}, () = lab.people() => {} }
    let hr = &scene.lab.ledger().consumers["hr"];
    assert_eq!(hr.last_key_id.as_deref(), Some(key_id.as_str()));
    assert_eq!(hr.last_error, Some(700_027), "it expired");
    assert!((500..=700).contains(&hr.outage_seconds), "{}", hr.outage_seconds);
}

#[tokio::test]
async fn the_lab_is_served_over_tls() {
    let scene = Scene::new(6, LabOptions { lags: Lags::none(), ..options() });
    let folder = tempfile::tempdir().unwrap();
    let serving = reissue::lab::serve::serve(scene.lab.clone(), folder.path(), ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let about: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("lab.json")).unwrap()).unwrap();
    assert_eq!((&about["tenant"], &about["port"]), (&json!(TENANT), &json!(serving.addr.port())));
    let ca = reqwest::Certificate::from_pem(&std::fs::read(folder.path().join("ca.pem")).unwrap()).unwrap();
    let hosts = ["login.microsoftonline.us", "graph.microsoft.us", "kv-ir.vault.usgovcloudapi.net"];
    let client =
        hosts.iter().fold(reqwest::Client::builder().tls_certs_only([ca]), |c, h| c.resolve(h, serving.addr));
    let client = client.build().unwrap();
    let port = serving.addr.port();
    let url = format!("https://login.microsoftonline.us:{port}/{TENANT}/oauth2/v2.0/token");
    let body = format!(
        "client_id={OPERATOR}&client_secret={}&grant_type=client_credentials&scope=https://graph.microsoft.us:{port}/.default",
        scene.operator_secret
    );
    let reply = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    let token: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let url = format!("https://graph.microsoft.us:{port}/v1.0/applications?$top=1");
    let listed = client.get(url).header("authorization", bearer).send().await.unwrap();
    assert_eq!(listed.status(), 200);
    let vault = client
        .get(format!("https://kv-ir.vault.usgovcloudapi.net:{port}/secrets/s?api-version=7.4"))
        .send()
        .await
        .unwrap();
    assert_eq!(vault.status(), 401);
    assert!(
        vault.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .contains(&format!("login.microsoftonline.us:{port}/{TENANT}"))
    );
}

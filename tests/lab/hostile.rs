//! Faults, quotas, batches, logs, and that one seed gives one story.

use crate::scene::{OPERATOR, PAYROLL, Scene, client_id, options, password};
use bytes::Bytes;
use reissue::lab::{AttackerSpec, ConsumerSpec, Faults, Habit, LabOptions, Lags, VaultSecret};
use serde_json::{Value, json};
use std::time::Duration;

fn quick() -> LabOptions {
    LabOptions { lags: Lags::none(), ..options() }
}

fn hostile() -> LabOptions {
    LabOptions { faults: Faults::hostile(), ..options() }
}

/// Adds secrets over and over, and says what came back.
async fn story(seed: u64) -> (Vec<String>, String) {
    let scene = Scene::new(seed, hostile());
    let url = format!("https://graph.microsoft.us/v1.0/applications/{}/addPassword", scene.payroll.object_id);
    let token = loop {
        let form = format!(
            "client_id={OPERATOR}&client_secret={}&grant_type=client_credentials&scope=https://graph.microsoft.us/.default",
            scene.operator_secret
        );
        let request = http::Request::post(
            "https://login.microsoftonline.us/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token",
        )
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(form))
        .unwrap();
        if let Ok(reply) = scene.lab.handle(request).await
            && reply.status() == 200
        {
            let body: Value = serde_json::from_slice(reply.body()).unwrap();
            break body["access_token"].as_str().unwrap().to_owned();
        }
    };
    scene.lab.put_vault_secret("kv-ir", "payroll-sync", &scene.payroll_secret.1);
    scene.lab.consumer(ConsumerSpec {
        name: "payroll".into(),
        client_id: client_id(PAYROLL),
        source: VaultSecret { vault: "kv-ir".into(), name: "payroll-sync".into(), pinned_version: None },
        refresh: Habit::AtOnce,
        sign_in_every: Duration::from_secs(7),
    });
    let spec = AttackerSpec {
        client_id: client_id(PAYROLL),
        value: scene.payroll_secret.1.clone(),
        every: Duration::from_secs(11),
    };
    scene.lab.attacker(spec);
    let lab = scene.lab.clone();
    let seen = tokio::select! {
        biased;
        seen = add_again_and_again(&scene, &url, &token) => seen,
        () = lab.people() => Vec::new(),
    };
    (seen, format!("{:?}", scene.lab.ledger()))
}

async fn add_again_and_again(scene: &Scene, url: &str, token: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for n in 0..400 {
        let request = http::Request::post(url)
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::from(password(&format!("n{n}")).unwrap().to_string()))
            .unwrap();
        seen.push(match scene.lab.handle(request).await {
            Ok(reply) => format!(
                "{} {}",
                reply.status(),
                reply.headers().get("retry-after").map_or("", |v| v.to_str().unwrap())
            ),
            Err(lost) => format!("lost {}", lost.may_have_reached),
        });
        scene.wait(1).await;
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_story_and_faults_are_counted() {
    let (first, second, other) = (story(7).await, story(7).await, story(8).await);
    assert_eq!(first, second);
    assert_ne!(first.0, other.0);
    for what in ["lost true", "lost false", "409 Conflict ", "429 Too Many Requests ", "502 Bad Gateway "] {
        assert!(first.0.iter().chain(&other.0).any(|s| s.starts_with(what)), "{what} never happened");
    }
    for fault in ["lost_before", "lost_after", "cut", "throttled", "slow", "stranger_adds"] {
        assert!(first.1.contains(fault) || other.1.contains(fault), "{fault} never counted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_may_leave_a_secret_behind() {
    let mut options = quick();
    options.faults.lost_after = 1000;
    let scene = Scene::new(1, quick());
    let token = scene.token("https://graph.microsoft.us").await;
    let lossy = Scene::new(1, options);
    let url = format!("https://graph.microsoft.us/v1.0/applications/{}/addPassword", lossy.payroll.object_id);
    let request = http::Request::post(url)
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::from(password("orphan").unwrap().to_string()))
        .unwrap();
    assert!(lossy.lab.handle(request).await.unwrap_err().may_have_reached);
    assert_eq!(lossy.lab.ledger().writes.len(), 1, "it was carried out");
}

#[tokio::test(start_paused = true)]
async fn the_key_select_quota_and_its_headers() {
    let scene = Scene::new(2, quick());
    let token = scene.token("https://graph.microsoft.us").await;
    let url = format!(
        "https://graph.microsoft.us/v1.0/applications/{}?$select=keyCredentials",
        scene.payroll.object_id
    );
    let mut warned = false;
    for _ in 0..150 {
        let reply = scene.send("GET", &url, &token, None).await;
        assert_eq!(reply.status, 200);
        warned |= reply.headers.contains_key("x-ms-throttle-limit-percentage");
    }
    let refused = scene.send("GET", &url, &token, None).await;
    assert_eq!((refused.status, refused.code()), (429, "TooManyRequests"));
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(refused.headers["x-ms-throttle-scope"].to_str().unwrap().starts_with("Tenant/Read/"));
    assert!(warned);
    scene.wait(1).await;
    assert_eq!(scene.send("GET", &url, &token, None).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn batches_answer_and_charge_each_step() {
    let scene = Scene::new(3, quick());
    let app = scene.payroll.object_id.as_str();
    let add = |id: &str, after: Option<&str>| json!({"id": id, "method": "POST", "url": format!("/applications/{app}/addPassword"), "dependsOn": after.map(|a| vec![a]).unwrap_or_default(), "headers": {"Content-Type": "application/json"}, "body": password(id).unwrap()});
    let get =
        json!({"id": "g", "method": "GET", "url": format!("applications(appId='{PAYROLL}')?$select=id")});
    let lost =
        json!({"id": "x", "method": "GET", "url": "applications/00000000-0000-0000-0000-000000000000"});
    let after_lost = json!({"id": "y", "method": "GET", "url": "applications", "dependsOn": ["x"]});
    let requests = json!({"requests": [add("a", None), add("b", Some("a")), get, lost, after_lost]});
    let reply = scene.graph("POST", "/v1.0/$batch", Some(requests)).await;
    assert_eq!(reply.status, 200);
    let statuses: Vec<u64> =
        reply.body["responses"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 200, 404, 424]);
    assert_eq!(scene.lab.ledger().writes.len(), 2);
    let many: Vec<Value> =
        (0..21).map(|n| json!({"id": n.to_string(), "method": "GET", "url": "applications"})).collect();
    assert_eq!(scene.graph("POST", "/v1.0/$batch", Some(json!({"requests": many}))).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn logs_are_late_and_name_the_credential() {
    let scene = Scene::new(4, options());
    scene.lab.grant_app_permission(&client_id(OPERATOR), "AuditLog.Read.All");
    assert_eq!(
        scene.sign_in(PAYROLL, &scene.payroll_secret.1, "https://graph.microsoft.us").await.status,
        200
    );
    let add = format!("/v1.0/applications/{}/addPassword", scene.payroll.object_id);
    assert_eq!(scene.graph("POST", &add, password("n")).await.status, 200);
    let url = format!(
        "/beta/auditLogs/signIns?$filter=signInEventTypes/any(t:%20t%20eq%20'servicePrincipal')%20and%20appId%20eq%20'{PAYROLL}'"
    );
    let rows = |reply: crate::scene::Reply| reply.body["value"].as_array().cloned().unwrap_or_default();
    assert!(rows(scene.graph("GET", &url, None).await).is_empty(), "not yet");
    scene.wait(301).await;
    let found = rows(scene.graph("GET", &url, None).await);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["servicePrincipalCredentialKeyId"], json!(scene.payroll_secret.0));
    let audits = rows(
        scene
            .graph(
                "GET",
                "/v1.0/auditLogs/directoryAudits?$filter=activityDateTime%20ge%202026-11-23T00:00:00Z",
                None,
            )
            .await,
    );
    assert!(
        audits[0]["activityDisplayName"]
            .as_str()
            .unwrap()
            .starts_with("Update application \u{2013} Certificates")
    );
    assert_eq!(audits[0]["initiatedBy"]["app"]["appId"], json!(OPERATOR));
    scene.wait(2).await;
    for _ in 0..3 {
        scene.graph("GET", &url, None).await;
    }
    let mut throttled = false;
    for _ in 0..4 {
        throttled |= scene.graph("GET", &url, None).await.status == 429;
    }
    assert!(throttled, "five reports in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn tokens_expire_and_a_disabled_caller_is_found_out() {
    let scene = Scene::new(5, quick());
    let token = scene.token("https://graph.microsoft.us").await;
    let url = "https://graph.microsoft.us/v1.0/applications";
    assert_eq!(scene.send("GET", url, &token, None).await.status, 200);
    assert_eq!(
        scene.send("GET", url, &token[..token.len() - 2], None).await.status,
        401,
        "a broken signature"
    );
    assert_eq!(
        scene.send("GET", "https://graph.microsoft.com/v1.0/applications", &token, None).await.status,
        401
    );
    scene.wait(3599).await;
    let expired = scene.send("GET", url, &token, None).await;
    assert_eq!((expired.status, expired.code()), (401, "InvalidAuthenticationToken"));
}

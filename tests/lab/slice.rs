//! One rotation from end to end, by hand: mint, wait, publish, retire, with people watching.

use crate::scene::{PAYROLL, Scene, client_id, options, password};
use reissue::lab::{AttackerSpec, ConsumerSpec, Habit, VaultSecret};
use serde_json::json;
use std::time::Duration;

/// A consumer of the vault's `payroll-sync`.
fn payroll_moves_in(scene: &Scene, refresh: Habit, every_s: u64) {
    let vault = "https://kv-ir.vault.azure.net".into();
    scene.lab.consumer(ConsumerSpec {
        name: "payroll".into(),
        client_id: client_id(PAYROLL),
        source: VaultSecret { vault, name: "payroll-sync".into(), pinned_version: None },
        refresh,
        sign_in_every: Duration::from_secs(every_s),
    });
}

#[tokio::test(start_paused = true)]
async fn a_rotation_in_the_right_order_harms_nobody() {
    let scene = Scene::new(1, options());
    let app = format!("/v1.0/applications/{}", scene.payroll.object_id);
    scene.lab.put_vault_secret("kv-ir", "payroll-sync", &scene.payroll_secret.1);
    payroll_moves_in(&scene, Habit::Every(Duration::from_secs(3600)), 60);
    let attacker = scene.lab.attacker(AttackerSpec {
        client_id: client_id(PAYROLL),
        value: scene.payroll_secret.1.clone(),
        every: Duration::from_secs(300),
    });
    let lab = scene.lab.clone();
    let work = async {
        scene.wait(600).await;
        let minted = scene.graph("POST", &format!("{app}/addPassword"), password("reissue-1")).await;
        assert_eq!(minted.status, 200, "{}", minted.body);
        let value = minted.body["secretText"].as_str().unwrap().to_owned();
        let early = scene.sign_in(PAYROLL, &value, "https://graph.microsoft.us").await;
        assert_eq!(
            (early.status, early.body["error_codes"][0].as_u64()),
            (401, Some(7_000_215)),
            "not there yet"
        );
        scene.wait(60).await;
        for _ in 0..5 {
            assert_eq!(scene.sign_in(PAYROLL, &value, "https://graph.microsoft.us").await.status, 200);
        }
        let put =
            scene.vault("PUT", "/secrets/payroll-sync?api-version=7.4", Some(json!({"value": value}))).await;
        assert_eq!(put.status, 200, "{}", put.body);
        scene.wait(2 * 3600).await;
        let old = json!({"keyId": scene.payroll_secret.0});
        assert_eq!(
            scene.graph("POST", &format!("{app}/removePassword"), Some(old.clone())).await.status,
            204
        );
        scene.wait(600).await;
        let again = scene.graph("POST", &format!("{app}/removePassword"), Some(old)).await;
        assert_eq!((again.status, again.code()), (400, "Request_BadRequest"));
        let refused = scene.sign_in(PAYROLL, &scene.payroll_secret.1, "https://graph.microsoft.us").await;
        assert_eq!(refused.status, 401);
        let payroll = client_id(PAYROLL);
        assert_eq!(scene.lab.nodes_that_accept(&payroll, &scene.payroll_secret.1), 0);
        assert_eq!(scene.lab.nodes_that_accept(&payroll, &value), 3);
        let held = scene.lab.credentials(&payroll);
        assert_eq!((held.len(), held[0].display_name.as_deref()), (1, Some("reissue-1")));
        assert_eq!(scene.lab.writes_from(2).len(), 1);
        scene.wait(3600).await;
    };
    tokio::select! { () = work => {}, () = lab.people() => {} }
    let ledger = scene.lab.ledger();
    let payroll = &ledger.consumers["payroll"];
    assert!(payroll.sign_ins > 100);
    assert_eq!((payroll.failed, payroll.outage_seconds), (0, 0));
    let thief = &ledger.attackers[&attacker];
    assert!((7_500..=9_000).contains(&thief.dwell_seconds), "{}", thief.dwell_seconds);
    assert_eq!(thief.last_error, Some(7_000_215));
    let operations: Vec<&str> = ledger.writes.iter().map(|w| w.operation.as_str()).collect();
    assert_eq!(operations, ["addPassword", "setSecret", "removePassword"]);
}

#[tokio::test(start_paused = true)]
async fn removing_first_is_an_outage() {
    let scene = Scene::new(2, options());
    let app = format!("/v1.0/applications/{}", scene.payroll.object_id);
    scene.lab.put_vault_secret("kv-ir", "payroll-sync", &scene.payroll_secret.1);
    payroll_moves_in(&scene, Habit::OnRestartOnly, 30);
    let lab = scene.lab.clone();
    let work = async {
        scene.wait(120).await;
        let old = json!({"keyId": scene.payroll_secret.0});
        assert_eq!(scene.graph("POST", &format!("{app}/removePassword"), Some(old)).await.status, 204);
        scene.wait(900).await;
        assert!(scene.lab.ledger().consumers["payroll"].outage_seconds > 600);
        let minted = scene.graph("POST", &format!("{app}/addPassword"), password("late")).await;
        scene.lab.put_vault_secret("kv-ir", "payroll-sync", minted.body["secretText"].as_str().unwrap());
        scene.lab.restart("payroll");
        scene.wait(120).await;
    };
    tokio::select! { () = work => {}, () = lab.people() => {} }
    let payroll = &scene.lab.ledger().consumers["payroll"];
    assert!(payroll.outage_open_since.is_none(), "the restart ended it");
    assert!((600..1_100).contains(&payroll.outage_seconds), "{}", payroll.outage_seconds);
}

#[tokio::test(start_paused = true)]
async fn replicas_disagree_until_they_agree() {
    let scene = Scene::new(3, options());
    let app = format!("/v1.0/applications/{}", scene.payroll.object_id);
    let count =
        |reply: &crate::scene::Reply| reply.body["passwordCredentials"].as_array().map_or(0, Vec::len);
    scene.graph("POST", &format!("{app}/addPassword"), password("n")).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..190 {
        seen.insert(count(&scene.graph("GET", &app, None).await));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2], "some replica lagged");
    scene.wait(30).await;
    for _ in 0..10 {
        assert_eq!(count(&scene.graph("GET", &app, None).await), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn two_writes_at_once_collide() {
    let scene = Scene::new(4, options());
    let path =
        format!("https://graph.microsoft.us/v1.0/applications/{}/addPassword", scene.payroll.object_id);
    let token = scene.token("https://graph.microsoft.us").await;
    let (a, b) = tokio::join!(
        scene.send("POST", &path, &token, password("a")),
        scene.send("POST", &path, &token, password("b"))
    );
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let refused = if a.status == 409 { a } else { b };
    assert_eq!(refused.code(), "Directory_ConcurrencyViolation");
    assert!(refused.body["error"]["innerError"]["request-id"].is_string());
}

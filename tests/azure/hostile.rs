//! A hostile lab: the one bit `happened` is never wrong.

use crate::scene::{OPERATOR, Scene, VAULT};
use reissue::azure::ApiError;
use reissue::azure::graph::credentials::{Holder, NewPassword};
use reissue::azure::key_vault::Name;
use reissue::azure::key_vault::secrets::NewSecret;
use reissue::azure::quota::Operation;
use reissue::domain::event::{FaultClass, Happened};
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::lab::{Faults, LabOptions, Ledger};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Our own committed writes.
fn ours(ledger: &Ledger) -> usize {
    ledger.writes.iter().filter(|w| w.caller == OPERATOR).count()
}

/// What one write said, and how many writes the lab committed meanwhile.
fn judge<T>(result: Result<T, ApiError>, committed: usize, seen: &mut BTreeSet<String>) {
    match result {
        Ok(_) => assert_eq!(committed, 1, "a success is one write"),
        Err(e) => {
            seen.insert(format!("{:?} {:?}", e.class, e.happened));
            assert!(committed <= 1, "sent once: {e:?}");
            if e.happened == Happened::No {
                assert_eq!(committed, 0, "{e:?} says that nothing happened");
            }
            // A reply that was cut in its middle cannot be read; nothing else is unexpected.
            let is_cut = ["unreadable_answer", "HTTP_200"].contains(&e.code.as_str());
            assert!(e.class != FaultClass::Unexpected || is_cut, "{e:?}");
        }
    }
}

fn hostile() -> Faults {
    // Ten times the usual rates: every branch within a few hundred writes.
    Faults {
        lost_before: 60,
        lost_after: 60,
        cut: 40,
        error_500: 40,
        bad_gateway: 40,
        slow: 60,
        remove_unknown: 150,
        ..Faults::hostile()
    }
}

async fn storm(seed: u64, seen: &mut BTreeSet<String>) -> Ledger {
    let scene = Scene::seeded(seed, LabOptions { faults: hostile(), ..LabOptions::default() });
    let (graph, vault) = (scene.azure.graph(), scene.azure.vault(VAULT).unwrap());
    let holder = Holder::Application(scene.payroll.object_id.clone());
    let name = Name::new("payroll").unwrap();
    for turn in 0..25 {
        let new = NewPassword {
            display_name: Text::lossy(&format!("reissue-x t{turn}")),
            end: scene.env.clock.now().after(Duration::from_secs(86_400)),
        };
        let permit = scene.azure.permit(Operation::WriteObject).await;
        let before = ours(&scene.lab.ledger());
        let minted = graph.add_password(&holder, &new, &permit).await;
        let after = ours(&scene.lab.ledger());
        let key = minted.as_ref().ok().map(|m| m.key_id.clone());
        judge(minted, after - before, seen);

        let value = Secret::new(format!("value {turn}"));
        let tags = BTreeMap::from([("turn".to_owned(), turn.to_string())]);
        let new = NewSecret { value: &value, tags, content_type: None, expires: None };
        let permit = scene.azure.permit(Operation::VaultSetSecret(VAULT)).await;
        let before = ours(&scene.lab.ledger());
        let set = vault.set_secret(&name, &new, &permit).await;
        judge(set, ours(&scene.lab.ledger()) - before, seen);

        if let Some(key) = key {
            let permit = scene.azure.permit(Operation::WriteObject).await;
            let before = ours(&scene.lab.ledger());
            let removed = graph.remove_password(&holder, &key, &permit).await;
            judge(removed, ours(&scene.lab.ledger()) - before, seen);
        }
        scene.wait(20).await;
    }
    scene.lab.ledger()
}

#[tokio::test(start_paused = true)]
async fn what_is_said_not_to_have_happened_did_not() {
    let mut seen = BTreeSet::new();
    let mut faults = BTreeSet::new();
    for seed in 0..12 {
        faults.extend(storm(seed, &mut seen).await.faults.into_keys());
    }
    for class in ["Line Unknown", "Line No", "Busy No", "NotYet No"] {
        assert!(seen.contains(class), "never seen: {class} among {seen:?}");
    }
    for fault in
        ["lost_before", "lost_after", "cut", "error_500", "bad_gateway", "throttled", "conflict", "slow"]
    {
        assert!(faults.contains(fault), "never happened: {fault} among {faults:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_run() {
    let mut seen = BTreeSet::new();
    let (a, b) = (storm(3, &mut seen).await, storm(3, &mut seen).await);
    assert_eq!(a, b);
}

/// A handover read half of the mirror, and began to write in its middle.
#[tokio::test(start_paused = true)]
async fn half_a_blob_is_not_a_blob() {
    let faults = Faults { cut_body: 400, ..Faults::default() };
    let scene = Scene::seeded(3, LabOptions { faults, ..LabOptions::default() });
    let blob = scene.azure.blob("https://mirrors.blob.core.usgovcloudapi.net/incidents/log").unwrap();
    let text = "a line\n".repeat(100);
    blob.append(0, &text).await.unwrap();
    for _ in 0..50 {
        assert!(blob.read().await.is_ok_and(|read| read == text), "whole or not at all");
    }
    assert!(scene.lab.ledger().faults["cut_body"] >= 10);
}

//! Full speed, no harm: the documented quotas are used and never exceeded.

use crate::scene::{OPERATOR, Scene, client, session};
use futures::StreamExt;
use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::azure::quota::Operation;
use reissue::domain::secret::Secret;
use reissue::lab::{LabOptions, Lags, SecretSpec};
use reissue::wire::budget::Start;

/// Seconds for `count` writes, 60 in flight, at `pace`; and how often the lab said "too many".
async fn race(count: usize, pace: u8) -> (f64, u64) {
    let scene = Scene::new(LabOptions {
        lags: Lags { settle_gap: std::time::Duration::ZERO, ..Lags::none() },
        ..LabOptions::default()
    });
    let (_, secret) = scene.lab.add_secret(&client(OPERATOR), SecretSpec::default());
    let identity = Identity::Secret { client_id: client(OPERATOR), secret: Secret::new(secret) };
    let azure = session(&scene.env, &scene.lab, identity, pace);
    let apps = scene.sixty_applications();
    let begun = scene.env.clock.elapsed();
    let writes = (0..count).map(|i| write(&azure, &apps[i % apps.len()], i % 2 == 0));
    futures::stream::iter(writes).buffer_unordered(60).collect::<Vec<()>>().await;
    let took = (scene.env.clock.elapsed() - begun).as_secs_f64();
    (took, scene.lab.ledger().answers.get("graph 429").copied().unwrap_or(0))
}

async fn write(azure: &Azure, app: &reissue::domain::id::ObjectId, disabled: bool) {
    let permit = azure.permit(Operation::WriteObject).await;
    azure.graph().set_application_disabled(app, disabled, &permit).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_long_campaign_runs_at_its_share_and_is_never_throttled() {
    for (pace, burst, per_second) in [(70, 900.0, 14.0), (100, 2.0, 19.987)] {
        let count = 4_000;
        let (took, throttled) = race(count, pace).await;
        let expected = (4_000.0 - burst) / per_second;
        assert!((took - expected).abs() < expected * 0.02, "pace {pace}: {took} s, expected {expected} s");
        assert_eq!(throttled, 0, "pace {pace}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_run_starts_gently() {
    let scene = Scene::calm();
    let budget = Azure::budget_for(&scene.env, 70, Start::Empty);
    let begun = scene.env.clock.elapsed();
    for _ in 0..14 {
        budget.permit(&reissue::azure::quota::draws(Operation::WriteObject).0).await;
    }
    let took = (scene.env.clock.elapsed() - begun).as_secs_f64();
    assert!((took - 1.0).abs() < 0.05, "{took}");
}

//! The budget against the documented quotas: no window of any bucket ever holds more than its share,
//! whatever is asked for and however the service answers; and the lab, which counts for itself, agrees.

use crate::scene::{OPERATOR, Scene, VAULT, client, env, session, tenant};
use futures::StreamExt;
use http::{HeaderMap, HeaderName, StatusCode};
use proptest::prelude::*;
use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::azure::quota::{self, Operation, QUOTAS};
use reissue::domain::playbook::model::Cloud;
use reissue::domain::secret::Secret;
use reissue::lab::{LabDisconnect, LabOptions, Lags, SecretSpec};
use reissue::wire::budget::{Bucket, Budget, Draw, Quota, Start};
use reissue::wire::in_process::InProcess;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const OPERATIONS: [Operation<'static>; 12] = [
    Operation::ReadObject,
    Operation::ReadList,
    Operation::ReadKeys,
    Operation::ReadLog,
    Operation::ReadRisk,
    Operation::WriteObject,
    Operation::WritePersonalApp,
    Operation::VaultRead(VAULT),
    Operation::VaultUpdate(VAULT),
    Operation::VaultSetSecret(VAULT),
    Operation::VaultImport(VAULT),
    Operation::VaultCreateCertificate(VAULT),
];

/// One who asks: when, for what, how often one after the other, how much earlier it counts as having come, and how the
/// service answers.
#[derive(Clone, Debug)]
struct Caller {
    starts_ms: u64,
    operation: usize,
    times: u32,
    lead_s: u64,
    answer: Answer,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Fine,
    Loaded(f32),
    TooMany(Option<u64>),
}

fn callers() -> impl Strategy<Value = Vec<Caller>> {
    let answer = prop_oneof![
        6 => Just(Answer::Fine),
        1 => (0.8_f32..1.8).prop_map(Answer::Loaded),
        1 => proptest::option::of(0_u64..20).prop_map(Answer::TooMany),
    ];
    let caller = (0_u64..20_000, 0..OPERATIONS.len(), 1_u32..60, 0_u64..200, answer).prop_map(
        |(starts_ms, operation, times, lead_s, answer)| Caller {
            starts_ms,
            operation,
            times,
            lead_s,
            answer,
        },
    );
    proptest::collection::vec(caller, 1..40)
}

/// What was taken from each bucket, and when.
type Taken = BTreeMap<Bucket, Vec<(Duration, u32)>>;

fn answer_to(budget: &Budget, draws: &[Draw], answer: Answer) {
    let header = |name: &'static str, value: String| {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    };
    match answer {
        Answer::Fine => budget.note_response(draws, StatusCode::OK, &HeaderMap::new()),
        Answer::Loaded(load) => {
            let headers = header("x-ms-throttle-limit-percentage", load.to_string());
            budget.note_response(draws, StatusCode::OK, &headers);
        }
        Answer::TooMany(after) => {
            let headers = after.map_or(HeaderMap::new(), |s| header("retry-after", s.to_string()));
            budget.note_response(draws, StatusCode::TOO_MANY_REQUESTS, &headers);
        }
    }
}

async fn play(callers: &[Caller], pace: u8, start: Start) -> Taken {
    let env = env(11);
    let budget = Azure::budget_for(&env, pace, start);
    let taken = Mutex::new(Taken::new());
    let (budget, taken_by_all, clock) = (&budget, &taken, env.clock);
    let work = callers.iter().map(|caller| async move {
        clock.sleep(Duration::from_millis(caller.starts_ms)).await;
        let draws = quota::draws(OPERATIONS[caller.operation]).0;
        for n in 0..caller.times {
            budget.permit_ahead(&draws, Duration::from_secs(caller.lead_s)).await;
            for draw in &draws {
                let mut taken = taken_by_all.lock().unwrap();
                taken.entry(draw.bucket.clone()).or_default().push((clock.elapsed(), draw.amount));
            }
            // The first answer is the odd one: what follows is served by a bucket that knows.
            answer_to(budget, &draws, if n == 0 { caller.answer } else { Answer::Fine });
        }
    });
    // Nobody waits longer than this for the scarcest.
    let patient = tokio::time::timeout(Duration::from_secs(20_000_000), futures::future::join_all(work));
    patient.await.expect("everybody is served in the end");
    taken.into_inner().unwrap()
}

fn quota_of(bucket: &Bucket) -> Quota {
    let sort = bucket.as_str().split('/').next().unwrap();
    QUOTAS.iter().find(|(name, _)| *name == sort).unwrap().1
}

/// The most that any window of the quota's length holds.
fn fullest_window(taken: &[(Duration, u32)], window: Duration) -> u32 {
    let (mut first, mut sum, mut most) = (0, 0, 0);
    for (at, amount) in taken {
        sum += amount;
        while taken[first].0 + window <= *at {
            sum -= taken[first].1;
            first += 1;
        }
        most = most.max(sum);
    }
    most
}

fn virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_window_holds_more_than_the_quota_and_no_run_more_than_its_share(
        callers in callers(),
        pace in 1_u8..=100,
        resumed in any::<bool>(),
    ) {
        let start = if resumed { Start::Empty } else { Start::Full };
        let taken = virtual_time(play(&callers, pace, start));
        for (bucket, taken) in &taken {
            let quota = quota_of(bucket);
            let most = fullest_window(taken, quota.window);
            prop_assert!(most <= quota.amount + 1, "{bucket:?} at {pace} %: {most} of {}", quota.amount);
            let total: u32 = taken.iter().map(|(_, amount)| amount).sum();
            let last = taken.iter().map(|(at, _)| *at).max().unwrap();
            let share = f64::from(quota.amount) * f64::from(pace) / 100.0;
            let burst = if resumed { 0.0 } else { (f64::from(quota.amount) - share).min(share) };
            let allowed = burst + share * last.as_secs_f64() / quota.window.as_secs_f64();
            prop_assert!(
                f64::from(total) <= allowed + (share / 10.0).max(2.0),
                "{bucket:?} at {pace} %: {total} in {last:?}, {allowed} allowed"
            );
        }
    }
}

/// Ten thousand wait for their write: each had its resource unit reserved, more than that bucket ever
/// holds, and so nobody could read, not even those who were about to write.
#[tokio::test(start_paused = true)]
async fn a_crowd_that_waits_for_the_scarce_bucket_keeps_nobody_from_the_plentiful() {
    let env = env(5);
    let budget = Azure::budget_for(&env, 100, Start::Full);
    let (write, read) = (quota::draws(Operation::WriteObject).0, quota::draws(Operation::ReadObject).0);
    let crowd: Vec<_> = (0..10_000)
        .map(|_| {
            let (budget, write) = (budget.clone(), write.clone());
            tokio::spawn(async move { budget.permit(&write).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let begun = env.clock.elapsed();
    for _ in 0..1_000 {
        budget.permit(&read).await;
    }
    let took = env.clock.elapsed() - begun;
    assert!(took < Duration::from_secs(3), "{took:?}");
    for waiter in crowd {
        waiter.await.unwrap();
    }
    let took = (env.clock.elapsed() - begun).as_secs_f64();
    assert!((took - 500.0).abs() < 5.0, "{took} s for 10,000 writes at 20 a second");
}

#[tokio::test(start_paused = true)]
async fn only_the_bucket_that_the_service_names_is_paused() {
    let env = env(5);
    let paused = |scope: &str| {
        let budget = Azure::budget_for(&env, 70, Start::Full);
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("retry-after"), "30".parse().unwrap()),
            (HeaderName::from_static("x-ms-throttle-scope"), scope.parse().unwrap()),
        ]);
        let draws = quota::draws(Operation::WritePersonalApp).0;
        budget.note_response(&draws, StatusCode::TOO_MANY_REQUESTS, &headers);
        let gauges = budget.gauges();
        let paused = gauges.iter().filter(|g| !g.paused_for.is_zero());
        paused.map(|g| g.bucket.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paused("Tenant_Application/Write/app/tenant"), [quota::GRAPH_WRITES]);
    assert_eq!(paused("Tenant/Write/app/tenant"), [quota::TENANT_WRITES]);
    assert_eq!(paused("Application/Write"), [quota::PERSONAL_APP_WRITES]);
    for unknown in ["", "Tenant/Read/app/tenant", "Tenant_Application/Writes", "\u{e9}"] {
        assert_eq!(paused(unknown).len(), 4, "{unknown}: all that was drawn on");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_of_the_wrong_type_count_as_absent() {
    let env = env(5);
    for (name, value) in [
        ("retry-after", "-1"),
        ("retry-after", "1e9"),
        ("retry-after", "soon"),
        ("retry-after", ""),
        ("retry-after", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("x-ms-throttle-limit-percentage", "NaN"),
        ("x-ms-throttle-limit-percentage", "full"),
        ("x-ms-throttle-limit-percentage", "-3"),
    ] {
        let budget = Azure::budget_for(&env, 70, Start::Full);
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())]);
        let draws = quota::draws(Operation::ReadKeys).0;
        let status = if name == "retry-after" { 429 } else { 200 };
        budget.note_response(&draws, StatusCode::from_u16(status).unwrap(), &headers);
        let longest = budget.gauges().iter().map(|g| g.paused_for).max().unwrap();
        assert!(longest < Duration::from_secs(2), "{name}: {value}: {longest:?}");
        assert!(status == 429 || budget.gauges().iter().all(|g| g.share.per_second > 1.7), "{name}: {value}");
    }
}

/// So many writes as fast as the session may; 60 are under way.
async fn write_all(azure: &Azure, apps: &[reissue::domain::id::ObjectId], count: usize) {
    let writes = (0..count).map(|i| async move {
        let permit = azure.permit(Operation::WriteObject).await;
        // Refused for the writes of another session, perhaps: the lab has counted it all the same.
        let _ = azure.graph().set_application_disabled(&apps[i % apps.len()], i % 2 == 0, &permit).await;
    });
    futures::stream::iter(writes).buffer_unordered(60).collect::<Vec<()>>().await;
}

/// Two runs in one process, each with a session of its own, over one budget.
#[tokio::test(start_paused = true)]
async fn all_runs_of_a_process_share_one_budget_and_the_lab_agrees() {
    let scene = Scene::new(LabOptions {
        lags: Lags { settle_gap: Duration::ZERO, ..Lags::none() },
        ..LabOptions::default()
    });
    let (_, secret) = scene.lab.add_secret(&client(OPERATOR), SecretSpec::default());
    let budget = Azure::budget_for(&scene.env, 100, Start::Full);
    let run = || {
        let wire = InProcess::new(scene.lab.service(), |e: &LabDisconnect| e.may_have_reached);
        let identity = Identity::Secret { client_id: client(OPERATOR), secret: Secret::new(secret.clone()) };
        Azure::new(&scene.env, Cloud::UsGovHigh, tenant(), Arc::new(wire), budget.clone(), identity)
    };
    let apps = scene.sixty_applications();
    let begun = scene.env.clock.elapsed();
    let (one, two) = (run(), run());
    tokio::join!(write_all(&one, &apps, 2_000), write_all(&two, &apps, 2_000));
    let took = (scene.env.clock.elapsed() - begun).as_secs_f64();
    let throttled = |answers: &BTreeMap<String, u64>| answers.get("graph 429").copied().unwrap_or(0);
    assert!((took - 200.0).abs() < 4.0, "{took}");
    assert_eq!(throttled(&scene.lab.ledger().answers), 0);

    // Two budgets, as two processes would have, are twice as fast as the lab allows: it says so.
    let identity = || Identity::Secret { client_id: client(OPERATOR), secret: Secret::new(secret.clone()) };
    let (three, four) =
        (session(&scene.env, &scene.lab, identity(), 100), session(&scene.env, &scene.lab, identity(), 100));
    tokio::join!(write_all(&three, &apps, 4_000), write_all(&four, &apps, 4_000));
    assert!(throttled(&scene.lab.ledger().answers) > 0);
}

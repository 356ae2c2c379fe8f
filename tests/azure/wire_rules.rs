//! The wire's rules: permits, single sends, patient reads, budgets in virtual time.

use crate::canned::{Canned, End, Sent, answer, answer_with, silent};
use crate::scene::env;
use bytes::Bytes;
use reissue::env::Env;
use reissue::wire::budget::{Bucket, Budget, Draw, Draws, Permit, Quota, Start, with_permit};
use reissue::wire::metered::Metered;
use reissue::wire::{Class, Kind, Reached, Wire};
use std::sync::Arc;
use std::time::Duration;

const QUOTAS: &[(&str, Quota)] = &[
    ("writes", Quota::per_seconds(3_000, 150)),
    ("keys", Quota::per_seconds(150, 60)),
    ("logs", Quota::per_seconds(5, 10)),
];

fn draw(bucket: &'static str) -> Vec<Draw> {
    vec![Draw { bucket: Bucket::named(bucket), amount: 1 }]
}

fn request(class: Class, bucket: &'static str) -> http::Request<Bytes> {
    let request = http::Request::post("https://service.example/path?query=secret");
    request.extension(class).extension(Draws(draw(bucket))).body(Bytes::from("secret body")).unwrap()
}

fn with(mut request: http::Request<Bytes>, permit: &Permit) -> http::Request<Bytes> {
    request.extensions_mut().insert(permit.clone());
    request
}

struct Rig {
    env: Env,
    budget: Budget,
    wire: Metered<Arc<dyn Wire>>,
}

fn rig(inner: Arc<dyn Wire>, pace: u8, start: Start) -> Rig {
    let env = env(3);
    let budget = Budget::new(&env, QUOTAS, pace, start);
    let wire = Metered::new(inner, budget.clone(), &env);
    Rig { env, budget, wire }
}

fn kind(sent: &Sent) -> Option<(Kind, Reached)> {
    sent.as_ref().err().map(|e| (e.kind, e.reached))
}

#[tokio::test(start_paused = true)]
async fn a_write_needs_a_fresh_permit_for_what_it_draws() {
    let canned = Canned::new(|_, _| answer(204, ""));
    let rig = rig(canned.wire(), 70, Start::Full);
    let refused = Some((Kind::Unpermitted, Reached::No));
    assert_eq!(kind(&rig.wire.call(request(Class::Write, "writes")).await), refused, "no permit");
    let unclassed = http::Request::get("https://service.example/").body(Bytes::new()).unwrap();
    assert_eq!(kind(&rig.wire.call(unclassed).await), refused, "no class counts as a write");
    let other = rig.budget.permit(&draw("keys")).await;
    assert_eq!(kind(&rig.wire.call(with(request(Class::Write, "writes"), &other)).await), refused);
    assert_eq!(canned.asked().len(), 0);

    let permit = rig.budget.permit(&draw("writes")).await;
    assert_eq!(rig.wire.call(with(request(Class::Write, "writes"), &permit)).await.unwrap().status(), 204);
    assert_eq!(kind(&rig.wire.call(with(request(Class::Write, "writes"), &permit)).await), refused, "spent");
    let of_task = rig.budget.permit(&draw("writes")).await;
    let sent = with_permit(&of_task, rig.wire.call(request(Class::Write, "writes"))).await;
    assert_eq!(sent.unwrap().status(), 204);
    assert_eq!(canned.asked().len(), 2);
}

/// Takes every request, and never replies.
#[derive(Debug)]
struct Hangs;

#[async_trait::async_trait]
impl Wire for Hangs {
    async fn call(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, reissue::wire::WireError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_keeps_a_request_waiting_is_silent_meanwhile() {
    let rig = rig(Arc::new(Hangs), 70, Start::Full);
    let begun = rig.env.clock.now();
    let call = rig.wire.call(request(Class::Read, "writes"));
    let late = tokio::time::timeout(Duration::from_secs(20), call).await;
    assert!(late.is_err());
    let silence = rig.budget.silence().unwrap();
    assert_eq!((silence.host.as_str(), silence.since), ("service.example", begun));
    assert_eq!(silence.lasts(), Duration::from_secs(16), "told of every eight seconds");
}

#[tokio::test(start_paused = true)]
async fn a_write_is_sent_once_whatever_happens() {
    let ends: [fn() -> End; 7] = [
        || answer(500, ""),
        || answer(502, "<html>"),
        || answer(503, ""),
        || answer(429, ""),
        || answer(408, ""),
        || End::Lost(true),
        || End::Lost(false),
    ];
    for end in ends {
        let canned = Canned::new(move |_, _| end());
        let rig = rig(canned.wire(), 70, Start::Full);
        let permit = rig.budget.permit(&draw("writes")).await;
        let sent = rig.wire.call(with(request(Class::Write, "writes"), &permit)).await;
        if let Err(e) = &sent {
            assert!(!e.to_string().contains("secret"), "{e}");
        }
        assert_eq!(canned.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_survives_being_turned_away_at_the_door() {
    let canned = Canned::new(|_, before| answer(if before == 0 { 401 } else { 204 }, ""));
    let rig = rig(canned.wire(), 70, Start::Full);
    let permit = rig.budget.permit(&draw("writes")).await;
    let sent = rig.wire.call(with(request(Class::Write, "writes"), &permit)).await;
    assert_eq!(sent.unwrap().status(), 401);
    let sent = rig.wire.call(with(request(Class::Write, "writes"), &permit)).await;
    assert_eq!(sent.unwrap().status(), 204);
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_until_answered_and_not_forever() {
    for class in [Class::Read, Class::Token] {
        let canned = Canned::new(|_, before| match before {
            0 => End::Lost(true),
            1 => End::Lost(false),
            2 => answer(503, ""),
            3 => answer_with(429, ("retry-after", "7"), ""),
            _ => answer(200, "done"),
        });
        let rig = rig(canned.wire(), 70, Start::Full);
        assert_eq!(rig.wire.call(request(class, "keys")).await.unwrap().body(), "done");
        assert_eq!(canned.asked().len(), 5);
        assert!(rig.env.clock.elapsed() >= Duration::from_secs(7), "it waits as long as it was told");
    }
    let canned = Canned::new(|_, _| answer(503, ""));
    let stubborn = rig(canned.wire(), 70, Start::Full);
    assert_eq!(stubborn.wire.call(request(Class::Read, "keys")).await.unwrap().status(), 503);
    assert_eq!(canned.asked().len(), 8);
    assert!(stubborn.env.clock.elapsed() <= Duration::from_secs(240));

    let canned = Canned::new(|_, _| answer(404, ""));
    let final_answer = rig(canned.wire(), 70, Start::Full);
    assert_eq!(final_answer.wire.call(request(Class::Read, "keys")).await.unwrap().status(), 404);
    assert_eq!(canned.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_timeout_in_virtual_time() {
    let rig = rig(silent(), 70, Start::Full);
    let permit = rig.budget.permit(&draw("writes")).await;
    let sent = rig.wire.call(with(request(Class::Write, "writes"), &permit)).await;
    assert_eq!(kind(&sent), Some((Kind::Timeout, Reached::Unknown)));
    assert_eq!(rig.env.clock.elapsed(), Duration::from_secs(100));
}

/// Seconds until `count` permits were given, all asked for at once.
async fn seconds_for(count: usize, bucket: &'static str, pace: u8, start: Start) -> f64 {
    let env = env(5);
    let budget = Budget::new(&env, QUOTAS, pace, start);
    let begun = env.clock.elapsed();
    futures::future::join_all((0..count).map(|_| async { budget.permit(&draw(bucket)).await })).await;
    (env.clock.elapsed() - begun).as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_the_share_that_was_given() {
    // At 70 % of 3,000 per 150 s: 14 a second, after a burst of what 70 % leaves over.
    let cases = [
        ("writes", 70, Start::Empty, 1_400, 100.0),
        ("writes", 70, Start::Full, 900, 0.0),
        ("writes", 70, Start::Full, 900 + 1_400, 100.0),
        ("writes", 100, Start::Empty, 1_998, 100.0),
        ("keys", 70, Start::Empty, 105, 60.0),
        ("logs", 70, Start::Empty, 35, 100.0),
    ];
    for (bucket, pace, start, count, expected) in cases {
        let took = seconds_for(count, bucket, pace, start).await;
        assert!((took - expected).abs() <= expected * 0.01 + 0.01, "{bucket} {pace} {start:?}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn no_window_of_a_documented_length_exceeds_the_quota() {
    for pace in [30, 50, 70, 100] {
        let env = env(5);
        let budget = Budget::new(&env, QUOTAS, pace, Start::Full);
        let begun = env.clock.elapsed();
        let mut given = 0;
        while env.clock.elapsed() - begun < Duration::from_secs(150) {
            budget.permit(&draw("writes")).await;
            given += 1;
        }
        assert!(given <= 3_001, "pace {pace}: {given}");
        assert!(given >= 3_000 * u32::from(pace) / 100, "pace {pace}: {given}");
    }
}

#[tokio::test(start_paused = true)]
async fn plenty_is_not_held_up_by_scarcity_and_turns_are_kept() {
    let env = env(5);
    let budget = Budget::new(&env, QUOTAS, 70, Start::Empty);
    let order = std::sync::Mutex::new(Vec::new());
    let wait = |name: &'static str, draws: Vec<Draw>| {
        let (budget, order) = (&budget, &order);
        async move {
            budget.permit(&draws).await;
            order.lock().unwrap().push(name);
        }
    };
    let both = [draw("logs"), draw("writes")].concat();
    tokio::join!(
        wait("both", both.clone()),
        wait("log", draw("logs")),
        wait("write 1", draw("writes")),
        wait("write 2", draw("writes")),
    );
    assert_eq!(*order.lock().unwrap(), ["write 1", "write 2", "both", "log"]);
}

/// Whose work has a long way to go overtakes those who came up to so much earlier, and nobody else.
#[tokio::test(start_paused = true)]
async fn the_longest_chains_go_first_and_nobody_is_overtaken_for_long() {
    let env = env(5);
    let budget = Budget::new(&env, QUOTAS, 1, Start::Empty);
    let order = std::sync::Mutex::new(Vec::new());
    let wait = |name: &'static str, after: u64, lead: u64| {
        let (budget, order, clock) = (&budget, &order, env.clock);
        async move {
            clock.sleep(Duration::from_secs(after)).await;
            budget.permit_ahead(&draw("writes"), Duration::from_secs(lead)).await;
            order.lock().unwrap().push(name);
        }
    };
    // A write every five seconds.
    tokio::join!(
        async { futures::future::join_all((0..40).map(|_| wait("first", 0, 0))).await },
        wait("short", 100, 0),
        wait("long", 130, 90),
        wait("boastful", 150, 10_000),
    );
    let order = order.into_inner().unwrap();
    let place = |name| order.iter().position(|n| *n == name).unwrap();
    // As if they had come at 30 s (no more than two minutes are believed), at 40 s and at 100 s.
    assert_eq!((place("boastful"), place("long"), place("short")), (40, 41, 42), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_queue_holds_nobody_up() {
    let env = env(5);
    let budget = Budget::new(&env, QUOTAS, 70, Start::Empty);
    let gone = tokio::time::timeout(Duration::from_millis(100), budget.permit(&draw("logs"))).await;
    assert!(gone.is_err());
    let begun = env.clock.elapsed();
    budget.permit(&draw("logs")).await;
    assert!(env.clock.elapsed() - begun < Duration::from_secs(3));
}

async fn pause_after(header: Option<&'static str>, times: usize) -> Duration {
    let canned = Canned::new(move |_, _| match header {
        Some(seconds) => answer_with(429, ("retry-after", seconds), ""),
        None => answer(429, ""),
    });
    let rig = rig(canned.wire(), 70, Start::Full);
    for _ in 0..times {
        let permit = rig.budget.permit(&draw("writes")).await;
        rig.wire.call(with(request(Class::Write, "writes"), &permit)).await.unwrap();
    }
    rig.budget.gauges()[0].paused_for
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_pauses_the_bucket() {
    assert_eq!(pause_after(Some("12"), 1).await, Duration::from_secs(12));
    assert_eq!(pause_after(Some("31536000"), 1).await, Duration::from_secs(300), "a year is not believed");
    let dated = pause_after(Some("Fri, 01 Jan 2027 00:00:00 GMT"), 1).await;
    assert!(dated < Duration::from_secs(2), "the date form counts as absent: {dated:?}");
    let first = pause_after(None, 1).await;
    assert!((750..=1_250).contains(&first.as_millis()), "{first:?}");
    let grown = pause_after(None, 5).await;
    assert!((12_000..=20_000).contains(&grown.as_millis()), "{grown:?}");
    let lied_to = pause_after(Some("1"), 6).await;
    assert!(
        lied_to >= Duration::from_secs(24),
        "short answers that keep coming are not believed: {lied_to:?}"
    );
}

/// A read is not repeated after a year, nor after a day; one that waits for its turn is repeated all the same.
#[tokio::test(start_paused = true)]
async fn a_read_that_is_refused_is_told_of_within_minutes() {
    let took = |header: Option<&'static str>| async move {
        let canned = Canned::new(move |_, _| match header {
            Some(seconds) => answer_with(429, ("retry-after", seconds), ""),
            None => answer(429, ""),
        });
        let rig = rig(canned.wire(), 70, Start::Full);
        let begun = rig.env.clock.elapsed();
        let answer = rig.wire.call(request(Class::Read, "writes")).await.unwrap();
        assert_eq!(answer.status(), 429);
        (rig.env.clock.elapsed() - begun).as_secs()
    };
    assert_eq!(took(Some("31536000")).await, 0, "nobody sleeps for a year");
    assert_eq!(took(Some("18446744073709551615")).await, 0);
    assert!((60..1_800).contains(&took(None).await));
    assert!((60..3_600).contains(&took(Some("200")).await));
}

#[tokio::test(start_paused = true)]
async fn a_paused_bucket_gives_nothing_and_then_starts_gently() {
    let canned = Canned::new(|_, before| match before {
        0 => answer_with(429, ("retry-after", "30"), ""),
        _ => answer(204, ""),
    });
    let rig = rig(canned.wire(), 70, Start::Full);
    let permit = rig.budget.permit(&draw("writes")).await;
    rig.wire.call(with(request(Class::Write, "writes"), &permit)).await.unwrap();
    let begun = rig.env.clock.elapsed();
    rig.budget.permit(&draw("writes")).await;
    assert!(rig.env.clock.elapsed() - begun >= Duration::from_secs(30));
    rig.budget.permit(&draw("keys")).await;
    assert!(rig.env.clock.elapsed() - begun < Duration::from_secs(31), "other buckets go on");
}

#[tokio::test(start_paused = true)]
async fn the_service_s_own_measure_slows_us_for_a_while() {
    let canned = Canned::new(|_, _| answer_with(204, ("x-ms-throttle-limit-percentage", "1.6"), ""));
    let rig = rig(canned.wire(), 70, Start::Full);
    let permit = rig.budget.permit(&draw("writes")).await;
    rig.wire.call(with(request(Class::Write, "writes"), &permit)).await.unwrap();
    assert!((rig.budget.gauges()[0].share.per_second - 7.0).abs() < 0.1);
    rig.env.clock.sleep(Duration::from_secs(120)).await;
    assert!((rig.budget.gauges()[0].share.per_second - 14.0).abs() < 0.1);
}

/// What progress names: the bucket that the front of the queue waits for, its rate now, and the documented one.
#[tokio::test(start_paused = true)]
async fn the_budget_says_what_holds_the_front_back() {
    let env = env(5);
    let budget = Budget::new(&env, QUOTAS, 70, Start::Empty);
    assert_eq!(budget.held_back(), None, "nobody waits");
    let both = [draw("logs"), draw("writes")].concat();
    let write = draw("writes");
    let asks = async { tokio::join!(budget.permit(&both), budget.permit(&write)) };
    let looks = async {
        env.clock.sleep(Duration::from_millis(10)).await;
        let by = budget.held_back().unwrap();
        // Five logs in ten seconds, 3,000 writes in 150 s.
        assert_eq!((by.bucket.as_str(), by.waiting), ("logs", 2));
        assert!(
            (by.share.per_second - 0.35).abs() < 1e-6 && (by.share.allowed_per_second - 0.5).abs() < 1e-6,
            "{by:?}"
        );
        budget.note_response(&draw("logs"), http::StatusCode::TOO_MANY_REQUESTS, &http::HeaderMap::new());
        let by = budget.held_back().unwrap();
        assert!(by.share.per_second < 0.35 && !by.paused_for.is_zero(), "{by:?}");
    };
    tokio::join!(asks, looks);
    assert_eq!(budget.held_back(), None);
}

//! A service that refuses every write as too much, for ever: the run pauses after a stated time, no target
//! is lost, and it goes on from there when people say so.

use crate::support::rehearsal::{AUTHOR, Rehearsal, in_virtual_time};
use bytes::Bytes;
use reissue::domain::note::Note;
use reissue::domain::text::Text;
use reissue::engine::{Left, Outcome};
use reissue::trail::inbox::Inbox;
use reissue::trail::reader::Reader;
use reissue::wire::Class;
use std::sync::Arc;
use std::time::Duration;

const PLAYBOOK: &str = "reissue: 1
incident: { id: INC-THROTTLED, title: throttled }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 1, valid_for: 48h }
targets:
  - { app: 8a1d0000-0000-4000-8000-000000000001, name: one, rotate: { secret: all, publish: { store: ir, name: one }, hold: { time: 0s } } }
  - { app: 8a1d0000-0000-4000-8000-000000000002, name: two, disable: { reason: unused } }
";

/// Graph refuses every write, and says when to come again.
fn refuse_writes(rehearsal: &Rehearsal, retry_after: Option<&'static str>) {
    *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
        let is_graph = request.uri().host().is_some_and(|h| h.starts_with("graph."));
        let refused = http::Response::builder().status(429);
        let refused = match retry_after {
            Some(span) => refused.header("retry-after", span),
            None => refused,
        };
        let body = r#"{"error":{"code":"TooManyRequests","message":"Please retry again later."}}"#;
        let refused = refused.body(Bytes::from(body)).unwrap();
        (is_graph && Class::of(request) == Class::Write).then_some(refused)
    }));
}

fn lost(outcome: &Outcome) -> u32 {
    outcome.stuck + outcome.undone + outcome.abandoned + outcome.partial
}

async fn is_refused_and_goes_on(retry_after: Option<&'static str>) {
    let mut rehearsal = Rehearsal::new(PLAYBOOK);
    let plan = rehearsal.plan().await.unwrap();
    refuse_writes(&rehearsal, retry_after);
    let (home, bytes) = rehearsal.prepare(&plan).await;
    let begun = rehearsal.env.clock.elapsed();
    let outcome = rehearsal.go(&home, &bytes, false).await.unwrap();
    let took = rehearsal.env.clock.elapsed() - begun;
    let hour = Duration::from_secs(3_600);
    assert_eq!((&outcome.left, lost(&outcome)), (&Left::Paused, 0), "{retry_after:?}");
    let told = rehearsal.told(&["step.done", "step.failed", "run."]);
    assert!(took > hour && took < hour + Duration::from_secs(900), "{took:?}\n{told}");
    let told = rehearsal.told(&["run.paused"]);
    assert!(told.contains("for 1h the service has refused everything"), "{told}");

    // A day later it is over, and somebody says so.
    rehearsal.env.clock.sleep(24 * hour).await;
    *rehearsal.wire.answers.lock().unwrap() = None;
    let log = Reader::open(rehearsal.env.disk.as_ref(), &home.log()).unwrap();
    let run = log.filter_map(|read| read.unwrap().line.run).last().unwrap();
    let note = Note::Continue { by: Text::lossy(AUTHOR), run };
    let inbox = Inbox::new(Arc::new(rehearsal.disk.clone()), &home.log());
    inbox.hand_in(note.word(), &serde_json::to_vec(&note).unwrap()).unwrap();
    let outcome = rehearsal.go(&home, &bytes, true).await.unwrap();
    assert_eq!((&outcome.left, lost(&outcome)), (&Left::Finished, 0), "{}", rehearsal.troubles());
    assert_eq!(outcome.done + outcome.not_evicted, 2);
}

/// Graph refuses every read but the first, which says who we are, up to that moment.
fn refuse_reads(rehearsal: &Rehearsal, until: Duration) {
    let clock = rehearsal.env.clock;
    let first = std::sync::atomic::AtomicBool::new(true);
    *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
        let is_graph = request.uri().host().is_some_and(|h| h.starts_with("graph."));
        let refuses = is_graph && Class::of(request) == Class::Read && clock.elapsed() < until;
        let body = r#"{"error":{"code":"TooManyRequests","message":"Please retry again later."}}"#;
        let refused = http::Response::builder().status(429).body(Bytes::from(body)).unwrap();
        (refuses && !first.swap(false, std::sync::atomic::Ordering::AcqRel)).then_some(refused)
    }));
}

/// What could not be read for five minutes is waited for: nobody is left alone because of that.
#[test]
fn a_plan_waits_for_a_busy_directory() {
    in_virtual_time(async {
        let rehearsal = Rehearsal::new(PLAYBOOK);
        refuse_reads(&rehearsal, rehearsal.env.clock.elapsed() + Duration::from_secs(300));
        let plan = rehearsal.plan().await.unwrap();
        assert_eq!(plan.changes().count(), 2);
    });
}

/// A directory that refuses every read for ever is told of, after a stated time: no plan of exceptions.
#[test]
fn a_directory_that_never_answers_is_not_planned_for() {
    in_virtual_time(async {
        let rehearsal = Rehearsal::new(PLAYBOOK);
        let begun = rehearsal.env.clock.elapsed();
        refuse_reads(&rehearsal, Duration::MAX);
        let why = rehearsal.plan().await.unwrap_err().to_string();
        assert_eq!(why, "for 10 minutes every read was refused as too much, or busy: TooManyRequests");
        let took = rehearsal.env.clock.elapsed() - begun;
        assert!(took > Duration::from_secs(600) && took < Duration::from_secs(1_500), "{took:?}");
    });
}

#[test]
fn for_ever_without_a_word() {
    in_virtual_time(is_refused_and_goes_on(None));
}

#[test]
fn for_a_year() {
    in_virtual_time(is_refused_and_goes_on(Some("31536000")));
}

#[test]
fn for_longer_than_numbers_go() {
    in_virtual_time(is_refused_and_goes_on(Some("18446744073709551615")));
}

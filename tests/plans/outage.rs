//! A tenant that goes away while it is read: no plan, soon and with the reason; one that comes back is planned as
//! if nothing had been. An object that alone does not answer is left alone.

use crate::support::rehearsal::{Rehearsal, in_virtual_time};
use bytes::Bytes;
use reissue::domain::plan::refusal::Reason;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const HEAD: &str = "reissue: 1
incident: { id: INC-OUTAGE, title: outage }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 1, valid_for: 48h }
guardrails: { rotate_at_most: 100% }
targets:
";
const TARGETS: usize = 15;
const GRAPH: &str = "graph.microsoft.us";

fn rehearsal() -> Rehearsal {
    let text = (1..=TARGETS).fold(HEAD.to_owned(), |mut text, n| {
        let publish = format!("publish: {{ store: ir, name: a{n} }}, hold: {{ time: 1h }}");
        let app = format!("app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}");
        let _ = writeln!(text, "  - {{ {app}, rotate: {{ secret: all, {publish} }} }}");
        text
    });
    Rehearsal::new(&text)
}

/// Whatever is asked of these hosts from this request on, up to that moment, gets a gateway's error.
fn goes_away(rehearsal: &Rehearsal, hosts: &'static [&str], from: u32, until: Duration) {
    let (clock, asked) = (rehearsal.env.clock, AtomicU32::new(0));
    *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let is_away = asked.fetch_add(1, Ordering::AcqRel) >= from && clock.elapsed() < until;
        let gateway = http::Response::builder().status(503).body(Bytes::new()).unwrap();
        (is_away && hosts.iter().any(|h| host.ends_with(h))).then_some(gateway)
    }));
}

/// Why there is no plan.
async fn refused(rehearsal: &Rehearsal) -> String {
    match rehearsal.plan().await {
        Ok(plan) => format!("a plan of {} targets", plan.changes().count()),
        Err(why) => why.to_string(),
    }
}

#[test]
fn a_tenant_that_goes_away_is_not_planned_for() {
    in_virtual_time(async {
        for from in [20, 60, 140] {
            let rehearsal = rehearsal();
            let begun = rehearsal.env.clock.elapsed();
            goes_away(&rehearsal, &[GRAPH], from, Duration::MAX);
            let why = refused(&rehearsal).await;
            let said = format!("{GRAPH} has not answered since ");
            assert!(why.starts_with(&said) && why.ends_with("while the tenant was read: HTTP_503"), "{why}");
            let took = rehearsal.env.clock.elapsed() - begun;
            assert!(took < Duration::from_secs(180), "{from}: {took:?}");
        }
    });
}

#[test]
fn a_vault_that_goes_away_is_not_planned_for() {
    in_virtual_time(async {
        let rehearsal = rehearsal();
        goes_away(&rehearsal, &["kv-ir.vault.usgovcloudapi.net"], 60, Duration::MAX);
        let why = refused(&rehearsal).await;
        assert!(why.starts_with("kv-ir.vault.usgovcloudapi.net has not answered since "), "{why}");
    });
}

/// Neither an answer nor an error: nobody hangs up, nobody says a word.
#[test]
fn a_tenant_that_hangs_is_not_planned_for() {
    in_virtual_time(async {
        let rehearsal = rehearsal();
        let asked = AtomicU32::new(0);
        *rehearsal.wire.hangs.lock().unwrap() = Some(Box::new(move |request| {
            asked.fetch_add(1, Ordering::AcqRel) > 60 && request.uri().host() == Some(GRAPH)
        }));
        let begun = rehearsal.env.clock.elapsed();
        let why = refused(&rehearsal).await;
        assert!(why.starts_with(&format!("{GRAPH} has not answered since ")), "{why}");
        assert!(why.ends_with("no_answer"), "{why}");
        let took = rehearsal.env.clock.elapsed() - begun;
        assert!(took < Duration::from_secs(180), "{took:?}");
    });
}

#[test]
fn one_that_comes_back_is_planned_whole() {
    in_virtual_time(async {
        // The wire's own tries bear less than a minute of it; what is longer is asked for again.
        for seconds in [30, 70, 80] {
            let rehearsal = rehearsal();
            let until = rehearsal.env.clock.elapsed() + Duration::from_secs(seconds);
            goes_away(&rehearsal, &[GRAPH, "vault.usgovcloudapi.net"], 60, until);
            let plan = rehearsal.plan().await.unwrap();
            assert_eq!(plan.changes().count(), TARGETS, "{seconds}");
        }
    });
}

#[test]
fn one_object_that_does_not_answer_is_left_alone() {
    in_virtual_time(async {
        let rehearsal = rehearsal();
        *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
            let is_odd = request.uri().to_string().contains("8a1d0000-0000-4000-8000-000000000003");
            is_odd.then(|| http::Response::builder().status(503).body(Bytes::new()).unwrap())
        }));
        let plan = rehearsal.plan().await.unwrap();
        assert_eq!(plan.changes().count(), TARGETS - 1);
        let alone: Vec<_> = plan.exceptions().map(|e| (e.name.to_string(), e.refusal.reason)).collect();
        assert_eq!(alone, [("a3".to_owned(), Reason::Unreadable)]);
    });
}

/// Every request but one whose address has this in it is answered so.
fn always(rehearsal: &Rehearsal, part: &'static str, status: u16, body: &'static str) {
    let first = AtomicU32::new(0);
    *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
        // The very first is about who we are.
        let is_meant = request.uri().to_string().contains(part) && first.fetch_add(1, Ordering::AcqRel) > 0;
        is_meant.then(|| http::Response::builder().status(status).body(Bytes::from(body)).unwrap())
    }));
}

/// The directory answers, and counts what it has; but one part of it does not, and every target needs that: no plan
/// of exceptions.
#[test]
fn what_all_targets_need_is_no_reason_to_leave_all_of_them_alone() {
    const BUSY: &str = "for 10 minutes every read was refused as too much, or busy: TooManyRequests";
    const ALL: &str = "15 of 15 targets could not be read, although the tenant answers (t1, t2, t3, t4, t5 and 10 more): HTTP_503";
    for (part, status, body, expected) in [
        // Others read certificates so much that nobody else can.
        ("keyCredentials", 429, r#"{"error":{"code":"TooManyRequests","message":"x"}}"#, BUSY),
        // What holds federated credentials is down.
        ("federatedIdentityCredentials", 503, "", ALL),
        // A hotel's login page in the place of everything.
        (
            "applications(appId",
            200,
            "<html>Welcome!</html>",
            "14 of 15 targets could not be read, although the tenant answers (",
        ),
    ] {
        in_virtual_time(async {
            let rehearsal = rehearsal();
            always(&rehearsal, part, status, body);
            let why = refused(&rehearsal).await;
            assert!(why.contains(expected), "{part}: {why}");
        });
    }
}

/// Our own credential is one of those that leaked, and somebody has just removed it.
#[test]
fn an_identity_that_is_refused_in_the_middle_ends_the_plan() {
    in_virtual_time(async {
        let rehearsal = rehearsal();
        let asked = AtomicU32::new(0);
        *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
            let unauthorised = |body: &'static str| {
                let answer =
                    http::Response::builder().status(401).header("www-authenticate", "Bearer realm=\"\"");
                Some(answer.body(Bytes::from(body)).unwrap())
            };
            let later = asked.fetch_add(1, Ordering::AcqRel) > 60;
            match request.uri().host() {
                Some(GRAPH) if later => {
                    unauthorised(r#"{"error":{"code":"InvalidAuthenticationToken","message":"x"}}"#)
                }
                Some(host) if later && host.starts_with("login.") => unauthorised(
                    r#"{"error":"invalid_client","error_description":"AADSTS7000215: x","error_codes":[7000215]}"#,
                ),
                _ => None,
            }
        }));
        let why = refused(&rehearsal).await;
        assert_eq!(why, "this identity was refused while the tenant was read: AADSTS7000215");
    });
}

/// Fifteen objects travel with one request for their certificates. If that is refused, one of them may be why: each is
/// asked for by itself, and the plan is whole.
#[test]
fn a_request_about_many_that_is_refused_is_asked_one_by_one() {
    in_virtual_time(async {
        let rehearsal = rehearsal();
        let (many, single) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (told, alone) = (Arc::clone(&many), Arc::clone(&single));
        *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
            let uri = request.uri().to_string();
            if !uri.contains("keyCredentials") {
                return None;
            }
            let is_about_many = uri.contains("filter=id");
            let counted = if is_about_many { &told } else { &alone };
            counted.fetch_add(1, Ordering::AcqRel);
            let body = r#"{"error":{"code":"Request_BadRequest","message":"Invalid filter clause."}}"#;
            is_about_many.then(|| http::Response::builder().status(400).body(Bytes::from(body)).unwrap())
        }));
        let plan = rehearsal.plan().await.unwrap();
        assert_eq!(plan.changes().count(), TARGETS);
        let (many, single) = (many.load(Ordering::Acquire), single.load(Ordering::Acquire));
        assert!(many > 0 && single as usize >= 2 * TARGETS, "{many} for many, {single} for one");
    });
}

//! The estimate of a plan against what runs in the lab take, in virtual time; and its quotas against the
//! clients' own table.

use reissue::azure::quota;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::domain::plan::estimate::{Estimate, Limit, Quota, of_plan};
use reissue::domain::time::Timestamp;
use reissue::drill::{self, Audience, Conditions};
use std::fmt::Write;
use std::time::Duration;

/// The estimate may be off by so much.
const RATIO: std::ops::RangeInclusive<f64> = 0.8..=1.25;
/// Percent of the quotas: so slow that they bind a few hundred targets.
const PACE: u8 = 10;

const HEAD: &str = "reissue: 1
incident: { id: INC-TIME, title: estimates }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 1, valid_for: 48h }
guardrails: { rotate_at_most: 100000, reset_at_most: 100000, disable_at_most: 100000 }
targets:
";

fn secret(n: usize, hold: &str) -> String {
    format!(
        "  - {{ app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}, rotate: {{ secret: all, \
         publish: {{ store: ir, name: a{n} }}, hold: {{ time: {hold} }} }} }}\n"
    )
}

fn password(n: usize) -> String {
    format!(
        "  - {{ user: u{n}@lab.test, reset: {{ deliver: {{ store: ir, name: u{n}, to: helpdesk }} }} }}\n"
    )
}

fn disable(n: usize) -> String {
    format!("  - {{ app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}, disable: {{ reason: unused }} }}\n")
}

fn playbook(many: usize, target: impl Fn(usize) -> String) -> String {
    (1..=many).fold(HEAD.to_owned(), |mut text, n| {
        let _ = write!(text, "{}", target(n));
        text
    })
}

#[derive(Default)]
struct Watcher {
    estimate: Option<Estimate>,
    begun: Option<Timestamp>,
}

impl Audience for Watcher {
    fn planned(&mut self, plan: &Plan, _: &Digest) {
        self.estimate = Some(of_plan(&plan.targets, PACE));
    }
    fn event(&mut self, line: &Line) {
        if matches!(line.event, Event::TargetStarted(_)) {
            self.begun.get_or_insert(line.time);
        }
    }
}

/// What was estimated, and the seconds that it took.
fn hold(text: &str) -> (Estimate, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let mut watcher = Watcher::default();
    let conditions = Conditions { aftermath: Duration::ZERO, pace: PACE, ..Conditions::default() };
    let held = runtime.unwrap().block_on(async {
        let env = drill::environment(1);
        drill::hold_under(&env, text, conditions, &mut watcher).await
    });
    let result = held.unwrap_or_else(|e| panic!("{e}"));
    (watcher.estimate.unwrap(), result.ended.since(watcher.begun.unwrap()).as_secs())
}

fn judge(name: &str, text: &str) -> Estimate {
    let (estimate, took) = hold(text);
    #[allow(clippy::cast_precision_loss)]
    let ratio = estimate.seconds as f64 / took as f64;
    assert!(RATIO.contains(&ratio), "{name}: {estimate:?}, and it took {took} s: {ratio:.2}");
    estimate
}

#[test]
fn secrets() {
    judge("secrets", &playbook(250, |n| secret(n, "0s")));
}

#[test]
fn secrets_that_are_held() {
    let estimate = judge("secrets, held", &playbook(150, |n| secret(n, "2h")));
    assert!(estimate.held_s.is_some_and(|s| s < 1_800) && estimate.hold_s == 7_200, "{estimate:?}");
}

#[test]
fn passwords() {
    let estimate = judge("passwords", &playbook(400, password));
    assert!(matches!(estimate.limit, Limit::Quota { quota: Quota::DirectoryWrites, .. }), "{estimate:?}");
}

#[test]
fn disables() {
    judge("disables", &playbook(300, disable));
}

#[test]
fn a_mix() {
    judge(
        "a mix",
        &playbook(300, |n| match n % 3 {
            0 => secret(n, "0s"),
            1 => password(n),
            _ => disable(n),
        }),
    );
}

/// No quota matters to one target.
#[test]
fn one_target() {
    let estimate = judge("one", &playbook(1, |n| secret(n, "1h")));
    assert_eq!(estimate.limit, Limit::Waiting);
}

#[test]
fn the_quotas_are_those_of_the_clients() {
    let named = [
        (Quota::DirectoryWrites, quota::GRAPH_WRITES),
        (Quota::PersonalAppWrites, quota::PERSONAL_APP_WRITES),
        (Quota::CertificateReads, quota::KEY_READS),
        (Quota::VaultWrites, quota::VAULT_CREATES),
        (Quota::VaultKeys, quota::VAULT_KEYS),
    ];
    assert_eq!(named.len(), Quota::ALL.len());
    for (ours, name) in named {
        let (_, theirs) = quota::QUOTAS.iter().find(|(n, _)| *n == name).unwrap();
        let documented = (theirs.amount, u32::try_from(theirs.window.as_secs()).unwrap());
        assert_eq!(ours.documented(), documented, "{name}");
    }
}

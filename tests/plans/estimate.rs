//! The estimate of a plan against what runs in the lab take, in virtual time; and its quotas against the
//! clients' own table.

use reissue::azure::quota;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::domain::plan::estimate::{Estimate, Limit, Quota, Work, with};
use reissue::domain::quotas::Allowance;
use reissue::domain::share::Share;
use reissue::domain::text::Text;
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

/// What a quota file would say.
#[derive(Clone, Copy)]
struct Said {
    quota: Quota,
    name: &'static str,
    allowed: Allowance,
}

fn said(quota: Quota, name: &'static str, amount: u32, per_s: u64) -> Said {
    Said { quota, name, allowed: Allowance { amount, per: Duration::from_secs(per_s) } }
}

struct Watcher {
    pace: u8,
    said: Vec<Said>,
    plan: Option<Plan>,
    estimate: Option<Estimate>,
    begun: Option<Timestamp>,
}

impl Audience for Watcher {
    fn planned(&mut self, plan: &Plan, _: &Digest) {
        let mut work = Work::new(self.pace);
        for Said { quota, name: _, allowed } in &self.said {
            work.set_share(*quota, Share::of(*allowed, self.pace));
        }
        self.estimate = Some(with(work, &plan.targets));
        self.plan = Some(plan.clone());
    }
    fn event(&mut self, line: &Line) {
        if matches!(line.event, Event::TargetStarted(_)) {
            self.begun.get_or_insert(line.time);
        }
    }
}

/// What was planned and estimated, and the seconds that it took.
fn hold(text: &str, pace: u8, said: &[Said]) -> (Plan, Estimate, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let mut watcher = Watcher { pace, said: said.to_vec(), plan: None, estimate: None, begun: None };
    let quotas = said.iter().map(|said| (said.name, said.allowed)).collect();
    let conditions = Conditions { aftermath: Duration::ZERO, pace, quotas, ..Conditions::default() };
    let held = runtime.unwrap().block_on(async {
        let env = drill::environment(1);
        drill::hold_under(&env, text, conditions, &mut watcher).await
    });
    let result = held.unwrap_or_else(|e| panic!("{e}"));
    (watcher.plan.unwrap(), watcher.estimate.unwrap(), result.ended.since(watcher.begun.unwrap()).as_secs())
}

fn judge(name: &str, text: &str) -> Estimate {
    judge_under(name, text, PACE, &[])
}

fn judge_under(name: &str, text: &str, pace: u8, said: &[Said]) -> Estimate {
    let (_, estimate, took) = hold(text, pace, said);
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
    assert!(is_limited_by(&estimate, Quota::VaultWrites), "a hold casts no shadow before it: {estimate:?}");
}

fn is_limited_by(estimate: &Estimate, by: Quota) -> bool {
    matches!(estimate.limit, Limit::Quota { quota, .. } if quota == by)
}

/// What a quota file says is what binds, and is named.
#[test]
fn quotas_that_a_file_says() {
    for (many, low) in [
        (40, said(Quota::DirectoryWrites, quota::GRAPH_WRITES, 10, 60)),
        (40, said(Quota::TenantWrites, quota::TENANT_WRITES, 15, 60)),
        (60, said(Quota::VaultWrites, quota::VAULT_CREATES, 6, 60)),
        (40, said(Quota::DirectoryUnits, quota::GRAPH_UNITS, 40, 60)),
        (40, said(Quota::VaultReads, quota::VAULT_CALLS, 15, 60)),
    ] {
        let estimate = judge_under(low.name, &playbook(many, |n| secret(n, "0s")), 70, &[low]);
        assert!(is_limited_by(&estimate, low.quota), "{}: {estimate:?}", low.name);
    }
}

#[test]
fn passwords() {
    let estimate = judge("passwords", &playbook(400, password));
    assert!(is_limited_by(&estimate, Quota::DirectoryWrites), "{estimate:?}");
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

/// One that is watched for ten minutes is no shadow on them either.
#[test]
fn one_disable_among_many_that_hold() {
    let one = |n| if n == 75 { disable(n) } else { secret(n, "2h") };
    let estimate = judge("one disable", &playbook(150, one));
    assert!(is_limited_by(&estimate, Quota::VaultWrites), "{estimate:?}");
}

/// Those who have no hold are in the way of those who have one.
#[test]
fn a_few_that_hold_among_many_that_do_not() {
    let few = |n| if n % 100 == 0 { secret(n, "24h") } else { password(n) };
    let estimate = judge("few that hold", &playbook(400, few));
    assert!(is_limited_by(&estimate, Quota::DirectoryWrites), "{estimate:?}");
}

/// A vault that is throttled slows those who write to it, and nobody else.
#[test]
fn a_slow_vault_among_several() {
    let text = playbook(60, |n| {
        let one = secret(n, "0s");
        if n > 30 { one.replace("store: ir", "store: other") } else { one }
    });
    let text = text
        .replace("stores: {", "stores: { other: { key_vault: https://kv-other.vault.usgovcloudapi.net },");
    let (plan, ..) = hold(&text, 100, &[]);
    let slow = Share::of(Allowance { amount: 1, per: Duration::from_secs(60) }, 100);
    let under = |vault: Option<&str>| {
        let mut work = Work::new(100);
        if let Some(vault) = vault {
            work.set_slower_share(Quota::VaultWrites, Text::lossy(vault), slow);
        }
        with(work, &plan.targets)
    };
    let [usual, of_one, of_none] = [under(None), under(Some("other")), under(Some("third"))];
    assert_eq!(usual, of_none);
    assert_eq!(of_one.limit, Limit::Quota { quota: Quota::VaultWrites, share: slow });
    assert!((1_800..2_700).contains(&of_one.seconds), "{of_one:?}");
}

/// No quota matters to one target.
#[test]
fn one_target() {
    let estimate = judge("one", &playbook(1, |n| secret(n, "1h")));
    assert_eq!(estimate.limit, Limit::Hold);
}

#[test]
fn the_quotas_are_those_of_the_clients() {
    let named = [
        (Quota::DirectoryUnits, quota::GRAPH_UNITS),
        (Quota::DirectoryWrites, quota::GRAPH_WRITES),
        (Quota::TenantWrites, quota::TENANT_WRITES),
        (Quota::PersonalAppWrites, quota::PERSONAL_APP_WRITES),
        (Quota::CertificateReads, quota::KEY_READS),
        (Quota::VaultWrites, quota::VAULT_CREATES),
        (Quota::VaultKeys, quota::VAULT_KEYS),
        (Quota::VaultReads, quota::VAULT_CALLS),
    ];
    assert_eq!(named.len(), Quota::ALL.len());
    for (ours, name) in named {
        let (_, theirs) = quota::QUOTAS.iter().find(|(n, _)| *n == name).unwrap();
        assert_eq!(ours.documented(), theirs.allowance(), "{name}");
    }
}

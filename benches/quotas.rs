//! How much of the quotas a run uses, in virtual time.
//!
//!     cargo bench --bench quotas [-- [TARGETS] [ROW]]        (default: thousands of each, every row)
//!
//! Each row is one run of the whole pipeline on a lab tenant with the documented quotas, propagation of
//! 4 to 18 s, hold 0, pace 100. The clock is virtual, so the rows do not depend on the machine.
//!
//! Two bounds stand beside each makespan, which counts from the first target's start to the end of the run:
//!
//! * `quota` = the longest, over all buckets, of *drawn* × *window* ÷ *documented amount*. *Drawn* is what the
//!   plan's own steps cannot do without: one directory write for each mint, retire, reset, revoke and switch,
//!   one of the vault's creations for each value that is published, one key for each certificate that is made,
//!   and two readings of a list for each change of it, fifteen to a request. Nobody who stays within the
//!   quota in every window can be faster by more than one window's burst.
//! * `bound` = what no order of work can be faster than: the pilots, who go alone; what the next ones read
//!   before they write; `quota`; and the chain of the last target from what it draws last of the scarcest bucket (its last
//!   write to the directory, or the key that the vault makes for it) to its proof. Where kinds are mixed, those with the
//!   longest such chain may go first: the longest is counted, over all kinds, of the quota's time for it and for all
//!   with no shorter chain, and its chain. Head and chains are taken from runs of three targets alone, so that they hold
//!   our own waiting too (proofs that need ten minutes by their nature). In a tenant with many other applications, also
//!   what the last look at everything needs of the quota of certificates. Where the service allows less than is
//!   documented, less one window: nobody knows at first, and what is granted of it at once is granted.

#![allow(clippy::expect_used, clippy::print_stdout)]

use reissue::azure::quota;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::{ClientId, Digest, TargetId};
use reissue::domain::plan::{Plan, PlannedTarget};
use reissue::domain::step::{Protocol, Step, Verb};
use reissue::domain::time::Timestamp;
use reissue::drill::{self, Audience, Conditions};
use reissue::lab::{Faults, Lab, LabOptions, NewApplication};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

const HEAD: &str = "reissue: 1
incident: { id: INC-BENCH, title: Quotas, exposed_since: 2026-01-01T00:00:00Z }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 1, valid_for: 48h }
guardrails: { rotate_at_most: 100000, reset_at_most: 100000, disable_at_most: 100000 }
targets:
";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Secret,
    Password,
    Disable,
    Certificate,
}

fn target(kind: Kind, n: usize) -> String {
    let app = format!("8a1d0000-0000-4000-8000-{n:012x}");
    match kind {
        Kind::Secret => format!(
            "  - {{ app: {app}, name: a{n}, rotate: {{ secret: all, publish: {{ store: ir, name: a{n} }}, \
             hold: {{ time: 0s }} }} }}\n"
        ),
        Kind::Password => {
            format!(
                "  - {{ user: u{n}@lab.test, reset: {{ deliver: {{ store: ir, name: u{n}, to: helpdesk }} }} }}\n"
            )
        }
        Kind::Disable => format!("  - {{ app: {app}, name: a{n}, disable: {{ reason: unused }} }}\n"),
        Kind::Certificate => format!(
            "  - {{ app: {app}, name: a{n}, rotate: {{ certificate: all, publish: {{ store: ir, name: a{n} }}, \
             hold: {{ time: 0s }} }} }}\n"
        ),
    }
}

fn playbook(mix: &[(Kind, usize)]) -> String {
    let mut text = HEAD.to_owned();
    let mut n = 0;
    // Evenly mixed, as an incident's list is.
    let most = mix.iter().map(|(_, count)| *count).max().unwrap_or(0);
    for i in 0..most {
        for (kind, count) in mix {
            if i * count / most != (i + 1) * count / most {
                n += 1;
                let _ = write!(text, "{}", target(*kind, n));
            }
        }
    }
    text
}

/// What a run took.
struct Run {
    /// From the first target's start to the end of the run.
    makespan: Duration,
    /// To the pilots' holds (or last writes), and to the first write.
    head: Duration,
    /// From the last write to the end.
    tail: Duration,
    quota: Scarcest,
    /// The time of each bucket for what the plan needs of it.
    quotas: BTreeMap<&'static str, f64>,
    requests: u64,
    /// By service.
    throttled: BTreeMap<String, u64>,
    done: u32,
    wall: Duration,
}

/// The bucket that takes longest, by its documented long-run rate.
#[derive(Default)]
struct Scarcest {
    name: &'static str,
    seconds: f64,
}

/// Watches the log for the moments that matter.
#[derive(Default)]
struct Moments {
    begun: Option<Timestamp>,
    first_write: Option<Timestamp>,
    pilots: BTreeMap<TargetId, Timestamp>,
    /// When a step that draws on the scarcest bucket was last done.
    last_draw: Option<Timestamp>,
    scarcest: Scarcest,
    writes: BTreeMap<TargetId, Vec<u16>>,
    draws: BTreeSet<(TargetId, u16)>,
    /// Applications of the tenant that are nobody's business here.
    others: usize,
}

impl Audience for Moments {
    fn furnished(&mut self, lab: &Lab) {
        for n in 0..self.others {
            let mut id = [0xbb; 16];
            id[..8].copy_from_slice(&(n as u64).to_be_bytes());
            lab.create_application(NewApplication::new(ClientId::from_random(id), format!("other-{n}")));
        }
    }
    fn planned(&mut self, plan: &Plan, _: &Digest) {
        let writes = |t: &PlannedTarget| t.steps.iter().filter(|s| s.verb.writes()).map(|s| s.no).collect();
        self.writes = plan.changes().map(|t| (t.id, writes(t))).collect();
        self.scarcest = scarcest(plan);
        for target in plan.changes() {
            let drawing =
                target.steps.iter().filter(|s| drawn(target, s).iter().any(|d| d.0 == self.scarcest.name));
            self.draws.extend(drawing.map(|s| (target.id, s.no)));
        }
    }
    fn event(&mut self, line: &Line) {
        let Some(target) = line.target else { return };
        match &line.event {
            Event::TargetStarted(_) => drop(self.begun.get_or_insert(line.time)),
            Event::HoldOpened(_) => drop(self.pilots.insert(target, line.time)),
            Event::StepDone(done) if self.writes[&target].contains(&done.step) => {
                self.first_write.get_or_insert(line.time);
                if self.draws.contains(&(target, done.step)) {
                    self.last_draw = Some(line.time);
                }
                if self.writes[&target].last() == Some(&done.step) {
                    self.pilots.entry(target).or_insert(line.time);
                }
            }
            _ => {}
        }
    }
}

/// What a step draws at least.
fn drawn(target: &PlannedTarget, step: &Step) -> Vec<(&'static str, f64)> {
    let list = target.protocol == Protocol::ReplaceList;
    let mut drawn = match step.verb {
        Verb::Publish | Verb::Deliver => vec![(quota::VAULT_CREATES, 1.0)],
        Verb::Mint if list => vec![(quota::VAULT_KEYS, 1.0)],
        verb if verb.writes() => vec![(quota::GRAPH_WRITES, 1.0)],
        _ => Vec::new(),
    };
    // A list is read just before it is replaced, and again after; one request reads fifteen.
    if list && matches!(step.verb, Verb::Attach | Verb::Detach) {
        drawn.push((quota::KEY_READS, 2.0 / 15.0));
    }
    drawn
}

/// How long each bucket takes for what the plan's own steps need.
fn quotas(plan: &Plan) -> BTreeMap<&'static str, f64> {
    let mut all: BTreeMap<&'static str, f64> = BTreeMap::new();
    for target in plan.changes() {
        for (name, amount) in target.steps.iter().flat_map(|step| drawn(target, step)) {
            *all.entry(name).or_default() += amount;
        }
    }
    let seconds = |name: &str, amount: f64| {
        let (_, quota) = quota::QUOTAS.iter().find(|(n, _)| *n == name).expect("a documented quota");
        amount * quota.window.as_secs_f64() / f64::from(quota.amount)
    };
    all.into_iter().map(|(name, amount)| (name, seconds(name, amount))).collect()
}

/// The bucket that the plan's own steps need longest.
fn scarcest(plan: &Plan) -> Scarcest {
    let each = quotas(plan).into_iter().map(|(name, seconds)| Scarcest { name, seconds });
    each.max_by(|a, b| a.seconds.total_cmp(&b.seconds)).unwrap_or_default()
}

/// Plays a run. The quota is in per mille of the documented one.
fn run(mix: &[(Kind, usize)], per_mille: u16, others: usize) -> Run {
    let text = playbook(mix);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let faults = Faults { quota: per_mille, ..Faults::default() };
    let lab = LabOptions { faults, ..LabOptions::default() };
    let conditions = Conditions { lab, pace: 100, aftermath: Duration::ZERO, ..Conditions::default() };
    let (begun, mut moments) = (Instant::now(), Moments { others, ..Moments::default() });
    let result = runtime.expect("a runtime").block_on(async {
        let env = drill::environment(1);
        drill::hold_under(&env, &text, conditions, &mut moments).await
    });
    let result = result.unwrap_or_else(|e| panic!("{e}"));
    let ledger = result.judge.lab.ledger();
    let begun_at = moments.begun.expect("something was done");
    let mut pilots: Vec<Timestamp> = moments.pilots.into_values().collect();
    pilots.sort();
    let until = |at: Option<&Timestamp>| at.map_or(Duration::ZERO, |at| at.since(begun_at));
    let tail = moments.last_draw.map_or(Duration::ZERO, |at| result.ended.since(at));
    Run {
        makespan: result.ended.since(begun_at),
        head: until(pilots.get(2).or(pilots.last())) + until(moments.first_write.as_ref()),
        tail,
        quota: scarcest(&result.plan),
        quotas: quotas(&result.plan),
        requests: ledger.answers.values().sum(),
        throttled: ledger
            .answers
            .iter()
            .filter_map(|(k, n)| Some((k.strip_suffix(" 429")?.to_owned(), *n)))
            .collect(),
        done: result.outcome.done + result.outcome.not_evicted + result.outcome.partial,
        wall: begun.elapsed(),
    }
}

fn window_s(name: &str) -> f64 {
    let quota = quota::QUOTAS.iter().find(|(n, _)| *n == name).map(|(_, quota)| quota.window);
    quota.expect("a documented quota").as_secs_f64()
}

/// What the last look at secrets needs of the quota of certificates, which is full then: both lists, or both objects
/// of each target, fifteen with a request.
fn last_look(targets: usize, others: usize) -> f64 {
    let lists = 2 * (targets + others).div_ceil(999);
    let reads = if others == 0 { 0 } else { lists.min(2 * targets.div_ceil(15)) };
    let (_, keys) = quota::QUOTAS.iter().find(|(n, _)| *n == quota::KEY_READS).expect("a documented quota");
    keys.share(100).seconds(reads as u64)
}

/// The quota's time and the chains behind it, whatever is done first.
fn quota_and_tail(mix: &[(Kind, usize)], quota: &Scarcest, scale: f64) -> f64 {
    let kinds = mix.iter().map(|(kind, n)| {
        let alone = run(&[(*kind, 3)], 0, 0);
        let each = alone.quotas.get(quota.name).copied().unwrap_or(0.0) / 3.0;
        #[allow(clippy::cast_precision_loss)]
        let seconds = each * *n as f64 * scale;
        (alone.tail.as_secs_f64(), seconds)
    });
    let kinds: Vec<(f64, f64)> = kinds.collect();
    let bounds = kinds.iter().map(|(tail, _)| {
        let no_shorter = kinds.iter().filter(|(other, _)| other >= tail).map(|(_, seconds)| seconds);
        no_shorter.sum::<f64>() + tail
    });
    bounds.fold(0.0, f64::max)
}

fn row(name: &str, mix: &[(Kind, usize)], per_mille: u16, others: usize) {
    if std::env::args().skip(1).any(|a| a.parse::<usize>().is_err() && a != "--bench" && !name.contains(&a)) {
        return;
    }
    let alone: Vec<(Kind, usize)> = mix.iter().map(|(kind, _)| (*kind, 3)).collect();
    let (alone, run) = (run(&alone, 0, 0), run(mix, per_mille, others));
    let scale = if per_mille == 0 { 1.0 } else { 1_000.0 / f64::from(per_mille) };
    let quota = run.quota.seconds * scale;
    let targets = mix.iter().map(|(_, n)| n).sum();
    let granted = if per_mille == 0 { 0.0 } else { window_s(run.quota.name) };
    let bound = alone.head.as_secs_f64() + quota_and_tail(mix, &run.quota, scale) - granted
        + last_look(targets, others);
    let took = run.makespan.as_secs_f64();
    println!(
        "| {name} | {} | {quota:.0} s ({}) | {bound:.0} s | {took:.0} s | {:.3} | {:.3} | {:?} of {} | {:.0} s |",
        run.done,
        run.quota.name,
        took / quota,
        took / bound,
        run.throttled,
        run.requests,
        run.wall.as_secs_f64(),
    );
}

fn main() {
    // Cargo passes `--bench` on.
    let wanted = std::env::args().skip(1).find_map(|a| a.parse::<usize>().ok());
    let n = |usual: usize| wanted.unwrap_or(usual);
    println!("| run | done | quota | bound | makespan | / quota | / bound | 429s | wall |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let third = |usual: usize| n(usual).div_ceil(3);
    let mix = [(Kind::Secret, third(6_000)), (Kind::Password, third(6_000)), (Kind::Disable, third(6_000))];
    row("secrets", &[(Kind::Secret, n(10_000))], 0, 0);
    row("secrets among 100,000 others", &[(Kind::Secret, n(10_000))], 0, 100_000);
    row("passwords, sessions revoked", &[(Kind::Password, n(10_000))], 0, 0);
    row("disables, both objects", &[(Kind::Disable, n(5_000))], 0, 0);
    row("certificates", &[(Kind::Certificate, n(2_000))], 0, 0);
    row("a mix", &mix, 0, 0);
    row("secrets, half the quota", &[(Kind::Secret, n(10_000))], 500, 0);
}

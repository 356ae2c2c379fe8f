//! Many tenants side by side, in virtual time: does one of them delay another?
//!
//!     cargo bench --bench fleet [-- [TENANTS] [TARGETS]]        (default: 1000 tenants of 20 targets)
//!     cargo bench --bench fleet -- labs [TENANTS] [TARGETS]     (the memory of the lab tenants alone)
//!
//! Each tenant is a lab of its own with the documented quotas, propagation of 4 to 18 s and a hold of an hour; two out of
//! three targets are secrets, the others are switched off. Each hundredth tenant is throttled to a twentieth of its quota.
//! The clock is virtual, so makespans do not depend on the machine. Compared with tenants that run alone, with the same
//! seeds: the slowest of the fleet, and one in every hundred.
//!
//! The labs are in this process, and so is their memory and processor time.

#![allow(clippy::expect_used, clippy::print_stdout)]

use reissue::connector::syntaxes;
use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::domain::playbook::check;
use reissue::drill::{self, Audience, Conditions, scene};
use reissue::engine::Left;
use reissue::lab::{Faults, LabOptions};
use reissue::pipeline::fleet::side_by_side;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Of a thousand: the share of its quotas that every hundredth tenant has.
const THROTTLED: u16 = 50;

fn playbook(tenant: usize, targets: usize) -> String {
    let mut text = format!(
        "reissue: 1
incident: {{ id: INC-BENCH, title: A fleet }}
tenant: {{ id: 7d3c9a10-0000-4000-8000-{tenant:012x}, cloud: us_gov_high }}
stores: {{ ir: {{ key_vault: https://kv-ir.vault.usgovcloudapi.net }} }}
approval: {{ quorum: 1, valid_for: 48h }}
guardrails: {{ rotate_at_most: 100000, disable_at_most: 100000 }}
targets:
"
    );
    for n in 1..=targets {
        let app = format!("8a1d0000-0000-4000-8000-{n:012x}");
        let _ = match n % 3 {
            0 => writeln!(text, "  - {{ app: {app}, name: a{n}, disable: {{ reason: unused }} }}"),
            _ => writeln!(
                text,
                "  - {{ app: {app}, name: a{n}, rotate: {{ secret: all, publish: {{ store: ir, name: a{n} }}, \
                 hold: {{ time: 1h }} }} }}"
            ),
        };
    }
    text
}

fn lab(tenant: usize) -> LabOptions {
    let quota = if tenant.is_multiple_of(100) { THROTTLED } else { 0 };
    LabOptions { faults: Faults { quota, ..Faults::default() }, ..LabOptions::default() }
}

struct Nobody;

impl Audience for Nobody {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, _: &Line) {}
}

/// How long a tenant took, in virtual time, and how many of its targets ended how: done, gone back, waiting for a person.
async fn tenant(number: usize, targets: usize) -> (Duration, [u32; 3]) {
    let env = drill::environment(number as u64 + 1);
    let conditions = Conditions { lab: lab(number), aftermath: Duration::ZERO, ..Conditions::default() };
    let held = drill::hold_under(&env, &playbook(number, targets), conditions, &mut Nobody).await;
    let result = held.unwrap_or_else(|e| panic!("tenant {number}: {e}"));
    assert_eq!(result.outcome.left, Left::Finished);
    let out = result.outcome;
    let ended = [out.done + out.not_evicted + out.partial, out.undone + out.abandoned, out.stuck];
    (result.ended.since(result.began), ended)
}

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

/// A line of `/proc/self/status`, in MiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Processor time of this process, user and system, in seconds (ticks of 10 ms).
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn fleet(tenants: usize, targets: usize) {
    let (begun, cpu) = (Instant::now(), processor());
    let mut took = vec![(Duration::ZERO, [0; 3]); tenants];
    in_virtual_time(side_by_side((0..tenants).map(|n| tenant(n, targets)), |n, ended| {
        took[n] = ended.expect("no panic");
    }));
    let (wall, cpu) = (begun.elapsed(), processor() - cpu);
    let (slowest, (makespan, _)) = took.iter().enumerate().max_by_key(|(_, t)| **t).expect("a tenant");
    let alone = in_virtual_time(tenant(slowest, targets)).0;
    let ended = [0, 1, 2].map(|i| took.iter().map(|(_, ended)| ended[i]).sum::<u32>());
    println!(
        "| tenants | targets | done, gone back, stuck | makespan | slowest alone | ratio | wall | processor | peak memory |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    println!(
        "| {tenants} | {targets} each | {} | {:.1} s | {:.1} s | {:.4} | {:.0} s | {cpu:.0} s | {} MiB |",
        ended.map(|n| n.to_string()).join(", "),
        makespan.as_secs_f64(),
        alone.as_secs_f64(),
        makespan.as_secs_f64() / alone.as_secs_f64(),
        wall.as_secs_f64(),
        memory("VmHWM"),
    );
    let compared: Vec<usize> = (1..tenants).step_by(100).collect();
    let later = |n: &usize| took[*n].0.as_secs_f64() / in_virtual_time(tenant(*n, targets)).0.as_secs_f64();
    let worst = compared.iter().map(later).fold(0.0, f64::max);
    println!(
        "\nof {} others that are not throttled, the one delayed most took {worst:.4} of its time alone",
        compared.len()
    );
}

/// What the labs hold before anything is asked of them.
fn labs(tenants: usize, targets: usize) {
    let before = memory("VmRSS");
    let scenes: Vec<_> = in_virtual_time(async {
        let build = |n: usize| {
            let playbook = check(&playbook(n, targets), &syntaxes()).expect("sound");
            scene::build_with(&drill::environment(n as u64 + 1), &playbook, lab(n))
        };
        (0..tenants).map(build).collect()
    });
    println!("{} labs of {targets} targets: {} MiB", scenes.len(), memory("VmRSS") - before);
}

fn main() {
    // Cargo passes `--bench` on.
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let n = |at: usize, usual: usize| numbers.get(at).copied().unwrap_or(usual);
    match std::env::args().any(|a| a == "labs") {
        true => labs(n(0, 1_000), n(1, 20)),
        false => fleet(n(0, 1_000), n(1, 20)),
    }
}

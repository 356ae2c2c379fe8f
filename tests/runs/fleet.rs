//! Many tenants side by side, in virtual time: what happens to one is nobody else's business.

use crate::support::frail::FrailDisk;
use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::drill::{self, Audience, Conditions, DrillFailure, DrillResult};
use reissue::engine::{Halt, Left};
use reissue::env::{Env, MemoryDisk};
use reissue::lab::{Faults, Lab, LabOptions};
use reissue::pipeline::ApplyFailure;
use reissue::pipeline::fleet::{Panicked, side_by_side};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

const TENANTS: usize = 20;
const TARGETS: usize = 5;
/// Each has a trouble of its own.
const THROTTLED: usize = 3;
const NO_VAULT: usize = 8;
const FULL_DISK: usize = 13;
const BROKEN: usize = 17;

fn playbook(tenant: usize) -> String {
    let mut text = format!(
        "reissue: 1
incident: {{ id: INC-FLEET, title: A fleet }}
tenant: {{ id: 7d3c9a10-0000-4000-8000-{tenant:012x}, cloud: us_gov_high }}
stores: {{ ir: {{ key_vault: https://kv-ir.vault.usgovcloudapi.net }} }}
approval: {{ quorum: 1, valid_for: 48h }}
targets:
"
    );
    for n in 1..TARGETS {
        let _ = writeln!(
            text,
            "  - {{ app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}, rotate: {{ secret: all, \
             publish: {{ store: ir, name: a{n} }}, hold: {{ time: 10m }} }} }}"
        );
    }
    text + "  - { app: 8a1d0000-0000-4000-8000-0000000000ff, name: off, disable: { reason: unused } }\n"
}

/// What goes wrong once the plan is there, in the middle of the run.
#[derive(Default)]
struct Mishap {
    disk: Option<FrailDisk>,
    vault: bool,
    lab: Option<Lab>,
}

impl Audience for Mishap {
    fn furnished(&mut self, lab: &Lab) {
        self.lab = Some(lab.clone());
    }
    fn planned(&mut self, _: &Plan, _: &Digest) {
        if let Some(disk) = &self.disk {
            disk.die_after(60);
        }
        if let (true, Some(lab)) = (self.vault, &self.lab) {
            lab.set_faults(Faults { vault_forbidden: 1_000, ..Faults::default() });
        }
    }
    fn event(&mut self, _: &Line) {}
}

type Held = Result<DrillResult, DrillFailure>;

/// One tenant's whole way: plan, signatures, run.
async fn tenant(number: usize) -> Held {
    let mut env: Env = drill::environment(number as u64 + 1);
    let mut faults = Faults::default();
    let mut mishap = Mishap::default();
    match number {
        THROTTLED => faults.quota = 2,
        NO_VAULT => mishap.vault = true,
        FULL_DISK => {
            let frail = FrailDisk::over(MemoryDisk::default());
            env.disk = Arc::new(frail.clone());
            mishap.disk = Some(frail);
        }
        BROKEN => panic!("a fault in reissue"),
        _ => {}
    }
    let lab = LabOptions { faults, ..LabOptions::default() };
    let conditions = Conditions { lab, aftermath: Duration::ZERO, ..Conditions::default() };
    drill::hold_under(&env, &playbook(number), conditions, &mut mishap).await
}

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

fn took(result: &DrillResult) -> Duration {
    assert_eq!((&result.outcome.left, result.outcome.done as usize), (&Left::Finished, TARGETS));
    result.ended.since(result.began)
}

fn all() -> Vec<Option<Result<Held, Panicked>>> {
    let mut ended: Vec<Option<Result<Held, Panicked>>> = (0..TENANTS).map(|_| None).collect();
    in_virtual_time(side_by_side((0..TENANTS).map(tenant), |n, held| ended[n] = Some(held)));
    ended
}

#[test]
fn nobody_is_delayed_by_another() {
    let mut ended = all();
    let mut of = |n: usize| ended[n].take().unwrap();
    assert!(matches!(of(BROKEN), Err(Panicked)));
    let no_vault = of(NO_VAULT).unwrap();
    assert!(
        matches!(&no_vault, Err(DrillFailure::Apply(ApplyFailure::Halt(Halt::Store { .. })))),
        "{:?}",
        no_vault.err()
    );
    let full = of(FULL_DISK).unwrap().err().unwrap();
    assert!(matches!(&full, DrillFailure::Apply(ApplyFailure::Halt(Halt::Log(_)))), "{full}");
    let throttled = of(THROTTLED).unwrap().unwrap();
    let ledger = throttled.judge.lab.ledger();
    let refused = ledger.answers.iter().filter(|(k, _)| k.ends_with(" 429"));
    assert!(refused.map(|(_, n)| n).sum::<u64>() > 20, "it was throttled hard");
    for n in (0..TENANTS).filter(|n| ![THROTTLED, NO_VAULT, FULL_DISK, BROKEN].contains(n)) {
        let beside = took(&of(n).unwrap().unwrap_or_else(|e| panic!("{n}: {e}")));
        let alone = took(&in_virtual_time(tenant(n)).unwrap_or_else(|e| panic!("{n} alone: {e}")));
        assert_eq!(beside, alone, "tenant {n} beside others, and alone");
    }
}

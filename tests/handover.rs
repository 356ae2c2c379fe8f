//! The laptop dies, the shift changes: the first operator's machine dies at each write of a run, a
//! second one goes on from the mirror on another machine, and the tenant ends as if nothing had
//! happened. Two operators, one tenant, virtual time.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/rehearsal.rs"]
mod rehearsal;
#[path = "support/slate.rs"]
mod slate;

use rehearsal::{APPROVER, AUTHOR, Mishap, Rehearsal, approver, in_virtual_time, session};
use reissue::azure::Azure;
use reissue::domain::approval::handover::HANDOVER_NAMESPACE;
use reissue::domain::id::RunId;
use reissue::domain::plan::file;
use reissue::domain::text::Text;
use reissue::engine::Outcome;
use reissue::env::{Env, MemoryDisk, Random};
use reissue::pipeline::handover::{HandoverFailure, HandoverOrder, Ready};
use reissue::pipeline::{self, ApplyFailure, ApplyOrder, Guard};
use reissue::trail::reader::Reader;
use reissue::trail::verify::{Report, Trust, Verdict, verify};
use reissue::trail::{FolderMirror, Home, MirrorError, VerifierKey};
use slate::Slate;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const SECOND: &str = "second@agency.example";

/// One operator's machine.
struct Machine {
    env: Env,
    home: Home,
    azure: Azure,
}

/// The tenant, the first operator's machine, the share, and an approved plan.
struct Shift {
    tenant: Rehearsal,
    first: Machine,
    share: MemoryDisk,
    plan: Vec<u8>,
}

fn guard(share: &MemoryDisk) -> Guard {
    Guard { mirror: Some(Arc::new(FolderMirror::new(Arc::new(share.clone()), "share"))), lease: true }
}

impl Machine {
    async fn apply(&self, plan: &[u8], resume: bool, guard: Guard) -> Result<Outcome, ApplyFailure> {
        let (_keep, stop) = watch::channel(false);
        let order = ApplyOrder {
            plan: plan.to_vec(),
            operator: Text::lossy(if resume { SECOND } else { AUTHOR }),
            process: Text::lossy("shift"),
            resume,
            patience: Some(Duration::from_secs(30 * 86_400)),
            stop,
        };
        Ok(pipeline::apply_guarded(&self.env, &self.home, &self.azure, order, guard, |_| {}).await?.1)
    }

    fn run(&self) -> RunId {
        let log = Reader::open(self.env.disk.as_ref(), &self.home.log()).unwrap();
        log.filter_map(|read| read.unwrap().line.run).last().unwrap()
    }

    fn verify(&self, key: VerifierKey) -> Report {
        let trust = Trust { key, roster: Some(self.home.install.roster), anchors: Vec::new() };
        verify(&self.env.disk, &self.home.log(), &trust).unwrap()
    }
}

impl Shift {
    async fn begins(playbook: &str) -> Self {
        let tenant = Rehearsal::new(&std::fs::read_to_string(playbook).unwrap());
        let plan = file::write(&tenant.plan().await.unwrap()).unwrap();
        let home = tenant.found().await;
        tenant.approve(&home, &plan);
        let first = Machine { env: tenant.env.clone(), home, azure: tenant.azure.clone() };
        Self { tenant, first, share: MemoryDisk::default(), plan }
    }

    /// A machine with nothing on it.
    fn second_env(&self) -> Env {
        let disk = Arc::new(MemoryDisk::default());
        Env { disk, random: Random::from_seed(99), ..self.tenant.env.clone() }
    }

    fn order(&self, run: RunId) -> HandoverOrder {
        HandoverOrder {
            run,
            operator: Text::lossy(SECOND),
            process: Text::lossy("another machine"),
            approver: Text::lossy(APPROVER),
            roster: self.first.home.roster().unwrap(),
            key: Some(self.first.home.vkey().unwrap()),
            root: "/second".into(),
        }
    }

    async fn hand_over(&self, env: &Env) -> Result<Machine, HandoverFailure> {
        let mirror = FolderMirror::new(Arc::new(self.share.clone()), "share");
        let azure = session(env, &self.tenant.playbook, &self.tenant.scene, &self.tenant.wire);
        let ready = Ready::read(env, &mirror, self.order(self.first.run())).await?;
        let lease = ready.lease(env, &azure).await?;
        let sign = |h: &reissue::domain::approval::Handover| {
            approver().sign_bytes(h.to_bytes().unwrap(), HANDOVER_NAMESPACE).unwrap()
        };
        let signed = ready.handover.as_ref().map(sign);
        let home = ready.finish(env, &mirror, signed.as_ref(), lease.as_ref()).await?;
        Ok(Machine { env: env.clone(), home, azure })
    }

    /// Until the first operator's claim has run out.
    async fn wait_for_the_lease(&self) {
        self.tenant.env.clock.sleep(Duration::from_secs(700)).await;
    }
}

fn finds(report: &Report) -> String {
    report.findings.iter().map(|f| format!("  [{:?} {:?}] {f}\n", f.check, f.severity)).collect()
}

/// The first machine dies at the n-th write; false if the run was over before.
async fn dies_at(playbook: &str, n: usize, mishap: Mishap, calm: &Slate) -> bool {
    let shift = Shift::begins(playbook).await;
    shift.tenant.go_wrong(n, mishap);
    let first = shift.tenant.unless_it_dies(shift.first.apply(&shift.plan, false, guard(&shift.share))).await;
    if let Some(ended) = first {
        assert!(ended.is_ok(), "{playbook}, calm: {ended:?}");
        return false;
    }
    shift.tenant.disk.crash_process();
    shift.wait_for_the_lease().await;
    let second = match shift.hand_over(&shift.second_env()).await {
        Ok(second) => second,
        // The last write gives the lease back: there is nothing left to take over.
        Err(HandoverFailure::Finished(_)) => return false,
        Err(e) => panic!("{playbook}, {mishap:?} at {n}: {e}"),
    };
    let at = format!("{playbook}, {mishap:?} at {n}");
    let outcome = second.apply(&shift.plan, true, guard(&shift.share)).await;
    let outcome = outcome.unwrap_or_else(|e| panic!("{at}: {e}"));
    assert_eq!(outcome.done + outcome.not_evicted, 1, "{at}: {outcome:?}");
    assert_eq!(Slate::of(&shift.tenant).await, *calm, "{at}");
    // Whoever keeps the old key and whoever keeps the new one come to the same judgement.
    for key in [shift.first.home.vkey().unwrap(), second.home.vkey().unwrap()] {
        let report = second.verify(key);
        assert_eq!(report.verdict, Verdict::NotAnchored, "{at}\n{}", finds(&report));
    }
    // The first comes back: with the mirror, without it, and with another one.
    let with = shift.first.apply(&shift.plan, true, guard(&shift.share)).await;
    assert!(matches!(with, Err(ApplyFailure::Lease(_))), "{at}: {with:?}");
    let no_lease = Guard { lease: false, ..guard(&shift.share) };
    let with = shift.first.apply(&shift.plan, true, no_lease).await;
    assert!(matches!(with, Err(ApplyFailure::Mirror(MirrorError::Taken { .. }))), "{at}: {with:?}");
    let other = shift.first.apply(&shift.plan, true, guard(&MemoryDisk::default())).await;
    let handed = |e: &ApplyFailure| {
        e.to_string().contains("was handed over to second@agency.example (another machine)")
    };
    assert!(matches!(&other, Err(e) if handed(e)), "{at}: {other:?}");
    true
}

fn every_death(playbook: &str) {
    let calm = in_virtual_time(async {
        let shift = Shift::begins(playbook).await;
        shift.first.apply(&shift.plan, false, guard(&shift.share)).await.unwrap();
        Slate::of(&shift.tenant).await
    });
    for mishap in [Mishap::CrashBefore, Mishap::CrashAfter] {
        // The first write claims the lease: nothing is begun before, so nothing is handed over.
        let deaths = (2..).take_while(|n| in_virtual_time(dies_at(playbook, *n, mishap, &calm))).count();
        assert!(deaths >= 4, "{playbook}: only {deaths} writes were cut off");
    }
}

#[test]
fn a_secret_rotation_goes_on_after_every_death() {
    every_death("tests/saga/app-secret.yaml");
}

#[test]
fn a_certificate_goes_on_after_every_death() {
    every_death("tests/saga/app-certificate.yaml");
}

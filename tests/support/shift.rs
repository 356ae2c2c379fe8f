//! Two operators with a machine each, one tenant, a mirror between them.

use super::rehearsal::{APPROVER, AUTHOR, Rehearsal, approver, session};
use reissue::azure::Azure;
use reissue::connector::reel::VaultReel;
use reissue::domain::approval::handover::HANDOVER_NAMESPACE;
use reissue::domain::approved::NotApproved;
use reissue::domain::id::RunId;
use reissue::domain::plan::file;
use reissue::domain::text::Text;
use reissue::engine::Outcome;
use reissue::env::{Env, MemoryDisk, Random};
use reissue::pipeline::handover::{HandoverFailure, HandoverOrder, Ready};
use reissue::pipeline::{self, ApplyFailure, ApplyOrder, Guard, PlanInHand};
use reissue::trail::mirror::Tape;
use reissue::trail::reader::Reader;
use reissue::trail::verify::{Report, Trust, verify};
use reissue::trail::{FolderMirror, Home, Mirror, VerifierKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

pub(crate) const SECOND: &str = "second@agency.example";

/// One operator's machine.
pub(crate) struct Machine {
    pub(crate) env: Env,
    pub(crate) home: Home,
    pub(crate) azure: Azure,
}

/// The tenant, the first operator's machine, the share, and an approved plan.
pub(crate) struct Shift {
    pub(crate) tenant: Rehearsal,
    pub(crate) first: Machine,
    pub(crate) mirror: Place,
    pub(crate) plan: Vec<u8>,
}

/// Where the mirror is.
#[derive(Clone)]
pub(crate) enum Place {
    Share(MemoryDisk),
    Vault,
    Blob,
}

impl Place {
    pub(crate) fn share() -> Self {
        Self::Share(MemoryDisk::default())
    }

    pub(crate) fn mirror(&self, azure: &Azure) -> Arc<dyn Mirror> {
        match self {
            Self::Share(disk) => Arc::new(FolderMirror::new(Arc::new(disk.clone()), "share")),
            Self::Blob => {
                let url = "https://mirrors.blob.core.windows.net/incidents/inc-0402";
                Arc::new(Tape::new(azure.blob(url).unwrap()))
            }
            Self::Vault => {
                Arc::new(Tape::new(VaultReel::new(azure, "kv-ir.vault.azure.net", "mirror").unwrap()))
            }
        }
    }

    pub(crate) fn guard(&self, azure: &Azure) -> Guard {
        Guard { mirror: Some(self.mirror(azure)), lease: true, ..Guard::default() }
    }
}

impl Machine {
    pub(crate) async fn begin(&self, shift: &Shift) -> Result<Outcome, ApplyFailure> {
        self.apply(&shift.plan, false, shift.mirror.guard(&self.azure)).await
    }

    pub(crate) async fn resume(&self, shift: &Shift) -> Result<Outcome, ApplyFailure> {
        self.apply(&shift.plan, true, shift.mirror.guard(&self.azure)).await
    }

    pub(crate) async fn apply(
        &self,
        plan: &[u8],
        resume: bool,
        guard: Guard,
    ) -> Result<Outcome, ApplyFailure> {
        let (_keep, stop) = watch::channel(false);
        let order = ApplyOrder {
            plan: PlanInHand::held(plan.to_vec()).map_err(NotApproved::Plan)?,
            operator: Text::lossy(if resume { SECOND } else { AUTHOR }),
            process: Text::lossy("shift"),
            resume,
            patience: Some(Duration::from_secs(30 * 86_400)),
            stop,
        };
        Ok(pipeline::apply_guarded(&self.env, &self.home, &self.azure, order, guard, |_, _| {}).await?.1)
    }

    pub(crate) fn run(&self) -> RunId {
        let log = Reader::open(self.env.disk.as_ref(), &self.home.log()).unwrap();
        log.filter_map(|read| read.unwrap().line.run).last().unwrap()
    }

    pub(crate) fn verify(&self, key: VerifierKey) -> Report {
        let trust = Trust {
            key,
            roster: Some(self.home.install.roster),
            anchors: Vec::new(),
            keepers: Default::default(),
        };
        verify(&self.env.disk, &self.home.log(), &trust).unwrap()
    }
}

impl Shift {
    pub(crate) async fn begins(playbook: &str, mirror: Place) -> Self {
        let tenant = Rehearsal::new(&std::fs::read_to_string(playbook).unwrap());
        let plan = file::write(&tenant.plan().await.unwrap()).unwrap();
        let home = tenant.found().await;
        tenant.approve(&home, &plan);
        let first = Machine { env: tenant.env.clone(), home, azure: tenant.azure.clone() };
        Self { tenant, first, mirror, plan }
    }

    /// A machine with nothing on it.
    pub(crate) fn second_env(&self) -> Env {
        let disk = Arc::new(MemoryDisk::default());
        Env { disk, random: Random::from_seed(99), ..self.tenant.env.clone() }
    }

    pub(crate) fn order(&self, run: RunId) -> HandoverOrder {
        HandoverOrder {
            run,
            operator: Text::lossy(SECOND),
            process: Text::lossy("another machine"),
            approver: Text::lossy(APPROVER),
            roster: self.first.home.objects().get(&self.first.home.install.roster, 1 << 18).unwrap(),
            key: Some(self.first.home.vkey().unwrap()),
            root: "/second".into(),
        }
    }

    pub(crate) async fn hand_over(&self, env: &Env) -> Result<Machine, HandoverFailure> {
        let azure = session(env, &self.tenant.playbook, &self.tenant.scene, &self.tenant.wire);
        let mirror = self.mirror.mirror(&azure);
        let ready = Ready::read(env, mirror.as_ref(), self.order(self.first.run())).await?;
        let lease = ready.lease(&azure).await?;
        let sign = |h: &reissue::domain::approval::Handover| {
            approver().sign_bytes(h.to_bytes().unwrap(), HANDOVER_NAMESPACE).unwrap()
        };
        let signed = ready.handover.as_ref().map(sign);
        let home = ready.finish(env, mirror.as_ref(), signed.as_ref(), lease.as_ref()).await?;
        Ok(Machine { env: env.clone(), home, azure })
    }

    /// Until the first operator's claim has run out.
    pub(crate) async fn wait_for_the_lease(&self) {
        self.tenant.env.clock.sleep(Duration::from_secs(700)).await;
    }
}

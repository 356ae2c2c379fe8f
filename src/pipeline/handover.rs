//! Handover: a run whose machine is lost goes on on another, from its mirror.
//!
//! 1. [`Ready::read`]: the mirror is silent, its log holds, the run is open; a new key is made.
//! 2. [`Ready::lease`]: nobody holds the plan's lease.
//! 3. Somebody of the roster signs [`Ready::handover`].
//! 4. [`Ready::finish`]: the lease and the mirror are told, then the installation exists.

use super::guard::holder;
use crate::azure::Azure;
use crate::connector::lease::{Lease, LeaseError};
use crate::domain::approval::{
    ApprovalRefusal, Handover, Roster, RosterError, SignedApproval, Statement, StatementError,
};
use crate::domain::id::{Digest, RunId};
use crate::domain::lease::Holder;
use crate::domain::plan::PackedPlan;
use crate::domain::text::Text;
use crate::env::Env;
use crate::trail::home::{Found, HandoverError};
use crate::trail::{Home, Install, LogKey, Mirror, MirrorError, VerifierKey};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The mirror must not have grown for this long.
pub const QUIET: Duration = Duration::from_secs(60);

/// Who takes which run over.
pub struct HandoverOrder {
    pub run: RunId,
    /// Who goes on, and in which process.
    pub operator: Text<128>,
    pub process: Text<96>,
    /// Who of the roster signs.
    pub approver: Text<128>,
    /// The exact bytes of the first roster, from where it was kept: the others follow from it.
    pub roster: Vec<u8>,
    /// The log's key, if it was kept elsewhere.
    pub key: Option<VerifierKey>,
    /// The new installation's folder.
    pub root: PathBuf,
}

/// Why a run was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum HandoverFailure {
    #[error(transparent)]
    Log(#[from] HandoverError),
    #[error("the roster cannot be read: {0}")]
    Roster(#[from] RosterError),
    #[error("{0} is not in the roster")]
    Stranger(Text<128>),
    #[error("the mirror grew while it was looked at: the first machine still writes")]
    StillWrites,
    #[error("the log in the mirror has no run {0}")]
    NoRun(RunId),
    #[error("run {0} is finished; there is nothing to hand over")]
    Finished(RunId),
    #[error("the plan of the run cannot be used: {0}")]
    Plan(String),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("the signature does not hand the log over: {0}")]
    Signature(#[from] ApprovalRefusal),
    #[error("{0}")]
    Statement(#[from] StatementError),
    #[error("somebody has to sign the handover")]
    Unsigned,
}

impl From<MirrorError> for HandoverFailure {
    fn from(e: MirrorError) -> Self {
        Self::Log(e.into())
    }
}

/// A run that can be handed over.
pub struct Ready {
    found: Found,
    install: Install,
    key: LogKey,
    order: HandoverOrder,
    pub plan: PackedPlan,
    /// What has to be signed; none if the mirror has a signed one for this key already.
    pub handover: Option<Handover>,
}

impl Ready {
    /// Looks, judges, and makes the new key. Writes only into the new folder.
    pub async fn read(env: &Env, mirror: &dyn Mirror, order: HandoverOrder) -> Result<Self, HandoverFailure> {
        let roster = Roster::from_yaml(&order.roster)?;
        let before = mirror.extent().await?;
        env.clock.pause_between_looks(QUIET).await;
        let files = mirror.read().await?;
        if mirror.extent().await? != before {
            return Err(HandoverFailure::StillWrites);
        }
        let found = Found::judge(files, order.key.clone(), roster.digest())?;
        let person = found.rosters.in_force().person(&order.approver).map(|p| p.name.clone());
        let person = person.ok_or_else(|| HandoverFailure::Stranger(order.approver.clone()))?;
        let (started, finished) =
            found.runs.get(&order.run).ok_or_else(|| HandoverFailure::NoRun(order.run.clone()))?;
        if *finished {
            return Err(HandoverFailure::Finished(order.run.clone()));
        }
        let plan = started.plan;
        let bytes = found.object(&plan).ok_or_else(|| HandoverFailure::Plan("it is not there".into()))?;
        let read = PackedPlan::read(bytes).map_err(|e| HandoverFailure::Plan(e.to_string()))?;
        let install = Install {
            agency: Text::lossy(found.agency().unwrap_or_default()),
            cloud: read.header.cloud,
            environment: found.first.environment,
            install: found.first.install.clone(),
            roster: roster.digest(),
            tenant: found.first.tenant.clone(),
            version: 1,
        };
        let key = Home::key_for_handover(env, &order.root, found.key.name()).map_err(HandoverError::from)?;
        let is_ours = found.key == *key.public();
        let handover = (!is_ours).then(|| statement(env, &found, &key, &order, &person));
        Ok(Self { found, install, key, plan: read, handover, order })
    }

    /// How many lines the log has so far.
    pub fn lines(&self) -> u64 {
        self.found.head().size
    }

    /// The plan's lease, if it has a store; refused while somebody holds it.
    pub async fn lease(&self, azure: &Azure) -> Result<Option<Lease>, HandoverFailure> {
        let me = holder(self.key.public(), &self.order.operator, &self.order.process);
        let lease = Lease::of(azure, &self.plan, me)?;
        if let Some(lease) = &lease {
            lease.look_before_handover().await?;
        }
        Ok(lease)
    }

    /// Makes the installation. A second call after a crash goes on where the first was.
    pub async fn finish(
        self,
        env: &Env,
        mirror: &dyn Mirror,
        signed: Option<&SignedApproval>,
        lease: Option<&Lease>,
    ) -> Result<Home, HandoverFailure> {
        let roster = self.found.rosters.in_force();
        let endorsed = match (&self.handover, signed) {
            (None, _) => None,
            (Some(_), None) => return Err(HandoverFailure::Unsigned),
            (Some(wanted), Some(signed)) => {
                let said = Handover::verify(signed, roster)?;
                if said != *wanted {
                    return Err(ApprovalRefusal::BadSignature.into());
                }
                let signature = Digest::of(signed.armored.as_bytes());
                Some((signed, said.event(Digest::of(&signed.statement_bytes), signature)))
            }
        };
        if let Some(lease) = lease {
            lease.hand_over().await?;
        }
        let root: &Path = &self.order.root;
        Ok(Home::take_over(env, root, self.install, self.found, (&self.key, endorsed), mirror).await?)
    }
}

/// Who holds a plan's lease, in words; none if nobody does, or if that cannot be read.
pub async fn holds_lease(azure: &Azure, plan: &PackedPlan) -> Option<String> {
    let nobody = Holder { log: Text::lossy("-"), who: Text::lossy("-") };
    match Lease::of(azure, plan, nobody).ok()??.look().await {
        Err(LeaseError::Refused(why)) => Some(why.to_string()),
        _ => None,
    }
}

fn statement(
    env: &Env,
    found: &Found,
    key: &LogKey,
    order: &HandoverOrder,
    approver: &Text<128>,
) -> Handover {
    let head = found.head();
    Handover {
        approver: approver.clone(),
        environment: found.first.environment,
        from: Text::lossy(&found.key.to_string()),
        nonce: Statement::nonce(env.random.stream("nonces").bytes()),
        operator: order.operator.clone(),
        root: head.root,
        roster: found.rosters.in_force().digest(),
        run: order.run.clone(),
        signed_at: env.clock.now(),
        size: head.size,
        tenant: found.first.tenant.clone(),
        to: Text::lossy(&key.public().to_string()),
        kind: Handover::kind(),
    }
}

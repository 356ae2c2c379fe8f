//! What stands around a run besides its log: the mirror that its lines go to, and the lease that
//! says who runs the plan.

use super::{ApplyFailure, ApplyOrder};
use crate::azure::Azure;
use crate::connector::lease::Lease;
use crate::domain::approved::ReadPlan;
use crate::domain::event::{Event, Line, RunClaimed};
use crate::domain::id::RunId;
use crate::domain::lease::Holder;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::board::Board;
use crate::engine::{Halt, Outcome};
use crate::trail::countersign::{Countersigner, Countersigning};
use crate::trail::{Home, Journal, JournalError, Mirror, VerifierKey};
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::watch;

/// What a run is guarded by.
#[derive(Clone, Default)]
pub struct Guard {
    pub mirror: Option<Arc<dyn Mirror>>,
    /// Whether to claim the plan in its first store.
    pub lease: bool,
    /// Who else signs checkpoints.
    pub countersigner: Option<Arc<dyn Countersigner>>,
}

impl Guard {
    /// The plan's lease, if it is wanted and the plan has a store. Somebody else's is a refusal: who
    /// is not to run a plan does not touch the log either.
    pub(super) async fn lease(
        &self,
        home: &Home,
        azure: &Azure,
        read: &ReadPlan,
        order: &ApplyOrder,
    ) -> Result<Option<Lease>, ApplyFailure> {
        if !self.lease {
            return Ok(None);
        }
        let me = holder(&home.vkey()?, &order.operator, &order.process);
        let lease = Lease::of(azure, &read.plan, me)?;
        if let Some(lease) = &lease {
            lease.look().await?;
        }
        Ok(lease)
    }

    /// Asks for a second line on each checkpoint from here on, if somebody gives it.
    pub(super) async fn countersign(
        &self,
        journal: &Journal,
    ) -> Result<Option<Countersigning<'_>>, JournalError> {
        match &self.countersigner {
            Some(signer) => Countersigning::begin(journal, signer.as_ref()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Attaches the mirror; a run that had one does not go on without.
    pub(super) async fn attach(
        &self,
        journal: &Journal,
        order: &ApplyOrder,
        mirrored: Mirrored,
    ) -> Result<(), ApplyFailure> {
        match (&self.mirror, mirrored.run) {
            (Some(mirror), _) => journal.mirror_to(mirror.clone()).await.map_err(|e| match e {
                JournalError::Mirror(e) => ApplyFailure::Mirror(e),
                other => other.into(),
            }),
            (None, Some(place)) if order.resume => Err(ApplyFailure::Mirrored(place)),
            (None, _) => Ok(()),
        }
    }
}

/// Works with the second line asked for beside it, if somebody gives it.
pub(super) async fn beside<T>(
    countersigning: &mut Option<Countersigning<'_>>,
    work: impl Future<Output = T>,
) -> T {
    match countersigning {
        Some(beside) => beside.beside(work).await,
        None => work.await,
    }
}

/// What is still due when the log is closed.
pub(super) async fn finish(countersigning: Option<Countersigning<'_>>) {
    if let Some(rest) = countersigning {
        rest.finish().await;
    }
}

/// Who this process is, in a lease.
pub(super) fn holder(key: &VerifierKey, operator: &str, process: &str) -> Holder {
    Holder {
        log: Text::lossy(&crate::domain::id::hex(&key.id())),
        who: Text::lossy(&format!("{operator} ({process})")),
    }
}

/// What the log says of mirrors: a run that had one goes on only with one.
#[derive(Default)]
pub(super) struct Mirrored {
    now: Option<Text<256>>,
    pub(super) run: Option<Text<256>>,
}

impl Mirrored {
    /// Takes in a line; `ours` is the run that is asked about.
    pub(super) fn fold(&mut self, line: &Line, ours: Option<&RunId>) {
        match &line.event {
            Event::LogOpened(_) => self.now = None,
            Event::LogMirrored(e) => self.now = Some(e.to.clone()),
            _ if line.run.is_some() && line.run.as_ref() == ours && self.now.is_some() => {
                self.run = self.now.clone();
            }
            _ => {}
        }
    }
}

/// Claims the plan and says so in the log.
pub(super) async fn claim<'a>(
    lease: Option<&'a Lease>,
    board: &Board,
) -> Result<Option<(&'a Lease, Timestamp)>, ApplyFailure> {
    let Some(lease) = lease else { return Ok(None) };
    let until = lease.claim().await?;
    board.record_run(RunClaimed { place: lease.place().clone(), until }.into()).await?;
    Ok(Some((lease, until)))
}

/// Runs while the lease is kept; when it is lost, the run is asked to leave at its next safe place.
pub(super) async fn run(
    lease: Option<(&Lease, Timestamp)>,
    mut asked: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    run: impl Future<Output = Result<Outcome, Halt>>,
) -> Result<Outcome, ApplyFailure> {
    let mut run = pin!(run);
    let mut kept = pin!(async {
        match lease {
            Some((lease, until)) => lease.keep(until).await,
            None => pending().await,
        }
    });
    let mut lost = None;
    loop {
        tokio::select! {
            biased;
            ended = &mut run => return match (ended?, lost) {
                (_, Some(why)) => Err(ApplyFailure::Lease(why)),
                (outcome, None) => Ok(outcome),
            },
            why = &mut kept, if lost.is_none() => {
                lost = Some(why);
                stop.send_replace(true);
            }
            Ok(()) = asked.changed() => {
                let now = *asked.borrow_and_update();
                stop.send_replace(now);
            }
        }
    }
}

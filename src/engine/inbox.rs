//! What people say while the run is on: notes are judged, kept as objects, and recorded.

use super::shared::Shared;
use super::{Halt, watch};
use crate::connector::{Depth, Sight};
use crate::domain::approval::{
    Approval, ApprovalRefusal, QuorumMet, Recorded, Release, SignedApproval, Statement, releases,
};
use crate::domain::approved::ApprovedPlan;
use crate::domain::event::{
    ConsumerConfirmed, Event, NoteRefused, PhaseOpened, Resolution, RunAborted, RunContinued, RunPaused,
    TargetResolved,
};
use crate::domain::evidence::{Evidence, Held};
use crate::domain::id::{RunId, TargetId};
use crate::domain::note::Note;
use crate::domain::step::Phase;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::trail::inbox::{Inbox, Item};
use crate::trail::objects;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// How often the inbox is looked into.
const EVERY: Duration = Duration::from_secs(2);
/// Targets that one line releases: it stays far below the longest line.
const RELEASED_MAX: usize = 1024;

/// The desk where notes arrive.
pub(super) struct Desk<'a> {
    approved: &'a ApprovedPlan,
    inbox: Inbox,
    recorded: Vec<Recorded>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(inbox: Inbox, approved: &'a ApprovedPlan) -> Self {
        Self { approved, inbox, recorded: approved.recorded().to_vec() }
    }

    /// Looks into the inbox for as long as the run is on.
    pub(super) async fn serve(&mut self, shared: &Shared) -> Result<Infallible, Halt> {
        let mut read_again = shared.env.clock.now().after(watch::EVERY);
        loop {
            self.look(shared).await?;
            shared.env.clock.sleep(EVERY).await;
            if shared.env.clock.now() >= read_again {
                read_again = shared.env.clock.now().after(watch::EVERY);
                watch::call_who_waits(shared)?;
            }
        }
    }

    /// Takes in what lies there now.
    pub(super) async fn look(&mut self, shared: &Shared) -> Result<(), Halt> {
        for item in self.inbox.items()? {
            // A file that is no note (a link, too large) stays where it is.
            let Ok(item) = item else { continue };
            self.take_in(shared, &item).await?;
        }
        Ok(())
    }

    async fn take_in(&mut self, shared: &Shared, item: &Item) -> Result<(), Halt> {
        let fate = match serde_json::from_slice::<Note>(&item.bytes) {
            Ok(note) if !self.concerns(&note, &shared.board.run_id()) => return Ok(()),
            Ok(note) => self.hear(shared, note).await?,
            Err(_) => Err(Text::lossy("it is not a note that this version can read")),
        };
        if let Err(reason) = fate {
            let object =
                shared.board.journal().objects().put(&item.bytes).map_err(|e| Halt::Log(e.into()))?;
            shared.board.record_run(NoteRefused { object, reason }.into()).await?;
        }
        Ok(self.inbox.take_out(&item.name)?)
    }

    /// Whether a note is for this run. What is said of another plan, a reject above all, stays where it is until that
    /// plan is carried out.
    fn concerns(&self, note: &Note, this: &RunId) -> bool {
        match note {
            Note::Approval { statement, .. } => Statement::from_bytes(statement.as_bytes())
                .map_or(true, |said| said.plan == self.approved.digest()),
            Note::Roster { .. } => false,
            Note::Confirm { run, .. }
            | Note::Pause { run, .. }
            | Note::Continue { run, .. }
            | Note::Abort { run, .. }
            | Note::Resolve { run, .. } => run == this,
        }
    }

    /// Records what a note says, or says why not.
    async fn hear(&mut self, shared: &Shared, note: Note) -> Result<Result<(), Text<128>>, Halt> {
        match note {
            Note::Approval { signature, statement } => self.approval(shared, statement, signature).await,
            // Left where it is: `concerns` says so.
            Note::Roster { .. } => Ok(Ok(())),
            Note::Confirm { by, consumer, how, run: _, target } => {
                let open =
                    shared.board.with(target, |s| s.hold().is_some_and(|h| h.missing.contains(&consumer)))?;
                if open != Some(true) {
                    return Ok(Err(Text::lossy("nobody waits for that consumer now")));
                }
                let unlisted = self.approved.roster().person(&by).is_none();
                record(shared, target, ConsumerConfirmed { by, consumer, how, unlisted }).await
            }
            Note::Pause { by, reason, run: _ } => {
                shared.board.record_run(RunPaused { by, reason }.into()).await.map(|_| Ok(()))
            }
            Note::Continue { by, run: _ } => {
                let at = shared.board.record_run(RunContinued { by }.into()).await?;
                shared.refusals.begin_anew(at);
                Ok(Ok(()))
            }
            Note::Abort { by, reason, run: _ } => {
                shared.board.record_run(RunAborted { by, reason }.into()).await.map(|_| Ok(()))
            }
            Note::Resolve { by, how, reason, run: _, target } => {
                resolve(shared, target, TargetResolved { by, how, reason }).await
            }
        }
    }

    async fn approval(
        &mut self,
        shared: &Shared,
        statement: String,
        armored: String,
    ) -> Result<Result<(), Text<128>>, Halt> {
        let at = shared.env.clock.now();
        let signed = SignedApproval { statement_bytes: statement.into_bytes(), armored };
        let approval = match self.approved.judge(&signed, at) {
            Ok(approval) => approval,
            Err(refusal) => return Ok(Err(Text::lossy(&refusal.to_string()))),
        };
        let evidence = match self.evidence(shared, &approval)? {
            Ok(evidence) => evidence,
            Err(why) => return Ok(Err(why)),
        };
        if shared.board.run().statements.contains(&approval.digest()) {
            return Ok(Ok(()));
        }
        let objects = shared.board.journal().objects();
        let head = &approval.statement().log_head;
        // Every judge would call a log forged that has it.
        if !objects.had(head)? {
            return Ok(Err(Text::lossy(&ApprovalRefusal::OtherHead { size: head.size }.to_string())));
        }
        objects.put(&signed.statement_bytes).map_err(|e| Halt::Log(e.into()))?;
        let signature = objects.put(signed.armored.as_bytes()).map_err(|e| Halt::Log(e.into()))?;
        // Judged as of the moment at which the log has it.
        let end = Some(approval.ends());
        let at = shared.board.record_run_before(end, approval.event(signature).into()).await?;
        let Some(at) = at else {
            return Ok(Err(Text::lossy("it expired before it could be recorded; approve the plan again")));
        };
        shared.board.journal().checkpoint_now().await?;
        self.recorded.push(Recorded { approval, at, evidence });
        self.open_phases(shared).await.map(Ok)
    }

    /// What an approval of the retire phase was given with, where that is approved separately. It must be the
    /// evidence of some target as it is now.
    fn evidence(
        &self,
        shared: &Shared,
        approval: &Approval,
    ) -> Result<Result<Option<Arc<Evidence>>, Text<128>>, Halt> {
        if !(self.approved.facts().retire_separately && approval.statement().retires()) {
            return Ok(Ok(None));
        }
        let waiting = shared.board.awaiting_release()?;
        if waiting.is_empty() {
            return Ok(Err(Text::lossy(
                "no target waits for it: retiring is approved with a hold's evidence at hand",
            )));
        }
        let Some(evidence) = objects::evidence(shared.board.journal().objects(), approval) else {
            let why = "the hold's evidence that it names is not there; approve again";
            return Ok(Err(Text::lossy(why)));
        };
        let listed = |held: &Held| evidence.targets.iter().any(|e| e.target == held.target);
        if waiting.iter().any(|(held, _)| evidence.lists(held)) {
            return Ok(Ok(Some(Arc::new(evidence))));
        }
        Ok(Err(match waiting.iter().find(|(held, _)| listed(held)) {
            Some((held, _)) => Text::lossy(&format!(
                "the evidence of {} is another now; look and approve again",
                held.target
            )),
            None => Text::lossy("its evidence lists no target that waits; look and approve again"),
        }))
    }

    /// Opens each phase whose quorum is met now and that is not open for as long already.
    pub(super) async fn open_phases(&mut self, shared: &Shared) -> Result<(), Halt> {
        for phase in [Phase::Start, Phase::Retire] {
            if phase == Phase::Retire && self.approved.facts().retire_separately {
                self.release(shared).await?;
                continue;
            }
            let now = shared.env.clock.now();
            let Ok(met) = self.approved.quorum(phase, &self.recorded, now) else { continue };
            let open_until = shared.board.run().phases.get(&phase).copied();
            if open_until.is_none_or(|until| until < met.expires()) {
                open(shared, &met, Vec::new()).await?;
            }
        }
        Ok(())
    }

    /// Opens the retire phase for each target whose evidence enough people have approved with.
    async fn release(&self, shared: &Shared) -> Result<(), Halt> {
        let waiting = shared.board.awaiting_release()?;
        let until: BTreeMap<TargetId, Option<Timestamp>> =
            waiting.iter().map(|(held, until)| (held.target, *until)).collect();
        let held = waiting.into_iter().map(|(held, _)| held);
        let now = shared.env.clock.now();
        for Release { met, mut targets } in releases(self.approved.facts(), &self.recorded, held, now) {
            targets.retain(|id| until.get(id).copied().flatten().is_none_or(|until| until < met.expires()));
            for some in targets.chunks(RELEASED_MAX) {
                open(shared, &met, some.to_vec()).await?;
            }
        }
        Ok(())
    }
}

/// Records that a phase is open, unless its approvals end first.
async fn open(shared: &Shared, met: &QuorumMet, targets: Vec<TargetId>) -> Result<(), Halt> {
    let approvals = met.approvals().to_vec();
    let event = PhaseOpened { approvals, expires: met.expires(), phase: met.phase(), targets };
    if shared.board.record_run_before(Some(met.expires()), event.into()).await?.is_some() {
        shared.board.journal().checkpoint_now().await?;
    }
    Ok(())
}

/// Records an event of one target and makes it decide again.
async fn record(
    shared: &Shared,
    id: TargetId,
    event: impl Into<Event>,
) -> Result<Result<(), Text<128>>, Halt> {
    match shared.board.record(id, event.into()).await {
        Err(Halt::Illegal(why)) => return Ok(Err(Text::lossy(why.why))),
        other => other?,
    }
    shared.board.call(id);
    Ok(Ok(()))
}

/// A person says that a stuck target is settled: look before believing it.
async fn resolve(
    shared: &Shared,
    id: TargetId,
    event: TargetResolved,
) -> Result<Result<(), Text<128>>, Halt> {
    let Some(state) = shared.board.state(id)? else {
        return Ok(Err(Text::lossy("the run has no such target")));
    };
    if event.how == Resolution::Done {
        let Some(effects) = shared.effects_of(&state.plan.kind) else {
            return Ok(Err(Text::lossy("no connector")));
        };
        let place = state.plan.steps.iter().find_map(|s| s.place.as_ref());
        let sight = Sight { subject: &state.plan.subject, place, depth: Depth::Drift };
        match effects.observe(sight).await {
            Err(fault) => return Ok(Err(Text::lossy(&format!("it cannot be looked at: {}", fault.code)))),
            Ok(seen) => {
                if let Some(what) = state.unsettled(&seen) {
                    return Ok(Err(Text::lossy(&format!("it is not done: {what}"))));
                }
            }
        }
    }
    record(shared, id, event).await
}

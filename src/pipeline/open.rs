//! Beginning a run, or taking one up again: what has to be so before the first effect.

use super::{ApplyFailure, ApplyOrder};
use crate::azure::quota;
use crate::domain::approval::signed::SIGNATURE_BYTES_MAX;
use crate::domain::approval::{Approval, ApprovalRefusal, Recorded, SignedApproval};
use crate::domain::approved::ReadPlan;
use crate::domain::event::RunStarted;
use crate::domain::note::Note;
use crate::domain::quotas::SaidQuota;
use crate::domain::run::RunState;
use crate::domain::states::States;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::Halt;
use crate::engine::board::{Board, SharedStates};
use crate::engine::recovery::Recovery;
use crate::env::Env;
use crate::trail::inbox::{Inbox, Item};
use crate::trail::journal::Entry;
use crate::trail::objects::{self, ObjectError, Objects};
use crate::trail::{Journal, JournalError};
use crate::wire::budget::Budget;
use std::sync::{Arc, PoisonError};

/// Before the first event of this process nothing was sent: no halt of a run under way.
fn not_begun(e: Halt) -> ApplyFailure {
    match e {
        Halt::Log(e) => ApplyFailure::Unwritable(e),
        e => ApplyFailure::Halt(e),
    }
}

pub(super) type Opened = (crate::domain::approved::ApprovedPlan, Board);

/// Begins a run, or takes one up again.
pub(super) async fn open_run(
    env: &Env,
    read: ReadPlan,
    (recovery, states): (Recovery, SharedStates),
    journal: &Journal,
    inbox: &Inbox,
    order: &ApplyOrder,
    budget: &Budget,
) -> Result<Opened, ApplyFailure> {
    if let Some(lost) = read.plan.lost() {
        return Err(ApplyFailure::Halt(lost.into()));
    }
    if let Some((line, why)) = recovery.illegal {
        return Err(ApplyFailure::Illegal { line, why: why.to_string() });
    }
    if let Some(other) = recovery.other {
        return Err(ApplyFailure::Other(other));
    }
    match (recovery.run, order.resume) {
        (Some(run), _) if run.finished => Err(ApplyFailure::Used(run.id)),
        (Some(run), false) => Err(ApplyFailure::Begun(run.id)),
        (None, true) => Err(ApplyFailure::NotBegun),
        (Some(run), true) => {
            let recorded = recorded_approvals(&read, journal, &recovery.approvals);
            let resumed = crate::domain::event::RunResumed {
                haste: haste(budget),
                operator: order.operator.clone(),
                pace: Some(budget.pace()),
                process: order.process.clone(),
                quotas: said(budget),
            };
            let board = Board::new(journal.clone(), env.clock, run, states);
            board.record_run(resumed.into()).await.map_err(not_begun)?;
            Ok((read.resume(recorded), board))
        }
        (None, false) => begin(env, (read, states), journal, inbox, (order, budget)).await,
    }
}

/// A fast lab's, for the log.
fn haste(budget: &Budget) -> Option<u32> {
    Some(budget.haste()).filter(|haste| *haste > 1)
}

/// What a quota file said, for the log.
fn said(budget: &Budget) -> Vec<SaidQuota> {
    quota::said(budget).iter().map(SaidQuota::from).collect()
}

/// The decisions of a resumed run, judged again as of the moments at which they were recorded.
fn recorded_approvals(
    read: &ReadPlan,
    journal: &Journal,
    events: &[(crate::domain::event::ApprovalRecorded, crate::domain::time::Timestamp)],
) -> Vec<Recorded> {
    const LIMIT: u64 = SIGNATURE_BYTES_MAX as u64;
    let judge = |(event, at): &(crate::domain::event::ApprovalRecorded, crate::domain::time::Timestamp)| {
        let statement_bytes = journal.objects().get(&event.statement, LIMIT).ok()?;
        let armored = journal.objects().get(&event.signature, LIMIT).ok()?;
        let signed = SignedApproval { statement_bytes, armored: String::from_utf8(armored).ok()? };
        let approval = read.judge_recorded(&signed, *at).ok()?;
        let evidence = objects::evidence(journal.objects(), &approval).map(Arc::new);
        Some(Recorded { approval, at: *at, evidence })
    };
    events.iter().filter_map(judge).collect()
}

/// An approval that counts, with the name of its note.
type HandedIn = (String, Approval, SignedApproval);

/// The approvals in the inbox, and why others of its files do not count.
fn handed_in(
    read: &ReadPlan,
    (inbox, objects): (&Inbox, &Objects),
    at: Timestamp,
) -> Result<(Vec<HandedIn>, Vec<String>), ApplyFailure> {
    let (mut notes, mut not_counted) = (Vec::new(), Vec::new());
    for item in inbox.items().map_err(Halt::Disk)? {
        let Item { name, bytes } = match item {
            Ok(item) => item,
            Err(e) => {
                not_counted.push(e.to_string());
                continue;
            }
        };
        let (signature, statement) = match serde_json::from_slice(&bytes) {
            Ok(Note::Approval { signature, statement }) => (signature, statement),
            Ok(_) => continue,
            Err(_) => {
                not_counted
                    .push(format!("{} is not a note that this version can read", Text::<160>::lossy(&name)));
                continue;
            }
        };
        let signed = SignedApproval { statement_bytes: statement.into_bytes(), armored: signature };
        match read.judge(&signed, at) {
            // Retiring is approved when a hold is over: that note stays where it is until then.
            Ok(approval) if read.is_too_early(&approval) => {}
            Ok(approval) if !objects.had(&approval.statement().log_head).map_err(Halt::Disk)? => {
                let size = approval.statement().log_head.size;
                not_counted.push(ApprovalRefusal::OtherHead { size }.to_string());
            }
            Ok(approval) => notes.push((name, approval, signed)),
            Err(why) => not_counted.push(why.to_string()),
        }
    }
    Ok((notes, not_counted))
}

/// A new run: enough approvals lie in the inbox, or nothing is recorded at all.
async fn begin(
    env: &Env,
    (read, states): (ReadPlan, SharedStates),
    journal: &Journal,
    inbox: &Inbox,
    (order, budget): (&ApplyOrder, &Budget),
) -> Result<Opened, ApplyFailure> {
    let at = env.clock.now();
    let (notes, not_counted) = handed_in(&read, (inbox, journal.objects()), at)?;
    let recorded = notes
        .iter()
        .map(|(_, approval, _)| Recorded { approval: approval.clone(), at, evidence: None })
        .collect();
    let fresh = States::fresh(Arc::clone(&read.plan));
    let approved = read.approve(recorded, at).map_err(|why| match not_counted.is_empty() {
        true => why.into(),
        false => ApplyFailure::NotCounted { why, passed: not_counted.join("; ") },
    })?;
    let header = &approved.plan().header;
    // Whatever needs new files is written before the run begins: the log itself has its space.
    let statements = notes.iter().flat_map(|(_, _, s)| [s.statement_bytes.as_slice(), s.armored.as_bytes()]);
    let unwritable = |e: ObjectError| ApplyFailure::Unwritable(e.into());
    for bytes in statements {
        journal.objects().put(bytes).map_err(unwritable)?;
    }
    order.plan.keep(journal.objects()).map_err(unwritable)?;
    let started = RunStarted {
        haste: haste(budget),
        identity: header.identity.object.clone(),
        operator: order.operator.clone(),
        pace: Some(budget.pace()),
        plan: approved.digest(),
        playbook: header.playbook,
        quotas: said(budget),
        targets: header.counts.targets,
    };
    let id = env.new_run_id();
    let begun = journal.append_one(Entry::of_run(&id, started.clone())).await;
    let line = begun.map_err(ApplyFailure::Unwritable)?.line;
    *states.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
    let board = Board::new(journal.clone(), env.clock, RunState::new(id, started, line.time), states);
    for (name, approval, signed) in notes {
        let signature = journal.objects().put(signed.armored.as_bytes()).map_err(JournalError::from)?;
        // One that has expired meanwhile stays in the inbox, where the run refuses it.
        let end = Some(approval.ends());
        if board.record_run_before(end, approval.event(signature).into()).await?.is_some() {
            inbox.take_out(&name).map_err(Halt::Disk)?;
        }
    }
    Ok((approved, board))
}

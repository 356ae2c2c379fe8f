//! What must have happened at least once in so many seeds: every fault, and every branch of
//! reconcile, undo and resume. A zero means that the simulator does not test what it says it does.

use std::collections::BTreeMap;

/// So many seeds must have met [`SOON`].
const SOON_SEEDS: u64 = 300;
/// And so many, [`LATE`] too.
const LATE_SEEDS: u64 = 5_000;

/// The mirror of `src/engine` and of `src/lab/fault.rs`.
const SOON: &[&str] = &[
    // Kinds, and what the plan refuses.
    "planned: app-certificate",
    "planned: app-disable",
    "planned: app-secret",
    "planned: user-password",
    "plan with exceptions",
    "refused in the plan: store-name-deleted",
    "refused in the plan: store-newest-disabled",
    // The service's faults.
    "fault: bad_gateway",
    "fault: concurrency_503",
    "fault: conflict",
    "fault: cut",
    "fault: cut_body",
    "fault: echo",
    "fault: error_500",
    "fault: long_lag",
    "fault: lost_after",
    "fault: lost_before",
    "fault: quota_429",
    "fault: remove_unknown",
    "fault: slow",
    "fault: throttled",
    "fault: throttled_lying",
    "fault: throttled_silent",
    "fault: token_turned_away",
    "fault: vault_forbidden",
    // Other people.
    "fault: attacker_adds",
    "fault: stranger_adds",
    "fault: stranger_certifies",
    "fault: stranger_deletes",
    "fault: stranger_deletes_secret",
    "fault: stranger_disables",
    "fault: stranger_disables_version",
    "fault: stranger_removes",
    "fault: stranger_writes_secret",
    // The machine.
    "clocks differ",
    "dies: after a file",
    "dies: append Before",
    "dies: append NotSynced",
    "dies: append Partly",
    "dies: append Synced",
    "dies: before a file",
    "dies: by the clock",
    "dies: write not sent",
    "dies: write on its way",
    "disk: full",
    "disk: sync failed",
    "failed: disk",
    "power lost",
    "process died",
    // Resume (`recovery.rs`, `run.rs`).
    "lane.taken",
    "log.torn_tail",
    "run.resumed",
    "value.lost",
    "left: approval missing",
    "left: holding",
    "left: interrupted",
    "left: paused",
    // Reconcile (`reconcile.rs`).
    "looked: attach absent",
    "looked: attach done",
    "looked: deliver absent",
    "looked: detach absent",
    "looked: mint absent",
    "looked: mint done",
    "looked: mint orphan",
    "looked: publish absent",
    "looked: publish done",
    "looked: retire absent",
    // Undo (`segment.rs`, `TargetState::backward`), and its causes.
    "undone: attach",
    "undone: mint",
    "undone: publish",
    "undone: switch",
    "unwinding: aborted",
    "unwinding: fault",
    "ended: Abandoned",
    "ended: Done",
    "ended: DoneNotEvicted",
    "ended: Undone",
    // People (`inbox.rs`), holds and proofs.
    "hold ended: confirmed",
    "hold ended: time",
    "note.refused",
    "proved: absent",
    "proved: refused",
    "proved: refused, never seen accepted",
    "run.aborted",
    "run.continued",
    "run.paused",
    "stop asked for",
    "target.resolved",
    "a consumer was left behind: the plan warned",
    // `drift.rs`, `sweep.rs`.
    "drift: CredentialAdded is a finding",
    "sweep found something",
    // The shift changes: mirror, lease, handover, recover.
    "log.mirrored",
    "run.claimed",
    "failed: lease",
    "failed: mirror",
    "failed: mirror, in a run",
    "handover: from Blob",
    "handover: from Share",
    "handover: from Vault",
    "handover: from a machine that only waits",
    "handover: refused, somebody is at work",
    "handover: the lease stands in the way",
    "lines that the mirror lacks",
    "recover: made",
    "recover: published",
    "the first machine came back: handed over, says the lease",
    "the first machine came back: taken over, says the mirror",
];

const LATE: &[&str] = &[
    "a certificate of others was lost in the race for the list",
    "disk: a file cannot be written",
    "drift: CredentialAdded stops",
    "drift: CredentialGone stops",
    "drift: StateChanged stops",
    "drift: StoreChanged stops",
    "drift: AnotherRun stops",
    "fault: concurrency_409",
    "fault: stale_write",
    "looked: block absent",
    "looked: block done",
    "looked: deliver done",
    "looked: detach done",
    "looked: reset absent",
    "looked: reset done",
    "looked: retire done",
    "looked: revoke absent",
    "looked: revoke done",
    "looked: switch absent",
    "looked: switch done",
    "looked: unblock absent",
    "looked: unblock done",
    "looked: undo of attach absent",
    "looked: undo of attach done",
    "looked: undo of mint absent",
    "looked: undo of mint done",
    "looked: undo of publish absent",
    "looked: undo of publish done",
    "stuck: drift",
    "stuck: fault",
    "stuck: no way back",
    "stuck: still alive",
    // `undone: unblock` is not here: a target that is contained first unblocks after the point of no
    // return. `tests/saga.rs` undoes it for what is switched on again.
    "undone: block",
    "unwinding: drift",
];

/// What should have happened in so many seeds, and did not.
pub(crate) fn missing(counts: &BTreeMap<String, u64>, seeds: u64) -> Vec<&'static str> {
    let tiers = [(SOON_SEEDS, SOON), (LATE_SEEDS, LATE)];
    let due = tiers.into_iter().filter(|(least, _)| seeds >= *least).flat_map(|(_, words)| words);
    due.filter(|word| counts.get(**word).is_none_or(|n| *n == 0)).copied().collect()
}

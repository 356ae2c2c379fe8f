//! The table that a directive's status report asks for: each required action, how many of it, and
//! what is left, with reason, owner and expected date.

use super::model::{ExceptedReport, Fate, Remaining, StatusRow, TargetReport, Tone};
use crate::domain::step::Verb;
use std::collections::BTreeMap;

/// How much of one action a target asks for.
struct Share {
    action: String,
    total: u32,
    done: u32,
    verified: u32,
}

fn shares(target: &TargetReport) -> Vec<Share> {
    let has = |verb| target.steps.iter().any(|s| s.verb == verb);
    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    for old in &target.old {
        let action = match old.id {
            Some(_) => format!("Replace leaked {}s", old.what),
            None if has(Verb::Reset) => "Reset leaked passwords".to_owned(),
            None => "Switch off what nobody needs".to_owned(),
        };
        let share = shares.entry(action.clone()).or_insert(Share { action, total: 0, done: 0, verified: 0 });
        share.total += 1;
        share.done += u32::from(old.fate != Fate::StillUsable);
        share.verified += u32::from(old.fate == Fate::ProvedDead);
    }
    let mut shares: Vec<Share> = shares.into_values().collect();
    if has(Verb::Revoke) {
        let ended = target.marks.iter().any(|m| m.what == "sessions ended");
        let proved = target.old.iter().all(|o| o.fate == Fate::ProvedDead);
        let action = "End sessions begun with leaked passwords".to_owned();
        shares.push(Share { action, total: 1, done: ended.into(), verified: (ended && proved).into() });
    }
    shares
}

pub(super) fn table(targets: &[TargetReport], excepted: &[ExceptedReport]) -> Vec<StatusRow> {
    let mut rows: BTreeMap<String, StatusRow> = BTreeMap::new();
    // What an excepted target would have needed is told by another of its kind.
    let mut by_kind: BTreeMap<&str, String> = BTreeMap::new();
    for target in targets {
        for Share { action, total, done, verified } in shares(target) {
            by_kind.entry(&target.kind).or_insert_with(|| action.clone());
            let row = rows.entry(action.clone()).or_insert_with(|| empty(action));
            let left = total - done;
            let failed = if target.standing.tone() == Tone::Bad { left } else { 0 };
            row.total += total;
            row.done += done;
            row.verified += verified;
            row.failed += failed;
            row.open += left - failed;
            if verified < total || !target.standing.is_done() {
                row.remaining.push(remaining(target));
            }
        }
    }
    for e in excepted {
        let action = by_kind.get(e.kind.as_str()).cloned();
        let action = action.unwrap_or_else(|| format!("Targets of kind {}", e.kind));
        let row = rows.entry(action.clone()).or_insert_with(|| empty(action));
        row.total += 1;
        row.excepted += 1;
        row.remaining.push(Remaining {
            target: e.id,
            name: e.name.clone(),
            state: "excepted".into(),
            reason: format!("{} ({})", e.reason, e.code),
            owner: "not recorded".into(),
            expected: format!("to be set: {}", e.next),
        });
    }
    rows.into_values().collect()
}

fn empty(action: String) -> StatusRow {
    StatusRow {
        action,
        total: 0,
        done: 0,
        verified: 0,
        failed: 0,
        open: 0,
        excepted: 0,
        remaining: Vec::new(),
    }
}

fn remaining(target: &TargetReport) -> Remaining {
    let owner = if target.owners.is_empty() { "not recorded".to_owned() } else { target.owners.join(", ") };
    Remaining {
        target: target.id,
        name: target.name.clone(),
        state: target.standing.words().to_owned(),
        reason: target.old.iter().map(|o| o.fate.words()).collect::<Vec<_>>().join(", "),
        owner,
        expected: target.expected.map_or("to be set".to_owned(), |at| at.short()),
    }
}

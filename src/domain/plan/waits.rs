//! How long the steps of a target take if no quota holds them back, in seconds.

use super::{PlannedTarget, Warning};
use crate::domain::id::StepNo;
use crate::domain::step::{Step, Verb};

/// A write on an object settles before the next one.
const SETTLE_S: u64 = 3;
/// A new credential works after 4 to 18 s (reported), then four sign-ins in a row, 11 s apart.
const VERIFY_S: u64 = 50;
/// Four agreeing reads or sign-ins, 11 s apart.
const AGREE_S: u64 = 33;
/// A removal proved by absence: until it has spread, then four agreeing reads.
const SPREAD_S: u64 = 600;
/// Refusals of the old value: until the removal has spread, then reads and sign-ins.
const REFUSED_S: u64 = 3 * AGREE_S;
/// A switch is watched for so long.
const WATCH_S: u64 = AGREE_S + 600;

pub(super) fn wait_s(target: &PlannedTarget, step: &Step) -> u64 {
    match step.verb {
        Verb::Verify => VERIFY_S,
        Verb::Recheck | Verb::Snapshot => AGREE_S,
        Verb::Watch if target.steps.iter().any(|s| s.verb == Verb::Switch) => WATCH_S,
        Verb::Watch => AGREE_S,
        Verb::Prove if target.steps.iter().any(|s| s.verb.retires()) => {
            let last = target.steps.iter().rfind(|s| s.verb == Verb::Prove).is_some_and(|s| s.no == step.no);
            let unseen = target.retire.len() > 1 || target.warnings.contains(&Warning::ProvedByAbsence);
            // Several are waited for together, since they were removed together.
            if last && unseen {
                SPREAD_S + AGREE_S
            } else if unseen {
                AGREE_S
            } else {
                REFUSED_S
            }
        }
        Verb::Prove => AGREE_S,
        verb if verb.writes() => SETTLE_S,
        _ => 0,
    }
}

/// How long a target takes if no quota holds it back.
pub fn chain_s(target: &PlannedTarget) -> u64 {
    let hold = target.steps.iter().any(|s| s.verb == Verb::Hold).then_some(target.hold.time_s).flatten();
    target.steps.iter().map(|s| wait_s(target, s)).sum::<u64>() + hold.unwrap_or(0)
}

/// How long what follows a step takes up to the target's last write, in seconds, if no quota holds it back. A
/// hold is left out: what comes before it is in no hurry for what comes after.
pub fn lead_s(target: &PlannedTarget, step: &Step) -> u64 {
    let last = target.steps.iter().rfind(|s| s.verb.writes()).map_or(0, |s| s.no);
    target.steps.iter().filter(|s| s.no > step.no && s.no <= last).map(|s| wait_s(target, s)).sum()
}

/// The step with which a pilot is through: its hold, or what follows its last write.
pub(super) fn end_of_trial(target: &PlannedTarget) -> StepNo {
    let hold = target.steps.iter().find(|s| s.verb.waits()).map(|s| s.no);
    let end = hold.or_else(|| target.steps.iter().rfind(|s| s.verb.writes()).map(|s| s.no + 1));
    end.unwrap_or(StepNo::MAX)
}

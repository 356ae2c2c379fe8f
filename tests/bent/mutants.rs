//! The mutants: which promise each breaks, within how many seeds it must be caught, and where.

use crate::scenario::Scenario;
use reissue::bent::Bend;
use reissue::lab::Between;
use std::time::Duration;

pub(crate) struct Mutant {
    pub(crate) bend: Bend,
    pub(crate) breaks: &'static str,
    /// Several times the most that it took from seven different first seeds (`docs/adr/0008` has the
    /// figures): scenes change, and the seeds with them.
    pub(crate) within: u64,
    pub(crate) scene: fn(u64) -> Scenario,
}

const fn mutant(bend: Bend, within: u64, scene: fn(u64) -> Scenario, breaks: &'static str) -> Mutant {
    Mutant { bend, breaks, within, scene }
}

/// Every bend but `StaleList`, which needs certificates: see `certificates.rs`.
pub(crate) const MUTANTS: [Mutant; 18] = [
    mutant(Bend::AdoptOrphan, 200, Scenario::draw, "a mint in doubt is discarded, never adopted"),
    mutant(Bend::BlindRetry, 80, Scenario::draw, "a step in doubt is resolved by looking"),
    mutant(Bend::CachedToken, 20, Scenario::draw, "each sign-in of a verification is a fresh one"),
    mutant(Bend::DiscardPublished, 80, replies_lost, "nobody is left with only a dead credential"),
    mutant(Bend::EarlyClearance, 60, stopped_early, "no write after a reject, an abort or a pause"),
    mutant(Bend::IntentNotSynced, 20, Scenario::draw, "an intent is durable before its effect"),
    mutant(Bend::LatePermit, 30, Scenario::draw, "nothing waits between intent and request"),
    mutant(Bend::NoDriftCheck, 150, Scenario::draw, "if the world moved, the target stops"),
    mutant(Bend::OldRecheck, 20, Scenario::draw, "no retire without a verification after the hold"),
    mutant(Bend::OneRead, 20, Scenario::draw, "dead means proved dead"),
    mutant(Bend::OwnIdentity, 20, own_identity, "it cannot saw off its own branch"),
    mutant(Bend::QuorumOnce, 40, Scenario::draw, "clearance is fresh"),
    mutant(Bend::RetireFirst, 20, approved_at_once, "nothing old goes before the new was seen to work"),
    mutant(Bend::SweepWrongName, 80, stale_after_a_lost_mint, "no minted secret is orphaned"),
    mutant(Bend::TornTailTrusted, 120, Scenario::draw, "the log can be read and verified"),
    mutant(Bend::UndoDisables, 20, aborted_in_hold, "vault readers are served"),
    mutant(Bend::VerifyOnce, 20, Scenario::draw, "k successes over a window verify"),
    mutant(Bend::WrongLane, 30, Scenario::draw, "one writer per object, with a pause"),
];

/// As drawn, but retiring needs no word of its own: with one, people would be asked for it for ever,
/// before there is evidence to show them.
fn approved_at_once(seed: u64) -> Scenario {
    Scenario { retire_separately: false, ..Scenario::draw(seed) }
}

/// As drawn, but for slow replies and people who speak while the first writes are prepared.
fn stopped_early(seed: u64) -> Scenario {
    let mut scenario = Scenario::draw(seed);
    scenario.lags.request = Between::seconds(2, 4);
    scenario.people.reading = vec![Duration::from_secs(10); 3];
    scenario.people.abort = Some(Duration::from_secs(40 + 2 * (seed % 40)));
    scenario
}

/// As drawn, but the identity that acts is always among the targets.
fn own_identity(seed: u64) -> Scenario {
    Scenario { own_identity: true, ..Scenario::draw(seed) }
}

/// As drawn, but the replies after the first mint are lost: publish is in doubt.
fn replies_lost(seed: u64) -> Scenario {
    Scenario { lost_replies: vec![3, 4, 5], ..Scenario::draw(seed) }
}

/// As drawn, but the first reply after the probe is lost, and every replica is slower than the look
/// for it: what was minted is denied, and only the sweep is left to find it.
fn stale_after_a_lost_mint(seed: u64) -> Scenario {
    let mut scenario = Scenario::draw(seed);
    scenario.lags.replica = Between::seconds(170, 180);
    scenario.lost_replies = vec![2];
    scenario
}

/// As drawn, but for people who are quick, a hold that lasts, and an abort while it does: an undo
/// of publish is rare otherwise.
fn aborted_in_hold(seed: u64) -> Scenario {
    let mut scenario = Scenario::draw(seed);
    scenario.people.reading = vec![Duration::from_secs(30); 3];
    (scenario.people.pause, scenario.people.reject) = (None, None);
    scenario.people.abort = Some(Duration::from_secs(500 + 40 * (seed % 10)));
    for app in &mut scenario.apps {
        (app.hold_s, app.contain) = (Some(900), false);
    }
    scenario
}

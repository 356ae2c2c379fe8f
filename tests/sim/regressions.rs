//! What seeds have found, each as small as it can be told: a calm tenant, one thing in the way, at
//! every moment of a stretch of time.

use crate::play::{Played, play_out};
use crate::scenario::{Death, Follows, Life, Pick, Scenario};
use reissue::lab::Between;
use std::time::Duration;

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// Plays a calm scenario with one change; every promise holds.
fn holds(change: impl FnOnce(&mut Scenario)) -> Played {
    let mut scenario = Scenario::calm(1);
    change(&mut scenario);
    let played = play_out(scenario, false);
    assert!(played.broken.is_none(), "{}\n{}", played.broken.unwrap_or_default(), played.trace.join("\n"));
    played
}

fn times(played: &Played, what: &str) -> u64 {
    played.counts.get(what).copied().unwrap_or(0)
}

#[test]
fn a_calm_run_is_done() {
    assert_eq!(times(&holds(|_| {}), "ended: Done"), 1);
}

/// It spun on its own request to stop, and never let the clock go on.
#[test]
fn a_run_that_is_asked_to_stop_while_a_value_waits_for_its_next_try_ends() {
    for at in (255..300).step_by(3) {
        holds(|s| {
            s.lags.login_new = Between::seconds(280, 290);
            let death = Some(Death::Stop(seconds(at)));
            s.lives = vec![Life { death, disk: None, power: false, restart: seconds(9), patience: None }];
        });
    }
}

/// The clearance was decided before the drift check: the intent came after the reject, and the run
/// stopped on a log that did not fold; or the mint came after the abort.
#[test]
fn what_people_say_during_the_drift_check_is_obeyed() {
    for at in 0..40 {
        let slow = |s: &mut Scenario| s.lags.request = Between::seconds(2, 3);
        let rejected = holds(|s| {
            slow(s);
            s.people.reject = Some((seconds(at), seconds(60)));
        });
        assert_eq!(times(&rejected, "ended: Done"), 1, "rejected after {at} s");
        holds(|s| {
            slow(s);
            s.people.abort = Some(seconds(at));
        });
        holds(|s| {
            slow(s);
            s.people.approval_life = seconds(300 + at);
        });
    }
}

/// Stale reads said that the removal had not happened; repeating it was refused for half an hour,
/// and the target got stuck although nothing was left to do.
#[test]
fn a_removal_that_stale_reads_deny_is_found_out_at_last() {
    let played = holds(|s| {
        s.lags.replica = Between::seconds(170, 180);
        s.lost_replies = vec![4];
    });
    assert_eq!((times(&played, "looked: retire absent"), times(&played, "ended: Done")), (1, 1));
}

/// A hold without a time ends when others confirm; a consumer that nobody waits for was left
/// without a word in the plan.
#[test]
fn a_consumer_that_nobody_waits_for_is_warned_of() {
    let played = holds(|s| {
        s.apps[0].consumers[1].follows = Follows::Every(3_600);
        s.apps[0].hold_s = None;
        s.apps[0].confirmed_by = vec!["user-0".into()];
    });
    assert_eq!(times(&played, "a consumer was left behind: the plan warned"), 1);
}

/// A sweep was made once: if its removal was lost or refused, the run was finished all the same and
/// the credential stayed.
#[test]
fn a_sweep_is_repeated_until_nothing_is_left() {
    let played = holds(|s| {
        s.lags.replica = Between::seconds(170, 180);
        s.lost_requests = vec![6];
        s.lost_replies = vec![2];
    });
    assert_eq!(times(&played, "looked: mint absent"), 1);
    assert!(times(&played, "sweep found something") >= 2, "{}", played.trace.join("\n"));
}

/// The refusal of the leaked value was recorded as the proof of every other secret that went with it.
#[test]
fn a_refusal_proves_nothing_of_another_secret() {
    let played = holds(|s| {
        s.apps[0].selector = Pick::All;
        s.apps[0].others = vec![false];
    });
    assert_eq!((times(&played, "proved: refused"), times(&played, "proved: absent")), (1, 1));
}

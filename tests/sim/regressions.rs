//! What seeds have found, each as small as it can be told: a calm tenant, one thing in the way, at
//! every moment of a stretch of time.

use crate::aims::{Follows, Off, User};
use crate::play::{Played, play_out};
use crate::scenario::{Death, Life, Scenario};
use reissue::domain::credential::Form;
use reissue::domain::id::ClientId;
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

#[test]
fn every_kind_is_done_in_a_calm_tenant() {
    let user = |block| User { upn: "ann@lab.test".into(), place: "ann-temporary".into(), block };
    let off = || Off { client_id: ClientId::from_random([9; 16]), name: "unused".into() };
    let certificate = holds(|s| s.apps[0].form = Form::Certificate);
    let contained = holds(|s| (s.apps[0].form, s.apps[0].contain) = (Form::Certificate, true));
    let blocked = holds(|s| (s.apps, s.users) = (Vec::new(), vec![user(true)]));
    let reset = holds(|s| (s.apps, s.users) = (Vec::new(), vec![user(false)]));
    let disabled = holds(|s| (s.apps, s.offs) = (Vec::new(), vec![off()]));
    for played in [certificate, contained, blocked, reset, disabled] {
        assert_eq!(times(&played, "ended: Done"), 1, "{}", played.trace.join("\n"));
    }
}

/// Two targets of one application, each with a list of its own.
#[test]
fn a_secret_and_a_certificate_of_one_application_are_rotated_side_by_side() {
    let played = holds(|s| {
        let mut other = Scenario::calm(1).apps.remove(0);
        (other.form, other.place, other.consumers) =
            (Form::Certificate, "app-0-certificate".into(), Vec::new());
        s.apps.push(other);
    });
    assert_eq!(times(&played, "ended: Done") + times(&played, "ended: DoneNotEvicted"), 2);
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

/// One answer that was cut in its middle ended the proof of a credential that was long gone: the
/// target got stuck, and its person was told that the old one was still alive.
#[test]
fn an_answer_that_was_cut_is_asked_for_again() {
    let played = holds(|s| s.faults.cut_body = 60);
    assert!(times(&played, "fault: cut_body") >= 3, "{}", played.trace.join("\n"));
    assert_eq!((times(&played, "target.stuck"), times(&played, "ended: Done")), (0, 1));
}

/// One stale read showed a certificate that had just been taken off: the sweep replaced the whole
/// list once more, and would have lost what somebody else had put there meanwhile.
#[test]
fn a_sweep_looks_twice_before_it_replaces_a_list() {
    for at in (40..200).step_by(20) {
        let played = holds(|s| {
            s.apps[0].form = Form::Certificate;
            s.lags.replica = Between::seconds(19, 22);
            s.people.abort = Some(seconds(at));
        });
        let replaced = times(&played, "a sweep replaced a list that held nothing of ours");
        assert_eq!(replaced, 0, "aborted after {at} s:\n{}", played.trace.join("\n"));
    }
}

/// The value died with its process, the request to remove it was lost, and no replica knew yet that it
/// had been made: its absence was recorded as its removal.
#[test]
fn a_secret_that_no_replica_knows_yet_is_not_called_discarded() {
    let mut looked = 0;
    for at in (1..40).step_by(3) {
        let played = holds(|s| {
            s.lags.replica = Between::seconds(500, 520);
            s.lost_requests = vec![3];
            let death = Some(Death::After(seconds(at)));
            s.lives = vec![Life { death, disk: None, power: false, restart: seconds(9), patience: None }; 2];
        });
        looked += times(&played, "looked: undo of mint absent");
    }
    assert!(looked > 0, "the removal was in doubt");
}

/// An attachment was in doubt, somebody took the certificate off, and it was attached again: at the
/// end the judge had one too many.
#[test]
fn what_others_took_and_we_put_back_is_not_too_many() {
    let played = (0..4).map(|seed| {
        holds(|s| {
            (s.seed, s.apps[0].form, s.lost_replies) = (seed, Form::Certificate, vec![3]);
            s.faults.stranger_removes = 600;
        })
    });
    let put_back: u64 = played.map(|p| times(&p, "what others took was put back")).sum();
    assert!(put_back > 0);
}

/// The answer to a mint was lost, no replica listed it for minutes, the run was aborted, and the sweep
/// looked while they still lagged: the run ended, and its secret stayed.
#[test]
fn a_secret_that_shows_itself_after_the_abort_is_swept() {
    let mut swept = 0;
    for at in [4, 30, 90] {
        let played = holds(|s| {
            (s.lags.replica, s.lost_replies) = (Between::seconds(500, 520), vec![2]);
            s.people.abort = Some(seconds(at));
        });
        swept += times(&played, "sweep found something");
    }
    assert!(swept > 0, "the secret was found");
}

/// The process died twice with a new value in memory. The second one's removal was met by a replica that
/// did not know it yet; the patience of the first removal had long run out, so that was believed.
#[test]
fn a_second_lost_value_has_a_patience_of_its_own() {
    let mut discarded = 0;
    for at in (8..40).step_by(4) {
        let played = holds(|s| {
            s.lags.replica = Between::seconds(60, 80);
            let life = |after, restart| Life {
                death: Some(Death::After(seconds(after))),
                disk: None,
                power: false,
                restart: seconds(restart),
                patience: None,
            };
            s.people.pause = None;
            s.lives = vec![life(at, 1_000), life(at, 9)];
        });
        discarded += times(&played, "value.lost");
    }
    assert!(discarded > 1, "{discarded}");
}

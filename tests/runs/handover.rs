//! The laptop dies, the shift changes: the first operator's machine dies at each write of a run, a
//! second one goes on from the mirror on another machine, and the tenant ends as if nothing had
//! happened. Two operators, one tenant, virtual time.

use crate::support::rehearsal::{APPROVER, Mishap, approver, in_virtual_time};
use crate::support::shift::{Place, Shift};
use crate::support::slate::Slate;
use reissue::domain::approval::handover::HANDOVER_NAMESPACE;
use reissue::domain::id::RunId;
use reissue::domain::note::Note;
use reissue::domain::text::Text;
use reissue::env::{Env, Random};
use reissue::pipeline::handover::{HandoverFailure, HandoverOrder, Ready};
use reissue::pipeline::{ApplyFailure, Guard};
use reissue::trail::MirrorError;
use reissue::trail::inbox::Inbox;
use reissue::trail::verify::{Report, Verdict};
use std::time::Duration;

fn finds(report: &Report) -> String {
    report.findings.iter().map(|f| format!("  [{:?} {:?}] {f}\n", f.check, f.severity)).collect()
}

/// The first machine dies at the n-th write; false if the run was over before.
async fn dies_at(playbook: &str, place: &Place, n: usize, mishap: Mishap, calm: &Slate) -> bool {
    let shift = Shift::begins(playbook, place.clone()).await;
    shift.tenant.go_wrong(n, mishap);
    if let Some(ended) = shift.tenant.unless_it_dies(shift.first.begin(&shift)).await {
        assert!(ended.is_ok(), "{playbook}, calm: {ended:?}");
        return false;
    }
    shift.tenant.disk.crash_process();
    shift.wait_for_the_lease().await;
    let at = format!("{playbook}, {mishap:?} at {n}");
    let second = match shift.hand_over(&shift.second_env()).await {
        Ok(second) => second,
        // The last write gives the lease back: there is nothing left to take over.
        Err(HandoverFailure::Finished(_)) => return false,
        Err(e) => panic!("{at}: {e}"),
    };
    let outcome = second.resume(&shift).await.unwrap_or_else(|e| panic!("{at}: {e}"));
    assert_eq!(outcome.done + outcome.not_evicted, 1, "{at}: {outcome:?}");
    assert_eq!(Slate::of(&shift.tenant).await, *calm, "{at}");
    // Whoever keeps the old key and whoever keeps the new one come to the same judgement.
    for key in [shift.first.home.vkey().unwrap(), second.home.vkey().unwrap()] {
        let report = second.verify(key);
        assert_eq!(report.verdict, Verdict::NotAnchored, "{at}\n{}", finds(&report));
    }
    the_first_comes_back(&shift, &at).await;
    true
}

/// With the mirror, without any, and, where there is a lease, also with another mirror: it is refused.
async fn the_first_comes_back(shift: &Shift, at: &str) {
    let guard = Guard { lease: false, ..shift.mirror.guard(&shift.first.azure) };
    let alone = shift.first.apply(&shift.plan, true, guard).await;
    assert!(matches!(alone, Err(ApplyFailure::Mirror(MirrorError::Taken { .. }))), "{at}: {alone:?}");
    let none = shift.first.apply(&shift.plan, true, Guard::default()).await;
    assert!(matches!(none, Err(ApplyFailure::Mirrored(_))), "{at}: {none:?}");
    if shift.tenant.playbook.stores.is_empty() {
        return;
    }
    let both = shift.first.resume(shift).await;
    let handed = |e: &ApplyFailure| {
        e.to_string().contains("was handed over to second@agency.example (another machine)")
    };
    assert!(matches!(&both, Err(e) if handed(e)), "{at}: {both:?}");
    let other = shift.first.apply(&shift.plan, true, Place::share().guard(&shift.first.azure)).await;
    assert!(matches!(&other, Err(e) if handed(e)), "{at}: {other:?}");
}

fn calm(playbook: &str) -> Slate {
    in_virtual_time(async {
        let shift = Shift::begins(playbook, Place::share()).await;
        shift.first.begin(&shift).await.unwrap();
        Slate::of(&shift.tenant).await
    })
}

fn every_death(playbook: &str, mishaps: &[Mishap]) {
    let calm = calm(playbook);
    for mishap in mishaps {
        // Where there is a store, the first write claims the lease, and before that nothing is begun.
        let first = if std::fs::read_to_string(playbook).unwrap().contains("stores:") { 2 } else { 1 };
        let dies = |n: &usize| in_virtual_time(dies_at(playbook, &Place::share(), *n, *mishap, &calm));
        let deaths = (first..).take_while(dies).count();
        assert!(deaths >= 2, "{playbook}: only {deaths} writes were cut off");
    }
}

#[test]
fn a_secret_rotation_goes_on_after_every_death() {
    every_death("tests/playbooks/saga/app-secret.yaml", &[Mishap::CrashBefore, Mishap::CrashAfter]);
}

#[test]
fn a_certificate_goes_on_after_every_death() {
    every_death("tests/playbooks/saga/app-certificate.yaml", &[Mishap::CrashAfter]);
}

#[test]
fn a_user_and_a_disabled_application_go_on_after_every_death() {
    every_death("tests/playbooks/saga/user-password-blocked.yaml", &[Mishap::CrashBefore]);
    every_death("tests/playbooks/saga/app-disable.yaml", &[Mishap::CrashAfter]);
}

/// Every line is a write there, so deaths between the line and its effect are among these.
fn goes_on_from(place: &Place) {
    let playbook = "tests/playbooks/saga/app-secret.yaml";
    let calm = calm(playbook);
    let deaths = (8..60).step_by(4);
    let went_on = deaths.filter(|n| in_virtual_time(dies_at(playbook, place, *n, Mishap::CrashAfter, &calm)));
    assert!(went_on.count() >= 6);
}

/// The answer to a piece may be lost, or the piece itself: it is looked for, and sent again.
fn survives_lost_answers(place: &Place) {
    for mishap in [Mishap::ReplyLost, Mishap::RequestLost] {
        in_virtual_time(async {
            let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", place.clone()).await;
            (2..40).step_by(3).for_each(|n| shift.tenant.go_wrong(n, mishap));
            let outcome = shift.first.begin(&shift).await.unwrap();
            assert_eq!(outcome.done + outcome.not_evicted, 1, "{mishap:?}: {outcome:?}");
            let held = shift.mirror.mirror(&shift.first.azure).read().await.unwrap();
            let log = shift.first.env.disk.read(&shift.first.home.log().events(), u64::MAX).unwrap();
            assert!(held["events.jsonl"] == log, "{mishap:?}");
        });
    }
}

#[test]
fn a_run_goes_on_from_a_vault() {
    goes_on_from(&Place::Vault);
    survives_lost_answers(&Place::Vault);
}

#[test]
fn a_run_goes_on_from_a_blob() {
    goes_on_from(&Place::Blob);
    survives_lost_answers(&Place::Blob);
}

/// Another administrator writes a version of their own over a piece: it is nobody's piece. A secret
/// that is wholly theirs is no mirror.
#[test]
fn what_others_write_over_a_piece_is_left_aside() {
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::Vault).await;
        let another = async {
            shift.tenant.env.clock.sleep(Duration::from_secs(100)).await;
            shift.tenant.scene.lab.put_vault_secret("kv-ir", "mirror", "x");
        };
        let (ended, ()) = futures::join!(shift.first.begin(&shift), another);
        let outcome = ended.unwrap();
        assert_eq!(outcome.done + outcome.not_evicted, 1, "{outcome:?}");
        let held = shift.mirror.mirror(&shift.first.azure).read().await.unwrap();
        let log = shift.first.env.disk.read(&shift.first.home.log().events(), u64::MAX).unwrap();
        assert!(held["events.jsonl"] == log);
    });
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::Vault).await;
        shift.tenant.scene.lab.put_vault_secret("kv-ir", "mirror", "a password in use");
        let refused = shift.first.begin(&shift).await.unwrap_err();
        assert!(refused.to_string().contains("versions that are no pieces of it"), "{refused}");
    });
}

/// While the first machine lives, nothing is handed over: its lease says so, and its mirror grows.
#[test]
fn nothing_is_taken_from_a_machine_that_lives() {
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::share()).await;
        let takes = async {
            // In the middle of the hold.
            shift.tenant.env.clock.sleep(Duration::from_secs(300)).await;
            let refused = shift.hand_over(&shift.second_env()).await.err().unwrap();
            let held = "author@agency.example (shift) runs this plan, at least until ";
            assert!(refused.to_string().starts_with(held), "{refused}");
        };
        let (ended, ()) = futures::join!(shift.first.begin(&shift), takes);
        assert!(ended.is_ok());
    });
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::share()).await;
        let takes = async {
            // While the new secret is verified.
            shift.tenant.env.clock.sleep(Duration::from_secs(10)).await;
            let refused = shift.hand_over(&shift.second_env()).await.err().unwrap();
            assert!(matches!(refused, HandoverFailure::StillWrites), "{refused}");
        };
        let (ended, ()) = futures::join!(shift.first.begin(&shift), takes);
        assert!(ended.is_ok());
    });
}

/// A first machine that only slept finds the log taken over at its next line: it does nothing more.
#[test]
fn a_machine_that_wakes_up_does_nothing_more() {
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-disable.yaml", Place::share()).await;
        shift.tenant.go_wrong(1, Mishap::CrashBefore);
        let asleep = shift.first.begin(&shift);
        let mut asleep = std::pin::pin!(asleep);
        assert!(shift.tenant.unless_it_dies(&mut asleep).await.is_none());
        let run = shift.first.run();
        let writes = shift.tenant.sent().len();
        let second = shift.hand_over(&shift.second_env()).await.unwrap();
        assert_eq!(second.run(), run);
        // Its inbox is still served: what a person says there cannot be recorded any more.
        let note = Note::Pause { by: Text::lossy("ann"), reason: Text::lossy("?"), run };
        let inbox = Inbox::new(shift.first.env.disk.clone(), &shift.first.home.log());
        inbox.hand_in(note.word(), &serde_json::to_vec(&note).unwrap()).unwrap();
        let ended = asleep.await.unwrap_err();
        assert!(matches!(ended, ApplyFailure::Halt(_)), "{ended:?}");
        assert!(ended.to_string().contains("another machine has taken this log over"), "{ended}");
        assert_eq!(shift.tenant.sent().len(), writes, "nothing was sent");
    });
}

/// A handover that died after it had told the mirror is finished by doing it again.
#[test]
fn a_handover_may_be_repeated() {
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::share()).await;
        shift.tenant.go_wrong(5, Mishap::CrashAfter);
        assert!(shift.tenant.unless_it_dies(shift.first.begin(&shift)).await.is_none());
        shift.wait_for_the_lease().await;
        let env = shift.second_env();
        let second = shift.hand_over(&env).await.unwrap();
        let again = shift.hand_over(&env).await.err().unwrap();
        assert!(again.to_string().contains("holds an installation already"), "{again}");
        env.disk.remove(&second.home.root().join("install.json")).unwrap();
        let second = shift.hand_over(&env).await.unwrap();
        assert!(second.resume(&shift).await.is_ok());
        assert_eq!(second.verify(shift.first.home.vkey().unwrap()).verdict, Verdict::NotAnchored);
        // What is finished is finished.
        let over = shift.hand_over(&shift.second_env()).await.err().unwrap();
        assert!(matches!(over, HandoverFailure::Finished(_)), "{over}");
    });
}

/// The second machine is lost too, before it went on: the lease names it for good, and a third signed
/// handover counts all the same.
#[test]
fn a_second_machine_may_be_lost_too() {
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::share()).await;
        shift.tenant.go_wrong(5, Mishap::CrashAfter);
        assert!(shift.tenant.unless_it_dies(shift.first.begin(&shift)).await.is_none());
        shift.wait_for_the_lease().await;
        let lost = shift.hand_over(&shift.second_env()).await.unwrap();
        let third = Env { random: Random::from_seed(100), ..shift.second_env() };
        let third = shift.hand_over(&third).await.unwrap();
        let late = lost.resume(&shift).await.unwrap_err();
        assert!(late.to_string().contains("was handed over to"), "{late}");
        assert!(third.resume(&shift).await.is_ok());
        assert_eq!(third.verify(shift.first.home.vkey().unwrap()).verdict, Verdict::NotAnchored);
    });
}

/// What does not belong to the first log, or is not endorsed by its people, is refused.
#[test]
fn only_the_log_and_the_people_that_belong_together() {
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::share()).await;
        shift.tenant.go_wrong(5, Mishap::CrashAfter);
        assert!(shift.tenant.unless_it_dies(shift.first.begin(&shift)).await.is_none());
        shift.wait_for_the_lease().await;
        let mirror = shift.mirror.mirror(&shift.first.azure);
        let run = shift.first.run();
        let told = |order: HandoverOrder| {
            let (env, mirror) = (shift.second_env(), mirror.clone());
            async move { Ready::read(&env, mirror.as_ref(), order).await.err().map(|e| e.to_string()) }
        };
        let mut other_roster = shift.order(run.clone());
        other_roster.roster.extend(b"\n# another\n");
        let mut other_run = shift.order(run.clone());
        other_run.run = RunId::new(1, [0; 10]);
        let mut stranger = shift.order(run.clone());
        stranger.approver = Text::lossy("eve@agency.example");
        let mut other_key = shift.order(run.clone());
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        other_key.key = Some(text.parse().unwrap());
        for (order, why) in [
            (other_roster, "is not the one that was pinned"),
            (other_run, "has no run 0000"),
            (stranger, "eve@agency.example is not in the roster"),
            (other_key, "log.vkey is not the key that was given"),
        ] {
            let refused = told(order).await.unwrap_or_default();
            assert!(refused.contains(why), "{why}: {refused}");
        }
        // Nobody hands over to oneself, and no signature stands for another.
        let mut alone = shift.order(run.clone());
        alone.operator = Text::lossy(APPROVER);
        for (order, space, why) in [
            (alone, HANDOVER_NAMESPACE, "is the operator who goes on"),
            (shift.order(run), "plan-approval@reissue.v1", "it was signed for"),
        ] {
            let env = shift.second_env();
            let ready = Ready::read(&env, mirror.as_ref(), order).await.unwrap();
            let bytes = ready.handover.as_ref().unwrap().to_bytes().unwrap();
            let signed = approver().sign_bytes(bytes, space).unwrap();
            let refused = ready.finish(&env, mirror.as_ref(), Some(&signed), None).await.err().unwrap();
            assert!(refused.to_string().contains(why), "{refused}");
        }
    });
}

/// Two runs at one application: whoever sees the other's mark in the middle of its own run stops
/// that target.
#[test]
fn a_target_that_bears_another_runs_mark_stops() {
    in_virtual_time(async {
        let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::share()).await;
        let plan = shift.tenant.plan().await.unwrap();
        let object = plan.changes().next().unwrap().observation.objects[0].id.to_string();
        let another = async {
            // In the middle of the hold.
            shift.tenant.env.clock.sleep(Duration::from_secs(300)).await;
            let url = format!("https://graph.microsoft.com/v1.0/applications/{object}/addPassword");
            let body = r#"{"passwordCredential":{"displayName":"reissue-0123456789"}}"#;
            assert_eq!(shift.tenant.by_hand("POST", &url, body).await, 200);
        };
        let (ended, ()) = futures::join!(shift.first.begin(&shift), another);
        // It was published, and nothing stood there before: a person decides. Nothing old is gone.
        let outcome = ended.unwrap();
        assert_eq!((outcome.stuck, outcome.done), (1, 0), "{outcome:?}");
        let told = shift.tenant.told(&["another_run", "target.stuck", "retired"]);
        assert!(told.contains("\"stops\":true") && told.contains("\"cause\""), "{told}");
        assert!(!told.contains("retired"), "{told}");
    });
}

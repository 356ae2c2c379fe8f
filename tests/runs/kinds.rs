//! What is particular to a kind, and what every kind must live through.

use crate::support::rehearsal::{Mishap, Rehearsal, in_virtual_time};
use crate::support::slate::{Published, Slate};
use bytes::Bytes;
use reissue::connector::registry;
use reissue::domain::plan::Warning;
use reissue::engine::{Left, Outcome};
use reissue::lab::Faults;

fn saga(name: &str) -> String {
    std::fs::read_to_string(format!("tests/playbooks/saga/{name}.yaml")).unwrap()
}

fn is_done(outcome: &Outcome) -> bool {
    outcome.left == Left::Finished && outcome.done + outcome.not_evicted == 1
}

/// Another writer's list took the partner's certificate away while ours was attached: nothing more
/// is done, and the sheet holds what puts it back.
#[test]
fn a_damaged_list_is_left_to_a_person_with_what_restores_it() {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&saga("app-certificate"));
        rehearsal.go_wrong(3, Mishap::Without("partner's own"));
        let (plan, outcome) = rehearsal.run_and_keep_the_plan().await;
        assert_eq!(outcome.stuck, 1, "{outcome:?}");
        assert_eq!(rehearsal.sent().len(), 3, "nothing was written after it: {:#?}", rehearsal.sent());
        let target = plan.changes().next().unwrap();
        let seen = &target.observation.credentials;
        let lost = seen.iter().find(|c| c.name.as_deref() == Some("partner's own")).unwrap();
        let state = rehearsal.recovered_state(&plan);
        let lines = registry::kind(&target.kind).unwrap().by_hand(&state, &plan.header);
        let restores = lines.iter().find(|l| l.contains("$planned")).unwrap();
        assert!(restores.contains(lost.credential.id.as_str()));
        assert!(restores.contains(lost.public_key.as_deref().unwrap()));
    });
}

/// Microsoft's pages differ about the audience of a proof: where it is not taken, the list is
/// replaced instead, and the end is the same.
#[test]
fn where_a_proof_is_not_taken_the_list_is_replaced() {
    in_virtual_time(async {
        let calm = {
            let mut rehearsal = Rehearsal::new(&saga("app-certificate"));
            assert!(is_done(&rehearsal.run().await.unwrap()));
            Slate::of(&rehearsal).await
        };
        let mut rehearsal = Rehearsal::new(&saga("app-certificate"));
        *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(|request| {
            let body = r#"{"error":{"code":"Authentication_MissingOrMalformed","message":"no"}}"#;
            let answer = || http::Response::builder().status(401).body(Bytes::from_static(body.as_bytes()));
            request.uri().path().ends_with("/removeKey").then(|| answer().unwrap())
        }));
        assert!(is_done(&rehearsal.run().await.unwrap()));
        assert_eq!(rehearsal.sent().last().unwrap().method, "PATCH");
        assert_eq!(Slate::of(&rehearsal).await, calm);
    });
}

#[test]
fn a_key_that_may_not_leave_the_vault_is_published_as_an_address() {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&saga("app-certificate-not-exportable"));
        let (plan, outcome) = rehearsal.run_and_keep_the_plan().await;
        assert!(is_done(&outcome));
        assert!(plan.changes().next().unwrap().warnings.contains(&Warning::PointerOnly));
        let value = rehearsal.scene.lab.vault_secret("kv-ir", "payroll-cert").unwrap();
        assert!(value.starts_with("https://kv-ir.vault.azure.net/certificates/payroll-cert-"), "{value}");
    });
}

/// The reset was carried out although its answer said no: the block is not lifted by an undo.
#[test]
fn a_user_whose_password_was_reset_stays_blocked() {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&saga("user-password-blocked"));
        rehearsal.go_wrong(4, Mishap::Denied);
        let outcome = rehearsal.run().await.unwrap();
        assert_eq!(outcome.stuck, 1, "{outcome:?}");
        let Slate::User { enabled, leaked, .. } = Slate::of(&rehearsal).await else { panic!("a user") };
        assert!(!enabled);
        assert_eq!(leaked, Err(50_057));
    });
}

/// A user who is mastered on premises: nothing is written before people have said that they reset
/// the password there, and the proof says how it is known.
#[test]
fn a_synced_user_waits_at_the_gate_and_the_proof_says_what_it_rests_on() {
    for (hashes_are_synchronised, proof) in [(true, "\"timestamps\""), (false, "\"attested\"")] {
        in_virtual_time(async {
            let mut rehearsal = Rehearsal::new(&saga("user-password-on-premises-blocked"));
            rehearsal.hashes_are_synchronised = hashes_are_synchronised;
            let outcome = rehearsal.run().await.unwrap();
            assert!(is_done(&outcome), "{outcome:?}");
            assert_eq!(rehearsal.sent().len(), 1, "{:#?}", rehearsal.sent());
            assert!(rehearsal.sent()[0].path.ends_with("/revokeSignInSessions"));
            assert_eq!(rehearsal.told(&["consumer.confirmed"]).lines().count(), 3);
            assert!(rehearsal.told(&["\"proved\""]).contains(proof), "{}", rehearsal.told(&["proved"]));
        });
    }
}

/// The application's own switch is refused for good: what was switched off stays off, and the end
/// says that a part is missing.
#[test]
fn a_disable_that_the_cloud_takes_in_part_is_partial() {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&saga("app-disable"));
        *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(|request| {
            let body =
                r#"{"error":{"code":"Request_BadRequest","message":"Invalid property 'isDisabled'."}}"#;
            let answer = || http::Response::builder().status(400).body(Bytes::from_static(body.as_bytes()));
            let disables = request.method() == "PATCH" && request.uri().path().contains("/applications/");
            disables.then(|| answer().unwrap())
        }));
        let outcome = rehearsal.run().await.unwrap();
        assert_eq!((outcome.partial, outcome.done, outcome.undone), (1, 0, 0), "{outcome:?}");
        let Slate::App { application_off, principal_on, .. } = Slate::of(&rehearsal).await else {
            panic!("an app")
        };
        assert_eq!((application_off, principal_on), (false, false));
        assert!(rehearsal.told(&["run.finished"]).contains("\"partial\":1"));
    });
}

/// What the log says that we switched off is switched on again, in a plan of its own; what the
/// first run left alone is not.
#[test]
fn a_disabled_application_is_restored_from_the_recorded_snapshot() {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&saga("app-disable"));
        let before = Slate::of(&rehearsal).await;
        assert!(is_done(&rehearsal.run().await.unwrap()));
        rehearsal.known = rehearsal.known_from_the_log();
        assert_eq!(rehearsal.known.switched_off.len(), 2);
        rehearsal.reads(&saga("app-enable"));
        let plan = rehearsal.plan().await.unwrap();
        assert!(is_done(&rehearsal.carry_on_with(&plan).await.unwrap()), "{}", rehearsal.troubles());
        assert_eq!(Slate::of(&rehearsal).await, before);
        assert!(rehearsal.known_from_the_log().switched_off.is_empty());
    });
}

fn own_secret_last() -> String {
    let own = "  - app: 0e155ed0-0000-4000-8000-00000000a11e\n    name: reissue-operator\n    self: last\n    \
               rotate: { secret: { hint: own }, publish: { store: ir, name: reissue-operator }, hold: { time: 10m } }\n";
    let (head, targets) =
        saga("app-secret").split_once("targets:\n").map(|(h, t)| (h.to_owned(), t.to_owned())).unwrap();
    format!("{head}targets:\n{own}{targets}")
}

/// The identity in use is its own last target: it begins when everything else is over, and from the
/// moment that its old secret goes the run acts with the new one.
#[test]
fn our_own_secret_goes_last_and_the_new_one_is_adopted() {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&own_secret_last());
        let outcome = rehearsal.run().await.unwrap();
        assert_eq!(outcome.done + outcome.not_evicted, 2, "{outcome:?}\n{}", rehearsal.troubles());
        let events = rehearsal.told(&["target.started", "target.ended"]);
        let at = |part: &str| events.lines().position(|l| l.contains(part)).unwrap();
        assert!(at("reissue-operator") > at("\"ending\""), "{events}");
        // A token of its own, long after every old one has ended.
        rehearsal.env.clock.sleep(std::time::Duration::from_secs(3 * 3_600)).await;
        rehearsal.azure.who_am_i().await.unwrap();
    });
}

/// A process that was started with the old secret, after the new one was adopted by another, takes
/// the new one from the store before it takes the old one away.
#[test]
fn a_crash_does_not_make_us_saw_off_our_own_branch() {
    let writes = in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&own_secret_last());
        rehearsal.run().await.unwrap();
        rehearsal.sent().len()
    });
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(&own_secret_last());
        rehearsal.go_wrong(writes, Mishap::CrashBefore);
        let outcome = rehearsal.run().await.unwrap();
        assert_eq!(outcome.done + outcome.not_evicted, 2, "{outcome:?}\n{}", rehearsal.troubles());
        rehearsal.env.clock.sleep(std::time::Duration::from_secs(3 * 3_600)).await;
        rehearsal.azure.who_am_i().await.unwrap();
    });
}

/// Two secrets leaked, and one value is at hand: its refusal proves nothing of the other, which is
/// proved by its absence.
#[test]
fn a_refusal_proves_nothing_of_another_secret() {
    in_virtual_time(async {
        let all = saga("app-secret").replace("secret: { hint: x7Q }", "secret: all");
        let mut rehearsal = Rehearsal::new(&all);
        assert!(is_done(&rehearsal.run().await.unwrap()));
        let proofs = rehearsal.told(&["\"proved\""]);
        let count = |how: &str| proofs.matches(&format!("\"proof\":\"{how}\"")).count();
        assert_eq!((count("refused"), count("absent")), (1, 1), "{proofs}");
    });
}

/// Lost lines, throttling, conflicts, stale replicas: the end is the same as in calm weather.
#[test]
fn every_kind_weathers_a_hostile_tenant() {
    let weather = Faults::hostile().without_strangers();
    for file in std::fs::read_dir("tests/playbooks/saga").unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let calm = in_virtual_time(async {
            let mut rehearsal = Rehearsal::new(&text);
            rehearsal.run().await.unwrap();
            Slate::of(&rehearsal).await
        });
        for seed in 1..=4 {
            in_virtual_time(async {
                let mut rehearsal = Rehearsal::seeded(&text, seed);
                let plan = rehearsal.plan().await.unwrap();
                rehearsal.scene.lab.set_faults(weather.clone());
                let outcome = rehearsal.carry_out(&plan).await.unwrap();
                rehearsal.scene.lab.set_faults(Faults::default());
                assert!(is_done(&outcome), "{text}\nseed {seed}: {outcome:?}\n{}", rehearsal.troubles());
                let after = Slate::of(&rehearsal).await;
                assert_eq!(
                    shape(after),
                    shape(calm.clone()),
                    "{text}\nseed {seed}: {}",
                    rehearsal.troubles()
                );
            });
        }
    }
}

/// A slate whose random ids do not matter.
fn shape(slate: Slate) -> (usize, usize, String) {
    match slate {
        Slate::App { credentials, application_off, principal_on, published } => {
            let ours = credentials.iter().filter(|c| *c == "ours").count();
            let published = match published {
                Published::New { works } => format!("new {works}"),
                other => format!("{other:?}"),
            };
            (credentials.len(), ours, format!("{application_off} {principal_on} {published}"))
        }
        Slate::User { .. } => (0, 0, format!("{slate:?}")),
    }
}

//! A log that was handed over, judged by reissue and by the verifier that shares no code with it;
//! and one that was handed over by nobody.

use crate::support::rehearsal::{Mishap, approver, in_virtual_time};
use crate::support::shift::{Machine, Place, Shift};
use reissue::domain::approval::handover::HANDOVER_NAMESPACE;
use reissue::domain::approval::{Handover, SignedApproval, Signer};
use reissue::domain::event::{Event, LogHandedOver};
use reissue::domain::id::Digest;
use reissue::trail::export::{Bundle, unpack};
use reissue::trail::home::Found;
use reissue::trail::verify::{Anchor, Trust, keys_of, verify};
use reissue::trail::{FolderMirror, Home, LogKey, VerifierKey};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// A run whose first machine died, and what it left in its mirror.
async fn orphaned() -> Shift {
    let shift = Shift::begins("tests/playbooks/saga/app-secret.yaml", Place::share()).await;
    shift.tenant.go_wrong(5, Mishap::CrashAfter);
    assert!(shift.tenant.unless_it_dies(shift.first.begin(&shift)).await.is_none());
    shift.wait_for_the_lease().await;
    shift
}

/// Exit codes of both judges, with the newest checkpoint as an anchor, and what they found.
fn judged(machine: &Machine, key: &VerifierKey) -> (u8, u8, String) {
    let bundle = Bundle::gather(&machine.env.disk, &machine.home.log()).unwrap();
    let note = bundle.get("checkpoints/checkpoint").unwrap().to_vec();
    let unpacked = unpack(&bundle.to_tar().unwrap()).unwrap();
    let keys = keys_of(unpacked.disk.as_ref(), &unpacked.folder, key).unwrap();
    let anchor = keys.iter().find_map(|key| Anchor::from_checkpoint("safe", &note, key, None).ok());
    let given = anchor.is_some();
    let trust = Trust {
        key: key.clone(),
        roster: None,
        anchors: anchor.into_iter().collect(),
        keepers: Default::default(),
    };
    let ours = verify(&unpacked.disk, &unpacked.folder, &trust).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (tar, anchor) = (folder.path().join("bundle.tar"), folder.path().join("anchor"));
    std::fs::write(&tar, bundle.to_tar().unwrap()).unwrap();
    std::fs::write(&anchor, note).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let (key, tar, anchor) = (key.to_string(), tar.to_str().unwrap(), anchor.to_str().unwrap());
    let mut command = Command::new("python3");
    command.args([script, tar, &key]).args(given.then_some(anchor));
    let ran = command.output().unwrap();
    let mut said = String::from_utf8_lossy(&ran.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&ran.stderr));
    said.extend(ours.findings.iter().map(|f| format!("\nours: {f}")));
    (ours.verdict.exit_code(), u8::try_from(ran.status.code().unwrap()).unwrap(), said)
}

#[test]
fn both_judges_accept_a_handover_under_either_key() {
    in_virtual_time(async {
        let shift = orphaned().await;
        let second = shift.hand_over(&shift.second_env()).await.unwrap();
        second.resume(&shift).await.unwrap();
        for key in [shift.first.home.vkey().unwrap(), second.home.vkey().unwrap()] {
            let (ours, theirs, said) = judged(&second, &key);
            assert_eq!((ours, theirs), (0, 0), "{said}");
        }
        let stranger = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let (ours, theirs, said) = judged(&second, &stranger.parse().unwrap());
        assert_eq!((ours, theirs), (1, 1), "{said}");
    });
}

/// What is changed in a statement before it is signed.
type Twist = fn(&mut Handover);

/// Whoever holds the mirror makes a key and hands the log over to it, however he can.
async fn seized(shift: &Shift, sign: &dyn Fn(&Handover) -> SignedApproval, twist: Twist) -> Machine {
    let env = shift.second_env();
    let mirror = shift.mirror.mirror(&shift.first.azure);
    let order = shift.order(shift.first.run());
    let roster = order.roster.clone();
    let found = Found::judge(mirror.read().await.unwrap(), None, Digest::of(&roster)).unwrap();
    let ready = reissue::pipeline::handover::Ready::read(&env, mirror.as_ref(), order).await.unwrap();
    let mut statement = ready.handover.clone().unwrap();
    twist(&mut statement);
    let signed = sign(&statement);
    let (said, signature) = (Digest::of(&signed.statement_bytes), Digest::of(signed.armored.as_bytes()));
    let key = LogKey::load(env.disk.as_ref(), Path::new("/second/log.key")).unwrap();
    let event = LogHandedOver { to: statement.to.clone(), ..statement.event(said, signature) };
    let own = FolderMirror::new(env.disk.clone(), "/nowhere");
    let copy = mirror.read().await.unwrap();
    for (file, bytes) in copy {
        env.disk.write_atomic(&Path::new("/nowhere").join(file), &bytes).unwrap();
    }
    let about = shift.first.home.install.clone();
    let home =
        Home::take_over(&env, Path::new("/second"), about, found, (&key, Some((&signed, event))), &own);
    Machine { home: home.await.unwrap(), azure: shift.first.azure.clone(), env }
}

#[test]
fn both_judges_find_a_handover_by_nobody() {
    in_virtual_time(async {
        let shift = orphaned().await;
        let stranger = Signer::from_seed(&[9; 32], "eve").unwrap();
        let by = |signer: Signer, space: &'static str| {
            move |h: &Handover| signer.sign_bytes(h.to_bytes().unwrap(), space).unwrap()
        };
        let honest = seized(&shift, &by(approver(), HANDOVER_NAMESPACE), |_| {}).await;
        let key = shift.first.home.vkey().unwrap();
        let (ours, theirs, said) = judged(&honest, &key);
        assert_eq!((ours, theirs), (4, 4), "the run is open, nothing else: {said}");
        let nothing: Twist = |_| {};
        let cases: [(Signer, &'static str, Twist); 5] = [
            (stranger, HANDOVER_NAMESPACE, nothing),
            (approver(), "plan-approval@reissue.v1", nothing),
            (approver(), HANDOVER_NAMESPACE, |h| h.size -= 1),
            (approver(), HANDOVER_NAMESPACE, |h| h.root = Digest::of(b"another")),
            (approver(), HANDOVER_NAMESPACE, |h| h.operator = h.approver.clone()),
        ];
        for (n, (signer, space, twist)) in cases.into_iter().enumerate() {
            let seized = seized(&shift, &by(signer, space), twist).await;
            let (ours, theirs, said) = judged(&seized, &key);
            assert_eq!((ours, theirs), (1, 1), "case {n}: {said}");
        }
    });
}

/// The line stands for what was signed, and for nothing else.
#[test]
fn the_line_is_what_was_signed() {
    in_virtual_time(async {
        let shift = orphaned().await;
        let second = shift.hand_over(&shift.second_env()).await.unwrap();
        let log = reissue::trail::Reader::open(second.env.disk.as_ref(), &second.home.log()).unwrap();
        let events: Vec<Event> = log.map(|read| read.unwrap().line.event).collect();
        let Some(Event::LogHandedOver(event)) = events.last() else { panic!("it is the last line") };
        let objects = reissue::trail::Objects::new(Arc::clone(&second.env.disk), &second.home.log());
        let said = Handover::from_bytes(&objects.get(&event.statement, 1 << 14).unwrap()).unwrap();
        assert_eq!(said.size, events.len() as u64 - 1);
        assert_eq!(said.event(event.statement, event.signature), *event);
        assert!(said.to_string().contains("second@agency.example goes on with it on another machine"));
    });
}

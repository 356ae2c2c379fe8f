//! Approvals that a card signed, in a log: both judges, forgeries that only the holder of the log's key
//! could write, and files that were touched. The verifier without our code asks openssl; without it, it says
//! what it has not checked.

use crate::support::approvals::{PEOPLE, roster_yaml};
use crate::support::cards::{self, Issuer, LISTED_FROM, LISTED_UNTIL, P256, openssl_is_here, with_card};
use crate::support::judges::both;
use crate::support::log::{Log, Story, object_of, statement_of, written};
use reissue::domain::approval::SignedApproval;
use reissue::domain::event::Event;
use reissue::domain::id::Digest;
use reissue::env::Disk;
use std::process::Command;
use std::rc::Rc;

/// Ann signs with her card: how, is said by `how`.
fn story(issuer: &Rc<Issuer>, certificates: &[Digest], how: fn(&Issuer, &[u8]) -> String) -> Story {
    let roster = with_card(&roster_yaml(&[]), &issuer.text("ca.pem"), PEOPLE[1].0, certificates);
    let issuer = issuer.clone();
    let by_card = move |i: usize, signed: SignedApproval| match i {
        0 => SignedApproval { armored: how(&issuer, &signed.statement_bytes), ..signed },
        _ => signed,
    };
    Story { roster, by_card: Some(Box::new(by_card)), ..Story::default() }
}

fn honest(issuer: &Issuer, statement: &[u8]) -> String {
    issuer.signed("ann", statement, "")
}

fn judged(log: &Log) -> (u8, u8, String) {
    both(&log.disk, &log.folder, log.key().public())
}

#[tokio::test(start_paused = true)]
async fn a_card_beside_a_key() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Rc::new(Issuer::new("issuing-ca"));
    let ann = issuer.issue("ann", P256);
    let log = written(&story(&issuer, &[ann], honest)).await;
    let (ours, theirs, said) = judged(&log);
    assert_eq!((ours, theirs), (3, 3), "{said}");
    // By somebody who has no openssl: nothing is told to be tampered with, and nothing to be whole.
    let folder = tempfile::tempdir().unwrap();
    let disk: std::sync::Arc<dyn Disk> = std::sync::Arc::new(log.disk.clone());
    let tar = reissue::trail::export::Bundle::gather(&disk, &log.folder).unwrap().to_tar().unwrap();
    let file = folder.path().join("bundle.tar");
    std::fs::write(&file, tar).unwrap();
    let python = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    let python = String::from_utf8(python.stdout).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let ran = Command::new(python.trim())
        .args([script, file.to_str().unwrap(), &log.key().public().to_string()])
        .env("PATH", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(ran.status.code(), Some(4), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(
        said.contains("the signature of ann@agency.example was NOT CHECKED: openssl cannot be run"),
        "{said}"
    );
    assert!(!said.contains("TAMPERED"), "{said}");
}

/// What is recorded, and what both say of it. The last column: whether openssl alone sees it too.
type Row = (&'static str, fn(&Issuer, &[u8]) -> String, &'static str, bool);

const FORGED: [Row; 10] = [
    ("another statement", |i, _| i.signed("ann", b"{}", ""), "the content was changed", true),
    ("a card that nobody has", |i, s| i.signed("unlisted", s, ""), "is nobody's in the roster", true),
    ("a card that was revoked", |i, s| i.signed("gone", s, ""), "was revoked", true),
    ("no list of revoked ones", bare, "no list of revoked certificates", true),
    ("a stale list", |i, s| i.enclose(&i.sign("ann", s, ""), "stale"), "was not current", true),
    ("the list of another issuer", others_list, "no list of revoked certificates", true),
    ("an authority's certificate", |i, s| i.signed("ca", s, ""), "that of an authority", false),
    ("an old hash", |i, s| i.signed("ann", s, "-md sha1"), "not SHA-256, SHA-384", false),
    ("no signed attributes", |i, s| i.signed("ann", s, "-noattr"), "signs no attributes", false),
    ("two signers", |i, s| i.signed("ann", s, "-signer gone.pem -inkey gone.key"), "2 signers", true),
];

fn bare(issuer: &Issuer, statement: &[u8]) -> String {
    let text = honest(issuer, statement);
    text[..text.find("-----BEGIN X509").unwrap()].to_owned()
}

fn others_list(issuer: &Issuer, statement: &[u8]) -> String {
    Issuer::new("other-ca").enclose(&issuer.sign("ann", statement, ""), "crl")
}

#[tokio::test(start_paused = true)]
async fn what_even_the_holder_of_the_key_cannot_record() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Rc::new(Issuer::with("issuing-ca", "signing_issuer", (cards::FROM, cards::UNTIL)));
    let listed = [issuer.issue("ann", P256), issuer.issue("gone", P256), issuer.digest("ca")];
    issuer.issue("unlisted", P256);
    issuer.list("stale", (LISTED_FROM, "20261121000000Z"));
    issuer.revoke("gone");
    issuer.list("crl", (LISTED_FROM, LISTED_UNTIL));
    for (name, how, says, both_see) in FORGED {
        let (ours, theirs, said) = judged(&written(&story(&issuer, &listed, how)).await);
        assert_eq!(ours, 1, "{name}\n{said}");
        assert!(said.contains(says), "{name}\n{said}");
        assert!(theirs == 1 || !both_see, "{name}: {theirs}\n{said}");
    }
}

/// A file of the log, and what becomes of it.
type Touch = (&'static str, fn(&Log, &Issuer));

fn signature_of(event: &Event) -> Option<Digest> {
    match event {
        Event::ApprovalRecorded(e) => Some(e.signature),
        _ => None,
    }
}

fn rewrite(log: &Log, change: impl Fn(String) -> String) {
    let path = object_of(log, signature_of);
    let text = String::from_utf8(log.disk.read(&path, 1 << 20).unwrap()).unwrap();
    assert!(text.starts_with("-----BEGIN CMS-----"));
    let changed = change(text.clone());
    assert_ne!(text, changed);
    log.disk.write_atomic(&path, changed.as_bytes()).unwrap();
}

const TOUCHED: [Touch; 6] = [
    ("the signature is gone", |log, _| log.disk.remove(&object_of(log, signature_of)).unwrap()),
    ("the signature is cut", |log, _| rewrite(log, |t| t[..t.len() / 2].to_owned())),
    ("its list of revoked ones is cut off", |log, _| {
        rewrite(log, |t| t[..t.find("-----BEGIN X509").unwrap()].to_owned())
    }),
    ("its list is another one of the same issuer", |log, issuer| {
        issuer.list("later", (LISTED_FROM, "20261128000000Z"));
        rewrite(log, |t| t[..t.find("-----BEGIN X509").unwrap()].to_owned() + &issuer.text("later.pem"))
    }),
    ("it is signed again", |log, issuer| {
        let statement = log.disk.read(&object_of(log, statement_of), 1 << 20).unwrap();
        rewrite(log, |_| issuer.signed("ann", &statement, ""))
    }),
    ("the roster names another certificate", |log, issuer| {
        let opened = |e: &Event| match e {
            Event::LogOpened(e) => Some(e.roster),
            _ => None,
        };
        let path = object_of(log, opened);
        let text = String::from_utf8(log.disk.read(&path, 1 << 20).unwrap()).unwrap();
        let text = text.replace(&issuer.digest("ann").hex(), &"a".repeat(64));
        log.disk.write_atomic(&path, text.as_bytes()).unwrap();
    }),
];

#[tokio::test(start_paused = true)]
async fn files_of_the_trail_that_were_touched() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Rc::new(Issuer::new("issuing-ca"));
    let ann = issuer.issue("ann", P256);
    for (name, touch) in TOUCHED {
        let log = written(&story(&issuer, &[ann], honest)).await;
        touch(&log, &issuer);
        let disk: std::sync::Arc<dyn Disk> = std::sync::Arc::new(log.disk.clone());
        // A bundle is not made of a log with a hole; the folder itself is judged.
        let report = reissue::trail::verify::verify(
            &disk,
            &log.folder,
            &reissue::trail::verify::Trust { roster: None, ..log.trust(vec![]) },
        );
        assert_eq!(report.unwrap().verdict.exit_code(), 1, "{name}");
        if name != "the signature is gone" {
            let (ours, theirs, said) = judged(&log);
            assert_eq!((ours, theirs), (1, 1), "{name}\n{said}");
        }
    }
}

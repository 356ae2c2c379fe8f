//! One judge per kind of file: each says more than "it does not panic".
//!
//! What was read is written back and must be the same bytes, so that no two files mean the same;
//! what was refused is refused in printable words, with a place that exists.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use super::approvals::{self, ORIGIN};
use reissue::connector::syntaxes;
use reissue::domain::approval::card::{Authority, is_cms};
use reissue::domain::approval::show::show;
use reissue::domain::approval::{Roster, SignedApproval, Statement};
use reissue::domain::event::Line;
use reissue::domain::fleet;
use reissue::domain::id::Digest;
use reissue::domain::plan::file::{self, PlanError};
use reissue::domain::plan::{Plan, PlanHeader, Planned};
use reissue::domain::playbook::{Diagnostic, Diagnostics, Span, check_bytes};
use reissue::domain::text::is_hostile;
use reissue::env::{MemoryDisk, Random};
use reissue::trail::anchors::cosigned::{Cosigned, with_line};
use reissue::trail::anchors::{Authorities, CosignerKey, Policy, Record, Stamp};
use reissue::trail::{Checkpoint, LogKey, VerifierKey, note};
use std::collections::BTreeSet;
use std::path::Path;

/// A function that judges bytes, by the name of its seeds' folder.
pub type Judge = fn(&[u8]);

/// Every judge.
pub const ALL: [(&str, Judge); 9] = [
    ("anchor", anchor),
    ("checkpoint_note", checkpoint_note),
    ("fleet", fleet),
    ("log_line", log_line),
    ("plan", plan),
    ("playbook", playbook),
    ("roster", roster),
    ("signature", signature),
    ("time_stamp", time_stamp),
];

/// Words that reach a terminal or a log.
fn printable(words: &str) {
    let bad = words.chars().find(|c| is_hostile(*c));
    assert!(bad.is_none(), "{bad:?} in {words:?}");
}

/// A finding stands where it says, in the text that is shown with it.
fn well_placed(text: &str, at: Span) {
    let Span { offset, len, line, column } = at;
    assert!(text.get(offset..offset + len).is_some(), "{at:?} is not in the text");
    let there = Span::locate(text, offset, len);
    assert_eq!((line, column), (there.line, there.column), "{at:?}");
}

pub fn playbook(bytes: &[u8]) {
    match check_bytes(bytes, &syntaxes(), None) {
        Ok(valid) => {
            assert_eq!(valid.digest, Digest::of(bytes));
            assert!(!valid.targets.is_empty());
        }
        Err(diagnostics) => well_told(&diagnostics),
    }
}

pub fn fleet(bytes: &[u8]) {
    match fleet::check_bytes(bytes) {
        Ok(fleet) => {
            assert!(!fleet.tenants.is_empty());
            let names: BTreeSet<&str> = fleet.tenants.iter().map(|t| t.name.as_str()).collect();
            assert_eq!(names.len(), fleet.tenants.len());
            names.iter().for_each(|name| printable(name));
            assert!(fleet.tenants.iter().all(|t| t.acts.is_some() || t.lab.is_some()));
        }
        Err(diagnostics) => well_told(&diagnostics),
    }
}

fn well_told(diagnostics: &Diagnostics) {
    let text = diagnostics.text();
    assert!(!text.chars().any(|c| is_hostile(c) && !matches!(c, '\n' | '\t')));
    assert!(!diagnostics.found().is_empty());
    for Diagnostic { code: _, at, message, also, hint, hidden: _ } in diagnostics.found() {
        printable(message);
        hint.iter().for_each(|h| printable(h));
        well_placed(text, *at);
        if let Some(also) = also {
            printable(&also.value);
            well_placed(text, also.at);
        }
    }
}

pub fn plan(bytes: &[u8]) {
    match file::read(bytes) {
        Ok((plan, digest)) => {
            assert_eq!(digest, Digest::of(bytes));
            assert!(file::write(&plan).unwrap() == bytes, "a plan has one spelling");
        }
        Err(e) => {
            printable(&e.to_string());
            if let PlanError::Line { line, .. } | PlanError::Order { line, .. } | PlanError::Torn { line } = e
            {
                assert!(1 <= line && line <= bytes.split(|b| *b == b'\n').count(), "line {line}");
            }
        }
    }
    if let Some(plan) = put_together(bytes) {
        let bytes = file::write(&plan).unwrap();
        match file::read(&bytes) {
            Ok((read, _)) => assert_eq!(read, plan),
            Err(PlanError::Order { .. } | PlanError::Count { .. } | PlanError::Version(_)) => {}
            Err(e) => panic!("what was written is refused: {e}"),
        }
    }
}

/// A plan of the lines that can be read, with the root that they have: chance does not find one.
fn put_together(bytes: &[u8]) -> Option<Plan> {
    let mut lines = bytes.split(|b| *b == b'\n');
    let mut header: PlanHeader = serde_json::from_slice(lines.next()?).ok()?;
    let targets: Vec<Planned> = lines.filter_map(|l| serde_json::from_slice(l).ok()).collect();
    header.root = file::root(&targets).ok()?;
    header.counts.targets = u32::try_from(targets.len()).ok()?;
    Some(Plan { header, targets })
}

pub fn log_line(bytes: &[u8]) {
    match Line::from_bytes(bytes) {
        Ok(line) => {
            assert!(line.to_bytes().unwrap() == bytes, "a line has one spelling");
            let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            let canonical = serde_json_canonicalizer::to_vec(&value).unwrap();
            assert!(canonical == bytes, "{} is not canonical", String::from_utf8_lossy(bytes));
        }
        Err(e) => printable(&e.to_string()),
    }
}

/// The key that the seeds are signed with.
pub fn log_key() -> LogKey {
    LogKey::create(&MemoryDisk::default(), Path::new("key"), &Random::from_seed(7), ORIGIN).unwrap()
}

pub fn checkpoint_note(bytes: &[u8]) {
    let key = log_key();
    match Checkpoint::open(bytes, key.public()) {
        Ok(head) => assert!(bytes.starts_with(head.text().as_bytes()), "a head has one spelling"),
        Err(e) => printable(&e.to_string()),
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(verifier) = text.parse::<VerifierKey>() {
        assert_eq!(verifier.to_string(), text, "a key has one spelling");
    }
    // Whatever this key signs opens again, or is no note at all.
    let signed = note::sign(text, &key);
    if let Ok(opened) = note::open(signed.as_bytes(), key.public()) {
        assert_eq!(opened, text);
    }
    if let Ok(head) = Checkpoint::open(signed.as_bytes(), key.public()) {
        assert_eq!(Checkpoint::open(head.sign(&key).as_bytes(), key.public()).unwrap(), head);
    }
}

/// A cosigned checkpoint, a record of where one is kept, a policy: whatever the bytes are.
pub fn anchor(bytes: &[u8]) {
    let (log, witness) = (log_key(), CosignerKey::new("witness.example/w1", [7; 32]).unwrap());
    match Cosigned::open(bytes, log.public(), std::slice::from_ref(&witness)) {
        Ok(read) => {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(text.starts_with(&read.checkpoint.text()) && read.by.is_empty(), "nobody has that key");
            let more = with_line(text, &witness, "\u{2014} witness.example/w1 AAAAAAAA").unwrap();
            assert!(Cosigned::open(more.as_bytes(), log.public(), &[]).is_ok());
        }
        Err(e) => printable(&e.to_string()),
    }
    match Record::from_bytes(bytes) {
        Ok(record) => assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record),
        Err(e) => printable(&e),
    }
    match Policy::from_text(bytes) {
        Ok(policy) => assert!(!policy.is_met_by(&[]), "nobody is never enough"),
        Err(e) => printable(&e.to_string()),
    }
}

pub fn time_stamp(bytes: &[u8]) {
    let _ = Authorities::from_pem(bytes);
    match Stamp::read(bytes) {
        Ok(stamp) => match stamp.is_whole() {
            Ok(who) => printable(&who),
            Err(e) => printable(&e.to_string()),
        },
        Err(e) => printable(&e.to_string()),
    }
}

pub fn roster(bytes: &[u8]) {
    let roster = match Roster::from_yaml(bytes) {
        Ok(roster) => roster,
        Err(e) => {
            let told = e.to_string();
            return told.lines().for_each(printable);
        }
    };
    assert_eq!(roster.digest(), Digest::of(bytes));
    for authority in roster.authorities() {
        assert_eq!(Authority::from_pem(&authority.to_pem()).as_ref(), Ok(authority));
        printable(&authority.subject());
    }
    let names: BTreeSet<String> = roster.people().iter().map(|p| p.name.to_lowercase()).collect();
    assert!(!names.is_empty() && names.len() == roster.people().len());
    let mut keys = 0;
    for person in roster.people() {
        assert_eq!(roster.person(&person.name), Some(person));
        for certificate in &person.certificates {
            assert_eq!(roster.holder(certificate), Some(person), "a certificate belongs to one person");
        }
        for key in &person.keys {
            assert_eq!(roster.owner(key.key_data()), Some(person), "a key belongs to one person");
            keys += 1;
        }
    }
    let signers = roster.allowed_signers();
    assert_eq!(signers.lines().count(), keys);
    signers.lines().for_each(printable);
}

/// The roster on which somebody has a card.
fn with_card() -> &'static Roster {
    static ROSTER: std::sync::OnceLock<Roster> = std::sync::OnceLock::new();
    ROSTER.get_or_init(|| Roster::from_yaml(include_bytes!("../seeds/roster/card")).unwrap())
}

/// A statement, and from `-----BEGIN` on the signature over it.
pub fn signature(bytes: &[u8]) {
    let begin = bytes.windows(10).position(|w| w == b"-----BEGIN").unwrap_or(bytes.len());
    let (statement_bytes, armoured) = (bytes[..begin].to_vec(), &bytes[begin..]);
    let read = Statement::from_bytes(&statement_bytes);
    match &read {
        Ok(statement) => {
            assert!(statement.to_bytes().unwrap() == statement_bytes, "a statement has one spelling");
            show(&statement_bytes).unwrap().lines().for_each(printable);
        }
        Err(e) => printable(&e.to_string()),
    }
    let armored = String::from_utf8_lossy(armoured).into_owned();
    let signed = SignedApproval { statement_bytes, armored };
    let judged = match is_cms(&signed.armored) {
        true => signed.verify(with_card(), &approvals::facts(with_card()), approvals::noon()),
        false => approvals::judge(&signed),
    };
    match judged {
        Ok(approval) => {
            assert_eq!(approval.statement(), read.as_ref().unwrap());
            assert_eq!(approval.digest(), Digest::of(&signed.statement_bytes));
        }
        Err(e) => printable(&e.to_string()),
    }
    // What somebody of the roster signs is judged by its content, never as a bad signature.
    if let Ok(statement) = read {
        let signed = approvals::signer(1).sign(&statement).unwrap();
        if let Err(e) = approvals::judge(&signed) {
            printable(&e.to_string());
        }
    }
}

//! The rows of the tamper table that are about anchors: a log with what a witness, an authority and a
//! repository gave for it, changed or put together wrongly. The verifier without our code judges each
//! log too.

use super::approvals::{ORIGIN, at};
use super::log::{Log, Story, explain, written};
use super::tsa::Tsa;
use super::{cut_to, forge, later, other_key, theirs};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reissue::domain::text::Text;
use reissue::env::Disk;
use reissue::trail::anchors::record::Place;
use reissue::trail::anchors::{Authorities, CosignerKey, Policy, Record};
use reissue::trail::verify::Verdict::{self, Incomplete, Intact, NotAnchored, Tampered};
use reissue::trail::verify::{Keepers, Report, Trust, verify};
use reissue::trail::{Checkpoint, LogKey};
use std::sync::{Arc, OnceLock};

const AFTER: &str = "2026-11-23T13:00:00Z";
const BEFORE: &str = "2026-11-23T11:00:00Z";

/// An authority that is believed, and one that is not; the log of a story has the same bytes each time.
fn tsa() -> &'static Tsa {
    static TSA: OnceLock<Tsa> = OnceLock::new();
    TSA.get_or_init(|| {
        let tsa = Tsa::new();
        tsa.authority("time", "P-256");
        tsa
    })
}

fn witness(seed: u8) -> (Ed25519KeyPair, CosignerKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let key = pair.public_key().as_ref().try_into().unwrap();
    (pair, CosignerKey::new(&format!("witness.example/w{seed}"), key).unwrap())
}

/// The newest head of the log, as its files have it.
fn head(log: &Log) -> Checkpoint {
    let note = log.disk.read(&log.folder.checkpoint(), 10_000).unwrap();
    Checkpoint::open(&note, log.key().public()).unwrap()
}

fn put(log: &Log, size: u64, suffix: &str, bytes: &[u8]) {
    let path = log.folder.anchors().join(format!("{size:012}.{suffix}"));
    log.disk.write_atomic(&path, bytes).unwrap();
}

/// A head that the witness `seed` cosigned at this time, under the signature of `key`.
fn cosigned(head: &Checkpoint, key: &LogKey, seed: u8, time: &str) -> String {
    let (pair, witness) = witness(seed);
    let time = at(time).unix_s();
    let message = format!("cosignature/v1\ntime {time}\n{}", head.text());
    let signature = pair.sign(message.as_bytes());
    let bytes = [&witness.id()[..], &time.to_be_bytes(), signature.as_ref()].concat();
    format!("{}\u{2014} {} {}\n", head.sign(key), witness.name(), BASE64.encode(bytes))
}

fn cosign(log: &Log, seed: u8, time: &str) {
    let head = head(log);
    put(log, head.size, "cosig", cosigned(&head, &log.key(), seed, time).as_bytes());
}

fn stamp(log: &Log, time: &str) {
    let note = log.disk.read(&log.folder.checkpoint(), 10_000).unwrap();
    let time: String = time.chars().filter(|c| !"-:T".contains(*c)).collect();
    put(log, head(log).size, "tsr", &tsa().stamp_at("time", &note, &time));
}

/// Somebody's signature under the newest checkpoint.
fn another_line(log: &Log) {
    let path = log.folder.checkpoints().join(Checkpoint::file_name(head(log).size));
    let note = log.disk.read(&path, 10_000).unwrap();
    let line = format!("\u{2014} somebody {}\n", BASE64.encode([7; 68]));
    log.disk.write_atomic(&path, &[&note[..], line.as_bytes()].concat()).unwrap();
}

fn record(log: &Log, head: &Checkpoint, commit: &str) {
    let [branch, file] = ["reissue-anchors", "x.checkpoint"].map(Text::lossy);
    let place = Place::Git { branch, commit: Text::lossy(commit), file, pushed_to: None };
    put(log, head.size, "git.json", &Record::new(head, place).to_bytes());
}

/// A head that the log never had.
fn beyond(log: &Log, by: u64) -> Checkpoint {
    Checkpoint { size: head(log).size + by, root: [7; 32], ..head(log) }
}

fn rename(log: &Log, from: &str, to: &str) {
    let folder = log.folder.anchors();
    let name = log.disk.list(&folder).unwrap().into_iter().find(|n| n.ends_with(from)).unwrap();
    let bytes = log.disk.read(&folder.join(&name), 1 << 20).unwrap();
    log.disk.remove(&folder.join(&name)).unwrap();
    log.disk.write_atomic(&folder.join(to), &bytes).unwrap();
}

fn edit(log: &Log, suffix: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    let bytes =
        log.disk.read(&log.folder.anchors().join(format!("{:012}.{suffix}", head(log).size)), 1 << 20);
    put(log, head(log).size, suffix, &change(bytes.unwrap()));
}

struct Row {
    name: &'static str,
    tamper: fn(&Log),
    want: Verdict,
    says: &'static str,
    /// Whether the other verifier comes to the same: it leaves time stamps to openssl, and knows no
    /// repository.
    both: bool,
}

const fn row(name: &'static str, tamper: fn(&Log), want: Verdict, says: &'static str) -> Row {
    Row { name, tamper, want, says, both: true }
}
const fn ours(name: &'static str, tamper: fn(&Log), want: Verdict, says: &'static str) -> Row {
    Row { name, tamper, want, says, both: false }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("no anchor", |_| (), NotAnchored, ""),
    row("a witness has cosigned", |l| cosign(l, 1, AFTER), Intact, "only by what lies in the log's own folder"),
    ours("an authority has stamped", |l| stamp(l, AFTER), Intact, "only by what lies in the log's own folder"),
    ours("a checkpoint has got another line since it was stamped", |l| { stamp(l, AFTER); another_line(l) }, Intact, "only by what lies in the log's own folder"),
    row("a witness that nobody knows has cosigned", |l| cosign(l, 9, AFTER), NotAnchored, ""),
    ours("an authority that nobody believes has stamped", |l| { stamp(l, AFTER); other_authority(l) }, NotAnchored, "no authority that was given stands behind"),

    // Sizes.
    row("an anchor for a size never reached: cosigned", |l| { let h = beyond(l, 7); put(l, h.size, "cosig", cosigned(&h, &l.key(), 1, AFTER).as_bytes()) }, Tampered, "the log was cut"),
    row("an anchor for a size never reached: stamped", |l| { stamp(l, AFTER); rename(l, "tsr", "000000000099.tsr") }, Tampered, ""),
    row("an anchor for a size never reached: recorded", |l| record(l, &beyond(l, 7), "c0ffee"), Tampered, "the log was cut"),
    row("a cosigned checkpoint is put under another size", |l| { cosign(l, 1, AFTER); rename(l, "cosig", "000000000004.cosig") }, Tampered, ""),
    row("a time stamp is put under another size", |l| { stamp(l, AFTER); rename(l, "tsr", &format!("{:012}.tsr", l.checkpoint_sizes()[1])) }, Tampered, "mprint"),
    row("the end is cut with its checkpoints, the anchors stay", |l| { cosign(l, 1, AFTER); cut_to(l, 2) }, Tampered, "the log was cut"),
    row("the end is cut with its checkpoints and anchors", |l| cut_to(l, 2), Incomplete, ""),

    // Heads.
    row("anchors that disagree", disagreeing, Tampered, "saw other first"),
    ours("anchors that disagree are named", disagreeing, Tampered, "disagree"),
    row("forged: the end, after a witness cosigned it", |l| { cosign(l, 1, AFTER); forge(l, |lines| later(lines.last_mut().unwrap())) }, Tampered, "other first"),
    row("forged: the end, after an authority stamped it", |l| { stamp(l, AFTER); forge(l, |lines| later(lines.last_mut().unwrap())) }, Tampered, "mprint"),
    row("forged: the end, with a record of what was", |l| { record(l, &head(l), "c0ffee"); forge(l, |lines| later(lines.last_mut().unwrap())) }, Tampered, "other first"),
    row("a cosigned checkpoint of another key", |l| put(l, head(l).size, "cosig", cosigned(&head(l), &other_key(l), 1, AFTER).as_bytes()), Tampered, ""),

    // Times.
    row("anchor time earlier than event time: cosigned", |l| cosign(l, 1, BEFORE), Tampered, "before the time of a line that it covers"),
    ours("anchor time earlier than event time: stamped", |l| stamp(l, BEFORE), Tampered, "before the time of a line that it covers"),

    // Bytes.
    row("a cosignature is altered", |l| { cosign(l, 1, AFTER); edit(l, "cosig", |b| String::from_utf8(b).unwrap().replacen("AAAA", "AAAB", 1).into_bytes()) }, Tampered, "does not match the text"),
    row("a cosigned checkpoint is no note", |l| put(l, head(l).size, "cosig", b"nothing"), Tampered, ""),
    row("a time stamp is no reply", |l| put(l, head(l).size, "tsr", b"nothing"), Tampered, ""),
    ours("a time stamp's signature is altered", |l| { stamp(l, AFTER); edit(l, "tsr", |mut b| { *b.last_mut().unwrap() ^= 1; b }) }, Tampered, "its signature does not hold"),
    ours("a time stamp's time is altered", |l| { stamp(l, AFTER); edit(l, "tsr", |b| later_by_an_hour(&b)) }, Tampered, "the content was changed after it was signed"),
    row("a record is no JSON", |l| put(l, head(l).size, "git.json", b"nothing"), Tampered, ""),
    row("a record is of another log", |l| record(l, &Checkpoint { origin: "another".into(), ..head(l) }, "c0ffee"), Tampered, "another log"),
    ours("a record is of another kind than its name", |l| { record(l, &head(l), "c0ffee"); rename(l, "git.json", &format!("{:012}.blob.json", head(l).size)) }, Tampered, "another kind of record"),
    ours("an anchor is larger than any", |l| put(l, head(l).size, "cosig", &[b'x'; (1 << 20) + 1]), Tampered, "larger than any anchor"),

    // What is elsewhere.
    row("a recorded commit, and no repository to look in", |l| record(l, &head(l), "c0ffee"), NotAnchored, ""),
    ours("a recorded commit that the repository lacks", |l| record(l, &head(l), "lost"), Incomplete, "which no repository that was given has"),
    row("a foreign file lies among the anchors", |l| l.disk.write_new(&l.folder.anchors().join("x"), b"x").unwrap(), NotAnchored, ""),
];

/// A witness has cosigned a fork by the holder of the key; the record says what was committed.
fn disagreeing(log: &Log) {
    let fork = Checkpoint { root: [7; 32], ..head(log) };
    put(log, fork.size, "cosig", cosigned(&fork, &log.key(), 1, AFTER).as_bytes());
    record(log, &head(log), "c0ffee");
}

fn other_authority(log: &Log) {
    let other = Tsa::new();
    other.authority("time", "P-256");
    let note = log.disk.read(&log.folder.checkpoint(), 10_000).unwrap();
    put(log, head(log).size, "tsr", &other.stamp_at("time", &note, "20261123130000Z"));
}

fn later_by_an_hour(reply: &[u8]) -> Vec<u8> {
    let (from, to) = (b"20261123130000Z", b"20261123140000Z");
    let at = reply.windows(15).position(|w| w == from).unwrap();
    [&reply[..at], to, &reply[at + 15..]].concat()
}

/// Judged by somebody who knows one witness and one authority, and, for the commit `lost`, has a
/// repository.
fn judge(log: &Log, has_repository: bool) -> Report {
    let keepers = Keepers {
        authorities: Authorities::from_pem(&tsa().read("ca.pem")).unwrap(),
        policy: Policy::any_of(&[witness(1).1]),
        commits: has_repository.then(|| ["c0ffee".to_owned()].into()),
        countersigners: Vec::new(),
    };
    let disk: Arc<dyn Disk> = Arc::new(log.disk.clone());
    verify(&disk, &log.folder, &Trust { keepers, ..log.trust(vec![]) }).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_rows_about_anchors() {
    let mut wrong = String::new();
    for Row { name, tamper, want, says, both } in TABLE {
        let log = written(&Story::default()).await;
        assert_eq!(head(&log).origin, ORIGIN);
        tamper(&log);
        let report = judge(&log, name.contains("lacks"));
        let (code, said) = theirs(&log, [witness(1).1.to_string()]);
        let found = report.findings.iter().any(|f| f.what.contains(says)) || says.is_empty();
        if report.verdict != *want || !found {
            wrong +=
                &format!("{name}: {:?}, want {want:?} and {says:?}\n{}", report.verdict, explain(&report));
        }
        if *both && code != want.exit_code() {
            wrong += &format!("{name}: the other verifier says {code}, want {want:?}\n{said}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

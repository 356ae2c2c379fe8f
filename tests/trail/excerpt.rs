//! A bundle of one run, when other runs must stay private: both verifiers judge it alike, every
//! tampering with it is seen, and nothing of another run is in it.

mod program;

use crate::support::approvals::{self, roster};
use crate::support::log::{self, Log, Story, plan_about, run, tell};
use reissue::domain::event::{Event, Line};
use reissue::domain::id::{Digest, RunId};
use reissue::domain::merkle::leaf;
use reissue::domain::text::Text;
use reissue::env::{Disk, MemoryDisk, Random};
use reissue::report::{self, csv, html, json};
use reissue::trail::excerpt::Item;
use reissue::trail::export::{Bundle, BundleError, Unpacked, unpack};
use reissue::trail::verify::{Report, Trust, verify};
use reissue::trail::{Checkpoint, Journal, LogKey, Objects};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Three runs, each by a writer of its own; ours is the one in the middle.
fn runs() -> [Story; 3] {
    let before = Story {
        run: RunId::new(0, [7; 10]),
        about: "dreadnought-payroll",
        operator: "zoe",
        ..Story::default()
    };
    let after =
        Story { run: RunId::new(2, [9; 10]), about: "leviathan-portal", operator: "yan", ..Story::default() };
    [before, Story::default(), after]
}

async fn three_runs(ours: Story) -> Log {
    let log = Log::on(MemoryDisk::default(), Path::new(log::FOLDER));
    let [before, _, after] = runs();
    log.write(&before).await;
    for story in [ours, after] {
        let journal = log.reopen();
        journal.objects().put(&plan_about(story.about)).unwrap();
        tell(&journal, &story).await;
        journal.close().await.unwrap();
    }
    log
}

fn excerpt(log: &Log) -> Bundle {
    let disk: Arc<dyn Disk> = Arc::new(log.disk.clone());
    Bundle::gather_only(&disk, &log.folder, &run()).unwrap()
}

fn judge(log: &Log, tar: &[u8], anchors: bool) -> Report {
    let Unpacked { disk, folder } = unpack(tar).unwrap();
    let anchors = if anchors { vec![log.anchor()] } else { vec![] };
    verify(&disk, &folder, &log.trust(anchors)).unwrap()
}

/// Exit codes of both verifiers, and all that they say.
fn judged(log: &Log, bundle: &Bundle) -> (u8, u8, String) {
    let tar = bundle.to_tar().unwrap();
    let ours = judge(log, &tar, false);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.tar");
    std::fs::write(&file, &tar).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let key = log.key().public().to_string();
    let ran = Command::new("python3").args([script, file.to_str().unwrap(), &key]).output().unwrap();
    let mut said = String::from_utf8_lossy(&ran.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&ran.stderr));
    said.push_str(&log::explain(&ours));
    (ours.verdict.exit_code(), u8::try_from(ran.status.code().unwrap()).unwrap(), said)
}

fn lines_of(bundle: &Bundle) -> Vec<Vec<u8>> {
    let bytes = bundle.get("excerpt.jsonl").unwrap();
    bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect()
}

fn with_lines(bundle: &Bundle, lines: &[Vec<u8>]) -> Bundle {
    let mut bundle = bundle.clone();
    bundle.add("excerpt.jsonl", lines.iter().flat_map(|l| [l.as_slice(), b"\n"].concat()).collect());
    bundle
}

#[tokio::test(start_paused = true)]
async fn an_excerpt_is_judged_by_both_and_says_what_it_hides() {
    let log = three_runs(Story::default()).await;
    let bundle = excerpt(&log);
    let (ours, theirs, said) = judged(&log, &bundle);
    assert_eq!((ours, theirs), (3, 3), "{said}");
    let report = judge(&log, &bundle.to_tar().unwrap(), true);
    assert_eq!(report.verdict.exit_code(), 0, "{}", log::explain(&report));
    let part = report.excerpt.clone().unwrap();
    let all = log.lines();
    let own = all.iter().filter(|l| l.run.as_ref() == Some(&run())).count() as u64;
    // The log's first line, and what the writer of the run says when it opens and closes the log.
    assert_eq!((part.shown, part.hidden), (own + 3, all.len() as u64 - own - 3));
    assert!(said.contains(&format!("{} lines are not shown", part.hidden)), "{said}");
    assert_eq!(report.root, log.judge(vec![]).root, "the same tree");
    let proof = lines_of(&bundle).iter().filter(|l| l.starts_with(b"{\"hash\"")).count() as u64;
    assert!(proof < part.hidden, "{proof} hashes for {} lines", part.hidden);
    assert_eq!(bundle.to_tar().unwrap(), excerpt(&log).to_tar().unwrap(), "the same bytes again");
}

/// What the other runs are made of: whatever is found of it in a file is a leak.
fn private(log: &Log) -> Vec<(String, Vec<u8>)> {
    let ours = run();
    let mut all = Vec::new();
    let mut add = |what: String, text: &str| all.push((what, text.as_bytes().to_vec()));
    for story in runs().iter().filter(|s| s.run != ours) {
        add("a run".into(), &story.run.to_string());
        add("a name".into(), story.about);
        add("an operator".into(), &format!("\"{}\"", story.operator));
    }
    let lines = log.lines();
    let objects = |mine: bool| -> BTreeSet<String> {
        let of = |l: &&Line| l.run.as_ref().is_some_and(|r| (*r == ours) == mine);
        let text: Vec<String> =
            lines.iter().filter(of).map(|l| String::from_utf8(l.to_bytes().unwrap()).unwrap()).collect();
        text.iter().flat_map(|t| t.split("sha256:").skip(1).map(|d| d[..64].to_owned())).collect()
    };
    for digest in objects(false).difference(&objects(true)) {
        add("an object".into(), digest);
    }
    for line in lines.iter().filter(|l| l.run.as_ref().is_some_and(|r| *r != ours)) {
        let text = String::from_utf8(line.to_bytes().unwrap()).unwrap();
        // All but what any line may have in common with any other.
        add(format!("line {}", line.seq), text.split("\"run\":").nth(1).unwrap());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn nothing_of_another_run_is_in_it() {
    let log = three_runs(Story::default()).await;
    let mut bundle = excerpt(&log);
    let Unpacked { disk, folder } = bundle.unpacked().unwrap();
    let trust: Trust = log.trust(vec![]);
    let told = report::for_bundle(&disk, &folder, &trust, None).unwrap();
    let (model, siem) = told.unwrap_or_else(|_| panic!("tampered"));
    assert_eq!(model.head.run, run());
    bundle.add("report.html", html::page(&model).into_bytes());
    bundle.add("report.json", json::document(&model).unwrap().into_bytes());
    bundle.add("events.ocsf.jsonl", siem.into_bytes());
    for name in csv::TABLES {
        bundle.add(name, csv::table(&model, name).unwrap().into_bytes());
    }
    let leaks = |tar: &[u8]| -> Vec<String> {
        let hits = |(what, part): &(String, Vec<u8>)| {
            tar.windows(part.len()).any(|w| w == part).then(|| what.clone())
        };
        private(&log).iter().filter_map(hits).collect()
    };
    assert_eq!(leaks(&bundle.to_tar().unwrap()), Vec::<String>::new());
    // The look is not blind: the bundle of the whole log holds each of them.
    let disk: Arc<dyn Disk> = Arc::new(log.disk.clone());
    let whole = Bundle::gather(&disk, &log.folder).unwrap().to_tar().unwrap();
    assert_eq!(leaks(&whole).len(), private(&log).len());
}

/// Only run.finished counts the lines of a run.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_not_finished_is_not_complete() {
    let log = three_runs(Story { finishes: false, ..Story::default() }).await;
    let (ours, theirs, said) = judged(&log, &excerpt(&log));
    assert_eq!((ours, theirs), (4, 4), "{said}");
    assert!(said.contains("lines of the run may be hidden"), "{said}");
}

/// What somebody does to an excerpt who has not the log's key.
type Edit = fn(&mut Vec<Vec<u8>>);

fn at(lines: &[Vec<u8>], part: &str) -> usize {
    let found = lines.iter().position(|l| String::from_utf8_lossy(l).contains(part));
    found.unwrap_or_else(|| panic!("no {part}"))
}

/// Folds a shown line away, as whoever wants it unseen.
fn fold(lines: &mut [Vec<u8>], part: &str) {
    let at = at(lines, part);
    lines[at] = Item::Hidden { hash: leaf(&lines[at]), lines: 1 }.to_bytes();
}

fn swap_text(line: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(line.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    *line = text.replacen(from, to, 1).into_bytes();
}

#[tokio::test(start_paused = true)]
async fn both_see_lines_that_were_tampered_with() {
    let rows: [(&str, &str, Edit); 17] = [
        ("a line is dropped", "does not follow", |l| drop(l.remove(at(l, "\"step.done\"")))),
        ("a line of the run is folded away", "run.finished counts", |l| fold(l, "lane.taken")),
        ("an intent is folded away", "without an intent", |l| fold(l, "step.intent")),
        ("an approval is folded away", "without its quorum", |l| fold(l, "approval.recorded")),
        ("run.started is folded away", "comes before run.started", |l| fold(l, "run.started")),
        ("the first line is folded away", "first line of the log is not shown", |l| fold(l, "log.opened")),
        ("a line is altered", "signs other first", |l| {
            let at = at(l, "run.started");
            swap_text(&mut l[at], "\"op\"", "\"me\"");
        }),
        ("a hash is altered", "signs other first", |l| {
            let at = at(l, "\"hidden\":2");
            let c = if l[at][10] == b'0' { b'1' } else { b'0' };
            l[at][10] = c;
        }),
        ("more lines are said to be hidden", "", |l| {
            let at = at(l, "\"hidden\":2");
            swap_text(&mut l[at], "\"hidden\":2", "\"hidden\":4");
        }),
        ("not a whole subtree is hidden", "no complete subtree", |l| {
            let at = at(l, "\"hidden\":2");
            swap_text(&mut l[at], "\"hidden\":2", "\"hidden\":3");
        }),
        ("a hash is dropped", "", |l| drop(l.remove(at(l, "\"hidden\":1")))),
        ("a line stands twice", "does not follow", |l| {
            let at = at(l, "step.done");
            l.insert(at, l[at].clone());
        }),
        ("two lines change places", "does not follow", |l| {
            let at = at(l, "step.done");
            l.swap(at, at - 1);
        }),
        ("a hash and a line change places", "", |l| {
            let at = at(l, "run.started");
            l.swap(at - 1, at - 2);
        }),
        ("another run is named", "of another run", |l| {
            l[0] = Item::Begins(RunId::new(9, [9; 10])).to_bytes();
        }),
        ("no run is named", "", |l| drop(l.remove(0))),
        ("the run is named twice", "says twice", |l| l.insert(3, l[0].clone())),
    ];
    let log = three_runs(Story::default()).await;
    let bundle = excerpt(&log);
    for (name, says, edit) in rows {
        let mut lines = lines_of(&bundle);
        edit(&mut lines);
        let (ours, theirs, said) = judged(&log, &with_lines(&bundle, &lines));
        assert_eq!((ours, theirs), (1, 1), "{name}\n{said}");
        assert!(said.contains(says), "{name}\n{said}");
    }
}

/// The end of the run is folded away: what is left holds, and is not called complete.
#[tokio::test(start_paused = true)]
async fn a_hidden_end_is_not_complete() {
    let log = three_runs(Story::default()).await;
    let bundle = excerpt(&log);
    let mut lines = lines_of(&bundle);
    for part in ["target.ended", "run.finished"] {
        fold(&mut lines, part);
    }
    let (ours, theirs, said) = judged(&log, &with_lines(&bundle, &lines));
    assert_eq!((ours, theirs), (4, 4), "{said}");
}

/// A line of another run, in its right place: true, and not what the excerpt says it holds.
#[tokio::test(start_paused = true)]
async fn a_line_of_another_run_is_not_taken() {
    let log = three_runs(Story::default()).await;
    let bundle = excerpt(&log);
    let mut lines = lines_of(&bundle);
    let others = log.lines().into_iter().filter(|l| l.run.as_ref().is_some_and(|r| *r != run()));
    let (alone, bytes) = others
        .map(|l| l.to_bytes().unwrap())
        .map(|bytes| (Item::Hidden { hash: leaf(&bytes), lines: 1 }.to_bytes(), bytes))
        .find(|(alone, _)| lines.contains(alone))
        .expect("a checkpoint ends after an odd number of lines");
    let at = lines.iter().position(|l| *l == alone).unwrap();
    lines[at] = bytes;
    let (ours, theirs, said) = judged(&log, &with_lines(&bundle, &lines));
    assert_eq!((ours, theirs), (1, 1), "{said}");
    assert!(said.contains("of another run"), "{said}");
}

/// Roots are worth what their signature is.
#[tokio::test(start_paused = true)]
async fn a_root_that_the_key_did_not_sign_proves_nothing() {
    let log = three_runs(Story::default()).await;
    let bundle = excerpt(&log);
    let disk = MemoryDisk::default();
    let other = LogKey::create(&disk, Path::new("k"), &Random::from_seed(3), log.key().origin()).unwrap();
    // Somebody writes a run of their own and signs it with a key of their own.
    let mut lines = lines_of(&bundle);
    let started = at(&lines, "run.started");
    swap_text(&mut lines[started], "\"op\"", "\"me\"");
    let mut forged = with_lines(&bundle, &lines);
    let mut tree = reissue::domain::merkle::Frontier::default();
    for line in lines.iter().skip(1) {
        match Item::from_bytes(line) {
            Some(Item::Hidden { hash, lines }) => assert!(tree.push_subtree(hash, lines)),
            _ => tree.push(leaf(line)),
        }
        let name = format!("checkpoints/{}", Checkpoint::file_name(tree.size()));
        if forged.get(&name).is_some() {
            let note = Checkpoint::of(other.origin(), &tree).sign(&other).into_bytes();
            forged.add(&name, note.clone());
            forged.add("checkpoints/checkpoint", note);
        }
    }
    let (ours, theirs, said) = judged(&log, &forged);
    assert_eq!((ours, theirs), (1, 1), "{said}");
    assert!(said.contains("not signed by the key"), "{said}");
}

/// What was refused at the inbox may be about another run: the line is shown, the object is not.
#[tokio::test(start_paused = true)]
async fn what_was_refused_is_withheld() {
    let log = Log::on(MemoryDisk::default(), Path::new(log::FOLDER));
    let journal = Journal::create(log.settings(), &log::opening(roster().digest())).unwrap();
    journal.objects().put(approvals::roster_yaml(&[]).as_bytes()).unwrap();
    journal.objects().put(&plan_about("old-importer")).unwrap();
    let object = journal.objects().put(b"an approval of leviathan").unwrap();
    let refused = reissue::domain::event::ApprovalRefused { object, reason: Text::lossy("another plan") };
    journal.append_one(reissue::trail::Entry::of_run(&run(), refused)).await.unwrap();
    tell(&journal, &Story::default()).await;
    journal.close().await.unwrap();
    let bundle = excerpt(&log);
    let (ours, theirs, said) = judged(&log, &bundle);
    assert_eq!((ours, theirs), (3, 3), "{said}");
    assert!(bundle.get(&format!("objects/sha256-{}", object.hex())).is_none());
    let disk: Arc<dyn Disk> = Arc::new(log.disk.clone());
    assert!(Objects::new(disk, &log.folder).check(&object).is_ok(), "it is in the log");
    assert!(log.lines().iter().any(|l| matches!(&l.event, Event::ApprovalRefused(e) if e.object == object)));
    assert_ne!(object, Digest::of(b""));
}

#[tokio::test(start_paused = true)]
async fn a_log_and_an_excerpt_are_not_taken_together() {
    let log = three_runs(Story::default()).await;
    let mut both = excerpt(&log);
    both.add("events.jsonl", log.text().into_bytes());
    let tar = both.to_tar().unwrap();
    assert!(matches!(unpack(&tar).err().unwrap(), BundleError::Both));
}

//! The tamper table: what `audit verify` says about a log that was changed. One row per tampering,
//! named by it; each log is written by the real journal and then changed.
//!
//! A row says what the log's files and its public key show alone, and what they show together with
//! one head that was kept elsewhere.

mod anchors;
mod countersigned;
mod rosters;

use crate::support::approvals::{self, noon, roster};
use crate::support::judges;
use crate::support::log::{self, Log, Story, explain, object_of, plan_of, statement_of, written};
use crate::support::tsa;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::TargetId;
use reissue::domain::plan::PackedPlan;
use reissue::domain::text::Text;
use reissue::engine::recovery::Recovery;
use reissue::env::{Disk, Random};
use reissue::trail::verify::Verdict::{self, Incomplete, Intact, NotAnchored, Tampered};
use reissue::trail::{Checkpoint, Journal, LogKey, Objects, Reader};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A row of the table.
struct Row {
    name: &'static str,
    tamper: fn(&Log),
    /// Verdict of files and key alone, and with an anchor.
    alone: Verdict,
    anchored: Verdict,
    /// Part of the finding that says so; empty where there is none.
    says: &'static str,
}

const fn row(
    name: &'static str,
    tamper: fn(&Log),
    alone: Verdict,
    anchored: Verdict,
    says: &'static str,
) -> Row {
    Row { name, tamper, alone, anchored, says }
}
const fn caught(name: &'static str, tamper: fn(&Log), says: &'static str) -> Row {
    row(name, tamper, Tampered, Tampered, says)
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("nothing", |_| (), NotAnchored, Intact, ""),

    // Lines, by somebody without the log's key.
    caught("a field is edited", |log| replace(log, "\"operator\":\"op\"", "\"operator\":\"me\""), "does not follow"),
    caught("a field is edited, chained again", |log| change(log, |l| edit_operator(l)), "that the checkpoint of that size signs"),
    caught("a middle line is deleted", |log| edit_lines(log, |l| drop(l.remove(4))), "lines are missing, doubled or moved"),
    caught("a middle line is deleted, chained again", |log| change(log, |l| drop(l.remove(4))), "that the checkpoint of that size signs"),
    caught("a line of another log is put in", foreign_line, "does not follow"),
    caught("two lines are swapped", |log| edit_lines(log, |l| l.swap(4, 5)), "lines are missing, doubled or moved"),
    caught("a line is doubled", |log| edit_lines(log, |l| l.insert(4, l[4].clone())), "lines are missing, doubled or moved"),
    caught("a line is doubled, chained again", |log| change(log, |l| l.insert(4, l[4].clone())), "that the checkpoint of that size signs"),
    caught("a line is inserted, chained again", |log| change(log, |l| l.insert(3, l[2].clone())), "that the checkpoint of that size signs"),
    caught("a space is put in", |log| replace(log, "\"seq\":4,", "\"seq\": 4,"), "not in canonical form"),
    caught("a key stands twice", |log| replace(log, "\"seq\":4,", "\"seq\":4,\"seq\":4,"), "duplicate field"),
    caught("lines end in CR LF", |log| log.set_text(log.text().replace('\n', "\r\n")), "not in canonical form"),
    caught("a letter is written as an escape", |log| replace(log, "step.intent", "step.int\\u0065nt"), "not in canonical form"),
    caught("an integer is written as a fraction", |log| replace(log, "\"seq\":4,", "\"seq\":4.0,"), "not an event"),
    caught("bytes are not UTF-8", not_utf8, "not UTF-8"),
    caught("a terminal escape is put into a name", |log| replace(log, "boot:1:1", "\\u001b[2J"), "U+001B"),
    caught("a name is turned from right to left", |log| replace(log, "boot:1:1", "boot\u{202e}"), "U+202E"),
    caught("a line is longer than any event", |log| replace(log, "boot:1:1", &"x".repeat(70_000)), "longer than any event"),
    caught("the file is emptied", |log| log.set_text(""), "the log has no line"),
    caught("another log is put in its place", another_log, "another key"),

    // The end of the log.
    caught("the end is cut, checkpoints stay", |log| keep_lines(log, 9), "the log was cut"),
    caught("the end is cut with its checkpoints, before what an unrecorded approver saw", |log| cut_to(log, 0), "the log was cut"),
    row("the end is cut with its checkpoints", |log| cut_to(log, 2), Incomplete, Tampered, ""),
    row("the end is cut with its checkpoints, and the log goes on", |log| { cut_to(log, 2); drop(log.reopen()) }, Incomplete, Tampered, ""),
    row("the last line is torn", |log| log.set_text(log.text() + "{\"code\":"), Incomplete, Incomplete, "never finished"),

    // Checkpoints and keys.
    caught("all checkpoints are dropped", drop_all_checkpoints, "there is no checkpoint"),
    caught("a middle checkpoint is dropped", |log| log.remove_checkpoint(log.checkpoint_sizes()[1]), "one was removed"),
    caught("the newest checkpoint is dropped", |log| log.remove_checkpoint(*log.checkpoint_sizes().last().unwrap()), "one was removed"),
    caught("a checkpoint is of another size than its name", |log| edit_checkpoint(log, 2, |log, _| checkpoint(log, 1)), "not of the size it is named by"),
    caught("the body of a checkpoint is altered", |log| edit_checkpoint(log, 1, |_, note| note.replacen("\n4\n", "\n5\n", 1)), "does not match the text"),
    caught("checkpoints are signed by another key", |log| log.resign(&other_key(log)), "not signed by the key"),
    caught("the copy of the key is replaced", replace_vkey, "log.vkey is not the key"),

    // By the holder of the log's key, who chains and signs anew.
    row("the end is forged", |log| forge(log, |l| later(l.last_mut().unwrap())), NotAnchored, Tampered, ""),
    caught("forged: what an approver saw", |log| forge(log, |l| edit_process(l)), "saw other first"),
    caught("forged: time goes backwards", |log| forge(log, |l| later(&mut l[7])), "is before that of the line before it"),
    caught("forged: an event after run.finished", |log| forge(log, |l| insert_after(l, "run.finished", "target.ended")), "follows run.finished"),
    caught("forged: run.finished twice", |log| forge(log, |l| insert_after(l, "run.finished", "run.finished")), "finished twice"),
    caught("forged: run.started twice", |log| forge(log, |l| insert_after(l, "run.started", "run.started")), "started twice"),
    caught("forged: a run that was never started", |log| forge(log, |l| remove(l, "run.started")), "comes before run.started"),
    caught("forged: an intent without its outcome", |log| forge(log, |l| remove(l, "step.done")), "another step's outcome is not known"),
    caught("forged: an outcome without its intent", |log| forge(log, |l| remove(l, "step.intent")), "no such attempt under way"),
    caught("forged: a step that is not in the plan", |log| forge(log, |l| other_step(l)), "the plan has no such step"),
    caught("forged: a target that is not in the plan", |log| forge(log, |l| other_target(l)), "the approved plan has no steps"),
    caught("forged: a target that never ended", |log| forge(log, |l| remove(l, "target.ended")), "has not ended"),
    caught("forged: an approval is left out", |log| forge(log, |l| remove(l, "approval.recorded")), "without its quorum"),
    caught("forged: an approval in another's name", |log| forge(log, |l| other_approver(l)), "something else than the statement"),
    caught("forged: a phase opened for too long", |log| forge(log, |l| longer_phase(l)), "the approvals end at"),
    caught("forged: the roster is swapped", swap_roster, "it was swapped"),
    caught("forged: events before the log was opened again", |log| forge(log, |l| l.push(l[8].clone())), "follows log.closed"),

    // Objects.
    caught("the plan is removed", |log| log.disk.remove(&object_of(log, plan_of)).unwrap(), "is missing"),
    caught("the plan is changed", |log| log.disk.write_atomic(&object_of(log, plan_of), b"{}").unwrap(), "holds other bytes"),
    caught("a statement is removed", |log| log.disk.remove(&object_of(log, statement_of)).unwrap(), "is missing"),
    caught("a statement is changed", |log| log.disk.write_atomic(&object_of(log, statement_of), b"{}").unwrap(), "holds other bytes"),
    row("a foreign file lies among the objects", |log| log.disk.write_new(&log.folder.objects().join("x"), b"x").unwrap(), NotAnchored, Intact, "which no log has"),
];

#[tokio::test(start_paused = true)]
async fn the_table() {
    let mut wrong = String::new();
    for row in TABLE {
        let log = written(&Story::default()).await;
        let anchor = log.anchor();
        (row.tamper)(&log);
        for (with, want, anchors) in
            [("alone", row.alone, vec![]), ("with an anchor", row.anchored, vec![anchor])]
        {
            let report = log.judge(anchors);
            let said = row.says.is_empty() || report.findings.iter().any(|f| f.what.contains(row.says));
            if report.verdict != want || !said {
                wrong += &format!("{} ({with}): {:?}, want {want:?}", row.name, report.verdict);
                wrong += &format!(" and {:?}\n{}", row.says, explain(&report));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the writer says when it opens the log, and a reader with the log's key.
fn met(log: &Log) -> (Option<String>, Option<String>) {
    let before = log.disk.contents();
    let read = match Reader::signed(&log.disk, &log.folder, log.key().public()) {
        Err(e) => Some(e.to_string()),
        Ok(mut lines) => lines.find_map(|l| l.err()).map(|e| e.to_string()),
    };
    let plan = Arc::new(PackedPlan::read(&log::plan_bytes()).unwrap());
    let mut recovery = Recovery::new(&plan);
    let opened =
        Journal::open(log.settings(), &log::opening(roster().digest()), &mut |line| recovery.fold(line));
    let written = match opened {
        Err(e) => {
            assert!(log.disk.contents() == before, "a log that is refused is left as it is");
            Some(e.to_string())
        }
        Ok(_) => {
            recovery.illegal.map(|(line, why)| format!("opens; line {line} does not fit the plan: {why}"))
        }
    };
    (written, read)
}

/// The same table for whoever would act on the log: the writer refuses what its key, the newest
/// checkpoint or the plan contradict, says where, and leaves every byte. What only the judge can see
/// (other checkpoints, objects, what the log's own key has signed) is in the snapshot as `opens`.
#[tokio::test(start_paused = true)]
async fn who_would_act_on_it_refuses() {
    let mut told = String::new();
    for row in TABLE {
        let log = written(&Story::default()).await;
        (row.tamper)(&log);
        let (writer, reader) = met(&log);
        let writer = writer.unwrap_or_else(|| "opens".into());
        let reader = reader.unwrap_or_else(|| "reads".into());
        told += &format!("{}\n  writer: {writer}\n  reader: {reader}\n", row.name);
    }
    insta::assert_snapshot!(told);
}

fn replace(log: &Log, from: &str, to: &str) {
    let text = log.text();
    assert!(text.contains(from), "{from} is not in the log");
    log.set_text(text.replacen(from, to, 1));
}

fn edit_lines(log: &Log, edit: impl FnOnce(&mut Vec<String>)) {
    let mut lines: Vec<String> = log.text().split_inclusive('\n').map(String::from).collect();
    edit(&mut lines);
    log.set_text(lines.concat());
}

fn keep_lines(log: &Log, keep: usize) {
    edit_lines(log, |l| l.truncate(keep));
}

/// As somebody would who knows the format.
fn change(log: &Log, change: impl FnOnce(&mut Vec<Line>)) {
    let mut lines = log.lines();
    change(&mut lines);
    log.rechain(lines);
}

/// As the holder of the log's key would.
fn forge(log: &Log, changing: impl FnOnce(&mut Vec<Line>)) {
    change(log, changing);
    log.resign(&log.key());
}

fn find(lines: &[Line], name: &str) -> usize {
    lines.iter().position(|l| l.event.name() == name).unwrap()
}

fn remove(lines: &mut Vec<Line>, name: &str) {
    lines.remove(find(lines, name));
}

fn insert_after(lines: &mut Vec<Line>, name: &str, what: &str) {
    let line = lines[find(lines, what)].clone();
    lines.insert(find(lines, name) + 1, line);
}

fn later(line: &mut Line) {
    line.time = line.time.after(Duration::from_secs(999));
}

fn edit_operator(lines: &mut [Line]) {
    let at = find(lines, "run.started");
    if let Event::RunStarted(e) = &mut lines[at].event {
        e.operator = Text::lossy("me");
    }
}

fn edit_process(lines: &mut [Line]) {
    if let Event::LogOpened(e) = &mut lines[0].event {
        e.process = Text::lossy("elsewhere");
    }
}

fn other_step(lines: &mut [Line]) {
    let at = find(lines, "step.intent");
    if let Event::StepIntent(e) = &mut lines[at].event {
        e.step = 9;
    }
}

fn other_target(lines: &mut [Line]) {
    let at = find(lines, "step.intent");
    lines[at].target = Some(TargetId(7));
}

fn other_approver(lines: &mut [Line]) {
    let at = find(lines, "approval.recorded");
    if let Event::ApprovalRecorded(e) = &mut lines[at].event {
        e.approver = Text::lossy("somebody");
    }
}

fn longer_phase(lines: &mut [Line]) {
    let at = find(lines, "phase.opened");
    if let Event::PhaseOpened(e) = &mut lines[at].event {
        e.expires = e.expires.after(Duration::from_secs(1));
    }
}

fn swap_roster(log: &Log) {
    let objects = Objects::new(Arc::new(log.disk.clone()), &log.folder);
    let digest = objects.put(b"another roster").unwrap();
    forge(log, |l| {
        if let Event::LogOpened(e) = &mut l[0].event {
            e.roster = digest;
        }
    });
}

fn not_utf8(log: &Log) {
    let at = log.text().find("boot:").unwrap();
    let mut bytes = log.text().into_bytes();
    bytes[at] = 0xff;
    log.set_text(bytes);
}

fn checkpoint(log: &Log, index: usize) -> String {
    let path = log.folder.checkpoints().join(Checkpoint::file_name(log.checkpoint_sizes()[index]));
    String::from_utf8(log.disk.read(&path, 10_000).unwrap()).unwrap()
}

fn edit_checkpoint(log: &Log, index: usize, edit: impl Fn(&Log, &str) -> String) {
    let path = log.folder.checkpoints().join(Checkpoint::file_name(log.checkpoint_sizes()[index]));
    let before = checkpoint(log, index);
    let after = edit(log, &before);
    assert_ne!(before, after);
    log.disk.write_atomic(&path, after.as_bytes()).unwrap();
}

fn drop_all_checkpoints(log: &Log) {
    log.checkpoint_sizes().into_iter().for_each(|s| log.remove_checkpoint(s));
    log.disk.remove(&log.folder.checkpoint()).unwrap();
}

/// Back to one of the checkpoints, so that it looks like the newest.
fn cut_to(log: &Log, index: usize) {
    let (keep, note) = (log.checkpoint_sizes()[index], checkpoint(log, index));
    keep_lines(log, usize::try_from(keep).unwrap());
    log.checkpoint_sizes().into_iter().filter(|s| *s > keep).for_each(|s| log.remove_checkpoint(s));
    log.disk.write_atomic(&log.folder.checkpoint(), note.as_bytes()).unwrap();
}

fn other_key(log: &Log) -> LogKey {
    LogKey::create(&log.disk, Path::new("other.key"), &Random::from_seed(99), log.key().origin()).unwrap()
}

fn replace_vkey(log: &Log) {
    let key = format!("{}\n", other_key(log).public());
    log.disk.write_atomic(&log.folder.vkey(), key.as_bytes()).unwrap();
}

/// As the fifth line, with its number: from a log of the same story that was begun later.
fn foreign_line(log: &Log) {
    let mut lines = log.lines();
    let mut other = lines[4].clone();
    other.prev = reissue::domain::merkle::leaf(b"the fourth line of the other log");
    lines[4] = other;
    let text: Vec<u8> = lines.iter().flat_map(|l| [l.to_bytes().unwrap(), b"\n".to_vec()].concat()).collect();
    log.set_text(text);
}

fn another_log(log: &Log) {
    let other = Log::on(log.disk.clone(), Path::new("other/log"));
    LogKey::create(&log.disk, Path::new("other/log.key"), &Random::from_seed(5), "another").unwrap();
    drop(Journal::create(other.settings(), &log::opening(roster().digest())).unwrap());
    assert!(noon() <= other.lines()[0].time);
    log.set_text(other.text());
}

/// The exit code of the verifier without our code for the files of a log, and what it says. It is given the log's key,
/// and what else there is.
fn theirs(log: &Log, given: impl IntoIterator<Item = String>) -> (u8, String) {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in log.disk.contents() {
        let Ok(name) = path.strip_prefix(log.folder.root()) else { continue };
        let to = folder.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, bytes).unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let vkey = log.key().public().to_string();
    let ran = Command::new("python3").arg(script).arg(folder.path()).arg(vkey).args(given).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    (u8::try_from(ran.status.code().unwrap()).unwrap(), said.into_owned())
}

//! The tamper table: what `audit verify` says about a log that was changed. One row per tampering,
//! named by it; each log is written by the real journal and then changed.
//!
//! A row says what the log's files and its public key show alone, and what they show together with
//! one head that was kept elsewhere.

#[path = "support/approvals.rs"]
mod approvals;
#[path = "support/log.rs"]
mod log;

use approvals::{noon, roster};
use log::{Log, Story, finished, run};
use reissue::domain::approval::Statement;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::Digest;
use reissue::domain::step::Phase;
use reissue::domain::text::Text;
use reissue::env::{Disk, MemoryDisk, Random};
use reissue::trail::verify::{Anchor, Check, Report, Severity, Verdict};
use reissue::trail::{Checkpoint, LogKey};
use std::path::Path;
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

const fn caught(name: &'static str, tamper: fn(&Log), says: &'static str) -> Row {
    Row { name, tamper, alone: Verdict::Tampered, anchored: Verdict::Tampered, says }
}

/// Cannot be seen without an anchor: the limits of a file, stated.
const fn only_with_anchor(name: &'static str, tamper: fn(&Log), alone: Verdict) -> Row {
    Row { name, tamper, alone, anchored: Verdict::Tampered, says: "" }
}

fn replace(log: &Log, from: &str, to: &str) {
    let text = log.text();
    assert!(text.contains(from), "{from} is not in the log");
    log.set_text(text.replacen(from, to, 1));
}

fn change(log: &Log, change: impl FnOnce(&mut Vec<Line>)) {
    let mut lines = log.lines();
    change(&mut lines);
    log.rechain(lines);
}

/// As the holder of the log's key would: chained and signed anew.
fn forge(log: &Log, changing: impl FnOnce(&mut Vec<Line>)) {
    change(log, changing);
    log.resign(&log.key());
}

/// The first line with an event of this name.
fn find(lines: &[Line], name: &str) -> usize {
    lines.iter().position(|l| l.event.name() == name).unwrap()
}

fn last_lines_removed(log: &Log, keep: usize) {
    let text = log.text();
    let kept: String = text.split_inclusive('\n').take(keep).collect();
    log.set_text(kept);
}

fn object_of(log: &Log, pick: impl Fn(&Event) -> Option<Digest>) -> std::path::PathBuf {
    log.object_path(&log.lines().iter().find_map(|l| pick(&l.event)).unwrap())
}

fn plan_of(event: &Event) -> Option<Digest> {
    match event {
        Event::RunStarted(e) => Some(e.plan),
        _ => None,
    }
}

fn statement_of(event: &Event) -> Option<Digest> {
    match event {
        Event::ApprovalRecorded(e) => Some(e.statement),
        _ => None,
    }
}

fn other_key(log: &Log) -> LogKey {
    LogKey::create(&log.disk, Path::new("other.key"), &Random::from_seed(99), log.key().origin()).unwrap()
}

const TABLE: &[Row] = &[
    Row { name: "nothing", tamper: |_| (), alone: Verdict::NotAnchored, anchored: Verdict::Intact, says: "" },
    // Lines.
    caught(
        "a field is edited",
        |log| replace(log, "\"operator\":\"op\"", "\"operator\":\"me\""),
        "not follow",
    ),
    caught(
        "a field is edited and the lines chained again",
        |log| {
            change(log, |l| {
                if let Event::RunStarted(e) = &mut l[1].event {
                    e.operator = Text::lossy("x")
                }
            });
        },
        "are not those that the checkpoint of that size signs",
    ),
    caught(
        "a middle line is deleted",
        |log| {
            let mut lines: Vec<String> = log.text().split_inclusive('\n').map(String::from).collect();
            lines.remove(4);
            log.set_text(lines.concat());
        },
        "lines are missing, doubled or moved",
    ),
    caught(
        "a middle line is deleted and the rest chained again",
        |log| {
            change(log, |l| drop(l.remove(4)));
        },
        "are not those that the checkpoint of that size signs",
    ),
    caught(
        "two lines are swapped",
        |log| {
            let mut lines: Vec<String> = log.text().split_inclusive('\n').map(String::from).collect();
            lines.swap(4, 5);
            log.set_text(lines.concat());
        },
        "lines are missing, doubled or moved",
    ),
    caught(
        "a line is doubled and chained again",
        |log| {
            change(log, |l| l.insert(4, l[4].clone()));
        },
        "are not those that the checkpoint of that size signs",
    ),
    caught(
        "a line is inserted and chained again",
        |log| {
            change(log, |l| l.insert(3, l[2].clone()));
        },
        "are not those that the checkpoint of that size signs",
    ),
    caught("a space is put in", |log| replace(log, "\"seq\":4,", "\"seq\": 4,"), "not in canonical form"),
    caught("a key stands twice", |log| replace(log, "\"seq\":4,", "\"seq\":4,\"seq\":4,"), "duplicate field"),
    caught(
        "lines end in CR LF",
        |log| log.set_text(log.text().replace('\n', "\r\n")),
        "not in canonical form",
    ),
    caught(
        "a letter is written as an escape",
        |log| replace(log, "step.intent", "step.int\\u0065nt"),
        "not in canonical form",
    ),
    caught(
        "an integer is written as a fraction",
        |log| replace(log, "\"seq\":4,", "\"seq\":4.0,"),
        "not an event",
    ),
    caught(
        "bytes are not UTF-8",
        |log| {
            let mut bytes = log.text().into_bytes();
            let at = log.text().find("boot:").unwrap();
            bytes[at] = 0xff;
            log.set_text(bytes);
        },
        "not UTF-8",
    ),
    caught("a terminal escape is put into a name", |log| replace(log, "boot:1:1", "\\u001b[2J"), "U+001B"),
    caught("a name is written from right to left", |log| replace(log, "boot:1:1", "boot\u{202e}"), "U+202E"),
    caught("the file is empty", |log| log.set_text(""), "the log has no line"),
    // The end of the log.
    caught("the end is cut, checkpoints stay", |log| last_lines_removed(log, 9), "the log was cut"),
    only_with_anchor(
        "the end is cut with its checkpoints",
        |log| {
            // Back to the checkpoint after the second approval, with the objects that came later.
            let keep = log.checkpoint_sizes()[2];
            last_lines_removed(log, usize::try_from(keep).unwrap());
            for size in log.checkpoint_sizes().into_iter().filter(|s| *s > keep) {
                log.remove_checkpoint(size);
            }
            let note =
                log.disk.read(&log.folder.checkpoints().join(Checkpoint::file_name(keep)), 10_000).unwrap();
            log.disk.write_atomic(&log.folder.checkpoint(), &note).unwrap();
        },
        Verdict::Incomplete,
    ),
    only_with_anchor(
        "the end is cut with its checkpoints, and the log goes on",
        |log| {
            let keep = log.checkpoint_sizes()[2];
            last_lines_removed(log, usize::try_from(keep).unwrap());
            for size in log.checkpoint_sizes().into_iter().filter(|s| *s > keep) {
                log.remove_checkpoint(size);
            }
            let note =
                log.disk.read(&log.folder.checkpoints().join(Checkpoint::file_name(keep)), 10_000).unwrap();
            log.disk.write_atomic(&log.folder.checkpoint(), &note).unwrap();
            drop(log.reopen());
        },
        Verdict::Incomplete,
    ),
    caught(
        "the end is cut behind an approval that stays as an object",
        |log| {
            let keep = log.checkpoint_sizes()[0];
            last_lines_removed(log, usize::try_from(keep).unwrap());
            for size in log.checkpoint_sizes().into_iter().filter(|s| *s > keep) {
                log.remove_checkpoint(size);
            }
            let note =
                log.disk.read(&log.folder.checkpoints().join(Checkpoint::file_name(keep)), 10_000).unwrap();
            log.disk.write_atomic(&log.folder.checkpoint(), &note).unwrap();
        },
        "the log was cut",
    ),
    Row {
        name: "the last line is torn",
        tamper: |log| log.set_text(format!("{}{{\"code\":", log.text())),
        alone: Verdict::Incomplete,
        anchored: Verdict::Incomplete,
        says: "never finished",
    },
    // Checkpoints.
    caught(
        "all checkpoints are dropped",
        |log| {
            log.checkpoint_sizes().into_iter().for_each(|s| log.remove_checkpoint(s));
            log.disk.remove(&log.folder.checkpoint()).unwrap();
        },
        "there is no checkpoint",
    ),
    caught(
        "a middle checkpoint is dropped",
        |log| log.remove_checkpoint(log.checkpoint_sizes()[1]),
        "one was removed",
    ),
    caught(
        "the newest checkpoint is dropped",
        |log| {
            log.remove_checkpoint(*log.checkpoint_sizes().last().unwrap());
        },
        "one was removed",
    ),
    caught(
        "a checkpoint is of another size than its name",
        |log| {
            let (a, b) = (log.checkpoint_sizes()[1], log.checkpoint_sizes()[2]);
            let folder = log.folder.checkpoints();
            let note = log.disk.read(&folder.join(Checkpoint::file_name(a)), 10_000).unwrap();
            log.disk.write_atomic(&folder.join(Checkpoint::file_name(b)), &note).unwrap();
        },
        "not of the size it is named by",
    ),
    caught(
        "a checkpoint is signed by another key",
        |log| log.resign(&other_key(log)),
        "not signed by the key",
    ),
    caught(
        "the body of a checkpoint is altered",
        |log| {
            let path = log.folder.checkpoints().join(Checkpoint::file_name(log.checkpoint_sizes()[1]));
            let note = String::from_utf8(log.disk.read(&path, 10_000).unwrap()).unwrap();
            let size = log.checkpoint_sizes()[1];
            let note = note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
            log.disk.write_atomic(&path, note.as_bytes()).unwrap();
        },
        "does not match the text",
    ),
    caught(
        "the copy of the key is replaced",
        |log| {
            let key = format!("{}\n", other_key(log).public());
            log.disk.write_atomic(&log.folder.vkey(), key.as_bytes()).unwrap();
        },
        "log.vkey is not the key",
    ),
    caught(
        "lines of another log are put in its place",
        |log| {
            let other = Log::on(log.disk.clone(), Path::new("other/log"));
            LogKey::create(&log.disk, Path::new("other/log.key"), &Random::from_seed(5), "another").unwrap();
            let journal = reissue::trail::Journal::create(other.settings(), &log::opening(roster().digest()));
            drop(journal.unwrap());
            log.set_text(other.text());
        },
        "another key",
    ),
    // What the holder of the log's key may do.
    only_with_anchor(
        "the log is forged from before the first approval",
        |log| {
            forge(log, |l| {
                if let Event::LogClosed(_) = l.last_mut().unwrap().event {
                    l.last_mut().unwrap().time = noon().after(Duration::from_secs(999))
                }
            });
        },
        Verdict::NotAnchored,
    ),
    caught(
        "the log is forged below what an approver saw",
        |log| {
            forge(log, |l| {
                if let Event::LogOpened(e) = &mut l[0].event {
                    e.process = Text::lossy("elsewhere")
                }
            });
        },
        "saw other first",
    ),
    caught(
        "time goes backwards, forged",
        |log| {
            forge(log, |l| l[7].time = l[6].time.after(Duration::from_secs(9)));
        },
        "is before that of an earlier line",
    ),
    caught(
        "an event after run.finished, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "run.finished");
                l.insert(at + 1, l[at - 1].clone());
            });
        },
        "follows run.finished",
    ),
    caught(
        "run.finished twice, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "run.finished");
                l.insert(at + 1, l[at].clone());
            });
        },
        "finished twice",
    ),
    caught(
        "run.started twice, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "run.started");
                l.insert(at + 1, l[at].clone());
            });
        },
        "started twice",
    ),
    caught(
        "the outcome of a step is left out, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "step.done");
                l.remove(at + 2);
            });
        },
        "cannot follow",
    ),
    caught(
        "an outcome without an intent, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "step.intent");
                l.remove(at);
            });
        },
        "no such attempt under way",
    ),
    caught(
        "a step that is not in the plan, forged",
        |log| {
            forge(log, |l| {
                if let Event::StepIntent(e) =
                    &mut l.iter_mut().rfind(|l| l.event.name() == "step.intent").unwrap().event
                {
                    e.step = 9
                }
            });
        },
        "the plan has no such step",
    ),
    caught(
        "a target that is not in the plan, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "step.intent");
                l[at].target = Some(reissue::domain::id::TargetId(7));
            });
        },
        "for which the approved plan has no steps",
    ),
    caught(
        "a target that never ended, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "target.ended");
                l.remove(at);
            });
        },
        "has not ended",
    ),
    caught(
        "an approval is left out, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "approval.recorded");
                l.remove(at);
            });
        },
        "without its quorum",
    ),
    caught(
        "an approval is ascribed to another, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "approval.recorded");
                if let Event::ApprovalRecorded(e) = &mut l[at].event {
                    e.approver = Text::lossy("x")
                }
            });
        },
        "something else than the statement",
    ),
    caught(
        "a phase is opened for longer than approved, forged",
        |log| {
            forge(log, |l| {
                let at = find(l, "phase.opened");
                if let Event::PhaseOpened(e) = &mut l[at].event {
                    e.expires = e.expires.after(Duration::from_secs(1))
                }
            });
        },
        "the approvals end at",
    ),
    caught(
        "the roster is swapped, forged",
        |log| {
            let swapped = log.disk.clone();
            let digest = reissue::trail::Objects::new(std::sync::Arc::new(swapped), &log.folder)
                .put(b"other")
                .unwrap();
            forge(log, |l| {
                if let Event::LogOpened(e) = &mut l[0].event {
                    e.roster = digest
                }
            });
        },
        "it was swapped",
    ),
    // Objects.
    caught("the plan is removed", |log| log.disk.remove(&object_of(log, plan_of)).unwrap(), "is missing"),
    caught(
        "the plan is changed",
        |log| {
            log.disk.write_atomic(&object_of(log, plan_of), b"{}").unwrap();
        },
        "holds other bytes",
    ),
    caught(
        "a statement is removed",
        |log| log.disk.remove(&object_of(log, statement_of)).unwrap(),
        "is missing",
    ),
    caught(
        "a statement is changed",
        |log| {
            log.disk.write_atomic(&object_of(log, statement_of), b"{}").unwrap();
        },
        "holds other bytes",
    ),
    Row {
        name: "a foreign file lies among the objects",
        tamper: |log| log.disk.write_new(&log.folder.objects().join("x"), b"x").unwrap(),
        alone: Verdict::NotAnchored,
        anchored: Verdict::Intact,
        says: "which no log has",
    },
];

async fn written(story: &Story) -> Log {
    let log = Log::on(MemoryDisk::default(), Path::new(log::FOLDER));
    log.write(story).await;
    log
}

fn explain(report: &Report) -> String {
    report.findings.iter().map(|f| format!("  [{:?}] {f}\n", f.check)).collect()
}

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
            let said = report.findings.iter().any(|f| f.what.contains(row.says)) || row.says.is_empty();
            if report.verdict != want || !said {
                wrong += &format!(
                    "{} ({with}): {:?}, not {want:?}, or not {:?}\n{}",
                    row.name,
                    report.verdict,
                    row.says,
                    explain(&report)
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

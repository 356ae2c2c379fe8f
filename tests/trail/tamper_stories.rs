//! Stories that the engine would never write, logs that are not finished, anchors, and files that
//! are no files: what `audit verify` says about them.

use crate::support::approvals::{self, noon};
use crate::support::log::{
    self, Approving, Log, Story, explain, finished, object_of, plan_of, run, statement_of, written,
};
use reissue::domain::approval::Statement;
use reissue::domain::event::{Environment, RunPaused};
use reissue::domain::id::Digest;
use reissue::domain::step::Phase;
use reissue::domain::text::Text;
use reissue::env::{Disk, RealDisk};
use reissue::trail::verify::{Anchor, Check, Severity, Verdict};
use reissue::trail::{Entry, Journal, Reader};
use std::time::Duration;

/// What a story that the engine would never write is told to be.
#[tokio::test(start_paused = true)]
async fn stories_that_are_not_ours() {
    for (name, story, says) in approvals_too_few().into_iter().chain(approvals_of_something_else()) {
        let report = written(&story).await.judge(vec![]);
        let said = report.findings.iter().any(|f| f.what.contains(says));
        assert!(
            report.verdict == Verdict::Tampered && said,
            "{name}: {:?}\n{}",
            report.verdict,
            explain(&report)
        );
    }
}

/// Each with what is said of it.
fn approvals_too_few() -> Vec<(&'static str, Story, &'static str)> {
    let hours = |h: u64| Duration::from_secs(h * 3600);
    let half_past: fn(&mut Statement) = |s| s.expires = noon().after(Duration::from_secs(1800));
    let approvals = |a: Vec<Approving>| Story { approvals: a, ..Story::default() };
    vec![
        (
            "approval missing",
            Story { opens_phase: false, ..approvals(vec![]) },
            "began before anybody had approved",
        ),
        ("phase opened by nobody", approvals(vec![]), "without its quorum: 0 of 2"),
        ("approval short of quorum", approvals(vec![(1, |_| ())]), "without its quorum: 1 of 2"),
        ("one person twice", approvals(vec![(1, |_| ()), (1, |_| ())]), "without its quorum: 1 of 2"),
        (
            "approval by the author",
            approvals(vec![(0, |_| ()), (1, |_| ())]),
            "made the plan and so cannot approve it",
        ),
        (
            "approval expired when recorded",
            approvals(vec![(1, |s| s.expires = noon()), (2, |_| ())]),
            "it expired at",
        ),
        (
            "approval expired when the phase opened",
            Story { opens_after: hours(1), ..approvals(vec![(1, half_past), (2, |_| ())]) },
            "without its quorum",
        ),
        (
            "approval expired when work began",
            Story { works_after: hours(1), ..approvals(vec![(1, half_past), (2, |_| ())]) },
            "after the approval had ended",
        ),
        (
            "approval later than the first intent",
            Story { hasty: true, ..Story::default() },
            "began before anybody",
        ),
    ]
}

fn approvals_of_something_else() -> Vec<(&'static str, Story, &'static str)> {
    let approvals = |a: Vec<Approving>| Story { approvals: a, ..Story::default() };
    vec![
        (
            "approval for a rehearsal",
            approvals(vec![(1, |s| s.environment = Environment::Lab), (2, |_| ())]),
            "another environment",
        ),
        (
            "approval of another plan",
            approvals(vec![(1, |s| s.plan = Digest::of(b"x")), (2, |_| ())]),
            "cannot be used here",
        ),
        (
            "approval of a head never reached",
            approvals(vec![(1, |s| s.log_head.size = 999), (2, |_| ())]),
            "saw 999 lines",
        ),
        (
            "approval of a head that was not there yet",
            approvals(vec![(1, |s| s.log_head.size = 8), (2, |_| ())]),
            "before there were that many",
        ),
        (
            "approval for the wrong phase",
            approvals(vec![(1, |s| s.phase = Phase::Retire), (2, |_| ())]),
            "without its quorum",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_is_not_finished_is_incomplete() {
    let rows = [
        (
            "a writer that died after an intent",
            Story { dies: true, finishes: false, ..Story::default() },
            "1 intents without an outcome",
        ),
        ("a run that is not finished", Story { finishes: false, ..Story::default() }, "is not finished"),
        ("a log that is not closed", Story { closes: false, ..Story::default() }, "not log.closed"),
    ];
    for (name, story, says) in rows {
        let log = written(&story).await;
        let report = log.judge(vec![log.anchor()]);
        let said = report.findings.iter().any(|f| f.what.contains(says));
        assert!(
            report.verdict == Verdict::Incomplete && said,
            "{name}: {:?}\n{}",
            report.verdict,
            explain(&report)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_that_was_recovered_is_no_tampering() {
    let log = written(&Story { finishes: false, closes: false, ..Story::default() }).await;
    log.set_text(format!("{}{{\"code\":", log.text()));
    let journal = log.reopen();
    journal.append_one(reissue::trail::Entry::of_run(&run(), finished())).await.unwrap();
    journal.close().await.unwrap();
    let report = log.judge(vec![log.anchor()]);
    assert_eq!(report.verdict, Verdict::Intact, "{}", explain(&report));
    assert_eq!((report.runs, report.anchored, report.signed), (1, Some(report.size), report.size));
}

#[tokio::test(start_paused = true)]
async fn anchors() {
    let log = written(&Story::default()).await;
    let good = log.anchor();
    let verdict = |anchors: Vec<Anchor>| log.judge(anchors).verdict;
    assert_eq!(verdict(vec![good.clone()]), Verdict::Intact);
    let other = Anchor { origin: Text::lossy("another"), ..good.clone() };
    assert_eq!(verdict(vec![good.clone(), other]), Verdict::Tampered, "of another log");
    let beyond = Anchor { size: good.size + 1, ..good.clone() };
    assert_eq!(verdict(vec![good.clone(), beyond]), Verdict::Tampered, "of a size never reached");
    let split = Anchor { root: [7; 32], ..good.clone() };
    assert_eq!(verdict(vec![good.clone(), split]), Verdict::Tampered, "anchors that disagree");
    let early = Anchor { time: Some(noon()), ..good.clone() };
    assert_eq!(verdict(vec![early]), Verdict::Intact, "within the skew of two clocks");
    let early = Anchor { time: Some("2026-11-23T11:00:00Z".parse().unwrap()), ..good.clone() };
    assert_eq!(verdict(vec![early]), Verdict::Tampered, "older than what it covers");
    let signer = log.lines().iter().find_map(|l| statement_of(&l.event)).unwrap();
    let bytes = log.disk.read(&log.object_path(&signer), 10_000).unwrap();
    let approver = Anchor::from_statement("ann", &Statement::from_bytes(&bytes).unwrap());
    let report = log.judge(vec![approver]);
    assert_eq!(
        (report.verdict, report.anchored),
        (Verdict::NotAnchored, Some(3)),
        "it covers the beginning only"
    );
}

#[tokio::test(start_paused = true)]
async fn links_and_pipes_are_not_followed() {
    for (name, kind) in [("link", false), ("pipe", true)] {
        for part in ["events.jsonl", "checkpoints/000000000001", "log.vkey", "object"] {
            let folder = tempfile::tempdir().unwrap();
            let log = Log::on(RealDisk, &folder.path().join("log"));
            log.write(&Story::default()).await;
            let path = match part {
                "object" => object_of(&log, plan_of),
                part => log.folder.root().join(part),
            };
            let moved = folder.path().join("moved");
            rustix::fs::rename(&path, &moved).unwrap();
            if kind {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            } else {
                rustix::fs::symlink(&moved, &path).unwrap();
            }
            let report = log.judge(vec![]);
            let said =
                report.findings.iter().any(|f| f.check == Check::Files && f.severity == Severity::Tampered);
            assert!(report.verdict == Verdict::Tampered && said, "{name} for {part}\n{}", explain(&report));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_log_there_is_no_verdict() {
    let log = written(&Story::default()).await;
    let disk: std::sync::Arc<dyn Disk> = std::sync::Arc::new(log.disk.clone());
    let nowhere = reissue::trail::Folder::new("nowhere");
    assert!(reissue::trail::verify::verify(&disk, &nowhere, &log.trust(vec![])).is_err());
}

/// Whoever reads beside the writer, at any moment, holds no sound log for a damaged one.
#[tokio::test]
async fn a_reader_beside_the_writer_takes_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::on(RealDisk, &folder.path().join(log::FOLDER));
    let opening = log::opening(approvals::roster().digest());
    let journal = Journal::create(log.settings(), &opening).unwrap();
    let (key, place) = (log.key().public().clone(), log.folder.clone());
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let (mut times, mut longest) = (0, 0);
        while is_done.try_recv().is_err() {
            let lines: Vec<_> =
                Reader::signed(&RealDisk, &place, &key).unwrap().map(|l| l.unwrap()).collect();
            (times, longest) = (times + 1, longest.max(lines.len()));
        }
        (times, longest)
    });
    for n in 0..60 {
        let said = RunPaused { by: Text::lossy("op"), reason: Text::lossy(&n.to_string()) };
        journal.append_one(Entry::of_run(&run(), said)).await.unwrap();
        journal.checkpoint_now().await.unwrap();
    }
    done.send(()).unwrap();
    let (times, longest) = reader.join().unwrap();
    assert!(times > 10 && longest > 10, "{times} readings, at most {longest} lines");
}

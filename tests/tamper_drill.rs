//! The judge and the engine agree: the log of a whole rehearsal is intact, and forging any line
//! out of it, even with the log's key, is seen.

#![allow(clippy::unwrap_used)]

use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::merkle::{leaf, root};
use reissue::domain::plan::Plan;
use reissue::drill::{self, Audience};
use reissue::env::{Disk, Env};
use reissue::trail::verify::{Anchor, Report, Trust, Verdict, verify};
use reissue::trail::{Checkpoint, Home, LogKey};
use std::path::Path;

struct Nobody;
impl Audience for Nobody {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, _: &Line) {}
}

fn rehearsed(playbook: &str) -> (Env, Home) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let path = format!("playbooks/{playbook}.yaml");
    let text = reissue::env::RealDisk.read(Path::new(&path), 1 << 20).unwrap();
    runtime.block_on(async {
        let env = drill::environment(1);
        let text = String::from_utf8(text).unwrap();
        drill::hold(&env, &text, &mut Nobody).await.unwrap_or_else(|e| panic!("{playbook}: {e}"));
        let home = Home::open(&env, Path::new("drill")).unwrap();
        (env, home)
    })
}

fn judge(env: &Env, home: &Home, anchored: bool) -> Report {
    let key = home.vkey().unwrap();
    let note = env.disk.read(&home.log().checkpoint(), 10_000).unwrap();
    let anchor = Anchor::from_checkpoint("safe", &note, &key, None).unwrap();
    let anchors = if anchored { vec![anchor] } else { vec![] };
    verify(
        &env.disk,
        &home.log(),
        &Trust { key, roster: Some(home.install.roster), anchors, keepers: Default::default() },
    )
    .unwrap()
}

fn explain(report: &Report) -> String {
    report.findings.iter().map(|f| format!("  [{:?} {:?}] {f}\n", f.check, f.severity)).collect()
}

/// A run that stands still has no end yet; nothing else may be wrong with it.
#[test]
fn rehearsals_are_intact() {
    for playbook in ["leaked-app-secret", "contain-first", "unneeded-apps", "compromised-users"] {
        let (env, home) = rehearsed(playbook);
        let report = judge(&env, &home, true);
        let open = report.findings.iter().any(|f| f.what.contains("is not finished"));
        let want = if open { Verdict::Incomplete } else { Verdict::Intact };
        assert!(report.runs == 1 && report.verdict == want, "{playbook}\n{}", explain(&report));
    }
}

/// Writes these lines in place of the log's, chained and signed as by the holder of its key.
fn forge(env: &Env, home: &Home, lines: &[Line], sizes: &[u64]) {
    let (mut prev, mut bytes, mut leaves) = ([0; 32], Vec::new(), Vec::new());
    for (seq, line) in (0..).zip(lines) {
        let one = Line { seq, prev, ..line.clone() }.to_bytes().unwrap();
        prev = leaf(&one);
        leaves.push(prev);
        bytes.extend(one);
        bytes.push(b'\n');
    }
    let log = home.log();
    env.disk.write_atomic(&log.events(), &bytes).unwrap();
    let key = LogKey::load(env.disk.as_ref(), &home.root().join("log.key")).unwrap();
    let mut newest = String::new();
    for name in env.disk.list(&log.checkpoints()).unwrap() {
        env.disk.remove(&log.checkpoints().join(name)).unwrap();
    }
    for size in sizes {
        // The last one signs the last line, wherever that is now.
        let at = usize::try_from(*size).unwrap().min(leaves.len());
        let head = Checkpoint { origin: key.origin().into(), size: at as u64, root: root(&leaves[..at]) };
        newest = head.sign(&key);
        let path = log.checkpoints().join(Checkpoint::file_name(at as u64));
        env.disk.write_atomic(&path, newest.as_bytes()).unwrap();
    }
    env.disk.write_atomic(&log.checkpoint(), newest.as_bytes()).unwrap();
}

#[test]
fn no_line_of_a_run_can_be_left_out() {
    let (env, home) = rehearsed("leaked-app-secret");
    let text = env.disk.read(&home.log().events(), 1 << 20).unwrap();
    let lines: Vec<Line> =
        text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| Line::from_bytes(l).unwrap()).collect();
    let names = env.disk.list(&home.log().checkpoints()).unwrap();
    let sizes: Vec<u64> = names.iter().filter_map(|n| Checkpoint::size_of_name(n)).collect();
    let mut tried = 0;
    for (i, left_out) in lines.iter().enumerate().filter(|(_, l)| l.run.is_some()) {
        let mut fewer = lines.clone();
        fewer.remove(i);
        forge(&env, &home, &fewer, &sizes);
        let report = judge(&env, &home, false);
        let name = left_out.event.name();
        let want = if name == "run.finished" { Verdict::Incomplete } else { Verdict::Tampered };
        assert!(
            report.verdict == want || report.verdict == Verdict::Tampered,
            "{name}, line {}\n{}",
            i + 1,
            explain(&report)
        );
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
    forge(&env, &home, &lines, &sizes);
    assert_eq!(judge(&env, &home, false).verdict, Verdict::NotAnchored, "forging itself changes nothing");
}

//! The judge and the engine agree: the log of a whole rehearsal is intact, and forging any line
//! out of it, even with the log's key, is seen.

use crate::support::forge::{forge, lines_of};
use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::drill::{self, Audience};
use reissue::env::{Disk, Env};
use reissue::trail::Home;
use reissue::trail::verify::{Anchor, Report, Trust, Verdict, verify};
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

#[test]
fn no_line_of_a_run_can_be_left_out() {
    let (env, home) = rehearsed("leaked-app-secret");
    let (lines, sizes) = lines_of(&env, &home);
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

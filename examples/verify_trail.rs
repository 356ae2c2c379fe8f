//! Judges a log with the library, from its files alone: no network, no clock, nothing is written.
//!
//! `cargo run --example verify_trail -- LOG KEY [CHECKPOINT...]`
//!
//! LOG is the folder that holds `events.jsonl`. KEY is the log's public key as `reissue init` printed
//! it, kept elsewhere: a key that comes with the log proves nothing. Each CHECKPOINT is a file
//! `checkpoint` of this log that somebody else kept; without one, a log whose end was cut off
//! together with its checkpoints looks whole, and the verdict says that it is not anchored.

#![allow(clippy::print_stdout)]

use reissue::env::{Disk, RealDisk};
use reissue::trail::Folder;
use reissue::trail::verify::{Anchor, CheckResult, Report, Trust, verify};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [log, key, kept @ ..] = &args[..] else {
        return Err("usage: verify_trail LOG KEY [CHECKPOINT...]".into());
    };
    let report = judge(Path::new(log), key, kept)?;
    for CheckResult { check, outcome, findings, .. } in &report.checks {
        println!("{check:?}: {outcome:?}, findings: {findings}");
    }
    for finding in &report.findings {
        println!("  {finding}");
    }
    println!("{} lines, {} runs: {}", report.size, report.runs, report.verdict.sentence());
    // The same codes as `reissue audit verify`.
    Ok(ExitCode::from(report.verdict.exit_code()))
}

/// What is trusted comes from outside; what is judged comes from the folder.
pub(crate) fn judge(log: &Path, key: &str, kept: &[String]) -> Result<Report, Box<dyn Error>> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let key = key.trim().parse()?;
    let anchor = |path: &String| -> Result<Anchor, Box<dyn Error>> {
        Ok(Anchor::from_checkpoint(path, &disk.read(Path::new(path), 64 << 10)?, &key, None)?)
    };
    let anchors = kept.iter().map(anchor).collect::<Result<_, _>>()?;
    Ok(verify(
        &disk,
        &Folder::new(log),
        &Trust { key: key.clone(), roster: None, anchors, keepers: Default::default() },
    )?)
}

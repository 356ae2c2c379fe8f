//! `reissue audit export`: the bundle that an auditor receives, with a verifier in it that needs
//! nothing of ours.

use super::verify::{Case, LogArguments, case};
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::report::{failed, run_id};
use crate::cli::{ExitCode, Session};
use crate::domain::approval::Roster;
use crate::report::{self, Judged, Model, csv, html, json};
use crate::trail::Objects;
use crate::trail::export::{Bundle, ExportError};
use std::path::PathBuf;

/// Python 3, its standard library only, short enough to be read before it is trusted.
const VERIFIER: &str = include_str!("../../../verifier/reissue_verify.py");
const ROSTER_BYTES_MAX: u64 = 256 << 10;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run that the report in it tells: its id, or `latest`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    run: String,
    /// The bundle: a new .tar file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    log: LogArguments,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let case = case(&arguments.log, session)?;
    let run = run_id(&arguments.run)?;
    let judged = report::read(&case.disk, &case.folder, &case.trust, run.as_ref());
    let model = match judged.map_err(|e| failed(&case, &e))? {
        Judged::Sound(model) => model,
        Judged::Tampered(_) => return Err(tampered(&case)),
    };
    let bytes = bundle(&case, &model)?;
    session.env.disk.write_new(&arguments.out, &bytes).map_err(|e| {
        if e.kind == std::io::ErrorKind::AlreadyExists {
            let what = "there is something at this place already";
            return Failure::new(codes::EXISTS, what, "name a file that does not exist yet")
                .at(&arguments.out);
        }
        let next = "check that the folder exists and may be written";
        Failure::new(codes::MACHINE, e.to_string(), next).at(&arguments.out)
    })?;
    let object = serde_json::json!({
        "path": arguments.out.to_string_lossy(), "bytes": bytes.len(), "run": model.head.run,
        "sha256": crate::domain::id::Digest::of(&bytes).hex(),
    });
    session.out.object("bundle", &object);
    session.out.line(&format!("Wrote {} ({} bytes).", arguments.out.display(), bytes.len()));
    session.out.line(&format!("  sha256  {}", crate::domain::id::Digest::of(&bytes).hex()));
    session.out.line(&format!("  key     {}", case.trust.key));
    session.out.line(
        "Hand over file and key by different ways. The receiver runs `reissue audit verify --bundle FILE --key KEY`, \
         or `python3 reissue_verify.py FILE KEY`, and keeps `checkpoints/checkpoint` as an anchor.",
    );
    Ok(ExitCode::Done)
}

fn tampered(case: &Case) -> Failure {
    let next = "keep the folder as it is; `reissue audit verify` says what is wrong, `reissue report` makes a page of it";
    let what = "the log is not the one that was written: it is not handed on as a bundle";
    Failure::new(codes::LOG, what, next).at(case.folder.root())
}

/// The log, the report, and what checks both.
fn bundle(case: &Case, model: &Model) -> Result<Vec<u8>, Failure> {
    let next = "run `reissue audit verify`: it says which file of the log is missing";
    let wrong = |e: ExportError| Failure::new(codes::LOG, e.to_string(), next).at(case.folder.root());
    let mut bundle = Bundle::gather(&case.disk, &case.folder).map_err(wrong)?;
    let text = json::document(model).map_err(|e| {
        Failure::new(codes::MACHINE, e.to_string(), "report this: a model could not be written as JSON")
    })?;
    bundle.add("report.html", html::page(model).into_bytes());
    bundle.add("report.json", text.into_bytes());
    for name in csv::TABLES {
        bundle.add(name, csv::table(model, name).unwrap_or_default().into_bytes());
    }
    bundle.add("allowed_signers", signers(case, model)?.into_bytes());
    bundle.add("reissue_verify.py", VERIFIER.as_bytes().to_vec());
    let sums = bundle.sums();
    bundle.add("SHA256SUMS", sums.into_bytes());
    bundle.to_tar().map_err(wrong)
}

/// Everybody who could sign until the run ended, as `ssh-keygen -Y verify` reads it: each statement names
/// the roster that it counts under.
fn signers(case: &Case, model: &Model) -> Result<String, Failure> {
    let next = "run `reissue audit verify`: it says which file of the log is missing";
    let wrong = |e: String| Failure::new(codes::LOG, e, next).at(case.folder.root());
    let objects = Objects::new(case.disk.clone(), &case.folder);
    let rosters = [model.head.roster].into_iter().chain(model.approvals.rosters.iter().map(|r| r.roster));
    let mut lines: Vec<String> = Vec::new();
    for digest in rosters {
        let bytes = objects.get(&digest, ROSTER_BYTES_MAX).map_err(|e| wrong(e.to_string()))?;
        let roster = Roster::from_yaml(&bytes).map_err(|e| wrong(e.to_string()))?;
        for line in roster.allowed_signers().lines().filter(|l| !l.is_empty()) {
            if !lines.iter().any(|l| l == line) {
                lines.push(line.to_owned());
            }
        }
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

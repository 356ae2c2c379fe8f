//! `reissue audit export`: the bundle that an auditor receives, with a verifier in it that needs
//! nothing of ours.

use super::verify::{Case, LogArguments, case};
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::report::{failed, run_id};
use crate::cli::{ExitCode, Session};
use crate::domain::approval::Roster;
use crate::domain::approval::card::Authority;
use crate::domain::id::{Digest, RunId};
use crate::domain::text::count;
use crate::report::html::{self, Split};
use crate::report::{self, Model, csv, json};
use crate::trail::Objects;
use crate::trail::export::{Bundle, Unpacked};
use crate::trail::verify::{Part, Severity};
use std::path::{Path, PathBuf};

/// Python 3, its standard library only, short enough to be read before it is trusted.
const VERIFIER: &str = include_str!("../../../verifier/reissue_verify.py");
const ROSTER_BYTES_MAX: u64 = 256 << 10;

pub(super) const AFTER_HELP: &str = "With --only, lines of other runs are folded into hashes: the bundle shows that they \
    exist and how many they are, and nothing of what they say. Both verifiers judge it, and say what it cannot prove. \
    The same log gives the same bytes.";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run that the report in it tells: its id, or `latest`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    run: String,
    /// Only this run: other runs stay private, with a proof that no line of this one is missing
    #[arg(long)]
    only: bool,
    /// The bundle: a new .tar file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    log: LogArguments,
}

/// A log that was judged, or one run of it, and what is made of it.
struct Told {
    bundle: Bundle,
    from: Unpacked,
    model: Model,
    siem: String,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let case = case(&arguments.log, session)?;
    let run = run_id(&arguments.run)?;
    let from = Unpacked { disk: case.disk.clone(), folder: case.folder.clone() };
    if case.folder.is_excerpt() {
        let what = "this is a bundle of one run already";
        return Err(Failure::new(codes::ARGUMENT, what, "hand it on as it is").at(case.folder.root()));
    }
    let (model, siem) = judged(&case, &from, run.as_ref())?;
    let told = match arguments.only {
        true => only(&case, &model.head.run)?,
        false => {
            let gathered = Bundle::gather(&case.disk, &case.folder);
            Told { bundle: gathered.map_err(|e| incomplete(&case, e.to_string()))?, from, model, siem }
        }
    };
    let (bundle, model) = bundle(&case, told)?;
    let mut tar = bundle.tar().map_err(|e| incomplete(&case, e.to_string()))?;
    session.env.disk.write_new_from(&arguments.out, &mut tar).map_err(|e| {
        if e.kind == std::io::ErrorKind::AlreadyExists {
            let what = "there is something at this place already";
            return Failure::new(codes::EXISTS, what, "name a file that does not exist yet")
                .at(&arguments.out);
        }
        let next = "check that the folder exists and may be written";
        Failure::new(codes::MACHINE, e.to_string(), next).at(&arguments.out)
    })?;
    show(&model, &case, &arguments.out, tar.read_so_far(), session);
    Ok(ExitCode::Done)
}

/// One run of the log. What is rendered is made from the excerpt, after it was judged: nothing that is
/// not in it can be shown.
fn only(case: &Case, run: &RunId) -> Result<Told, Failure> {
    let wrong = |e: String| incomplete(case, e);
    let bundle = Bundle::gather_only(&case.disk, &case.folder, run).map_err(|e| wrong(e.to_string()))?;
    let from = bundle.unpacked().map_err(|e| wrong(e.to_string()))?;
    let (model, siem) = judged(case, &from, Some(run))?;
    Ok(Told { bundle, from, model, siem })
}

fn judged(case: &Case, from: &Unpacked, run: Option<&RunId>) -> Result<(Model, String), Failure> {
    let judged = report::for_bundle(&from.disk, &from.folder, &case.trust, run);
    judged.map_err(|e| failed(case, &e))?.map_err(|refusal| {
        let next = "keep the folder as it is; `reissue audit verify` says what is wrong, `reissue report` makes a page of it";
        let mut what = "the log is not the one that was written: it is not handed on as a bundle".to_owned();
        if let Some(worst) = refusal.report.findings.iter().find(|f| f.severity == Severity::Tampered) {
            what = format!("{what} ({})", worst.what);
        }
        Failure::new(codes::LOG, what, next).at(case.folder.root())
    })
}

fn incomplete(case: &Case, what: String) -> Failure {
    let next = "run `reissue audit verify`: it says which file of the log is missing";
    Failure::new(codes::LOG, what, next).at(case.folder.root())
}

fn show(model: &Model, case: &Case, path: &Path, (bytes, digest): (u64, Digest), session: &mut Session) {
    let sha256 = digest.hex();
    let part = model.integrity.excerpt.as_ref();
    let object = serde_json::json!({
        "path": path.to_string_lossy(), "bytes": bytes, "run": model.head.run,
        "sha256": sha256, "excerpt": part,
    });
    session.out.object("bundle", &object);
    session.out.line(&format!("Wrote {} ({bytes} bytes).", path.display()));
    session.out.line(&format!("  sha256  {sha256}"));
    session.out.line(&format!("  key     {}", case.trust.key));
    if let Some(Part { run, shown, hidden }) = part {
        session.out.line(&format!(
            "It shows {} of the run {run} and of the log itself; {} as hashes only. The roster is in it whole, and so \
             are handovers of the log's key.",
            count(*shown, "line", "lines"),
            count(*hidden, "other line is in it", "other lines are in it")
        ));
    }
    session.out.line(
        "Hand over file and key by different ways. The receiver runs `reissue audit verify --bundle FILE --key KEY`, \
         or `python3 reissue_verify.py FILE KEY`, and keeps `checkpoints/checkpoint` as an anchor.",
    );
}

/// The log, the report, and what checks both.
fn bundle(case: &Case, told: Told) -> Result<(Bundle, Model), Failure> {
    let Told { mut bundle, from, model, siem } = told;
    bundle.add("events.ocsf.jsonl", siem.into_bytes());
    let text = json::document(&model).map_err(|e| {
        Failure::new(codes::MACHINE, e.to_string(), "report this: a model could not be written as JSON")
    })?;
    bundle.add("report.json", text.into_bytes());
    html::pages(&model, "report.html".as_ref(), &Split::STANDARD, &mut |name, page| {
        bundle.add(&name.to_string_lossy(), page.into_bytes());
    });
    for name in csv::TABLES {
        bundle.add(name, csv::table(&model, name).unwrap_or_default().into_bytes());
    }
    let rosters = rosters(case, &from, &model)?;
    bundle.add("allowed_signers", signers(&rosters).into_bytes());
    let authorities = authorities(&rosters);
    if !authorities.is_empty() {
        bundle.add("authorities.pem", authorities.into_bytes());
    }
    bundle.add("reissue_verify.py", VERIFIER.as_bytes().to_vec());
    let sums = bundle.sums();
    bundle.add("SHA256SUMS", sums.into_bytes());
    Ok((bundle, model))
}

/// Every roster in force until the run ended: each statement names the one that it counts under.
fn rosters(case: &Case, from: &Unpacked, model: &Model) -> Result<Vec<Roster>, Failure> {
    let wrong = |e: String| incomplete(case, e);
    let objects = Objects::new(from.disk.clone(), &from.folder);
    let rosters = [model.head.roster].into_iter().chain(model.approvals.rosters.iter().map(|r| r.roster));
    let read = |digest: Digest| {
        let bytes = objects.get(&digest, ROSTER_BYTES_MAX).map_err(|e| wrong(e.to_string()))?;
        Roster::from_yaml(&bytes).map_err(|e| wrong(e.to_string()))
    };
    rosters.map(read).collect()
}

/// Everybody who could sign, as `ssh-keygen -Y verify` reads it.
fn signers(rosters: &[Roster]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for roster in rosters {
        for line in roster.allowed_signers().lines().filter(|l| !l.is_empty()) {
            if !lines.iter().any(|l| l == line) {
                lines.push(line.to_owned());
            }
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Who issues cards that count, as `openssl` reads it.
fn authorities(rosters: &[Roster]) -> String {
    let mut all: Vec<String> = Vec::new();
    for pem in rosters.iter().flat_map(Roster::authorities).map(Authority::to_pem) {
        if !all.contains(&pem) {
            all.push(pem);
        }
    }
    all.concat()
}

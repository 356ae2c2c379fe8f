//! `reissue report`: a run told for people, from a log that was judged first. It writes new files
//! and changes nothing else.

use super::audit::verify::{Case, LogArguments, case, code};
use super::codes;
use super::error::Failure;
use super::{ExitCode, Session};
use crate::domain::id::{IdError, RunId};
use crate::domain::text::count;
use crate::report::html::{self, Split};
use crate::report::ocsf::Schema;
use crate::report::{self, Judged, Refusal, ReportError, csv, json};
use crate::trail::export::Packed;
use crate::trail::verify::Verdict;
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The run: its id, or `latest`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    run: String,
    /// A new file (.html, .json, .csv), or a folder for several
    #[arg(long, value_name = "DIR|FILE")]
    out: PathBuf,
    /// Only this format
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only events for a SIEM, by this version of OCSF
    #[arg(long, value_name = "VERSION", value_enum, conflicts_with = "format")]
    ocsf: Option<Ocsf>,
    #[command(flatten)]
    log: LogArguments,
}

const AFTER_HELP: &str = "The log is judged first. If it was tampered with, the page says what is wrong and nothing \
    else, and the exit code is 1. The same log gives the same bytes. The page of a run of more than 500 targets has further \
    files beside it, FILE-credentials-0001.html and so on; it says their digests.";

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A page for people: no script, nothing loaded from anywhere
    Html,
    /// Tables: status, credentials, events
    Csv,
    /// Everything, for programs
    Json,
    /// Events for a SIEM: OCSF 1.8.0, one JSON object a line; only when asked for
    Ocsf,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ocsf {
    /// 1.8.0
    #[value(name = "1.8")]
    V1_8,
    /// 1.9.0, as it was developed by July 2026: credentials come and go in User Management
    #[value(name = "1.9")]
    V1_9,
}

impl From<Ocsf> for Schema {
    fn from(version: Ocsf) -> Self {
        match version {
            Ocsf::V1_8 => Schema::V1_8,
            Ocsf::V1_9 => Schema::V1_9,
        }
    }
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let case = case(&arguments.log, session)?;
    let run = run_id(&arguments.run)?;
    let schema = arguments.ocsf.map(Schema::from);
    if let Some(schema) = schema.or((arguments.format == Some(Format::Ocsf)).then_some(Schema::V1_8)) {
        return siem(&arguments, session, &case, run.as_ref(), schema);
    }
    let judged = report::read(&case.disk, &case.folder, &case.trust, run.as_ref());
    let judged = judged.map_err(|e| failed(&case, &e))?;
    let files = files(&arguments, &judged, &Split::STANDARD)?;
    if by_name(&arguments.out).is_none() {
        session.env.disk.make_folder(&arguments.out).map_err(|e| {
            Failure::new(codes::MACHINE, e.to_string(), "name another folder").at(&arguments.out)
        })?;
    }
    // A page is not written before it is sure that the files to which it leads can be.
    if let Some((path, _)) = files.iter().find(|(path, _)| session.env.disk.exists(path)) {
        return Err(taken(path));
    }
    for (path, file) in &files {
        write(session, path, &mut file.read())?;
        session.out.object("report_file", &serde_json::json!({ "path": path.to_string_lossy() }));
        session.out.line(&format!("Wrote {}", path.display()));
    }
    match judged {
        Judged::Sound(model) => {
            session.out.line(&model.summary.headline);
            session.out.line(&format!("The record: {}.", model.integrity.verdict));
            Ok(ExitCode::Done)
        }
        Judged::Tampered(_) => {
            session.out.line("TAMPERED: the log is not the one that was written; the report says only that.");
            Ok(ExitCode::Audit(code(Verdict::Tampered)))
        }
    }
}

/// The run's events for a SIEM, into one file.
fn siem(
    arguments: &Arguments,
    session: &mut Session,
    case: &Case,
    run: Option<&RunId>,
    schema: Schema,
) -> Result<ExitCode, Failure> {
    let judged =
        report::siem(&case.disk, &case.folder, &case.trust, run, schema).map_err(|e| failed(case, &e))?;
    let Ok(text) = judged else {
        session.out.line("TAMPERED: the log is not the one that was written; nothing was exported.");
        return Ok(ExitCode::Audit(code(Verdict::Tampered)));
    };
    write(session, &arguments.out, &mut text.as_bytes())?;
    session.out.object("report_file", &serde_json::json!({ "path": arguments.out.to_string_lossy() }));
    session.out.line(&format!(
        "Wrote {} ({})",
        arguments.out.display(),
        count(text.lines().count(), "event", "events")
    ));
    Ok(ExitCode::Done)
}

/// The run that is asked for; none for the last one.
pub(super) fn run_id(wanted: &str) -> Result<Option<RunId>, Failure> {
    let unknown =
        |e: IdError| Failure::new(codes::ARGUMENT, e.to_string(), "`reissue status` lists the runs");
    match wanted {
        "latest" => Ok(None),
        id => id.parse().map(Some).map_err(unknown),
    }
}

pub(super) fn failed(case: &Case, e: &ReportError) -> Failure {
    let (code, next) = match e {
        ReportError::NoRun => (codes::NO_RUN, "`reissue status` lists the runs"),
        _ => (codes::LOG, "run `reissue audit verify`: it says what is wrong with the log"),
    };
    Failure::new(code, e.to_string(), next).at(case.folder.root())
}

/// Writes a file that is not there yet.
pub(super) fn write(session: &Session, path: &Path, from: &mut dyn Read) -> Result<(), Failure> {
    session.env.disk.write_new_from(path, from).map_err(|e| {
        if e.kind == std::io::ErrorKind::AlreadyExists {
            return taken(path);
        }
        Failure::new(codes::MACHINE, e.to_string(), "check that the folder exists and may be written")
            .at(path)
    })
}

fn taken(path: &Path) -> Failure {
    let what = "there is something at this place already";
    Failure::new(codes::EXISTS, what, "name a file that does not exist yet").at(path)
}

/// The format of a file of this name; none for a folder.
fn by_name(out: &Path) -> Option<Format> {
    match out.extension().and_then(|e| e.to_str()) {
        Some("html" | "htm") => Some(Format::Html),
        Some("csv") => Some(Format::Csv),
        Some("json") => Some(Format::Json),
        _ => None,
    }
}

/// Packed: those of a large run are hundreds of megabytes, and none is written before all are made.
type Files = Vec<(PathBuf, Packed)>;

/// What is written where.
fn files(arguments: &Arguments, judged: &Judged, split: &Split) -> Result<Files, Failure> {
    let Arguments { run: _, out, format, ocsf: _, log: _ } = arguments;
    if let Some(by_name) = by_name(out) {
        return one(format.unwrap_or(by_name), out, "status.csv", judged, split);
    }
    let wanted = |f: Format| format.is_none_or(|only| only == f);
    let names: [(Format, &[&str]); 3] =
        [(Format::Html, &["report.html"]), (Format::Json, &["report.json"]), (Format::Csv, &csv::TABLES)];
    let names = names.into_iter().filter(|(f, _)| wanted(*f));
    let mut all = Vec::new();
    for (format, name) in names.flat_map(|(f, names)| names.iter().map(move |n| (f, *n))) {
        all.extend(one(format, &out.join(name), name, judged, split)?);
    }
    Ok(all)
}

/// One format at its place, with what lies beside it; `table` names which table is meant.
fn one(format: Format, path: &Path, table: &str, judged: &Judged, split: &Split) -> Result<Files, Failure> {
    let model = match judged {
        Judged::Sound(model) => model,
        Judged::Tampered(refusal) => {
            let text = refused(format, refusal);
            return Ok(vec![(path.to_owned(), Packed::of(text.as_bytes()))]);
        }
    };
    let text = match format {
        Format::Html => {
            let (name, mut pages) = (path.file_name().unwrap_or_default(), Vec::new());
            html::pages(model, name, split, &mut |name, text| {
                pages.push((path.with_file_name(name), Packed::of(text.as_bytes())));
            });
            // The page that was made last is read first.
            pages.rotate_right(1);
            return Ok(pages);
        }
        Format::Json => json::document(model).map_err(|e| {
            Failure::new(codes::MACHINE, e.to_string(), "report this: a model could not be written as JSON")
        })?,
        Format::Csv | Format::Ocsf => csv::table(model, table).unwrap_or_default(),
    };
    Ok(vec![(path.to_owned(), Packed::of(text.as_bytes()))])
}

fn refused(format: Format, refusal: &Refusal) -> String {
    match format {
        Format::Html => html::refusal(refusal),
        Format::Json => json::refusal(refusal),
        Format::Csv | Format::Ocsf => csv::refusal(refusal),
    }
}

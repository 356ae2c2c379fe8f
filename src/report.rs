//! The report of a run: what a chief, an operator and an auditor read, made from a verified log and
//! from nothing else.
//!
//! [`read`] judges the log first. A log that is not what was written yields no report, only what is
//! wrong with it ([`Judged::Tampered`]). Otherwise there is one [`Model`], and each format shows it:
//! [`html`] for people, [`csv`] and [`json`] for programs, [`ocsf`] for a SIEM.
//!
//! Nothing here asks a clock: the time of a report is the time of the log's last line, so that the
//! same log gives the same bytes.

mod approvals;
mod credential;
pub mod csv;
mod deeds;
pub mod html;
mod integrity;
pub mod json;
pub mod model;
pub mod ocsf;
mod record;
mod status;
mod steps;
mod summary;
mod target;
mod trouble;
pub mod words;

pub use deeds::Deeds;
pub use model::Model;

use crate::domain::id::RunId;
use crate::env::Disk;
use crate::trail::objects::ObjectError;
use crate::trail::reader::ReadError;
use crate::trail::verify::{Report, Trust, Verdict, VerifyError, verify};
use crate::trail::{Folder, VerifierKey};
use record::Record;
use std::sync::Arc;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("{0}")]
    Verify(#[from] VerifyError),
    #[error("{0}; no report was made")]
    Read(#[from] ReadError),
    #[error("{0}; no report was made")]
    Object(#[from] ObjectError),
    #[error("{0}; no report was made")]
    Disk(#[from] crate::env::DiskError),
    #[error("the log has no such run; no report was made")]
    NoRun,
    #[error("the {what} of the run cannot be read: {why}; no report was made")]
    Unreadable { what: &'static str, why: String },
}

/// A log that was judged before anything was read out of it.
pub enum Judged {
    Sound(Box<Model>),
    /// It is not the log that was written: nothing in it is reported as fact.
    Tampered(Box<Refusal>),
}

/// What is said of a tampered log: the findings, and whose log it claims to be.
pub struct Refusal {
    pub report: Report,
    pub key: VerifierKey,
}

/// Judges the log in `folder` and tells one run of it; without `run`, the last one.
pub fn read(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    run: Option<&RunId>,
) -> Result<Judged, ReportError> {
    Ok(match judged(disk, folder, trust, run)? {
        Ok((report, record)) => Judged::Sound(Box::new(model(disk, folder, trust, &report, &record)?)),
        Err(refusal) => Judged::Tampered(Box::new(refusal)),
    })
}

/// What a bundle holds for people and for a SIEM, from one judgement: the model, and OCSF events.
pub fn for_bundle(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    run: Option<&RunId>,
) -> Result<Result<(Model, String), Refusal>, ReportError> {
    let (report, record) = match judged(disk, folder, trust, run)? {
        Ok(both) => both,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let events = harmless(ocsf::lines(&record, trust.key.name(), ocsf::Schema::V1_8));
    Ok(Ok((model(disk, folder, trust, &report, &record)?, events)))
}

/// Judges the log; only one that is what was written is read.
fn judged(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    run: Option<&RunId>,
) -> Result<Result<(Report, Record), Refusal>, ReportError> {
    let report = verify(disk, folder, trust)?;
    if report.verdict == Verdict::Tampered {
        return Ok(Err(Refusal { report, key: trust.key.clone() }));
    }
    Ok(Ok((report, Record::read(disk, folder, run)?)))
}

fn model(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    report: &Report,
    record: &Record,
) -> Result<Model, ReportError> {
    let targets: Vec<_> = record.plan.changes().filter_map(|t| target::report(record, &t)).collect();
    let excepted: Vec<_> = record.plan.exceptions().map(|e| target::excepted(&e)).collect();
    let approvals = approvals::report(disk, folder, trust, record)?;
    let integrity = integrity::of(disk, folder, trust, report, (record, &approvals))?;
    let open = trouble::open(record, &targets, &excepted);
    Ok(Model {
        version: model::VERSION,
        head: summary::head(record),
        summary: summary::of(record, &targets, &excepted),
        status: status::table(&targets, &excepted),
        troubles: trouble::list(record),
        events: record.lines.iter().map(words::row).collect(),
        not_proved: integrity::not_proved(report),
        approvals,
        excepted,
        integrity,
        open,
        targets,
    })
}

/// Judges the log and tells one run of it as OCSF events, one a line.
pub fn siem(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    run: Option<&RunId>,
    schema: ocsf::Schema,
) -> Result<Result<String, Refusal>, ReportError> {
    let judged = judged(disk, folder, trust, run)?;
    Ok(judged.map(|(_, record)| harmless(ocsf::lines(&record, trust.key.name(), schema))))
}

/// Judges the log and gathers what one run, and every other, changed in the directory.
pub fn deeds(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    run: Option<&RunId>,
) -> Result<Result<Deeds, Refusal>, ReportError> {
    match judged(disk, folder, trust, run)? {
        Ok((_, record)) => Ok(Ok(Deeds::of(disk, folder, &record)?)),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// What is shown is free of characters that change how text is read: controls, and those that
/// reverse or hide it. Texts in the log have none; this holds whatever a model was made of.
fn harmless(text: String) -> String {
    let hostile = |c: char| c != '\n' && crate::domain::text::is_hostile(c);
    if text.chars().any(hostile) {
        text.chars().map(|c| if hostile(c) { '\u{fffd}' } else { c }).collect()
    } else {
        text
    }
}

//! `reissue audit verify`: one judgement, with exit codes of its own.

mod view;

use super::keepers::KeeperArguments;
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::exit::AuditCode;
use crate::cli::{ExitCode, Session};
use crate::domain::id::Digest;
use crate::env::Disk;
use crate::trail::export::{BUNDLE_BYTES_MAX, Unpacked, unpack};
use crate::trail::verify::{Anchor, Trust, Verdict, keys_of, verify};
use crate::trail::{Folder, Home, LogKey, VerifierKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const AFTER_HELP: &str = "Exit codes of this command: 0 intact, anchored and complete, 1 tampered, \
    2 no judgement (something could not be read), 3 consistent, but NOT anchored, 4 intact as far as it goes, but \
    not complete (an open run, a torn end). Nothing is written and nothing is asked of a network.";

const ANCHOR_BYTES_MAX: u64 = 64 << 10;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    log: LogArguments,
}

/// Which log, and what it is held against.
#[derive(clap::Args)]
pub(in crate::cli) struct LogArguments {
    /// The installation whose log is judged
    #[arg(long, value_name = "DIR", default_value = ".reissue", env = "REISSUE_HOME")]
    home: PathBuf,
    /// Judge the log in this folder instead: a copy, or a log from another machine
    #[arg(long, value_name = "DIR", requires = "key")]
    folder: Option<PathBuf>,
    /// Judge the log in this bundle, made by `reissue audit export`
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "folder")]
    bundle: Option<PathBuf>,
    /// The log's public key, as it was printed by `reissue init` and kept elsewhere
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// The roster's digest, as it was printed by `reissue init`
    #[arg(long, value_name = "DIGEST")]
    roster: Option<String>,
    /// A checkpoint of this log that was kept elsewhere; may be given several times
    #[arg(long = "anchor", value_name = "FILE")]
    anchors: Vec<PathBuf>,
    #[command(flatten)]
    keepers: KeeperArguments,
}

/// What is judged, and where its key is from.
pub(in crate::cli) struct Case {
    pub(in crate::cli) disk: Arc<dyn Disk>,
    pub(in crate::cli) folder: Folder,
    pub(in crate::cli) trust: Trust,
    key_from: &'static str,
}

/// What a bundle holds beside the log is not the log: whoever made it could have written anything.
const RENDERINGS: &str = "Judged is the log. The report and the CSV files in the bundle are renderings of it and were \
                          not judged: make them again from this log with `reissue report --bundle`.";

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let case = case(&arguments.log, session).map_err(unjudged)?;
    let judged = verify(&case.disk, &case.folder, &case.trust);
    let report = judged.map_err(|e| {
        let next = "name the folder that holds events.jsonl, and check that you may read it";
        unjudged(Failure::new(codes::NO_VERDICT, e.to_string(), next).at(case.folder.root()))
    })?;
    match session.out.is_json() {
        true => view::objects(&report, &mut session.out),
        false => view::show(&case, &report, &mut session.out),
    }
    if arguments.log.bundle.is_some() {
        session.out.line(RENDERINGS);
    }
    Ok(ExitCode::Audit(code(report.verdict)))
}

pub(in crate::cli) fn code(verdict: Verdict) -> AuditCode {
    match verdict {
        Verdict::Intact => AuditCode::Intact,
        Verdict::Tampered => AuditCode::Tampered,
        Verdict::NotAnchored => AuditCode::NotAnchored,
        Verdict::Incomplete => AuditCode::Incomplete,
    }
}

/// Whatever went wrong before the judgement: there is none, and the exit code says so.
fn unjudged(failure: Failure) -> Failure {
    Failure { code: codes::NO_VERDICT, state: "nothing was judged, nothing was changed".into(), ..failure }
}

pub(in crate::cli) fn case(arguments: &LogArguments, session: &mut Session) -> Result<Case, Failure> {
    let given = arguments.key.as_deref().map(parse_key).transpose()?;
    let roster = arguments.roster.as_deref().map(parse_roster).transpose()?;
    if let (Some(bundle), Some(key)) = (&arguments.bundle, &given) {
        let Unpacked { disk, folder } = unpack_file(session, bundle)?;
        let keys = keys(&disk, &folder, key)?;
        // Nothing that was named lies in the bundle.
        let trust = trust(arguments, session, (key.clone(), &keys, roster), None)?;
        return Ok(Case { disk, folder, trust, key_from: "given" });
    }
    let (folder, key, key_from, roster) = match (&arguments.folder, given) {
        (Some(folder), Some(key)) => (Folder::found(session.env.disk.as_ref(), folder), key, "given", roster),
        (Some(_), None) => {
            let next = "add `--key` with the line that `reissue init` printed";
            return Err(Failure::new(codes::NO_VERDICT, "there is no key to judge with", next));
        }
        (None, given) => {
            let failed = |e: &crate::trail::HomeError| crate::cli::ground::home_failure(&arguments.home, e);
            let home = Home::open(&session.env, &arguments.home).map_err(|e| failed(&e))?;
            let (key, from) = match given {
                Some(key) => (key, "given"),
                None => own_key(session, &home).map_err(|e| failed(&e))?,
            };
            (home.log(), key, from, roster.or(Some(home.install.roster)))
        }
    };
    let disk = session.env.disk.clone();
    let keys = keys(&disk, &folder, &key)?;
    let trust = trust(arguments, session, (key, &keys, roster), Some(folder.root()))?;
    Ok(Case { disk, folder, trust, key_from })
}

/// What the log is held against. Nothing may be from the log's own folder.
fn trust(
    arguments: &LogArguments,
    session: &mut Session,
    (key, keys, roster): (VerifierKey, &[VerifierKey], Option<Digest>),
    log: Option<&Path>,
) -> Result<Trust, Failure> {
    let anchor = |path: &PathBuf| match log.is_some_and(|log| path.starts_with(log)) {
        true => Err(inside(path)),
        false => read_anchor(session, path, keys),
    };
    let mut anchors = arguments.anchors.iter().map(anchor).collect::<Result<Vec<_>, _>>()?;
    let (keepers, of_repositories) = arguments.keepers.read(session, &key, keys, log)?;
    anchors.extend(of_repositories);
    Ok(Trust { key, roster, anchors, keepers })
}

/// A bundle, unpacked into memory.
fn unpack_file(session: &Session, path: &Path) -> Result<Unpacked, Failure> {
    let wrong = |what: String, next: &str| Failure::new(codes::NO_VERDICT, what, next).at(path);
    let bytes = session.env.disk.read(path, BUNDLE_BYTES_MAX);
    let bytes = bytes.map_err(|e| wrong(e.to_string(), "check the path"))?;
    unpack(&bytes).map_err(|e| {
        let next = "ask for the file again, and compare its SHA-256 with what the sender has";
        wrong(format!("this is no bundle of `reissue audit export`: {e}"), next)
    })
}

/// The installation's own key; the copy inside the log, which whoever changes the log can change
/// too, only if the key file is not ours to read.
fn own_key(session: &Session, home: &Home) -> Result<(VerifierKey, &'static str), crate::trail::HomeError> {
    match LogKey::load(session.env.disk.as_ref(), &home.root().join("log.key")) {
        Ok(key) => Ok((key.public().clone(), "of this installation")),
        Err(_) => Ok((home.vkey()?, "only the copy inside the log itself; better give `--key`")),
    }
}

fn parse_key(text: &str) -> Result<VerifierKey, Failure> {
    let next = "copy the line that `reissue init` printed; it begins with `reissue.`";
    text.trim().parse().map_err(|e| Failure::new(codes::NO_VERDICT, format!("--key: {e}"), next))
}

fn parse_roster(text: &str) -> Result<Digest, Failure> {
    let next = "write it as `sha256:` and 64 digits, as `reissue init` printed it";
    text.trim().parse().map_err(|e| Failure::new(codes::NO_VERDICT, format!("--roster: {e}"), next))
}

/// Whoever can rewrite the log can rewrite this too.
pub(super) fn inside(path: &Path) -> Failure {
    let next = "give a copy that was kept where the log's writer cannot change it";
    Failure::new(codes::NO_VERDICT, "an anchor out of the log's own folder proves nothing", next).at(path)
}

/// The log's keys in turn: a checkpoint may be signed by any of them.
fn keys(disk: &Arc<dyn Disk>, folder: &Folder, key: &VerifierKey) -> Result<Vec<VerifierKey>, Failure> {
    keys_of(disk.as_ref(), folder, key).map_err(|e| {
        Failure::new(codes::NO_VERDICT, e.to_string(), "check that you may read the log").at(folder.root())
    })
}

fn read_anchor(session: &Session, path: &Path, keys: &[VerifierKey]) -> Result<Anchor, Failure> {
    let wrong = |what: String, next: &str| Failure::new(codes::NO_VERDICT, what, next).at(path);
    let note = session.env.disk.read(path, ANCHOR_BYTES_MAX);
    let note = note.map_err(|e| wrong(format!("the anchor: {}", e.why), "check the path"))?;
    let read = |key| Anchor::from_checkpoint(&path.to_string_lossy(), &note, key, None);
    let (last, others) = keys.split_last().ok_or_else(|| wrong("there is no key".into(), "give `--key`"))?;
    others.iter().find_map(|key| read(key).ok()).map_or_else(|| read(last), Ok).map_err(|e| {
        let next = "give a file that was copied from the log's folder `checkpoints`, unchanged";
        wrong(format!("this is no checkpoint of this log: {e}"), next)
    })
}

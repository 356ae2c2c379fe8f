//! `reissue audit anchor`: has somebody else remember the newest checkpoint. It takes no lock and
//! appends nothing to the log.

mod blob;

use super::keepers::{authorities, cosigner, policy};
use crate::anchor::git::{self, BRANCH, GitError, Wanted};
use crate::anchor::tsa::{self, TsaError};
use crate::anchor::witness::{self, WitnessError};
use crate::anchor::{CallError, Head, HeadError, Obtained, without_passwords};
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::ground::{disk_failure, home_failure, out_failure, read_failure};
use crate::cli::world::{ActingArguments, HomeArguments, runtime, unreadable};
use crate::cli::{ExitCode, Session};
use crate::domain::text::count;
use crate::trail::Home;
use crate::trail::anchors::stamp::StampError;
use crate::trail::anchors::{ANCHOR_BYTES_MAX, CosignerKey, Kind};
use crate::wire::Wire;
use crate::wire::net::{Net, NetOptions, Roots};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const AFTER_HELP: &str = "The answer is judged, then kept in the log's folder `anchors`. Who anchors what is \
    for you to decide: the more independent of the machine, the tenant and each other, the better. Run it again after \
    each run, for example from cron; an anchor covers the lines up to the newest checkpoint, and none after it.";

const PEM_BYTES_MAX: u64 = 1 << 20;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("keeper").required(true))]
pub(super) struct Arguments {
    /// Commit the checkpoint in this repository, on a branch of its own, and push that branch
    #[arg(long, value_name = "DIR", group = "keeper")]
    git: Option<PathBuf>,
    /// The branch of the commits
    #[arg(long, value_name = "NAME", default_value = BRANCH, requires = "git")]
    branch: String,
    /// The remote to push to; without it, `origin` if the repository has one
    #[arg(long, value_name = "NAME", requires = "git")]
    remote: Option<String>,
    /// Sign the commit, with the key that git is configured with, even if commits usually are not
    #[arg(long, requires = "git")]
    sign: bool,
    /// Have this time stamping authority (RFC 3161) stamp the checkpoint
    #[arg(long, value_name = "URL", group = "keeper", requires = "tsa_ca")]
    tsa: Option<String>,
    /// Write the request for an authority that this machine cannot reach: a new file
    #[arg(long, value_name = "FILE", group = "keeper")]
    tsq_out: Option<PathBuf>,
    /// Take in the reply of such an authority
    #[arg(long, value_name = "FILE", group = "keeper", requires = "tsa_ca")]
    tsr: Option<PathBuf>,
    /// The certificates (PEM) in which the authority's must end
    #[arg(long, value_name = "FILE")]
    tsa_ca: Option<PathBuf>,
    /// Have this witness (C2SP tlog-witness, its submission prefix) cosign the checkpoint
    #[arg(long, value_name = "URL", group = "keeper", requires = "witness_vkey")]
    witness: Option<String>,
    /// The witness's key, of type 04
    #[arg(long, value_name = "VKEY", requires = "witness")]
    witness_vkey: Option<String>,
    /// Ask every witness of this C2SP tlog-policy file that has a URL there
    #[arg(long, value_name = "FILE", group = "keeper")]
    policy: Option<PathBuf>,
    /// Put the checkpoint into a blob below this address, https://ACCOUNT…/CONTAINER, and lock it there
    #[arg(long, value_name = "URL", group = "keeper", requires = "keep_for")]
    blob: Option<String>,
    /// How long nobody may change the blob; this cannot be taken back: 365d
    #[arg(long, value_name = "SPAN", requires = "blob")]
    keep_for: Option<String>,
    /// The directory (tenant) of the storage account; without it, that of the log. Another one than the one under
    /// repair is better
    #[arg(long, value_name = "GUID", requires = "blob")]
    blob_tenant: Option<String>,
    /// Certificates (PEM) to believe in TLS, beside the machine's own
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    home: HomeArguments,
    #[command(flatten)]
    acting: ActingArguments,
}

#[derive(Serialize)]
struct AnchorObject<'a> {
    by: &'a str,
    file: String,
    keeper: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pushed_to: Option<&'a str>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<crate::domain::time::Timestamp>,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.home.open(session)?;
    let head = head(&home, session)?;
    if let Some(folder) = &arguments.git {
        let Arguments { branch, remote, sign, .. } = arguments;
        let wanted = Wanted { folder, branch, remote: remote.as_deref(), sign: *sign };
        let (done, remote) = git::commit(&wanted, &head).map_err(|e| git_failure(folder, &e))?;
        show(session, &done, remote.as_deref());
        if remote.is_none() {
            session
                .out
                .line("Not pushed: the repository has no remote. On this machine alone it proves little.");
        }
        return Ok(ExitCode::Done);
    }
    if let Some(url) = &arguments.blob {
        return blob::keep(arguments, url, session, (&home, &head));
    }
    if let Some(out) = &arguments.tsq_out {
        return request(&head, out, session);
    }
    let believed = arguments.tsa_ca.as_ref().map(|file| authorities(session, file)).transpose();
    let believed = believed.map_err(argument)?.unwrap_or_default();
    if let Some(file) = &arguments.tsr {
        let reply = session.env.disk.read(file, ANCHOR_BYTES_MAX);
        let reply = reply.map_err(|e| unreadable(file, &e, "the authority's reply"))?;
        let done = tsa::take_in(&reply, &believed, &head).map_err(|e| tsa_failure(file, &e))?;
        show(session, &done, None);
        return Ok(ExitCode::Done);
    }
    let (wire, runtime) = (wire(arguments, session)?, runtime()?);
    if let Some(url) = &arguments.tsa {
        let asked = tsa::ask(wire.as_ref(), url, &believed, &head, &session.env.random);
        let done =
            runtime.block_on(asked).map_err(|e| tsa_failure(Path::new(&without_passwords(url)), &e))?;
        show(session, &done, None);
        return Ok(ExitCode::Done);
    }
    let mut failed = None;
    for (key, url) in witnesses(arguments, session, &head)? {
        match runtime.block_on(witness::cosign(wire.as_ref(), &url, &key, &head)) {
            Ok(done) => show(session, &done, None),
            // The others are still asked: each is worth having.
            Err(e) => failed = failed.or(Some(witness_failure(&url, &e))),
        }
    }
    failed.map_or(Ok(ExitCode::Done), Err)
}

/// The witnesses to ask, and where.
fn witnesses(
    arguments: &Arguments,
    session: &Session,
    head: &Head,
) -> Result<Vec<(CosignerKey, String)>, Failure> {
    if let Some(file) = &arguments.policy {
        let policy = policy(session, file, &head.keys).map_err(argument)?;
        return match policy.urls() {
            [] => {
                let next = "add the submission prefix to the `witness` lines: witness NAME VKEY URL";
                Err(Failure::new(codes::ARGUMENT, "no witness of this policy has a URL", next).at(file))
            }
            all => Ok(all.to_vec()),
        };
    }
    let (Some(url), Some(key)) = (&arguments.witness, &arguments.witness_vkey) else { return Ok(Vec::new()) };
    Ok(vec![(cosigner(key).map_err(argument)?, url.clone())])
}

/// What is wrong with an argument is no missing judgement here.
fn argument(failure: Failure) -> Failure {
    Failure { code: codes::NOT_ANCHORED, ..failure }
}

fn head(home: &Home, session: &Session) -> Result<Head, Failure> {
    let key = home.vkey().map_err(|e| home_failure(home.root(), &e))?;
    Head::newest(&session.env.disk, &home.log(), &key).map_err(|e| match &e {
        HeadError::Disk(disk) => disk_failure(home.root(), &e, disk),
        HeadError::Read(read) => read_failure(home.root(), read),
        HeadError::Newest(_) | HeadError::None | HeadError::Other => {
            let next = "run `reissue audit verify`: it says what is wrong with the log";
            Failure::new(codes::LOG, e.to_string(), next).at(home.root())
        }
    })
}

/// Nothing is sent twice by itself here: a keeper that does not answer is named, and asked again by hand.
fn wire(arguments: &Arguments, session: &Session) -> Result<Arc<dyn Wire>, Failure> {
    let roots = match &arguments.ca {
        None => Roots::System,
        Some(file) => {
            let read = session.env.disk.read(file, PEM_BYTES_MAX);
            Roots::SystemAnd(read.map_err(|e| unreadable(file, &e, "the CA file"))?)
        }
    };
    let net = Net::new(NetOptions { roots, resolve: None, plain: true });
    let net = net.map_err(|e| Failure::new(codes::NETWORK, e.to_string(), "check the CA file"))?;
    Ok(Arc::new(net))
}

/// The request, for somebody to carry.
fn request(head: &Head, out: &Path, session: &mut Session) -> Result<ExitCode, Failure> {
    let (bytes, _) = tsa::request(head, &session.env.random).map_err(|e| tsa_failure(out, &e))?;
    session.env.disk.write_new(out, &bytes).map_err(|e| {
        if e.kind == std::io::ErrorKind::AlreadyExists {
            let what = "there is something at this place already";
            return Failure::new(codes::EXISTS, what, "name a file that does not exist yet").at(out);
        }
        out_failure(out, &e)
    })?;
    session
        .out
        .object("anchor_request", &serde_json::json!({ "path": out.to_string_lossy(), "size": head.size() }));
    session.out.line(&format!(
        "Wrote {}: a request over the checkpoint of {}.",
        out.display(),
        lines(head.size())
    ));
    session.out.hint(
        "Carry it to the authority, and its reply back: `reissue audit anchor --tsr FILE --tsa-ca FILE`.",
    );
    Ok(ExitCode::Done)
}

fn lines(size: u64) -> String {
    count(size, "line", "lines")
}

fn show(session: &mut Session, done: &Obtained, pushed_to: Option<&str>) {
    let Obtained { kind, size, file, by, time } = done;
    let path = file.to_string_lossy().into_owned();
    let object = AnchorObject { by, file: path, keeper: *kind, pushed_to, size: *size, time: *time };
    session.out.object("anchor", &object);
    let at = time.map(|t| format!(", at {}", t.short())).unwrap_or_default();
    session.out.line(&format!("Anchored {}: {by}{at}.", lines(*size)));
    session.out.line(&format!("  kept as  {}", file.display()));
    if let Some(remote) = pushed_to {
        session.out.line(&format!("  pushed   to {remote}"));
    }
}

const TAMPERED: &str = "stop runs on this log and run `reissue audit verify`; keep this folder and what they have as \
                        evidence, and compare the two";

fn not_anchored(place: &Path, what: String, next: &str) -> Failure {
    let state = "nothing was anchored; the log and its anchors are as they were";
    Failure::new(codes::NOT_ANCHORED, what, next).at(place).state(state)
}

fn call_next(e: &CallError) -> &'static str {
    match e {
        CallError::Address(_) => "write it as https://host/path, without a name or password in it",
        CallError::Wire(_) => "check that this machine reaches it, then run the command again",
        CallError::Status { .. } => "check the address; if it is right, ask whoever runs it",
        CallError::Disk(_) => "check the installation's folder and the disk",
    }
}

fn witness_failure(url: &str, e: &WitnessError) -> Failure {
    let next = match e {
        WitnessError::Call(e) => call_next(e),
        WitnessError::UnknownLog => {
            "ask whoever runs the witness to add the log: give them the key in `log.vkey`"
        }
        WitnessError::OtherKey => {
            "compare the key that the witness has with the one that `reissue init` printed"
        }
        WitnessError::Forked | WitnessError::Ahead { .. } => TAMPERED,
        WitnessError::Busy => "run the command again",
        WitnessError::NoCosignature => {
            "compare the key with what the witness publishes; it must be of type 04"
        }
        WitnessError::Answer(_) => "ask whoever runs the witness",
        WitnessError::Clock(_) => "compare both clocks; such an anchor would contradict the log",
        WitnessError::Kept(_) => "run `reissue audit verify`: it says what is wrong with the anchors",
    };
    not_anchored(Path::new(&without_passwords(url)), e.to_string(), next)
}

fn tsa_failure(place: &Path, e: &TsaError) -> Failure {
    let next = match e {
        TsaError::Call(e) => call_next(e),
        TsaError::Stamp(StampError::Malformed(_)) => "give the authority's whole reply, as it came (DER)",
        TsaError::Stamp(StampError::Refused(..)) => "ask whoever runs the authority why it refuses",
        TsaError::Stamp(e) if e.is_change() => "do not rely on it; ask again, and compare the two answers",
        TsaError::Stamp(_) => "compare the certificates in `--tsa-ca` with what the authority publishes",
        TsaError::Clock(_) => "compare both clocks; such an anchor would contradict the log",
        TsaError::NoCheckpoint => {
            "make the request with `--tsq-out` in this installation, and bring its reply"
        }
        TsaError::Another(_) => "give its authority with `--tsa-ca`, or move the file away and keep it",
        TsaError::Request => "report this: a request could not be written as DER",
    };
    not_anchored(place, e.to_string(), next)
}

fn git_failure(folder: &Path, e: &GitError) -> Failure {
    let next = match e {
        GitError::NoGit(_) => "install git",
        GitError::Failed { .. } => "do what git asks for in that repository, then run the command again",
        GitError::NoRepository(_) => {
            "name a repository: `git init --bare DIR`, or a clone of a protected one"
        }
        GitError::Branch(_) => "name a branch as git allows it",
        GitError::CheckedOut(_) => "check out another branch there, or name another one with `--branch`",
        GitError::Diverged(_) => {
            "keep both; compare what each holds, then give one of them a branch of its own"
        }
        GitError::Ahead { .. } | GitError::Forked(_) => TAMPERED,
        GitError::Call(e) => call_next(e),
    };
    not_anchored(folder, e.to_string(), next)
}

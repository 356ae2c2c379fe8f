//! Whose word about a log counts: witnesses, authorities and repositories, named by the verifier.

use super::verify::inside;
use crate::anchor::git;
use crate::cli::Session;
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::trail::VerifierKey;
use crate::trail::anchors::policy::POLICY_BYTES_MAX;
use crate::trail::anchors::{Authorities, CosignerKey, Policy};
use crate::trail::countersign::CounterKey;
use crate::trail::verify::{Anchor, Keepers};
use std::path::{Path, PathBuf};

const PEM_BYTES_MAX: u64 = 1 << 20;

/// What the verifier brings, beside copies of checkpoints.
#[derive(clap::Args)]
pub(in crate::cli) struct KeeperArguments {
    /// A repository that keeps checkpoints of this log, as `reissue audit anchor --git` commits them; may be given
    /// several times
    #[arg(long = "anchor-git", value_name = "DIR")]
    repositories: Vec<PathBuf>,
    /// The key of a witness whose cosignature counts; may be given several times
    #[arg(long = "witness-vkey", value_name = "VKEY")]
    witnesses: Vec<String>,
    /// Which witnesses count, and how many of them are enough: a C2SP tlog-policy file
    #[arg(long, value_name = "FILE", conflicts_with = "witnesses")]
    policy: Option<PathBuf>,
    /// The key in a vault that countersigns checkpoints, as `reissue apply --countersign` printed it; may be given
    /// several times
    #[arg(long = "countersign-key", value_name = "VKEY")]
    countersigners: Vec<String>,
    /// Certificates (PEM) of the time stamping authorities that count; may be given several times
    #[arg(long = "tsa-ca", value_name = "FILE")]
    authorities: Vec<PathBuf>,
}

impl KeeperArguments {
    /// Reads them, for a log of these keys. Nothing is taken from the log's own folder, if it has one: whoever changes the one can
    /// change the other.
    pub(super) fn read(
        &self,
        session: &mut Session,
        key: &VerifierKey,
        keys: &[VerifierKey],
        log: Option<&Path>,
    ) -> Result<(Keepers, Vec<Anchor>), Failure> {
        let files = self.policy.iter().chain(&self.authorities).chain(&self.repositories);
        if let Some(own) = files.into_iter().find(|path| log.is_some_and(|log| path.starts_with(log))) {
            return Err(inside(own));
        }
        let policy = match &self.policy {
            Some(file) => policy(session, file, keys)?,
            None => {
                let keys = self.witnesses.iter().map(|text| cosigner(text));
                Policy::any_of(&keys.collect::<Result<Vec<_>, _>>()?)
            }
        };
        let countersigners =
            self.countersigners.iter().map(|text| counter_key(text)).collect::<Result<_, _>>()?;
        let mut keepers = Keepers { policy, countersigners, ..Keepers::default() };
        for file in &self.authorities {
            keepers.authorities = keepers.authorities.and(authorities(session, file)?);
        }
        let mut anchors = Vec::new();
        for folder in &self.repositories {
            let read = git::kept(folder, key.name(), keys).map_err(|e| {
                let next = "name a clone that was fetched, and check that git is installed";
                Failure::new(codes::NO_VERDICT, format!("--anchor-git: {e}"), next).at(folder)
            })?;
            if read.foreign > 0 {
                let (commits, hold) = match read.foreign {
                    1 => ("1 commit".to_owned(), "holds"),
                    n => (format!("{n} commits"), "hold"),
                };
                let what = format!("{commits} there {hold} a checkpoint by another key: passed over");
                session.out.notice(&format!("{}: {what}\n", folder.display()));
            }
            anchors.extend(read.anchors);
            keepers.commits.get_or_insert_default().extend(read.commits);
        }
        Ok((keepers, anchors))
    }
}

fn counter_key(text: &str) -> Result<CounterKey, Failure> {
    let next =
        "copy the line that `reissue apply --countersign` printed: HOST/keys/NAME/VERSION+8 digits+base64";
    text.trim().parse().map_err(|e| Failure::new(codes::NO_VERDICT, format!("--countersign-key: {e}"), next))
}

pub(super) fn cosigner(text: &str) -> Result<CosignerKey, Failure> {
    let next = "copy the line that the witness publishes: name+8 digits+base64, of type 04 (cosignature/v1)";
    text.trim().parse().map_err(|e| Failure::new(codes::NO_VERDICT, format!("--witness-vkey: {e}"), next))
}

/// Reads certificates in which a verifier believes.
pub(super) fn authorities(session: &Session, file: &Path) -> Result<Authorities, Failure> {
    let pem = session.env.disk.read(file, PEM_BYTES_MAX).map_err(|e| {
        Failure::new(codes::NO_VERDICT, format!("--tsa-ca: {}", e.why), "check the path").at(file)
    })?;
    Authorities::from_pem(&pem).ok_or_else(|| {
        let next = "give the certificates that the authority publishes, as PEM (-----BEGIN CERTIFICATE-----)";
        Failure::new(codes::NO_VERDICT, "--tsa-ca: there is no readable certificate in it", next).at(file)
    })
}

/// Reads a policy, which must be about the log, if it names logs.
pub(super) fn policy(session: &Session, file: &Path, keys: &[VerifierKey]) -> Result<Policy, Failure> {
    let wrong = |what: String, next: &str| {
        Failure::new(codes::NO_VERDICT, format!("--policy: {what}"), next).at(file)
    };
    let bytes = session.env.disk.read(file, POLICY_BYTES_MAX).map_err(|e| wrong(e.why, "check the path"))?;
    let policy = Policy::from_text(&bytes)
        .map_err(|e| wrong(e.to_string(), "see c2sp.org/tlog-policy for the form of each line"))?;
    match keys.iter().any(|key| policy.covers(key)) {
        true => Ok(policy),
        false => Err(wrong("it names other logs, not this one".into(), "use the policy of this log")),
    }
}

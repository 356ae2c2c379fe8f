//! An installation: the folder that `init` makes, with the log, its key, and what both are about.
//!
//! ```text
//! <home>/
//!   install.json   which tenant, which cloud, real or lab; the digest of the first roster
//!   log.key        the log's private key, 0600
//!   roster.yaml    who may approve: a copy of the roster in force
//!   log/           the log
//! ```

use super::key::KeyError;
use super::reader::{Read, ReadError, Reader};
mod handover;
mod rosters;

pub use handover::{Found, HandoverError};

use super::{
    Checkpoint, Folder, Journal, JournalError, LogKey, Objects, Opening, Recovered, Settings, VerifierKey,
};
use crate::domain::approval::LogHead;
use crate::domain::event::{Environment, Event, Line};
use crate::domain::id::{Digest, TenantId};
use crate::domain::playbook::model::Cloud;
use crate::domain::text::Text;
use crate::env::{DiskError, Env};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of `install.json`.
pub const INSTALL_VERSION: u32 = 1;
const INSTALL_BYTES_MAX: u64 = 16 << 10;

/// What an installation is about; written once, by `init`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Install {
    pub cloud: Cloud,
    pub environment: Environment,
    /// Who runs it, as it stands in the log's origin: `agency.example`.
    pub agency: Text<64>,
    pub install: Text<64>,
    /// The first one; its people may put another in its place.
    pub roster: Digest,
    pub tenant: TenantId,
    pub version: u32,
}

/// An installation on disk.
pub struct Home {
    pub install: Install,
    env: Env,
    root: PathBuf,
}

/// Why a home cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("{} holds no installation; make one with `reissue init`", .0.display())]
    Missing(PathBuf),
    #[error("{} holds an installation already; it was left as it is", .0.display())]
    Exists(PathBuf),
    #[error("{} cannot be read as an installation: {why}", path.display())]
    Unreadable { path: PathBuf, why: Text<300> },
    #[error(
        "{} is no roster that the log of this installation knows: it was changed. Restore the one in force \
         ({in_force}); it is changed with `reissue roster`, by its own people",
        path.display()
    )]
    RosterSwapped { path: PathBuf, in_force: Digest },
    #[error("{} names {what} than the log was begun for: one of the two was changed", path.display())]
    Altered { path: PathBuf, what: &'static str },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{}: {why}", path.display())]
    Key { path: PathBuf, why: KeyError },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What is wrong with a key, and in which file.
fn key_error(path: &Path) -> impl FnOnce(KeyError) -> HomeError {
    let path = path.to_owned();
    move |why| match why {
        KeyError::Disk(e) => HomeError::Disk(e),
        why => HomeError::Key { path, why },
    }
}

/// The key of the log `origin`: made now, or by an `init` that died.
fn key_for(env: &Env, path: &Path, origin: &str) -> Result<LogKey, HomeError> {
    let disk = env.disk.as_ref();
    if !disk.exists(path) {
        return LogKey::create(disk, path, &env.random, origin).map_err(key_error(path));
    }
    let key = LogKey::load(disk, path).map_err(key_error(path))?;
    if key.origin() == origin {
        return Ok(key);
    }
    let why =
        format!("it is the key of {}, left by an `init` that did not end; use another folder", key.origin());
    Err(HomeError::Unreadable { path: path.to_owned(), why: Text::lossy(&why) })
}

impl Home {
    /// Makes the folder, the key and the log. Returns the home and the log's public key.
    pub async fn create(
        env: &Env,
        root: &Path,
        install: Install,
        roster: &[u8],
        process: Text<96>,
    ) -> Result<(Self, VerifierKey), HomeError> {
        let disk = env.disk.as_ref();
        if disk.exists(&root.join("install.json")) {
            return Err(HomeError::Exists(root.to_owned()));
        }
        disk.make_folder(root)?;
        let origin = format!("reissue.{}/{}/{}", install.agency, install.tenant, install.install);
        let key = key_for(env, &root.join("log.key"), &origin)?;
        let public = key.public().clone();
        disk.write_atomic(&root.join("roster.yaml"), roster)?;
        let home = Self { install, env: env.clone(), root: root.to_owned() };
        // The roster is there before the first line refers to it.
        disk.make_folder(&home.log().objects())?;
        Objects::new(env.disk.clone(), &home.log()).put(roster).map_err(JournalError::from)?;
        let settings = Settings { env: env.clone(), folder: home.log(), key };
        let begun = Journal::create(settings, &home.opening("init", process.clone()));
        let journal = match begun {
            // An `init` before this one died after it had begun the log: go on with it.
            Err(JournalError::Exists(_)) => home.open_log("init", process, &mut |_| {})?.0,
            other => other?,
        };
        journal.close().await?;
        home.write_install()?;
        Ok((home, public))
    }

    /// Last: a home without install.json is no home, and whoever began it may begin again.
    fn write_install(&self) -> Result<(), HomeError> {
        let path = self.root.join("install.json");
        match serde_json::to_vec_pretty(&self.install) {
            Ok(text) => Ok(self.env.disk.write_atomic(&path, &text)?),
            Err(e) => Err(HomeError::Unreadable { path, why: Text::lossy(&e.to_string()) }),
        }
    }

    pub fn open(env: &Env, root: &Path) -> Result<Self, HomeError> {
        let path = root.join("install.json");
        let bytes = match env.disk.read(&path, INSTALL_BYTES_MAX) {
            Err(e) if e.is_missing() => return Err(HomeError::Missing(root.to_owned())),
            other => other?,
        };
        let unreadable = |why: &str| HomeError::Unreadable { path: path.clone(), why: Text::lossy(why) };
        let install: Install = serde_json::from_slice(&bytes).map_err(|e| unreadable(&e.to_string()))?;
        if install.version != INSTALL_VERSION {
            let why =
                format!("it says version {}; this reissue reads version {INSTALL_VERSION}", install.version);
            return Err(unreadable(&why));
        }
        let home = Self { install, env: env.clone(), root: root.to_owned() };
        home.is_as_it_was_made()?;
        Ok(home)
    }

    /// The first line of the log says for whom it was begun. What else the log says, its readers judge.
    fn is_as_it_was_made(&self) -> Result<(), HomeError> {
        let first = Reader::open(self.env.disk.as_ref(), &self.log()).ok().and_then(|mut log| log.next());
        let Some(Ok(Read { line: Line { event: Event::LogOpened(begun), .. }, .. })) = first else {
            return Ok(());
        };
        let Install { environment, install, roster, tenant, .. } = &self.install;
        let what = match (begun.tenant == *tenant, begun.environment == *environment) {
            (false, _) => "another tenant",
            (_, false) => "another environment",
            _ if begun.install != *install => "another name",
            _ if begun.roster != *roster => "another roster",
            _ => return Ok(()),
        };
        Err(HomeError::Altered { path: self.root.join("install.json"), what })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }
    pub fn log(&self) -> Folder {
        Folder::new(self.root.join("log"))
    }
    /// The log's public key, from the copy in the log's folder.
    pub fn vkey(&self) -> Result<VerifierKey, HomeError> {
        let path = self.log().vkey();
        let bytes = self.env.disk.read(&path, INSTALL_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        text.trim().parse::<VerifierKey>().map_err(key_error(&path))
    }
    /// The newest signed head of the log: approvals name it, and so bear witness to it.
    pub fn head(&self) -> Result<LogHead, HomeError> {
        let path = self.log().checkpoint();
        let bytes = self.env.disk.read(&path, INSTALL_BYTES_MAX)?;
        let head = Checkpoint::open(&bytes, &self.vkey()?)
            .map_err(|e| HomeError::Unreadable { path, why: Text::lossy(&e.to_string()) })?;
        Ok(LogHead { origin: Text::lossy(&head.origin), root: Digest(head.root), size: head.size })
    }
    /// Reads the log beside its writer, and holds it against the newest checkpoint.
    pub fn read_log(&self) -> Result<Reader, HomeError> {
        Ok(Reader::signed(self.env.disk.as_ref(), &self.log(), &self.vkey()?)?)
    }

    /// What the log's lines refer to.
    pub fn objects(&self) -> Objects {
        Objects::new(self.env.disk.clone(), &self.log())
    }

    /// Opens the log for writing, showing each line to `fold`.
    pub fn open_log(
        &self,
        command: &str,
        process: Text<96>,
        fold: &mut dyn FnMut(&Line),
    ) -> Result<(Journal, Recovered), HomeError> {
        let path = self.root.join("log.key");
        let key = LogKey::load(self.env.disk.as_ref(), &path).map_err(key_error(&path))?;
        let settings = Settings { env: self.env.clone(), folder: self.log(), key };
        Ok(Journal::open(settings, &self.opening(command, process), fold)?)
    }

    fn opening(&self, command: &str, process: Text<96>) -> Opening {
        Opening {
            command: Text::lossy(command),
            environment: self.install.environment,
            install: self.install.install.clone(),
            process,
            roster: self.install.roster,
            tenant: self.install.tenant.clone(),
            version: Text::lossy(env!("CARGO_PKG_VERSION")),
        }
    }
}

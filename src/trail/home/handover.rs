//! Taking a log over: from its mirror to a new installation, under a new key that people endorse.

use super::super::chain::Chain;
use super::super::mirror::{EVENTS, Files, Mirror, Piece, VKEY};
use super::super::verify::{Severity, Trust, Verdict, VerifyError, verify};
use super::super::{Checkpoint, Folder, LogKey, MirrorError, Objects, Reader, VerifierKey, rosters};
use super::{Home, HomeError, Install, key_for};
use crate::domain::approval::{LogHead, Rosters, SignedApproval};
use crate::domain::event::{Event, Line, LineError, LogHandedOver, LogOpened, RunStarted};
use crate::domain::id::{Digest, RunId};
use crate::domain::text::Text;
use crate::env::{Disk, DiskError, Env, MemoryDisk};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Why a log was not taken over. Nothing was written outside the new folder.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error("the mirror holds no log")]
    Empty,
    #[error("the log in the mirror does not hold: {0}")]
    Forged(String),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("the handover cannot be recorded: {0}")]
    Line(#[from] LineError),
}

impl From<VerifyError> for HandoverError {
    fn from(e: VerifyError) -> Self {
        Self::Forged(e.to_string())
    }
}

/// A log as its mirror has it, judged.
pub struct Found {
    files: Files,
    chain: Chain,
    pub first: LogOpened,
    /// Who may approve, at the end.
    pub rosters: Rosters,
    /// The key in force at the end.
    pub key: VerifierKey,
    /// Runs that were begun, and whether they are finished.
    pub runs: BTreeMap<RunId, (RunStarted, bool)>,
}

impl Found {
    /// Reads and judges what a mirror holds. Without a key from elsewhere, the mirror's own copy is
    /// taken: then only the roster says whose log this is.
    pub fn judge(mut files: Files, key: Option<VerifierKey>, roster: Digest) -> Result<Self, HandoverError> {
        let events = files.get_mut(EVENTS).ok_or(HandoverError::Empty)?;
        // A line that was never finished was never answered for.
        events.truncate(events.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        let copy = files.get(VKEY).and_then(|b| String::from_utf8_lossy(b).trim().parse().ok());
        let key = key.or(copy).ok_or(HandoverError::Empty)?;
        let (disk, folder) = (MemoryDisk::default(), Folder::new("mirror"));
        for (name, bytes) in &files {
            disk.write_atomic(&folder.root().join(name), bytes)?;
        }
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let report = verify(
            &disk,
            &folder,
            &Trust {
                key: key.clone(),
                roster: Some(roster),
                anchors: Vec::new(),
                keepers: Default::default(),
            },
        )?;
        if report.verdict == Verdict::Tampered {
            let worst = report.findings.iter().find(|f| f.severity == Severity::Tampered);
            return Err(HandoverError::Forged(worst.map(ToString::to_string).unwrap_or_default()));
        }
        Self::read(files, &disk, &folder, (key.name(), roster))
    }

    /// What the lines of a judged log say.
    fn read(
        files: Files,
        disk: &Arc<dyn Disk>,
        folder: &Folder,
        (origin, roster): (&str, Digest),
    ) -> Result<Self, HandoverError> {
        let forged = |e: &dyn std::fmt::Display| HandoverError::Forged(e.to_string());
        let objects = Objects::new(disk.clone(), folder);
        let mut rosters = rosters::pinned(&objects, &roster).map_err(HandoverError::Forged)?;
        let mut reader = Reader::open(disk.as_ref(), folder).map_err(|e| forged(&e))?;
        let (mut first, mut key, mut runs) = (None::<LogOpened>, None, BTreeMap::new());
        for read in reader.by_ref() {
            let line = read.map_err(|e| forged(&e))?.line;
            if let (Event::RosterChanged(event), Some(opened)) = (&line.event, &first) {
                let ground = rosters::ground(opened, origin);
                rosters::follow(&mut rosters, &ground, &objects, &line, event)
                    .map_err(HandoverError::Forged)?;
            }
            match (line.run, line.event) {
                (_, Event::LogOpened(opened)) if first.is_none() => {
                    key = Some(opened.vkey.clone());
                    first = Some(opened);
                }
                (_, Event::LogHandedOver(e)) => key = Some(e.to),
                (Some(run), Event::RunStarted(started)) => drop(runs.insert(run, (started, false))),
                (Some(run), Event::RunFinished(_)) => {
                    runs.entry(run).and_modify(|(_, finished)| *finished = true);
                }
                _ => {}
            }
        }
        let chain = Reader::chain(&reader).clone();
        let (first, key) = first.zip(key).ok_or(HandoverError::Empty)?;
        let key = key.parse().map_err(|e| forged(&e))?;
        Ok(Self { files, chain, first, rosters, key, runs })
    }

    pub fn head(&self) -> LogHead {
        let tree = self.chain.tree();
        LogHead { origin: Text::lossy(self.key.name()), root: Digest(tree.root()), size: tree.size() }
    }

    /// An object that the log refers to.
    pub fn object(&self, digest: &Digest) -> Option<&[u8]> {
        self.files.get(&object_name(digest)).map(Vec::as_slice)
    }

    /// Who runs this log, as it stands in its origin: `reissue.<agency>/<tenant>/<install>`.
    pub fn agency(&self) -> Option<&str> {
        self.key.name().strip_prefix("reissue.")?.split('/').next()
    }
}

fn object_name(digest: &Digest) -> String {
    format!("objects/sha256-{}", digest.hex())
}

impl Home {
    /// The new log's key, in a folder that holds no installation yet: made now, or by a handover that
    /// did not end.
    pub fn key_for_handover(env: &Env, root: &Path, origin: &str) -> Result<LogKey, HomeError> {
        if env.disk.exists(&root.join("install.json")) {
            return Err(HomeError::Exists(root.to_owned()));
        }
        env.disk.make_folder(root)?;
        key_for(env, &root.join("log.key"), origin)
    }

    /// Makes the installation. `signed` endorses `key`; it is not needed if the mirror has that
    /// already, because a handover before this one died after it had told the mirror.
    pub async fn take_over(
        env: &Env,
        root: &Path,
        install: Install,
        found: Found,
        (key, signed): (&LogKey, Option<(&SignedApproval, LogHandedOver)>),
        mirror: &dyn Mirror,
    ) -> Result<Self, HandoverError> {
        let disk = env.disk.as_ref();
        let home = Self { install, env: env.clone(), root: root.to_owned() };
        let roster = found.object(&found.rosters.in_force().digest()).unwrap_or_default().to_vec();
        let told = signed.map(|(signed, event)| pieces(env, &found, key, signed, event)).transpose()?;
        let told = told.unwrap_or_default();
        let mut files = found.files;
        for Piece { file, bytes, .. } in told.iter().cloned() {
            files.entry(file).or_default().extend(bytes);
        }
        files.insert(VKEY.into(), format!("{}\n", key.public()).into_bytes());
        let newest = files.iter().rfind(|(name, _)| name.starts_with("checkpoints/"));
        let newest = newest.map(|(_, note)| note.clone()).unwrap_or_default();
        files.insert("checkpoints/checkpoint".into(), newest);
        let log = home.log();
        for folder in [log.root().to_owned(), log.anchors(), log.checkpoints(), log.objects(), log.inbox()] {
            disk.make_folder(&folder)?;
        }
        for (name, bytes) in &files {
            disk.write_atomic(&log.root().join(name), bytes)?;
        }
        disk.write_atomic(&root.join("roster.yaml"), &roster)?;
        // From here on the first machine can record nothing more.
        mirror.append(&told).await?;
        home.write_install()?;
        Ok(home)
    }
}

/// What the mirror is told: the statement, its signature, the line, and a head under the new key.
fn pieces(
    env: &Env,
    found: &Found,
    key: &LogKey,
    signed: &SignedApproval,
    event: LogHandedOver,
) -> Result<Vec<Piece>, HandoverError> {
    let once = |file: String, bytes: &[u8]| Piece { file, at: 0, bytes: bytes.to_vec() };
    let mut chain = found.chain.clone();
    let time = env.clock.now().max(chain.time());
    let (statement, signature) = (object_name(&event.statement), object_name(&event.signature));
    let line =
        Line { event: event.into(), prev: chain.prev(), run: None, seq: chain.size(), target: None, time };
    let mut bytes = line.to_bytes()?;
    chain.push(&bytes, time);
    bytes.push(b'\n');
    let at = found.files.get(EVENTS).map_or(0, Vec::len) as u64;
    let head = Checkpoint::of(key.origin(), chain.tree());
    Ok(vec![
        once(statement, &signed.statement_bytes),
        once(signature, signed.armored.as_bytes()),
        Piece { file: EVENTS.into(), at, bytes },
        once(format!("checkpoints/{}", Checkpoint::file_name(head.size)), head.sign(key).as_bytes()),
    ])
}

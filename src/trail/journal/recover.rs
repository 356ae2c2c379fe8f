//! Beginning a log, and opening one that a writer left: closed, or in the middle of a write.
//!
//! Opening changes nothing until everything was read and checked. A process that crashed may have
//! left bytes that can be read but are not on the disk, so they are synced before they count.

use super::super::checkpoint::Checkpoint;
use super::super::lines::{Lines, Piece};
use super::super::note::NOTE_BYTES_MAX;
use super::super::{Folder, Reader, chain::Chain, key::VerifierKey};
use super::commit::{Runs, Writer};
use super::{Appended, Entry, Holder, JournalError, Opening, Settings};
use crate::bent::{self, Bend};
use crate::domain::event::{Event, Line, LogOpened, LogTornTail};
use crate::domain::id::Digest;
use crate::domain::text::Text;
use crate::env::disk::Appender;
use crate::env::{Disk, DiskError};
use std::io::ErrorKind;

/// The file that remembers torn tails until they are in the log: a few lines.
const TORN_BYTES_MAX: u64 = 1 << 16;

/// What was found when the log was opened.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Lines that were there before.
    pub lines: u64,
    /// The first line: what the log is about, and the pinned roster.
    pub first: LogOpened,
    /// Torn tails that were set aside.
    pub torn: Vec<LogTornTail>,
    /// The lines that opening itself recorded.
    pub recorded: Vec<Appended>,
}

/// What reading the whole log yields.
struct Scan {
    chain: Chain,
    first: Option<LogOpened>,
    /// The key in force: that of the first line, or of the last handover.
    key: Text<256>,
    runs: Runs,
    /// The bytes after the last complete line, and where they begin.
    tail: Option<(u64, Vec<u8>)>,
}

pub(super) fn create(settings: Settings, opening: &Opening) -> Result<Writer, JournalError> {
    let (disk, folder) = (settings.env.disk.clone(), settings.folder.clone());
    for path in [folder.root().to_owned(), folder.checkpoints(), folder.objects(), folder.inbox()] {
        disk.make_folder(&path)?;
    }
    let appender = lock_events(disk.as_ref(), &folder)?;
    let scan = scan(disk.as_ref(), &folder, None, &mut |_| {})?;
    if scan.chain.size() > 0 || disk.exists(&folder.checkpoint()) {
        return Err(JournalError::Exists(folder.root().to_owned()));
    }
    // A first line that was never finished: nobody was told that a log was begun.
    disk.truncate(&folder.events(), 0)?;
    disk.write_atomic(&folder.vkey(), format!("{}\n", settings.key.public()).as_bytes())?;
    let opened = opening.event(&settings.key)?;
    let mut writer = Writer::new(settings, appender, scan.chain, scan.runs, (0, 0));
    writer.record(vec![Entry::of_log(opened)])?;
    writer.checkpoint_now()?;
    Ok(writer)
}

pub(super) fn open(
    settings: Settings,
    opening: &Opening,
    fold: &mut dyn FnMut(&Line),
) -> Result<(Writer, Recovered), JournalError> {
    let (disk, folder) = (settings.env.disk.clone(), settings.folder.clone());
    if !disk.exists(&folder.events()) {
        return Err(JournalError::Missing(folder.root().to_owned()));
    }
    let mut appender = lock_events(disk.as_ref(), &folder)?;
    appender.sync()?;
    let newest = Checkpoint::newest(disk.as_ref(), &folder, settings.key.public())?;
    let scan = scan(disk.as_ref(), &folder, newest.as_ref(), fold)?;
    let Some(first) = scan.first else {
        let path = folder.events();
        return Err(match newest {
            Some(newest) => JournalError::Truncated { path, found: 0, signed: newest.size },
            None => JournalError::Missing(folder.root().to_owned()),
        });
    };
    same_log(&folder, (&first, &scan.key), opening, settings.key.public())?;
    same_copy(disk.as_ref(), &folder, settings.key.public())?;
    let lines = scan.chain.size();
    let signed = match newest {
        Some(newest) => newest.size,
        // Begun by a process that died before its first checkpoint: nothing else was recorded.
        None if lines == 1 => 0,
        None => return Err(JournalError::NoCheckpoint(folder.checkpoint())),
    };
    if lines < signed {
        return Err(JournalError::Truncated { path: folder.events(), found: lines, signed });
    }
    if let Some((at, bytes)) = scan.tail.as_ref().filter(|_| !bent::is(Bend::TornTailTrusted)) {
        set_aside(disk.as_ref(), &folder, *at, bytes)?;
    }
    let torn = torn(disk.as_ref(), &folder)?;
    let mut entries: Vec<Entry> = torn.iter().cloned().map(Entry::of_log).collect();
    entries.push(Entry::of_log(opening.event(&settings.key)?));
    let kept = disk.list(&folder.checkpoints())?;
    let kept = kept.iter().filter(|name| Checkpoint::size_of_name(name).is_some()).count() as u64;
    let mut writer = Writer::new(settings, appender, scan.chain, scan.runs, (kept, signed));
    let recorded = writer.record(entries)?;
    if !torn.is_empty() {
        disk.remove(&folder.torn())?;
    }
    writer.checkpoint_now()?;
    Ok((writer, Recovered { lines, first, torn, recorded }))
}

fn lock_events(disk: &dyn Disk, folder: &Folder) -> Result<Box<dyn Appender>, JournalError> {
    disk.open_append(&folder.events()).map_err(|e| match e.kind {
        ErrorKind::WouldBlock => {
            let path = folder.root().to_owned();
            JournalError::Locked { path, holder: holder(disk, folder) }
        }
        _ => e.into(),
    })
}

/// Who opened the log last and has not closed it, as far as the log can be read.
fn holder(disk: &dyn Disk, folder: &Folder) -> Option<Holder> {
    let lines = Reader::open(disk, folder).ok()?.map_while(Result::ok).map(|read| read.line);
    lines.fold(None, |holder, line| match line.event {
        Event::LogOpened(e) => Some(Holder { process: e.process, command: e.command, since: line.time }),
        Event::LogClosed(_) => None,
        _ => holder,
    })
}

/// Reads and checks every line; compares the root with the checkpoint when its size is reached.
fn scan(
    disk: &dyn Disk,
    folder: &Folder,
    signed: Option<&Checkpoint>,
    fold: &mut dyn FnMut(&Line),
) -> Result<Scan, JournalError> {
    let path = folder.events();
    let mut found = Scan {
        chain: Chain::default(),
        first: None,
        key: Text::lossy(""),
        runs: Runs::default(),
        tail: None,
    };
    let mut lines = Lines::new(disk.open_read(&path)?);
    while let Some((place, piece)) =
        lines.next_piece().map_err(|e| DiskError::new("cannot read", &path, &e))?
    {
        let bad = |why: String| JournalError::Line { path: path.clone(), place, why };
        let bytes = match piece {
            Piece::Line(bytes) => bytes,
            Piece::Tail(bytes) => {
                found.tail = Some((place.offset, bytes.to_vec()));
                break;
            }
            Piece::TooLong => return Err(bad("it is longer than any event".into())),
        };
        let line = Line::from_bytes(bytes).map_err(|e| bad(e.to_string()))?;
        found.chain.check(&line).map_err(|why| JournalError::Chain { path: path.clone(), place, why })?;
        found.chain.push(bytes, line.time);
        found.runs.count(&line);
        match (&line.event, line.seq) {
            (Event::LogOpened(first), 0) => {
                found.key = first.vkey.clone();
                found.first = Some(first.clone());
            }
            (_, 0) => return Err(bad("the first event of a log is log.opened".into())),
            (Event::LogHandedOver(e), _) if e.from == found.key => found.key = e.to.clone(),
            _ => {}
        }
        fold(&line);
        let due = signed.filter(|s| s.size == found.chain.size());
        if due.is_some_and(|s| s.root != found.chain.tree().root()) {
            return Err(JournalError::Rewritten { path, size: found.chain.size() });
        }
    }
    Ok(found)
}

/// What others verify with must be the key that signs: approvers and readers go by the copy.
fn same_copy(disk: &dyn Disk, folder: &Folder, key: &VerifierKey) -> Result<(), JournalError> {
    let bytes = disk.read(&folder.vkey(), NOTE_BYTES_MAX)?;
    let (found, want) = (String::from_utf8_lossy(&bytes), key.to_string());
    if found.trim_end() == want {
        return Ok(());
    }
    Err(JournalError::OtherCopy {
        path: folder.vkey(),
        found: Text::lossy(found.trim_end()),
        want: Text::lossy(&want),
    })
}

/// The log must be about what the caller thinks it is.
fn same_log(
    folder: &Folder,
    (first, in_force): (&LogOpened, &Text<256>),
    opening: &Opening,
    key: &VerifierKey,
) -> Result<(), JournalError> {
    let pairs = [
        ("tenant", first.tenant.to_string(), opening.tenant.to_string()),
        ("environment", format!("{:?}", first.environment), format!("{:?}", opening.environment)),
        ("installation", first.install.to_string(), opening.install.to_string()),
        ("key", in_force.to_string(), key.to_string()),
        ("roster", first.roster.to_string(), opening.roster.to_string()),
    ];
    match pairs.into_iter().find(|(_, found, want)| found != want) {
        None => Ok(()),
        Some((what, found, want)) => Err(JournalError::Other {
            path: folder.events(),
            what,
            found: Text::lossy(&found),
            want: Text::lossy(&want),
        }),
    }
}

/// Keeps the torn tail as an object, notes that it is still to be recorded, and cuts it off. Each
/// of the three may be the last thing this process does: the next one goes on from there.
fn set_aside(disk: &dyn Disk, folder: &Folder, at: u64, bytes: &[u8]) -> Result<(), JournalError> {
    let object = Digest::of(bytes);
    let kept = folder.objects().join(format!("sha256-{}", object.hex()));
    if !disk.exists(&kept) {
        disk.write_new(&kept, bytes)?;
    }
    let mut notes = torn(disk, folder)?;
    let note = LogTornTail { bytes: bytes.len() as u64, object };
    if !notes.contains(&note) {
        notes.push(note);
    }
    let text: String = notes.iter().map(|n| format!("{} {}\n", n.bytes, n.object)).collect();
    disk.write_atomic(&folder.torn(), text.as_bytes())?;
    disk.truncate(&folder.events(), at)?;
    Ok(())
}

/// Torn tails that were cut off and not yet recorded.
fn torn(disk: &dyn Disk, folder: &Folder) -> Result<Vec<LogTornTail>, JournalError> {
    let bytes = match disk.read(&folder.torn(), TORN_BYTES_MAX) {
        Err(e) if e.is_missing() => return Ok(Vec::new()),
        other => other?,
    };
    let note = |line: &str| {
        let (bytes, object) = line.split_once(' ')?;
        Some(LogTornTail { bytes: bytes.parse().ok()?, object: object.parse().ok()? })
    };
    Ok(String::from_utf8_lossy(&bytes).lines().filter_map(note).collect())
}

//! Shipping: what became durable here goes to the mirror before anybody is told.

use super::super::Objects;
use super::super::checkpoint::Checkpoint;
use super::super::mirror::{EVENTS, Files, Mirror, MirrorError, Piece, VKEY, is_part};
use super::super::note::NOTE_BYTES_MAX;
use super::super::objects::OBJECT_BYTES_MAX;
use super::JournalError;
use super::commit::{Answer, Reply, Writer};
use crate::domain::id::Digest;
use crate::env::{Disk, DiskError};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Everything that is read of a log to bring a mirror up to it.
const LOG_BYTES_MAX: u64 = 2 << 30;

/// What the mirror does not have yet, and who waits for that.
pub(super) struct Shipping {
    mirror: Arc<dyn Mirror>,
    /// Bytes of `events.jsonl` that were handed over to `pieces`.
    at: u64,
    objects: BTreeSet<Digest>,
    pieces: Vec<Piece>,
    pub(super) waiting: Vec<(Reply, Answer)>,
}

fn once(file: String, bytes: Vec<u8>) -> Piece {
    Piece { file, at: 0, bytes }
}

impl Shipping {
    /// Takes lines, and before them what they refer to.
    pub(super) fn load(
        &mut self,
        kept: &Objects,
        refers: &[Digest],
        lines: Vec<u8>,
    ) -> Result<(), JournalError> {
        for digest in refers {
            if self.objects.insert(*digest) {
                let bytes = kept.get(digest, OBJECT_BYTES_MAX)?;
                self.pieces.push(once(format!("objects/sha256-{}", digest.hex()), bytes));
            }
        }
        let at = self.at;
        self.at += lines.len() as u64;
        self.pieces.push(Piece { file: EVENTS.into(), at, bytes: lines });
        Ok(())
    }

    pub(super) fn checkpoint(&mut self, size: u64, note: &[u8]) {
        self.pieces.push(once(format!("checkpoints/{}", Checkpoint::file_name(size)), note.to_vec()));
    }

    /// A checkpoint has got another line at its end.
    pub(super) fn line(&mut self, size: u64, at: u64, line: &str) {
        let file = format!("checkpoints/{}", Checkpoint::file_name(size));
        self.pieces.push(Piece { file, at, bytes: line.as_bytes().to_vec() });
    }

    /// Pieces stay until the mirror has them: sending them again does no harm.
    async fn send(&mut self) -> Result<(), MirrorError> {
        if !self.pieces.is_empty() {
            self.mirror.append(&self.pieces).await?;
            self.pieces.clear();
        }
        Ok(())
    }
}

impl Writer {
    /// Sends what is due, and answers. A mirror that fails ends the journal, as a disk that fails does.
    pub(super) async fn ship(&mut self) -> Result<(), JournalError> {
        let Some(shipping) = &mut self.shipping else { return Ok(()) };
        let failed = match &self.end {
            Some(e) if !matches!(e, JournalError::Closed) => Some(e.clone()),
            _ => shipping.send().await.err().map(JournalError::Mirror),
        };
        for (reply, answer) in shipping.waiting.drain(..) {
            // Whoever went away meanwhile finds the lines in the log.
            let _ = reply.send(failed.clone().map_or(answer, Err));
        }
        match failed {
            None => Ok(()),
            Some(e) => {
                self.end = Some(e.clone());
                Err(e)
            }
        }
    }

    /// Compares what the mirror holds with the log, and loads what it lacks.
    pub(super) fn begin_shipping(
        &mut self,
        mirror: Arc<dyn Mirror>,
        held: &Files,
    ) -> Result<(), JournalError> {
        let (disk, folder) = (self.disk.clone(), self.folder.clone());
        let events = disk.read(&folder.events(), LOG_BYTES_MAX)?;
        let there = held.get(EVENTS).map_or(&[][..], Vec::as_slice);
        let rest = events.strip_prefix(there).ok_or_else(|| MirrorError::taken(&mirror.place(), EVENTS))?;
        let mut pieces = Vec::new();
        if !held.contains_key(VKEY) {
            pieces.push(once(VKEY.into(), disk.read(&folder.vkey(), LOG_BYTES_MAX)?));
        }
        let lacking = |name: &str, path: &Path| -> Result<Vec<Piece>, DiskError> {
            let files = disk.list(path)?.into_iter().map(|file| (format!("{name}/{file}"), path.join(file)));
            let lacking = files.filter(|(full, _)| is_part(full) && !held.contains_key(full));
            lacking.map(|(full, path)| Ok(once(full, disk.read(&path, LOG_BYTES_MAX)?))).collect()
        };
        // Objects before the lines that refer to them, heads after the lines that they cover.
        pieces.extend(lacking("objects", &folder.objects())?);
        if !rest.is_empty() {
            pieces.push(Piece { file: EVENTS.into(), at: there.len() as u64, bytes: rest.to_vec() });
        }
        pieces.extend(lacking("checkpoints", &folder.checkpoints())?);
        // What was obtained since the last run; one that grew meanwhile stays as the mirror has it.
        pieces.extend(lacking("anchors", &folder.anchors())?);
        pieces.extend(lines_since(&*disk, &folder.checkpoints(), held)?);
        let objects = disk.list(&folder.objects())?.iter().filter_map(|f| Objects::digest_of(f)).collect();
        let at = events.len() as u64;
        self.shipping = Some(Shipping { mirror, at, objects, pieces, waiting: Vec::new() });
        Ok(())
    }
}

/// Lines that checkpoints have got since the mirror has them.
fn lines_since(disk: &dyn Disk, folder: &Path, held: &Files) -> Result<Vec<Piece>, DiskError> {
    let mut pieces = Vec::new();
    for file in disk.list(folder)? {
        let name = format!("checkpoints/{file}");
        let Some(there) = held.get(&name) else { continue };
        let note = disk.read(&folder.join(&file), NOTE_BYTES_MAX)?;
        match note.strip_prefix(there.as_slice()) {
            Some(rest) if !rest.is_empty() => {
                pieces.push(Piece { file: name, at: there.len() as u64, bytes: rest.to_vec() });
            }
            _ => {}
        }
    }
    Ok(pieces)
}

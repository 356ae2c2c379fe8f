//! The second reading: every line, its place in the chain, and the heads that are due at its end.

mod part;

use super::super::anchors::Kind;
use super::super::chain::Chain;
use super::super::checkpoint::{Checkpoint, CheckpointError};
use super::super::excerpt::Item;
use super::super::lines::{Lines, Piece, Place};
use super::super::note::NOTE_BYTES_MAX;
use super::super::{Folder, Objects, VerifierKey};
use super::anchors::Rows;
use super::files::{Files, regular};
use super::heads::{Heads, Known};
use super::keys::Keys;
use super::records::Records;
use super::report::{
    CAN_BE_TAKEN_AWAY, CHANGED, Check, Facts, Findings, NOT_OURS, Part, Report, Severity, UNFINISHED,
};
use super::runs::Runs;
use super::{Trust, VerifyError, countersigned};
use crate::domain::event::{Event, Line};
use crate::domain::id::hex;
use crate::domain::time::Timestamp;
use crate::env::{Disk, DiskError};
use std::sync::Arc;
use std::time::Duration;

/// An anchor's keeper and we need not have the same second.
const ANCHOR_CLOCK_SKEW: Duration = Duration::from_secs(300);

/// What all parts of the judge share.
pub(super) struct Bench<'a> {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: Folder,
    pub(super) objects: Objects,
    pub(super) trust: &'a Trust,
    pub(super) keys: Keys,
    pub(super) found: Findings,
    /// Sizes of the checkpoints, ascending.
    pub(super) checkpoints: Vec<u64>,
}

/// The judge while reading.
pub(super) struct Scan<'a> {
    anchored: Option<u64>,
    /// As far as an anchor covers that does not lie in the log's own folder.
    elsewhere: Option<u64>,
    bench: Bench<'a>,
    chain: Chain,
    countersigned: countersigned::Judge,
    due: usize,
    heads: Heads,
    /// What an excerpt shows, once it has said so.
    part: Option<Part>,
    records: Records,
    rows: Rows,
    runs: Runs,
    signed: u64,
    /// How far line numbers are off since the last break: one break is one finding.
    skew: i128,
    /// The time of the last line that could be read.
    time: Timestamp,
    closed: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        folder: Folder,
        trust: &'a Trust,
        (keys, files, heads, rows): (Keys, Files, Heads, Rows),
        found: Findings,
    ) -> Self {
        let objects = Objects::new(disk.clone(), &folder);
        let bench = Bench { disk, folder, objects, trust, keys, found, checkpoints: files.checkpoints };
        Self {
            anchored: None,
            elsewhere: None,
            bench,
            chain: Chain::default(),
            countersigned: countersigned::Judge::new(&trust.keepers.countersigners),
            due: 0,
            heads,
            part: None,
            records: Records::default(),
            rows,
            runs: Runs::default(),
            signed: 0,
            skew: 0,
            time: Timestamp::from_unix_ms(0),
            closed: false,
        }
    }

    pub(super) fn run(&mut self) -> Result<(), VerifyError> {
        let path = self.bench.folder.events();
        if regular(self.bench.disk.as_ref(), &path, &mut self.bench.found)? {
            let mut lines = Lines::new(self.bench.disk.open_read(&path)?);
            while let Some((place, piece)) =
                lines.next_piece().map_err(|e| DiskError::new("cannot read", &path, &e))?
            {
                self.piece(place, piece)?;
            }
        }
        self.end()
    }

    fn piece(&mut self, place: Place, piece: Piece<'_>) -> Result<(), VerifyError> {
        let excerpt = self.bench.folder.is_excerpt();
        // Findings name lines of the log; those of an excerpt are fewer.
        let place = if excerpt { Place { line: self.chain.size() + 1, ..place } } else { place };
        let bytes = match piece {
            Piece::Line(bytes) => match excerpt.then(|| Item::from_bytes(bytes)).flatten() {
                Some(item) => return self.item(place, item),
                None => bytes,
            },
            Piece::Tail(bytes) => {
                let what = format!("the last {} bytes are a line that was never finished", bytes.len());
                self.bench.found.add(Check::Lines, Severity::Incomplete, Some(place), &what, UNFINISHED);
                return Ok(());
            }
            Piece::TooLong => {
                let what = "the line is longer than any event";
                self.bench.found.tampered(Check::Lines, Some(place), what, NOT_OURS);
                b""
            }
        };
        match parse(bytes) {
            Err(why) => {
                self.bench.found.tampered(Check::Lines, Some(place), &why, CHANGED);
                self.chain.push(bytes, self.chain.time());
            }
            Ok(line) => {
                self.follow(place, &line);
                if let Event::LogHandedOver(event) = &line.event {
                    let root = self.chain.tree().root();
                    self.runs.handed_over(&mut self.bench, place, &line, event, root);
                }
                self.chain.push(bytes, line.time);
                self.closed = matches!(line.event, Event::LogClosed(_));
                self.of_the_run(place, &line);
                self.countersigned.line(place, &line.event, &mut self.bench.found);
                self.records.line(&mut self.bench, place, &line)?;
                self.runs.line(&mut self.bench, place, &line)?;
            }
        }
        self.heads_due(place)
    }

    /// Whether the line follows what was read so far.
    fn follow(&mut self, place: Place, line: &Line) {
        let (found, want) = (line.seq, self.chain.size());
        let skew = i128::from(found) - i128::from(want);
        let moved = std::mem::replace(&mut self.skew, skew) != skew;
        if moved && skew != 0 {
            let what = format!(
                "the line has number {found} where {want} is due: lines are missing, doubled or moved"
            );
            self.bench.found.tampered(Check::Chain, Some(place), &what, CHANGED);
        }
        if line.prev != self.chain.prev() {
            let what =
                "the line does not follow the one before it: that one was changed, or this one put here";
            self.bench.found.tampered(Check::Chain, Some(place), what, CHANGED);
        }
        let before = std::mem::replace(&mut self.time, line.time);
        if line.time < before {
            let what = format!("its time, {}, is before that of the line before it, {before}", line.time);
            self.bench.found.tampered(Check::Time, Some(place), &what, NOT_OURS);
        }
    }

    /// The checkpoint and the heads of this size.
    fn heads_due(&mut self, place: Place) -> Result<(), VerifyError> {
        let size = self.chain.size();
        // A root is worth computing only where somebody knows it.
        if self.due_size() != Some(size) && !self.heads.0.contains_key(&size) {
            return Ok(());
        }
        let root = self.chain.tree().root();
        if self.due_size() == Some(size) {
            self.due += 1;
            if let Some(signed) = self.checkpoint(&Checkpoint::file_name(size), Some(size))? {
                self.signed = size;
                if signed.root != root {
                    let what = format!(
                        "the first {size} lines are not those that the checkpoint of that size signs"
                    );
                    self.bench.found.tampered(Check::Checkpoints, Some(place), &what, CHANGED);
                }
            }
        }
        for known in self.heads.0.remove(&size).unwrap_or_default() {
            let (check, Known { kind, who, root: seen, time, counts }) = (known.check(), known);
            if seen != root {
                let what = format!("{who} saw other first {size} lines than these");
                self.bench.found.tampered(check, Some(place), &what, CHANGED);
                continue;
            }
            self.anchor_time(place, &who, time);
            if counts {
                self.anchored = self.anchored.max(Some(size));
            }
            if counts && kind.is_from_elsewhere() {
                self.elsewhere = self.elsewhere.max(Some(size));
            }
            if counts || kind == Kind::Approvals {
                self.rows.holds(kind, size, &who, time);
            }
        }
        Ok(())
    }

    fn anchor_time(&mut self, place: Place, who: &str, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        if self.chain.time() > time.after(ANCHOR_CLOCK_SKEW) {
            let what = format!("{who} was there at {time}, before the time of a line that it covers");
            self.bench.found.tampered(Check::Time, Some(place), &what, NOT_OURS);
        }
    }

    fn due_size(&self) -> Option<u64> {
        self.bench.checkpoints.get(self.due).copied()
    }

    /// Reads a checkpoint; what is wrong with it is a finding.
    fn checkpoint(&mut self, name: &str, size: Option<u64>) -> Result<Option<Checkpoint>, VerifyError> {
        let path = self.bench.folder.checkpoints().join(name);
        if !regular(self.bench.disk.as_ref(), &path, &mut self.bench.found)? {
            return Ok(None);
        }
        let read = match self.bench.disk.read(&path, NOTE_BYTES_MAX) {
            Ok(bytes) => self.open(&bytes, size).map(|read| (read, bytes)).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        match read {
            Ok((read, note)) if size.is_none_or(|s| s == read.size) => {
                if size.is_some() {
                    self.countersigned.checkpoint(read.size, &note, &mut self.bench.found);
                }
                Ok(Some(read))
            }
            Ok((read, _)) => {
                let what =
                    format!("the checkpoint {name} is of size {}, not of the size it is named by", read.size);
                self.bench.found.tampered(Check::Checkpoints, None, &what, CHANGED);
                Ok(None)
            }
            Err(why) => {
                self.bench.found.tampered(
                    Check::Checkpoints,
                    None,
                    &format!("the checkpoint {name}: {why}"),
                    CHANGED,
                );
                Ok(None)
            }
        }
    }

    /// Opens a checkpoint with the key that signs heads of its size.
    fn open(&self, bytes: &[u8], size: Option<u64>) -> Result<Checkpoint, CheckpointError> {
        let keys = &self.bench.keys;
        let with = |key: &VerifierKey| Checkpoint::open(bytes, key);
        match size {
            Some(size) => with(keys.at(size)),
            // The newest says its size itself.
            None => {
                let fits = |key: &&_| with(key).is_ok_and(|read| keys.at(read.size) == *key);
                with(keys.all().find(fits).unwrap_or(keys.at(u64::MAX)))
            }
        }
    }

    /// What can be said only when everything was read.
    fn end(&mut self) -> Result<(), VerifyError> {
        let size = self.chain.size();
        if size == 0 {
            // Without any head, a writer may have died before it wrote the first line.
            let begun = !self.bench.checkpoints.is_empty() || !self.heads.0.is_empty();
            let (severity, advice) =
                if begun { (Severity::Tampered, CHANGED) } else { (Severity::Incomplete, UNFINISHED) };
            self.bench.found.add(Check::Lines, severity, None, "the log has no line", advice);
        }
        while let Some(beyond) = self.due_size() {
            self.due += 1;
            let what = format!("a checkpoint signs {beyond} lines, but there are {size}: the log was cut");
            self.bench.found.tampered(Check::Checkpoints, None, &what, CHANGED);
        }
        for (beyond, known) in std::mem::take(&mut self.heads.0) {
            for known in known {
                let what = format!("{} saw {beyond} lines, but there are {size}: the log was cut", known.who);
                self.bench.found.tampered(known.check(), None, &what, CHANGED);
            }
        }
        self.newest()?;
        if self.anchored == Some(size) && self.elsewhere != Some(size) {
            let what = "all lines are anchored, but only by what lies in the log's own folder";
            self.bench.found.add(Check::Anchors, Severity::Note, None, what, CAN_BE_TAKEN_AWAY);
        }
        self.runs.end(&mut self.bench);
        self.shows_its_run();
        if !self.closed {
            let what = "the last line is not log.closed: a writer is still at work, or died";
            self.bench.found.add(Check::Lines, Severity::Incomplete, None, what, UNFINISHED);
        }
        Ok(())
    }

    /// `checkpoint` is the newest; a crash may leave it one behind, never ahead.
    fn newest(&mut self) -> Result<(), VerifyError> {
        let (size, kept) = (self.chain.size(), self.bench.checkpoints.last().copied());
        let newest = self.checkpoint("checkpoint", None)?.filter(|n| !self.came_since(n.size));
        if kept.is_none() && newest.is_none() && size > 1 {
            let what = "there is no checkpoint, although one is signed whenever the log is opened";
            self.bench.found.tampered(Check::Checkpoints, None, what, CHANGED);
        }
        if newest.as_ref().is_some_and(|n| Some(n.size) > kept) {
            let what = "the newest checkpoint is not among those that are kept by size: one was removed";
            self.bench.found.tampered(Check::Checkpoints, None, what, CHANGED);
        }
        if let Some(newest) = newest.filter(|n| n.size > size) {
            let what = format!(
                "the newest checkpoint signs {} lines, but there are {size}: the log was cut",
                newest.size
            );
            self.bench.found.tampered(Check::Checkpoints, None, &what, CHANGED);
        }
        if self.signed < size {
            let what = format!("the last {} lines are not signed by a checkpoint yet", size - self.signed);
            self.bench.found.add(Check::Checkpoints, Severity::Incomplete, None, &what, UNFINISHED);
        }
        Ok(())
    }

    /// Whether a writer has signed this checkpoint while we read: it was not there when we began,
    /// and is kept by its size now.
    fn came_since(&self, size: u64) -> bool {
        let Bench { disk, folder, checkpoints, .. } = &self.bench;
        let kept = folder.checkpoints().join(Checkpoint::file_name(size));
        !checkpoints.contains(&size) && disk.exists(&kept)
    }

    pub(super) fn conclude(mut self) -> Report {
        let countersigned = self.countersigned.end(&mut self.bench.found);
        let root = hex(&self.chain.tree().root());
        let facts = Facts {
            anchored: self.anchored,
            anchors: self.rows.into_vec(),
            countersigned,
            excerpt: self.part,
            root,
            runs: self.runs.begun(),
            signed: self.signed,
            size: self.chain.size(),
        };
        self.bench.found.into_report(facts)
    }
}

/// A line of the log, or what is wrong with it.
fn parse(bytes: &[u8]) -> Result<Line, String> {
    Line::from_bytes(bytes).map_err(|e| match std::str::from_utf8(bytes) {
        Ok(_) => format!("it is not an event of this log: {e}"),
        Err(_) => "the line is not UTF-8 text".into(),
    })
}

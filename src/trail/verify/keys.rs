//! The keys of a log, in turn: the one it was begun with, and one more for each handover. Whoever
//! verifies may hold any of them, because each signs heads over all lines before it.

use super::super::lines::{Lines, Piece};
use super::super::{Folder, VerifierKey};
use crate::domain::event::{Event, Line};
use crate::env::{Disk, DiskError};

/// Which key signs which heads.
pub(super) struct Keys {
    first: VerifierKey,
    /// The line of a handover, and the key after it.
    later: Vec<(u64, VerifierKey)>,
}

impl Keys {
    /// A log that was never handed over.
    pub(super) fn only(trusted: &VerifierKey) -> Self {
        Self { first: trusted.clone(), later: Vec::new() }
    }

    /// Reads the handovers. Nothing is judged here: a handover that does not hold is found when its
    /// line is read. If the trusted key is none of them, it stands alone.
    pub(super) fn of(disk: &dyn Disk, folder: &Folder, trusted: &VerifierKey) -> Result<Self, DiskError> {
        let path = folder.events();
        let mut found: Option<Self> = None;
        let mut lines = Lines::new(disk.open_read(&path)?);
        while let Some((_, piece)) =
            lines.next_piece().map_err(|e| DiskError::new("cannot read", &path, &e))?
        {
            let Piece::Line(bytes) = piece else { continue };
            // Canonical lines begin alike: most are told apart without reading them.
            if !bytes.starts_with(b"{\"code\":\"LOG040W\"") {
                continue;
            }
            let Ok(Line { event: Event::LogHandedOver(e), seq, .. }) = Line::from_bytes(bytes) else {
                continue;
            };
            let (Ok(from), Ok(to)) = (e.from.parse::<VerifierKey>(), e.to.parse::<VerifierKey>()) else {
                continue;
            };
            let keys = found.get_or_insert_with(|| Self { first: from.clone(), later: Vec::new() });
            if *keys.at(seq) == from && from.name() == to.name() {
                keys.later.push((seq, to));
            }
        }
        Ok(found.filter(|keys| keys.all().any(|k| k == trusted)).unwrap_or_else(|| Self::only(trusted)))
    }

    /// The key that signs the head of so many lines, and that is in force for the next one.
    pub(super) fn at(&self, size: u64) -> &VerifierKey {
        let newest = self.later.iter().rev().find(|(line, _)| *line < size);
        newest.map_or(&self.first, |(_, key)| key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &VerifierKey> {
        std::iter::once(&self.first).chain(self.later.iter().map(|(_, key)| key))
    }
}

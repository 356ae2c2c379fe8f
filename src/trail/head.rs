//! Whether a log ever had a head that somebody names.

use super::Folder;
use super::lines::{Lines, Piece};
use super::merkle::{Frontier, leaf};
use crate::domain::approval::LogHead;
use crate::env::{Disk, DiskError};

/// Whether the first `head.size` lines of the log have that root. Before the first line there is nothing
/// to compare.
pub fn had(disk: &dyn Disk, folder: &Folder, head: &LogHead) -> Result<bool, DiskError> {
    let path = folder.events();
    let mut lines = Lines::new(disk.open_read(&path)?);
    let mut tree = Frontier::default();
    while tree.size() < head.size {
        let piece = lines.next_piece().map_err(|e| DiskError::new("cannot read", &path, &e))?;
        let Some((_, Piece::Line(bytes))) = piece else { return Ok(false) };
        tree.push(leaf(bytes));
    }
    Ok(head.size == 0 || tree.root() == head.root.0)
}

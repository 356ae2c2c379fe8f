//! The working file of a run: what rests lies there, and not in memory.
//!
//! It has no name, nobody else opens it, and it is gone with the process: nothing is recovered from it. In it is what the
//! plan and the log say, packed, and no more.

use crate::domain::shelf::{Room, Shelf};
use crate::domain::text::Text;
use crate::env::Disk;
use crate::env::disk::Scratch;
use std::path::Path;

struct OnDisk(Box<dyn Scratch>);

impl Room for OnDisk {
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Text<200>> {
        self.0.write(at, bytes).map_err(|e| Text::lossy(&e.to_string()))
    }
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Text<200>> {
        self.0.read(at, bytes).map_err(|e| Text::lossy(&e.to_string()))
    }
}

/// A shelf with a working file on the file system of this folder; in memory where none can be made.
pub fn shelf(disk: &dyn Disk, folder: &Path) -> Shelf {
    match disk.scratch(folder) {
        Ok(Some(file)) => Shelf::in_room(Box::new(OnDisk(file))),
        // What cannot be written will be told by the log, which has to be.
        _ => Shelf::default(),
    }
}

//! The bundle that an auditor receives: one tar file with the log, its key, its checkpoints, its
//! anchors, every object that a line refers to, and whatever a report adds. Unpacked, it is a log folder again.
//! Where other runs must stay private, an excerpt takes the place of the log ([`super::excerpt`]).
//!
//! Writing is deterministic: sorted names, no times, no owners, mode 0644. Reading trusts nothing:
//! it unpacks into memory, and only names that a bundle has.

mod packed;
mod unpack;

pub use packed::{Packed, Pieces};
pub use unpack::{BundleError, Unpacked, unpack};

use super::anchors::{ANCHOR_BYTES_MAX, Kind};
use super::checkpoint::Checkpoint;
use super::excerpt::{self, Excerpt};
use super::lines::{Lines, Piece};
use super::{Folder, objects};
use crate::domain::event::Line;
use crate::domain::id::{Digest, RunId};
use crate::env::{Disk, DiskError, MemoryDisk};
use packed::Packer;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

/// Where an unpacked bundle is on its disk in memory.
const FOLDER: &str = "bundle";
/// What a tar file is made of.
const BLOCK_BYTES: u64 = 512;
/// No bundle is larger.
pub const BUNDLE_BYTES_MAX: u64 = 2 << 30;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{0}; no bundle was written")]
    Disk(#[from] DiskError),
    #[error("the files are more than {BUNDLE_BYTES_MAX} bytes together; no bundle was written")]
    TooLarge,
    #[error("the bundle could not be put together: {0}")]
    Tar(String),
}

/// The files of a bundle, by their names in it.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    files: BTreeMap<String, Packed>,
}

impl Bundle {
    /// Gathers a log: complete lines only, the checkpoints that cover no more than these, and the
    /// objects that they refer to.
    pub fn gather(disk: &Arc<dyn Disk>, folder: &Folder) -> Result<Self, ExportError> {
        let heads = Heads::list(disk.as_ref(), folder)?;
        let (lines, count, referred) = lines(disk.as_ref(), folder)?;
        let mut bundle = Self::default();
        bundle.files.insert("events.jsonl".to_owned(), lines);
        bundle.with(disk.as_ref(), folder, heads, count, referred)
    }

    /// Gathers one run of a log: its lines, what they refer to, and what proves that they stand in
    /// the log; of other runs, nothing.
    pub fn gather_only(disk: &Arc<dyn Disk>, folder: &Folder, run: &RunId) -> Result<Self, ExportError> {
        let heads = Heads::list(disk.as_ref(), folder)?;
        let Excerpt { bytes, lines, objects } = Excerpt::of(disk, folder, run, heads.sizes())?;
        let mut bundle = Self::default();
        bundle.add(excerpt::FILE, bytes);
        bundle.with(disk.as_ref(), folder, heads, lines, objects)
    }

    /// Adds the key, the heads that cover no more than `count` lines, and these objects.
    fn with(
        mut self,
        disk: &dyn Disk,
        folder: &Folder,
        heads: Heads,
        count: u64,
        objects: BTreeSet<Digest>,
    ) -> Result<Self, ExportError> {
        self.add("log.vkey", disk.read(&folder.vkey(), 4096)?);
        self.add("checkpoints/checkpoint", heads.newest);
        for name in heads.checkpoints {
            if Checkpoint::size_of_name(&name).is_some_and(|size| size <= count) {
                let bytes = disk.read(&folder.checkpoints().join(&name), 1 << 20)?;
                self.add(&format!("checkpoints/{name}"), bytes);
            }
        }
        for name in heads.anchors.into_iter().filter(|name| Kind::of_name(name).is_some()) {
            let bytes = disk.read(&folder.anchors().join(&name), ANCHOR_BYTES_MAX)?;
            self.add(&format!("anchors/{name}"), bytes);
        }
        for digest in objects {
            let name = format!("sha256-{}", digest.hex());
            let bytes = disk.read(&folder.objects().join(&name), objects::OBJECT_BYTES_MAX)?;
            self.add(&format!("objects/{name}"), bytes);
        }
        Ok(self)
    }

    /// The files as whoever unpacks the bundle has them.
    pub fn unpacked(&self) -> Result<Unpacked, ExportError> {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
        for name in self.files.keys() {
            let bytes = self.get(name).unwrap_or_default();
            disk.write_atomic(&std::path::Path::new(FOLDER).join(name), &bytes)?;
        }
        let folder = Folder::found(disk.as_ref(), FOLDER);
        Ok(Unpacked { disk, folder })
    }

    /// Adds a file. The name is one that [`unpack`] takes.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.to_owned(), Packed::of(&bytes));
    }

    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let pieces: std::io::Result<Vec<Vec<u8>>> = self.files.get(name)?.pieces().collect();
        pieces.ok().map(|all| all.concat())
    }

    /// As `sha256sum -c` reads it.
    pub fn sums(&self) -> String {
        self.files.iter().map(|(name, file)| format!("{}  {name}\n", file.digest.hex())).collect()
    }

    /// The tar file, to be read a piece at a time: the same files give the same bytes.
    pub fn tar(&self) -> Result<Pieces<impl Iterator<Item = std::io::Result<Vec<u8>>>>, ExportError> {
        let total: u64 = self.files.values().map(|file| file.bytes).sum();
        if total > BUNDLE_BYTES_MAX {
            return Err(ExportError::TooLarge);
        }
        let entry = |(name, file): (&String, &Packed)| header(name, file.bytes);
        let headers: Result<Vec<_>, _> = self.files.iter().map(entry).collect();
        let headers = headers.map_err(|e| ExportError::Tar(e.to_string()))?;
        let entries = headers.into_iter().zip(self.files.values()).flat_map(|(header, file)| {
            let padding = vec![0; (file.bytes.next_multiple_of(BLOCK_BYTES) - file.bytes) as usize];
            let (before, after) = (std::iter::once(Ok(header)), std::iter::once(Ok(padding)));
            before.chain(file.pieces()).chain(after)
        });
        // Two blocks of zeros end the file.
        Ok(Pieces::new(entries.chain(std::iter::once(Ok(vec![0; 2 * BLOCK_BYTES as usize])))))
    }

    /// The same as a whole.
    pub fn to_tar(&self) -> Result<Vec<u8>, ExportError> {
        let mut out = Vec::new();
        self.tar()?.read_to_end(&mut out).map_err(|e| ExportError::Tar(e.to_string()))?;
        Ok(out)
    }
}

/// What stands before a file of so many bytes.
fn header(name: &str, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(bytes);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_path(name)?;
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

/// The heads of a log, before its lines are read: lines that are written meanwhile only make the log
/// longer.
struct Heads {
    newest: Vec<u8>,
    checkpoints: Vec<String>,
    anchors: Vec<String>,
}

impl Heads {
    fn list(disk: &dyn Disk, folder: &Folder) -> Result<Self, DiskError> {
        let newest = disk.read(&folder.checkpoint(), 1 << 20)?;
        let checkpoints = disk.list(&folder.checkpoints())?;
        Ok(Self { newest, checkpoints, anchors: disk.list(&folder.anchors())? })
    }

    /// How many lines each of them covers.
    fn sizes(&self) -> BTreeSet<u64> {
        let anchors = self.anchors.iter().filter_map(|name| Kind::of_name(name)).map(|(_, size)| size);
        self.checkpoints.iter().filter_map(|name| Checkpoint::size_of_name(name)).chain(anchors).collect()
    }
}

/// The complete lines of the log, how many there are, and the objects that they refer to.
fn lines(disk: &dyn Disk, folder: &Folder) -> Result<(Packed, u64, BTreeSet<Digest>), DiskError> {
    let path = folder.events();
    let (mut packer, mut count, mut referred) = (Packer::default(), 0, BTreeSet::new());
    let mut lines = Lines::new(disk.open_read(&path)?);
    while let Some((_, piece)) = lines.next_piece().map_err(|e| DiskError::new("cannot read", &path, &e))? {
        let Piece::Line(line) = piece else { break };
        packer.take(line);
        packer.take(b"\n");
        count += 1;
        if let Ok(line) = Line::from_bytes(line) {
            referred.extend(super::verify::objects_of(&line.event));
        }
    }
    Ok((packer.end(), count, referred))
}

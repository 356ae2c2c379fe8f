//! Files. Two implementations of one small interface: the machine's, and one in memory that
//! knows which bytes were synced, so that a simulated power loss can take the others away.

mod memory;
mod real;

pub use memory::MemoryDisk;
pub use real::{NotPrivate, RealDisk, read_descriptor, read_private};

use std::path::{Path, PathBuf};

/// What went wrong, with the file it went wrong on.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{doing} {}: {why}", path.display())]
pub struct DiskError {
    pub doing: &'static str,
    pub path: PathBuf,
    pub why: String,
    pub kind: std::io::ErrorKind,
}

impl DiskError {
    pub fn new(doing: &'static str, path: &Path, e: &std::io::Error) -> Self {
        Self { doing, path: path.to_owned(), why: e.to_string(), kind: e.kind() }
    }
    pub fn is_missing(&self) -> bool {
        self.kind == std::io::ErrorKind::NotFound
    }
}

/// A file that only grows, held open by its one writer.
pub trait Appender: Send {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError>;
    /// Returns when every appended byte is on stable storage.
    fn sync(&mut self) -> Result<(), DiskError>;
    /// Sets space aside for so many more bytes, where the file system can. The file's length stays.
    fn reserve(&mut self, _bytes: u64) -> Result<(), DiskError> {
        Ok(())
    }
}

/// Pieces that are made one by one, as something to read from.
pub struct Pieces<I> {
    pieces: I,
    piece: std::io::Cursor<Vec<u8>>,
}

impl<I: Iterator<Item = std::io::Result<Vec<u8>>>> Pieces<I> {
    pub fn of(pieces: I) -> Self {
        Self { pieces, piece: std::io::Cursor::default() }
    }
}

impl<I: Iterator<Item = std::io::Result<Vec<u8>>>> std::io::Read for Pieces<I> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.piece.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let Some(piece) = self.pieces.next() else { return Ok(0) };
            self.piece = std::io::Cursor::new(piece?);
        }
    }
}

/// A file without a name, for what need not outlive the process: nobody else opens it, and it is gone with its owner.
pub trait Scratch: Send {
    fn write(&mut self, at: u64, bytes: &[u8]) -> std::io::Result<()>;
    fn read(&self, at: u64, bytes: &mut [u8]) -> std::io::Result<()>;
}

/// The files of one machine. All paths are used as given. Files are made with mode 0600 and
/// folders with 0700. Symbolic links, FIFOs and devices are refused when read.
pub trait Disk: Send + Sync {
    /// At most `limit` bytes; a longer file is an error.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DiskError>;
    /// Reads by and by: for logs, which may be larger than memory should hold.
    fn open_read(&self, path: &Path) -> Result<Box<dyn std::io::BufRead + Send>, DiskError>;
    /// Replaces or makes the file as a whole: temporary file, sync, rename, sync of the folder.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError>;
    /// Like `write_atomic`, but an existing file is an error (`AlreadyExists`).
    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError>;
    /// The file as a whole or not at all, for whoever reads it now: a crash of the machine may lose it. One writer.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.write_atomic(path, bytes)
    }
    /// The same with what is read from somewhere, to its end. What cannot be read leaves no file of this name.
    fn write_new_from(&self, path: &Path, from: &mut dyn std::io::Read) -> Result<(), DiskError> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(|e| DiskError::new("cannot write", path, &e))?;
        self.write_new(path, &bytes)
    }
    /// Copies a file to a new one, as `write_new` writes it.
    fn copy_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.write_new(to, &self.read(from, u64::MAX - 1)?)
    }
    /// Opens for appending, makes the file if missing, and takes the exclusive lock that keeps a
    /// second writer out (`WouldBlock` if another holds it).
    fn open_append(&self, path: &Path) -> Result<Box<dyn Appender>, DiskError>;
    /// Cuts the file to `len` bytes and syncs it.
    fn truncate(&self, path: &Path, len: u64) -> Result<(), DiskError>;
    /// File names in a folder, sorted; empty if the folder is missing.
    fn list(&self, folder: &Path) -> Result<Vec<String>, DiskError>;
    fn remove(&self, path: &Path) -> Result<(), DiskError>;
    fn make_folder(&self, path: &Path) -> Result<(), DiskError>;
    fn exists(&self, path: &Path) -> bool;
    /// Whether this disk is memory: then work on it takes no time, and must stay on the caller's
    /// thread to be repeatable.
    fn is_simulated(&self) -> bool {
        false
    }
    /// A new scratch file on the file system of a folder; none where memory does as well.
    fn scratch(&self, _folder: &Path) -> Result<Option<Box<dyn Scratch>>, DiskError> {
        Ok(None)
    }
    /// Length of a regular file.
    fn len(&self, path: &Path) -> Result<u64, DiskError>;
}

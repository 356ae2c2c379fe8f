//! A disk in memory that tells written bytes from synced ones.

use super::{Appender, Disk, DiskError};
use std::collections::BTreeMap;
use std::io::{BufRead, Cursor, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct FileState {
    bytes: Vec<u8>,
    synced: usize,
    locked: bool,
}

type Files = BTreeMap<PathBuf, FileState>;

/// A disk in memory. Copies share one disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    files: Arc<Mutex<Files>>,
}

struct MemoryAppender {
    disk: MemoryDisk,
    path: PathBuf,
}

fn error(doing: &'static str, path: &Path, kind: ErrorKind) -> DiskError {
    DiskError::new(doing, path, &Error::from(kind))
}

impl MemoryDisk {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process died: locks are free, written bytes stay readable.
    pub fn crash_process(&self) {
        self.files().values_mut().for_each(|f| f.locked = false);
    }

    /// The power failed: of the bytes that were never synced, `keep` of each file's survive.
    pub fn lose_power(&self, keep: impl Fn(&Path, usize) -> usize) {
        for (path, f) in self.files().iter_mut() {
            f.locked = false;
            let unsynced = f.bytes.len() - f.synced;
            f.bytes.truncate(f.synced + keep(path, unsynced).min(unsynced));
            f.synced = f.bytes.len();
        }
    }

    /// Every file with its bytes: what the canary scan reads.
    pub fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.files().iter().map(|(p, f)| (p.clone(), f.bytes.clone())).collect()
    }

    /// A second disk with the same bytes, nothing locked.
    pub fn copy(&self) -> Self {
        let copied = self.contents().into_iter().map(|(p, bytes)| {
            let synced = bytes.len();
            (p, FileState { bytes, synced, locked: false })
        });
        Self { files: Arc::new(Mutex::new(copied.collect())) }
    }
}

impl Disk for MemoryDisk {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DiskError> {
        let files = self.files();
        let file = files.get(path).ok_or_else(|| error("cannot open", path, ErrorKind::NotFound))?;
        if file.bytes.len() as u64 > limit {
            return Err(error("cannot read", path, ErrorKind::FileTooLarge));
        }
        Ok(file.bytes.clone())
    }

    fn open_read(&self, path: &Path) -> Result<Box<dyn BufRead + Send>, DiskError> {
        Ok(Box::new(Cursor::new(self.read(path, u64::MAX)?)))
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let file = FileState { bytes: bytes.to_vec(), synced: bytes.len(), locked: false };
        self.files().insert(path.to_owned(), file);
        Ok(())
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        if self.exists(path) {
            return Err(error("cannot make", path, ErrorKind::AlreadyExists));
        }
        self.write_atomic(path, bytes)
    }

    fn open_append(&self, path: &Path) -> Result<Box<dyn Appender>, DiskError> {
        let mut files = self.files();
        let file = files.entry(path.to_owned()).or_default();
        if std::mem::replace(&mut file.locked, true) {
            return Err(error("cannot lock", path, ErrorKind::WouldBlock));
        }
        Ok(Box::new(MemoryAppender { disk: self.clone(), path: path.to_owned() }))
    }

    fn truncate(&self, path: &Path, len: u64) -> Result<(), DiskError> {
        let mut files = self.files();
        let file = files.get_mut(path).ok_or_else(|| error("cannot cut", path, ErrorKind::NotFound))?;
        file.bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        file.synced = file.bytes.len();
        Ok(())
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, DiskError> {
        let files = self.files();
        // Paths sort by their components, so a folder's files stand together.
        let inside = files.range(folder.to_owned()..).map(|(p, _)| p.strip_prefix(folder));
        let names = inside.map_while(Result::ok).filter_map(|rest| {
            let first = rest.components().next()?;
            Some(first.as_os_str().to_string_lossy().into_owned())
        });
        let mut names: Vec<String> = names.collect();
        names.dedup();
        Ok(names)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        let removed = self.files().remove(path);
        removed.map(drop).ok_or_else(|| error("cannot remove", path, ErrorKind::NotFound))
    }

    fn make_folder(&self, _: &Path) -> Result<(), DiskError> {
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        self.files().range(path.to_owned()..).next().is_some_and(|(p, _)| p.starts_with(path))
    }

    fn is_simulated(&self) -> bool {
        true
    }

    fn len(&self, path: &Path) -> Result<u64, DiskError> {
        let files = self.files();
        let file = files.get(path).ok_or_else(|| error("cannot look at", path, ErrorKind::NotFound))?;
        Ok(file.bytes.len() as u64)
    }
}

impl Appender for MemoryAppender {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.files().entry(self.path.clone()).or_default().bytes.extend_from_slice(bytes);
        Ok(())
    }
    fn sync(&mut self) -> Result<(), DiskError> {
        let mut files = self.disk.files();
        let file = files.entry(self.path.clone()).or_default();
        file.synced = file.bytes.len();
        Ok(())
    }
}

impl Drop for MemoryAppender {
    fn drop(&mut self) {
        if let Some(file) = self.disk.files().get_mut(&self.path) {
            file.locked = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_loss_takes_what_was_not_synced() {
        let disk = MemoryDisk::default();
        let path = Path::new("log/events.jsonl");
        let mut file = disk.open_append(path).unwrap();
        file.append(b"kept").unwrap();
        file.sync().unwrap();
        file.append(b"lost").unwrap();
        assert!(matches!(disk.open_append(path), Err(e) if e.kind == ErrorKind::WouldBlock));
        disk.lose_power(|_, unsynced| unsynced / 2);
        assert_eq!(disk.read(path, 100).unwrap(), b"keptlo");
        assert_eq!(disk.list(Path::new("log")).unwrap(), ["events.jsonl"]);
    }
}

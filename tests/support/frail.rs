//! A disk in memory that fails after so many operations, in the middle of one: once, or from then
//! on with every operation, until it is revived.

use reissue::env::disk::Appender;
use reissue::env::{Disk, DiskError, MemoryDisk};
use std::io::{BufRead, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

#[derive(Clone)]
pub struct FrailDisk {
    pub inner: MemoryDisk,
    left: Arc<AtomicI64>,
    full: Arc<AtomicBool>,
    once: Arc<AtomicBool>,
    hit: Arc<AtomicBool>,
}

struct FrailAppender(Box<dyn Appender>, FrailDisk);

impl FrailDisk {
    pub fn new() -> Self {
        Self::over(MemoryDisk::default())
    }
    pub fn over(inner: MemoryDisk) -> Self {
        let left = Arc::new(AtomicI64::new(i64::MAX));
        Self { inner, left, full: Arc::default(), once: Arc::default(), hit: Arc::default() }
    }
    /// Whether space can be set aside.
    pub fn is_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }
    /// Dies at the `n`th writing operation from now, counted from 0.
    pub fn die_after(&self, n: i64) {
        self.once.store(false, Ordering::Relaxed);
        self.left.store(n, Ordering::Relaxed);
    }
    /// Only the `n`th writing operation from now fails.
    pub fn fail_once_after(&self, n: i64) {
        self.die_after(n);
        self.once.store(true, Ordering::Relaxed);
    }
    /// Whether any operation has failed.
    pub fn was_hit(&self) -> bool {
        self.hit.load(Ordering::Relaxed)
    }
    pub fn is_dead(&self) -> bool {
        self.left.load(Ordering::Relaxed) < 0
    }
    fn spend(&self) -> Result<(), DiskError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let once = self.once.load(Ordering::Relaxed);
        self.left.store(if once { i64::MAX } else { -1 }, Ordering::Relaxed);
        self.hit.store(true, Ordering::Relaxed);
        Err(DiskError::new("cannot write", Path::new("frail"), &ErrorKind::StorageFull.into()))
    }
}

impl Appender for FrailAppender {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        if let Err(e) = self.1.spend() {
            // The part that was written before it died.
            self.0.append(&bytes[..bytes.len() / 3])?;
            return Err(e);
        }
        self.0.append(bytes)
    }
    fn reserve(&mut self, bytes: u64) -> Result<(), DiskError> {
        if self.1.full.load(Ordering::Relaxed) {
            let path = Path::new("frail");
            return Err(DiskError::new("cannot set space aside for", path, &ErrorKind::StorageFull.into()));
        }
        self.1.spend()?;
        self.0.reserve(bytes)
    }
    fn sync(&mut self) -> Result<(), DiskError> {
        self.1.spend()?;
        self.0.sync()
    }
}

impl Disk for FrailDisk {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DiskError> {
        self.inner.read(path, limit)
    }
    fn open_read(&self, path: &Path) -> Result<Box<dyn BufRead + Send>, DiskError> {
        self.inner.open_read(path)
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.spend()?;
        self.inner.write_atomic(path, bytes)
    }
    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.spend()?;
        self.inner.write_new(path, bytes)
    }
    fn open_append(&self, path: &Path) -> Result<Box<dyn Appender>, DiskError> {
        self.spend()?;
        Ok(Box::new(FrailAppender(self.inner.open_append(path)?, self.clone())))
    }
    fn truncate(&self, path: &Path, len: u64) -> Result<(), DiskError> {
        self.spend()?;
        self.inner.truncate(path, len)
    }
    fn list(&self, folder: &Path) -> Result<Vec<String>, DiskError> {
        self.inner.list(folder)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.spend()?;
        self.inner.remove(path)
    }
    fn make_folder(&self, path: &Path) -> Result<(), DiskError> {
        self.inner.make_folder(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.inner.exists(path)
    }
    fn is_simulated(&self) -> bool {
        true
    }
    fn len(&self, path: &Path) -> Result<u64, DiskError> {
        self.inner.len(path)
    }
}

//! The simulated machine: the process that lives on it, how it will die, and its disk, which
//! tears, fills and fails as drawn.

use crate::scenario::{Death, DiskFault, Life, Torn};
use reissue::env::disk::Appender;
use reissue::env::{Disk, DiskError, MemoryDisk, Random};
use std::io::{BufRead, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What a machine tells the simulator.
pub(crate) trait Watcher: Send + Sync {
    /// Bytes of the log that became durable, from their offset on.
    fn durable(&self, from: usize, bytes: &[u8]);
    /// The log was cut.
    fn cut(&self, to: usize);
    fn happened(&self, what: &str);
}

#[derive(Default)]
struct Process {
    number: u32,
    alive: bool,
    life: Option<Life>,
    appends: u32,
    syncs: u32,
    files: u32,
    writes: u32,
    /// So many bytes of the log are known to be durable; none before the first sync.
    durable: Option<usize>,
}

/// The machine. Copies share it.
#[derive(Clone)]
pub(crate) struct Machine {
    disk: MemoryDisk,
    process: Arc<Mutex<Process>>,
    log: PathBuf,
    random: Random,
    watcher: Arc<Mutex<Option<Arc<dyn Watcher>>>>,
    pub(crate) died: Arc<Notify>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Machine {
    /// Its processes are counted from `first` on.
    pub(crate) fn new(log: PathBuf, random: Random, first: u32) -> Self {
        let process = Process { number: first, alive: true, ..Process::default() };
        Self {
            disk: MemoryDisk::default(),
            process: Arc::new(Mutex::new(process)),
            log,
            random,
            watcher: Arc::default(),
            died: Arc::default(),
        }
    }
    pub(crate) fn watch(&self, watcher: Arc<dyn Watcher>) {
        *lock(&self.watcher) = Some(watcher);
    }
    pub(crate) fn unwatch(&self) {
        *lock(&self.watcher) = None;
    }
    fn tell(&self, tell: impl FnOnce(&dyn Watcher)) {
        let watcher = lock(&self.watcher).clone();
        if let Some(watcher) = watcher {
            tell(watcher.as_ref());
        }
    }
    /// The files as they are, past every fault.
    pub(crate) fn files(&self) -> &MemoryDisk {
        &self.disk
    }
    pub(crate) fn start(&self, life: Option<Life>) -> u32 {
        let mut p = lock(&self.process);
        *p = Process { number: p.number + 1, alive: true, life, ..Process::default() };
        p.number
    }
    pub(crate) fn is_alive(&self, number: u32) -> bool {
        let p = lock(&self.process);
        p.alive && p.number == number
    }
    /// The process has ended by itself: nothing happens to it any more.
    pub(crate) fn rest(&self) {
        lock(&self.process).life = None;
    }
    pub(crate) fn die(&self, how: &str) {
        lock(&self.process).alive = false;
        self.tell(|w| w.happened(how));
        self.died.notify_one();
    }
    /// What a death leaves of the files.
    pub(crate) fn damage(&self, power: bool) {
        let stream = self.random.stream("sim-power");
        match power {
            true => self.disk.lose_power(|_, unsynced| stream.between(0, unsynced as u64) as usize),
            false => self.disk.crash_process(),
        }
        self.tell(|w| w.happened(if power { "power lost" } else { "process died" }));
    }

    /// A write to the tenant is about to be sent: whether the process dies now, and how late the
    /// request then arrives.
    pub(crate) fn before_write(&self) -> Option<Option<std::time::Duration>> {
        let due = {
            let mut p = lock(&self.process);
            p.writes += 1;
            match p.life.and_then(|l| l.death) {
                Some(Death::Write { nth, sent }) if nth == p.writes => Some(sent),
                _ => None,
            }
        };
        if let Some(sent) = due {
            self.die(if sent.is_some() { "dies: write on its way" } else { "dies: write not sent" });
        }
        due
    }

    fn dead(path: &Path) -> DiskError {
        DiskError::new("cannot reach", path, &ErrorKind::BrokenPipe.into())
    }
    fn alive(&self, path: &Path) -> Result<(), DiskError> {
        if lock(&self.process).alive { Ok(()) } else { Err(Self::dead(path)) }
    }
    fn trouble(&self, path: &Path, kind: ErrorKind, what: &str) -> DiskError {
        self.tell(|w| w.happened(what));
        DiskError::new("cannot write", path, &kind.into())
    }

    /// A file is written or removed: perhaps the machine dies before it, or after.
    fn file(&self, path: &Path, work: impl FnOnce() -> Result<(), DiskError>) -> Result<(), DiskError> {
        self.alive(path)?;
        let (nth, life) = {
            let mut p = lock(&self.process);
            p.files += 1;
            (p.files, p.life)
        };
        if life.and_then(|l| l.disk) == Some(DiskFault::File(nth)) {
            return Err(self.trouble(path, ErrorKind::StorageFull, "disk: a file cannot be written"));
        }
        match life.and_then(|l| l.death) {
            Some(Death::File { nth: at, done }) if at == nth => {
                if done {
                    work()?;
                }
                self.die(if done { "dies: after a file" } else { "dies: before a file" });
                Err(Self::dead(path))
            }
            _ => work(),
        }
    }
}

struct LogAppender {
    inner: Box<dyn Appender>,
    machine: Machine,
    path: PathBuf,
    /// What was appended since the last sync.
    appended: Vec<u8>,
}

impl LogAppender {
    fn is_log(&self) -> bool {
        self.path == self.machine.log
    }
    fn torn(&mut self, bytes: &[u8], how: Torn) -> Result<(), DiskError> {
        let keep = match how {
            Torn::Before => 0,
            Torn::Partly => self.machine.random.stream("sim-torn").below(bytes.len() as u64) as usize,
            Torn::NotSynced | Torn::Synced => bytes.len(),
        };
        self.inner.append(&bytes[..keep])?;
        self.appended.extend_from_slice(&bytes[..keep]);
        if how == Torn::Synced {
            self.synced()?;
        }
        self.machine.die(&format!("dies: append {how:?}"));
        Err(Machine::dead(&self.path))
    }
    fn synced(&mut self) -> Result<(), DiskError> {
        self.inner.sync()?;
        if self.is_log() {
            let appended = std::mem::take(&mut self.appended);
            let known = lock(&self.machine.process).durable;
            let (from, bytes) = match known {
                Some(from) => (from, appended),
                None => (0, self.machine.disk.read(&self.path, u64::MAX)?),
            };
            lock(&self.machine.process).durable = Some(from + bytes.len());
            self.machine.tell(|w| w.durable(from, &bytes));
        }
        Ok(())
    }
}

impl Appender for LogAppender {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.machine.alive(&self.path)?;
        let (nth, life) = {
            let mut p = lock(&self.machine.process);
            p.appends += 1;
            (p.appends, p.life)
        };
        if life.and_then(|l| l.disk) == Some(DiskFault::Full(nth)) {
            self.inner.append(&bytes[..bytes.len() / 2])?;
            return Err(self.machine.trouble(&self.path, ErrorKind::StorageFull, "disk: full"));
        }
        match life.and_then(|l| l.death) {
            Some(Death::Append { nth: at, how }) if at == nth => self.torn(bytes, how),
            _ => {
                self.appended.extend_from_slice(bytes);
                self.inner.append(bytes)
            }
        }
    }
    fn sync(&mut self) -> Result<(), DiskError> {
        self.machine.alive(&self.path)?;
        let (nth, life) = {
            let mut p = lock(&self.machine.process);
            p.syncs += 1;
            (p.syncs, p.life)
        };
        if life.and_then(|l| l.disk) == Some(DiskFault::Sync(nth)) {
            return Err(self.machine.trouble(&self.path, ErrorKind::Other, "disk: sync failed"));
        }
        self.synced()
    }
}

/// The disk of the machine, as a process sees it.
impl Disk for Machine {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DiskError> {
        self.disk.read(path, limit)
    }
    fn open_read(&self, path: &Path) -> Result<Box<dyn BufRead + Send>, DiskError> {
        self.disk.open_read(path)
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.file(path, || self.disk.write_atomic(path, bytes))
    }
    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.file(path, || self.disk.write_new(path, bytes))
    }
    fn open_append(&self, path: &Path) -> Result<Box<dyn Appender>, DiskError> {
        self.alive(path)?;
        let inner = self.disk.open_append(path)?;
        let path = path.to_owned();
        Ok(Box::new(LogAppender { inner, machine: self.clone(), path, appended: Vec::new() }))
    }
    fn truncate(&self, path: &Path, len: u64) -> Result<(), DiskError> {
        self.file(path, || {
            self.disk.truncate(path, len)?;
            if path == self.log {
                lock(&self.process).durable = Some(len as usize);
                self.tell(|w| w.cut(len as usize));
            }
            Ok(())
        })
    }
    fn list(&self, folder: &Path) -> Result<Vec<String>, DiskError> {
        self.disk.list(folder)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.file(path, || self.disk.remove(path))
    }
    fn make_folder(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.make_folder(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }
    fn is_simulated(&self) -> bool {
        true
    }
    fn len(&self, path: &Path) -> Result<u64, DiskError> {
        self.disk.len(path)
    }
}

//! The journal on a disk in memory, under tokio's paused clock.

use super::*;
use crate::domain::event::{RunAborted, RunFinished, RunPaused, StepIntent};
use crate::env::disk::Appender;
use crate::env::{Clock, Disk, DiskError, MemoryDisk, RealDisk};
use crate::trail::Reader;
use std::io::{BufRead, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const TENANT: &str = "7d3c9a10-0000-4000-8000-000000000001";

fn opening() -> Opening {
    Opening {
        command: Text::lossy("apply"),
        environment: Environment::Lab,
        install: Text::lossy("install-1"),
        process: Text::lossy("boot:1:1"),
        roster: Digest::of(b"roster"),
        tenant: TENANT.parse().unwrap(),
        version: Text::lossy("0.1.0"),
    }
}

fn env(disk: Arc<dyn Disk>) -> Env {
    let start = Timestamp::from_unix_s(1_795_417_200);
    Env { disk, ..Env::simulated(Clock::starting_at(start), 7) }
}

fn settings(disk: &(impl Disk + Clone + 'static), root: &Path) -> Settings {
    let env = env(Arc::new(disk.clone()));
    let path = root.with_extension("key");
    let key =
        LogKey::load(disk, &path).or_else(|_| LogKey::create(disk, &path, &env.random, "reissue.test/t/i"));
    Settings { env, folder: Folder::new(root), key: key.unwrap() }
}

fn begin(disk: &MemoryDisk) -> Journal {
    Journal::create(settings(disk, Path::new("log")), &opening()).unwrap()
}

fn reopen(disk: &MemoryDisk) -> Result<(Journal, Recovered), JournalError> {
    Journal::open(settings(disk, Path::new("log")), &opening(), &mut |_| {})
}

fn run() -> RunId {
    RunId::new(1, [3; 10])
}

fn paused(n: u32) -> Entry {
    Entry::of_run(&run(), RunPaused { by: Text::lossy("op"), reason: Text::lossy(&format!("n {n}")) })
}

fn finished() -> Entry {
    let zero = RunFinished {
        partial: 0,
        checkpoints: 0,
        done: 0,
        events: 0,
        excepted: 0,
        steps: 0,
        stuck: 0,
        undone: 0,
        unresolved: 0,
    };
    Entry::of_run(&run(), zero)
}

fn read_all(disk: &MemoryDisk) -> Vec<Line> {
    Reader::open(disk, &Folder::new("log")).unwrap().map(|r| r.unwrap().line).collect()
}

/// A disk that counts syncs and can be told to fail.
#[derive(Clone, Default)]
struct Touchy {
    inner: MemoryDisk,
    syncs: Arc<AtomicU64>,
    fail_append: Arc<AtomicBool>,
    fail_sync: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
}

struct TouchyAppender(Box<dyn Appender>, Touchy);

fn full() -> DiskError {
    DiskError::new("cannot append to", Path::new("log"), &ErrorKind::StorageFull.into())
}

impl Appender for TouchyAppender {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        if self.1.fail_append.load(Ordering::Relaxed) {
            self.0.append(&bytes[..bytes.len() / 2])?;
            return Err(full());
        }
        self.0.append(bytes)
    }
    fn reserve(&mut self, _: u64) -> Result<(), DiskError> {
        if self.1.full.load(Ordering::Relaxed) { Err(full()) } else { Ok(()) }
    }
    fn sync(&mut self) -> Result<(), DiskError> {
        self.1.syncs.fetch_add(1, Ordering::Relaxed);
        if self.1.fail_sync.load(Ordering::Relaxed) { Err(full()) } else { self.0.sync() }
    }
}

impl Disk for Touchy {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DiskError> {
        self.inner.read(path, limit)
    }
    fn open_read(&self, path: &Path) -> Result<Box<dyn BufRead + Send>, DiskError> {
        self.inner.open_read(path)
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(full());
        }
        self.inner.write_atomic(path, bytes)
    }
    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.inner.write_new(path, bytes)
    }
    fn open_append(&self, path: &Path) -> Result<Box<dyn Appender>, DiskError> {
        Ok(Box::new(TouchyAppender(self.inner.open_append(path)?, self.clone())))
    }
    fn truncate(&self, path: &Path, len: u64) -> Result<(), DiskError> {
        self.inner.truncate(path, len)
    }
    fn list(&self, folder: &Path) -> Result<Vec<String>, DiskError> {
        self.inner.list(folder)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
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

#[tokio::test(start_paused = true)]
async fn lines_are_chained_read_back_and_observed() {
    let disk = MemoryDisk::default();
    let journal = begin(&disk);
    let mut seen = journal.subscribe();
    let first = journal.append(vec![paused(1), paused(2)]).await.unwrap();
    let second = journal.append_one(paused(3)).await.unwrap();
    assert_eq!((first[0].seq, first[1].seq, second.seq), (1, 2, 3));
    assert_eq!(second.line.prev, first[1].leaf);
    let lines = read_all(&disk);
    assert_eq!(lines.len(), 4);
    assert!(matches!(lines[0].event, Event::LogOpened(_)));
    for line in &lines[1..] {
        assert_eq!(*seen.try_recv().unwrap(), *line);
    }
    assert_eq!(journal.head().size, 4);
    let last = journal.close().await.unwrap();
    assert_eq!(last.size, 5);
    let key = settings(&disk, Path::new("log")).key;
    let note = disk.read(&Folder::new("log").checkpoint(), 10_000).unwrap();
    assert_eq!(Checkpoint::open(&note, key.public()).unwrap(), last);
}

#[tokio::test(start_paused = true)]
async fn appends_of_one_instant_share_a_sync() {
    let disk = Touchy::default();
    let journal = Journal::create(settings(&disk, Path::new("log")), &opening()).unwrap();
    let before = disk.syncs.load(Ordering::Relaxed);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let journal = journal.clone();
        tasks.spawn(async move { journal.append_one(paused(n)).await.unwrap().seq });
    }
    let mut seqs = tasks.join_all().await;
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=100).collect::<Vec<u64>>());
    assert!(disk.syncs.load(Ordering::Relaxed) - before <= 3);
}

#[tokio::test]
async fn the_real_disk_groups_and_survives() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("log");
    let journal = Journal::create(settings(&RealDisk, &root), &opening()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let journal = journal.clone();
        tasks.spawn(async move { journal.append_one(paused(n)).await.unwrap().seq });
    }
    assert_eq!(tasks.join_all().await.len(), 50);
    let refused = Journal::open(settings(&RealDisk, &root), &opening(), &mut |_| {});
    assert!(matches!(refused, Err(JournalError::Locked { holder: Some(_), .. })));
    drop(journal);
    let mut folded = 0;
    let (again, recovered) =
        Journal::open(settings(&RealDisk, &root), &opening(), &mut |_| folded += 1).unwrap();
    assert_eq!((recovered.lines, folded), (51, 51));
    again.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_append_is_all_or_nothing() {
    let disk = MemoryDisk::default();
    let journal = begin(&disk);
    {
        let append = journal.append(vec![paused(1)]);
        tokio::pin!(append);
        // Polled once: it is in the queue and holds the file, nothing is written.
        assert!(futures::poll!(append.as_mut()).is_pending());
    }
    assert_eq!(journal.append_one(paused(2)).await.unwrap().seq, 1);
    assert_eq!(read_all(&disk).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_torn_tail_is_set_aside_and_recorded() {
    let disk = MemoryDisk::default();
    let journal = begin(&disk);
    journal.append_one(paused(1)).await.unwrap();
    drop(journal);
    let mut file = disk.open_append(Path::new("log/events.jsonl")).unwrap();
    file.append(b"{\"code\":\"RUN04").unwrap();
    drop(file);
    disk.crash_process();
    assert_eq!(read_all(&disk).len(), 2, "readers stop before it");
    let (journal, recovered) = reopen(&disk).unwrap();
    assert_eq!((recovered.lines, recovered.torn.len()), (2, 1));
    let torn = &recovered.torn[0];
    assert_eq!(journal.objects().get(&torn.object, 100).unwrap(), b"{\"code\":\"RUN04");
    let names: Vec<&str> = read_all(&disk).iter().map(|l| l.event.name()).collect();
    assert_eq!(names, ["log.opened", "run.paused", "log.torn_tail", "log.opened"]);
    assert!(!disk.exists(&Folder::new("log").torn()));
}

#[tokio::test(start_paused = true)]
async fn a_torn_tail_that_was_cut_but_not_recorded_is_recorded_later() {
    let disk = MemoryDisk::default();
    drop(begin(&disk));
    let object = Digest::of(b"x");
    disk.write_atomic(&Folder::new("log").torn(), format!("1 {object}\n").as_bytes()).unwrap();
    let (_, recovered) = reopen(&disk).unwrap();
    assert_eq!(recovered.torn[0].object, object);
}

#[tokio::test(start_paused = true)]
async fn an_error_ends_the_journal_for_good() {
    for at_sync in [false, true] {
        let disk = Touchy::default();
        let journal = Journal::create(settings(&disk, Path::new("log")), &opening()).unwrap();
        let fail = if at_sync { &disk.fail_sync } else { &disk.fail_append };
        fail.store(true, Ordering::Relaxed);
        assert!(matches!(journal.append_one(paused(1)).await, Err(JournalError::Broken(_))));
        fail.store(false, Ordering::Relaxed);
        assert!(matches!(journal.append_one(paused(2)).await, Err(JournalError::Broken(_))));
        assert!(matches!(journal.checkpoint_now().await, Err(JournalError::Broken(_))));
        drop(journal);
        let (_, recovered) =
            Journal::open(settings(&disk, Path::new("log")), &opening(), &mut |_| {}).unwrap();
        assert_eq!(recovered.lines, if at_sync { 2 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_line_in_the_middle_is_named_and_nothing_is_changed() {
    let disk = MemoryDisk::default();
    let journal = begin(&disk);
    journal.append(vec![paused(1), paused(2)]).await.unwrap();
    journal.close().await.unwrap();
    let path = Path::new("log/events.jsonl");
    let good = String::from_utf8(disk.read(path, 100_000).unwrap()).unwrap();
    let second = good.find('\n').unwrap() + 1;
    for (bad, text) in
        [(good.replacen("n 1", "n 7", 1), "line 3"), (good.replacen("RUN040W", "RUN040X", 1), "line 2")]
    {
        disk.write_atomic(path, bad.as_bytes()).unwrap();
        let before = disk.contents();
        let error = reopen(&disk).err().unwrap().to_string();
        assert!(error.contains(text) && error.contains("(byte "), "{error}");
        assert!(disk.contents() == before);
    }
    disk.write_atomic(path, &good.as_bytes()[..second]).unwrap();
    assert!(matches!(reopen(&disk), Err(JournalError::Truncated { found: 1, signed: 4, .. })));
}

#[tokio::test(start_paused = true)]
async fn time_never_goes_back() {
    let disk = MemoryDisk::default();
    let journal = begin(&disk);
    tokio::time::advance(Duration::from_secs(3600)).await;
    let late = journal.append_one(paused(1)).await.unwrap().time;
    drop(journal);
    // The settings start a new clock, an hour behind.
    let (journal, _) = reopen(&disk).unwrap();
    assert_eq!(journal.append_one(paused(2)).await.unwrap().time, late);
}

#[tokio::test(start_paused = true)]
async fn checkpoints_are_a_second_apart_unless_asked_for() {
    let disk = MemoryDisk::default();
    let journal = begin(&disk);
    for n in 0..20 {
        journal.append_one(paused(n)).await.unwrap();
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    // One for log.opened, then after 1.0 s; the next would be due at 2.0 s.
    assert_eq!(disk.list(&Folder::new("log").checkpoints()).unwrap().len(), 2 + 1);
    assert_eq!(journal.checkpoint_now().await.unwrap().size, 21);
    assert_eq!(journal.checkpoint_now().await.unwrap().size, 21);
    assert_eq!(disk.list(&Folder::new("log").checkpoints()).unwrap().len(), 3 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_is_counted_and_takes_nothing_more() {
    let disk = MemoryDisk::default();
    let journal = begin(&disk);
    journal.append(vec![paused(1), paused(2)]).await.unwrap();
    let done = journal.append_one(finished()).await.unwrap();
    let Event::RunFinished(counts) = &done.line.event else { panic!() };
    assert_eq!((counts.checkpoints, counts.events), (1, 2));
    assert!(matches!(journal.append_one(paused(3)).await, Err(JournalError::Finished(_))));
    drop(journal);
    let (journal, _) = reopen(&disk).unwrap();
    assert!(matches!(journal.append_one(paused(3)).await, Err(JournalError::Finished(_))));
    let other = RunId::new(2, [3; 10]);
    let abort = RunAborted { by: Text::lossy("op"), reason: Text::lossy("") };
    journal.append_one(Entry::of_run(&other, abort)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_log_is_not_opened() {
    let disk = MemoryDisk::default();
    drop(begin(&disk));
    let again = Journal::create(settings(&disk, Path::new("log")), &opening());
    assert!(matches!(again, Err(JournalError::Exists(_))));
    let mut other = opening();
    other.roster = Digest::of(b"other");
    let refused = Journal::open(settings(&disk, Path::new("log")), &other, &mut |_| {});
    assert!(matches!(refused, Err(JournalError::Other { what: "roster", .. })));
    let refused = Journal::open(settings(&disk, Path::new("none")), &opening(), &mut |_| {});
    assert!(matches!(refused, Err(JournalError::Missing(_))));
}

fn intent() -> Entry {
    let event = StepIntent { attempt: 1, request: Text::lossy("r"), step: 1, undo: false };
    Entry::of_target(&run(), TargetId(1), event)
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_takes_outcomes_but_no_intents() {
    for full_at_once in [true, false] {
        let disk = Touchy::default();
        let journal = Journal::create(settings(&disk, Path::new("log")), &opening()).unwrap();
        if !full_at_once {
            journal.append_one(intent()).await.unwrap();
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        disk.full.store(true, Ordering::Relaxed);
        // The space for it is there; it is the checkpoint afterwards that is not.
        let first = journal.append_one(paused(1)).await;
        assert!(first.is_ok());
        assert!(matches!(journal.append_one(intent()).await, Err(JournalError::Full(_))));
        journal.append_one(paused(2)).await.unwrap();
        assert!(matches!(journal.checkpoint_now().await, Err(JournalError::Broken(_))));
    }
}

#[tokio::test]
async fn space_is_set_aside_without_making_the_file_longer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut file = RealDisk.open_append(&path).unwrap();
    file.append(b"abc").unwrap();
    file.reserve(1 << 20).unwrap();
    assert_eq!(RealDisk.len(&path).unwrap(), 3);
    file.append(b"def").unwrap();
    assert_eq!(RealDisk.read(&path, 100).unwrap(), b"abcdef");
}

mod mirrored;

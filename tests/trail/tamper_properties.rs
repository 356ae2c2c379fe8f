//! Properties of the log: no changed byte is accepted, and whatever crash comes when, what was
//! acknowledged is there afterwards, in order, and nothing that was not handed in.

use crate::support::approvals::{self, noon, roster, roster_yaml};
use crate::support::frail::FrailDisk;
use crate::support::log::{self, Log, Story, explain, opening, written};
use proptest::prelude::*;
use reissue::domain::event::{Environment, Event, RunPaused};
use reissue::domain::id::RunId;
use reissue::domain::playbook::model::Cloud;
use reissue::domain::text::Text;
use reissue::env::{Clock, Disk, Env, MemoryDisk};
use reissue::trail::verify::{Report, Severity, Trust, Verdict, verify};
use reissue::trail::{Entry, Home, HomeError, Install, Journal, JournalError, Objects, Reader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn accepted(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Intact | Verdict::NotAnchored)
}

fn flip(log: &Log, path: &Path, index: usize, bit: u32) -> Verdict {
    let copy = Log { disk: log.disk.copy(), folder: log.folder.clone() };
    let mut bytes = copy.disk.read(path, 1 << 20).unwrap();
    bytes[index] ^= 1 << bit;
    copy.disk.write_atomic(path, &bytes).unwrap();
    copy.judge(vec![]).verdict
}

/// Every file that belongs to the log, with its length.
fn files(log: &Log) -> Vec<(PathBuf, usize)> {
    let of_log = |(path, bytes): (PathBuf, Vec<u8>)| {
        path.starts_with(log.folder.root()).then_some((path, bytes.len()))
    };
    log.disk.contents().into_iter().filter_map(of_log).collect()
}

#[test]
fn every_single_byte_flip_of_a_small_log_is_refused() {
    let runtime = runtime();
    let log = Log::on(MemoryDisk::default(), Path::new(log::FOLDER));
    runtime.block_on(async {
        let journal = Journal::create(log.settings(), &opening(roster().digest())).unwrap();
        journal.objects().put(roster_yaml(&[]).as_bytes()).unwrap();
        journal.append_one(Entry::of_log(entry(0).event)).await.unwrap();
        journal.checkpoint_now().await.unwrap();
        journal.append_one(Entry::of_log(entry(1).event)).await.unwrap();
        journal.close().await.unwrap();
        assert_eq!(log.judge(vec![]).verdict, Verdict::NotAnchored, "{}", explain(&log.judge(vec![])));
        for (path, length) in files(&log) {
            for index in 0..length {
                let bit = u32::try_from(index % 8).unwrap();
                let verdict = flip(&log, &path, index, bit);
                assert!(!accepted(verdict), "bit {bit} of byte {index} of {}: {verdict:?}", path.display());
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_flip_in_a_whole_story_is_refused(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0u32..8) {
        runtime().block_on(async {
            let log = written(&Story::default()).await;
            let files = files(&log);
            let (path, length) = &files[which.index(files.len())];
            let index = at.index(*length);
            let verdict = flip(&log, path, index, bit);
            assert!(!accepted(verdict), "bit {bit} of byte {index} of {}: {verdict:?}", path.display());
        });
    }
}

/// An event that bears a number.
fn entry(n: u32) -> Entry {
    let reason = Text::lossy(&format!("n{n}"));
    Entry::of_run(&RunId::new(1, [3; 10]), RunPaused { by: Text::lossy("op"), reason })
}

fn number(event: &Event) -> Option<u32> {
    match event {
        Event::RunPaused(e) => e.reason.strip_prefix('n')?.parse().ok(),
        _ => None,
    }
}

/// What a crash may leave: nothing that was not handed in, and all that was acknowledged.
#[derive(Default)]
struct Model {
    handed_in: u32,
    acknowledged: Vec<u32>,
    /// Closed, or never opened since the crash.
    journal: Option<Journal>,
}

impl Model {
    fn open(&mut self, log: &Log<FrailDisk>) -> Result<(), JournalError> {
        let settings = || log.settings();
        Objects::new(Arc::new(log.disk.clone()), &log.folder).put(roster_yaml(&[]).as_bytes()).ok();
        let opening = opening(roster().digest());
        let journal = match Journal::open(settings(), &opening, &mut |_| {}) {
            Err(JournalError::Missing(_)) => Journal::create(settings(), &opening)?,
            other => other?.0,
        };
        self.journal = Some(journal);
        Ok(())
    }

    /// Appends several at once, each alone; notes those that are acknowledged.
    async fn append(&mut self, count: u32) {
        let Some(journal) = &self.journal else { return };
        let numbers = self.handed_in..self.handed_in + count;
        self.handed_in += count;
        let appends = numbers.map(|n| async move { journal.append_one(entry(n)).await.ok().map(|_| n) });
        self.acknowledged.extend(futures::future::join_all(appends).await.into_iter().flatten());
    }

    /// Starts an append and goes away before it ends.
    async fn cancel(&mut self) {
        let Some(journal) = &self.journal else { return };
        let n = self.handed_in;
        self.handed_in += 1;
        let append = journal.append_one(entry(n));
        tokio::pin!(append);
        if let std::task::Poll::Ready(Ok(_)) = futures::poll!(append) {
            self.acknowledged.push(n);
        }
    }

    fn check(&self, log: &Log<FrailDisk>) {
        if !log.disk.exists(&log.folder.events()) {
            assert!(self.acknowledged.is_empty());
            return;
        }
        let lines = Reader::open(&log.disk, &log.folder).unwrap();
        let found: Vec<u32> = lines.filter_map(|l| number(&l.unwrap().line.event)).collect();
        assert!(found.is_sorted_by(|a, b| a < b), "in order and once: {found:?}");
        assert!(found.iter().all(|n| *n < self.handed_in));
        let missing: Vec<_> = self.acknowledged.iter().filter(|n| !found.contains(n)).collect();
        assert!(missing.is_empty(), "acknowledged, not there: {missing:?}");
    }
}

#[derive(Clone, Debug)]
enum Act {
    Append(u32),
    Cancel,
    Checkpoint,
    Wait(u64),
    /// The process dies, or the power fails and so many per cent of the unsynced bytes survive.
    Crash(Option<usize>),
    Close,
    /// The disk dies after so many operations.
    Frail(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1u32..5).prop_map(Act::Append),
        1 => Just(Act::Cancel),
        1 => Just(Act::Checkpoint),
        1 => (0u64..3000).prop_map(Act::Wait),
        2 => prop::option::of(0usize..=100).prop_map(Act::Crash),
        1 => Just(Act::Close),
        2 => (0i64..12).prop_map(Act::Frail),
    ]
}

fn crash(log: &Log<FrailDisk>, model: &mut Model, keep: Option<usize>) {
    model.journal = None;
    log.disk.die_after(i64::MAX);
    match keep {
        None => log.disk.inner.crash_process(),
        Some(percent) => log.disk.inner.lose_power(|_, unsynced| unsynced * percent / 100),
    }
    if log.disk.exists(&log.folder.events()) {
        judged(log);
    }
}

async fn perform(log: &Log<FrailDisk>, model: &mut Model, act: &Act) {
    match act {
        Act::Append(n) => model.append(*n).await,
        Act::Cancel => model.cancel().await,
        Act::Checkpoint => {
            if let Some(journal) = &model.journal {
                journal.checkpoint_now().await.ok();
            }
        }
        Act::Wait(ms) => tokio::time::advance(std::time::Duration::from_millis(*ms)).await,
        Act::Crash(keep) => crash(log, model, *keep),
        Act::Close => {
            if let Some(journal) = model.journal.take() {
                journal.close().await.ok();
            }
        }
        Act::Frail(n) => log.disk.die_after(*n),
    }
    if model.journal.is_none() && model.open(log).is_err() {
        assert!(log.disk.is_dead(), "a healthy log opens");
        crash(log, model, Some(50));
        model.open(log).unwrap();
    }
}

/// A crashed log may be unfinished, never tampered with. The story has no run.started: of runs,
/// nothing is judged here.
fn judged(log: &Log<FrailDisk>) -> Report {
    let report = log.judge(vec![]);
    let chain = report.findings.iter().filter(|f| !f.what.contains("before run.started"));
    let bad: String = chain.filter(|f| f.severity == Severity::Tampered).map(|f| format!("{f}\n")).collect();
    assert!(bad.is_empty(), "{bad}");
    report
}

/// As [`judged`], when all is well again: every torn tail is in the log.
fn judged_at_the_end(log: &Log<FrailDisk>) {
    let report = judged(log);
    let orphan = report.findings.iter().find(|f| f.what.contains("no line refers"));
    assert_eq!(orphan, None);
    assert_eq!(report.signed, report.size);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives_every_crash(acts in prop::collection::vec(act(), 1..40)) {
        runtime().block_on(async {
            let log = Log::on(FrailDisk::new(), Path::new(log::FOLDER));
            log.key();
            let mut model = Model::default();
            for act in &acts {
                perform(&log, &mut model, act).await;
                model.check(&log);
            }
            crash(&log, &mut model, Some(30));
            model.open(&log).unwrap();
            model.check(&log);
            model.journal.take().unwrap().close().await.unwrap();
            judged_at_the_end(&log);
        });
    }
}

/// The same, with death at each operation in turn: first of the process, then of the power.
#[test]
fn death_at_every_operation() {
    let mut deaths = 0;
    for keep in [None, Some(0), Some(50), Some(100)] {
        for at in 0.. {
            let died = runtime().block_on(async {
                let log = Log::on(FrailDisk::new(), Path::new(log::FOLDER));
                log.key();
                let mut model = Model::default();
                log.disk.die_after(at);
                tell(&log, &mut model).await;
                let died = log.disk.is_dead();
                crash(&log, &mut model, keep);
                model.open(&log).unwrap_or_else(|e| panic!("died at {at}, {keep:?}: {e}"));
                model.check(&log);
                model.append(1).await;
                model.journal.take().unwrap().close().await.unwrap();
                judged_at_the_end(&log);
                died
            });
            if !died {
                break;
            }
            deaths += 1;
        }
    }
    assert!(deaths > 100, "{deaths}");
}

/// A life with everything in it; it goes on as far as the disk lets it.
async fn tell(log: &Log<FrailDisk>, model: &mut Model) {
    for round in 0..2 {
        if model.open(log).is_err() {
            return;
        }
        model.append(3).await;
        if let Some(journal) = &model.journal {
            journal.checkpoint_now().await.ok();
        }
        model.append(2).await;
        if round == 0 {
            // A writer that dies in the middle of a line.
            model.journal = None;
            let mut file = match log.disk.open_append(&log.folder.events()) {
                Ok(file) => file,
                Err(_) => return,
            };
            file.append(b"{\"code\":\"RUN0").ok();
            log.disk.inner.crash_process();
        } else if let Some(journal) = model.journal.take() {
            journal.close().await.ok();
        }
    }
}

/// `init` may die anywhere and be run again.
#[test]
fn an_installation_can_be_begun_again() {
    for at in 0.. {
        let died = runtime().block_on(async {
            let disk = FrailDisk::new();
            let env = Env { disk: Arc::new(disk.clone()), ..Env::simulated(Clock::starting_at(noon()), 7) };
            let install = Install {
                cloud: Cloud::Public,
                environment: Environment::Lab,
                agency: Text::lossy("agency.example"),
                install: Text::lossy("i"),
                roster: roster().digest(),
                tenant: approvals::TENANT.parse().unwrap(),
                version: 1,
            };
            let yaml = roster_yaml(&[]);
            let init = || {
                let process = Text::lossy("boot:1:1");
                Home::create(&env, Path::new("home"), install.clone(), yaml.as_bytes(), process)
            };
            disk.die_after(at);
            let first = init().await.map(drop);
            let died = disk.is_dead();
            disk.die_after(i64::MAX);
            disk.inner.crash_process();
            match first {
                Ok(()) => assert!(matches!(init().await, Err(HomeError::Exists(_)))),
                Err(_) => drop(init().await.unwrap_or_else(|e| panic!("died at {at}: {e}"))),
            }
            let home = Home::open(&env, Path::new("home")).unwrap();
            let trust = Trust {
                key: home.vkey().unwrap(),
                roster: Some(roster().digest()),
                anchors: vec![],
                keepers: Default::default(),
            };
            let report = verify(&env.disk, &home.log(), &trust).unwrap();
            assert_eq!(report.verdict, Verdict::NotAnchored, "died at {at}: {}", explain(&report));
            died
        });
        if !died {
            break;
        }
    }
}

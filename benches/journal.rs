//! The log: durable events a second, and how long it takes to read back.
//!
//!     cargo bench --bench journal [-- FOLDER]         (default: a temporary folder; name one on a real disk)
//!
//! An event counts when it is on stable storage. Group commit is what more writers show: those who come
//! while a sync is under way share the next one. Beside it, on the same disk and in the same run: a raw
//! file with one `fdatasync` for each line, and SQLite (Python's, WAL, `synchronous=FULL`) with one
//! transaction for each. Ratios count; a disk's syncs differ by a factor of hundred between machines.

#![allow(clippy::expect_used, clippy::print_stdout)]

use reissue::domain::event::{Environment, RunPaused};
use reissue::domain::id::{Digest, RunId};
use reissue::domain::text::Text;
use reissue::env::Env;
use reissue::trail::journal::{Entry, Journal, Opening, Settings};
use reissue::trail::{Folder, LogKey};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const TENANT: &str = "7d3c9a10-0000-4000-8000-000000000001";
const FOR: Duration = Duration::from_secs(3);
const LINES: usize = 1_200_000;

fn opening() -> Opening {
    Opening {
        command: Text::lossy("apply"),
        environment: Environment::Lab,
        install: Text::lossy("bench"),
        process: Text::lossy("boot:1:1"),
        roster: Digest::of(b"roster"),
        tenant: TENANT.parse().expect("a tenant id"),
        version: Text::lossy("0.1.0"),
    }
}

fn settings(root: &Path) -> Settings {
    let env = Env::real();
    let path = root.with_extension("key");
    let key = LogKey::load(env.disk.as_ref(), &path)
        .or_else(|_| LogKey::create(env.disk.as_ref(), &path, &env.random, "bench.test/t/i"));
    Settings { env, folder: Folder::new(root), key: key.expect("a key") }
}

fn entry(run: &RunId, n: usize) -> Entry {
    let reason = Text::lossy(&format!("number {n} of many, as long as the lines of a step usually are"));
    Entry::of_run(run, RunPaused { by: Text::lossy("operator@agency.example"), reason })
}

/// Events a second with so many writers, each of whom waits for its own.
async fn appended(root: &Path, writers: usize) -> f64 {
    let journal = Journal::create(settings(root), &opening()).expect("a log");
    let run = RunId::new(1, [3; 10]);
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..writers {
        let (journal, run) = (journal.clone(), run.clone());
        tasks.spawn(async move {
            let mut count = 0;
            while begun.elapsed() < FOR {
                journal.append_one(entry(&run, count)).await.expect("durable");
                count += 1;
            }
            count
        });
    }
    let count: usize = tasks.join_all().await.into_iter().sum();
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    journal.close().await.expect("closed");
    rate
}

/// Lines a second, each synced for itself.
fn raw(path: &Path, line: &[u8]) -> f64 {
    let mut file = std::fs::File::create(path).expect("a file");
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < FOR {
        file.write_all(line).and_then(|()| file.sync_data()).expect("written");
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

const SQLITE: &str = r#"
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, line TEXT)")
begun, count, line = time.monotonic(), 0, "x" * int(sys.argv[2])
while time.monotonic() - begun < 3:
    db.execute("INSERT INTO log (line) VALUES (?)", (line,)); count += 1
print(count / (time.monotonic() - begun))
"#;

fn sqlite(path: &Path, bytes: usize) -> Option<f64> {
    let said = Command::new("python3").args(["-c", SQLITE]).arg(path).arg(bytes.to_string()).output().ok()?;
    String::from_utf8(said.stdout).ok()?.trim().parse().ok()
}

/// Writes a long log, a thousand lines to a sync.
async fn write_long(root: &Path) {
    let journal = Journal::create(settings(root), &opening()).expect("a log");
    let run = RunId::new(1, [3; 10]);
    for from in (0..LINES).step_by(1_000) {
        let lines = (from..from + 1_000).map(|n| entry(&run, n)).collect();
        journal.append(lines).await.expect("durable");
    }
    journal.close().await.expect("closed");
}

/// Peak resident memory of this process, in MiB (Linux).
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// In a process of its own, so that its memory is its own.
fn recover(root: &Path) {
    let (begun, mut lines) = (Instant::now(), 0_u64);
    let (_, recovered) = Journal::open(settings(root), &opening(), &mut |_| lines += 1).expect("a log");
    assert_eq!(lines, recovered.lines);
    println!(
        "| recovery of {lines} lines | {:.2} s, {:.0} a second | {:.0} MiB |",
        begun.elapsed().as_secs_f64(),
        lines as f64 / begun.elapsed().as_secs_f64(),
        peak()
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [what, root] = arguments.as_slice()
        && what == "recover"
    {
        return recover(Path::new(root));
    }
    let temporary = tempfile::tempdir().expect("a folder");
    let folder: PathBuf = arguments.first().map_or(temporary.path().to_path_buf(), PathBuf::from);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("| what | events a second | |");
    println!("|---|---|---|");
    let line = vec![b'x'; 400];
    println!("| a raw file, a sync for each line | {:.0} | |", raw(&folder.join("raw"), &line));
    match sqlite(&folder.join("sqlite"), line.len()) {
        Some(rate) => println!("| SQLite, WAL, synchronous=FULL | {rate:.0} | |"),
        None => println!("| SQLite | not measured: no python3 here | |"),
    }
    for writers in [1, 32, 256] {
        let rate = runtime.block_on(appended(&folder.join(format!("log-{writers}")), writers));
        println!("| this log, {writers} writers | {rate:.0} | |");
    }
    let long = folder.join("long");
    runtime.block_on(write_long(&long));
    let itself = std::env::current_exe().expect("this program");
    let done = Command::new(itself).arg("recover").arg(&long).status().expect("it runs");
    assert!(done.success());
}

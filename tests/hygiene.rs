//! What others on the machine can see of a process that holds secrets: a real `apply` that is stopped
//! in the middle of a run, and whether another process of the same user may look into it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

use crate::support::desk::Desk;
use crate::support::team::TENANT;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PLAYBOOK: &str = include_str!("cases/desk.yaml");
/// Nobody in particular, when the tests run as root: root may look into everything.
const NOBODY: [&str; 6] = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

/// A desk with an approved plan.
fn approved() -> Desk {
    approved_of(PLAYBOOK)
}

fn approved_of(playbook: &str) -> Desk {
    let mut desk = Desk::new(playbook);
    let init = ["init", "--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
    desk.must(0, &init);
    desk.must(0, &["plan", "playbook.yaml", "--author", "op", "--lab", "lab"]);
    for who in ["ann", "ben"] {
        let by = format!("{who}@agency.example");
        desk.must(0, &["approve", "plan.jsonl", "--by", &by, "--key", who]);
    }
    desk
}

/// The row of `/proc/PID/limits` about core files: soft and hard limit.
fn core_limits(pid: u32) -> (String, String) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let row = limits.lines().find_map(|l| l.strip_prefix("Max core file size")).unwrap();
    let mut words = row.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn a_stopped_apply_shows_no_secret_and_leaves_no_core() {
    let desk = approved();
    let mut apply = desk.team.start(&["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"]);
    desk.team.wait_for("the mint", || desk.team.log().contains("\"minted\""));
    let pid = Pid::from_child(&apply);
    kill_process(pid, Signal::STOP).unwrap();
    let status = || std::fs::read_to_string(format!("/proc/{}/status", apply.id())).unwrap();
    desk.team.wait_for("it to stop", || status().contains("State:\tT"));
    let none = ("0".to_owned(), "0".to_owned());
    assert_eq!(core_limits(apply.id()), none);
    if core_limits(std::process::id()) == none {
        eprintln!("cores are off for everybody here: that the program sets its limit is not seen");
    }
    let scanner = desk.canaries.scanner();
    for file in ["cmdline", "environ", "comm", "status", "maps"] {
        match std::fs::read(format!("/proc/{}/{file}", apply.id())) {
            Ok(bytes) => assert_eq!(scanner.find(&bytes), None, "{file}"),
            // Not even the same user may read its environment and its map.
            Err(e) => assert!(!geteuid().is_root() && ["environ", "maps"].contains(&file), "{file}: {e}"),
        }
    }
    if !geteuid().is_root() {
        assert!(std::fs::File::open(format!("/proc/{}/mem", apply.id())).is_err());
    }
    kill_process(pid, Signal::CONT).unwrap();
    apply.kill().unwrap();
    apply.wait().unwrap();
    // What it left for `status` is among what is searched.
    assert_eq!(walk(desk.team.folder.path(), "at-work.json").len(), 1, "the bulletin");
    let cores = walk(desk.team.folder.path(), "core");
    assert!(cores.is_empty(), "{cores:?}");
    assert_eq!(desk.findings(), Vec::<String>::new());
}

/// What is readable of a process, by whoever may read all of it: its own words about itself, and every page.
fn pages(pid: u32) -> Vec<(String, Vec<u8>)> {
    use std::os::unix::fs::FileExt;
    let of = |file: &str| format!("/proc/{pid}/{file}");
    let mut read: Vec<_> = ["cmdline", "environ", "maps"]
        .into_iter()
        .map(|file| (file.to_owned(), std::fs::read(of(file)).unwrap()))
        .collect();
    let maps = String::from_utf8_lossy(&read[2].1).into_owned();
    let mem = std::fs::File::open(of("mem")).unwrap();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        // What is not written to is the program itself.
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|n| u64::from_str_radix(n, 16).unwrap());
        let mut page = vec![0; usize::try_from(to - from).unwrap()];
        // The kernel's own pages are listed and cannot be read.
        if mem.read_exact_at(&mut page, from).is_ok() {
            read.push((format!("mem, {}", words.last().unwrap_or("heap or thread")), page));
        }
    }
    read
}

/// The new secret was minted, verified and published, and the run waits for its consumers: 26 hours, perhaps.
#[test]
fn an_apply_that_holds_has_let_go_of_what_it_minted() {
    if !geteuid().is_root() {
        eprintln!("NOT TESTED: only root may read the memory of an apply that holds");
        return;
    }
    // It stays for as long as its patience: nobody has to confirm.
    let desk = approved_of(&PLAYBOOK.replace("confirmed_by: [ payroll-worker ]", "time: 26h"));
    let stay = ["--patience", "27h"];
    let apply = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab"];
    let mut apply = desk.team.start(&[&apply[..], &stay].concat());
    desk.team.wait_for("the hold", || desk.team.log().contains("hold.opened"));
    // What the last answer left in a buffer on its way may be there for a moment.
    std::thread::sleep(Duration::from_secs(2));
    let pid = Pid::from_child(&apply);
    kill_process(pid, Signal::STOP).unwrap();
    let status = || std::fs::read_to_string(format!("/proc/{}/status", apply.id())).unwrap();
    desk.team.wait_for("it to stop", || status().contains("State:\tT"));
    let read = pages(apply.id());
    assert!(read.len() > 10, "its heap and its stacks were read");
    let minted = desk.published("payroll-sync").scanner();
    let found = read.iter().map(|(what, bytes)| (what, minted.count(bytes)));
    let held: Vec<_> = found.filter(|(_, found)| !found.is_empty()).collect();
    kill_process(pid, Signal::CONT).unwrap();
    apply.kill().unwrap();
    apply.wait().unwrap();
    // What was ours is wiped; what TLS, HTTP and JSON buffers on its way leave behind is not ours to wipe (SECURITY.md).
    // That is the value on the heap, as it is and as the form of a sign-in has it: in no other shape, and nowhere that
    // another file shows.
    for (what, found) in &held {
        assert!(what.contains("heap"), "{what}: {found:?}");
        let pieces: usize = found.values().sum();
        let as_sent = |shape: &&str| ["(raw)", "(form)", "(URL)"].iter().any(|s| shape.ends_with(s));
        assert!(found.keys().all(as_sent) && pieces <= 40, "{what}: {found:?}");
        eprintln!("known and told in SECURITY.md: {what} has {pieces} pieces of the value");
    }
}

/// Also what is written into a file that is gone by the end, or sent to another process or host.
#[test]
fn nothing_that_apply_writes_anywhere_shows_a_secret() {
    let mut desk = approved();
    let apply = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"];
    if !desk.run_traced(&apply, &[]) {
        eprintln!("not tested: this machine has no strace, or does not let it trace");
        return;
    }
    let (_, written) = desk.printed.last().unwrap();
    assert!(
        String::from_utf8_lossy(written).contains("\"minted\""),
        "the log's lines are seen as they are written"
    );
    assert_eq!(desk.findings(), Vec::<String>::new());
}

fn walk(folder: &Path, begins: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(walk(&entry.path(), begins)),
            false if name == begins || name.starts_with(&format!("{begins}.")) => found.push(entry.path()),
            false => {}
        }
    }
    found
}

/// The command line of somebody who is not root.
fn as_somebody(words: &[&str]) -> Command {
    let prefix: &[&str] = if geteuid().is_root() { &NOBODY } else { &[] };
    let line = [prefix, words].concat();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether the same user may read this of another process.
fn may_read(pid: u32, file: &str) -> bool {
    as_somebody(&["sh", "-c", &format!("exec 3</proc/{pid}/{file} && head -c 1 <&3")])
        .status()
        .unwrap()
        .success()
}

fn may_open(pid: u32, file: &str) -> bool {
    as_somebody(&["sh", "-c", &format!("exec 3</proc/{pid}/{file}")]).status().unwrap().success()
}

struct Ended(Child);
impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nobody_of_the_same_user_looks_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("given");
    // Where anybody may run it, whoever owns the folder that it was built in.
    let program = folder.path().join("reissue");
    std::fs::copy(env!("CARGO_BIN_EXE_reissue"), &program).unwrap();
    std::fs::create_dir(&given).unwrap();
    std::fs::write(given.join("playbook.yaml"), PLAYBOOK).unwrap();
    for path in [folder.path(), &given] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    let mut plain = as_somebody(&["sleep", "600"]);
    let plain = Ended(plain.spawn().unwrap());
    let mut lab = as_somebody(&[program.to_str().unwrap(), "lab", "playbook.yaml", "--fast"]);
    let lab = Ended(lab.current_dir(&given).spawn().unwrap());
    let begun = Instant::now();
    while !given.join("lab/lab.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the lab does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(may_read(plain.0.id(), "environ"), "a process that hides nothing is seen");
    for file in ["environ", "maps", "mem", "auxv"] {
        assert!(!may_open(lab.0.id(), file), "/proc/PID/{file} can be read by the same user");
    }
    assert_eq!(core_limits(lab.0.id()).0, "0");
}

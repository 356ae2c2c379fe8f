//! An installation whose files are cut at every byte, or have a bit turned: each is refused with
//! a file's name, and nothing is written. What can be read in spite of it means the same.

use crate::support::rehearsal::{Rehearsal, in_virtual_time};
use reissue::domain::text::{Text, is_hostile};
use reissue::env::{Disk, Env, MemoryDisk};
use reissue::pipeline::{self, ApplyFailure};
use reissue::trail::{Home, HomeError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HOME: &str = "/home";
const PLAYBOOK: &str = include_str!("../playbooks/saga/app-disable.yaml");

/// A rehearsal with an installation and an approved plan.
async fn ready() -> (Rehearsal, Vec<u8>) {
    let rehearsal = Rehearsal::new(PLAYBOOK);
    let plan = rehearsal.plan().await.unwrap();
    let (_, plan) = rehearsal.prepare(&plan).await;
    (rehearsal, plan)
}

/// Everything that a command does before it acts.
fn stand_on(env: &Env) -> Result<(), String> {
    let told = |e: HomeError| e.to_string();
    let home = Home::open(env, Path::new(HOME)).map_err(told)?;
    pipeline::here(&home).map_err(|e: ApplyFailure| e.to_string())?;
    home.head().map_err(told)?;
    for read in home.read_log().map_err(told)? {
        read.map_err(|e| e.to_string())?;
    }
    home.open_log("apply", Text::lossy("p"), &mut |_| {}).map(drop).map_err(told)
}

/// The same installation with one file that holds other bytes.
fn with(disk: &MemoryDisk, env: &Env, path: &Path, bytes: &[u8]) -> (MemoryDisk, Env) {
    let copy = disk.copy();
    copy.write_atomic(path, bytes).unwrap();
    let env = Env { disk: Arc::new(copy.clone()), ..env.clone() };
    (copy, env)
}

/// True if the damage was refused, in words that name the file and leave everything as it was.
fn is_refused(disk: &MemoryDisk, env: &Env, path: &Path, bytes: &[u8]) -> bool {
    let (copy, env) = with(disk, env, path, bytes);
    let before = copy.contents();
    let Err(told) = stand_on(&env) else { return false };
    let name = path.file_name().unwrap().to_str().unwrap();
    let placed = told.contains(name) || told.contains("events.jsonl is the log of another");
    assert!(placed, "{name} is not named: {told}");
    assert!(!told.chars().any(is_hostile), "{told:?}");
    assert!(copy.contents() == before, "{name}: something was written");
    true
}

fn damaged(name: &str, harmless: fn(&[u8], &[u8]) -> bool) {
    in_virtual_time(async {
        let (rehearsal, _) = ready().await;
        let path = Path::new(HOME).join(name);
        let good = rehearsal.disk.read(&path, 1 << 20).unwrap();
        let judge = |bytes: &[u8], how: &str, at: usize| {
            let refused = is_refused(&rehearsal.disk, &rehearsal.env, &path, bytes);
            assert!(refused || harmless(&good, bytes), "{name} {how} at {at} was taken");
        };
        (0..good.len()).for_each(|at| judge(&good[..at], "cut", at));
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            judge(&bytes, "changed", at);
        }
    });
}

fn never(_: &[u8], _: &[u8]) -> bool {
    false
}

/// The same but for white space around it.
fn trimmed(good: &[u8], bytes: &[u8]) -> bool {
    good.trim_ascii() == bytes.trim_ascii()
}

#[test]
fn the_install_file() {
    // The agency's name was used once, in the origin of the log.
    damaged("install.json", |good, bytes| {
        let values = [good, bytes].map(|b| serde_json::from_slice::<serde_json::Value>(b).unwrap());
        let [good, other] = values.map(|mut v| (v["agency"].take(), v).1);
        good == other
    });
}

#[test]
fn the_roster() {
    damaged("roster.yaml", never);
}

#[test]
fn the_logs_keys() {
    damaged("log.key", trimmed);
    damaged("log/log.vkey", trimmed);
}

#[test]
fn a_checkpoint() {
    damaged("log/checkpoints/checkpoint", never);
}

fn note(disk: &MemoryDisk) -> PathBuf {
    let inbox = Path::new(HOME).join("log/inbox");
    inbox.join(disk.list(&inbox).unwrap().first().unwrap())
}

/// An approval that arrived in part is no approval; whoever applies is told which file it is.
#[test]
fn an_approval_in_the_inbox() {
    in_virtual_time(async {
        let (mut rehearsal, plan) = ready().await;
        let path = note(&rehearsal.disk);
        let good = rehearsal.disk.read(&path, 1 << 20).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for cut in (0..good.len()).step_by(41) {
            rehearsal.disk.write_atomic(&path, &good[..cut]).unwrap();
            let home = Home::open(&rehearsal.env, Path::new(HOME)).unwrap();
            let told = rehearsal.go(&home, &plan, false).await.unwrap_err().to_string();
            assert!(
                told.contains("0 of 1 people have approved") && told.contains(&name),
                "cut at {cut}: {told}"
            );
            assert!(rehearsal.disk.exists(&path), "it stays where people can look at it");
        }
        assert!(rehearsal.sent().is_empty());
    });
}

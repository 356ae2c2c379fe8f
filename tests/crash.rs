//! The real program against a lab in another process, over TLS and in real time: a run over forty
//! targets is killed again and again at random moments and resumed, with consumers and attackers who
//! go on all the while. At the end the lab says what really happened.
//!
//! `CRASH_KILLS` says how often it is killed in all (ten times a run), `CRASH_SEED` where the moments
//! come from, and `CRASH_HOSTILE=1` switches on the lab's faults. `just crash-test 200` does all of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "crash/cast.rs"]
mod cast;
#[path = "crash/judge.rs"]
mod judge;
#[path = "support/team.rs"]
mod team;

use cast::Target;
use judge::Judge;
use reissue::env::{Clock, Random};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use team::Team;

const KILLS_A_RUN: u32 = 10;
/// About how long a run lasts that is killed so often; moments are drawn over what is left of it.
const A_RUN: Duration = Duration::from_secs(25);
/// Nothing has begun before that.
const AT_LEAST: Duration = Duration::from_millis(100);
/// A round that is not over by then hangs.
const WATCHDOG: Duration = Duration::from_secs(15 * 60);
/// How long a hostile lab that is sixty times as fast may lag: 120 s, and ten minutes more when it
/// lags long.
const LAG: Duration = Duration::from_secs(3);
const LONG_LAG: Duration = Duration::from_secs(13);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|v| v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")))
}

#[test]
fn a_run_that_is_killed_at_any_moment_ends_as_planned() {
    let wanted = number("CRASH_KILLS").map_or(KILLS_A_RUN, |n| u32::try_from(n).unwrap());
    let seed = number("CRASH_SEED").unwrap_or(1);
    let is_hostile = number("CRASH_HOSTILE").is_some_and(|n| n > 0);
    println!("CRASH_KILLS={wanted} CRASH_SEED={seed} CRASH_HOSTILE={}", u8::from(is_hostile));
    let (mut done, mut rounds, mut hits) = (0, 0, 0);
    while done < wanted {
        let round = Round::begin(seed + rounds, is_hostile, KILLS_A_RUN.min(wanted - done));
        let (kills, in_doubt) = round.play();
        (done, rounds, hits) = (done + kills, rounds + 1, hits + in_doubt);
        assert!(kills > 0 || rounds < 3, "runs end before they can be killed");
    }
    println!("{done} kills in {rounds} runs, {hits} steps were in doubt: every run ended as planned");
    assert!(hits > 0, "no kill has hit a step under way: nothing was tried");
}

/// One tenant, one run, its kills.
struct Round {
    team: Team,
    cast: Vec<Target>,
    before: Value,
    seed: u64,
    kills: u32,
    begun: Instant,
}

impl Round {
    fn begin(seed: u64, is_hostile: bool, kills: u32) -> Self {
        let (cast, number) = (cast::cast(), seed.to_string());
        assert_eq!(cast.len(), 40);
        let mut flags = vec!["--fast=60", "--ledger", "ledger.json"];
        if is_hostile {
            flags.extend(["--hostile", &number]);
        }
        let team = Team::gather_around(&cast::playbook(&cast), &flags);
        let before = read(&team.path("ledger.json"));
        println!("run {seed}: faults {}", before["faults"]);
        team.init();
        team.plan();
        team.approve("ann", "start");
        team.approve("ben", "start");
        Self { team, cast, before, seed, kills, begun: Instant::now() }
    }

    /// Kills and resumes until the run is over, then judges. How many kills it took, and how many
    /// steps were in doubt.
    fn play(mut self) -> (u32, u32) {
        let moments = Random::from_seed(self.seed).stream("crash-moments");
        let (mut left, mut kills, mut life) = (A_RUN, 0, 0);
        loop {
            // The first of the remaining moments, each anywhere in what is left of the run.
            let draws = (kills..self.kills).map(|_| moments.between(0, left.as_millis() as u64));
            let after = draws.min().map(|ms| Duration::from_millis(ms).max(AT_LEAST));
            let (child, born) = (self.apply(life), Instant::now());
            match self.live(child, life, after.map(|after| (born + after, moments.between(0, 16)))) {
                Some(status) if status.success() => break,
                // What the sweep could not clean up yet is swept again.
                Some(status) if status.code() == Some(130) => {}
                Some(status) => panic!("{}", self.trouble(&format!("apply ended with {status}"), life)),
                None => {
                    kills += 1;
                    self.keep_a_checkpoint();
                }
            }
            left = left.saturating_sub(born.elapsed()).max(A_RUN / 10);
            life += 1;
        }
        println!("  run {}: {kills} kills in {} s", self.seed, self.begun.elapsed().as_secs());
        self.trail();
        let looked = self.team.log().matches("\"event\":\"step.looked\"").count();
        self.judged();
        (kills, u32::try_from(looked).unwrap())
    }

    /// `apply`, or `apply --resume` once the run has begun.
    fn apply(&self, life: u32) -> Child {
        let begun = self.team.log().contains("\"event\":\"run.started\"");
        let plan = if begun { "--resume" } else { "plan.jsonl" };
        let out = std::fs::File::create(self.team.path(&format!("apply-{life}"))).unwrap();
        let mut command = self.team.command(&["apply", plan, "--operator", "op", "--lab", "lab"]);
        command.stdout(Stdio::from(out.try_clone().unwrap())).stderr(Stdio::from(out)).spawn().unwrap()
    }

    /// Lets it live until that moment; none if it was killed.
    fn live(&self, mut child: Child, life: u32, until: Option<(Instant, u64)>) -> Option<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status);
            }
            if until.is_some_and(|(until, _)| Instant::now() >= until) {
                self.aim(until.map_or(0, |(_, aim)| aim));
                // SIGKILL.
                child.kill().unwrap();
                child.wait().unwrap();
                return None;
            }
            if self.begun.elapsed() > WATCHDOG {
                child.kill().unwrap();
                panic!("{}", self.trouble("the run does not end", life));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Requests are short and far between: every second time, it is killed some milliseconds after
    /// the log has grown, which may be between an intent and its outcome.
    fn aim(&self, draw: u64) {
        let length = || std::fs::metadata(self.team.path(".reissue/log/events.jsonl")).map_or(0, |m| m.len());
        let (before, begun) = (length(), Instant::now());
        if draw % 2 == 1 {
            while length() == before && begun.elapsed() < Duration::from_secs(1) {
                std::thread::sleep(Duration::from_micros(200));
            }
            std::thread::sleep(Duration::from_millis(draw / 2));
        }
    }

    /// The first checkpoint there is is kept outside of the installation.
    fn keep_a_checkpoint(&self) {
        let (from, to) = (self.team.path(".reissue/log/checkpoints/checkpoint"), self.team.path("kept"));
        if from.exists() && !to.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }

    /// The log grew from what was kept of it early, and is what is kept of it now.
    fn trail(&self) {
        let last = self.team.path(".reissue/log/checkpoints/checkpoint");
        std::fs::copy(last, self.team.path("last")).unwrap();
        if self.team.path("kept").exists() {
            self.team.must(3, &["audit", "verify", "--anchor", "kept"]);
        }
        self.team.must(0, &["audit", "verify", "--anchor", "last"]);
        let log = self.team.log();
        let finished = log.lines().find(|l| l.contains("\"event\":\"run.finished\"")).unwrap_or_default();
        assert!(finished.contains("\"done\":40"), "{}", self.trouble(finished, 0));
    }

    fn judged(&mut self) {
        let faults = self.before["faults"].as_array().cloned().unwrap_or_default();
        let lags_long = faults.iter().any(|f| f == "long_lag");
        if !faults.is_empty() {
            std::thread::sleep(if lags_long { LONG_LAG } else { LAG });
        }
        let called_at = Clock::real().now();
        self.team.send_the_lab_home();
        let after = read(&self.team.path("ledger.json"));
        let mut judge = Judge::new(&self.cast, self.before.clone(), after, called_at);
        judge.nodes_lag_for_minutes = lags_long;
        let wrong = judge.judge();
        assert!(wrong.is_empty(), "{}", self.trouble(&wrong.join("\n"), 0));
    }

    /// What is needed to find out why; the folder is kept.
    fn trouble(&self, what: &str, life: u32) -> String {
        let kept = std::env::temp_dir().join(format!("reissue-crash-{}", self.seed));
        let _ = std::fs::remove_dir_all(&kept);
        let copied = std::process::Command::new("cp").arg("-r").arg(self.team.path("")).arg(&kept).status();
        assert!(copied.unwrap().success());
        let out = std::fs::read_to_string(kept.join(format!("apply-{life}"))).unwrap_or_default();
        format!("run {}: {what}\nall files are in {}\n{out}", self.seed, kept.display())
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

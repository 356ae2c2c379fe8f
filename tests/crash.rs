//! The real program against a lab in another process, over TLS and in real time: a run over forty
//! targets is killed again and again at random moments and resumed, with consumers and attackers who
//! go on all the while. At the end the lab says what really happened.
//!
//! `CRASH_KILLS` says how often it is killed in all (ten times a run), `CRASH_SEED` where the moments
//! come from, and `CRASH_HOSTILE=1` switches on the lab's faults. `just crash-test 200` does all of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "crash/blind.rs"]
mod blind;
#[path = "crash/cast.rs"]
mod cast;
#[path = "crash/judge.rs"]
mod judge;
#[path = "crash/moments.rs"]
mod moments;
mod support;

use crate::support::team::Team;
use cast::Target;
use judge::Judge;
use moments::{Moment, Progress};
use reissue::env::{Clock, Random};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const LOG: &str = ".reissue/log/events.jsonl";
const KILLS_A_RUN: u32 = 10;
/// How long a request takes here, most of the times, in a lab without faults and in a hostile one.
const LATENCY_MS: [u64; 2] = [5, 60];
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
    let (mut kills, mut rounds) = (0, 0);
    let mut struck = [0; 3];
    while kills < wanted {
        let round = Round::begin(seed + rounds, is_hostile, KILLS_A_RUN.min(wanted - kills));
        let (more, of) = round.play();
        struck.iter_mut().zip(of).for_each(|(sum, more)| *sum += more);
        (kills, rounds) = (kills + more, rounds + 1);
        assert!(kills > 0 || rounds < 3, "runs end before they can be killed");
    }
    let [cut_off, looked, lost] = struck;
    println!(
        "{kills} kills in {rounds} runs cut off {cut_off} steps; {looked} were looked for, {lost} values were lost"
    );
    assert!(cut_off > 0, "no kill has hit a step under way: nothing was tried");
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
        plan_without_exceptions(&team);
        team.approve("ann", "start");
        team.approve("ben", "start");
        Self { team, cast, before, seed, kills, begun: Instant::now() }
    }

    /// Kills and resumes until the run is over, then judges. How many kills it took, and how many
    /// steps were cut off, were in doubt, and had lost their value.
    fn play(mut self) -> (u32, [usize; 3]) {
        let plan = std::fs::read(self.team.path("plan.jsonl")).unwrap();
        let mut progress = Progress::new(self.team.path(LOG), &plan);
        let stream = Random::from_seed(self.seed).stream("crash-moments");
        let latency_ms = LATENCY_MS[usize::from(self.before["faults"] != json!([]))];
        let moments = moments::draw(&stream, self.kills, &progress, latency_ms);
        let mut kills = 0;
        for life in 0.. {
            match self.live(self.apply(life), life, &mut progress, moments.get(kills)) {
                Some(status) if status.success() => break,
                // Killed when all was done: nothing is left to resume.
                Some(status) if status.code() == Some(1) && self.count("run.finished") == 1 => break,
                // What the sweep could not clean up yet is swept again.
                Some(status) if status.code() == Some(130) => {}
                Some(status) => panic!("{}", self.trouble(&format!("apply ended with {status}"), life)),
                None => {
                    kills += 1;
                    self.keep_a_checkpoint();
                }
            }
        }
        println!("  run {}: {kills} kills in {} s", self.seed, self.begun.elapsed().as_secs());
        self.trail();
        // A hold is done without an intent.
        let held = self.team.log().matches("\"effect\":{\"held\"").count();
        let ended = self.count("step.done") - held + self.count("step.failed");
        let struck = [self.count("step.intent") - ended, self.count("step.looked"), self.count("value.lost")];
        self.judged();
        (u32::try_from(kills).unwrap(), struck)
    }

    /// How many lines of the log are such an event.
    fn count(&self, event: &str) -> usize {
        self.team.log().matches(&format!("\"event\":\"{event}\"")).count()
    }

    /// `apply`, or `apply --resume` once the run has begun.
    fn apply(&self, life: u32) -> Child {
        let plan = if self.count("run.started") > 0 { "--resume" } else { "plan.jsonl" };
        let out = std::fs::File::create(self.team.path(&format!("apply-{life}"))).unwrap();
        let mut command = self.team.command(&["apply", plan, "--operator", "op", "--lab", "lab"]);
        command.stdout(Stdio::from(out.try_clone().unwrap())).stderr(Stdio::from(out)).spawn().unwrap()
    }

    /// Lets it live until that moment; none if it was killed.
    fn live(
        &self,
        mut child: Child,
        life: u32,
        progress: &mut Progress,
        moment: Option<&Moment>,
    ) -> Option<ExitStatus> {
        progress.read_on();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status);
            }
            if let Some(moment) = moment.filter(|m| progress.has_reached(m)) {
                std::thread::sleep(moment.later());
                // SIGKILL.
                child.kill().unwrap();
                let ended = child.wait().unwrap();
                return ended.code().map(|_| ended);
            }
            if self.begun.elapsed() > WATCHDOG {
                child.kill().unwrap();
                panic!("{}", self.trouble("the run does not end", life));
            }
            std::thread::sleep(Duration::from_micros(500));
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
        let outage_max = if lags_long { LONG_LAG } else { Duration::ZERO };
        let judge = |after| Judge::new(&self.cast, &self.before, after, called_at, outage_max).judge();
        let wrong = judge(after.clone());
        assert!(wrong.is_empty(), "{}", self.trouble(&wrong.join("\n"), 0));
        blind::sees(judge, &after);
    }

    /// What is needed to find out why; the folder is kept.
    fn trouble(&self, what: &str, life: u32) -> String {
        let kept = std::env::temp_dir().join(format!("reissue-crash-{}", self.seed));
        let _ = std::fs::remove_dir_all(&kept);
        let copied = std::process::Command::new("cp").arg("-r").arg(self.team.path("")).arg(&kept).status();
        assert!(copied.unwrap().success());
        let out = std::fs::read_to_string(kept.join(format!("apply-{life}"))).unwrap_or_default();
        let out =
            out.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
        format!("run {}: {what}\nall files are in {}\n{out}", self.seed, kept.display())
    }
}

/// A target that could not be read for a moment is left out of the plan, which says so: whoever made
/// it makes another one.
fn plan_without_exceptions(team: &Team) {
    for _ in 0..20 {
        team.plan();
        let plan = std::fs::read_to_string(team.path("plan.jsonl")).unwrap();
        if plan.contains("\"excepted\":0") {
            return;
        }
        std::fs::remove_file(team.path("plan.jsonl")).unwrap();
    }
    panic!("no plan covers every target");
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

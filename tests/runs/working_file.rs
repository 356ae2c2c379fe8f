//! The working file of a run: when it cannot be read any more, the run stops as it does when its log cannot be
//! written, and whoever resumes it comes to the same end; when it takes no more, nobody notices.

use crate::support::rehearsal::{Rehearsal, in_virtual_time};
use crate::support::slate::Slate;
use reissue::domain::plan::file;
use reissue::domain::shelf::{Room, Shelf};
use reissue::domain::text::Text;
use reissue::engine::{Halt, Left, Outcome};
use reissue::pipeline::{ApplyFailure, PlanInHand};
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// More than are kept as they are in this build.
const TARGETS: usize = 7;

fn playbook() -> String {
    let mut text = "reissue: 1\nincident: { id: INC-MANY, title: many }\n\
        tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }\n\
        stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }\n\
        approval: { quorum: 1, valid_for: 48h }\ntargets:\n"
        .to_owned();
    for n in 1..=TARGETS {
        let _ = writeln!(
            text,
            "  - {{ app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}, rotate: {{ secret: all, \
             publish: {{ store: ir, name: a{n} }}, hold: {{ time: 0s }} }} }}"
        );
    }
    text
}

/// A room that can be written so often, and read so often.
struct Fading {
    bytes: Arc<Mutex<Vec<u8>>>,
    writes: i64,
    reads: Arc<AtomicI64>,
}

impl Room for Fading {
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Text<200>> {
        self.writes -= 1;
        if self.writes < 0 {
            Err(Text::lossy("no space left"))
        } else {
            self.bytes.lock().unwrap().write(at, bytes)
        }
    }
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Text<200>> {
        match self.reads.fetch_sub(1, Ordering::Relaxed) {
            ..=0 => Err(Text::lossy("input/output error")),
            _ => self.bytes.lock().unwrap().read(at, bytes),
        }
    }
}

struct Run {
    first: Result<Outcome, ApplyFailure>,
    resumed: Option<Outcome>,
    /// Reads that were left.
    left: i64,
    slate: Slate,
    /// What was written into the room.
    bytes: Vec<u8>,
}

/// Applies with a room that fades, and resumes with one that does not.
async fn run(writes: i64, reads: i64) -> Run {
    let rehearsal = Rehearsal::new(&playbook());
    let bytes = file::write(&rehearsal.plan().await.unwrap()).unwrap();
    let home = rehearsal.found().await;
    rehearsal.approve(&home, &bytes);
    let path = Path::new("plan.jsonl");
    rehearsal.env.disk.write_new(path, &bytes).unwrap();
    let left = Arc::new(AtomicI64::new(reads));
    let written = Arc::<Mutex<Vec<u8>>>::default();
    let room = Fading { bytes: written.clone(), writes, reads: left.clone() };
    let plan = PlanInHand::file(rehearsal.env.disk.as_ref(), path, Shelf::in_room(Box::new(room))).unwrap();
    let (_keep, stop) = watch::channel(false);
    let first = rehearsal.apply_in_hand(&home, plan, false, stop.clone(), |_| {}).await;
    let resumed = match first {
        Ok(_) => None,
        Err(_) => Some(rehearsal.apply_until(&home, &bytes, true, stop, |_| {}).await.unwrap()),
    };
    let left = left.load(Ordering::Relaxed);
    let bytes = written.lock().unwrap().clone();
    Run { first, resumed, left, slate: Slate::of(&rehearsal).await, bytes }
}

fn is_done(outcome: &Outcome) -> bool {
    (&outcome.left, outcome.done as usize) == (&Left::Finished, TARGETS)
}

#[test]
fn what_cannot_be_read_again_stops_the_run_and_a_resumed_one_comes_to_the_same_end() {
    const MANY: i64 = 1 << 40;
    let (all, straight) = in_virtual_time(async {
        let run = run(i64::MAX, MANY).await;
        assert!(is_done(run.first.as_ref().unwrap()));
        (MANY - run.left, run.slate)
    });
    assert!(all > 100, "{all}");
    // Every place would take minutes: the first ones, and some of each part of the run.
    for reads in (0..8).chain((8..all).step_by(usize::try_from(all / 24).unwrap())) {
        let run = in_virtual_time(run(i64::MAX, reads));
        let halted = run.first.as_ref().expect_err("it is not finished without");
        assert!(matches!(halted, ApplyFailure::Halt(Halt::Lost(_))), "{reads}: {halted}");
        assert!(halted.to_string().contains("input/output error"), "{halted}");
        assert!(run.resumed.as_ref().is_some_and(is_done), "{reads}: {:?}", run.resumed);
        assert_eq!(run.slate, straight, "{reads}");
    }
}

/// Blocks are packed with the plan's line as the dictionary, which no value is in: one would stand there as it is.
#[test]
fn the_working_file_holds_no_secret() {
    let bytes = in_virtual_time(run(i64::MAX, i64::MAX)).bytes;
    let holds = |word: &str| bytes.windows(word.len()).any(|w| w == word.as_bytes());
    assert!(holds("keeper\":\"memory") && holds("old_accepted"), "what became of the secrets is there");
    assert!(!holds("8Q~"), "no value that the lab made is");
}

#[test]
fn a_full_disk_costs_memory_and_nothing_else() {
    for writes in [0, 3, 20, 60] {
        let run = in_virtual_time(run(writes, i64::MAX));
        assert!(is_done(run.first.as_ref().unwrap()), "{writes}");
    }
}

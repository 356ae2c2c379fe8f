//! When `apply` is killed: half of the times some way into the work, which is mostly waiting; the
//! other half milliseconds after a write was announced in the log, since requests are short and far
//! between, and the hardest thing to lose is an answer.

use reissue::domain::plan::file;
use reissue::env::random::Stream;
use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

/// A moment may be so much later than the step that it is counted from: holds are long, and nothing
/// is recorded in them.
const LATER_MS: u64 = 4_000;

#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// So long after so many steps were done.
    Step { nth: usize, later: Duration },
    /// So long after a write was announced, when so many have been before.
    Write { nth: usize, later: Duration },
}

/// Moments over the whole run, in their order. `latency_ms`: how long a request may take.
pub(crate) fn draw(stream: &Stream, kills: u32, plan: &Progress, latency_ms: u64) -> Vec<Moment> {
    let mut places: Vec<u64> = (0..kills).map(|_| stream.below(10_000)).collect();
    places.sort_unstable();
    let of = |place: u64, all: usize| usize::try_from(place).unwrap() * all / 10_000;
    let moment = |place| match stream.chance(500) {
        true => {
            let later = Duration::from_millis(stream.between(0, LATER_MS));
            Moment::Step { nth: of(place, plan.steps), later }
        }
        false => {
            let later = Duration::from_micros(stream.between(0, latency_ms * 1_000));
            Moment::Write { nth: of(place, plan.writes.len()), later }
        }
    };
    places.into_iter().map(moment).collect()
}

/// How far a run has come, read from its log as it grows.
pub(crate) struct Progress {
    log: PathBuf,
    read: u64,
    /// Steps of the plan, and which of them write: the start of their intent in the log.
    steps: usize,
    writes: BTreeSet<(String, u64)>,
    done: usize,
    announced: usize,
}

impl Progress {
    pub(crate) fn new(log: PathBuf, plan: &[u8]) -> Self {
        let (plan, _) = file::read(plan).unwrap();
        let (mut steps, mut writes) = (0, BTreeSet::new());
        for target in plan.changes() {
            steps += target.steps.len();
            let write = target.steps.iter().filter(|s| s.verb.writes());
            writes.extend(write.map(|s| (target.id.to_string(), u64::from(s.no))));
        }
        Self { log, read: 0, steps, writes, done: 0, announced: 0 }
    }

    /// Reads on; says whether the moment has come.
    pub(crate) fn has_reached(&mut self, moment: &Moment) -> bool {
        let new = self.read_on();
        match moment {
            Moment::Step { nth, .. } => self.done >= *nth,
            Moment::Write { nth, .. } => new && self.announced > *nth,
        }
    }

    /// Whether a write was announced since it was last asked.
    pub(crate) fn read_on(&mut self) -> bool {
        let Ok(mut file) = std::fs::File::open(&self.log) else { return false };
        let mut text = String::new();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        file.read_to_string(&mut text).unwrap();
        let before = self.announced;
        // What is torn now is cut when the log is opened again.
        for line in text.split_inclusive('\n').filter(|l| l.ends_with('\n')) {
            self.read += line.len() as u64;
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let step =
                || (line["target"].as_str().unwrap().to_owned(), line["with"]["step"].as_u64().unwrap());
            match line["event"].as_str() {
                Some("step.done") => self.done += 1,
                Some("step.intent") if self.writes.contains(&step()) => self.announced += 1,
                _ => {}
            }
        }
        self.announced > before
    }
}

impl Moment {
    pub(crate) fn later(&self) -> Duration {
        match self {
            Self::Step { later, .. } | Self::Write { later, .. } => *later,
        }
    }
}

//! What only an excerpt has: lines that are not shown, and one run that must be.

use super::super::super::excerpt::Item;
use super::super::super::lines::Place;
use super::super::VerifyError;
use super::super::report::{CHANGED, Check, NOT_COMPARED, NOT_OURS, Part, Severity};
use super::Scan;
use crate::domain::event::Line;

impl Scan<'_> {
    /// What only an excerpt has.
    pub(super) fn item(&mut self, place: Place, item: Item) -> Result<(), VerifyError> {
        let Item::Hidden { hash, lines } = item else {
            let Item::Begins(run) = item else { return Ok(()) };
            let first = self.part.is_none() && self.chain.size() == 0;
            if !first {
                let what = "the excerpt says twice, or too late, which run it is of";
                self.bench.found.tampered(Check::Lines, Some(place), what, NOT_OURS);
            }
            self.part.get_or_insert(Part { run, shown: 0, hidden: 0 });
            return Ok(());
        };
        let size = self.chain.size();
        if !self.chain.skip(hash, lines) {
            let what =
                format!("{lines} lines from here on are no complete subtree: they cannot be hidden as one");
            self.bench.found.tampered(Check::Chain, Some(place), &what, NOT_OURS);
            return Ok(());
        }
        if size == 0 {
            let what = "the first line of the log is not shown: it says whose log this is";
            self.bench.found.tampered(Check::Identity, Some(place), what, NOT_OURS);
        }
        if let Some(part) = &mut self.part {
            part.hidden += lines;
        }
        self.records.hidden();
        // Whether the log was closed is not shown.
        self.closed = true;
        self.passed_over(place, size);
        self.heads_due(place)
    }

    /// Heads amid lines that are hidden as one cannot be met.
    fn passed_over(&mut self, place: Place, from: u64) {
        let to = self.chain.size();
        while let Some(size) = self.due_size().filter(|size| *size < to) {
            self.due += 1;
            let what =
                format!("the checkpoint of {size} lines ends amid hidden lines: it cannot be compared");
            self.bench.found.tampered(Check::Checkpoints, Some(place), &what, NOT_OURS);
        }
        let amid: Vec<u64> = self.heads.0.range(from + 1..to).map(|(size, _)| *size).collect();
        for size in amid {
            for known in self.heads.0.remove(&size).unwrap_or_default() {
                let what = format!("{} saw {size} lines, which end amid hidden lines", known.who);
                self.bench.found.add(known.check(), Severity::Incomplete, Some(place), &what, NOT_COMPARED);
            }
        }
    }

    /// An excerpt holds lines of one run, and of the log itself.
    pub(super) fn of_the_run(&mut self, place: Place, line: &Line) {
        if !self.bench.folder.is_excerpt() {
            return;
        }
        let wrong = match (&mut self.part, &line.run) {
            (None, _) => Some("the excerpt does not say which run it is of"),
            (Some(part), Some(run)) if part.run != *run => {
                Some("the line is of another run than the excerpt")
            }
            (Some(part), _) => {
                part.shown += 1;
                None
            }
        };
        if let Some(what) = wrong {
            self.bench.found.tampered(Check::Runs, Some(place), what, NOT_OURS);
        }
    }

    /// Whether there is anything of the run that the excerpt is of.
    pub(super) fn shows_its_run(&mut self) {
        let what = match &self.part {
            Some(part) if self.runs.knows(&part.run) => return,
            Some(part) => format!("no line of the run {} is shown", part.run),
            None if self.bench.folder.is_excerpt() => {
                "the excerpt does not say which run it is of".to_owned()
            }
            None => return,
        };
        self.bench.found.tampered(Check::Runs, None, &what, CHANGED);
    }
}

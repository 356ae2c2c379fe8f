//! Progress of a run: a bar on a terminal, a plain line after a while of silence elsewhere,
//! nothing at all with `--json`. Both say what the log says, folded as `status` folds it.

use super::human::Output;
use super::standing::{Standing, Tally};
use crate::domain::event::Line;
use crate::domain::id::TargetId;
use crate::domain::plan::Plan;
use crate::domain::target::TargetState;
use crate::engine::recovery::Recovery;
use crate::env::Env;
use crate::trail::{Home, Reader};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// How often a bar is drawn again.
const TICK: Duration = Duration::from_secs(1);
/// Silence that makes people wonder.
const SILENCE: Duration = Duration::from_secs(30);

/// The view of one run while it goes on.
pub(super) struct Progress<'p> {
    recovery: Recovery<'p>,
    env: Env,
    /// The first line of the log that was not folded yet.
    next: u64,
    bar: Option<ProgressBar>,
}

impl<'p> Progress<'p> {
    /// Folds what the log holds already.
    pub(super) fn new(env: &Env, home: &Home, plan: &'p Plan, bytes: &[u8], out: &Output) -> Self {
        let mut recovery = Recovery::new(plan, crate::domain::id::Digest::of(bytes));
        let mut next = 0;
        for read in Reader::open(env.disk.as_ref(), &home.log()).into_iter().flatten().flatten() {
            recovery.fold(&read.line);
            next = read.line.seq + 1;
        }
        let bar = (out.is_live() && !out.is_json()).then(|| bar(plan));
        Self { recovery, env: env.clone(), next, bar }
    }

    /// Takes in one line and lets `show` print it above the bar.
    pub(super) fn line(&mut self, line: &Line, show: impl FnOnce()) {
        if line.seq >= self.next {
            self.recovery.fold(line);
            self.next = line.seq + 1;
        }
        match &self.bar {
            Some(bar) => bar.suspend(show),
            None => show(),
        }
        self.draw();
    }

    /// Targets that go on although the run was asked to leave: their values are nowhere else.
    pub(super) fn only_in_memory(&self) -> Vec<TargetId> {
        let now = self.env.clock.now();
        let held = self.recovery.states.iter().filter(|(_, s)| s.value_in_memory());
        let works = |s: &TargetState| {
            matches!(Standing::of(s, now), Standing::Working { .. } | Standing::Retrying { .. })
        };
        held.filter(|(_, s)| works(s)).map(|(id, _)| *id).collect()
    }

    /// After this long without a line, [`Progress::silent`] is due.
    pub(super) fn patience(&self) -> Duration {
        if self.bar.is_some() { TICK } else { SILENCE }
    }

    /// Nothing was recorded for a while.
    pub(super) fn silent(&self, out: &mut Output) {
        if self.bar.is_some() {
            return self.draw();
        }
        if self.recovery.run.is_some() {
            let now = self.env.clock.now();
            out.notice(&format!("{}  still going: {}\n", now.short(), self.tally().say()));
        }
    }

    fn tally(&self) -> Tally {
        Tally::of(self.recovery.states.values(), self.env.clock.now())
    }

    fn draw(&self) {
        if let Some(bar) = &self.bar {
            let tally = self.tally();
            bar.set_position(u64::from(tally.over()));
            bar.set_message(tally.say());
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Without colours: what matters are the words.
fn bar(plan: &Plan) -> ProgressBar {
    let bar = ProgressBar::new(plan.changes().count() as u64);
    let style = ProgressStyle::with_template("[{bar:24}] {pos}/{len}  {elapsed}  {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}

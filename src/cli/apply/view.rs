//! What is seen of a run while it goes on, and how a person at the terminal stops it: the first
//! Ctrl-C asks it to leave at the next safe place, the second stops it at once.

#[cfg(test)]
mod tests;

use crate::cli::human::Output;
use crate::cli::progress::Progress;
use crate::cli::run_view;
use crate::domain::event::Line;
use crate::domain::id::TargetId;
use crate::engine::board::SharedStates;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};

/// Why the view ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The log was closed.
    Everything,
    /// Interrupted before the log was opened.
    NothingBegun,
    /// The second interrupt: stop at once, as a crash would.
    Enough,
}

/// What a run shows: each line that is recorded, and its states.
pub(super) type FromRun = (UnboundedReceiver<Arc<Line>>, SharedStates);

/// The view of one run.
pub(super) struct View<'a> {
    pub(super) out: &'a mut Output,
    pub(super) progress: Progress,
    /// One for each Ctrl-C.
    pub(super) interrupts: UnboundedReceiver<()>,
    /// Asks the run to leave.
    pub(super) stop: watch::Sender<bool>,
}

impl View<'_> {
    /// Shows what is recorded until the log is closed.
    pub(super) async fn show(mut self, from_run: oneshot::Receiver<FromRun>) -> Seen {
        let mut lines = tokio::select! {
            biased;
            opened = from_run => match opened {
                Ok((lines, states)) => {
                    self.progress.look_at(states);
                    lines
                }
                Err(_) => return Seen::Everything,
            },
            Some(()) = self.interrupts.recv() => return Seen::NothingBegun,
        };
        let mut asked = false;
        let mut told = BTreeSet::new();
        loop {
            tokio::select! {
                biased;
                line = lines.recv() => match line {
                    Some(line) => {
                        let out = &mut *self.out;
                        self.progress.shows(|| run_view::event(out, &line));
                    }
                    None => return Seen::Everything,
                },
                Some(()) = self.interrupts.recv() => {
                    if std::mem::replace(&mut asked, true) {
                        return Seen::Enough;
                    }
                    self.tell("leaving at the next safe place; press Ctrl-C again to stop at once");
                    let _ = self.stop.send(true);
                }
                () = tokio::time::sleep(self.progress.patience()), if !self.out.is_json() => {
                    self.progress.silent(self.out);
                }
            }
            if asked {
                self.tell_what_is_finished(&mut told);
            }
        }
    }

    /// A value that lives in memory alone keeps the run here: people should know why, and what
    /// they may do about it.
    fn tell_what_is_finished(&mut self, told: &mut BTreeSet<TargetId>) {
        for id in self.progress.only_in_memory() {
            if told.insert(id) {
                self.tell(&format!(
                    "finishing {id}: its new secret is only in memory; press Ctrl-C again to stop at once \
                     (it will then be discarded and minted again)"
                ));
            }
        }
    }

    fn tell(&self, what: &str) {
        self.out.notices().say(what);
    }
}

/// Ctrl-C, or a polite request to end (SIGTERM), from now on. Call it inside the runtime.
pub(in crate::cli) fn interrupts() -> UnboundedReceiver<()> {
    let (to_view, interrupts) = unbounded_channel();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        tokio::spawn(forward(kind, to_view.clone()));
    }
    interrupts
}

/// Where a signal cannot be caught, it ends the process, as a crash would.
async fn forward(kind: SignalKind, to_view: UnboundedSender<()>) {
    let Ok(mut signals) = signal(kind) else { return };
    while signals.recv().await.is_some() && to_view.send(()).is_ok() {}
}

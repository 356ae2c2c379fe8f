//! The executor: carries out an approved plan, and nothing else.
//!
//! A target's task asks [`TargetState::next`](crate::domain::target::TargetState::next), does what
//! it says, and records what came of it:
//!
//! 1. [`board`]: the log and every state, in one order.
//! 2. [`schedule`] and [`driver`]: who works and who rests; one target's loop while it works.
//! 3. [`segment`]: one step: permit → clearance → drift → intent → one send → outcome.
//! 4. [`reconcile`]: a step in doubt is looked for, never guessed.
//! 5. [`lanes`]: one writer per directory object.
//! 6. [`pilots`]: the first targets go alone; too many stuck ones pause the run, and so does a service
//!    that refuses everything ([`refusals`]).
//! 7. [`inbox`]: what people say while the run is on.
//! 8. [`recovery`]: the log, folded again.
//! 9. [`probe`] and [`sweep`]: before the first value, and before the end.
//!
//! The engine knows connectors by their traits alone.

pub mod board;
mod course;
mod drift;
mod driver;
mod inbox;
mod lanes;
mod pilots;
mod probe;
mod reconcile;
pub mod recovery;
mod refusals;
pub mod run;
mod schedule;
mod segment;
mod shared;
mod signal;
mod sweep;
mod watch;

pub use run::{Executor, Left, Outcome};

use crate::trail::journal::JournalError;

/// Why the whole run stops at once. Whatever was under way is in doubt, and resolved on resume.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The log cannot be written: nothing more is done.
    #[error("the log cannot be written: {0}. Nothing more was sent; resume the run when it can")]
    Log(#[from] JournalError),
    /// The log and the plan contradict each other.
    #[error("the log does not fit the plan: {0}")]
    Illegal(#[from] crate::domain::target::Illegal),
    #[error("{0}")]
    Disk(#[from] crate::env::DiskError),
    /// What rests cannot be had again: nothing is decided without it.
    #[error("{0}. Nothing more was sent; resume the run")]
    Lost(#[from] crate::domain::shelf::Lost),
    /// A store did not pass its probe: nothing was minted for it.
    #[error("store {store} did not pass its probe ({code}): no value would have been safe there")]
    Store { store: String, code: String },
}

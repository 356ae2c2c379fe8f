//! `reissue abort RUN`: undo what can be undone, and end.

use super::error::Failure;
use super::notes::{self, Speaker, text};
use super::{ExitCode, Session};
use crate::domain::note::Note;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run, or `latest`
    run: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    speaker: Speaker,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.speaker.home.open(session)?;
    let run = notes::open_run(&home, &arguments.run)?;
    let by = arguments.speaker.steering(&home, &run)?;
    let note = Note::Abort { by, reason: text("the reason", &arguments.reason)?, run };
    let name = notes::hand_in(session, &home, &note)?;
    notes::handed_in(session, &note, &name);
    Ok(ExitCode::Done)
}

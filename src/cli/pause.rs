//! `reissue pause RUN`: begin nothing new; `--continue` goes on.

use super::error::Failure;
use super::notes::{self, Speaker, text};
use super::{ExitCode, Session};
use crate::domain::note::Note;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run, or `latest`
    run: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "no reason given")]
    reason: String,
    /// Go on after a pause
    #[arg(long = "continue")]
    go_on: bool,
    #[command(flatten)]
    speaker: Speaker,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.speaker.home.open(session)?;
    let run = notes::open_run(&home, &arguments.run)?;
    let by = arguments.speaker.steering(&home, &run)?;
    let note = match arguments.go_on {
        true => Note::Continue { by, run },
        false => Note::Pause { by, reason: text("the reason", &arguments.reason)?, run },
    };
    let name = notes::hand_in(session, &home, &note)?;
    notes::handed_in(session, &note, &name);
    Ok(ExitCode::Done)
}

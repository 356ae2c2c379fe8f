//! `reissue confirm RUN TARGET`: a consumer has moved to the new credential.

use super::error::Failure;
use super::notes::{self, Speaker, text};
use super::{ExitCode, Session, codes};
use crate::domain::id::{IdError, TargetId};
use crate::domain::note::Note;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run, or `latest`
    run: String,
    /// The target, as `reissue status` shows it: t1, t2, …
    target: String,
    /// Which consumer has moved
    #[arg(long, value_name = "NAME")]
    consumer: String,
    /// How you know
    #[arg(long, value_name = "TEXT")]
    how: String,
    #[command(flatten)]
    speaker: Speaker,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.speaker.home.open(session)?;
    let note = Note::Confirm {
        by: arguments.speaker.name()?,
        consumer: text("the consumer", &arguments.consumer)?,
        how: text("how you know", &arguments.how)?,
        run: notes::open_run(session, &home, &arguments.run)?,
        target: target(&arguments.target)?,
    };
    let name = notes::hand_in(session, &home, &note)?;
    notes::handed_in(session, &note, &name);
    Ok(ExitCode::Done)
}

pub(super) fn target(wanted: &str) -> Result<TargetId, Failure> {
    wanted.parse().map_err(|e: IdError| {
        Failure::new(codes::ARGUMENT, e.to_string(), "`reissue status` shows the targets")
    })
}

//! `reissue resolve RUN TARGET`: a person has settled a stuck target.

use super::confirm::target;
use super::error::Failure;
use super::notes::{self, Speaker, text};
use super::standing::Standing;
use super::{ExitCode, Session, codes, status};
use crate::domain::event::Resolution;
use crate::domain::note::Note;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("how").required(true).args(["done", "abandoned"]))]
pub(super) struct Arguments {
    /// The run, or `latest`
    run: String,
    /// The target, as `reissue status` shows it: t1, t2, …
    target: String,
    /// It was done by hand; reissue looks before it believes this
    #[arg(long)]
    done: bool,
    /// It will not be done
    #[arg(long)]
    abandoned: bool,
    /// What was done, or why not
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    speaker: Speaker,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.speaker.home.open(session)?;
    let target = target(&arguments.target)?;
    let run = notes::open_run(&home, &arguments.run)?;
    let state = status::target_of(session, &home, &run, target)?;
    if state.stuck().is_none() {
        let now = session.env.clock.now();
        let what = format!("{target} is not stuck: {}", Standing::of(&state, now).say(now));
        let next = "nothing is to be settled now; `reissue status` says what it waits for";
        return Err(Failure::new(codes::NO_RUN, what, next));
    }
    let note = Note::Resolve {
        by: arguments.speaker.steering(&home, &run)?,
        how: if arguments.done { Resolution::Done } else { Resolution::Abandoned },
        reason: text("the reason", &arguments.reason)?,
        run,
        target,
    };
    let name = notes::hand_in(session, &home, &note)?;
    notes::handed_in(session, &note, &name);
    Ok(ExitCode::Done)
}

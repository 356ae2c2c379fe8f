//! `reissue confirm RUN TARGET`: a consumer has moved to the new credential.

use super::error::Failure;
use super::notes::{self, Speaker, text};
use super::standing::Standing;
use super::{ExitCode, Session, codes, status};
use crate::domain::id::{IdError, TargetId};
use crate::domain::note::Note;
use crate::domain::target::TargetState;
use crate::domain::text::Text;

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
    let target = target(&arguments.target)?;
    let run = notes::open_run(&home, &arguments.run)?;
    let consumer = text("the consumer", &arguments.consumer)?;
    awaited(&status::target_of(session, &home, &run, target)?, &consumer, session)?;
    let by = arguments.speaker.witness(session, &home)?;
    let note = Note::Confirm { by, consumer, how: text("how you know", &arguments.how)?, run, target };
    let name = notes::hand_in(session, &home, &note)?;
    notes::handed_in(session, &note, &name);
    Ok(ExitCode::Done)
}

/// The run would refuse what nobody waits for; better to say so while the person is here.
fn awaited(state: &TargetState, consumer: &Text<64>, session: &Session) -> Result<(), Failure> {
    let now = session.env.clock.now();
    let standing = Standing::of(state, now);
    let wrong = |what: String, next: String| Err(Failure::new(codes::NO_RUN, what, next));
    let id = state.plan.id;
    match &standing {
        Standing::AwaitingConfirmation { missing, until: _ } if missing.contains(consumer) => Ok(()),
        Standing::AwaitingConfirmation { missing, until: _ } => {
            let names: Vec<&str> = missing.iter().map(|m| m.as_str()).collect();
            wrong(
                format!("{id} does not wait for {consumer:?}"),
                format!("it waits for {}", names.join(", ")),
            )
        }
        _ => {
            let what = format!("{id} waits for nobody's confirmation: {}", standing.say(now));
            wrong(what, "confirm when `reissue status` asks for it".into())
        }
    }
}

pub(super) fn target(wanted: &str) -> Result<TargetId, Failure> {
    wanted.parse().map_err(|e: IdError| {
        Failure::new(codes::ARGUMENT, e.to_string(), "`reissue status` shows the targets")
    })
}

//! `reissue audit`: judge the log offline, read it, have it anchored, or hold it against the tenant's own.
//! Only the last needs a tenant; none takes a lock.

mod anchor;
mod corroborate;
mod export;
mod keepers;
mod show;
pub(super) mod verify;

use super::error::Failure;
use super::{ExitCode, Session};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Judge a log from its files alone: is it the log that was written?
    #[command(after_help = verify::AFTER_HELP)]
    Verify(verify::Arguments),
    /// Have somebody else remember the newest checkpoint: a witness, a time stamp, a repository
    #[command(after_help = anchor::AFTER_HELP)]
    Anchor(Box<anchor::Arguments>),
    /// Put the log, or one run of it, its proofs and a report into one file for an auditor
    #[command(after_help = export::AFTER_HELP)]
    Export(export::Arguments),
    /// Read the log: what happened, when, by whom
    Show(show::Arguments),
    /// Hold a run against the tenant's own audit log, one to one; changes nothing
    #[command(after_help = corroborate::AFTER_HELP)]
    Corroborate(corroborate::Arguments),
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Verify(arguments) => verify::run(&arguments, session),
        Command::Anchor(arguments) => anchor::run(&arguments, session),
        Command::Export(arguments) => export::run(&arguments, session),
        Command::Show(arguments) => show::run(&arguments, session),
        Command::Corroborate(arguments) => corroborate::run(&arguments, session),
    }
}

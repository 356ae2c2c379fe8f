//! `reissue roster`: who may approve, and how its own people change that.

mod adopt;
mod key;
mod show;
mod sign;
mod view;

use super::error::Failure;
use super::world::unreadable;
use super::{ExitCode, Session, codes};
use crate::domain::approval::Roster;
use crate::trail::rosters::ROSTER_BYTES_MAX;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show who may approve now, and the rosters before
    Show(show::Arguments),
    /// Print the key of an X.509 certificate (a PIV or CAC card's) as the line for a roster
    Key(key::Arguments),
    /// Sign a new roster, as somebody of the one in force
    Sign(sign::Arguments),
    /// Put a new roster in force that enough people have signed
    Adopt(adopt::Arguments),
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Show(arguments) => show::run(&arguments, session),
        Command::Key(arguments) => key::run(&arguments, session),
        Command::Sign(arguments) => sign::run(&arguments, session),
        Command::Adopt(arguments) => adopt::run(&arguments, session),
    }
}

/// A roster file, and its exact bytes.
pub(super) fn load(path: &Path, session: &Session) -> Result<(Vec<u8>, Roster), Failure> {
    let read = session.env.disk.read(path, ROSTER_BYTES_MAX);
    let bytes = read.map_err(|e| unreadable(path, &e, "the roster file"))?;
    let roster = Roster::from_yaml(&bytes).map_err(|e| unsound(path, &e))?;
    Ok((bytes, roster))
}

/// What is wrong with a roster file.
pub(super) fn unsound(path: &Path, e: &crate::domain::approval::RosterError) -> Failure {
    // The first line says what and where; the others repeat the file.
    let what = e.to_string().lines().next().unwrap_or_default().replace("error: ", "");
    let next = "correct the roster, then run the command again; it looks like this:\n         \
         reissue_roster: 1\n         people:\n           - name: ann@agency.example\n             \
         role: security-officer\n             keys: [ ssh-ed25519 AAAA… ]";
    Failure::new(codes::ROSTER, what, next).at(path)
}

/// A new roster's file.
#[derive(clap::Args)]
struct NewRoster {
    /// The new roster
    #[arg(value_name = "FILE")]
    roster: PathBuf,
}

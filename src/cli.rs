//! The command line. One file per command; a new command is one file, its `mod` line and one line
//! in [`Command`].

mod abort;
mod apply;
mod approve;
mod audit;
mod bulletin;
mod check;
pub mod codes;
mod completions;
mod confirm;
mod doctor;
mod drill;
mod drill_view;
pub mod error;
pub mod exit;
mod explain;
mod fleet;
mod forecast;
mod ground;
mod handover;
mod hindrance;
mod hints;
pub mod human;
mod init;
pub mod json;
mod lab;
#[cfg(feature = "leak")]
mod leak;
mod line;
mod mirror;
mod notes;
mod pause;
mod plan;
mod plan_view;
mod progress;
mod recording;
mod recover;
mod report;
mod resolve;
mod roster;
mod run_view;
mod schema;
mod show;
mod standing;
mod status;
mod world;

use crate::env::Env;
use clap::{FromArgMatches, Parser, Subcommand};
use error::Failure;
pub use exit::ExitCode;
use hints::Hints;
use human::Output;
use std::ffi::OsString;

/// Replace leaked credentials in Microsoft Entra ID, break nothing, and prove it.
#[derive(Parser)]
#[command(name = "reissue", version, about, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Arguments {
    /// Print one versioned JSON object per line on stdout, and nothing else there
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 done or nothing to do, 1 error before any effect, 2 changes present, \
    3 guardrail, 4 approval missing or expired, 5 plan stale, 6 something failed and was undone, \
    7 stuck: a person is needed, 9 holding: run again later, 64 wrong usage, \
    130 interrupted: run again; `audit verify` has its own, see `reissue audit verify --help`. `reissue explain CODE` tells more about an error.";

/// Declares the commands: what `--help` says of it, its name, its module.
macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident $module:ident)*) => {
        #[derive(Subcommand)]
        enum Command { $($(#[$doc])* $name($module::Arguments),)* }

        impl Command {
            fn run(self, session: &mut Session) -> Result<ExitCode, Failure> {
                match self { $(Command::$name(arguments) => $module::run(arguments, session),)* }
            }
        }
    };
}

commands! {
    /// Read a playbook and say everything that is wrong with it; touches nothing
    Check check
    /// Make an installation: the log, its key, and who may approve
    Init init
    /// Read the tenant and say exactly what would be done; changes nothing
    Plan plan
    /// Show a plan file
    Show show
    /// Sign a plan, or reject it
    Approve approve
    /// Carry out an approved plan, or go on with a run
    Apply apply
    /// Go on with a run whose machine is lost, from its mirror, on this machine
    Handover handover
    /// No log at all: what bears a run's mark, and what a person does; changes nothing
    Recover recover
    /// Who may approve, and how its own people change that
    Roster roster
    /// How runs stand, and what a person has to do next
    Status status
    /// Say that a consumer has moved to the new credential
    Confirm confirm
    /// Settle a stuck target
    Resolve resolve
    /// Begin nothing new in a run; or go on
    Pause pause
    /// Undo what can be undone in a run, and end it
    Abort abort
    /// Judge the log offline, or read it
    Audit audit
    /// Tell a run for people: one page, tables, JSON; from a judged log only
    Report report
    /// Look whether everything is there that a run needs
    Doctor doctor
    /// Rehearse a playbook on a lab tenant, with people in it, in virtual time
    Drill drill
    /// Serve a lab tenant on this machine, for rehearsals with every command
    Lab lab
    /// Print the JSON Schema of playbooks, of fleet files or of quota files, for editors
    Schema schema
    /// Tell more about an error code
    Explain explain
    /// Print completions for a shell
    Completions completions
}

/// What every command works with.
pub struct Session {
    pub env: Env,
    pub out: Output,
    line: line::Line,
}

/// Runs the command that `arguments` name and returns how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    human::hide_panic_values();
    let given: Vec<OsString> = arguments.into_iter().collect();
    let understood = clap_command()
        .try_get_matches_from(&given)
        .and_then(|matches| Ok((Arguments::from_arg_matches(&matches)?, Hints::of(&matches))));
    let (arguments, hints) = match understood {
        Ok(understood) => understood,
        Err(e) => return not_understood(&e, &given),
    };
    let out = Output::real(arguments.json).with(hints);
    let line = line::Line::new(out.notices());
    let mut session = Session { env: Env::real(), out, line };
    let ended = arguments.command.run(&mut session).unwrap_or_else(|failure| {
        error::show(&failure, &mut session.out);
        failure.code.exit()
    });
    session.out.finish(ended)
}

/// Help that was asked for, or wrong usage: told as every other failure is.
fn not_understood(e: &clap::Error, given: &[OsString]) -> ExitCode {
    let asked_for = !e.use_stderr();
    if asked_for || !given.iter().any(|a| a == "--json") {
        return if e.print().is_ok() && asked_for { ExitCode::Done } else { ExitCode::Usage };
    }
    let mut out = Output::real(true);
    error::show(&usage(e), &mut out);
    out.finish(ExitCode::Usage)
}

/// What clap says, in the parts of our own failures.
fn usage(e: &clap::Error) -> Failure {
    let text = e.to_string();
    let told = text.lines().map(str::trim).filter(|l| !l.is_empty());
    // First what is wrong, then clap's tips; the usage and the pointer to the help end it.
    let told = told.take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more information"));
    let what: Vec<&str> = told.map(|l| l.strip_prefix("error: ").unwrap_or(l)).collect();
    let what = match what.as_slice() {
        [] => "no command was named".to_owned(),
        lines => lines.join(" "),
    };
    let usage = text.lines().find_map(|l| l.trim().strip_prefix("Usage: "));
    let next = match usage {
        Some(usage) => format!("{usage}; `--help` tells more"),
        None => "see `reissue --help`".to_owned(),
    };
    Failure::new(codes::ARGUMENT, what, next)
}

/// The command line as clap knows it: for completions, and for tests that go through all of it.
pub fn clap_command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::clap_command().debug_assert();
    }
}

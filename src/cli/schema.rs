//! `reissue schema`: the JSON Schema of playbooks, or of fleet files.

use super::error::Failure;
use super::{ExitCode, Session};
use crate::connector;
use crate::domain::{fleet, playbook};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Of the fleet file, in place of the playbook
    #[arg(long)]
    fleet: bool,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let schema = match arguments.fleet {
        true => fleet::schema(),
        false => playbook::schema::schema(&connector::syntaxes()),
    };
    let text = if session.out.is_json() { schema.to_string() } else { format!("{schema:#}") };
    session.out.raw(&format!("{text}\n"));
    Ok(ExitCode::Done)
}

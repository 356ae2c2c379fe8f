//! `reissue schema`: the JSON Schema of playbooks, of fleet files, or of quota files.

use super::error::Failure;
use super::{ExitCode, Session};
use crate::azure::quota;
use crate::connector;
use crate::domain::{fleet, playbook, quotas};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Of the fleet file, in place of the playbook
    #[arg(long)]
    fleet: bool,
    /// Of the quota file, in place of the playbook
    #[arg(long, conflicts_with = "fleet")]
    quotas: bool,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let schema = match () {
        () if arguments.fleet => fleet::schema(),
        () if arguments.quotas => quotas::schema(&quota::documented(), quota::counts),
        () => playbook::schema::schema(&connector::syntaxes()),
    };
    let text = if session.out.is_json() { schema.to_string() } else { format!("{schema:#}") };
    session.out.raw(&format!("{text}\n"));
    Ok(ExitCode::Done)
}

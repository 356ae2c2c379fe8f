//! `reissue schema`: the JSON Schema of playbooks.

use super::error::Failure;
use super::{ExitCode, Session};
use crate::connector;
use crate::domain::playbook::schema::schema;

#[derive(clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let schema = schema(&connector::syntaxes());
    let text = if session.out.is_json() { schema.to_string() } else { format!("{schema:#}") };
    session.out.raw(&format!("{text}\n"));
    Ok(ExitCode::Done)
}

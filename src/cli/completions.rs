//! `reissue completions SHELL`.

use super::error::Failure;
use super::{ExitCode, Session};
use clap_complete::Shell;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// For which shell
    shell: Shell,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::clap_command(), "reissue", &mut text);
    session.out.raw(&String::from_utf8_lossy(&text));
    Ok(ExitCode::Done)
}

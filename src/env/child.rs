//! Child processes, run to their end. Arguments never hold a secret: they are visible to every
//! user of the machine.

use std::io::Write;
use std::process::{Command, Stdio};

/// What a child process left behind.
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs `program` with `args`, feeds it `stdin`, waits for it. With `terminal`, its error output
/// goes to ours, so that it can ask for a passphrase or a touch.
pub fn run(program: &str, args: &[&str], stdin: &[u8], terminal: bool) -> std::io::Result<Finished> {
    run_with(program, args, stdin, terminal, &[])
}

/// The same with some variables of the environment set, or taken away.
pub fn run_with(
    program: &str,
    args: &[&str],
    stdin: &[u8],
    terminal: bool,
    vars: &[(&str, Option<&str>)],
) -> std::io::Result<Finished> {
    let stderr = if terminal { Stdio::inherit() } else { Stdio::piped() };
    let mut command = Command::new(program);
    for (name, value) in vars {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        match pipe.write_all(stdin) {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => return Err(e),
            _ => {}
        }
    }
    let done = child.wait_with_output()?;
    Ok(Finished { code: done.status.code(), stdout: done.stdout, stderr: done.stderr })
}

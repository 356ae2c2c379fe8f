//! Commands that are suggested can be run as they stand: what this command was told about where and as whom is
//! added to those that take it.

use super::status::quote;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// Options that say where, and as whom: the next command needs them, too.
const CARRIED: [&str; 8] =
    ["home", "how", "client_id", "secret_file", "certificate", "lab", "quotas", "operator"];

/// What this command was told of them, for those that it suggests.
#[derive(Clone, Default)]
pub(super) struct Hints {
    /// `--home`, and the value as a shell takes it.
    given: Vec<(String, String)>,
}

impl Hints {
    /// Of a command line that was understood. What the environment says, it will say again.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let (mut command, mut matches) = (super::clap_command(), matches);
        while let Some((name, below)) = matches.subcommand() {
            let Some(next) = command.find_subcommand(name) else { break };
            (command, matches) = (next.clone(), below);
        }
        let value = |id: &str| {
            let long = command.get_arguments().find(|a| a.get_id() == id)?.get_long()?;
            let said = matches.value_source(id) == Some(ValueSource::CommandLine);
            let value = said.then(|| matches.get_raw(id)?.next()).flatten()?;
            Some((format!("--{long}"), quote(&value.to_string_lossy())))
        };
        Self { given: CARRIED.iter().filter_map(|id| value(id)).collect() }
    }

    /// The text, with each command in backticks complete.
    pub(super) fn complete(&self, text: &str) -> String {
        if self.given.is_empty() {
            return text.to_owned();
        }
        let program = super::clap_command();
        let whole = |(n, part): (usize, &str)| match (n % 2, part.strip_prefix("reissue ")) {
            (1, Some(said)) => self.said(&program, said),
            _ => part.to_owned(),
        };
        text.split('`').enumerate().map(whole).collect::<Vec<_>>().join("`")
    }

    fn said(&self, program: &Command, said: &str) -> String {
        let mut command = program;
        for word in said.split_whitespace() {
            let Some(below) = command.find_subcommand(word) else { break };
            command = below;
        }
        let takes = |long: &str| command.get_arguments().any(|a| a.get_long() == long.strip_prefix("--"));
        // Of a whole fleet each row says it.
        let is_whole = said.split_whitespace().any(|w| w == "--help" || w == "--fleet");
        let mut all = format!("reissue {said}");
        for (long, value) in &self.given {
            let is_there = said.split_whitespace().any(|w| w == long);
            if takes(long) && !is_there && !is_whole {
                all += &format!(" {long} {value}");
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(line: &[&str]) -> Hints {
        Hints::of(&super::super::clap_command().try_get_matches_from(line).unwrap())
    }

    #[test]
    fn a_suggested_command_says_where_and_as_whom() {
        let hints = hints(&[
            "reissue",
            "apply",
            "plan.jsonl",
            "--operator",
            "Kim O",
            "--home",
            "a b",
            "--lab",
            "lab",
            "--pace",
            "9",
        ]);
        for (text, whole) in [
            (
                "`reissue apply --resume`",
                "`reissue apply --resume --home 'a b' --lab lab --operator 'Kim O'`",
            ),
            ("see `reissue status`, then wait", "see `reissue status --home 'a b'`, then wait"),
            ("`reissue audit verify` tells", "`reissue audit verify --home 'a b'` tells"),
            // What is there already stays as it is; some commands take nothing of it, some are not ours.
            ("`reissue status --home x`", "`reissue status --home x`"),
            ("`reissue explain RI009`", "`reissue explain RI009`"),
            ("`reissue apply --fleet f --operator NAME`", "`reissue apply --fleet f --operator NAME`"),
            ("`reissue apply --help`", "`reissue apply --help`"),
            ("`az keyvault secret recover`", "`az keyvault secret recover`"),
            ("reissue status", "reissue status"),
            ("an odd ` here", "an odd ` here"),
        ] {
            assert_eq!(hints.complete(text), whole);
        }
    }

    #[test]
    fn what_nobody_said_is_not_added() {
        let hints = hints(&["reissue", "status"]);
        assert_eq!(hints.complete("`reissue audit verify`"), "`reissue audit verify`");
    }
}

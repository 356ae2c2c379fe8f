//! Commands that are suggested carry what this one was told about where and as whom, if they take it. What nobody
//! told (a name, a file) stays for the reader to fill in.

use super::status::quote;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// Options that say where, and as whom: the next command needs them, too.
const CARRIED: [&str; 12] = [
    "home",
    "how",
    "client_id",
    "secret_fd",
    "secret_file",
    "certificate",
    "lab",
    "pace",
    "quotas",
    "operator",
    "mirror",
    "countersign",
];
/// Its `--home` is another installation than the one that is spoken of.
const ELSEWHERE: &str = "handover";

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
            if name == ELSEWHERE {
                return Self::default();
            }
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
        let parts: Vec<&str> = text.split('`').collect();
        // What a command has printed once is no command to run.
        let is_past = |n: usize| {
            let after = parts.get(n + 1).unwrap_or(&"").trim_start();
            after.starts_with("printed") || after.starts_with("showed")
        };
        let whole = |(n, part): (usize, &&str)| match (n % 2, part.strip_prefix("reissue ")) {
            (1, Some(said)) if !is_past(n) => self.said(&program, said),
            _ => (*part).to_owned(),
        };
        parts.iter().enumerate().map(whole).collect::<Vec<_>>().join("`")
    }

    fn said(&self, program: &Command, said: &str) -> String {
        let mut command = program;
        for word in said.split_whitespace() {
            let Some(below) = command.find_subcommand(word) else { break };
            command = below;
        }
        let says = |word: &str| said.split_whitespace().any(|w| w == word);
        let mut all = format!("reissue {said}");
        // Of a whole fleet each row says it.
        if says("--help") || says("--fleet") || command.get_name() == ELSEWHERE {
            return all;
        }
        for (long, value) in &self.given {
            let option = command.get_arguments().find(|a| a.get_long() == long.strip_prefix("--"));
            // A run that goes on keeps its pace.
            let is_kept = long == "--pace" && says("--resume");
            match option.filter(|_| !says(long) && !is_kept) {
                Some(option) if !option.get_action().takes_values() => all += &format!(" {long}"),
                Some(_) if value.starts_with('-') => all += &format!(" {long}={value}"),
                Some(_) => all += &format!(" {long} {value}"),
                None => {}
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
            "--mirror",
            "m",
        ]);
        for (text, whole) in [
            (
                "`reissue apply --resume`",
                "`reissue apply --resume --home 'a b' --lab lab --operator 'Kim O' --mirror m`",
            ),
            (
                "`reissue apply p` again",
                "`reissue apply p --home 'a b' --lab lab --pace 9 --operator 'Kim O' --mirror m` again",
            ),
            // There it is a flag; there, another folder; and that was long ago.
            ("or `reissue init`", "or `reissue init --home 'a b' --lab`"),
            ("`reissue handover` takes it over", "`reissue handover` takes it over"),
            ("the line that `reissue init` printed", "the line that `reissue init` printed"),
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
    fn a_value_like_an_option_stays_one() {
        let hints = hints(&["reissue", "status", "--home=-h"]);
        assert_eq!(hints.complete("`reissue audit verify`"), "`reissue audit verify --home=-h`");
    }

    #[test]
    fn what_nobody_said_is_not_added() {
        let hints = hints(&["reissue", "status"]);
        assert_eq!(hints.complete("`reissue audit verify`"), "`reissue audit verify`");
    }
}

//! Commands that are suggested carry what this one was told about where and as whom, if they take it. What they cannot
//! do without and nobody told (a name, a file) stands there in capitals, for the reader to fill in.

use super::status::quote;
use super::world::ActingArguments;
use crate::domain::fleet::Tenant;
use crate::domain::text::Text;
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

    /// Of one tenant of a fleet, as for a command of its own.
    pub(super) fn of_tenant(tenant: &Tenant) -> Self {
        let home = ["--home".to_owned(), tenant.home.display().to_string()];
        let acting = ActingArguments::of_tenant(tenant).words();
        let place =
            |long: &str, at: &Option<Text<256>>| at.as_ref().map(|at| [long.to_owned(), at.to_string()]);
        let more = [place("--mirror", &tenant.mirror), place("--countersign", &tenant.countersign)];
        let words: Vec<String> =
            home.into_iter().chain(acting).chain(more.into_iter().flatten().flatten()).collect();
        let pair = |words: &[String]| match words {
            [long, value] => Some((long.clone(), quote(value))),
            _ => None,
        };
        Self { given: words.chunks(2).filter_map(pair).collect() }
    }

    /// The text, with each command in backticks complete.
    pub(super) fn complete(&self, text: &str) -> String {
        if !text.contains('`') {
            return text.to_owned();
        }
        let program = super::clap_command();
        let parts: Vec<&str> = text.split('`').collect();
        // What a command did once, or does of itself, is no command to run.
        let is_past = |n: usize| {
            let after = parts.get(n + 1).unwrap_or(&"").trim_start();
            ["printed", "showed", "opened", "wrote", "that "].iter().any(|word| after.starts_with(word))
        };
        let whole = |(n, part): (usize, &&str)| match (n % 2, part.strip_prefix("reissue ")) {
            (1, Some(said)) if !is_past(n) => self.said(&program, said),
            _ => (*part).to_owned(),
        };
        parts.iter().enumerate().map(whole).collect::<Vec<_>>().join("`")
    }

    fn said(&self, program: &Command, said: &str) -> String {
        let (mut command, mut words) = (program, said.split_whitespace().peekable());
        while let Some(below) = words.peek().and_then(|word| command.find_subcommand(word)) {
            command = below;
            words.next();
        }
        let told = whole_words(words);
        let says = |word: &str| said.split_whitespace().any(|w| w == word);
        let given: Vec<&str> = match command.get_name() {
            ELSEWHERE => Vec::new(),
            _ => self.given.iter().filter_map(|(long, _)| long.strip_prefix("--")).collect(),
        };
        let (free, named) = missing(command, &told, &given);
        let mut all = format!("reissue {said}{free}");
        // Of a whole fleet each row says it.
        if says("--help") || says("--fleet") {
            return format!("reissue {said}");
        }
        if command.get_name() == ELSEWHERE {
            return all + &named;
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
        all + &named
    }
}

/// What a shell takes for one word: one in quotes may have blanks.
fn whole_words<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut whole: Vec<String> = Vec::new();
    for word in words {
        let is_open = |w: &String| w.replace(r"\'", "").matches('\'').count() % 2 == 1;
        match whole.last_mut().filter(|w| is_open(w)) {
            Some(last) => *last = format!("{last} {word}"),
            None => whole.push(word.to_owned()),
        }
    }
    whole
}

/// What a command line cannot do without and does not say behind its name: ` FILE`, ` --by NAME`.
fn missing(command: &Command, told: &[String], given: &[&str]) -> (String, String) {
    let mut words = told.iter().peekable();
    let (mut options, mut places) = (Vec::new(), 0);
    while let Some(word) = words.next() {
        let Some(long) = word.strip_prefix("--") else {
            places += 1;
            continue;
        };
        let (name, with_value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
        options.push(name.to_owned());
        let option = command.get_arguments().find(|a| a.get_long() == Some(name));
        let takes = !with_value && option.is_some_and(|a| a.get_action().takes_values());
        // The value of some options may be left out.
        if takes && !words.peek().is_none_or(|next| next.starts_with("--")) {
            words.next();
        }
    }
    let value = |arg: &clap::Arg| {
        let names = arg.get_value_names().and_then(|names| names.first());
        names.map_or_else(|| "VALUE".to_owned(), |name| name.to_string().replace(['<', '>'], ""))
    };
    let needed = |arg: &&clap::Arg| arg.is_required_set();
    let free = command.get_positionals().filter(needed).skip(places).map(|arg| format!(" {}", value(arg)));
    let named = command.get_opts().filter(needed).filter_map(|arg| {
        let long = arg.get_long()?;
        let told = options.iter().any(|o| o == long) || given.contains(&long);
        (!told).then(|| format!(" --{long} {}", value(arg)))
    });
    (free.collect(), named.collect())
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
            ("or `reissue init`", "or `reissue init --home 'a b' --lab --tenant GUID --roster FILE`"),
            ("`reissue roster sign` on it", "`reissue roster sign FILE --home 'a b' --by NAME` on it"),
            ("`reissue roster sign 'a b'`", "`reissue roster sign 'a b' --home 'a b' --by NAME`"),
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

    #[test]
    fn what_a_command_cannot_do_without_is_left_to_fill_in() {
        let hints = hints(&["reissue", "status"]);
        for (text, whole) in [
            ("`reissue apply --resume`", "`reissue apply --resume --operator NAME`"),
            (
                "`reissue apply --resume latest --operator kim`",
                "`reissue apply --resume latest --operator kim`",
            ),
            ("`reissue abort latest`", "`reissue abort latest --reason TEXT --by NAME`"),
            ("`reissue check`", "`reissue check FILE`"),
            ("`reissue apply --resume --operator kim`", "`reissue apply --resume --operator kim`"),
            (
                r"`reissue abort latest --by 'Kim O'\''Neil' --reason x`",
                r"`reissue abort latest --by 'Kim O'\''Neil' --reason x`",
            ),
            ("`reissue abort --by 'Kim O'`", "`reissue abort --by 'Kim O' RUN --reason TEXT`"),
            ("as `reissue init` printed it", "as `reissue init` printed it"),
        ] {
            assert_eq!(hints.complete(text), whole);
        }
    }
}

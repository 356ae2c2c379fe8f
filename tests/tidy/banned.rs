//! Calls that have one door. Each has its reason, so that whoever meets the rule can judge it.

use super::Finding;
use super::source::Source;

struct Rule {
    needles: &'static [&'static str],
    /// Files and folders where it may stand.
    doors: &'static [&'static str],
    why: &'static str,
}

const RULES: [Rule; 10] = [
    Rule {
        needles: &["SystemTime::now", "Utc::now", "OffsetDateTime::now_utc", "Local::now"],
        doors: &["src/env/clock.rs"],
        why: "time comes from env::Clock, so that a simulation owns it",
    },
    Rule {
        needles: &["Instant::now"],
        doors: &["src/env/clock.rs"],
        why: "time comes from env::Clock, so that a simulation owns it",
    },
    Rule {
        needles: &["rand::random", "thread_rng", "rand::rng(", "OsRng", "Uuid::new_v4", "getrandom::"],
        doors: &["src/env/random.rs"],
        why: "chance comes from env::Random, so that one seed repeats a run",
    },
    Rule {
        needles: &["process::exit", "process::abort"],
        doors: &["src/main.rs"],
        why: "an exit skips destructors: secrets would not be wiped, the log not flushed",
    },
    Rule {
        needles: &["println!", "eprintln!", "print!", "eprint!", "dbg!", "io::stdout", "io::stderr"],
        doors: &["src/main.rs", "src/cli/human.rs"],
        why: "whatever is printed goes through cli::human::Output (JSON mode, colours, lost output)",
    },
    Rule {
        needles: &["std::fs", "tokio::fs", "File::open", "File::create", "OpenOptions"],
        doors: &["src/env/"],
        why: "files are reached through env::Disk, so that a simulation can take unsynced bytes away",
    },
    Rule {
        needles: &["std::thread", "thread::spawn", "thread::sleep"],
        doors: &["src/env/"],
        why: "a thread or a sleeping one escapes virtual time",
    },
    Rule {
        needles: &["process::Command", "Command::new"],
        doors: &["src/env/"],
        why: "child processes are started by env::child only",
    },
    Rule {
        needles: &["reqwest::", "hyper_util::client"],
        doors: &["src/wire/"],
        why: "wire is the only door to the network",
    },
    Rule {
        needles: &[".expose("],
        doors: &[
            "src/domain/secret.rs",
            "src/azure/assertion.rs",
            "src/azure/blob/at.rs",
            "src/azure/claims.rs",
            "src/azure/credential.rs",
            "src/azure/graph/credentials.rs",
            "src/azure/graph/http.rs",
            "src/azure/graph/users.rs",
            "src/azure/key_vault/certificates.rs",
            "src/azure/key_vault/secrets.rs",
            // The log's own text, kept in a vault: no secret is in it.
            "src/connector/reel.rs",
        ],
        why: "a secret's value is read only where it is handed to its named store or to a sign-in (promise 3); \
              a file that must do so is added to this list, where a reviewer sees it",
    },
];

/// What makes a module impure, for `domain`.
const IMPURE: [&str; 13] = [
    "async fn",
    ".await",
    "tokio::",
    "reqwest::",
    "axum::",
    "hyper::",
    "azure_core::",
    "std::fs",
    "std::env",
    "std::io",
    "std::net",
    "SystemTime",
    "Instant",
];

/// Hosts and names that the network layer must not know.
const MICROSOFT: [&str; 6] =
    ["microsoft", "windows.net", "azure.net", "azure.cn", "usgovcloudapi", "chinacloudapi"];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for rule in &RULES {
        if rule.doors.iter().any(|door| source.path.starts_with(door)) {
            continue;
        }
        for needle in rule.needles {
            found.extend(hits(source, &source.product, needle, rule.why));
        }
    }
    if source.path.starts_with("src/domain") {
        let why = "domain is pure: no async, no I/O, no clock";
        found.extend(IMPURE.iter().flat_map(|needle| hits(source, &source.product, needle, why)));
    }
    if source.path.starts_with("src/wire") {
        let text = source.uncommented.to_lowercase();
        let why = "wire names no Microsoft host: endpoints come from azure::cloud";
        found.extend(MICROSOFT.iter().flat_map(|needle| {
            let in_product = |f: &Finding| source.is_product_line(f.line);
            hits(source, &text, needle, why).into_iter().filter(in_product)
        }));
    }
    found
}

fn hits(source: &Source, code: &str, needle: &str, why: &'static str) -> Vec<Finding> {
    let word = needle.starts_with(|c: char| c.is_ascii_alphanumeric());
    let whole = |at: &usize| !word || !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let offsets = code.match_indices(needle).map(|(at, _)| at).filter(whole);
    offsets.map(|at| Finding::new(source, at, format!("`{needle}` outside its door"), why)).collect()
}

impl Source {
    /// Whether the line is not part of a test.
    fn is_product_line(&self, line: usize) -> bool {
        let blank = |text: &str| text.lines().nth(line - 1).is_none_or(|l| l.trim().is_empty());
        !blank(&self.product) || blank(&self.code)
    }
}

//! Files that people and machines hand over, cut at every byte and with every byte changed: each is
//! read whole or refused in printable words, with a place that exists. The judges are the fuzzer's.
//!
//! The seeds are also what the fuzzer starts from. After a wanted change of a format:
//! `UPDATE_SEEDS=1 cargo test --test trail foreign_bytes`.

#[path = "../../fuzz/src/judges.rs"]
mod judges;

use crate::support::approvals;
use crate::support::log;
use judges::{ALL, Judge};
use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::{Plan, file};
use reissue::domain::text::Text;
use reissue::drill::{self, Audience};
use reissue::env::Random;
use reissue::env::random::Stream;
use reissue::trail::Checkpoint;
use reissue::trail::anchors::cosigned::with_line;
use reissue::trail::anchors::record::Place;
use reissue::trail::anchors::{CosignerKey, Record};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Larger files would make the fuzzer slow; all seeds together stay a few dozen KiB.
const SEED_BYTES_MAX: usize = 8 << 10;

fn seeds_of(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(kind)
}

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

/// Keeps the plan, and the first line of each event.
#[derive(Default)]
struct Heard {
    plan: Vec<u8>,
    lines: BTreeMap<String, Vec<u8>>,
}

impl Audience for Heard {
    fn planned(&mut self, plan: &Plan, _: &Digest) {
        self.plan = file::write(plan).unwrap();
    }
    fn event(&mut self, line: &Line) {
        self.lines.entry(line.event.code().to_owned()).or_insert_with(|| line.to_bytes().unwrap());
    }
}

fn hold(playbook: &str) -> Heard {
    let text = std::fs::read_to_string(playbook).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut heard = Heard::default();
    runtime.block_on(drill::hold(&drill::environment(1), &text, &mut heard)).unwrap();
    heard
}

/// What the product itself writes.
fn written() -> BTreeMap<(&'static str, String), Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let (secret, user) = (hold("playbooks/leaked-app-secret.yaml"), hold("tests/playbooks/one-user.yaml"));
    for (name, heard) in [("app-secret", &secret), ("user", &user)] {
        seeds.insert(("plan", name.to_owned()), heard.plan.clone());
    }
    let lines = secret.lines.into_iter().chain(user.lines);
    seeds.extend(lines.map(|(code, line)| (("log_line", code), line)));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let log = runtime.block_on(log::written(&log::Story::default()));
    let head = reissue::env::Disk::read(&log.disk, &log.folder.checkpoint(), 10_000).unwrap();
    seeds.insert(("checkpoint_note", "checkpoint".to_owned()), head);
    seeds.insert(
        ("checkpoint_note", "log-vkey".to_owned()),
        judges::log_key().public().to_string().into_bytes(),
    );
    seeds.extend(anchors());
    let facts = approvals::facts(&approvals::roster());
    let signed = approvals::signed(&facts, 1, 1, |_| ());
    let both = [signed.statement_bytes, signed.armored.into_bytes()].concat();
    seeds.insert(("signature", "approval".to_owned()), both);
    seeds.insert(("roster", "four-people".to_owned()), approvals::roster_yaml(&[]).into_bytes());
    seeds
}

/// A checkpoint with a line of a witness, a record, a policy.
fn anchors() -> Vec<((&'static str, String), Vec<u8>)> {
    let (log, witness) = (judges::log_key(), CosignerKey::new("witness.example/w2", [9; 32]).unwrap());
    let head = Checkpoint { origin: log.origin().into(), size: 9, root: [7; 32] };
    let line = format!("\u{2014} witness.example/w2 {}", "A".repeat(104));
    let cosigned = with_line(&head.sign(&log), &witness, &line).unwrap();
    let place = Place::Git {
        branch: Text::lossy("reissue-anchors"),
        commit: Text::lossy("c0ffee"),
        file: Text::lossy("x.checkpoint"),
        pushed_to: Some(Text::lossy("origin")),
    };
    let policy = format!(
        "# who counts\nlog {}\nwitness A {witness} https://w.example\ngroup G all A\nquorum G\n",
        log.public()
    );
    let named = |name: &str, bytes: Vec<u8>| (("anchor", name.to_owned()), bytes);
    vec![
        named("cosigned", cosigned.into_bytes()),
        named("git-record", Record::new(&head, place).to_bytes()),
        named("policy", policy.into_bytes()),
    ]
}

#[test]
fn the_seeds_are_what_is_written_today() {
    let written = written();
    if std::env::var_os("UPDATE_SEEDS").is_some() {
        for ((kind, name), bytes) in &written {
            std::fs::create_dir_all(seeds_of(kind)).unwrap();
            std::fs::write(seeds_of(kind).join(name), bytes).unwrap();
        }
    }
    for ((kind, name), bytes) in &written {
        assert!(bytes.len() <= SEED_BYTES_MAX, "{kind}/{name}: {} bytes", bytes.len());
        let seed = std::fs::read(seeds_of(kind).join(name)).unwrap_or_default();
        // Lines name the process that wrote them, and plans their time: their form is compared.
        let same = match *kind {
            "log_line" => Line::from_bytes(&seed).is_ok(),
            "plan" => file::read(&seed).is_ok(),
            _ => seed == *bytes,
        };
        assert!(same, "fuzz/seeds/{kind}/{name} is not what is written today");
    }
}

/// The bytes cut at every byte, then with one bit of every byte turned.
fn damaged(bytes: &[u8], judge: Judge) -> usize {
    judge(bytes);
    for cut in 0..bytes.len() {
        judge(&bytes[..cut]);
    }
    for at in 0..bytes.len() {
        let mut other = bytes.to_vec();
        other[at] ^= 1 << (at % 8);
        judge(&other);
    }
    2 * bytes.len()
}

#[test]
fn every_cut_and_every_changed_byte_is_told_in_words() {
    let mut cases = 0;
    for (kind, judge) in ALL.into_iter().filter(|(kind, _)| *kind != "playbook") {
        let seeds = files(&seeds_of(kind));
        assert!(!seeds.is_empty(), "{kind}");
        for (name, bytes) in seeds {
            // Each line alone is short, and there are many.
            if kind == "log_line" && !matches!(name.as_str(), "RUN010I" | "STP010I" | "APR010I" | "LOG010I") {
                judge(&bytes);
                continue;
            }
            cases += damaged(&bytes, judge);
        }
    }
    assert!(cases > 15_000, "{cases}");
}

#[test]
fn every_cut_and_every_changed_byte_of_a_playbook_is_told_in_words() {
    for name in ["sound-two-kinds.yaml", "colon-in-text.yaml", "secret-value-pasted-in.yaml"] {
        damaged(&std::fs::read(Path::new("tests/cases/check").join(name)).unwrap(), judges::playbook);
    }
    for bytes in files(Path::new("tests/cases/check")).into_values() {
        judges::playbook(&bytes);
    }
}

/// Where mutants get their parts from: the seeds of a kind.
struct Breeder {
    chance: Stream,
    pool: Vec<Vec<u8>>,
}

/// What parsers trip over.
const PARTS: [&[u8]; 14] = [
    b"\n",
    b"\r\n",
    b"\0",
    b"\x1b[2J",
    b"\xff",
    b"\"",
    b"{",
    b"}",
    b": ",
    b"- ",
    b"\xe2\x80\xae",
    b"\\u001b",
    b"1e9",
    b"18446744073709551616",
];

impl Breeder {
    fn upto(&self, most: usize) -> usize {
        usize::try_from(self.chance.between(0, most as u64)).unwrap()
    }
    fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.upto(from.len() - 1)]
    }
    /// A piece of any seed: up to 64 bytes, or a whole line.
    fn piece(&self) -> Vec<u8> {
        let seed = self.pick(&self.pool);
        if self.upto(3) == 0 {
            let lines: Vec<&[u8]> = seed.split_inclusive(|b| *b == b'\n').collect();
            return self.pick(&lines).to_vec();
        }
        let from = self.upto(seed.len());
        seed[from..seed.len().min(from + self.upto(64))].to_vec()
    }
    /// A seed with one to six changes.
    fn mutant(&self) -> Vec<u8> {
        let mut bytes = self.pick(&self.pool).clone();
        for _ in 0..=self.upto(5) {
            let (at, len) = (self.upto(bytes.len()), self.upto(16));
            let end = bytes.len().min(at + len);
            match self.upto(4) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.upto(7),
                1 => drop(bytes.splice(at..at, self.piece())),
                2 => drop(bytes.splice(at..end, self.piece())),
                3 => drop(bytes.splice(at..at, self.pick(&PARTS).to_vec())),
                _ => drop(bytes.drain(at..end)),
            }
        }
        bytes
    }
}

/// Mutants of the seeds, the same ones every time. `MUTANTS=100000` breeds more of them: a fuzzer
/// for machines that have none.
#[test]
fn mutants_are_told_in_words() {
    let each: u32 = std::env::var("MUTANTS").map_or(500, |n| n.parse().unwrap());
    for (kind, judge) in ALL {
        let folder = if kind == "playbook" { PathBuf::from("tests/cases/check") } else { seeds_of(kind) };
        let pool: Vec<_> = files(&folder).into_values().filter(|f| !f.is_empty()).collect();
        let breeder = Breeder { chance: Random::from_seed(u64::from(each)).stream(kind), pool };
        for _ in 0..each {
            let bytes = breeder.mutant();
            let judged = std::panic::catch_unwind(|| judge(&bytes));
            assert!(judged.is_ok(), "{kind}: {}", bytes.escape_ascii());
        }
    }
}

/// The JSON library's message quotes the key. What a terminal would act on must not come with it.
#[test]
fn a_terminal_escape_in_a_key_is_not_printed() {
    let hostile = br#"{"\u001b[2J\u202e":1}"#;
    let told = [
        Line::from_bytes(hostile).unwrap_err().to_string(),
        file::read(&[&hostile[..], b"\n"].concat()).unwrap_err().to_string(),
        reissue::domain::approval::Statement::from_bytes(hostile).unwrap_err().to_string(),
    ];
    for words in told {
        assert!(words.contains("unknown field `\u{fffd}[2J\u{fffd}`"), "{words:?}");
    }
}

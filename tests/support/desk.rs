//! The desk of the canary tests: a lab in this process, so that its secrets are known, and
//! commands in theirs, whose every output is kept.

use super::scan::Canaries;
use super::team::Team;
use reissue::domain::playbook::check;
use reissue::drill::scene::{self, Scene};
use reissue::env::Env;
use reissue::lab::serve::serve;
use reissue::lab::{LabOptions, Lags};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::mpsc;

pub(crate) struct Desk {
    pub(crate) team: Team,
    pub(crate) scene: Scene,
    pub(crate) canaries: Canaries,
    /// What every value and token of the lab has in it.
    mark: String,
    /// What commands printed, each with its command line.
    pub(crate) printed: Vec<(String, Vec<u8>)>,
    /// Commands that were run.
    pub(crate) exercised: BTreeSet<String>,
}

/// In place of a program: keeps its arguments and its environment where the scan finds them, then
/// becomes it.
fn stand_in(team: &Team, name: &str, then: &str) {
    let kept = team.path("children");
    let script = format!(
        "#!/bin/sh\nat={}/{name}.$$\nprintf '%s\\n' \"$@\" >$at.argv\ncat /proc/$$/environ >$at.environ\n{then}\n",
        kept.display()
    );
    let file = team.path("bin").join(name);
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// What stands between quotation marks in a trace, where every byte is `\xNN`.
fn strings(trace: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in trace.split('"').skip(1).step_by(2) {
        bytes.extend(text.split("\\x").filter_map(|two| u8::from_str_radix(two, 16).ok()));
        bytes.push(b'\n');
    }
    bytes
}

/// No file may grow beyond so many blocks of 512 bytes: a disk that is full.
pub(crate) fn full_at(blocks: u64) -> String {
    format!("trap '' XFSZ; ulimit -f {blocks}")
}

/// The whole name of every command that can be run, as clap has them.
pub(crate) fn all_commands() -> BTreeSet<String> {
    fn leaves(command: &clap::Command, name: &str, into: &mut BTreeSet<String>) {
        for inner in command.get_subcommands() {
            let name = format!("{name} {}", inner.get_name()).trim_start().to_owned();
            match inner.has_subcommands() {
                true => leaves(inner, &name, into),
                false => drop(into.insert(name)),
            }
        }
    }
    let mut all = BTreeSet::new();
    leaves(&reissue::cli::clap_command(), "", &mut all);
    all
}

/// A word that is in every secret of this run and nowhere else, with what needs escaping.
fn mark() -> String {
    let random: [u8; 12] = Env::real().random.stream("canary").bytes();
    let letters: String = random.iter().map(|b| (b'a' + b % 26) as char).collect();
    format!("Kz{}\"+/\\~&<é{}Rj", &letters[..6], &letters[6..])
}

impl Desk {
    /// A fast lab for this playbook, hosted here.
    pub(crate) fn new(playbook: &str) -> Self {
        Self::in_a_lab(playbook, Lags::none())
    }

    /// The same with other lags.
    pub(crate) fn in_a_lab(playbook: &str, lags: Lags) -> Self {
        let mut team = Team::sit_down(playbook);
        let mark = mark();
        let scene = host(&team, playbook, &mark, lags);
        scene.lab.create_vault_key("kv-ir", "reissue-log");
        let mut canaries = Canaries::default();
        canaries.add("the mark of the lab's values and tokens", &mark);
        canaries.add("the operator's secret", &scene.operator_secret);
        for (name, value) in &scene.leaked {
            match value.contains("PRIVATE KEY") {
                true => canaries.add_private_key(&format!("the leaked key of {name}"), value),
                false => canaries.add(&format!("the leaked value of {name}"), value),
            }
        }
        for (name, folder) in [("HOME", "home"), ("TMPDIR", "tmp")] {
            std::fs::create_dir(team.path(folder)).unwrap();
            team.vars.push((name.into(), team.path(folder).to_string_lossy().into_owned()));
        }
        for folder in ["bin", "children"] {
            std::fs::create_dir(team.path(folder)).unwrap();
        }
        let path = std::env::var("PATH").unwrap();
        stand_in(&team, "ssh-keygen", &format!("PATH='{path}' exec ssh-keygen \"$@\""));
        stand_in(&team, "git", &format!("PATH='{path}' exec git \"$@\""));
        stand_in(&team, "az", "echo 'Please run az login' >&2; exit 1");
        team.vars.push(("PATH".into(), format!("{}:{path}", team.path("bin").display())));
        for (name, value) in [("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")] {
            team.vars.push((name.into(), value.into()));
        }
        Self { team, scene, canaries, mark, printed: Vec::new(), exercised: BTreeSet::new() }
    }

    /// Runs a command and keeps what it prints; its exit code.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> i32 {
        self.run_with(arguments, &[], None)
    }

    pub(crate) fn run_with(
        &mut self,
        arguments: &[&str],
        vars: &[(&str, &str)],
        stdin: Option<std::fs::File>,
    ) -> i32 {
        self.note(arguments);
        let mut command = self.team.command(arguments);
        command.envs(vars.iter().copied()).stdin(stdin.map_or(Stdio::null(), Stdio::from));
        let output = command.output().unwrap();
        let name = arguments.join(" ");
        self.printed.push((format!("stdout of {name}"), output.stdout));
        self.printed.push((format!("stderr of {name}"), output.stderr));
        output.status.code().unwrap_or(-1)
    }

    /// Runs a command where this shell line was carried out before, and keeps what it prints.
    pub(crate) fn run_under(&mut self, line: &str, arguments: &[&str], vars: &[(&str, &str)]) -> i32 {
        self.note(arguments);
        let inner = self.team.command(arguments);
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", &format!("{line}\nexec \"$@\""), "sh"])
            .arg(inner.get_program())
            .args(inner.get_args());
        shell.current_dir(self.team.folder.path()).env_remove("NO_COLOR").env_remove("REISSUE_HOME");
        shell.envs(self.team.vars.iter().cloned()).envs(vars.iter().copied()).stdin(Stdio::null());
        let output = shell.output().unwrap();
        let name = arguments.join(" ");
        self.printed.push((format!("stdout of {name}"), output.stdout));
        self.printed.push((format!("stderr of {name}"), output.stderr));
        output.status.code().unwrap_or(-1)
    }

    /// Runs a command and keeps every byte that it and its children write or send, wherever to, also what
    /// is deleted again. False if this machine cannot trace.
    pub(crate) fn run_traced(&mut self, arguments: &[&str], vars: &[(&str, &str)]) -> bool {
        let trace = self.team.path("trace.out");
        let calls = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,execve";
        let inner = self.team.command(arguments);
        let mut strace = std::process::Command::new("strace");
        strace.args(["-f", "-xx", "-s", "1048576", "-e", calls, "-o"]).arg(&trace);
        strace.arg(inner.get_program()).args(inner.get_args()).current_dir(self.team.folder.path());
        strace.env_remove("NO_COLOR").env_remove("REISSUE_HOME").stdin(Stdio::null());
        strace.envs(self.team.vars.iter().cloned()).envs(vars.iter().copied());
        let ran = strace.output();
        let Ok(kept) = std::fs::read_to_string(&trace) else { return false };
        let _ = std::fs::remove_file(&trace);
        self.printed.push((format!("writes of {}", arguments.join(" ")), strings(&kept)));
        ran.is_ok() && kept.contains("write(")
    }

    /// Remembers that a command was run.
    pub(crate) fn note(&mut self, arguments: &[&str]) {
        let words: Vec<&str> = arguments.iter().copied().filter(|a| *a != "--json").take(2).collect();
        let all = all_commands();
        let names = [words.join(" "), words.first().copied().unwrap_or_default().to_owned()];
        self.exercised.extend(names.into_iter().find(|name| all.contains(name)));
    }

    /// What the last command printed.
    pub(crate) fn last(&self) -> String {
        let last = self.printed.iter().rev().take(2).rev();
        last.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    pub(crate) fn must(&mut self, code: i32, arguments: &[&str]) {
        let found = self.run(arguments);
        assert_eq!(found, code, "{arguments:?}\n{}", self.last());
    }

    /// What is in the newest version of an entry of the run's store, and in no other value or token.
    pub(crate) fn published(&self, name: &str) -> Canaries {
        let value = self.scene.lab.vault_secret("kv-ir", name).unwrap();
        let mut canaries = Canaries::default();
        for part in value.split(&self.mark).filter(|part| part.len() >= 12) {
            canaries.add("the new value", part);
        }
        assert!(canaries.is_any(), "too little of the value is its own");
        canaries
    }

    /// Where secrets were found, in everything printed and written.
    pub(crate) fn findings(&self) -> Vec<String> {
        let scanner = self.canaries.scanner();
        let told = self.printed.iter().filter_map(|(what, b)| Some(format!("{what}: {}", scanner.find(b)?)));
        let mut found: Vec<String> = told.collect();
        // The lab's own operator, the people's own keys, the log's own key, and what a test planted.
        let skip = [
            "lab/operator.json",
            "served/operator.json",
            // Drawn from the pool of keys that every lab draws from.
            "served/operator.pem",
            "ann",
            "ben",
            "log.key",
            "wrong-secret",
            "own-secret",
            "pasted-fleet.yaml",
        ];
        found.extend(scanner.files(self.team.folder.path(), &skip));
        found
    }
}

fn host(team: &Team, playbook: &str, mark: &str, lags: Lags) -> Scene {
    let (to_us, from_lab) = mpsc::channel();
    let (text, mark, dir) = (playbook.to_owned(), mark.to_owned(), team.path("lab"));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let env = Env::real();
            let playbook = check(&text, &reissue::connector::syntaxes()).unwrap();
            let options = LabOptions { lags, mark, ..LabOptions::default() };
            let scene = scene::build_with(&env, &playbook, options);
            let serving = serve(scene.lab.clone(), &dir, ([127, 0, 0, 1], 0).into()).await.unwrap();
            to_us.send(scene).unwrap();
            serving.wait().await;
        });
    });
    let scene = from_lab.recv().unwrap();
    let operator = serde_json::json!({
        "client_id": scene.operator, "secret": scene.operator_secret, "haste": 60
    });
    std::fs::write(team.path("lab/operator.json"), operator.to_string()).unwrap();
    scene
}

/// A list of findings, for a failing test.
pub(crate) fn told(findings: &[String]) -> String {
    findings.iter().fold(String::new(), |mut all, f| {
        let _ = writeln!(all, "  {f}");
        all
    })
}

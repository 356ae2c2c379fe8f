//! A team at its desks: a served lab, an installation, people with SSH keys, and the real program
//! for all of them. Each test crate takes what it needs of it.

use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) const TENANT: &str = "7d3c9a10-0000-4000-8000-000000000001";
pub(crate) const PEOPLE: [&str; 2] = ["ann", "ben"];

pub(crate) struct Team {
    pub(crate) folder: tempfile::TempDir,
    lab: Option<Child>,
    /// What is set in every command's environment.
    pub(crate) vars: Vec<(String, String)>,
}

impl Drop for Team {
    fn drop(&mut self) {
        if let Some(lab) = &mut self.lab {
            let _ = lab.kill();
            let _ = lab.wait();
        }
    }
}

/// The program, in this folder, with nothing of ours in its environment.
pub(crate) fn program<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reissue"));
    command.args(arguments).current_dir(folder).env_remove("NO_COLOR").env_remove("REISSUE_HOME");
    command
}

impl Team {
    /// Keys, a roster and a fast lab in a process of its own.
    pub(crate) fn gather(playbook: &str) -> Self {
        Self::gather_around(playbook, &["--fast", "--record", "recording.jsonl"])
    }

    /// The same with a lab of these arguments.
    pub(crate) fn gather_around(playbook: &str, further: &[&str]) -> Self {
        let mut team = Self::sit_down(playbook);
        team.open_a_lab(further);
        team
    }

    /// A lab in a process of its own.
    pub(crate) fn open_a_lab(&mut self, further: &[&str]) {
        let team = self;
        let log = std::fs::File::create(team.path("lab.out")).expect("a file");
        let lab = program(team.folder.path(), &["lab", "playbook.yaml"])
            .args(further)
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("the lab starts");
        team.lab = Some(lab);
        team.wait_for("the lab", || team.path("lab/lab.json").exists());
    }

    /// Keys and a roster; no lab yet.
    pub(crate) fn sit_down(playbook: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("playbook.yaml"), playbook).expect("written");
        let mut roster = String::from("reissue_roster: 1\npeople:\n");
        for (name, role) in PEOPLE.iter().zip(["security-officer", "system-owner"]) {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(at(name))
                .status();
            assert!(made.expect("ssh-keygen is there").success());
            let public = std::fs::read_to_string(at(&format!("{name}.pub"))).expect("a key");
            let public = public.trim();
            roster +=
                &format!("  - name: {name}@agency.example\n    role: {role}\n    keys: [ \"{public}\" ]\n");
        }
        std::fs::write(at("roster.yaml"), roster).expect("written");
        Self { folder, lab: None, vars: Vec::new() }
    }

    /// Asks the lab to end, and waits for it.
    pub(crate) fn send_the_lab_home(&mut self) {
        let Some(mut lab) = self.lab.take() else { return };
        let pid = rustix::process::Pid::from_child(&lab);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it can be asked");
        assert!(lab.wait().expect("it ends").success(), "the lab ended badly");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn wait_for(&self, what: &str, mut ready: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !ready() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what} does not come: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.folder.path(), arguments);
        command.envs(self.vars.iter().cloned());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// Runs a command that must end with `code`; what it printed on stdout and stderr.
    pub(crate) fn must(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{text}");
        text.into_owned()
    }

    pub(crate) fn init(&self) {
        let arguments =
            ["init", "--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
        self.must(0, &arguments);
    }

    pub(crate) fn plan(&self) {
        self.must(0, &["plan", "playbook.yaml", "--author", "op@agency.example", "--lab", "lab"]);
    }

    pub(crate) fn approve(&self, who: &str, phase: &str) {
        let by = format!("{who}@agency.example");
        self.must(0, &["approve", "plan.jsonl", "--by", &by, "--key", who, "--phase", phase]);
    }

    /// A command that stays, with its output thrown away.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    }

    /// The log as it stands.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path(".reissue/log/events.jsonl")).unwrap_or_default()
    }

    /// What the lab recorded of requests to this path's end: request body, status, response body.
    pub(crate) fn recorded(&self, path_end: &str) -> Vec<(Value, u64, Value)> {
        let text = std::fs::read_to_string(self.path("recording.jsonl")).unwrap_or_default();
        let lines = text.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok());
        let fits = |l: &Value| l["url"].as_str().is_some_and(|u| u.ends_with(path_end));
        lines
            .filter(fits)
            .map(|l| {
                (l["request_body"].clone(), l["status"].as_u64().unwrap_or(0), l["response_body"].clone())
            })
            .collect()
    }
}

//! The verifier in the bundle shares no code with ours. Both judge good bundles and spoilt ones, and
//! must come to the same class of verdict.

use reissue::domain::event::{Event, Line, RunContinued};
use reissue::domain::id::Digest;
use reissue::domain::merkle::{leaf, root};
use reissue::domain::plan::Plan;
use reissue::domain::text::Text;
use reissue::drill::{self, Audience};
use reissue::env::{Disk, MemoryDisk, RealDisk};
use reissue::trail::export::{Bundle, unpack};
use reissue::trail::verify::{Trust, verify};
use reissue::trail::{Checkpoint, Folder, Home, LogKey, VerifierKey};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

struct Nobody;
impl Audience for Nobody {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, _: &Line) {}
}

/// A bundle, and what only the log's writer has.
struct Good {
    tar: Vec<u8>,
    key: VerifierKey,
    private: Vec<u8>,
}

fn rehearsed(playbook: &str) -> Good {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let text = RealDisk.read(Path::new(&format!("{playbook}.yaml")), 1 << 20).unwrap();
    let text = String::from_utf8(text).unwrap();
    runtime.block_on(async {
        let env = drill::environment(1);
        drill::hold(&env, &text, &mut Nobody).await.unwrap_or_else(|e| panic!("{playbook}: {e}"));
        let home = Home::open(&env, Path::new("drill")).unwrap();
        let tar = Bundle::gather(&env.disk, &home.log()).unwrap().to_tar().unwrap();
        let private = env.disk.read(&home.root().join("log.key"), 4096).unwrap();
        Good { tar, key: home.vkey().unwrap(), private }
    })
}

fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| rehearsed("tests/playbooks/every-kind"))
}

/// Exit codes of both for the same file.
fn judged(tar: &[u8], key: &VerifierKey) -> (u8, u8, String) {
    let unpacked = unpack(tar).unwrap();
    let trust = Trust { key: key.clone(), roster: None, anchors: Vec::new(), keepers: Default::default() };
    let ours = verify(&unpacked.disk, &unpacked.folder, &trust).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.tar");
    std::fs::write(&file, tar).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let ran =
        Command::new("python3").args([script, file.to_str().unwrap(), &key.to_string()]).output().unwrap();
    let theirs = u8::try_from(ran.status.code().unwrap()).unwrap();
    let mut said = String::from_utf8_lossy(&ran.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&ran.stderr));
    said.extend(ours.findings.iter().map(|f| format!("\nours: {f}")));
    (ours.verdict.exit_code(), theirs, said)
}

/// A log that can be spoilt and put into a bundle again.
struct Spoilt {
    disk: Arc<dyn Disk>,
    folder: Folder,
}

impl Spoilt {
    fn new() -> Self {
        let unpacked = unpack(&good().tar).unwrap();
        Self { disk: unpacked.disk, folder: unpacked.folder }
    }
    fn lines(&self) -> Vec<Vec<u8>> {
        let bytes = self.disk.read(&self.folder.events(), 1 << 30).unwrap();
        bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect()
    }
    fn write(&self, lines: &[Vec<u8>]) {
        let bytes: Vec<u8> = lines.iter().flat_map(|l| l.iter().copied().chain([b'\n'])).collect();
        self.disk.write_atomic(&self.folder.events(), &bytes).unwrap();
    }
    /// Numbers and chains lines anew, as whoever can write the file can.
    fn chain(&self, lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let (mut prev, mut out) = ([0; 32], Vec::new());
        for (seq, line) in (0..).zip(lines) {
            let line = Line { seq, prev, ..Line::from_bytes(line).unwrap() }.to_bytes().unwrap();
            prev = leaf(&line);
            out.push(line);
        }
        out
    }
    /// Signs every checkpoint anew, as the holder of the log's key can.
    fn sign(&self, lines: &[Vec<u8>]) {
        let disk = MemoryDisk::default();
        disk.write_atomic(Path::new("k"), &good().private).unwrap();
        let key = LogKey::load(&disk, Path::new("k")).unwrap();
        let leaves: Vec<_> = lines.iter().map(|l| leaf(l)).collect();
        let folder = self.folder.checkpoints();
        let mut newest = String::new();
        for name in self.disk.list(&folder).unwrap() {
            let Some(size) = Checkpoint::size_of_name(&name) else { continue };
            let at = usize::try_from(size).unwrap().min(leaves.len());
            newest = Checkpoint { origin: key.origin().into(), size: at as u64, root: root(&leaves[..at]) }
                .sign(&key);
            self.disk.remove(&folder.join(&name)).unwrap();
            let name = Checkpoint::file_name(at as u64);
            self.disk.write_atomic(&folder.join(name), newest.as_bytes()).unwrap();
        }
        self.disk.write_atomic(&self.folder.checkpoint(), newest.as_bytes()).unwrap();
    }
    fn tar(&self) -> Vec<u8> {
        let mut bundle = Bundle::default();
        let root = self.folder.root();
        for name in ["log.vkey", "events.jsonl"] {
            bundle.add(name, self.disk.read(&root.join(name), 1 << 30).unwrap());
        }
        for folder in ["checkpoints", "objects"] {
            for name in self.disk.list(&root.join(folder)).unwrap() {
                bundle.add(
                    &format!("{folder}/{name}"),
                    self.disk.read(&root.join(folder).join(&name), 1 << 30).unwrap(),
                );
            }
        }
        bundle.to_tar().unwrap()
    }
}

#[test]
fn both_accept_what_a_rehearsal_wrote() {
    for playbook in [
        "tests/playbooks/every-kind",
        "tests/playbooks/two-roles",
        "playbooks/leaked-app-secret",
        "playbooks/contain-first",
        "playbooks/unneeded-apps",
        "playbooks/compromised-users",
    ] {
        let Good { tar, key, .. } = rehearsed(playbook);
        let (ours, theirs, said) = judged(&tar, &key);
        assert_eq!(ours, theirs, "{playbook}\n{said}");
        assert!([3, 4].contains(&ours), "{playbook}: {ours}\n{said}");
    }
}

#[test]
fn every_line_of_a_log_is_canonical_for_others_too() {
    for line in Spoilt::new().lines() {
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let again = serde_json_canonicalizer::to_vec(&value).unwrap();
        assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(line).unwrap());
    }
}

/// Spoils the lines; chained and signed anew if asked.
type Edit = fn(&mut Vec<Vec<u8>>);

fn find(lines: &[Vec<u8>], part: &str) -> usize {
    let at = lines.iter().position(|l| String::from_utf8_lossy(l).contains(part));
    at.unwrap_or_else(|| panic!("no {part}"))
}

fn swap(lines: &mut [Vec<u8>], at: usize, from: &str, to: &str) {
    let text = String::from_utf8(lines[at].clone()).unwrap();
    assert!(text.contains(from), "{text}");
    lines[at] = text.replacen(from, to, 1).into_bytes();
}

/// Another name for the first target that is named.
fn rename(lines: &mut [Vec<u8>]) {
    let at = find(lines, "\"name\":\"payroll-sync\"");
    swap(lines, at, "payroll-sync", "payroll-sine");
}

#[test]
fn both_see_lines_that_were_changed() {
    let rows: [(&str, Edit); 12] = [
        ("edit", |l| rename(l)),
        ("delete", |l| drop(l.remove(20))),
        ("swap", |l| l.swap(20, 21)),
        ("duplicate", |l| l.insert(20, l[20].clone())),
        ("truncate", |l| l.truncate(60)),
        ("space", |l| swap(l, 10, "{\"code\"", "{ \"code\"")),
        ("double key", |l| swap(l, 10, "\"seq\":10", "\"seq\":10,\"seq\":10")),
        ("carriage return", |l| l[10].push(b'\r')),
        ("escape", |l| swap(l, 10, "target.started", "target.st\\u0061rted")),
        ("number", |l| swap(l, 10, "\"seq\":10", "\"seq\":10.0")),
        ("not UTF-8", |l| l[10][30] = 0xff),
        ("first line", |l| drop(l.remove(0))),
    ];
    for (name, edit) in rows {
        let spoilt = Spoilt::new();
        let mut lines = spoilt.lines();
        edit(&mut lines);
        spoilt.write(&lines);
        let (ours, theirs, said) = judged(&spoilt.tar(), &good().key);
        assert_eq!((ours, theirs), (1, 1), "{name}\n{said}");
    }
}

/// Removes the last line that holds `part`, and corrects every count: only the meaning is wrong.
fn remove_last(lines: &mut Vec<Vec<u8>>, part: &str) {
    let at = lines.iter().rposition(|l| String::from_utf8_lossy(l).contains(part)).unwrap();
    lines.remove(at);
    for (seq, line) in (0..).zip(lines.iter_mut()) {
        let mut read = Line::from_bytes(line).unwrap();
        match &mut read.event {
            Event::RunFinished(e) => e.events -= 1,
            Event::LogClosed(e) => e.events = seq,
            _ => continue,
        }
        *line = read.to_bytes().unwrap();
    }
}

#[test]
fn both_see_what_even_the_holder_of_the_key_cannot_write() {
    let rows: [(&str, bool, Edit); 9] = [
        ("", false, |l| rename(l)),
        ("does not follow", false, |l| drop(l.remove(20))),
        ("before hold and recheck", true, |l| remove_last(l, "{\"held\"")),
        ("before hold and recheck", true, |l| remove_last(l, "{\"rechecked\"")),
        ("without enough approvals", true, |l| remove_last(l, "approval.recorded")),
        ("phase was not open", true, |l| remove_last(l, "phase.opened")),
        ("without an intent", true, |l| remove_last(l, "step.intent")),
        ("targets done", true, |l| {
            let at = find(l, "run.finished");
            swap(l, at, "\"done\":5", "\"done\":4");
        }),
        ("before that of the line before", true, |l| {
            swap(l, 88, "\"time\":\"2026-01-06", "\"time\":\"2026-01-05")
        }),
    ];
    for (says, signed, edit) in rows {
        let spoilt = Spoilt::new();
        let mut lines = spoilt.lines();
        edit(&mut lines);
        let lines = if signed || says.is_empty() { spoilt.chain(&lines) } else { lines };
        spoilt.write(&lines);
        if signed {
            spoilt.sign(&lines);
        }
        let (ours, theirs, said) = judged(&spoilt.tar(), &good().key);
        assert_eq!((ours, theirs), (1, 1), "{says}\n{said}");
        assert!(said.contains(says), "{says}\n{said}");
    }
}

#[test]
fn both_see_an_event_after_the_end_of_a_run() {
    let spoilt = Spoilt::new();
    let mut lines = spoilt.lines();
    let at = find(&lines, "run.finished");
    let last = Line::from_bytes(&lines[at]).unwrap();
    let event = RunContinued { by: Text::lossy("somebody") }.into();
    lines.insert(at + 1, Line { event, ..last }.to_bytes().unwrap());
    let lines = spoilt.chain(&lines);
    spoilt.write(&lines);
    spoilt.sign(&lines);
    let (ours, theirs, said) = judged(&spoilt.tar(), &good().key);
    assert_eq!((ours, theirs), (1, 1), "{said}");
}

/// Spoils the files around the lines.
type Break = fn(&Spoilt);

#[test]
fn both_see_files_that_were_changed() {
    let rows: [(&str, Break); 6] = [
        ("missing object", |s| {
            let name = s.disk.list(&s.folder.objects()).unwrap().remove(0);
            s.disk.remove(&s.folder.objects().join(name)).unwrap();
        }),
        ("changed object", |s| {
            let name = s.disk.list(&s.folder.objects()).unwrap().remove(0);
            s.disk.write_atomic(&s.folder.objects().join(name), b"other").unwrap();
        }),
        ("altered checkpoint", |s| {
            let name = s.disk.list(&s.folder.checkpoints()).unwrap().remove(3);
            let path = s.folder.checkpoints().join(name);
            let text = String::from_utf8(s.disk.read(&path, 4096).unwrap()).unwrap();
            s.disk.write_atomic(&path, text.replacen('A', "B", 1).as_bytes()).unwrap();
        }),
        ("dropped checkpoint", |s| {
            let name = s.disk.list(&s.folder.checkpoints()).unwrap().remove(3);
            s.disk.remove(&s.folder.checkpoints().join(name)).unwrap();
        }),
        ("no checkpoint", |s| {
            for name in s.disk.list(&s.folder.checkpoints()).unwrap() {
                s.disk.remove(&s.folder.checkpoints().join(name)).unwrap();
            }
        }),
        ("other vkey", |s| s.disk.write_atomic(&s.folder.vkey(), b"other+00000000+AQ==\n").unwrap()),
    ];
    for (name, spoil) in rows {
        let spoilt = Spoilt::new();
        spoil(&spoilt);
        let (ours, theirs, said) = judged(&spoilt.tar(), &good().key);
        assert_eq!((ours, theirs), (1, 1), "{name}\n{said}");
    }
    let other = rehearsed_key();
    let (ours, theirs, said) = judged(&good().tar, &other);
    assert_eq!((ours, theirs), (1, 1), "wrong key\n{said}");
}

/// A key of the same name that is not the log's.
fn rehearsed_key() -> VerifierKey {
    let random = reissue::env::Random::from_seed(7);
    let key = LogKey::create(&MemoryDisk::default(), Path::new("k"), &random, good().key.name()).unwrap();
    key.public().clone()
}

#[test]
fn both_call_a_torn_log_incomplete() {
    let spoilt = Spoilt::new();
    let mut bytes = spoilt.disk.read(&spoilt.folder.events(), 1 << 30).unwrap();
    bytes.extend(b"{\"code\":\"LOG0");
    spoilt.disk.write_atomic(&spoilt.folder.events(), &bytes).unwrap();
    let (ours, theirs, said) = judged(&spoilt.tar(), &good().key);
    assert_eq!((ours, theirs), (4, 4), "{said}");
}

#[test]
fn the_verifier_can_be_read_in_one_sitting() {
    let text = RealDisk.read(Path::new("verifier/reissue_verify.py"), 1 << 20).unwrap();
    assert!(String::from_utf8(text).unwrap().lines().count() < 760);
}

/// Where a program of this name is: itself, not a script that starts it.
fn found(name: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    places
        .find(|file| std::fs::read(file).is_ok_and(|bytes| !bytes.starts_with(b"#!")))
        .unwrap_or_else(|| panic!("{name} is not here"))
}

/// The reviewer's machine: the bundle, the log's key from elsewhere, Python and OpenSSL, and nothing else.
#[test]
fn a_bundle_verifies_where_there_is_only_python_and_openssl() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let there = tempfile::tempdir().unwrap();
    let at = |name: &str| there.path().join(name);
    std::fs::create_dir(at("bin")).unwrap();
    for name in ["python3", "openssl"] {
        symlink(found(name), at("bin").join(name)).unwrap();
    }
    std::fs::create_dir(at("bundle")).unwrap();
    std::fs::create_dir(at("elsewhere")).unwrap();
    tar::Archive::new(good().tar.as_slice()).unpack(at("bundle")).unwrap();
    // `audit export` puts it there under this name.
    let script = at("bundle/reissue_verify.py");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py"), &script).unwrap();
    let read_only = |folder: &Path, mode| {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for folder in [at("bundle"), at("bundle/objects"), at("bundle/checkpoints")] {
        read_only(&folder, 0o555);
    }
    let judge = |kept: Option<&Path>| {
        let mut python = Command::new(at("bin").join("python3"));
        python.env_clear().env("PATH", at("bin")).env("TMPDIR", at("elsewhere")).current_dir(at("elsewhere"));
        python.args(["-I", "-B"]).arg(&script).arg(at("bundle")).arg(good().key.to_string()).args(kept);
        let ran = python.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        (ran.status.code(), said.into_owned())
    };
    let kept = at("kept");
    std::fs::copy(at("bundle/checkpoints/checkpoint"), &kept).unwrap();
    let (alone, anchored) = (judge(None), judge(Some(&kept)));
    for folder in [at("bundle"), at("bundle/objects"), at("bundle/checkpoints")] {
        read_only(&folder, 0o755);
    }
    assert!(alone.0 == Some(3) && alone.1.contains("NOT anchored"), "{}", alone.1);
    assert!(anchored.0 == Some(0) && anchored.1.contains("intact, anchored and complete"), "{}", anchored.1);
    assert_eq!(std::fs::read_dir(at("elsewhere")).unwrap().count(), 0, "nothing is left behind");
    let events = at("bundle/events.jsonl");
    let spoilt = std::fs::read_to_string(&events).unwrap().replacen("\"attempt\":1", "\"attempt\":2", 1);
    std::fs::write(&events, spoilt).unwrap();
    assert_eq!(judge(Some(&kept)).0, Some(1), "and it does judge");
}

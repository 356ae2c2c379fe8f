//! The program as people meet it: every case in `tests/cases` is a command, its exit code and all
//! that it prints. A case about a playbook is named by the mistake in it.
//!
//! After a wanted change of words: `TRYCMD=overwrite cargo test --test cli`, then read the diff.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// In the playbooks of the cases every made-up secret has one of these in it.
const CANARIES: [&str; 4] = ["c4n4ry", "C4N4RY", "hunter2", "jNG40cnk"];

fn reissue(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reissue"));
    command.args(arguments).current_dir(folder).env_remove("NO_COLOR").output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/check")
}

fn playbooks() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cases()).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
    all.sort();
    all
}

#[test]
fn every_case_prints_what_it_printed() {
    trycmd::TestCases::new()
        .case("tests/cases/check/*.trycmd")
        .case("tests/cases/commands/*.trycmd")
        .case("tests/cases/fleet/*.trycmd")
        .case("tests/cases/quotas/*.trycmd");
}

#[test]
fn every_playbook_has_its_case() {
    assert!(playbooks().len() >= 40);
    for playbook in playbooks() {
        let case = std::fs::read_to_string(playbook.with_extension("trycmd")).expect("a .trycmd beside it");
        assert!(case.contains(playbook.file_name().unwrap().to_str().unwrap()));
    }
}

/// Whatever is wrong: code 1, a code and a place on stderr, nothing on stdout, no panic, no
/// backtrace, no colour, no secret; and the same mistakes as objects with `--json`.
#[test]
fn every_unsound_playbook_is_refused_alike() {
    for playbook in playbooks() {
        let name = playbook.file_name().unwrap().to_str().unwrap();
        let expected = i32::from(!name.starts_with("sound-"));
        let plain = reissue(&cases(), &["check", name]);
        assert_eq!(plain.status.code(), Some(expected), "{name}");
        let json = reissue(&cases(), &["--json", "check", name]);
        assert_eq!(json.status.code(), Some(expected), "{name}");
        assert!(json.stderr.is_empty(), "{name}");
        let objects: Vec<serde_json::Value> =
            text(&json.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        assert!(!objects.is_empty() && objects.iter().all(|o| o["v"] == 1), "{name}");
        let all = text(&plain.stdout) + &text(&plain.stderr) + &text(&json.stdout);
        for bad in CANARIES.iter().chain(&["panicked", "RUST_BACKTRACE", "\u{1b}", "\u{202e}"]) {
            assert!(!all.contains(bad), "{name} shows {bad:?}:\n{all}");
        }
        if expected == 0 {
            continue;
        }
        assert!(plain.stdout.is_empty(), "{name}");
        let stderr = text(&plain.stderr);
        for object in objects.iter().filter(|o| o["kind"] == "finding") {
            let place = format!("{name}:{}:{}", object["line"], object["column"]);
            assert!(stderr.contains(&place), "{name} lacks {place}:\n{stderr}");
            assert!(stderr.contains(object["code"].as_str().unwrap()), "{name}");
            assert!(object["hint"].is_string(), "{name}: a finding without a hint: {object}");
        }
        assert!(stderr.contains("nothing was changed"), "{name}");
    }
}

fn listing(folder: &Path) -> BTreeMap<PathBuf, (u64, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        all.insert(entry.path(), (meta.len(), meta.modified().unwrap()));
    }
    all
}

#[test]
fn checking_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), include_str!("../playbooks/midnight-blizzard.yaml"))
        .unwrap();
    std::fs::write(folder.path().join("b.yaml"), "reissue: 2\n").unwrap();
    let before = listing(folder.path());
    for arguments in [&["check", "a.yaml"][..], &["check", "b.yaml"], &["schema"], &["explain"]] {
        reissue(folder.path(), arguments);
    }
    assert_eq!(listing(folder.path()), before);
}

fn refused(folder: &Path, file: &str) -> String {
    let begun = Instant::now();
    let output = reissue(folder, &["check", file]);
    assert_eq!(output.status.code(), Some(1), "{file}");
    assert!(output.stdout.is_empty());
    assert!(begun.elapsed() < Duration::from_secs(10), "{file} took {:?}", begun.elapsed());
    text(&output.stderr)
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("sound.yaml"), include_str!("../playbooks/midnight-blizzard.yaml")).unwrap();
    symlink("sound.yaml", at("link.yaml")).unwrap();
    symlink("loop.yaml", at("loop.yaml")).unwrap();
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    for (file, word) in [
        ("missing.yaml", "there is no such file"),
        ("folder", "not a regular file"),
        ("fifo", "not a regular file"),
        ("link.yaml", "symbolic link"),
        ("loop.yaml", "symbolic link"),
        ("sound.yaml/x", "cannot be read"),
        ("/dev/zero", "not a regular file"),
    ] {
        let stderr = refused(folder.path(), file);
        assert!(stderr.contains("RI001") && stderr.contains(word), "{file}: {stderr}");
    }
}

#[test]
fn a_file_of_forty_megabytes_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let big = format!(
        "{}\n{}",
        include_str!("../playbooks/midnight-blizzard.yaml"),
        "# filler\n".repeat(4_500_000)
    );
    std::fs::write(folder.path().join("big.yaml"), big).unwrap();
    let stderr = refused(folder.path(), "big.yaml");
    assert!(stderr.contains("PB002") && stderr.contains("32768 KiB"), "{stderr}");
}

#[test]
fn a_long_line_is_named_but_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("long.yaml"), format!("reissue: [{}]\n", "a, ".repeat(100_000)))
        .unwrap();
    let stderr = refused(folder.path(), "long.yaml");
    assert!(stderr.contains("long.yaml:1:1") && stderr.len() < 10_000, "{}", stderr.len());
}

#[test]
fn a_file_with_a_hostile_name_is_named_harmlessly() {
    let folder = tempfile::tempdir().unwrap();
    let stderr = refused(folder.path(), "a\u{1b}[31m\u{202e}.yaml");
    assert!(!stderr.contains(['\u{1b}', '\u{202e}']), "{stderr:?}");
}

#[test]
fn an_unreadable_file_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("locked.yaml");
    std::fs::write(&file, "reissue: 1\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything: then the file is merely unsound.
    assert!(refused(folder.path(), "locked.yaml").contains("nothing was changed"));
}

#[test]
fn wrong_usage_ends_with_64() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["check"],
        &["check", "a", "b"],
        &["explain", "PB999"],
        &["check", "--force", "a"],
    ] {
        assert_eq!(reissue(folder.path(), arguments).status.code(), Some(64), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["check", "--help"]] {
        assert_eq!(reissue(folder.path(), arguments).status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn every_code_that_is_raised_can_be_explained() {
    let folder = tempfile::tempdir().unwrap();
    let listed = text(&reissue(folder.path(), &["explain"]).stdout);
    assert!(listed.lines().count() > 40);
    for line in listed.lines() {
        let code = line.split(' ').next().unwrap();
        let told = reissue(folder.path(), &["explain", code]);
        assert_eq!(told.status.code(), Some(0));
        assert!(text(&told.stdout).starts_with(code));
    }
}

/// A code that no case shows is a message that nobody has read.
#[test]
fn every_playbook_code_has_a_case() {
    let shown: String = std::fs::read_dir(cases())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "trycmd"))
        .map(|p| std::fs::read_to_string(p).unwrap())
        .collect();
    for code in reissue::domain::playbook::Code::ALL {
        let elsewhere = ["PB002"]; // a_file_of_forty_megabytes_is_refused_at_once
        assert!(shown.contains(code.id()) || elsewhere.contains(&code.id()), "{code} is never shown");
    }
}

/// Forty targets are one line each and little beside: no wall of text at three in the morning.
#[test]
fn a_large_drill_is_told_shortly() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = reissue(package, &["drill", "playbooks/midnight-blizzard.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout);
    let targets = told.lines().filter(|l| l.ends_with("  done") || l.ends_with("  rotated, not evicted"));
    assert_eq!(targets.clone().count(), 41);
    assert!(targets.map(|l| l.chars().count()).max() <= Some(120));
    assert!(told.lines().count() < 41 + 62, "{told}");
    assert!(told.contains("feed-portal of partner-feed (t1)") && !told.contains("NOT FORETOLD"), "{told}");
}

#[test]
fn a_full_pipe_reader_that_leaves_is_no_error() {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{} schema | head -1", env!("CARGO_BIN_EXE_reissue")));
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty() && output.status.success());
}

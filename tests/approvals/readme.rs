//! The lines of the README, and a shell that runs them as they stand there.

use std::path::Path;
use std::process::{Command, Stdio};

/// The fenced blocks of a section.
pub(super) fn blocks(heading: &str) -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let section = readme.split(&format!("\n## {heading}\n")).nth(1).expect("the section is there");
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|b| b.split("```").next().unwrap()).collect()
}

/// Runs the lines in a folder, whose `home` is the person's, with `reissue` on the path; exit code and all that was printed.
pub(super) fn shell(folder: &Path, lines: &str) -> (i32, String) {
    let bin = Path::new(env!("CARGO_BIN_EXE_reissue")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let ran = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; set -e\n{lines}")])
        .current_dir(folder)
        .env("HOME", folder.join("home"))
        .env("PATH", path)
        .env_remove("REISSUE_HOME")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (ran.status.code().unwrap_or(-1), String::from_utf8_lossy(&ran.stdout).into_owned())
}

//! Folders and disks that cannot be used, met by the real program: a file in the folder's place,
//! somebody else's folder, a read-only file system, a disk that is full. Each is told with what to
//! do, and nothing reaches the tenant.
//!
//! The last two need mounts of their own, which a machine may refuse: then the test says so.

use crate::support::team::{TENANT, Team};
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

const APPLY: [&str; 8] = ["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"];
const NOBODY: u32 = 65_534;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn told(output: &Output, code: i32, words: &[&str]) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    words.iter().for_each(|w| assert!(text.contains(w), "{w:?} in:\n{text}"));
}

/// A team whose plan is approved.
fn ready() -> Team {
    let team = Team::gather(include_str!("../cases/desk.yaml"));
    team.init();
    team.plan();
    team.approve("ann", "start");
    team.approve("ben", "start");
    team
}

fn init(home: &str) -> Vec<&str> {
    let cloud = ["--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
    [&["init", "--home", home, "--tenant", TENANT], &cloud[..]].concat()
}

#[test]
fn a_file_in_the_folders_place() {
    let team = Team::sit_down(include_str!("../cases/desk.yaml"));
    std::fs::write(team.path("file"), "mine").unwrap();
    told(&team.run(&init("file")), 1, &["RI005", "file", "nothing was changed", "name a folder"]);
    told(&team.run(&init("file/below")), 1, &["RI005", "nothing was changed", "name a folder"]);
    told(&team.run(&["status", "--home", "file"]), 1, &["RI005", "name a folder"]);
    assert_eq!(std::fs::read(team.path("file")).unwrap(), b"mine");
}

/// As a user who may not: for root that is somebody else.
#[test]
fn somebody_elses_folder() {
    let team = ready();
    let open = |path: &str, mode| {
        std::fs::set_permissions(team.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // Everything but the installation may be read.
    open(".", 0o755);
    open("plan.jsonl", 0o644);
    open(".reissue", 0o000);
    let as_nobody = |arguments: &[&str]| {
        let mut command = team.command(arguments);
        if std::fs::read(team.path(".reissue/install.json")).is_ok() {
            command.uid(NOBODY);
        }
        command.output().unwrap()
    };
    let words = ["RI005", "Permission denied", "nothing was changed", "run as the user who owns the folder"];
    told(&as_nobody(&["status"]), 1, &words);
    told(&as_nobody(&APPLY), 1, &words);
    told(&as_nobody(&["plan", "playbook.yaml", "--author", "op", "--lab", "lab"]), 1, &words);
    open(".reissue", 0o700);
    assert!(team.recorded("/addPassword").is_empty());
}

/// Runs a command where this shell line has been carried out in mounts of its own; none if the
/// machine does not let us mount.
fn mounted(team: &Team, line: &str, arguments: &[&str]) -> Option<Output> {
    let run = |script: String| {
        let mut shell = Command::new("unshare");
        shell.args(["-rm", "sh", "-c", &script, "sh"]).arg(OsStr::new(env!("CARGO_BIN_EXE_reissue")));
        shell.args(arguments).current_dir(team.folder.path()).env_remove("REISSUE_HOME").output()
    };
    match run(line.to_owned()) {
        Ok(mounts) if mounts.status.success() => Some(run(format!("{line} && exec \"$@\"")).unwrap()),
        refused => {
            eprintln!("not tested: this machine does not let us mount ({refused:?})");
            None
        }
    }
}

#[test]
fn a_read_only_file_system() {
    let team = ready();
    let mount = "mount --bind .reissue .reissue && mount -o remount,ro,bind .reissue";
    let before = team.log();
    let words = ["RI005", "Read-only file system", "nothing was changed", "mount the file system writable"];
    let Some(apply) = mounted(&team, mount, &APPLY) else { return };
    told(&apply, 1, &words);
    // Reading needs no writing.
    told(&mounted(&team, mount, &["status"]).unwrap(), 0, &["No run"]);
    let approve = ["approve", "plan.jsonl", "--by", "ann@agency.example", "--key", "ann", "--reject"];
    told(&mounted(&team, mount, &approve).unwrap(), 1, &words);
    told(&mounted(&team, mount, &init(".reissue/new")).unwrap(), 1, &words);
    assert_eq!(team.log(), before);
    assert!(team.recorded("/addPassword").is_empty());
}

#[test]
fn a_full_disk() {
    let team = ready();
    let full = "mkdir -p small && mount -t tmpfs -o size=256k tmpfs small && cp -r .reissue small/home && \
                { cat /dev/zero > small/rest || true; } 2>/dev/null";
    let apply = [&APPLY[..], &["--home", "small/home"]].concat();
    let Some(refused) = mounted(&team, full, &apply) else { return };
    told(&refused, 1, &["RI022", "No space left", "Free space", "run the command again"]);
    assert!(team.recorded("/addPassword").is_empty());
}

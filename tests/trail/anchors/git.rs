//! A repository as keeper, with a bare remote.

use super::house::House;

fn with_repository() -> House {
    let house = House::new();
    house.run("git", &["init", "-q", "--bare", "remote.git"]);
    house.run("git", &["clone", "-q", "remote.git", "clone"]);
    configure(&house, "clone");
    house
}

fn configure(house: &House, name: &str) {
    for (key, value) in
        [("user.name", "Kim"), ("user.email", "kim@agency.example"), ("commit.gpgsign", "false")]
    {
        house.run("git", &["-C", name, "config", key, value]);
    }
}

#[test]
fn a_checkpoint_is_committed_and_pushed_and_the_remote_bears_witness() {
    let house = with_repository();
    std::fs::write(house.path("clone/notes"), "not ours").unwrap();
    let size = house.size();
    let said = house.anchored(0, &["--git", "clone"]);
    assert!(said.contains(&format!("Anchored {size} lines: commit")) && said.contains("to origin"), "{said}");
    house.verified(0, &["--anchor-git", "remote.git"]);
    let said = house.verified(3, &[]);
    assert!(said.contains("git          recorded") && said.contains("no repository was given"), "{said}");
    // The work tree and the index are as they were; the checkpoint is the very file.
    assert_eq!(house.run("git", &["-C", "clone", "status", "--porcelain"]), "?? notes\n");
    let tree = house.run("git", &["-C", "remote.git", "ls-tree", "--name-only", "reissue-anchors"]);
    let shown = house.run("git", &["-C", "remote.git", "show", &format!("reissue-anchors:{}", tree.trim())]);
    assert_eq!(shown, std::fs::read_to_string(house.checkpoint(size)).unwrap());

    let commits = || house.run("git", &["-C", "remote.git", "rev-list", "--count", "reissue-anchors"]);
    house.anchored(0, &["--git", "clone"]);
    assert_eq!(commits().trim(), "1", "what is there is not committed again");
    house.grow();
    house.verified(3, &["--anchor-git", "remote.git"]);
    house.anchored(0, &["--git", "clone"]);
    assert_eq!(commits().trim(), "2");
    let said = house.verified(0, &["--anchor-git", "remote.git"]);
    assert!(said.contains("git          holds for") && !said.contains("own folder"), "{said}");
    // A clone of the repository in another place bears witness too, from a folder below its top.
    house.run("git", &["clone", "-q", "remote.git", "other"]);
    std::fs::create_dir(house.path("other/below")).unwrap();
    house.verified(0, &["--anchor-git", "other/below"]);
}

#[test]
fn two_logs_and_two_clones_share_a_branch() {
    let (house, other) = (with_repository(), House::new());
    let remote = house.path("remote.git").to_string_lossy().into_owned();
    house.anchored(0, &["--git", "clone"]);
    other.run("git", &["clone", "-q", &remote, "clone"]);
    configure(&other, "clone");
    other.anchored(0, &["--git", "clone"]);
    other.verified(0, &["--anchor-git", &remote]);
    house.verified(0, &["--anchor-git", &remote]);
    // Somebody puts the other log's head under our log's name, on a branch of their own.
    let file = house.run("git", &["-C", "clone", "ls-tree", "--name-only", "reissue-anchors"]);
    std::fs::copy(other.checkpoint(other.size()), house.path("clone").join(file.trim())).unwrap();
    house.run("git", &["-C", "clone", "add", "."]);
    house.run("git", &["-C", "clone", "commit", "-q", "-m", "x"]);
    house.run("git", &["-C", "clone", "push", "-q", "origin", "HEAD:refs/heads/elsewhere"]);
    let said = house.verified(0, &["--anchor-git", &remote]);
    assert!(said.contains("1 commit there holds a checkpoint by another key"), "{said}");
    // A second clone has what the first lacks: it is fetched, and built upon.
    house.run("git", &["clone", "-q", "remote.git", "second"]);
    configure(&house, "second");
    house.grow();
    house.anchored(0, &["--git", "second"]);
    house.grow();
    house.anchored(0, &["--git", "clone"]);
    let count = house.run("git", &["-C", "remote.git", "rev-list", "--count", "reissue-anchors"]);
    assert_eq!(count.trim(), "4");
    house.verified(0, &["--anchor-git", "remote.git"]);
}

#[test]
fn a_cut_or_rewritten_log_is_told_by_the_repository() {
    let house = with_repository();
    let size = house.size();
    house.anchored(0, &["--git", "clone"]);
    house.grow();
    house.anchored(0, &["--git", "clone"]);
    house.cut_to(size);
    house.verified(3, &[]);
    let said = house.verified(1, &["--anchor-git", "remote.git"]);
    assert!(said.contains("the log was cut"), "{said}");
    let said = house.anchored(1, &["--git", "clone"]);
    assert!(said.contains("but its newest checkpoint here has"), "{said}");
    house.grow();
    let said = house.verified(1, &["--anchor-git", "remote.git"]);
    assert!(said.contains("saw other first"), "{said}");
    let said = house.anchored(1, &["--git", "clone"]);
    assert!(said.contains("that are not the first of this log"), "{said}");
}

#[test]
fn a_repository_that_lost_the_commit_is_told() {
    let house = with_repository();
    house.anchored(0, &["--git", "clone"]);
    house.run("git", &["init", "-q", "--bare", "empty.git"]);
    let said = house.verified(4, &["--anchor-git", "empty.git"]);
    assert!(said.contains("which no repository that was given has"), "{said}");
    let said = house.verified(2, &["--anchor-git", "nowhere"]);
    assert!(said.contains("RI025") && said.contains("is not a git repository"), "{said}");
    // In a repository, but not one of its own: what is not there is not found elsewhere.
    let said = house.verified(2, &["--anchor-git", ".reissue/log"]);
    assert!(said.contains("out of the log's own folder proves nothing"), "{said}");
}

#[test]
fn what_git_cannot_do_is_told() {
    let house = with_repository();
    let said = house.anchored(1, &["--git", "."]);
    assert!(said.contains("is not a git repository"), "{said}");
    let said = house.anchored(1, &["--git", "clone", "--branch", "a..b"]);
    assert!(said.contains("cannot name a branch"), "{said}");
    let said = house.anchored(1, &["--git", "clone", "--remote", "upstream"]);
    assert!(said.contains("there is no remote \"upstream\""), "{said}");
    house.run("git", &["-C", "clone", "checkout", "-q", "-b", "main2"]);
    let said = house.anchored(1, &["--git", "clone", "--branch", "main2"]);
    assert!(said.contains("is checked out there"), "{said}");
    house.run("git", &["init", "-q", "--bare", "alone.git"]);
    configure(&house, "alone.git");
    let said = house.anchored(0, &["--git", "alone.git"]);
    assert!(said.contains("Not pushed"), "{said}");
    house.run("git", &["-C", "clone", "remote", "set-url", "origin", "https://kim:s3cret@127.0.0.1:9/x.git"]);
    let said = house.anchored(1, &["--git", "clone"]);
    assert!(said.contains("git ls-remote failed") && !said.contains("s3cret"), "{said}");
}

/// Signed as git is configured: with an SSH key here.
#[test]
fn a_commit_is_signed_as_git_is_configured() {
    let house = with_repository();
    let key = house.path("ann").to_string_lossy().into_owned();
    for (name, value) in [("gpg.format", "ssh"), ("user.signingkey", &key)] {
        house.run("git", &["-C", "clone", "config", name, value]);
    }
    house.anchored(0, &["--git", "clone", "--sign"]);
    let shown = house.run("git", &["-C", "clone", "cat-file", "commit", "reissue-anchors"]);
    assert!(shown.contains("BEGIN SSH SIGNATURE"), "{shown}");
    house.grow();
    house.run("git", &["-C", "clone", "config", "commit.gpgsign", "true"]);
    house.anchored(0, &["--git", "clone"]);
    let shown = house.run("git", &["-C", "clone", "cat-file", "commit", "reissue-anchors"]);
    assert!(shown.contains("BEGIN SSH SIGNATURE"), "{shown}");
    house.verified(0, &["--anchor-git", "remote.git"]);
}

/// Judging starts nothing that the repository names: it may be anybody's.
#[test]
fn a_hostile_repository_starts_nothing() {
    let house = with_repository();
    house.anchored(0, &["--git", "clone"]);
    let script = "#!/bin/sh\ntouch \"$(dirname \"$0\")/started\"\ncat\n";
    let hook = house.path("clone/hook");
    std::fs::write(&hook, script).unwrap();
    house.run("chmod", &["+x", "clone/hook"]);
    let hook = hook.to_string_lossy().into_owned();
    for key in
        ["core.fsmonitor", "core.pager", "gpg.program", "gpg.ssh.program", "diff.external", "core.sshCommand"]
    {
        house.run("git", &["-C", "clone", "config", key, &hook]);
    }
    for (key, value) in
        [("log.showSignature", "true"), ("filter.x.smudge", &hook), ("diff.x.textconv", &hook)]
    {
        house.run("git", &["-C", "clone", "config", key, value]);
    }
    std::fs::write(house.path("clone/.gitattributes"), "* filter=x diff=x\n").unwrap();
    house.verified(0, &["--anchor-git", "clone"]);
    assert!(!house.path("clone/started").exists());
}

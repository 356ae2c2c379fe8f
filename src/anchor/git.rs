//! A repository as a keeper of checkpoints: each is a commit on a branch of its own, in a file named
//! by the log. Git's plumbing is used, so that neither index nor work tree is touched; the repository
//! may be bare. Keys, names and remotes are as git is configured.

use super::{CallError, Head, Obtained, without_passwords};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::child;
use crate::trail::anchors::record::Place;
use crate::trail::anchors::{Kind, Record};
use crate::trail::verify::Anchor;
use crate::trail::{Checkpoint, VerifierKey};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Checkpoints have a branch of their own.
pub const BRANCH: &str = "reissue-anchors";

/// Why there is no commit, or none can be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git cannot be run: {0}")]
    NoGit(String),
    #[error("git {doing} failed: {why}")]
    Failed { doing: &'static str, why: Text<300> },
    #[error("{} is not a git repository", .0.display())]
    NoRepository(PathBuf),
    #[error("{0:?} cannot name a branch")]
    Branch(String),
    #[error("{0} is checked out there: its files would no longer be those of its commit")]
    CheckedOut(String),
    #[error("the branch here and at {0} have each a commit that the other lacks")]
    Diverged(String),
    #[error(
        "the repository holds a checkpoint of {there} lines of this log, but its newest checkpoint here has {here}"
    )]
    Ahead { there: u64, here: u64 },
    #[error("the repository holds a checkpoint of {0} lines that are not the first of this log")]
    Forked(u64),
    #[error("{0}")]
    Call(#[from] CallError),
}

/// Variables that would make git look elsewhere, ask a person, or fetch what is missing.
const VARS: [(&str, Option<&str>); 7] = [
    ("GIT_DIR", None),
    ("GIT_WORK_TREE", None),
    ("GIT_INDEX_FILE", None),
    ("GIT_OBJECT_DIRECTORY", None),
    ("GIT_NO_LAZY_FETCH", Some("1")),
    ("GIT_TERMINAL_PROMPT", Some("0")),
    ("LC_ALL", Some("C")),
];

/// A repository on this machine.
pub struct Repository {
    folder: PathBuf,
    /// Nothing that its own configuration names is started: it may be anybody's.
    careful: bool,
}

impl Repository {
    fn open(folder: &Path, careful: bool) -> Result<Self, GitError> {
        let repository = Self { folder: folder.to_owned(), careful };
        match repository.try_git(&["rev-parse", "--git-dir"], b"")? {
            (Some(0), ..) => Ok(repository),
            // Somebody else's folder: git says what to do about it.
            (_, _, why) if why.contains("dubious ownership") => {
                let why = Text::lossy(why.trim().replace('\n', "; ").as_str());
                Err(GitError::Failed { doing: "rev-parse", why })
            }
            _ => Err(GitError::NoRepository(folder.to_owned())),
        }
    }

    fn try_git(&self, arguments: &[&str], stdin: &[u8]) -> Result<(Option<i32>, Vec<u8>, String), GitError> {
        let folder = self.folder.to_string_lossy();
        let mut all = vec!["-C", &*folder, "--no-replace-objects"];
        if self.careful {
            all.extend(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]);
        }
        all.extend(arguments);
        let done =
            child::run_with("git", &all, stdin, false, &VARS).map_err(|e| GitError::NoGit(e.to_string()))?;
        Ok((done.code, done.stdout, without_passwords(&String::from_utf8_lossy(&done.stderr))))
    }

    /// What git prints, without the line feed at its end.
    fn git(&self, doing: &'static str, arguments: &[&str], stdin: &[u8]) -> Result<String, GitError> {
        let (code, stdout, why) = self.try_git(arguments, stdin)?;
        match code {
            Some(0) => Ok(String::from_utf8_lossy(&stdout).trim_end_matches('\n').to_owned()),
            _ => Err(GitError::Failed { doing, why: Text::lossy(why.trim().replace('\n', "; ").as_str()) }),
        }
    }

    /// The same where failing means that there is none.
    fn find(&self, arguments: &[&str]) -> Result<Option<String>, GitError> {
        let (code, stdout, _) = self.try_git(arguments, b"")?;
        let text = String::from_utf8_lossy(&stdout).trim_end().to_owned();
        Ok((code == Some(0) && !text.is_empty()).then_some(text))
    }

    fn tip(&self, reference: &str) -> Result<Option<String>, GitError> {
        self.find(&["rev-parse", "--verify", "--quiet", &format!("{reference}^{{commit}}")])
    }

    fn is_ancestor(&self, old: &str, new: &str) -> Result<bool, GitError> {
        Ok(self.try_git(&["merge-base", "--is-ancestor", old, new], b"")?.0 == Some(0))
    }
}

/// What is wanted of a repository.
pub struct Wanted<'a> {
    pub folder: &'a Path,
    pub branch: &'a str,
    /// Where to push to; without one, `origin` if there is one.
    pub remote: Option<&'a str>,
    /// Whether to sign even if git is not configured to sign every commit.
    pub sign: bool,
}

/// Commits the head, pushes it, and keeps a record of where it is.
pub fn commit(wanted: &Wanted<'_>, head: &Head) -> Result<(Obtained, Option<String>), GitError> {
    let repository = Repository::open(wanted.folder, false)?;
    let branch = format!("refs/heads/{}", wanted.branch);
    if repository.find(&["check-ref-format", "--branch", wanted.branch])?.is_none() {
        return Err(GitError::Branch(wanted.branch.chars().take(100).collect()));
    }
    let bare = repository.git("rev-parse", &["rev-parse", "--is-bare-repository"], b"")? == "true";
    if !bare && repository.find(&["symbolic-ref", "--quiet", "HEAD"])?.as_deref() == Some(&branch) {
        return Err(GitError::CheckedOut(wanted.branch.to_owned()));
    }
    let remote = remote(&repository, wanted.remote)?;
    let (here, parent) = tips(&repository, &branch, wanted.branch, remote.as_deref())?;
    let file = Record::file_of(&head.checkpoint.origin);
    let commit = match &parent {
        Some(parent) if is_there(&repository, parent, &file, head)? => parent.clone(),
        _ => make(&repository, parent.as_deref(), &file, head, wanted.sign)?,
    };
    let old = here.unwrap_or_default();
    if commit != old {
        repository.git("update-ref", &["update-ref", &branch, &commit, &old], b"")?;
    }
    if let Some(remote) = &remote {
        repository.git("push", &["push", "--quiet", remote, &format!("{branch}:{branch}")], b"")?;
    }
    let place = Place::Git {
        branch: Text::lossy(wanted.branch),
        commit: Text::lossy(&commit),
        file: Text::lossy(&file),
        pushed_to: remote.as_deref().map(Text::lossy),
    };
    let by = format!("commit {commit} of {}", wanted.branch);
    let done = super::record(head, place, by, None).map_err(CallError::from)?;
    Ok((done, remote))
}

fn remote(repository: &Repository, wanted: Option<&str>) -> Result<Option<String>, GitError> {
    let all = repository.git("remote", &["remote"], b"")?;
    let named = wanted.unwrap_or("origin");
    match all.lines().any(|r| r == named) {
        true => Ok(Some(named.to_owned())),
        false if wanted.is_some() => {
            let why =
                Text::lossy(&format!("there is no remote {named:?}; there are: {}", all.replace('\n', ", ")));
            Err(GitError::Failed { doing: "remote", why })
        }
        false => Ok(None),
    }
}

/// The branch's tip here, and the newer of that and the remote's.
fn tips(
    repository: &Repository,
    branch: &str,
    short: &str,
    remote: Option<&str>,
) -> Result<(Option<String>, Option<String>), GitError> {
    let here = repository.tip(branch)?;
    let Some(remote) = remote else { return Ok((here.clone(), here)) };
    if repository.git("ls-remote", &["ls-remote", "--heads", remote, branch], b"")?.is_empty() {
        return Ok((here.clone(), here));
    }
    let tracked = format!("refs/remotes/{remote}/{short}");
    let what = format!("+{branch}:{tracked}");
    repository.git("fetch", &["fetch", "--quiet", "--no-tags", remote, &what], b"")?;
    let there = repository.tip(&tracked)?;
    let parent = match (&here, &there) {
        (Some(h), Some(t)) if repository.is_ancestor(h, t)? => there,
        (Some(h), Some(t)) if repository.is_ancestor(t, h)? => here.clone(),
        (Some(_), Some(_)) => return Err(GitError::Diverged(remote.to_owned())),
        (None, _) => there,
        (_, None) => here.clone(),
    };
    Ok((here, parent))
}

/// Whether this very head stands in the commit; one that contradicts it is an error.
fn is_there(repository: &Repository, commit: &str, file: &str, head: &Head) -> Result<bool, GitError> {
    let (code, note, _) = repository.try_git(&["cat-file", "blob", &format!("{commit}:{file}")], b"")?;
    if code != Some(0) {
        return Ok(false);
    }
    // One by another key is of an earlier log of this name: its place is taken.
    let Some(there) = head.keys.iter().find_map(|key| Checkpoint::open(&note, key).ok()) else {
        return Ok(false);
    };
    match head.root_at(there.size) {
        None => Err(GitError::Ahead { there: there.size, here: head.size() }),
        Some(root) if root != there.root => Err(GitError::Forked(there.size)),
        Some(_) => Ok(there == head.checkpoint),
    }
}

/// A new commit: the parent's tree, with the head in the log's file.
fn make(
    repository: &Repository,
    parent: Option<&str>,
    file: &str,
    head: &Head,
    sign: bool,
) -> Result<String, GitError> {
    let note = head.note.as_bytes();
    let blob = repository.git("hash-object", &["hash-object", "-w", "--no-filters", "--stdin"], note)?;
    let mut entries = String::new();
    if let Some(parent) = parent {
        let tree = repository.git("ls-tree", &["ls-tree", "-z", parent], b"")?;
        let others = tree.split_terminator('\0').filter(|e| e.split('\t').nth(1) != Some(file));
        entries.extend(others.map(|e| format!("{e}\0")));
    }
    entries += &format!("100644 blob {blob}\t{file}\0");
    let tree = repository.git("mktree", &["mktree", "-z"], entries.as_bytes())?;
    let Checkpoint { origin, size, root } = &head.checkpoint;
    let message = format!("Checkpoint of {origin}: {size} lines\n\nroot {}\n", crate::domain::id::hex(root));
    let mut arguments = vec!["commit-tree", tree.as_str(), "-F", "-"];
    // `commit-tree` does not look at the setting by itself.
    let always = repository.find(&["config", "--type=bool", "commit.gpgSign"])?;
    if sign || always.as_deref() == Some("true") {
        arguments.push("-S");
    }
    if let Some(parent) = parent {
        arguments.extend(["-p", parent]);
    }
    repository.git("commit-tree", &arguments, message.as_bytes())
}

/// The checkpoints of a log that a repository keeps, on all its branches.
#[derive(Default)]
pub struct Kept {
    pub anchors: Vec<Anchor>,
    pub commits: BTreeSet<String>,
    /// Commits whose file is not a checkpoint by a key of this log.
    pub foreign: usize,
}

/// Reads a repository that may be anybody's: nothing that it names is run.
pub fn kept(folder: &Path, origin: &str, keys: &[VerifierKey]) -> Result<Kept, GitError> {
    let repository = Repository::open(folder, true)?;
    let file = Record::file_of(origin);
    let path = format!(":(top,literal){file}");
    let log = ["log", "--all", "--full-history", "--no-show-signature", "--format=%H %ct", "--", &path];
    let list = repository.git("log", &log, b"")?;
    let commits: Vec<(&str, i64)> = list
        .lines()
        .filter_map(|l| l.split_once(' '))
        .filter_map(|(c, t)| Some((c, t.parse().ok()?)))
        .collect();
    let asked: String = commits.iter().map(|(commit, _)| format!("{commit}:{file}\n")).collect();
    let (code, stdout, why) = repository.try_git(&["cat-file", "--batch"], asked.as_bytes())?;
    if code != Some(0) {
        return Err(GitError::Failed { doing: "cat-file", why: Text::lossy(why.trim()) });
    }
    let (mut kept, mut rest) = (Kept::default(), stdout.as_slice());
    for (commit, time) in commits {
        let Some((blob, after)) = next_blob(rest) else { break };
        rest = after;
        let Some(blob) = blob else { continue };
        let short: String = commit.chars().take(12).collect();
        let name = format!("commit {short} in {}", folder.display());
        let time = Some(Timestamp::from_unix_s(time));
        match keys.iter().find_map(|key| Anchor::from_checkpoint(&name, blob, key, time).ok()) {
            Some(anchor) => {
                kept.anchors.push(Anchor { kind: Kind::Git, ..anchor });
                kept.commits.insert(commit.to_owned());
            }
            None => kept.foreign += 1,
        }
    }
    Ok(kept)
}

/// The next object of `cat-file --batch`, and what follows it; no object if the file was removed in
/// that commit.
fn next_blob(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let (header, rest) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]);
    if header.ends_with(" missing") {
        return Some((None, rest));
    }
    let length: usize = header.rsplit(' ').next()?.parse().ok()?;
    let content = rest.get(..length)?;
    Some((Some(content), rest.get(length + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_not_repeated() {
        let told = without_passwords(
            "fatal: unable to access 'https://kim:s3cret@git.example/x@y/': 403\nsee http://a.b/",
        );
        assert_eq!(told, "fatal: unable to access 'https://git.example/x@y/': 403\nsee http://a.b/");
    }

    #[test]
    fn a_batch_is_read_piece_by_piece() {
        let bytes = b"c0ffee blob 3\nabc\nx:y missing\nc0ffee blob 0\n\n";
        let (first, rest) = next_blob(bytes).unwrap();
        assert_eq!(first, Some(&b"abc"[..]));
        let (second, rest) = next_blob(rest).unwrap();
        assert_eq!(second, None);
        assert_eq!(next_blob(rest).unwrap().0, Some(&b""[..]));
        assert!(next_blob(b"c0ffee blob 9\nabc\n").is_none());
    }
}

//! A bundle from somebody else, unpacked into memory. Whatever a bundle does not have is refused
//! as a whole: absolute names, `..`, links, devices, doubled names, more bytes than allowed.

use super::super::Folder;
use super::super::anchors::Kind;
use super::super::objects::OBJECT_BYTES_MAX;
use super::{BUNDLE_BYTES_MAX, FOLDER};
use crate::domain::text::Text;
use crate::env::{Disk, DiskError, MemoryDisk};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A log of a hundred thousand targets has some hundred thousand objects at most.
const ENTRIES_MAX: usize = 400_000;
const LOG: &str = "events.jsonl";

/// Why bytes are not a bundle. Nothing was written anywhere.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("it is not a tar file: {0}")]
    Tar(String),
    #[error("it holds {0:?}, which no bundle has")]
    Name(String),
    #[error("it holds {0:?} as a link, folder or device; a bundle has regular files only")]
    Sort(String),
    #[error("it holds {0:?} twice")]
    Twice(String),
    #[error("it holds both a log and an excerpt of one: which is meant cannot be known")]
    Both,
    #[error("it holds more than a bundle may: {0}")]
    TooLarge(&'static str),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A bundle in memory: a log folder on a disk of its own.
pub struct Unpacked {
    pub disk: Arc<dyn Disk>,
    pub folder: Folder,
}

/// Whether a bundle has a file of this name. The whole of what may be in one.
fn is_ours(name: &str) -> bool {
    const TOP: [&str; 11] = [
        "SHA256SUMS",
        "allowed_signers",
        "credentials.csv",
        "events.csv",
        LOG,
        "events.ocsf.jsonl",
        super::super::excerpt::FILE,
        "log.vkey",
        "reissue_verify.py",
        "report.html",
        "status.csv",
    ];
    let digits =
        |s: &str, n: usize| s.len() == n && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match name.split_once('/') {
        None => TOP.contains(&name) || name == "report.json" || is_part_of_report(name),
        Some(("checkpoints", rest)) => {
            rest == "checkpoint" || super::super::Checkpoint::size_of_name(rest).is_some()
        }
        Some(("anchors", rest)) => Kind::of_name(rest).is_some(),
        Some(("objects", rest)) => rest.strip_prefix("sha256-").is_some_and(|d| digits(d, 64)),
        Some(_) => false,
    }
}

/// What the files beside a large report are about: the report's own names for it (`report::html`).
const FURTHER: [&str; 6] = ["credentials-", "events-", "exposure-", "open-", "status-", "troubles-"];

/// A file that lies beside `report.html` when the run is large.
fn is_part_of_report(name: &str) -> bool {
    let number =
        name.strip_prefix("report-").and_then(|rest| FURTHER.iter().find_map(|sort| rest.strip_prefix(sort)));
    let number = number.and_then(|rest| rest.strip_suffix(".html"));
    number.is_some_and(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Reads a bundle.
pub fn unpack(bytes: &[u8]) -> Result<Unpacked, BundleError> {
    // The message may quote the file, which may hold anything.
    let tar = |e: std::io::Error| BundleError::Tar(Text::<200>::lossy(&e.to_string()).to_string());
    let disk = MemoryDisk::default();
    let (mut seen, mut total) = (BTreeSet::new(), 0u64);
    let mut archive = tar::Archive::new(bytes);
    // The entries as they stand in the file: no header of another entry changes a name or size.
    for entry in archive.entries().map_err(tar)?.raw(true) {
        let mut entry = entry.map_err(tar)?;
        let name = printable(&entry.path_bytes());
        if !entry.header().entry_type().is_file() {
            return Err(BundleError::Sort(name));
        }
        if !is_ours(&name) {
            return Err(BundleError::Name(name));
        }
        let size = entry.header().entry_size().map_err(tar)?;
        total = total.saturating_add(size);
        if size > OBJECT_BYTES_MAX || total > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge("too many bytes"));
        }
        if seen.len() >= ENTRIES_MAX {
            return Err(BundleError::TooLarge("too many files"));
        }
        let mut content = Vec::new();
        entry.by_ref().take(size).read_to_end(&mut content).map_err(tar)?;
        if content.len() as u64 != size {
            return Err(BundleError::Tar(format!("{name:?} ends too early")));
        }
        if !seen.insert(name.clone()) {
            return Err(BundleError::Twice(name));
        }
        disk.write_atomic(&Path::new(FOLDER).join(&name), &content)?;
    }
    if seen.is_empty() {
        return Err(BundleError::Tar("there is no file in it".into()));
    }
    if [LOG, super::super::excerpt::FILE].iter().all(|name| seen.contains(*name)) {
        return Err(BundleError::Both);
    }
    let folder = Folder::found(&disk, FOLDER);
    Ok(Unpacked { disk: Arc::new(disk), folder })
}

/// A name that can be shown; one that is not text is none of ours.
fn printable(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(200).collect()
}

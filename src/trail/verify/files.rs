//! The files of a log, before they are read: regular, named as they should be, and the key.

use super::super::Folder;
use super::super::checkpoint::Checkpoint;
use super::VerifyError;
use super::keys::Keys;
use super::report::{CHANGED, Check, Findings, LEFTOVER, NOT_OURS, Severity};
use crate::env::{Disk, DiskError};
use std::io::ErrorKind;
use std::path::Path;

const VKEY_BYTES_MAX: u64 = 1024;

/// What there is to read.
pub(super) struct Files {
    /// Sizes of the checkpoints, ascending.
    pub(super) checkpoints: Vec<u64>,
}

/// Whether there is a regular file to read. A link, FIFO or device in its place is a finding; what
/// cannot be looked at is an error.
pub(super) fn regular(disk: &dyn Disk, path: &Path, found: &mut Findings) -> Result<bool, DiskError> {
    match disk.len(path) {
        Ok(_) => Ok(true),
        Err(e) if e.is_missing() => Ok(false),
        Err(e) if e.kind == ErrorKind::InvalidInput => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let what = format!("{name} is not a regular file but a link, pipe, folder or device");
            found.tampered(Check::Files, None, &what, NOT_OURS);
            Ok(false)
        }
        Err(e) => Err(e),
    }
}

/// Looks at the folder.
pub(super) fn look(
    disk: &dyn Disk,
    folder: &Folder,
    keys: &Keys,
    found: &mut Findings,
) -> Result<Files, VerifyError> {
    vkey(disk, folder, keys, found)?;
    let mut checkpoints = Vec::new();
    for name in disk.list(&folder.checkpoints())? {
        match Checkpoint::size_of_name(&name) {
            Some(size) => checkpoints.push(size),
            None if name == "checkpoint" => {}
            None => stranger("checkpoints", &name, found),
        }
    }
    checkpoints.sort_unstable();
    Ok(Files { checkpoints })
}

/// A file that does not belong there: half-written by a crash, or put there.
pub(super) fn stranger(folder: &str, name: &str, found: &mut Findings) {
    let what = format!("the folder {folder} holds {name:?}, which no log has");
    found.add(Check::Files, Severity::Note, None, &what, LEFTOVER);
}

/// The copy of the key in the folder. What counts is the key given from elsewhere.
fn vkey(disk: &dyn Disk, folder: &Folder, keys: &Keys, found: &mut Findings) -> Result<(), DiskError> {
    let path = folder.vkey();
    if !regular(disk, &path, found)? {
        let what = "log.vkey, the copy of the log's public key, is missing";
        found.add(Check::Identity, Severity::Note, None, what, LEFTOVER);
        return Ok(());
    }
    let bytes = disk.read(&path, VKEY_BYTES_MAX).unwrap_or_default();
    if !keys.all().any(|key| bytes == format!("{key}\n").into_bytes()) {
        let what = "log.vkey is not the key that was given to verify with";
        found.tampered(Check::Identity, None, what, CHANGED);
    }
    Ok(())
}

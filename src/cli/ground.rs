//! What a command stands on: installation, log and disk. Why one of them cannot be used, and what
//! to do about it, said the same way by every command.

use super::codes;
use super::error::Failure;
use crate::env::DiskError;
use crate::pipeline::SignInFailure;
use crate::trail::objects::ObjectError;
use crate::trail::reader::ReadError;
use crate::trail::{HomeError, JournalError};
use std::io::ErrorKind;
use std::path::Path;

const VERIFY: &str = "run `reissue audit verify`: it says what is wrong with the log";
const RESTORE: &str = "restore the file from a copy, or treat the installation as tampered with";

/// What to do when it is not known who acts.
pub(crate) fn sign_in_next(e: &SignInFailure) -> &'static str {
    match e {
        SignInFailure::Refused(_) => "check the identity with `reissue doctor`",
        SignInFailure::Busy { .. } => {
            "run it again in some minutes; what else uses this identity may use up its quota"
        }
        SignInFailure::Line { .. } => {
            "run it again when the service answers; `reissue doctor` looks at the line"
        }
    }
}

/// Why an installation could not be used.
pub(crate) fn home_failure(path: &Path, e: &HomeError) -> Failure {
    let next = match e {
        HomeError::Disk(disk) => return disk_failure(path, e, disk),
        HomeError::Journal(e) => return log_failure(path, e),
        HomeError::Read(e) => return read_failure(path, e),
        HomeError::Missing(_) => {
            "name the installation with `--home`, or make one with `reissue init --cloud CLOUD`"
        }
        HomeError::Exists(_) => "use it, or name another folder with `--home`",
        HomeError::Altered { .. }
        | HomeError::Unreadable { .. }
        | HomeError::RosterSwapped { .. }
        | HomeError::Key { .. } => RESTORE,
    };
    Failure::new(codes::HOME, e.to_string(), next).at(path)
}

/// Why the log could not be opened for writing; nothing was sent to the tenant.
pub(crate) fn log_failure(path: &Path, e: &JournalError) -> Failure {
    let next = match e {
        JournalError::Disk(disk) | JournalError::Object(ObjectError::Disk(disk)) => {
            return disk_failure(path, e, disk);
        }
        JournalError::Locked { .. } => {
            "wait until it has ended; if it was stopped (Ctrl-Z), let it go on with `fg`. `reissue status` shows \
             the run meanwhile"
        }
        JournalError::Full(_) | JournalError::Broken(_) => {
            "free space or repair the disk, then run the command again: it goes on from the log"
        }
        _ => "do not go on; run `reissue audit verify` and compare the log with a copy",
    };
    Failure::new(codes::LOG, e.to_string(), next).at(path)
}

/// Why the log could not be read.
pub(crate) fn read_failure(path: &Path, e: &ReadError) -> Failure {
    match e {
        ReadError::Disk(disk) => disk_failure(path, e, disk),
        _ => Failure::new(codes::LOG, e.to_string(), VERIFY).at(path),
    }
}

/// What the disk refused of a file that somebody wants written at a place of theirs.
pub(crate) fn out_failure(path: &Path, disk: &DiskError) -> Failure {
    match disk.kind {
        ErrorKind::NotFound => {
            let next = "make the folder that it shall lie in, or name another place";
            Failure::new(codes::MACHINE, disk.to_string(), next).at(path)
        }
        _ => disk_failure(path, disk, disk),
    }
}

/// What the disk refused. A file that is gone is not the disk's fault.
pub(crate) fn disk_failure(path: &Path, e: &dyn std::fmt::Display, disk: &DiskError) -> Failure {
    let next = match disk.kind {
        ErrorKind::NotFound => {
            return Failure::new(codes::HOME, e.to_string(), RESTORE).at(path);
        }
        ErrorKind::PermissionDenied => "run as the user who owns the folder, or correct its owner and mode",
        ErrorKind::ReadOnlyFilesystem => "mount the file system writable, or use a folder on another one",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free space there, then run the command again",
        // A folder was to be made where a file is, or below it.
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "a part of the path is a file: name a folder",
        _ => "check the path and the disk",
    };
    Failure::new(codes::MACHINE, e.to_string(), next).at(path)
}

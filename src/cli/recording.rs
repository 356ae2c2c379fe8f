//! The file of `--record`: what a lab was asked and what it answered, a JSON object a line,
//! without secrets, for judging the lab against API descriptions.

use super::codes;
use super::error::Failure;
use crate::env::Disk;
use crate::env::disk::{Appender, DiskError};
use crate::lab::Lab;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) struct Recording {
    path: PathBuf,
    written: Arc<Mutex<Written>>,
}

struct Written {
    file: Box<dyn Appender>,
    lines: u64,
    /// The first line that could not be written; none follows it.
    failed: Option<DiskError>,
}

impl Recording {
    /// Opens the file; lines are added at its end.
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, Failure> {
        let file = disk.open_append(path).map_err(|e| failure(path, &e))?;
        let written = Arc::new(Mutex::new(Written { file, lines: 0, failed: None }));
        Ok(Self { path: path.to_owned(), written })
    }

    /// Records this lab from now on.
    pub(super) fn follow(&self, lab: &Lab) {
        let written = self.written.clone();
        lab.record(move |line| {
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            if written.failed.is_some() {
                return;
            }
            match written.file.append(format!("{line}\n").as_bytes()) {
                Ok(()) => written.lines += 1,
                Err(e) => written.failed = Some(e),
            }
        });
    }

    /// How many exchanges were written; an error if there were more.
    pub(super) fn count(&self) -> Result<u64, Failure> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match &written.failed {
            None => Ok(written.lines),
            Some(e) => {
                let state = format!("the recording ends after {} exchanges", written.lines);
                Err(failure(&self.path, e).state(state))
            }
        }
    }
}

fn failure(path: &Path, e: &DiskError) -> Failure {
    let next = "check the folder and the disk, or record to another file";
    Failure::new(codes::MACHINE, format!("the exchanges cannot be recorded: {e}"), next).at(path)
}

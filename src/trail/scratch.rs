//! The working file of a run: what rests lies there, and not in memory.
//!
//! It has no name, nobody else opens it, and it is gone with the process: nothing is recovered from it. In it is what the
//! plan and the log say, packed, and no more.

use crate::domain::shelf::{Room, Shelf};
use crate::domain::text::Text;
use crate::env::Disk;
use crate::env::disk::Scratch;
use std::path::Path;

struct OnDisk(Box<dyn Scratch>);

impl Room for OnDisk {
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Text<200>> {
        self.0.write(at, bytes).map_err(|e| Text::lossy(&e.to_string()))
    }
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Text<200>> {
        self.0.read(at, bytes).map_err(|e| Text::lossy(&e.to_string()))
    }
}

/// What rests of a smaller plan takes some hundred KiB: that is left in memory. A fleet of a thousand small tenants opens
/// no thousand files.
const SMALL_BYTES: u64 = 1 << 20;

/// A shelf for a plan and its run, with a working file on the file system of this folder; in memory where the
/// plan is small, or none can be made.
pub fn shelf(disk: &dyn Disk, folder: &Path, plan: &Path) -> Shelf {
    if disk.len(plan).is_ok_and(|bytes| bytes < SMALL_BYTES) {
        return Shelf::default();
    }
    match disk.scratch(folder) {
        Ok(Some(file)) => Shelf::in_room(Box::new(OnDisk(file))),
        // What cannot be written will be told by the log, which has to be.
        _ => Shelf::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::RealDisk;

    #[test]
    fn a_large_plan_has_a_working_file_and_a_small_one_none() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.jsonl");
        let open = || {
            let files = RealDisk.list(Path::new("/proc/self/fd")).unwrap_or_default();
            let ours = |fd: &String| std::fs::read_link(Path::new("/proc/self/fd").join(fd)).ok();
            files.iter().filter_map(ours).filter(|file| file.starts_with(folder.path())).count()
        };
        for (bytes, files) in [(SMALL_BYTES - 1, 0), (SMALL_BYTES, 1)] {
            let made = RealDisk.write_atomic(&plan, &vec![b' '; usize::try_from(bytes).unwrap()]);
            made.unwrap();
            let shelf = shelf(&RealDisk, folder.path(), &plan);
            let block = shelf.put(b"here".to_vec());
            if cfg!(target_os = "linux") {
                assert_eq!(open(), files, "{bytes}");
            }
            assert_eq!(shelf.get(&block).as_deref(), Some(b"here".as_slice()));
        }
        assert_eq!(RealDisk.list(folder.path()).unwrap(), ["plan.jsonl"]);
    }
}

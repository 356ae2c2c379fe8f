//! The machine's own files.

use super::{Appender, Disk, DiskError, Scratch};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The machine's file system.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

struct RealAppender {
    file: File,
    path: std::path::PathBuf,
}

/// Follows no link, and does not wait for the other end of a FIFO.
fn careful() -> i32 {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    i32::try_from(flags.bits()).unwrap_or(0)
}

/// Opens a regular file for reading: a link, FIFO or device in its place is refused.
fn open_regular(path: &Path) -> Result<File, DiskError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(careful())
        .open(path)
        .map_err(|e| DiskError::new("cannot open", path, &e))?;
    only_regular(&file, path)?;
    Ok(file)
}

fn only_regular(file: &File, path: &Path) -> Result<(), DiskError> {
    let meta = file.metadata().map_err(|e| DiskError::new("cannot look at", path, &e))?;
    if meta.is_file() { Ok(()) } else { Err(not_a_file(path)) }
}

fn not_a_file(path: &Path) -> DiskError {
    let e = std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file");
    DiskError::new("cannot read", path, &e)
}

fn sync_folder(path: &Path) -> Result<(), DiskError> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| DiskError::new("cannot sync the folder", folder, &e))
}

/// Reads what is waiting on an open descriptor, to its end: for secrets, which neither arguments
/// nor the environment may hold.
pub fn read_descriptor(number: u32, limit: u64) -> std::io::Result<Vec<u8>> {
    let file = File::open(format!("/dev/fd/{number}"))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a file is no place for a secret.
#[derive(Debug)]
pub enum NotPrivate {
    Disk(DiskError),
    /// Its mode lets others in.
    Shared(u32),
    /// It belongs to another user than this one or root.
    Foreign,
}

/// Reads a regular file that nobody else may read or change: for secrets.
pub fn read_private(path: &Path, limit: u64) -> Result<Vec<u8>, NotPrivate> {
    let file = open_regular(path).map_err(NotPrivate::Disk)?;
    let wrong = |e: &std::io::Error| NotPrivate::Disk(DiskError::new("cannot read", path, e));
    // Of the open file: the name may point elsewhere by now.
    let meta = file.metadata().map_err(|e| wrong(&e))?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(NotPrivate::Shared(mode));
    }
    if meta.uid() != 0 && meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(NotPrivate::Foreign);
    }
    read_all(file, path, limit).map_err(NotPrivate::Disk)
}

fn read_all(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, DiskError> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| DiskError::new("cannot read", path, &e))?;
    if bytes.len() as u64 > limit {
        let e =
            std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes"));
        return Err(DiskError::new("cannot read", path, &e));
    }
    Ok(bytes)
}

/// Writes a temporary file beside `path`, synced, and returns its name.
fn write_beside(path: &Path, bytes: &mut dyn Read) -> Result<std::path::PathBuf, DiskError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    let temporary = path.with_file_name(name);
    let mut write = || -> std::io::Result<()> {
        let mut f =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        std::io::copy(bytes, &mut f)?;
        f.sync_all()
    };
    write().map_err(|e| DiskError::new("cannot write", path, &e))?;
    Ok(temporary)
}

/// Makes the file of what is read, durable; an existing one stays.
fn make(path: &Path, bytes: &mut dyn Read) -> Result<(), DiskError> {
    let temporary = write_beside(path, bytes)?;
    // A hard link fails if the name is taken; a rename would replace it.
    let linked = std::fs::hard_link(&temporary, path);
    let removed = std::fs::remove_file(&temporary);
    linked.and(removed).map_err(|e| DiskError::new("cannot make", path, &e))?;
    sync_folder(path)
}

impl Disk for RealDisk {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DiskError> {
        read_all(open_regular(path)?, path, limit)
    }

    fn open_read(&self, path: &Path) -> Result<Box<dyn BufRead + Send>, DiskError> {
        Ok(Box::new(BufReader::with_capacity(1 << 16, open_regular(path)?)))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let temporary = path.with_extension("new");
        let options =
            || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
        let written = options().and_then(|mut file| std::io::Write::write_all(&mut file, bytes));
        written
            .and_then(|()| std::fs::rename(&temporary, path))
            .map_err(|e| DiskError::new("cannot write", path, &e))
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let temporary = write_beside(path, &mut &*bytes)?;
        std::fs::rename(&temporary, path).map_err(|e| DiskError::new("cannot rename to", path, &e))?;
        sync_folder(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        make(path, &mut &*bytes)
    }

    fn write_new_from(&self, path: &Path, from: &mut dyn Read) -> Result<(), DiskError> {
        make(path, from)
    }

    fn copy_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        make(to, &mut open_regular(from)?)
    }

    fn open_append(&self, path: &Path) -> Result<Box<dyn Appender>, DiskError> {
        let made = !path.exists();
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(careful())
            .open(path)
            .map_err(|e| DiskError::new("cannot open", path, &e))?;
        only_regular(&file, path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .map_err(|e| DiskError::new("cannot lock", path, &e.into()))?;
        if made {
            sync_folder(path)?;
        }
        Ok(Box::new(RealAppender { file, path: path.to_owned() }))
    }

    fn truncate(&self, path: &Path, len: u64) -> Result<(), DiskError> {
        let cut = || -> std::io::Result<()> {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(len)?;
            file.sync_all()
        };
        cut().map_err(|e| DiskError::new("cannot cut", path, &e))
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, DiskError> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(DiskError::new("cannot list", folder, &e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| DiskError::new("cannot list", folder, &e))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        std::fs::remove_file(path).map_err(|e| DiskError::new("cannot remove", path, &e))
    }

    fn make_folder(&self, path: &Path) -> Result<(), DiskError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|e| DiskError::new("cannot make the folder", path, &e))
    }

    fn exists(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok()
    }

    fn scratch(&self, folder: &Path) -> Result<Option<Box<dyn Scratch>>, DiskError> {
        let path = folder.join(format!(".working-{}", std::process::id()));
        let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = made.map_err(|e| DiskError::new("cannot make", &path, &e))?;
        self.remove(&path)?;
        Ok(Some(Box::new(file)))
    }

    fn len(&self, path: &Path) -> Result<u64, DiskError> {
        let meta = std::fs::symlink_metadata(path).map_err(|e| DiskError::new("cannot look at", path, &e))?;
        if meta.is_file() { Ok(meta.len()) } else { Err(not_a_file(path)) }
    }
}

impl Scratch for File {
    fn write(&mut self, at: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.write_all_at(bytes, at)
    }
    fn read(&self, at: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        self.read_exact_at(bytes, at)
    }
}

impl Appender for RealAppender {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_all(bytes).map_err(|e| DiskError::new("cannot append to", &self.path, &e))
    }
    #[cfg(target_os = "linux")]
    fn reserve(&mut self, bytes: u64) -> Result<(), DiskError> {
        use rustix::fs::FallocateFlags;
        use rustix::io::Errno;
        let end = self.file.metadata().map_err(|e| DiskError::new("cannot look at", &self.path, &e))?.len();
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, end, bytes) {
            // Some file systems cannot: then there is nothing to set aside.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(e) => Err(DiskError::new("cannot set space aside for", &self.path, &e.into())),
        }
    }
    fn sync(&mut self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(|e| DiskError::new("cannot sync", &self.path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_file_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = RealDisk.scratch(folder.path()).unwrap().unwrap();
        let mut second = RealDisk.scratch(folder.path()).unwrap().unwrap();
        assert_eq!(RealDisk.list(folder.path()).unwrap(), [""; 0]);
        scratch.write(1_000, b"here").unwrap();
        second.write(0, b"there").unwrap();
        let mut bytes = [0; 4];
        scratch.read(1_000, &mut bytes).unwrap();
        assert_eq!(&bytes, b"here");
        assert!(scratch.read(1_001, &mut bytes).is_err(), "it ends there");
        assert!(RealDisk.scratch(&folder.path().join("missing")).is_err());
    }

    /// A FIFO must not make the writer wait, a link must not lead it elsewhere.
    #[test]
    fn only_a_regular_file_is_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, file, link) =
            (folder.path().join("fifo"), folder.path().join("file"), folder.path().join("link"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
        drop(RealDisk.open_append(&file).unwrap());
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [fifo.as_path(), &link, folder.path(), Path::new("/dev/null")] {
            assert!(RealDisk.open_append(path).is_err(), "{}", path.display());
        }
    }
}

//! The inbox: how everybody but the writer reaches the log. A file appears whole, by rename; the
//! writer judges it, keeps it as an object, records it, and only then takes it out.

use super::Folder;
use crate::domain::id::Digest;
use crate::env::{Disk, DiskError};
use std::path::PathBuf;
use std::sync::Arc;

/// Larger files are not looked at.
pub const INBOX_BYTES_MAX: u64 = crate::domain::note::MAX_BYTES;

/// The inbox of one log.
#[derive(Clone)]
pub struct Inbox {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// One thing handed in.
#[derive(Clone, Debug)]
pub struct Item {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Inbox {
    pub fn new(disk: Arc<dyn Disk>, folder: &Folder) -> Self {
        Self { disk, folder: folder.inbox() }
    }

    /// Hands `bytes` in as `<number>-<kind>-<digest>`, after everything that lies there: what
    /// people say is heard in the order in which they say it. The same bytes twice in a row are
    /// one item.
    pub fn hand_in(&self, kind: &str, bytes: &[u8]) -> Result<String, DiskError> {
        self.disk.make_folder(&self.folder)?;
        let tail = format!("-{kind}-{}", Digest::of(bytes).hex());
        let last = self.disk.list(&self.folder)?.into_iter().rfind(|name| !name.contains(".tmp-"));
        if let Some(same) = last.as_ref().filter(|name| name.ends_with(&tail)) {
            return Ok(same.clone());
        }
        let number = last.and_then(|name| name.split('-').next()?.parse::<u32>().ok());
        let name = format!("{:08}{tail}", number.map_or(0, |n| n.saturating_add(1)));
        self.disk.write_atomic(&self.folder.join(&name), bytes)?;
        Ok(name)
    }

    /// What lies there, by name. Half-written files are passed over; what cannot be read (a link,
    /// a FIFO, a file too large) comes with the reason.
    pub fn items(&self) -> Result<Vec<Result<Item, DiskError>>, DiskError> {
        let mut names = self.disk.list(&self.folder)?;
        names.retain(|name| !name.contains(".tmp-"));
        let read = |name: String| {
            let bytes = self.disk.read(&self.folder.join(&name), INBOX_BYTES_MAX)?;
            Ok(Item { name, bytes })
        };
        Ok(names.into_iter().map(read).collect())
    }

    /// Takes an item out, after its fate was recorded. That it is gone already is no error.
    pub fn take_out(&self, name: &str) -> Result<(), DiskError> {
        match self.disk.remove(&self.folder.join(name)) {
            Err(e) if !e.is_missing() => Err(e),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MemoryDisk;

    #[test]
    fn items_are_handed_in_once_and_taken_out_once() {
        let inbox = Inbox::new(Arc::new(MemoryDisk::default()), &Folder::new("log"));
        assert!(inbox.items().unwrap().is_empty());
        let name = inbox.hand_in("approval", b"abc").unwrap();
        inbox.hand_in("approval", b"abc").unwrap();
        let items: Vec<Item> = inbox.items().unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!((items.len(), items[0].bytes.as_slice()), (1, b"abc".as_slice()));
        inbox.take_out(&name).unwrap();
        inbox.take_out(&name).unwrap();
        assert!(inbox.items().unwrap().is_empty());
    }
}

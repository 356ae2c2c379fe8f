//! A mirror in a folder: a mounted share, a disk in another building. It is a plain log folder, so
//! that `audit verify --folder` judges it as it is.

use super::{EVENTS, Files, Mirror, MirrorError, Piece, is_part, missing};
use crate::env::{Disk, DiskError};
use async_trait::async_trait;
use std::io::{BufRead, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A log of a hundred thousand targets with its plan fits.
const FILE_BYTES_MAX: u64 = 2 << 30;

/// The folder, and the disk that it is on.
#[derive(Clone)]
pub struct FolderMirror {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

impl FolderMirror {
    pub fn new(disk: Arc<dyn Disk>, root: impl Into<PathBuf>) -> Self {
        Self { disk, root: root.into() }
    }

    /// A share may be slow: never on the thread of the others, except where time is simulated.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, MirrorError> + Send + 'static,
    ) -> Result<T, MirrorError> {
        if self.disk.is_simulated() {
            return work(self);
        }
        let own = self.clone();
        let working = tokio::task::spawn_blocking(move || work(&own));
        working.await.unwrap_or_else(|_| Err(self.unusable(&"the process is ending")))
    }

    fn unusable(&self, why: &dyn std::fmt::Display) -> MirrorError {
        MirrorError::unusable(&self.place(), why)
    }

    fn held(&self) -> Result<Files, MirrorError> {
        let failed = |e: DiskError| self.unusable(&e);
        let mut names: Vec<String> = self.disk.list(&self.root).map_err(failed)?;
        for folder in ["anchors", "checkpoints", "objects"] {
            let inside = self.disk.list(&self.root.join(folder)).map_err(failed)?;
            names.extend(inside.into_iter().map(|name| format!("{folder}/{name}")));
        }
        names.retain(|name| is_part(name));
        let read = |name: String| Ok((name.clone(), self.disk.read(&self.root.join(&name), FILE_BYTES_MAX)?));
        names.into_iter().map(read).collect::<Result<_, DiskError>>().map_err(failed)
    }

    fn put(&self, piece: &Piece) -> Result<(), MirrorError> {
        let path = self.root.join(&piece.file);
        if let Some(folder) = path.parent() {
            self.disk.make_folder(folder).map_err(|e| self.unusable(&e))?;
        }
        if piece.file == EVENTS || piece.at > 0 {
            self.grow(&path, piece)
        } else {
            self.put_once(&path, piece)
        }
    }

    fn put_once(&self, path: &Path, piece: &Piece) -> Result<(), MirrorError> {
        match self.disk.write_new(path, &piece.bytes) {
            Err(e) if e.kind == ErrorKind::AlreadyExists => {
                let there = self.disk.read(path, FILE_BYTES_MAX).map_err(|e| self.unusable(&e))?;
                match missing(piece, &there) {
                    Some([]) => Ok(()),
                    _ => Err(MirrorError::taken(&self.place(), &piece.file)),
                }
            }
            other => other.map_err(|e| self.unusable(&e)),
        }
    }

    /// The lock and the length together make this a compare-and-append.
    fn grow(&self, path: &Path, piece: &Piece) -> Result<(), MirrorError> {
        let failed = |e: DiskError| self.unusable(&e);
        let mut file = self.disk.open_append(path).map_err(failed)?;
        if self.disk.len(path).map_err(failed)? < piece.at {
            return Err(self.unusable(&format!("{} was cut", piece.file)));
        }
        let there = self.behind(path, piece.at).map_err(failed)?;
        let rest = match missing(piece, &there) {
            Some(rest) => rest,
            // A line that its writer never finished: nobody was told of it.
            None if !there.contains(&b'\n') => {
                self.disk.truncate(path, piece.at).map_err(failed)?;
                &piece.bytes
            }
            None => return Err(MirrorError::taken(&self.place(), &piece.file)),
        };
        file.append(rest).and_then(|()| file.sync()).map_err(failed)
    }

    /// The bytes of a file from a place on.
    fn behind(&self, path: &Path, at: u64) -> Result<Vec<u8>, DiskError> {
        let failed = |e: std::io::Error| DiskError::new("cannot read", path, &e);
        let mut file = self.disk.open_read(path)?;
        let mut left = at;
        while left > 0 {
            let got = u64::try_from(file.fill_buf().map_err(failed)?.len()).unwrap_or(u64::MAX);
            if got == 0 {
                break;
            }
            let step = got.min(left);
            file.consume(usize::try_from(step).unwrap_or(usize::MAX));
            left -= step;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

#[async_trait]
impl Mirror for FolderMirror {
    fn place(&self) -> String {
        self.root.to_string_lossy().into_owned()
    }

    async fn read(&self) -> Result<Files, MirrorError> {
        self.work(Self::held).await
    }

    async fn append(&self, pieces: &[Piece]) -> Result<(), MirrorError> {
        let pieces = pieces.to_vec();
        self.work(move |own| pieces.iter().try_for_each(|piece| own.put(piece))).await
    }

    async fn extent(&self) -> Result<u64, MirrorError> {
        let length = |own: &Self| match own.disk.len(&own.root.join(EVENTS)) {
            Err(e) if e.is_missing() => Ok(0),
            other => other.map_err(|e| own.unusable(&e)),
        };
        self.work(length).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MemoryDisk;

    fn piece(at: u64, bytes: &[u8]) -> Piece {
        Piece { file: EVENTS.into(), at, bytes: bytes.to_vec() }
    }

    #[tokio::test]
    async fn a_piece_may_be_sent_again_and_another_writer_is_noticed() {
        let disk = Arc::new(MemoryDisk::default());
        let mirror = FolderMirror::new(disk.clone(), "share");
        mirror.append(&[piece(0, b"one\n")]).await.unwrap();
        mirror.append(&[piece(0, b"one\n"), piece(4, b"two\n")]).await.unwrap();
        // The first machine died in the middle of a write.
        disk.open_append(Path::new("share/events.jsonl")).unwrap().append(b"th").unwrap();
        mirror.append(&[piece(8, b"three\n")]).await.unwrap();
        assert_eq!(mirror.read().await.unwrap()[EVENTS], b"one\ntwo\nthree\n");
        disk.open_append(Path::new("share/events.jsonl")).unwrap().append(b"half a li").unwrap();
        mirror.append(&[piece(14, b"four\n")]).await.unwrap();
        assert!(matches!(mirror.append(&[piece(8, b"other\n")]).await, Err(MirrorError::Taken { .. })));
        assert!(matches!(mirror.append(&[piece(4, b"two\n")]).await, Err(MirrorError::Taken { .. })));
        assert!(matches!(mirror.append(&[piece(99, b"x")]).await, Err(MirrorError::Unusable { .. })));
        assert_eq!(mirror.extent().await.unwrap(), 19);
    }

    #[tokio::test]
    async fn written_once_is_written_once() {
        let mirror = FolderMirror::new(Arc::new(MemoryDisk::default()), "share");
        let key = |bytes: &[u8]| Piece { file: "log.vkey".into(), at: 0, bytes: bytes.to_vec() };
        mirror.append(&[key(b"a"), key(b"a")]).await.unwrap();
        assert!(matches!(mirror.append(&[key(b"b")]).await, Err(MirrorError::Taken { .. })));
    }
}

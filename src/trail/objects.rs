//! What lines refer to by digest: plans, playbooks, rosters, statements, signatures, torn tails.
//! Each is a file named by its SHA-256, so that it can be checked by anybody with `sha256sum`.

use super::Folder;
use crate::domain::approval::{Approval, LogHead};
use crate::domain::evidence::{EVIDENCE_BYTES_MAX, Evidence};
use crate::domain::id::Digest;
use crate::domain::plan::PackedPlan;
use crate::domain::plan::file::PlanError;
use crate::domain::shelf::Shelf;
use crate::env::{Disk, DiskError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest object: a plan of 100,000 targets fits.
pub const OBJECT_BYTES_MAX: u64 = 512 << 20;

/// Why an object cannot be had or kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ObjectError {
    #[error("{0}")]
    Disk(#[from] DiskError),
    #[error("the object {0} is missing from the log's objects folder; restore it from a copy of the log")]
    Missing(Digest),
    #[error(
        "the object {want} holds other bytes (their digest is {found}): it was changed; restore it from a copy of the log"
    )]
    Changed { want: Digest, found: Digest },
    #[error("the object {0} is not a plan: {1}")]
    Plan(Digest, PlanError),
    #[error("an object of {bytes} bytes is larger than the limit of {limit}; it was not kept")]
    TooLarge { bytes: u64, limit: u64 },
}

/// The hold's evidence that an approval names; none if it names none, it cannot be
/// read, or it is of another plan.
pub fn evidence(objects: &Objects, approval: &Approval) -> Option<Evidence> {
    let bytes = objects.get(&approval.statement().evidence?, EVIDENCE_BYTES_MAX).ok()?;
    Evidence::from_bytes(&bytes).ok().filter(|evidence| evidence.plan == approval.statement().plan)
}

/// The objects of one log.
#[derive(Clone)]
pub struct Objects {
    disk: Arc<dyn Disk>,
    log: Folder,
}

impl Objects {
    pub fn new(disk: Arc<dyn Disk>, folder: &Folder) -> Self {
        Self { disk, log: folder.clone() }
    }

    /// Whether the log that they belong to ever had this head.
    pub fn had(&self, head: &LogHead) -> Result<bool, DiskError> {
        super::head::had(self.disk.as_ref(), &self.log, head)
    }

    /// Where the object is, for people who want to look at it.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.log.objects().join(format!("sha256-{}", digest.hex()))
    }

    /// What a file in the folder is named after; none if it is no object.
    pub fn digest_of(file: &str) -> Option<Digest> {
        format!("sha256:{}", file.strip_prefix("sha256-")?).parse().ok()
    }

    /// Keeps `bytes` and returns their name. Keeping them again changes nothing.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, ObjectError> {
        if bytes.len() as u64 > OBJECT_BYTES_MAX {
            return Err(ObjectError::TooLarge { bytes: bytes.len() as u64, limit: OBJECT_BYTES_MAX });
        }
        let digest = Digest::of(bytes);
        match self.disk.write_new(&self.path(&digest), bytes) {
            Err(e) if e.kind == std::io::ErrorKind::AlreadyExists => {
                self.get(&digest, bytes.len() as u64)?;
            }
            other => other?,
        }
        Ok(digest)
    }

    /// Keeps the bytes of a file, which must be those that `digest` names.
    pub fn put_file(&self, from: &Path, digest: &Digest) -> Result<Digest, ObjectError> {
        match self.disk.copy_new(from, &self.path(digest)) {
            Err(e) if e.kind != std::io::ErrorKind::AlreadyExists => return Err(e.into()),
            _ => {}
        }
        if let Err(e) = self.check(digest) {
            // The file has changed since it was read.
            let _ = self.disk.remove(&self.path(digest));
            return Err(e);
        }
        Ok(*digest)
    }

    /// The bytes named `digest`, at most `limit` of them, checked against their name.
    pub fn get(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, ObjectError> {
        let bytes = self.disk.read(&self.path(digest), limit).map_err(|e| self.missing(digest, e))?;
        let found = Digest::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(ObjectError::Changed { want: *digest, found }) }
    }

    /// A plan, read a piece at a time and checked against its name.
    pub fn plan(&self, digest: &Digest) -> Result<PackedPlan, ObjectError> {
        self.plan_on(Shelf::default(), digest)
    }

    /// The same, its lines put on a shelf.
    pub fn plan_on(&self, shelf: Shelf, digest: &Digest) -> Result<PackedPlan, ObjectError> {
        match plan_in(self.disk.as_ref(), &self.path(digest), shelf) {
            Ok(plan) if plan.digest() == *digest => Ok(plan),
            Ok(plan) => Err(ObjectError::Changed { want: *digest, found: plan.digest() }),
            Err(PlanFileError::Disk(e)) => Err(self.missing(digest, e)),
            // What was changed is hardly a plan any more: that it was changed says more.
            Err(PlanFileError::Plan(e)) => self.check(digest).and(Err(ObjectError::Plan(*digest, e))),
        }
    }

    /// Checks the object against its name, a piece at a time.
    pub fn check(&self, digest: &Digest) -> Result<(), ObjectError> {
        use sha2::Digest as _;
        let path = self.path(digest);
        let mut hash = sha2::Sha256::new();
        let read = pieces(self.disk.as_ref(), &path, |piece| {
            hash.update(piece);
            Ok::<_, DiskError>(())
        });
        read.map_err(|e| self.missing(digest, e))?;
        let found = Digest(hash.finalize().into());
        if found == *digest { Ok(()) } else { Err(ObjectError::Changed { want: *digest, found }) }
    }

    fn missing(&self, digest: &Digest, e: DiskError) -> ObjectError {
        if e.is_missing() { ObjectError::Missing(*digest) } else { ObjectError::Disk(e) }
    }
}

/// Why a file is no plan.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlanFileError {
    #[error("{0}")]
    Disk(#[from] DiskError),
    #[error("{0}")]
    Plan(#[from] PlanError),
}

/// The plan in a file, read a piece at a time and put on a shelf.
pub fn plan_in(disk: &dyn Disk, path: &Path, shelf: Shelf) -> Result<PackedPlan, PlanFileError> {
    PackedPlan::read_pieces(shelf, |take| pieces(disk, path, |piece| Ok(take(piece)?)))
}

/// Hands a file out in pieces.
fn pieces<E: From<DiskError>>(
    disk: &dyn Disk,
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = disk.open_read(path)?;
    loop {
        let piece = file.fill_buf().map_err(|e| DiskError::new("cannot read", path, &e))?;
        if piece.is_empty() {
            return Ok(());
        }
        take(piece)?;
        let read = piece.len();
        file.consume(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MemoryDisk;

    #[test]
    fn an_object_is_what_its_name_says() {
        let disk = Arc::new(MemoryDisk::default());
        let objects = Objects::new(disk.clone(), &Folder::new("log"));
        let name = objects.put(b"abc").unwrap();
        assert_eq!(objects.put(b"abc").unwrap(), name);
        assert_eq!(objects.get(&name, 3).unwrap(), b"abc");
        objects.check(&name).unwrap();
        assert!(matches!(objects.get(&name, 2), Err(ObjectError::Disk(_))), "the limit holds");
        disk.write_atomic(&objects.path(&name), b"abd").unwrap();
        assert!(matches!(objects.get(&name, 3), Err(ObjectError::Changed { .. })));
        assert!(matches!(objects.check(&name), Err(ObjectError::Changed { .. })));
        assert!(matches!(objects.put(b"abc"), Err(ObjectError::Changed { .. })));
        disk.remove(&objects.path(&name)).unwrap();
        assert!(matches!(objects.check(&name), Err(ObjectError::Missing(d)) if d == name));
    }
}

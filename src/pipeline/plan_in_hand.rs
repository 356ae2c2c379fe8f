//! The plan that is applied: read once, and kept beside the log as the same bytes.

use crate::domain::id::Digest;
use crate::domain::plan::PackedPlan;
use crate::domain::plan::file::PlanError;
use crate::domain::shelf::Shelf;
use crate::env::Disk;
use crate::trail::Objects;
use crate::trail::objects::{ObjectError, PlanFileError, plan_in};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A plan that was read, and where its exact bytes are. What is carried out is what was read: a file that
/// changes after that is noticed when it is kept, before the run begins.
pub struct PlanInHand {
    plan: Arc<PackedPlan>,
    bytes: PlanBytes,
}

enum PlanBytes {
    Held(Vec<u8>),
    File(PathBuf),
}

impl PlanInHand {
    /// Of the bytes of a `plan.jsonl`.
    pub fn held(bytes: Vec<u8>) -> Result<Self, PlanError> {
        let plan = Arc::new(PackedPlan::read(&bytes)?);
        Ok(Self { plan, bytes: PlanBytes::Held(bytes) })
    }
    /// Of a file, read a piece at a time. What rests of its run lies on the shelf.
    pub fn file(disk: &dyn Disk, path: &Path, shelf: Shelf) -> Result<Self, PlanFileError> {
        Ok(Self { plan: Arc::new(plan_in(disk, path, shelf)?), bytes: PlanBytes::File(path.to_owned()) })
    }
    /// Of a run that was begun: as it is kept, checked against its name.
    pub fn kept(objects: &Objects, digest: &Digest, shelf: Shelf) -> Result<Self, ObjectError> {
        let plan = Arc::new(objects.plan_on(shelf, digest)?);
        Ok(Self { plan, bytes: PlanBytes::File(objects.path(digest)) })
    }
    pub fn plan(&self) -> &Arc<PackedPlan> {
        &self.plan
    }
    /// Keeps it where every judge finds it by its digest.
    pub(super) fn keep(&self, objects: &Objects) -> Result<Digest, ObjectError> {
        match &self.bytes {
            PlanBytes::Held(bytes) => objects.put(bytes),
            PlanBytes::File(path) => objects.put_file(path, &self.plan.digest()),
        }
    }
}

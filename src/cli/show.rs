//! `reissue show PLAN`: a plan file, as approvers read it. Needs no tenant and no installation.

use super::codes;
use super::error::Failure;
use super::{ExitCode, Session, plan_view};
use crate::domain::id::Digest;
use crate::domain::plan::file::PlanError;
use crate::domain::plan::{Plan, file};
use crate::domain::shelf::Shelf;
use crate::env::DiskError;
use crate::pipeline::PlanInHand;
use crate::trail::objects::PlanFileError;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The plan
    plan: PathBuf,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let (_, plan, digest) = load(&arguments.plan, session)?;
    session.out.object("plan_header", &plan.header);
    for target in &plan.targets {
        session.out.object("planned_target", target);
    }
    if !session.out.is_json() {
        plan_view::tell(&plan, &digest, &mut |text| session.out.raw(text));
    }
    Ok(ExitCode::Done)
}

/// Reads a plan file: its bytes, the plan, the digest.
pub(super) fn load(path: &Path, session: &Session) -> Result<(Vec<u8>, Plan, Digest), Failure> {
    let read = session.env.disk.read(path, file::MAX_BYTES);
    let bytes = read.map_err(|e| super::world::unreadable(path, &e, "the plan file"))?;
    looks_like_one(path, &bytes)?;
    let (plan, digest) = file::read(&bytes).map_err(|e| edited(path, &e))?;
    Ok((bytes, plan, digest))
}

/// Reads a plan file that is to be applied, a piece at a time, and puts its lines on a shelf.
pub(super) fn in_hand(path: &Path, session: &Session, shelf: Shelf) -> Result<PlanInHand, Failure> {
    let disk = session.env.disk.as_ref();
    let unreadable = |e| super::world::unreadable(path, &e, "the plan file");
    let mut file = disk.open_read(path).map_err(unreadable)?;
    let first = file.fill_buf().map_err(|e| unreadable(DiskError::new("cannot read", path, &e)))?;
    looks_like_one(path, first)?;
    PlanInHand::file(disk, path, shelf).map_err(|e| match e {
        PlanFileError::Disk(e) => unreadable(e),
        PlanFileError::Plan(e) => edited(path, &e),
    })
}

fn looks_like_one(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if bytes.starts_with(b"{") {
        return Ok(());
    }
    let what = "this is not a plan: a plan is lines of JSON, as `reissue plan` writes them";
    let next = "name the file that `reissue plan` wrote, or make one from the playbook";
    Err(Failure::new(codes::BAD_PLAN, what, next).at(path))
}

fn edited(path: &Path, e: &PlanError) -> Failure {
    let next = "make it again with `reissue plan PLAYBOOK`; a plan that was edited by hand is no plan";
    Failure::new(codes::BAD_PLAN, e.to_string(), next).at(path)
}

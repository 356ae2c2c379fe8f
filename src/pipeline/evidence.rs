//! The evidence of the holds at a moment of the log: whoever has the log makes the same bytes.

use crate::domain::approval::LogHead;
use crate::domain::approved::ReadPlan;
use crate::domain::evidence::{Evidence, EvidenceError};
use crate::domain::id::Digest;
use crate::engine::recovery::Recovery;
use crate::trail::objects::ObjectError;
use crate::trail::reader::ReadError;
use crate::trail::{Home, HomeError};

/// Why there is no evidence to look at.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceFailure {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error(transparent)]
    Object(#[from] ObjectError),
}

/// The evidence of the plan's run when the log had as many lines as `head`. It lists the targets that wait for
/// people to let their old credentials go.
pub fn evidence_at(home: &Home, read: &ReadPlan, head: &LogHead) -> Result<Evidence, EvidenceFailure> {
    let mut recovery = Recovery::new(&read.plan);
    let lines = usize::try_from(head.size).unwrap_or(usize::MAX);
    for line in home.read_log()?.take(lines) {
        recovery.fold(&line?.line);
    }
    let held = recovery.states.all().filter_map(|(_, state)| state.awaits_release()).collect();
    Ok(Evidence::new(read.facts.plan, held))
}

/// Keeps the evidence beside the log, where the run and every judge find it by the digest that is signed.
pub fn keep_evidence(home: &Home, evidence: &Evidence) -> Result<Digest, EvidenceFailure> {
    Ok(home.objects().put(&evidence.to_bytes()?)?)
}

//! The hold's evidence, for an approval of the retire phase: made from the log, shown, and kept beside it.

use super::super::codes;
use super::super::error::Failure;
use crate::domain::approval::{Approval, LogHead};
use crate::domain::approved::ReadPlan;
use crate::domain::evidence::Evidence;
use crate::domain::id::Digest;
use crate::domain::plan::Plan;
use crate::pipeline::{self, EvidenceFailure};
use crate::trail::Home;
use std::fmt::Write;
use std::path::Path;

fn unreadable(plan: &Path, e: &EvidenceFailure) -> Failure {
    let next = "check the installation with `reissue audit verify`, then approve again; nothing was signed or handed in";
    Failure::new(codes::NOT_APPROVED, format!("the hold's evidence cannot be had: {e}"), next).at(plan)
}

/// The evidence of this moment. Nobody approves before there is any: the run would not take it.
pub(super) fn evidence(
    plan: &Path,
    home: &Home,
    read: &ReadPlan,
    head: &LogHead,
) -> Result<Evidence, Failure> {
    let evidence = pipeline::evidence_at(home, read, head).map_err(|e| unreadable(plan, &e))?;
    if evidence.targets.is_empty() {
        let what = "no hold of this plan is over yet: retiring is approved with its evidence at hand";
        let next = "`reissue status` says whether a run of it is on and what each hold waits for; approve when a target waits for the retire phase";
        return Err(Failure::new(codes::NOT_APPROVED, what, next).at(plan));
    }
    Ok(evidence)
}

pub(super) fn digest(plan: &Path, evidence: &Evidence) -> Result<Digest, Failure> {
    let bytes = evidence.to_bytes().map_err(|e| unreadable(plan, &e.into()))?;
    Ok(Digest::of(&bytes))
}

/// What is signed for, read again from its bytes, with the names that the plan gives the targets.
pub(super) fn render(path: &Path, evidence: &Evidence, plan: &Plan) -> Result<String, Failure> {
    let bytes = evidence.to_bytes().map_err(|e| unreadable(path, &e.into()))?;
    let evidence = Evidence::from_bytes(&bytes).map_err(|e| unreadable(path, &e.into()))?;
    let mut out = format!("\n{evidence}");
    let listed = |id| evidence.targets.iter().any(|held| held.target == id);
    for target in plan.changes().filter(|target| listed(target.id)) {
        let _ = writeln!(out, "  {} is {}", target.id, target.name);
    }
    Ok(out)
}

/// Keeps the evidence that was signed for. It is made again from the log, as it was when it had as many lines as
/// the signer saw: who names other evidence was shown something else.
pub(super) fn keep(
    plan: &Path,
    home: &Home,
    read: &ReadPlan,
    approval: &Approval,
) -> Result<Option<Evidence>, Failure> {
    let statement = approval.statement();
    let Some(named) = statement.evidence else { return Ok(None) };
    let evidence =
        pipeline::evidence_at(home, read, &statement.log_head).map_err(|e| unreadable(plan, &e))?;
    if digest(plan, &evidence)? != named {
        let what = "the statement names other evidence than the log had when it was made";
        let next = "look at it again with `reissue approve --phase retire --show --out FILE`, and sign that; nothing was handed in";
        return Err(Failure::new(codes::NOT_APPROVED, what, next).at(plan));
    }
    pipeline::keep_evidence(home, &evidence).map_err(|e| unreadable(plan, &e))?;
    Ok(Some(evidence))
}

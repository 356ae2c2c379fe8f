//! `plan.jsonl`: a header line, then one line per target, each canonical JSON (RFC 8785).
//!
//! The plan's digest is SHA-256 of the file's exact bytes, so that `sha256sum` checks it. The
//! header holds the RFC 6962 root of the target lines, so that one line can be shown alone.

use super::{PLAN_VERSION, Plan, PlanHeader, Planned};
use crate::domain::id::Digest;
use crate::domain::merkle::{Frontier, leaf};
use crate::domain::text::Text;
use serde::{Serialize, de::DeserializeOwned};

/// No plan is larger: 100,000 targets of 4 KiB each.
pub const MAX_BYTES: u64 = 400 << 20;

/// Why bytes are not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the file holds no whole line: it is empty, or its end is missing")]
    Empty,
    #[error("line {line}: {why}")]
    Line { line: usize, why: Text<300> },
    #[error("line {line}: the file ends in the middle of it: it was cut short, or is still being written")]
    Torn { line: usize },
    #[error("the header says version {0}; this reissue reads version {PLAN_VERSION}")]
    Version(u32),
    #[error("the target lines are not those that the header was made for (root differs)")]
    Root,
    #[error("line {line}: target {id} stands twice or out of order")]
    Order { line: usize, id: String },
    #[error("the header counts {header} targets, the file holds {found}")]
    Count { header: u32, found: usize },
}

fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, PlanError> {
    serde_json_canonicalizer::to_vec(value)
        .map_err(|e| PlanError::Line { line: 0, why: Text::lossy(&e.to_string()) })
}

/// The root over target lines.
pub fn root(targets: &[Planned]) -> Result<Digest, PlanError> {
    let mut tree = Frontier::default();
    for target in targets {
        tree.push(leaf(&canonical(target)?));
    }
    Ok(Digest(tree.root()))
}

/// The file's bytes.
pub fn write(plan: &Plan) -> Result<Vec<u8>, PlanError> {
    let mut out = canonical(&plan.header)?;
    out.push(b'\n');
    for target in &plan.targets {
        out.extend(canonical(target)?);
        out.push(b'\n');
    }
    Ok(out)
}

/// Reads a plan, checks that each line is canonical, and that header and targets belong together.
pub fn read(bytes: &[u8]) -> Result<(Plan, Digest), PlanError> {
    let torn = || match bytes.len() {
        0 => PlanError::Empty,
        _ => PlanError::Torn { line: bytes.iter().filter(|b| **b == b'\n').count() + 1 },
    };
    let text = bytes.strip_suffix(b"\n").ok_or_else(torn)?;
    let mut lines = text.split(|b| *b == b'\n').enumerate().map(|(i, l)| (i + 1, l));
    let (_, first) = lines.next().ok_or(PlanError::Empty)?;
    let header: PlanHeader = parse(1, first)?;
    if header.version != PLAN_VERSION {
        return Err(PlanError::Version(header.version));
    }
    let mut tree = Frontier::default();
    let mut targets: Vec<Planned> = Vec::new();
    for (line, bytes) in lines {
        let target: Planned = parse(line, bytes)?;
        if targets.last().is_some_and(|last| last.id() >= target.id()) {
            return Err(PlanError::Order { line, id: target.id().to_string() });
        }
        tree.push(leaf(bytes));
        targets.push(target);
    }
    if usize::try_from(header.counts.targets) != Ok(targets.len()) {
        return Err(PlanError::Count { header: header.counts.targets, found: targets.len() });
    }
    if tree.root() != header.root.0 {
        return Err(PlanError::Root);
    }
    Ok((Plan { header, targets }, Digest::of(bytes)))
}

fn parse<T: DeserializeOwned + Serialize>(line: usize, bytes: &[u8]) -> Result<T, PlanError> {
    let value: T = serde_json::from_slice(bytes)
        .map_err(|e| PlanError::Line { line, why: Text::lossy(&e.to_string()) })?;
    if canonical(&value)? == bytes {
        Ok(value)
    } else {
        Err(PlanError::Line { line, why: Text::lossy("it is not canonical JSON (RFC 8785)") })
    }
}

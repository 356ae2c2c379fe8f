//! `plan.jsonl`: a header line, then one line per target, each canonical JSON (RFC 8785).
//!
//! The plan's digest is SHA-256 of the file's exact bytes, so that `sha256sum` checks it. The
//! header holds the RFC 6962 root of the target lines, so that one line can be shown alone.

use super::{PLAN_VERSION, Plan, PlanHeader, Planned};
use crate::domain::canonical;
use crate::domain::id::{Digest, TargetId};
use crate::domain::merkle::{Frontier, leaf};
use crate::domain::text::Text;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

/// No plan is larger: 100,000 targets of 4 KiB each.
pub const MAX_BYTES: u64 = 400 << 20;

/// No line is longer: a target may have a thousand certificates.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// Why bytes are not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the file holds no whole line: it is empty, or its end is missing")]
    Empty,
    #[error("line {line}: {why}")]
    Line { line: usize, why: Text<300> },
    #[error("line {line}: the file ends in the middle of it: it was cut short, or is still being written")]
    Torn { line: usize },
    #[error("line {line} has more than {LINE_BYTES_MAX} bytes")]
    Long { line: usize },
    #[error("the header says version {0}; this reissue reads version {PLAN_VERSION}")]
    Version(u32),
    #[error("the target lines are not those that the header was made for (root differs)")]
    Root,
    #[error("line {line}: target {id} stands twice or out of order")]
    Order { line: usize, id: String },
    #[error("the header counts {header} targets, the file holds {found}")]
    Count { header: u32, found: usize },
}

fn written<T: Serialize>(value: &T) -> Result<Vec<u8>, PlanError> {
    canonical::to_vec(value).map_err(|e| PlanError::Line { line: 0, why: Text::lossy(&e.to_string()) })
}

/// The root over target lines.
pub fn root(targets: &[Planned]) -> Result<Digest, PlanError> {
    let mut tree = Frontier::default();
    for target in targets {
        tree.push(leaf(&written(target)?));
    }
    Ok(Digest(tree.root()))
}

/// The file's lines, each with its end. All together are larger than memory should hold.
pub fn lines(plan: &Plan) -> impl Iterator<Item = Result<Vec<u8>, PlanError>> {
    let header = std::iter::once_with(|| written(&plan.header));
    header.chain(plan.targets.iter().map(written)).map(|line| {
        let mut line = line?;
        line.push(b'\n');
        Ok(line)
    })
}

/// The file's bytes.
pub fn write(plan: &Plan) -> Result<Vec<u8>, PlanError> {
    let mut out = Vec::new();
    for line in lines(plan) {
        out.extend(line?);
    }
    Ok(out)
}

/// The file's digest.
pub fn digest(plan: &Plan) -> Result<Digest, PlanError> {
    let mut hash = Sha256::new();
    for line in lines(plan) {
        hash.update(line?);
    }
    Ok(Digest(hash.finalize().into()))
}

/// Reads a plan, checks that each line is canonical, and that header and targets belong together.
pub fn read(bytes: &[u8]) -> Result<(Plan, Digest), PlanError> {
    let mut targets = Vec::new();
    let mut walk = Walk::new(|_, planned| targets.push(planned));
    walk.piece(bytes)?;
    let (header, digest) = walk.end()?;
    Ok((Plan { header, targets }, digest))
}

/// Reads a plan piece by piece, with the same checks: each target is handed out with its line. What was
/// handed out counts for nothing if the whole is refused in the end.
pub struct Walk<F> {
    each: F,
    hash: Sha256,
    header: Option<PlanHeader>,
    tree: Frontier,
    last: Option<TargetId>,
    /// Lines so far, and the beginning of the next.
    lines: usize,
    begun: Vec<u8>,
}

impl<F: FnMut(&[u8], Planned)> Walk<F> {
    pub fn new(each: F) -> Self {
        let (hash, tree) = (Sha256::new(), Frontier::default());
        Self { each, hash, header: None, tree, last: None, lines: 0, begun: Vec::new() }
    }

    /// Takes the next piece, of any length.
    pub fn piece(&mut self, mut bytes: &[u8]) -> Result<(), PlanError> {
        self.hash.update(bytes);
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let mut begun = std::mem::take(&mut self.begun);
            match begun.is_empty() {
                true => self.line(&bytes[..end])?,
                false => {
                    begun.extend_from_slice(&bytes[..end]);
                    self.line(&begun)?;
                }
            }
            bytes = &bytes[end + 1..];
        }
        if self.begun.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(PlanError::Long { line: self.lines + 1 });
        }
        self.begun.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), PlanError> {
        self.lines += 1;
        if self.header.is_none() {
            let header: PlanHeader = parse(1, bytes)?;
            if header.version != PLAN_VERSION {
                return Err(PlanError::Version(header.version));
            }
            self.header = Some(header);
            return Ok(());
        }
        let planned: Planned = parse(self.lines, bytes)?;
        if self.last.is_some_and(|last| last >= planned.id()) {
            return Err(PlanError::Order { line: self.lines, id: planned.id().to_string() });
        }
        self.last = Some(planned.id());
        self.tree.push(leaf(bytes));
        (self.each)(bytes, planned);
        Ok(())
    }

    /// The header and the digest of all bytes.
    pub fn end(self) -> Result<(PlanHeader, Digest), PlanError> {
        if !self.begun.is_empty() {
            return Err(PlanError::Torn { line: self.lines + 1 });
        }
        let header = self.header.ok_or(PlanError::Empty)?;
        let found = self.lines - 1;
        if usize::try_from(header.counts.targets) != Ok(found) {
            return Err(PlanError::Count { header: header.counts.targets, found });
        }
        if self.tree.root() != header.root.0 {
            return Err(PlanError::Root);
        }
        Ok((header, Digest(self.hash.finalize().into())))
    }
}

fn parse<T: DeserializeOwned + Serialize>(line: usize, bytes: &[u8]) -> Result<T, PlanError> {
    let value: T = serde_json::from_slice(bytes)
        .map_err(|e| PlanError::Line { line, why: Text::lossy(&e.to_string()) })?;
    if written(&value)? == bytes {
        Ok(value)
    } else {
        Err(PlanError::Line { line, why: Text::lossy("it is not canonical JSON (RFC 8785)") })
    }
}

//! Heads of the log that somebody knows: signers of approvals, and whoever keeps an anchor. Each
//! must be met when the log is read.

use super::super::anchors::Kind;
use super::super::checkpoint::{Checkpoint, CheckpointError};
use super::super::lines::{Lines, Piece};
use super::super::merkle::Hash;
use super::super::{Folder, Objects, VerifierKey};
use super::files::{regular, stranger};
use super::report::{Check, Findings, LEFTOVER, Severity};
use super::{Trust, VerifyError};
use crate::domain::approval::statement::STATEMENT_BYTES_MAX;
use crate::domain::approval::{LogHead, RosterChange, Statement};
use crate::domain::event::{Event, Line};
use crate::domain::id::Digest;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::{Disk, DiskError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A head of the log that is kept elsewhere: with an approver, in a repository, on paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub kind: Kind,
    /// Where it is kept, for people: `git tag audit-41`.
    pub name: Text<128>,
    pub origin: Text<200>,
    pub root: Hash,
    pub size: u64,
    /// When it was certainly there already, if its keeper says so.
    pub time: Option<Timestamp>,
}

impl Anchor {
    /// A checkpoint file that was kept elsewhere.
    pub fn from_checkpoint(
        name: &str,
        note: &[u8],
        key: &VerifierKey,
        time: Option<Timestamp>,
    ) -> Result<Self, CheckpointError> {
        let Checkpoint { origin, size, root } = Checkpoint::open(note, key)?;
        let kind = Kind::Kept;
        Ok(Self { kind, name: Text::lossy(name), origin: Text::lossy(&origin), root, size, time })
    }

    /// The head that the signer of an approval saw. The caller has verified the signature.
    pub fn from_statement(name: &str, statement: &Statement) -> Self {
        let head = &statement.log_head;
        let origin = head.origin.clone();
        let (kind, name) = (Kind::Kept, Text::lossy(name));
        Self { kind, name, origin, root: head.root.0, size: head.size, time: None }
    }
}

/// A head, and who knows it.
pub(super) struct Known {
    pub(super) kind: Kind,
    pub(super) who: String,
    pub(super) root: Hash,
    pub(super) time: Option<Timestamp>,
    /// Whether it anchors the log, or must only be met.
    pub(super) counts: bool,
}

impl Known {
    pub(super) fn check(&self) -> Check {
        if self.kind == Kind::Approvals { Check::Approvals } else { Check::Anchors }
    }
}

/// Heads by size.
#[derive(Default)]
pub(super) struct Heads(pub(super) BTreeMap<u64, Vec<Known>>);

impl Heads {
    pub(super) fn add(&mut self, size: u64, known: Known) {
        // The head before the first line says nothing.
        if size > 0 {
            self.0.entry(size).or_default().push(known);
        }
    }
}

/// Gathers what anchors and approvals say.
pub(super) fn collect(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    found: &mut Findings,
) -> Result<Heads, VerifyError> {
    let mut heads = Heads::default();
    for anchor in &trust.anchors {
        let Anchor { kind, name, origin, root, size, time } = anchor;
        if origin.as_str() != trust.key.name() {
            let what = format!("the anchor {name:?} is of another log, {origin:?}");
            found.tampered(Check::Anchors, None, &what, super::report::NOT_OURS);
            continue;
        }
        let who = format!("the anchor {name:?}");
        heads.add(*size, Known { kind: *kind, who, root: *root, time: *time, counts: true });
    }
    if !regular(disk.as_ref(), &folder.events(), found)? {
        return Ok(heads);
    }
    let objects = Objects::new(disk.clone(), folder);
    let referred = referred(disk.as_ref(), folder)?;
    for (digest, line) in &referred {
        let Some(line) = line else { continue };
        let Ok(bytes) = objects.get(digest, STATEMENT_BYTES_MAX as u64) else { continue };
        if let Some((who, head)) = seen_by(&bytes) {
            add_signer(&mut heads, &who, &head, &format!("the statement in line {line}"));
        }
    }
    orphans(disk.as_ref(), folder, trust, &objects, &referred, &mut heads, found)?;
    Ok(heads)
}

/// The head that a signer saw.
fn seen_by(bytes: &[u8]) -> Option<(Text<128>, LogHead)> {
    if let Ok(said) = Statement::from_bytes(bytes) {
        return Some((said.approver, said.log_head));
    }
    RosterChange::from_bytes(bytes).ok().map(|said| (said.approver, said.log_head))
}

fn add_signer(heads: &mut Heads, approver: &str, head: &LogHead, what: &str) {
    let who = format!("{approver}, who signed {what},");
    heads.add(head.size, Known { kind: Kind::Approvals, who, root: head.root.0, time: None, counts: false });
}

/// Every object that a line refers to; for statements, with the line.
fn referred(disk: &dyn Disk, folder: &Folder) -> Result<BTreeMap<Digest, Option<u64>>, DiskError> {
    let path = folder.events();
    let mut out = BTreeMap::new();
    // Most lines refer to nothing: not worth reading twice.
    let digest = memchr::memmem::Finder::new("sha256:");
    let mut lines = Lines::new(disk.open_read(&path)?);
    while let Some((place, piece)) =
        lines.next_piece().map_err(|e| DiskError::new("cannot read", &path, &e))?
    {
        let Piece::Line(bytes) = piece else { continue };
        if digest.find(bytes).is_none() {
            continue;
        }
        let Ok(line) = Line::from_bytes(bytes) else { continue };
        for digest in super::records::objects_of(&line.event) {
            out.entry(digest).or_insert(None);
        }
        if let Event::ApprovalRecorded(e) = &line.event {
            out.insert(e.statement, Some(place.line));
        }
        if let Event::RosterChanged(e) = &line.event {
            out.extend(e.statements.iter().map(|s| (*s, Some(place.line))));
        }
    }
    Ok(out)
}

/// Objects that no line refers to. An approval among them knows a head: it shows that the log was
/// longer once.
fn orphans(
    disk: &dyn Disk,
    folder: &Folder,
    trust: &Trust,
    objects: &Objects,
    referred: &BTreeMap<Digest, Option<u64>>,
    heads: &mut Heads,
    found: &mut Findings,
) -> Result<(), DiskError> {
    let referred: BTreeSet<&Digest> = referred.keys().collect();
    for name in disk.list(&folder.objects())? {
        let Some(digest) = Objects::digest_of(&name) else {
            stranger("objects", &name, found);
            continue;
        };
        if referred.contains(&digest) || !regular(disk, &folder.objects().join(&name), found)? {
            continue;
        }
        let what = format!("no line refers to the object {digest}");
        found.add(Check::Objects, Severity::Note, None, &what, LEFTOVER);
        let Ok(bytes) = objects.get(&digest, STATEMENT_BYTES_MAX as u64) else { continue };
        match seen_by(&bytes) {
            Some((who, head)) if head.origin.as_str() == trust.key.name() => {
                add_signer(heads, &who, &head, &format!("the unrecorded statement {digest}"));
            }
            _ => {}
        }
    }
    Ok(())
}

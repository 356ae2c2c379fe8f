//! A plan that takes little room: the header as it is, every target line packed.
//!
//! A line of 2.3 KiB is 12 KiB in memory when it is read, and about 300 bytes here: lines are much alike,
//! so each is packed (LZ4 blocks) with the first as its dictionary. A run reads its plan once, a line at a
//! time, and unpacks a target while it works on it. The packed lines lie on a [`Shelf`].

use super::file::{self, PlanError};
use super::{Excepted, PlanHeader, Planned, PlannedTarget};
use crate::domain::id::{Digest, TargetId};
use crate::domain::shelf::{Block, Lost, Shelf};
use crate::domain::step::Verb;
use crate::domain::target::Outline;
use crate::domain::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A whole plan, packed.
pub struct PackedPlan {
    pub header: PlanHeader,
    digest: Digest,
    /// The dictionary.
    like: Vec<u8>,
    lines: Vec<PackedLine>,
    kin: BTreeMap<Text<128>, Vec<TargetId>>,
    contain_only: bool,
    stores: BTreeSet<Text<64>>,
    shelf: Arc<Shelf>,
}

struct PackedLine {
    id: TargetId,
    part: Part,
    outline: Arc<Outline>,
    /// Its place in the order of beginning; 0 in a plan that does not say.
    place: u32,
    block: Block,
}

/// What a target's part in the run is, as far as its beginning goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is left alone.
    Excepted,
    /// It stops the leaked value at once: it begins first.
    AtOnce,
    Usual,
    /// It begins when everything else is over.
    Last,
}

impl Part {
    fn of(planned: &Planned) -> Self {
        match planned {
            Planned::Excepted(_) => Part::Excepted,
            Planned::Change(t) if t.last => Part::Last,
            Planned::Change(t) => match t.steps.first().map(|s| s.verb) {
                Some(Verb::Block | Verb::Snapshot) => Part::AtOnce,
                _ => Part::Usual,
            },
        }
    }
}

/// Packs `bytes`, which are like `dictionary`.
pub(in crate::domain) fn pack(bytes: &[u8], dictionary: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress_prepend_size_with_dict(bytes, dictionary)
}

/// The bytes again; none if they were packed with another dictionary.
pub(in crate::domain) fn unpack(packed: &[u8], dictionary: &[u8]) -> Option<Vec<u8>> {
    lz4_flex::block::decompress_size_prepended_with_dict(packed, dictionary).ok()
}

/// One of each that are equal.
fn shared(seen: &mut BTreeSet<Arc<Outline>>, outline: Outline) -> Arc<Outline> {
    if let Some(same) = seen.get(&outline) {
        return same.clone();
    }
    let new = Arc::new(outline);
    seen.insert(new.clone());
    new
}

impl PackedPlan {
    /// Reads a plan, checking what [`file::read`] checks.
    pub fn read(bytes: &[u8]) -> Result<Self, PlanError> {
        Self::read_pieces(Shelf::default(), |take| take(bytes))
    }

    /// Reads a plan that comes in pieces: `pieces` hands them out, one after the other.
    pub fn read_pieces<E: From<PlanError>>(
        shelf: Shelf,
        pieces: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), PlanError>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let (mut like, mut lines, mut contain_only) = (Vec::new(), Vec::new(), true);
        let mut stores = BTreeSet::new();
        let mut outlines = BTreeSet::new();
        let mut kin: BTreeMap<Text<128>, Vec<TargetId>> = BTreeMap::new();
        let mut walk = file::Walk::new(|bytes: &[u8], planned: Planned| {
            if like.is_empty() {
                like = bytes.to_vec();
            }
            if let Planned::Change(target) = &planned {
                contain_only &= target.contain;
                let places = target.steps.iter().filter_map(|s| s.place.as_ref());
                stores.extend(places.map(|place| place.store.clone()));
                kin.entry(target.subject.clone()).or_default().push(target.id);
            }
            let (id, part) = (planned.id(), Part::of(&planned));
            let place = if let Planned::Change(target) = &planned { target.start.place } else { 0 };
            let outline = shared(&mut outlines, Outline::of(&planned));
            lines.push(PackedLine { id, part, outline, place, block: shelf.put(pack(bytes, &like)) });
        });
        pieces(&mut |bytes| walk.piece(bytes))?;
        let (header, digest) = walk.end()?;
        kin.retain(|_, ids| ids.len() > 1);
        lines.shrink_to_fit();
        let shelf = Arc::new(shelf);
        Ok(Self { header, digest, like, lines, kin, contain_only, stores, shelf })
    }

    /// SHA-256 of the file's exact bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// Whether nothing but contained targets changes.
    pub fn contain_only(&self) -> bool {
        self.contain_only
    }
    /// The stores that values go to.
    pub fn stores(&self) -> &BTreeSet<Text<64>> {
        &self.stores
    }
    /// The targets about one subject, where there are several.
    pub fn kin(&self, subject: &Text<128>) -> &[TargetId] {
        self.kin.get(subject).map_or(&[], Vec::as_slice)
    }
    /// Every target with its part, in the order of the file.
    pub fn parts(&self) -> impl Iterator<Item = (TargetId, Part)> {
        self.lines.iter().map(|line| (line.id, line.part))
    }
    /// Every target with its part and its place in the order of beginning.
    fn places(&self) -> impl Iterator<Item = (TargetId, Part, u32)> {
        self.lines.iter().map(|line| (line.id, line.part, line.place))
    }
    /// Who begins in which order, and who after all others: as the plan says; one that does not say begins with what
    /// stops the leaked value at once.
    pub fn in_order(&self) -> (Vec<TargetId>, Vec<TargetId>) {
        let mut order: Vec<_> = self.places().filter(|(_, part, _)| *part != Part::Excepted).collect();
        order.sort_by_key(|(id, part, place)| (*place, *part != Part::AtOnce, *id));
        let (last, begins): (Vec<_>, Vec<_>) =
            order.into_iter().partition(|(_, part, _)| *part == Part::Last);
        let ids = |of: Vec<(TargetId, Part, u32)>| of.into_iter().map(|(id, ..)| id).collect();
        (ids(begins), ids(last))
    }
    /// One target's place in the order of beginning.
    pub fn place(&self, id: TargetId) -> Option<u32> {
        Some(self.lines[self.at(id)?].place)
    }
    /// Every target that changes, with what its events are held against.
    pub fn outlines(&self) -> impl Iterator<Item = (TargetId, &Arc<Outline>)> {
        let changing = self.lines.iter().filter(|line| line.part != Part::Excepted);
        changing.map(|line| (line.id, &line.outline))
    }
    /// One target's part.
    pub fn part(&self, id: TargetId) -> Option<Part> {
        Some(self.lines[self.at(id)?].part)
    }
    fn at(&self, id: TargetId) -> Option<usize> {
        self.lines.binary_search_by_key(&id, |line| line.id).ok()
    }
    /// How many targets change.
    pub fn changing(&self) -> usize {
        self.lines.iter().filter(|line| line.part != Part::Excepted).count()
    }

    /// Where lines are put aside, and the states of a run beside them.
    pub(in crate::domain) fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }
    /// What cannot be read again, of lines or states, if anything: then "none" may be said of what there is.
    pub fn lost(&self) -> Option<Lost> {
        self.shelf.lost()
    }

    /// A target's line, as it stands in the file.
    pub(in crate::domain) fn line(&self, id: TargetId) -> Option<Vec<u8>> {
        self.unpacked(&self.lines[self.at(id)?])
    }
    fn unpacked(&self, line: &PackedLine) -> Option<Vec<u8>> {
        let bytes = self.shelf.get(&line.block).and_then(|block| unpack(&block, &self.like));
        bytes.or_else(|| self.shelf.lose(&format!("the plan of target {}", line.id)))
    }
    /// A target that changes; none if there is no such, or it is [lost](Self::lost).
    pub fn target(&self, id: TargetId) -> Option<PlannedTarget> {
        target_of(&self.line(id)?)
    }
    fn all(&self) -> impl Iterator<Item = Planned> {
        let read = |line: &PackedLine| serde_json::from_slice(&self.unpacked(line)?).ok();
        self.lines.iter().filter_map(read)
    }
    /// Every target that changes, unpacked one by one.
    pub fn changes(&self) -> impl Iterator<Item = PlannedTarget> {
        self.all().filter_map(|planned| match planned {
            Planned::Change(target) => Some(*target),
            Planned::Excepted(_) => None,
        })
    }
    /// Every target that is left alone.
    pub fn exceptions(&self) -> impl Iterator<Item = Excepted> {
        let left = self.lines.iter().filter(|line| line.part == Part::Excepted);
        left.filter_map(|line| match serde_json::from_slice(&self.unpacked(line)?) {
            Ok(Planned::Excepted(excepted)) => Some(excepted),
            _ => None,
        })
    }
}

/// The target of a line.
pub(in crate::domain) fn target_of(line: &[u8]) -> Option<PlannedTarget> {
    match serde_json::from_slice(line) {
        Ok(Planned::Change(mut target)) => {
            target.shrink();
            Some(*target)
        }
        _ => None,
    }
}

impl fmt::Debug for PackedPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header: _, digest, like: _, lines, kin: _, contain_only: _, stores: _, shelf: _ } = self;
        write!(f, "PackedPlan {{ {digest}, {} lines }}", lines.len())
    }
}

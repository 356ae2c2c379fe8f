//! The targets of a run as whoever judges its log needs them: what their events have come to, without their plans.
//!
//! [`States`](super::states::States) is for who decides, and unpacks a target together with its plan line, 12 KiB of it. A judge
//! asks only whether an event may follow, and of the plan that takes nothing but its [`Outline`], which targets of a kind
//! share. So a [`Fold`] is 2 KiB, and as many as most runs have targets are kept as they are. In a longer run those that
//! were touched least lately are packed (JSON, LZ4 with the first that was packed as the dictionary): 300 bytes.
//!
//! What is said to the whole run is kept once, and heard by a target when it is touched next, as in `States`.

use super::event::{Ending, Event};
use super::id::TargetId;
use super::plan::packed::{self, PackedPlan, Part};
use super::target::{Fold, Outline};
use super::time::Timestamp;
use std::borrow::Cow;
use std::sync::Arc;

/// So many are kept as they are, at least; at most twice as many. Where mistakes are looked for, so few that nearly
/// every one is packed and unpacked all the time.
const LIVE: usize = if cfg!(debug_assertions) { 2 } else { 8_192 };

/// The folds of one run.
pub struct Folds {
    plan: Arc<PackedPlan>,
    slots: Vec<Slot>,
    /// What was said to all, and when.
    said: Vec<(Event, Timestamp)>,
    /// The slots that are not packed.
    live: Vec<usize>,
    touches: u64,
    /// The dictionary.
    like: Vec<u8>,
}

struct Slot {
    id: TargetId,
    outline: Arc<Outline>,
    /// So much of what was said to all has been heard.
    heard: usize,
    kept: Kept,
}

enum Kept {
    /// As every target begins.
    Fresh,
    Packed {
        bytes: Box<[u8]>,
        stand: Stand,
    },
    Live {
        fold: Box<Fold>,
        touched: u64,
    },
}

/// What a run's end is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    pub ending: Option<Ending>,
    /// Intents whose outcome is not known.
    pub unresolved: u32,
}

impl Stand {
    fn of(fold: &Fold) -> Self {
        Self { ending: fold.ending(), unresolved: fold.unresolved() }
    }
}

impl Folds {
    /// Every target that changes, as it begins.
    pub fn fresh(plan: Arc<PackedPlan>) -> Self {
        let slot = |(id, outline): (TargetId, &Arc<Outline>)| Slot {
            id,
            outline: outline.clone(),
            heard: 0,
            kept: Kept::Fresh,
        };
        let slots = plan.outlines().map(slot).collect();
        Self { plan, slots, said: Vec::new(), live: Vec::new(), touches: 0, like: Vec::new() }
    }

    /// Whether the plan leaves this target alone.
    pub fn leaves_alone(&self, id: TargetId) -> bool {
        self.plan.part(id) == Some(Part::Excepted)
    }

    fn at(&self, id: TargetId) -> Option<usize> {
        self.slots.binary_search_by_key(&id, |slot| slot.id).ok()
    }

    /// Says an event of the whole run to every target. None refuses such an event, and each hears it before
    /// anything later of its own.
    pub fn say(&mut self, event: &Event, at: Timestamp) {
        self.said.push((event.clone(), at));
    }

    /// One target, which has heard everything; none if there is no such target.
    pub fn get(&mut self, id: TargetId) -> Option<&mut Fold> {
        let at = self.at(id)?;
        if !matches!(self.slots[at].kept, Kept::Live { .. }) {
            let fold = Box::new(self.unpacked(&self.slots[at])?.into_owned());
            self.make_room();
            self.live.push(at);
            self.slots[at].kept = Kept::Live { fold, touched: 0 };
        }
        self.touches += 1;
        let slot = &mut self.slots[at];
        let Kept::Live { fold, touched } = &mut slot.kept else { return None };
        *touched = self.touches;
        hear(fold, &self.said[slot.heard..]);
        slot.heard = self.said.len();
        Some(fold)
    }

    /// One target, for a look.
    pub fn look(&self, id: TargetId) -> Option<Cow<'_, Fold>> {
        self.seen(&self.slots[self.at(id)?])
    }

    /// Where each target stands.
    pub fn stands(&self) -> impl Iterator<Item = (TargetId, Stand)> {
        self.slots.iter().map(|slot| {
            let stand = match &slot.kept {
                Kept::Fresh => Stand::default(),
                Kept::Packed { stand, .. } => *stand,
                Kept::Live { fold, .. } => Stand::of(fold),
            };
            // What is said to all changes no ending, and nothing where no outcome is open.
            let is_news = slot.heard < self.said.len() && stand.unresolved > 0;
            let seen = is_news.then(|| self.seen(slot)).flatten();
            (slot.id, seen.map_or(stand, |fold| Stand::of(&fold)))
        })
    }

    /// The target as it is when it has heard everything.
    fn seen<'a>(&'a self, slot: &'a Slot) -> Option<Cow<'a, Fold>> {
        let mut fold = self.unpacked(slot)?;
        if slot.heard < self.said.len() {
            hear(fold.to_mut(), &self.said[slot.heard..]);
        }
        Some(fold)
    }

    fn unpacked<'a>(&self, slot: &'a Slot) -> Option<Cow<'a, Fold>> {
        let outline = || slot.outline.clone();
        Some(match &slot.kept {
            Kept::Live { fold, .. } => Cow::Borrowed(fold.as_ref()),
            Kept::Fresh => Cow::Owned(Fold::new(slot.id, outline())),
            Kept::Packed { bytes, .. } => {
                Cow::Owned(Fold::unpack(slot.id, outline(), &packed::unpack(bytes, &self.like)?)?)
            }
        })
    }

    /// Packs the half that was touched least lately, when there are too many.
    fn make_room(&mut self) {
        if self.live.len() < 2 * LIVE {
            return;
        }
        let slots = &self.slots;
        let touched = |at: &usize| match slots[*at].kept {
            Kept::Live { touched, .. } => touched,
            _ => 0,
        };
        self.live.sort_unstable_by_key(|at| std::cmp::Reverse(touched(at)));
        for at in self.live.split_off(LIVE) {
            if self.put_away(at).is_none() {
                self.live.push(at);
            }
        }
    }

    /// Packs one; none if it cannot be packed, and stays as it is.
    fn put_away(&mut self, at: usize) -> Option<()> {
        let slot = &mut self.slots[at];
        let Kept::Live { fold, .. } = &slot.kept else { return Some(()) };
        let plain = fold.pack()?;
        if self.like.is_empty() {
            self.like = plain.clone();
        }
        let bytes = packed::pack(&plain, &self.like).into_boxed_slice();
        slot.kept = Kept::Packed { bytes, stand: Stand::of(fold) };
        Some(())
    }
}

/// A target hears what was said to all since it listened last.
fn hear(fold: &mut Fold, said: &[(Event, Timestamp)]) {
    for (event, at) in said {
        // Nothing refuses what is said to all.
        let _ = fold.apply(event, *at);
    }
}

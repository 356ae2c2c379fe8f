//! The states of a run's targets, most of them packed.
//!
//! A target's state with its plan is some 12 KiB. A run of 100,000 targets works on a few hundred at once;
//! all others wait, have not begun, or are over. So those that were touched last are kept as they are, and of the others
//! what their events have come to is packed (`serde_json`, LZ4 with the target's plan line as the dictionary) and put on
//! the plan's [`Shelf`](super::shelf::Shelf): some 300 bytes, nothing for who has not begun. Nobody sees the difference:
//! whoever is asked for is unpacked. If that fails, nobody is there who was: [`States::lost`] tells.
//!
//! What is said to the whole run is kept once, in order, and heard by a target when it is touched next: such
//! an event changes a state in ways that nothing refuses, and every target hears it before anything later of its own.

use super::event::{Ending, Event};
use super::id::TargetId;
use super::plan::packed::{self, PackedPlan, Part};
use super::shelf::{Block, Lost};
use super::target::{Fold, Illegal, TargetState};
use super::time::Timestamp;
use std::borrow::Cow;
use std::sync::Arc;

/// So many states are kept as they are, at least; at most twice as many. Where mistakes are looked for, so few
/// that nearly every state is packed and unpacked all the time.
const LIVE: usize = if cfg!(debug_assertions) { 2 } else { 128 };

/// The states of one run.
pub struct States {
    plan: Arc<PackedPlan>,
    slots: Vec<Slot>,
    /// What was said to all, and when.
    said: Vec<(Event, Timestamp)>,
    /// The slots that are not packed.
    live: Vec<usize>,
    touches: u64,
    /// Of those that are packed: when a credential was last made of which nobody knew whether it was.
    doubted_mint_at: Option<Timestamp>,
}

struct Slot {
    id: TargetId,
    /// So much of what was said to all has been heard.
    heard: u32,
    brief: Brief,
    kept: Kept,
}

enum Kept {
    /// As every target begins.
    Fresh,
    Packed(Block),
    Live(Box<Live>),
}

struct Live {
    state: TargetState,
    touched: u64,
}

/// What is known of a target without unpacking it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brief {
    pub started: bool,
    pub ending: Option<Ending>,
    pub stuck: bool,
    /// It went back because the world had moved since the plan.
    pub stale: bool,
    /// A value of it lives only in memory.
    pub value_in_memory: bool,
    /// Its next step is one that people approve with a hold's evidence.
    pub awaits_release: bool,
    pub steps_done: u16,
    /// Intents whose outcome is not known.
    pub unresolved: u16,
}

impl Brief {
    fn of(state: &Fold) -> Self {
        Self {
            started: state.is_started(),
            ending: state.ending(),
            stuck: state.stuck().is_some(),
            stale: state.is_stale(),
            value_in_memory: state.value_in_memory(),
            awaits_release: Fold::awaits_release(state).is_some(),
            steps_done: u16::try_from(state.steps_done()).unwrap_or(u16::MAX),
            unresolved: u16::try_from(state.unresolved()).unwrap_or(u16::MAX),
        }
    }
    pub fn is_live(&self) -> bool {
        self.ending.is_none() && !self.stuck
    }
}

impl States {
    /// Every target that changes, as it begins.
    pub fn fresh(plan: Arc<PackedPlan>) -> Self {
        let changing = plan.parts().filter(|(_, part)| *part != Part::Excepted);
        let slot = |(id, _)| Slot { id, heard: 0, brief: Brief::default(), kept: Kept::Fresh };
        let mut slots = Vec::with_capacity(plan.changing());
        slots.extend(changing.map(slot));
        Self { slots, ..Self::none(plan) }
    }

    /// No target at all: the run has not begun.
    pub fn none(plan: Arc<PackedPlan>) -> Self {
        let (slots, said, live) = (Vec::new(), Vec::new(), Vec::new());
        Self { plan, slots, said, live, touches: 0, doubted_mint_at: None }
    }

    pub fn plan(&self) -> &Arc<PackedPlan> {
        &self.plan
    }
    /// What cannot be read again, if anything.
    pub fn lost(&self) -> Option<Lost> {
        self.plan.lost()
    }
    pub fn ids(&self) -> impl Iterator<Item = TargetId> + '_ {
        self.slots.iter().map(|slot| slot.id)
    }
    /// Whether the plan leaves this target alone.
    pub fn leaves_alone(&self, id: TargetId) -> bool {
        self.plan.part(id) == Some(Part::Excepted)
    }
    fn at(&self, id: TargetId) -> Option<usize> {
        self.slots.binary_search_by_key(&id, |slot| slot.id).ok()
    }

    /// Folds an event of one target. None: there is no such target, or it is [lost](Self::lost).
    pub fn apply(&mut self, id: TargetId, event: &Event, at: Timestamp) -> Option<Result<(), Illegal>> {
        Some(self.live(id)?.apply(event, at))
    }

    /// Folds an event of the whole run into every state.
    pub fn apply_to_all(&mut self, event: &Event, at: Timestamp) {
        self.said.push((event.clone(), at));
    }

    /// One target's state, which is kept at hand.
    pub fn get(&mut self, id: TargetId) -> Option<&TargetState> {
        self.live(id).map(|state| &*state)
    }

    /// One target's state, for a look.
    pub fn state(&self, id: TargetId) -> Option<Cow<'_, TargetState>> {
        self.seen(&self.slots[self.at(id)?])
    }

    /// Every target's state, unpacked one by one.
    pub fn all(&self) -> impl Iterator<Item = (TargetId, Cow<'_, TargetState>)> {
        self.slots.iter().filter_map(|slot| Some((slot.id, self.seen(slot)?)))
    }

    /// What is known of each target at once.
    pub fn briefs(&self) -> impl Iterator<Item = (TargetId, Brief)> {
        self.slots.iter().map(|slot| {
            // What is said to all may change what is open, and where a value is.
            let is_behind = slot.heard < self.heard_by_all();
            let may_change = is_behind && (slot.brief.unresolved > 0 || slot.brief.value_in_memory);
            let brief = match &slot.kept {
                Kept::Live(_) => self.seen(slot).map(|state| Brief::of(&state)),
                _ if may_change => self.seen(slot).map(|state| Brief::of(&state)),
                _ => None,
            };
            (slot.id, brief.unwrap_or(slot.brief))
        })
    }

    /// When a credential was last made of which nobody knew whether it was.
    pub fn doubted_mint_at(&self) -> Option<Timestamp> {
        let of_live = self.live.iter().filter_map(|at| match &self.slots[*at].kept {
            Kept::Live(live) => live.state.doubted_mint_at(),
            _ => None,
        });
        of_live.chain(self.doubted_mint_at).max()
    }

    fn heard_by_all(&self) -> u32 {
        u32::try_from(self.said.len()).unwrap_or(u32::MAX)
    }

    /// The state, unpacked, that has heard everything.
    fn live(&mut self, id: TargetId) -> Option<&mut TargetState> {
        let at = self.at(id)?;
        if !matches!(self.slots[at].kept, Kept::Live(_)) {
            let state = self.unpacked(&self.slots[at])?.into_owned();
            let live = Box::new(Live { state, touched: 0 });
            self.make_room();
            self.live.push(at);
            let packed = std::mem::replace(&mut self.slots[at].kept, Kept::Live(live));
            if let Kept::Packed(block) = packed {
                self.plan.shelf().take_down(block);
            }
        }
        self.touches += 1;
        let (now, heard_by_all) = (self.touches, self.heard_by_all());
        let slot = &mut self.slots[at];
        let Kept::Live(live) = &mut slot.kept else { return None };
        hear(&mut live.state, &self.said, slot.heard);
        (slot.heard, live.touched) = (heard_by_all, now);
        Some(&mut live.state)
    }

    /// The state as it is when it has heard everything.
    fn seen<'a>(&'a self, slot: &'a Slot) -> Option<Cow<'a, TargetState>> {
        let mut state = self.unpacked(slot)?;
        if slot.heard < self.heard_by_all() {
            hear(state.to_mut(), &self.said, slot.heard);
        }
        Some(state)
    }

    fn unpacked<'a>(&self, slot: &'a Slot) -> Option<Cow<'a, TargetState>> {
        if let Kept::Live(live) = &slot.kept {
            return Some(Cow::Borrowed(&live.state));
        }
        let state = self.read(slot);
        state.map(Cow::Owned).or_else(|| self.plan.shelf().lose(&format!("the state of target {}", slot.id)))
    }

    /// The state of one that is not kept as it is.
    fn read(&self, slot: &Slot) -> Option<TargetState> {
        let line = self.plan.line(slot.id)?;
        let plan = Arc::new(packed::target_of(&line)?);
        Some(match &slot.kept {
            Kept::Packed(block) => {
                let bytes = self.plan.shelf().get(block)?;
                TargetState::unpack(plan, &packed::unpack(&bytes, &line)?)?
            }
            _ => TargetState::new(plan),
        })
    }

    /// Packs the half that was touched least lately, when there are too many.
    fn make_room(&mut self) {
        if self.live.len() < 2 * LIVE {
            return;
        }
        let touched = |slots: &[Slot], at: usize| match &slots[at].kept {
            Kept::Live(live) => live.touched,
            _ => 0,
        };
        let slots = &self.slots;
        self.live.sort_unstable_by_key(|at| std::cmp::Reverse(touched(slots, *at)));
        for at in self.live.split_off(LIVE) {
            if !self.put_away(at) {
                self.live.push(at);
            }
        }
    }

    /// Packs one; false if it cannot be packed, and stays as it is.
    fn put_away(&mut self, at: usize) -> bool {
        let slot = &self.slots[at];
        let Kept::Live(live) = &slot.kept else { return true };
        let state = &live.state;
        let packed = self.plan.line(slot.id).and_then(|line| Some(packed::pack(&state.pack()?, &line)));
        let Some(packed) = packed else { return false };
        let brief = Brief::of(state);
        self.doubted_mint_at = self.doubted_mint_at.max(state.doubted_mint_at());
        let slot = &mut self.slots[at];
        (slot.brief, slot.kept) = (brief, Kept::Packed(self.plan.shelf().put(packed)));
        true
    }
}

/// A state hears what was said to all since it listened last.
fn hear(state: &mut TargetState, said: &[(Event, Timestamp)], heard: u32) {
    for (event, time) in said.iter().skip(heard as usize) {
        // Nothing refuses what is said to all.
        let _ = state.apply(event, *time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred thousand of them are in memory.
    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot>(), 40);
    }
}

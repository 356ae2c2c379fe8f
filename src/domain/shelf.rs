//! Where what rests is put aside: blocks of some hundred bytes, in a room outside of memory if there is one.
//!
//! The room is a file that nobody else sees and that ends with the process (`trail/scratch.rs`). A block costs sixteen bytes
//! of memory there. Without a room, or when it takes no more (the disk is full), blocks stay in memory: to put
//! aside never fails. To read again may: then what was lost is remembered, and the run stops as it does when its log
//! cannot be written.

use super::id::Digest;
use super::text::Text;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blocks begin at multiples of so many bytes.
const UNIT: u64 = 32;
/// Each begins with so many bytes of the SHA-256 of the others: what is read is what was put there.
const CHECK: usize = 8;

/// What was put aside cannot be read again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "what was put aside in the working file cannot be read again ({0}); the log and the kept plan have all of it"
)]
pub struct Lost(pub Text<200>);

/// A room outside of memory.
pub trait Room: Send {
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Text<200>>;
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Text<200>>;
}

/// One block. It is read and taken down by the shelf that made it.
pub struct Block(Place);

enum Place {
    /// Boxed twice: a block on the shelf is what there are many of.
    Memory(Box<Box<[u8]>>),
    Room {
        unit: u32,
        bytes: u32,
    },
}

/// Keeps blocks.
pub struct Shelf(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    room: Option<Box<dyn Room>>,
    /// It takes no more.
    full: bool,
    /// The first unit that was never used.
    end: u32,
    /// Places that were taken down, by their length in units.
    free: BTreeMap<u32, Vec<u32>>,
    lost: Option<Lost>,
}

/// In memory. Where mistakes are looked for, in a room all the same.
impl Default for Shelf {
    fn default() -> Self {
        let room: Option<Box<dyn Room>> = match cfg!(debug_assertions) {
            true => Some(Box::<Vec<u8>>::default()),
            false => None,
        };
        Self(Mutex::new(Inner { room, ..Inner::default() }))
    }
}

impl Shelf {
    /// In a room.
    pub fn in_room(room: Box<dyn Room>) -> Self {
        Self(Mutex::new(Inner { room: Some(room), ..Inner::default() }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts bytes aside.
    pub fn put(&self, bytes: Vec<u8>) -> Block {
        let placed = self.inner().place(&bytes);
        Block(placed.unwrap_or_else(|| Place::Memory(Box::new(bytes.into_boxed_slice()))))
    }

    /// The bytes again. None: they are lost.
    pub fn get<'a>(&self, block: &'a Block) -> Option<Cow<'a, [u8]>> {
        match &block.0 {
            Place::Memory(bytes) => Some(Cow::Borrowed(bytes)),
            Place::Room { unit, bytes } => {
                let read = self.inner().read(*unit, *bytes);
                read.map(Cow::Owned).map_or_else(|why| self.lose(&why), Some)
            }
        }
    }

    /// The block is not needed any more.
    pub fn take_down(&self, block: Block) {
        if let Place::Room { unit, bytes } = block.0 {
            self.inner().free.entry(units(bytes)).or_default().push(unit);
        }
    }

    /// Remembers that something cannot be had again. What was lost first is told.
    pub fn lose<T>(&self, what: &str) -> Option<T> {
        self.inner().lost.get_or_insert_with(|| Lost(Text::lossy(what)));
        None
    }

    /// What was lost first, if anything was.
    pub fn lost(&self) -> Option<Lost> {
        self.inner().lost.clone()
    }
}

/// How many units a block of so many bytes takes, its check included.
fn units(bytes: u32) -> u32 {
    let units = (u64::from(bytes) + CHECK as u64).div_ceil(UNIT);
    u32::try_from(units).unwrap_or(u32::MAX)
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let digest = Digest::of(bytes).0;
    std::array::from_fn(|i| digest[i])
}

impl Inner {
    /// Writes into the room. None: it takes no more.
    fn place(&mut self, bytes: &[u8]) -> Option<Place> {
        let room = self.room.as_mut().filter(|_| !self.full)?;
        let length = u32::try_from(bytes.len()).ok()?;
        let units = units(length);
        let free = self.free.get_mut(&units).and_then(Vec::pop);
        let unit = free.unwrap_or(self.end);
        let end = self.end.max(unit.checked_add(units)?);
        let block = [check(bytes).as_slice(), bytes].concat();
        if room.write(u64::from(unit) * UNIT, &block).is_err() {
            self.full = true;
            return None;
        }
        self.end = end;
        Some(Place::Room { unit, bytes: length })
    }

    fn read(&self, unit: u32, length: u32) -> Result<Vec<u8>, Text<200>> {
        let room = self.room.as_ref().ok_or_else(|| Text::lossy("there is no room"))?;
        let mut block = vec![0; CHECK + length as usize];
        room.read(u64::from(unit) * UNIT, &mut block)?;
        let bytes = block.split_off(CHECK);
        if check(&bytes).as_slice() == block {
            Ok(bytes)
        } else {
            Err(Text::lossy("it holds other bytes than were written there"))
        }
    }
}

/// A room in memory, for tests.
impl Room for Vec<u8> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Text<200>> {
        let at = usize::try_from(at).map_err(|_| Text::lossy("too far"))?;
        let end = at + bytes.len();
        if self.len() < end {
            self.resize(end, 0);
        }
        self[at..end].copy_from_slice(bytes);
        Ok(())
    }
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Text<200>> {
        let at = usize::try_from(at).map_err(|_| Text::lossy("too far"))?;
        let there = self.get(at..at + bytes.len()).ok_or_else(|| Text::lossy("too short"))?;
        bytes.copy_from_slice(there);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// A room that others may look into, and that takes so many bytes.
    struct Glass {
        bytes: Arc<Mutex<Vec<u8>>>,
        most: usize,
    }

    impl Room for Glass {
        fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Text<200>> {
            if at as usize + bytes.len() > self.most {
                return Err(Text::lossy("no space left"));
            }
            self.bytes.lock().unwrap().write(at, bytes)
        }
        fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Text<200>> {
            self.bytes.lock().unwrap().read(at, bytes)
        }
    }

    fn glass(most: usize) -> (Shelf, Arc<Mutex<Vec<u8>>>) {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        (Shelf::in_room(Box::new(Glass { bytes: bytes.clone(), most })), bytes)
    }

    #[test]
    fn places_are_used_again() {
        let (shelf, room) = glass(usize::MAX);
        let blocks: Vec<Block> = (0..100u8).map(|n| shelf.put(vec![n; 20 + usize::from(n)])).collect();
        let full = room.lock().unwrap().len();
        for (block, n) in blocks.into_iter().zip(0..100u8) {
            assert_eq!(shelf.get(&block).as_deref(), Some(vec![n; 20 + usize::from(n)].as_slice()));
            shelf.take_down(block);
        }
        let again: Vec<Block> = (0..100u8).map(|n| shelf.put(vec![n; 20 + usize::from(n)])).collect();
        assert_eq!(room.lock().unwrap().len(), full);
        let all = again.iter().zip(0..100u8);
        assert!(all.into_iter().all(|(block, n)| shelf.get(block).is_some_and(|bytes| bytes[0] == n)));
        assert_eq!(shelf.lost(), None);
    }

    #[test]
    fn a_full_room_costs_memory_and_nothing_else() {
        let (shelf, room) = glass(100);
        let blocks: Vec<Block> = (0..10u8).map(|n| shelf.put(vec![n; 40])).collect();
        assert!(room.lock().unwrap().len() <= 100);
        for (block, n) in blocks.iter().zip(0..10u8) {
            assert_eq!(shelf.get(block).as_deref(), Some([n; 40].as_slice()));
        }
        assert_eq!(shelf.lost(), None);
    }

    #[test]
    fn other_bytes_are_no_answer() {
        let (shelf, room) = glass(usize::MAX);
        let (first, second) = (shelf.put(vec![1; 40]), shelf.put(vec![2; 40]));
        room.lock().unwrap()[CHECK] ^= 1;
        assert_eq!(shelf.get(&first), None);
        assert_eq!(shelf.get(&second).as_deref(), Some([2; 40].as_slice()));
        let lost = shelf.lost().unwrap().to_string();
        assert!(lost.contains("other bytes"), "{lost}");
        room.lock().unwrap().clear();
        assert_eq!(shelf.get(&second), None);
        assert_eq!(shelf.lost().unwrap().to_string(), lost, "the first is told");
    }

    #[test]
    fn a_block_is_small() {
        assert_eq!(size_of::<Block>(), 16);
    }
}

//! One run of a log, when other runs must stay private: the whole log in order, of which only the
//! lines of this run stand there. The others are folded into the hashes of the subtrees that they
//! fill, so that the same roots come out (`docs/adr/0010`).
//!
//! ```text
//! {"excerpt":1,"run":"01KC…"}                 whose run this is
//! {"code":"LOG010I","event":"log.opened",…}   a line of the log
//! {"hash":"<64 hex>","hidden":8}              eight lines that are not shown
//! ```

use super::lines::{Lines, Piece};
use super::merkle::{self, Hash};
use super::{Folder, Objects};
use crate::domain::approval::Statement;
use crate::domain::approval::statement::STATEMENT_BYTES_MAX;
use crate::domain::event::{Event, Line};
use crate::domain::id::{Digest, RunId, hex};
use crate::env::{Disk, DiskError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Its name in a bundle: not that of a log, so that nobody takes it for one.
pub const FILE: &str = "excerpt.jsonl";
const VERSION: u32 = 1;

/// What stands in an excerpt and not in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Begins(RunId),
    Hidden { hash: Hash, lines: u64 },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    excerpt: u32,
    run: RunId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hidden {
    hash: String,
    hidden: u64,
}

impl Item {
    /// Reads a line of an excerpt; none if it is not one of these two, in the only way to write it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let item = if bytes.starts_with(b"{\"hash\":") {
            let Hidden { hash, hidden } = serde_json::from_slice(bytes).ok()?;
            let hash = format!("sha256:{hash}").parse::<Digest>().ok()?.0;
            Self::Hidden { hash, lines: hidden }
        } else {
            let Head { excerpt, run } = serde_json::from_slice(bytes).ok()?;
            (excerpt == VERSION).then_some(Self::Begins(run))?
        };
        (item.to_bytes() == bytes).then_some(item)
    }

    /// The canonical bytes, without the line feed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let written = match self {
            Self::Begins(run) => serde_json::to_vec(&Head { excerpt: VERSION, run: run.clone() }),
            Self::Hidden { hash, lines } => serde_json::to_vec(&Hidden { hash: hex(hash), hidden: *lines }),
        };
        written.unwrap_or_default()
    }
}

/// A log's lines: the hashes of all, the bytes of those that are shown.
struct Picked {
    leaves: Vec<Hash>,
    shown: BTreeMap<usize, Vec<u8>>,
    events: Vec<Event>,
}

/// An excerpt, and the objects that its lines refer to.
pub(super) struct Excerpt {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    pub(super) objects: BTreeSet<Digest>,
}

impl Excerpt {
    /// Takes one run out of the complete lines of a log. `heads` are the sizes whose roots somebody
    /// knows: checkpoints and anchors.
    pub(super) fn of(
        disk: &Arc<dyn Disk>,
        folder: &Folder,
        run: &RunId,
        heads: BTreeSet<u64>,
    ) -> Result<Self, DiskError> {
        let picked = pick(disk.as_ref(), folder, run)?;
        let mut heads = heads;
        let kept = Objects::new(disk.clone(), folder);
        for event in &picked.events {
            if let Event::ApprovalRecorded(e) = event
                && let Ok(bytes) = kept.get(&e.statement, STATEMENT_BYTES_MAX as u64)
                && let Ok(statement) = Statement::from_bytes(&bytes)
            {
                heads.insert(statement.log_head.size);
            }
        }
        let objects = picked.events.iter().filter(|e| !is_withheld(e)).flat_map(super::verify::objects_of);
        let (objects, lines) = (objects.collect(), picked.leaves.len() as u64);
        Ok(Self { bytes: picked.write(run, &heads), lines, objects })
    }
}

/// Whether the object of this line is not given: what was refused may be about another run.
pub fn is_withheld(event: &Event) -> bool {
    matches!(event, Event::ApprovalRefused(_) | Event::NoteRefused(_))
}

/// Which lines are shown: those of the run, what its writers say of themselves, and what binds the
/// whole log.
fn pick(disk: &dyn Disk, folder: &Folder, run: &RunId) -> Result<Picked, DiskError> {
    let path = folder.events();
    let mut picked = Picked { leaves: Vec::new(), shown: BTreeMap::new(), events: Vec::new() };
    let mut lines = Lines::new(disk.open_read(&path)?);
    // What the present writer said of itself, until it is known whether it wrote for this run.
    let (mut waiting, mut ours): (Vec<(usize, Line, Vec<u8>)>, bool) = (Vec::new(), false);
    while let Some((_, piece)) = lines.next_piece().map_err(|e| DiskError::new("cannot read", &path, &e))? {
        let Piece::Line(bytes) = piece else { break };
        let at = picked.leaves.len();
        picked.leaves.push(merkle::leaf(bytes));
        let Ok(line) = Line::from_bytes(bytes) else { continue };
        let entry = (at, line, bytes.to_vec());
        if matches!(entry.1.event, Event::LogOpened(_)) {
            waiting.clear();
            ours = false;
        }
        match (&entry.1.run, &entry.1.event) {
            (Some(of), _) if of == run => {
                ours = true;
                waiting.drain(..).chain([entry]).for_each(|e| picked.show(e));
            }
            (Some(_), _) | (None, Event::LogTornTail(_)) => {}
            (
                None,
                Event::LogOpened(_)
                | Event::LogMirrored(_)
                | Event::LogCountersigned(_)
                | Event::LogClosed(_),
            ) if at > 0 && !ours => {
                waiting.push(entry);
            }
            (None, _) => picked.show(entry),
        }
    }
    Ok(picked)
}

impl Picked {
    fn show(&mut self, (at, line, bytes): (usize, Line, Vec<u8>)) {
        self.events.push(line.event);
        self.shown.insert(at, bytes);
    }

    /// Writes it all, hidden lines folded into the largest subtrees that end at no head and right
    /// before no shown line.
    fn write(&self, run: &RunId, heads: &BTreeSet<u64>) -> Vec<u8> {
        let mut ends: BTreeSet<usize> = heads.iter().filter_map(|h| usize::try_from(*h).ok()).collect();
        ends.extend(self.shown.keys().flat_map(|at| [at.saturating_sub(1), *at]));
        ends.insert(self.leaves.len());
        let mut out = Item::Begins(run.clone()).to_bytes();
        out.push(b'\n');
        let mut at = 0;
        while at < self.leaves.len() {
            if let Some(bytes) = self.shown.get(&at) {
                out.extend_from_slice(bytes);
                at += 1;
            } else {
                let end = ends.range(at + 1..).next().copied().unwrap_or(at + 1);
                let lines = subtree(at, end.min(self.leaves.len()) - at);
                let hash = merkle::root(&self.leaves[at..at + lines]);
                out.extend(Item::Hidden { hash, lines: lines as u64 }.to_bytes());
                at += lines;
            }
            out.push(b'\n');
        }
        out
    }
}

/// The largest complete subtree that begins at `at` and has no more than `room` leaves.
fn subtree(at: usize, room: usize) -> usize {
    let fits = 1 << room.max(1).ilog2();
    if at == 0 { fits } else { fits.min(1 << at.trailing_zeros()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::merkle::Frontier;

    #[test]
    fn items_have_one_spelling() {
        let run = RunId::new(1, [3; 10]);
        for item in [Item::Begins(run), Item::Hidden { hash: [0xab; 32], lines: 8 }] {
            let bytes = item.to_bytes();
            assert_eq!(Item::from_bytes(&bytes), Some(item));
            let text = String::from_utf8(bytes).unwrap();
            for bad in [
                text.replace(':', ": "),
                text.replace("ab", "AB"),
                text.replace("\"hidden\":8", "\"hidden\":8,\"hidden\":8"),
                text.replace(":8}", ":08}"),
                text.replace(":1,", ":2,"),
                text.replace('}', ",\"x\":1}"),
            ] {
                assert!(bad == text || Item::from_bytes(bad.as_bytes()).is_none(), "{bad}");
            }
        }
    }

    /// Whatever is shown, and wherever heads are known: the roots are those of the log, and the
    /// line before a shown one stands alone.
    #[test]
    fn what_is_folded_has_the_same_roots() {
        let leaves: Vec<Hash> = (0..41u16).map(|i| merkle::leaf(&i.to_be_bytes())).collect();
        for shown in [&[0usize][..], &[0, 9, 10, 30], &[0, 1, 40], &[0, 17, 39]] {
            let picked = Picked {
                leaves: leaves.clone(),
                shown: shown.iter().map(|at| (*at, format!("line {at}").into_bytes())).collect(),
                events: Vec::new(),
            };
            let heads = BTreeSet::from([3, 16, 29, 41]);
            let text = picked.write(&RunId::new(1, [3; 10]), &heads);
            let (mut tree, mut met, mut before) = (Frontier::default(), BTreeSet::new(), 1);
            for bytes in text.split(|b| *b == b'\n').skip(1).filter(|l| !l.is_empty()) {
                let at = usize::try_from(tree.size()).unwrap();
                match Item::from_bytes(bytes) {
                    Some(Item::Hidden { hash, lines }) => {
                        assert!(tree.push_subtree(hash, lines), "{lines} at {at}");
                        before = lines;
                    }
                    _ => {
                        assert!(shown.contains(&at) && before == 1, "{at}");
                        tree.push(leaves[at]);
                    }
                }
                let size = usize::try_from(tree.size()).unwrap();
                assert_eq!(tree.root(), merkle::root(&leaves[..size]), "{size}");
                met.insert(tree.size());
            }
            assert!(met.is_superset(&heads), "{met:?}");
            assert!(text.split(|b| *b == b'\n').count() < 34, "subtrees, not leaves");
        }
    }
}

//! How far the reading for a plan has come, for whoever waits for it.

use super::plan_reads::PAGE;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Counted while the tenant is read. Copies share it.
#[derive(Clone, Debug, Default)]
pub struct Reading(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    pages: AtomicU32,
    pages_about: AtomicU32,
    targets: AtomicU32,
    targets_all: AtomicU32,
    /// How large the tenant is, is known.
    begun: AtomicBool,
}

/// What is read just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadSoFar {
    /// Who we are, which stores answer, how large the tenant is.
    Ground,
    /// What is read for all targets together, lists apart: stores, policies, who may do what.
    Around,
    /// Pages of the tenant's lists; how many there are is not known before the last.
    Lists { pages: u32, about: u32 },
    /// Target by target.
    Targets { read: u32, all: u32 },
}

impl Reading {
    pub fn so_far(&self) -> ReadSoFar {
        let Counts { pages, pages_about, targets, targets_all, begun } = &*self.0;
        let (pages, about) = (pages.load(Relaxed), pages_about.load(Relaxed));
        match targets_all.load(Relaxed) {
            0 if !begun.load(Relaxed) => ReadSoFar::Ground,
            0 if pages >= about => ReadSoFar::Around,
            0 => ReadSoFar::Lists { pages, about },
            all => ReadSoFar::Targets { read: targets.load(Relaxed), all },
        }
    }

    pub(crate) fn begin(&self) {
        self.0.begun.store(true, Relaxed);
    }
    /// So many lists of so many entries are going to be read.
    pub(crate) fn lists(&self, lists: u32, entries: u64) {
        let pages = u32::try_from(entries / PAGE).unwrap_or(u32::MAX).saturating_add(1);
        self.0.pages_about.fetch_add(lists.saturating_mul(pages), Relaxed);
    }
    pub(crate) fn page(&self) {
        self.0.pages.fetch_add(1, Relaxed);
    }
    /// Lists are done with.
    pub(crate) fn targets(&self, all: usize) {
        self.0.targets_all.store(u32::try_from(all).unwrap_or(u32::MAX), Relaxed);
    }
    pub(crate) fn target(&self) {
        self.0.targets.fetch_add(1, Relaxed);
    }
}

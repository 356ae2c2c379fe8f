//! Deliberately broken engines: each bend breaks one promise at the place where it is kept, so
//! that the simulator is seen to notice (`tests/bent.rs`).
//!
//! Without the feature `bent` nothing can be bent: [`is`] is a constant `false`, and the compiler
//! takes every bend out. `tests/unbent.rs` looks for their names in the program.

/// One way to break the engine.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "bent", derive(Debug))]
pub enum Bend {
    /// An orphan's value is nobody's, and it is taken for ours.
    AdoptOrphan,
    /// A lost reply counts as "it did not happen".
    BlindRetry,
    /// Sign-ins after the first are answered from a cache.
    CachedToken,
    /// After a lost vault reply the published credential is discarded before it is replaced.
    DiscardPublished,
    /// What was cleared before the drift check is not asked again.
    EarlyClearance,
    /// An intent is written and not synced.
    IntentNotSynced,
    /// The budget is waited for between intent and request.
    LatePermit,
    /// Nobody looks whether the world has moved.
    NoDriftCheck,
    /// The verification from before the hold counts as the one after it.
    OldRecheck,
    /// One read decides.
    OneRead,
    /// The identity that acts is a target like any other.
    OwnIdentity,
    /// A phase that was open once stays open.
    QuorumOnce,
    /// The old credential goes as soon as there is a new one.
    RetireFirst,
    /// The list of certificates is sent back as the first read showed it.
    StaleList,
    /// The sweep looks for a name that nobody gives.
    SweepWrongName,
    /// The torn tail stays, and the log goes on behind it.
    TornTailTrusted,
    /// An undo switches our version off, the newest one.
    UndoDisables,
    /// One success verifies.
    VerifyOnce,
    /// Writers queue by step, not by object.
    WrongLane,
}

#[cfg(not(feature = "bent"))]
pub(crate) const fn is(_: Bend) -> bool {
    false
}

#[cfg(feature = "bent")]
thread_local! {
    static BENT: std::cell::Cell<Option<Bend>> = const { std::cell::Cell::new(None) };
}

/// Bends whatever runs on this thread from now on, or straightens it.
#[cfg(feature = "bent")]
pub fn bend(how: Option<Bend>) {
    BENT.set(how);
}

#[cfg(feature = "bent")]
pub(crate) fn is(bend: Bend) -> bool {
    let bent = BENT.get() == Some(bend);
    if bent {
        tracing::trace!(?bend, "a promise is broken on purpose");
    }
    bent
}

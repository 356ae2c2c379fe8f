//! Something moved: whoever waits looks again, in the order in which they began to wait.
//!
//! tokio's `watch` wakes its receivers in an order drawn at random, and the order of waking is the
//! order of lines in the log: with it, one seed would give many traces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// Moves, and tells those who listen.
#[derive(Clone, Default)]
pub(super) struct Signal {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    moves: AtomicU64,
    notify: Notify,
}

/// One listener, who knows what it has seen.
pub(super) struct Listener {
    shared: Arc<Shared>,
    seen: u64,
}

impl Signal {
    pub(super) fn raise(&self) {
        self.shared.moves.fetch_add(1, Ordering::SeqCst);
        self.shared.notify.notify_waiters();
    }
    /// Hears what comes from now on.
    pub(super) fn listen(&self) -> Listener {
        let seen = self.shared.moves.load(Ordering::SeqCst);
        Listener { shared: Arc::clone(&self.shared), seen }
    }
}

impl Listener {
    /// What has come so far is known.
    pub(super) fn catch_up(&mut self) {
        self.seen = self.shared.moves.load(Ordering::SeqCst);
    }
    /// Until something came that is not known.
    pub(super) async fn heard(&mut self) {
        loop {
            let told = self.shared.notify.notified();
            let moves = self.shared.moves.load(Ordering::SeqCst);
            if moves != self.seen {
                self.seen = moves;
                return;
            }
            told.await;
        }
    }
}

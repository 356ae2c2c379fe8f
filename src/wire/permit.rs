//! The right to send one write, which a budget grants.

use super::budget::Draw;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The right to send one write. Copies are the same right.
#[derive(Clone)]
pub struct Permit(Arc<PermitInner>);

struct PermitInner {
    draws: Vec<Draw>,
    spent: AtomicBool,
}

impl Permit {
    pub(super) fn new(draws: &[Draw]) -> Self {
        Self(Arc::new(PermitInner { draws: draws.to_vec(), spent: AtomicBool::new(false) }))
    }
    /// Whether it was taken for at least `draws`.
    pub fn covers(&self, draws: &[Draw]) -> bool {
        draws.iter().all(|d| self.0.draws.iter().any(|own| own.bucket == d.bucket && own.amount >= d.amount))
    }
    pub(super) fn draws(&self) -> &[Draw] {
        &self.0.draws
    }
    /// True once: the send that may happen now.
    pub(super) fn spend(&self) -> bool {
        !self.0.spent.swap(true, Ordering::AcqRel)
    }
    /// Whether the send has begun: from then on its effect may happen.
    pub fn is_spent(&self) -> bool {
        self.0.spent.load(Ordering::Acquire)
    }
    /// The send was turned away at the door (401): it may be repeated with a better token.
    pub(super) fn give_back(&self) {
        self.0.spent.store(false, Ordering::Release);
    }
    /// The permit of the task that is running, if [`with_permit`] set one.
    pub(super) fn of_task() -> Option<Permit> {
        PERMIT.try_with(Clone::clone).ok()
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.0.draws).finish()
    }
}

tokio::task_local! {
    static PERMIT: Permit;
}

/// Runs `work` with `permit` at hand for the one write in it: the way through clients that are
/// not ours and build their own requests.
pub async fn with_permit<T>(permit: &Permit, work: impl Future<Output = T>) -> T {
    PERMIT.scope(permit.clone(), work).await
}

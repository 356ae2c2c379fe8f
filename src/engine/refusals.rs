//! A service that says nothing but "too many" or "busy", whatever is asked of it and however long: then
//! the run pauses. Each step has a patience of its own, but its end is the end of a target, and that
//! the service is closed is no target's fault.

use super::Halt;
use super::shared::Shared;
use crate::domain::event::{Fault, FaultClass, RunPaused};
use crate::domain::text::Text;
use crate::domain::time::{Timestamp, show_span};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So long, to the cloud, nothing but refusals: half of a step's own patience with a busy service.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// What the run remembers of refusals.
pub(super) struct Refusals(Mutex<Memory>);

struct Memory {
    /// Since when no write was answered otherwise.
    since: Option<Timestamp>,
    /// A step's patience begins anew with each process, and when people say `continue`.
    anew: Timestamp,
}

impl Refusals {
    pub(super) fn new(now: Timestamp) -> Self {
        Self(Mutex::new(Memory { since: None, anew: now }))
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin_anew(&self, now: Timestamp) {
        *self.memory() = Memory { since: None, anew: now };
    }

    /// From when on a step's patience counts that was first tried at `first`.
    pub(super) fn patience_from(&self, first: Timestamp) -> Timestamp {
        first.max(self.memory().anew)
    }

    /// Notes how something went; true if the run shall pause. That something could be read says nothing
    /// of writes.
    fn is_too_long(&self, fault: Option<&Fault>, writes: bool, now: Timestamp, patience: Duration) -> bool {
        let mut memory = self.memory();
        if fault.is_none_or(|f| f.class != FaultClass::Busy) {
            memory.since = memory.since.filter(|_| !writes);
            return false;
        }
        let too_long = now.since(*memory.since.get_or_insert(now)) > patience;
        if too_long {
            memory.since = None;
        }
        too_long
    }
}

/// Notes how a step, or the reading before it, went; pauses the run when it has been refused for long.
pub(super) async fn note(shared: &Shared, fault: Option<&Fault>, writes: bool) -> Result<(), Halt> {
    let patience = shared.env.clock.as_lag(PATIENCE);
    let too_long = shared.refusals.is_too_long(fault, writes, shared.env.clock.now(), patience);
    let Some(fault) = fault.filter(|_| too_long && !shared.board.run().paused) else { return Ok(()) };
    let reason = Text::lossy(&format!(
        "for {} the service has refused everything as too much or busy ({})",
        show_span(patience),
        fault.code
    ));
    shared.board.record_run(RunPaused { by: Text::lossy("reissue"), reason }.into()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Happened;

    #[test]
    fn only_an_hour_of_nothing_else_is_too_long() {
        let at = |minutes: i64| Timestamp::from_unix_s(minutes * 60);
        let fault = |class| Fault { class, code: Text::lossy("429"), happened: Happened::No };
        let busy = fault(FaultClass::Busy);
        let refusals = Refusals::new(at(0));
        let not_yet = fault(FaultClass::NotYet);
        assert!(!refusals.is_too_long(Some(&busy), true, at(0), PATIENCE));
        assert!(!refusals.is_too_long(Some(&busy), true, at(59), PATIENCE));
        assert!(!refusals.is_too_long(None, true, at(59), PATIENCE), "something was written");
        assert!(!refusals.is_too_long(Some(&busy), true, at(60), PATIENCE));
        assert!(!refusals.is_too_long(Some(&not_yet), true, at(100), PATIENCE), "an answer of another kind");
        assert!(!refusals.is_too_long(Some(&busy), true, at(101), PATIENCE));
        assert!(!refusals.is_too_long(None, false, at(150), PATIENCE), "something was read");
        assert!(refusals.is_too_long(Some(&busy), false, at(162), PATIENCE));
        assert!(!refusals.is_too_long(Some(&busy), true, at(163), PATIENCE), "the next hour");
    }

    #[test]
    fn patience_begins_anew_with_the_process_and_with_continue() {
        let at = Timestamp::from_unix_s;
        let refusals = Refusals::new(at(100));
        assert_eq!(refusals.patience_from(at(7)), at(100));
        assert_eq!(refusals.patience_from(at(170)), at(170));
        refusals.begin_anew(at(200));
        assert_eq!(refusals.patience_from(at(170)), at(200));
    }
}

//! How patient to be: pure, so that recovery decides as the live run did.

use super::event::{Fault, FaultClass, Happened};
use super::time::Timestamp;
use std::time::Duration;

/// A credential that is not accepted yet is waited for this long. Entra publishes no figure;
/// 4–18 s are reported, minutes happen, Terraform's provider waits up to 12 min (reported).
const NOT_YET: Duration = Duration::from_secs(30 * 60);
/// A service that is busy or out of reach is tried this long.
const TROUBLE: Duration = Duration::from_secs(2 * 3_600);
/// An answer that cannot be read, to a request that changed nothing, is asked for again this long:
/// something on its way has cut it.
const GARBLED: Duration = Duration::from_secs(10 * 60);
/// The code of an attempt that ended because the run was asked to leave: nothing had been sent.
pub const CUT_SHORT: &str = "cut_short";

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(120);

/// When to try again, or none: give up. `first_at` is when the first attempt began.
pub fn after(fault: &Fault, attempt: u16, first_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    if fault.happened == Happened::Unknown {
        return None;
    }
    let patience = match fault.class {
        FaultClass::NotYet => NOT_YET,
        FaultClass::Busy | FaultClass::Line => TROUBLE,
        FaultClass::Unexpected => GARBLED,
        FaultClass::Refused => return None,
    };
    let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(6));
    let when = now.after(doubled.min(LONGEST));
    (when.since(first_at) <= patience).then_some(when)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Text;

    #[test]
    fn patience_grows_and_ends() {
        let fault = |class, happened| Fault { class, code: Text::lossy("x"), happened };
        let t0 = Timestamp::from_unix_s(1_000_000);
        let busy = fault(FaultClass::Busy, Happened::No);
        assert_eq!(after(&busy, 1, t0, t0), Some(t0.after(FIRST)));
        assert_eq!(after(&busy, 40, t0, t0), Some(t0.after(LONGEST)));
        assert_eq!(after(&busy, 90, t0, t0.after(TROUBLE)), None);
        assert_eq!(after(&fault(FaultClass::Refused, Happened::No), 1, t0, t0), None);
        let garbled = fault(FaultClass::Unexpected, Happened::No);
        assert_eq!(after(&garbled, 1, t0, t0), Some(t0.after(FIRST)));
        assert_eq!(after(&garbled, 9, t0, t0.after(GARBLED)), None);
        assert_eq!(after(&fault(FaultClass::Line, Happened::Unknown), 1, t0, t0), None);
    }
}

//! Never decide from one read: replicas lag by seconds and disagree (reported), so a finding
//! counts when several reads in a row agree on it.

use super::Call;
use super::parts::old;
use crate::bent::{self, Bend};
use crate::domain::credential::CredentialRef;
use crate::domain::event::{Fault, FaultClass, Happened};
use crate::domain::step::Verb;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Clock;
use std::future::Future;
use std::time::Duration;

/// How many reads must agree, and how far apart they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreement {
    pub(super) times: u16,
    pub(super) apart: Duration,
}

/// Where one read is enough for a yes.
pub(super) const ONCE: Agreement = Agreement { times: 1, apart: Duration::ZERO };
/// After a write whose answer was lost: four reads over two minutes, longer than the usual lag.
pub(super) const AFTER_DOUBT: Agreement = Agreement { times: 4, apart: Duration::from_secs(45) };
/// As proof of a state: four reads over half a minute.
pub(super) const AS_PROOF: Agreement = Agreement { times: 4, apart: Duration::from_secs(11) };
/// How long after its removal the absence of a credential proves its death, where its value is not
/// known here: the directory's word says nothing of the sign-in nodes, which follow it by up to
/// minutes (no figure is published: "assume minutes", unconfirmed).
const SPREADS_WITHIN: Duration = Duration::from_secs(600);
/// More disagreement than this is no lag any more.
const READS_MOST: u16 = 40;

/// The credential that the step proves dead, and until when reads alone do not prove it: its removal is
/// still spreading. None: it has spread, or the step proves nothing.
pub(super) fn spreading(clock: Clock, call: &Call<'_>) -> Result<Option<(CredentialRef, Timestamp)>, Fault> {
    if call.step.verb != Verb::Prove {
        return Ok(None);
    }
    let gone = old(call)?;
    let spread = call.state.retired_at(&gone).map(|at| at.after(clock.as_lag(SPREADS_WITHIN)));
    Ok(spread.filter(|spread| clock.now() < *spread).map(|spread| (gone, spread)))
}

/// By then every replica knows what was written. Lags of minutes are reported, and Terraform's provider
/// waits for twelve; no figure is published (unconfirmed).
pub(crate) const KNOWN_EVERYWHERE: Duration = Duration::from_secs(900);

/// Whether the step, or its undo, was first tried so long ago that a credential which no read lists is
/// gone. Before that, a replica may not even know that it was made.
pub(super) fn tried_for_long(clock: Clock, call: &Call<'_>, undo: bool) -> bool {
    let first = call.state.first_attempt_at(call.step.no, undo);
    first.is_some_and(|at| clock.now().since(at) >= clock.as_lag(KNOWN_EVERYWHERE))
}

/// Does it again while its trouble may pass: so often, the pauses doubling from two seconds.
pub(crate) async fn patiently<T, E, F>(
    clock: Clock,
    times: u32,
    may_pass: impl Fn(&E) -> bool,
    work: impl Fn() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match work().await {
            Err(e) if may_pass(&e) && tries < times => {
                clock.pause_between_looks(Duration::from_secs(1 << tries)).await;
            }
            other => return other,
        }
    }
}

/// Reads until the agreement is reached; the last value is the answer.
pub(super) async fn agree<T, F>(clock: Clock, wanted: Agreement, read: impl Fn() -> F) -> Result<T, Fault>
where
    T: PartialEq,
    F: Future<Output = Result<T, Fault>>,
{
    let mut last = read().await?;
    let mut same = 1;
    for _ in 1..READS_MOST {
        if same >= wanted.times || bent::is(Bend::OneRead) {
            return Ok(last);
        }
        clock.pause_between_looks(wanted.apart).await;
        let now = read().await?;
        same = if now == last { same + 1 } else { 1 };
        last = now;
    }
    let code = Text::lossy("reads_disagree");
    Err(Fault { class: FaultClass::NotYet, code, happened: Happened::No })
}

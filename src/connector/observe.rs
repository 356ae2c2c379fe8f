//! Playbook ─observe→ Observed: reads what the plan needs, and writes nothing.

use super::reading::Reading;
use super::reads::patiently;
use super::registry::Registry;
use super::{Depth, Sight};
use crate::domain::credential::Place;
use crate::domain::event::{Fault, FaultClass};
use crate::domain::plan::guardrail::Population;
use crate::domain::plan::make::{Known, Observed, ObservedTarget};
use crate::domain::plan::refusal::Reason;
use crate::domain::plan::{Identity, Refusal};
use crate::domain::playbook::model::{Subject, Target, ValidPlaybook};
use crate::domain::text::Text;
use crate::env::Clock;
use futures::StreamExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Targets that are read at the same time; the budget decides how fast.
const AT_ONCE: usize = 64;

/// An answer that cannot be read was cut on its way: it is asked for so often.
const TRIES: u32 = 4;

/// So long nothing but refusals as too much or busy: then nothing is planned. While anything is read, a throttled
/// tenant is waited for: a target that was not read for that reason alone must not be left alone.
const REFUSED_MOST: Duration = Duration::from_secs(600);
/// Pauses after a refusal; the wire has been patient before.
const PAUSE_FIRST: Duration = Duration::from_secs(15);
const PAUSE_MOST: Duration = Duration::from_secs(60);

/// Why nothing can be planned at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObserveError {
    #[error("store {store} ({host}) does not answer this identity: {code}")]
    Store { store: Text<64>, host: Text<128>, code: Text<64> },
    #[error("the directory does not answer: {code}")]
    Directory { code: Text<64> },
    #[error("for 10 minutes every read was refused as too much, or busy: {code}")]
    Busy { code: Text<64> },
}

/// Reads every target of the playbook, and how large the tenant is.
pub async fn observe(
    playbook: &ValidPlaybook,
    registry: &Registry,
    identity: Identity,
    known: Known,
    reading: &Reading,
) -> Result<Observed, ObserveError> {
    let patient = Patient::new(registry.clock());
    for (store, named) in &playbook.stores {
        if let Err(fault) = patient.read(|| async { registry.stores().reach(store).await }).await {
            busy(&fault)?;
            let host = named.key_vault.clone();
            return Err(ObserveError::Store { store: store.clone(), host, code: fault.code });
        }
    }
    let population = patient.read(|| registry.population()).await;
    let population = population.or_else(|fault| {
        busy(&fault)?;
        Err(ObserveError::Directory { code: fault.code })
    })?;
    let subjects: Vec<&str> = playbook.targets.iter().map(subject).collect();
    let places: Vec<Place> = playbook.targets.iter().filter_map(place).collect();
    reading.begin();
    registry.prepare(&subjects, &places, population, reading).await;
    reading.targets(playbook.targets.len());
    let reads = playbook.targets.iter().map(async |target| {
        let target = read(registry, &patient, target.clone()).await;
        reading.target();
        target
    });
    let targets: Vec<ObservedTarget> = futures::stream::iter(reads).buffered(AT_ONCE).collect().await;
    // What could be read is planned; if that is nothing, there is no plan of exceptions.
    match patient.into_refusal().filter(|_| targets.iter().all(|t| t.seen.is_err())) {
        Some(code) => Err(ObserveError::Busy { code }),
        None => Ok(Observed { identity, population, targets, known }),
    }
}

/// Patience with a busy service is over.
fn busy(fault: &Fault) -> Result<(), ObserveError> {
    match fault.class {
        FaultClass::Busy => Err(ObserveError::Busy { code: fault.code.clone() }),
        _ => Ok(()),
    }
}

/// Client id or user principal name.
fn subject(target: &Target) -> &str {
    match &target.subject {
        Subject::App { client_id, .. } => client_id.as_str(),
        Subject::User { upn } => upn.as_str(),
    }
}

/// Where the new value goes.
fn place(target: &Target) -> Option<Place> {
    target.publish.as_ref().map(|p| Place { name: p.name.clone(), store: p.store.clone() })
}

async fn read(registry: &Registry, patient: &Patient, target: Target) -> ObservedTarget {
    let place = place(&target);
    let sight = Sight { subject: subject(&target), place: place.as_ref(), depth: Depth::Plan };
    let seen = match registry.effects_of(target.kind) {
        Some(effects) => {
            let seen = patient.read(|| effects.observe(sight)).await;
            seen.map_err(|fault| refusal(&fault))
        }
        None => Err(Refusal::new(Reason::Unreadable, target.kind)),
    };
    ObservedTarget { target, seen }
}

/// Reads again what was cut, and what was refused as too much or busy.
struct Patient {
    clock: Clock,
    memory: Mutex<Memory>,
}

struct Memory {
    /// When anything was last read.
    read_at: Duration,
    /// Why patience ended, if it did.
    refusal: Option<Text<64>>,
}

impl Patient {
    fn new(clock: Clock) -> Self {
        Self { clock, memory: Mutex::new(Memory { read_at: clock.elapsed(), refusal: None }) }
    }

    fn into_refusal(self) -> Option<Text<64>> {
        self.memory.into_inner().unwrap_or_else(PoisonError::into_inner).refusal
    }

    async fn read<T, F>(&self, read: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut pause = PAUSE_FIRST;
        loop {
            let cut = |fault: &Fault| fault.class == FaultClass::Unexpected;
            let result = patiently(self.clock, TRIES, cut, &read).await;
            let now = self.clock.elapsed();
            match &result {
                Err(fault) if fault.class == FaultClass::Busy => {
                    let mut memory = self.memory();
                    if now.saturating_sub(memory.read_at) >= self.clock.as_lag(REFUSED_MOST) {
                        memory.refusal = Some(fault.code.clone());
                        return result;
                    }
                }
                _ => {
                    self.memory().read_at = now;
                    return result;
                }
            }
            self.clock.sleep(self.clock.as_lag(pause)).await;
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read that fails is a reason to leave the target alone.
fn refusal(fault: &Fault) -> Refusal {
    let reason = match (fault.class, fault.code.as_str()) {
        (_, "Request_ResourceNotFound") => Reason::NotFound,
        // Graph's words for 403 (Microsoft Graph error responses).
        (FaultClass::Refused, "Authorization_RequestDenied" | "accessDenied") => Reason::MissingPermission,
        // Key Vault's: no role there, or its firewall (Key Vault REST error codes).
        (_, code) if code.starts_with("Forbidden") => Reason::StoreUnreachable,
        // AADSTS numbers are about our own identity; the rest is trouble that may pass.
        _ => Reason::Unreadable,
    };
    Refusal::new(reason, &*fault.code)
}

/// The population that percentages count against.
pub(super) fn population(applications: u64, users: u64) -> Population {
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Population { applications: small(applications), users: small(users) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Happened;

    #[test]
    fn a_failed_read_becomes_a_reason() {
        for (class, code, reason) in [
            (FaultClass::Refused, "Request_ResourceNotFound", Reason::NotFound),
            (FaultClass::Refused, "Authorization_RequestDenied", Reason::MissingPermission),
            (FaultClass::NotYet, "ForbiddenByRbac", Reason::StoreUnreachable),
            (FaultClass::Refused, "AADSTS700016", Reason::Unreadable),
            (FaultClass::Line, "HTTP_503", Reason::Unreadable),
        ] {
            let fault = Fault { class, code: Text::lossy(code), happened: Happened::No };
            assert_eq!(refusal(&fault).reason, reason, "{code}");
        }
    }
}

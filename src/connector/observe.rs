//! Playbook ─observe→ Observed: reads what the plan needs, and writes nothing.

use super::patient::Patient;
use super::reading::Reading;
use super::registry::Registry;
use super::{Depth, Sight};
use crate::domain::credential::Place;
use crate::domain::event::{Fault, FaultClass};
use crate::domain::id::{TargetId, few};
use crate::domain::plan::guardrail::Population;
use crate::domain::plan::make::{Known, Observed, ObservedTarget};
use crate::domain::plan::refusal::Reason;
use crate::domain::plan::{Identity, Refusal};
use crate::domain::playbook::model::{Subject, Target, ValidPlaybook};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::silence::Silence;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use std::time::Duration;

/// Targets that are read at the same time; the budget decides how fast.
const AT_ONCE: usize = 64;

/// After the patience of the wire, whose own tries last a minute, this often again: what went away for a while is
/// back, what stays away alone is odd.
const ROUNDS: usize = 2;
/// So many targets may be odd without anybody's doubt, or one in a hundred.
const ODD_MOST: usize = 3;

/// What our own identity fails with before the token service is asked (`azure/credential.rs`).
const NO_TOKEN: [&str; 3] = ["azure_cli_failed", "bad_credential", "bad_key"];

/// After so long without any answer it is asked whether the tenant is there at all, …
const SILENT_MOST: Duration = Duration::from_secs(30);
/// … which is looked at so often, …
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// … and that is waited for so long: longer than the wire tries.
const ANSWERS_WITHIN: Duration = Duration::from_secs(90);

/// Why nothing can be planned at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObserveError {
    #[error("store {store} ({host}) does not answer this identity: {code}")]
    Store { store: Text<64>, host: Text<128>, code: Text<64> },
    #[error("the directory does not answer: {code}")]
    Directory { code: Text<64> },
    #[error("for 10 minutes every read was refused as too much, or busy: {code}")]
    Busy { code: Text<64> },
    #[error("{host} has not answered since {since}, while the tenant was read: {code}")]
    Silent { host: Text<128>, since: Timestamp, code: Text<64> },
    #[error(
        "{unread} of {all} targets could not be read, although the tenant answers ({}): {code}",
        few(first)
    )]
    Unread { unread: usize, all: usize, first: Vec<TargetId>, code: Text<64> },
    #[error("this identity was refused while the tenant was read: {code}")]
    Identity { code: Text<64> },
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
    let all = async {
        reading.begin();
        registry.prepare(&subjects, &places, population, reading).await;
        reading.targets(playbook.targets.len());
        read_all(playbook, registry, reading).await
    };
    let targets = tokio::select! {
        biased;
        targets = all => targets?,
        silent = silence(registry, playbook) => return Err(silent),
    };
    Ok(Observed { identity, population, targets, known })
}

/// Every target. What the tenant did not answer, or not in words that can be read, is asked for again while it
/// answers anything: no target is left alone because of an outage.
async fn read_all(
    playbook: &ValidPlaybook,
    registry: &Registry,
    reading: &Reading,
) -> Result<Vec<ObservedTarget>, ObserveError> {
    // Patience with a busy service counts from here on: lists were read before. Nor does it begin anew with each
    // look whether the tenant is there.
    let patient = &Patient::new(registry.clock());
    let all = playbook.targets.len();
    let mut targets: Vec<Option<ObservedTarget>> = playbook.targets.iter().map(|_| None).collect();
    let mut asked: Vec<usize> = (0..all).collect();
    let mut last = None;
    for _ in 0..=ROUNDS {
        let target = |n: usize| playbook.targets[n].clone();
        let reads = asked.iter().map(async |n| (*n, read(registry, patient, target(*n)).await));
        // In whatever order: what is odd takes a minute, and holds nobody up.
        let mut reads = futures::stream::iter(reads).buffer_unordered(AT_ONCE);
        let mut unanswered = Vec::new();
        while let Some((n, (target, trouble))) = reads.next().await {
            targets[n] = Some(target);
            match trouble {
                Some(Fault { class: FaultClass::Line | FaultClass::Unexpected, code, .. }) => {
                    unanswered.push(n);
                    last = Some(code);
                }
                Some(fault) => return Err(fatal(fault)),
                None => reading.target(),
            }
        }
        drop(reads);
        unanswered.sort_unstable();
        asked = unanswered;
        if asked.is_empty() {
            break;
        }
        answers(registry, playbook).await?;
    }
    let unread = asked.len();
    match last.filter(|_| unread == all || unread > ODD_MOST.max(all / 100)) {
        Some(code) => {
            let first = asked.iter().map(|n| playbook.targets[*n].id).collect();
            Err(ObserveError::Unread { unread, all, first, code })
        }
        None => Ok(targets.into_iter().flatten().collect()),
    }
}

/// Why nothing more can be read.
fn fatal(fault: Fault) -> ObserveError {
    match fault.class {
        FaultClass::Busy => ObserveError::Busy { code: fault.code },
        _ => ObserveError::Identity { code: fault.code },
    }
}

/// Whether the tenant and the stores answer now; who does not, is known as soon as one does not.
async fn answers(registry: &Registry, playbook: &ValidPlaybook) -> Result<(), ObserveError> {
    let patient = Patient::new(registry.clock());
    let patient = &patient;
    let directory = async { (None, patient.read(|| registry.population()).await.err()) };
    let stores = playbook.stores.iter().map(async |(store, named)| {
        let reached = patient.read(|| async { registry.stores().reach(store).await }).await;
        (Some(&named.key_vault), reached.err())
    });
    let mut asked = FuturesUnordered::new();
    asked.push(directory.boxed_local());
    stores.for_each(|store| asked.push(store.boxed_local()));
    let mut busy = None;
    while let Some((store, fault)) = asked.next().await {
        match fault {
            Some(Fault { class: FaultClass::Line, code, .. }) => {
                // Where the host itself has answered something meanwhile, only this was in trouble.
                let host = store.map_or_else(|| registry.directory_host(), |host| host.as_str());
                if let Some(Silence { host, since, .. }) = registry.silence(host) {
                    return Err(ObserveError::Silent { host: Text::lossy(&host), since, code });
                }
            }
            Some(Fault { class: FaultClass::Busy, code, .. }) => busy = Some(code),
            _ => {}
        }
    }
    busy.map_or(Ok(()), |code| Err(ObserveError::Busy { code }))
}

/// Ends when a host has gone silent and stays so. Without it, each of many reads would find that out by itself.
async fn silence(registry: &Registry, playbook: &ValidPlaybook) -> ObserveError {
    let clock = registry.clock();
    loop {
        clock.sleep(clock.as_lag(LOOK_EVERY)).await;
        let long = |s: &Silence| s.lasts() >= clock.as_lag(SILENT_MOST);
        if !registry.longest_silence().as_ref().is_some_and(long) {
            continue;
        }
        let answers = tokio::select! {
            biased;
            answers = answers(registry, playbook) => answers,
            () = clock.sleep(ANSWERS_WITHIN) => match registry.longest_silence().filter(long) {
                Some(Silence { host, since, .. }) => {
                    Err(ObserveError::Silent { host: Text::lossy(&host), since, code: Text::lossy("no_answer") })
                }
                None => Ok(()),
            },
        };
        if let Err(silent @ ObserveError::Silent { .. }) = answers {
            return silent;
        }
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

/// One target, and trouble that has nothing to do with it.
async fn read(registry: &Registry, patient: &Patient, target: Target) -> (ObservedTarget, Option<Fault>) {
    let place = place(&target);
    let sight = Sight { subject: subject(&target), place: place.as_ref(), depth: Depth::Plan };
    let (seen, trouble) = match registry.effects_of(target.kind) {
        Some(effects) => match patient.read(|| effects.observe(sight)).await {
            Ok(seen) => (Ok(seen), None),
            Err(fault) => {
                // A number of the token service is about us: nobody signs in as somebody else here.
                let is_ours = fault.class == FaultClass::Refused
                    && (fault.code.starts_with("AADSTS") || NO_TOKEN.contains(&fault.code.as_str()));
                let is_refused = matches!(fault.class, FaultClass::Refused | FaultClass::NotYet);
                (Err(refusal(&fault)), (is_ours || !is_refused).then_some(fault))
            }
        },
        None => (Err(Refusal::new(Reason::Unreadable, target.kind)), None),
    };
    (ObservedTarget { target, seen }, trouble)
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

//! What leaked, credential by credential: since when it was exposed, when it was taken away, and
//! what proves that it is dead.

use super::model::{Fate, OldCredential, ProofRow, Standing};
use super::record::Record;
use super::target::Done;
use crate::domain::credential::CredentialRef;
use crate::domain::event::{Event, Resolution};
use crate::domain::plan::PlannedTarget;
use crate::domain::step::{Effect, Protocol, Verb};
use crate::domain::time::Timestamp;

/// The leaked credentials of a target; for one that has none of its own (a password, an
/// application that is switched off), sign-in as a whole.
pub(super) fn old(
    record: &Record,
    plan: &PlannedTarget,
    standing: Standing,
    effects: &[Done<'_>],
) -> Vec<OldCredential> {
    let said_done =
        record.of(plan.id).any(|l| matches!(&l.event, Event::TargetResolved(e) if e.how == Resolution::Done));
    let exposed = record.plan.header.incident.exposed_since;
    let fate = |removed: Option<Timestamp>, proof: &Option<ProofRow>| match (proof, removed) {
        (Some(_), _) => Fate::ProvedDead,
        (None, Some(_)) => Fate::RemovedNotProved,
        (None, None) if said_done && standing.is_done() => Fate::SaidDone,
        (None, None) => Fate::StillUsable,
    };
    if plan.retire.is_empty() {
        let (removed_at, proof) = itself(effects);
        let object = plan.observation.objects.first();
        return vec![OldCredential {
            what: own_name(plan).to_owned(),
            id: None,
            object: object.map(|o| o.id.to_string()),
            name: None,
            hint: None,
            thumbprint: None,
            valid_from: None,
            valid_until: None,
            exposed_since: exposed,
            fate: fate(removed_at, &proof),
            removed_at,
            proof,
        }];
    }
    let one = |credential: &CredentialRef| {
        let CredentialRef { form, id, object } = credential;
        let seen = plan.observation.credentials.iter().find(|c| c.credential == *credential);
        let (removed_at, proof) = (removed(credential, effects), proof(Some(credential), effects));
        OldCredential {
            what: form.to_string(),
            id: Some(id.to_string()),
            object: Some(object.to_string()),
            name: seen.and_then(|s| s.name.as_ref()).map(ToString::to_string),
            hint: seen.and_then(|s| s.hint.as_ref()).map(ToString::to_string),
            thumbprint: seen.and_then(|s| s.thumbprint.as_ref()).map(ToString::to_string),
            valid_from: seen.and_then(|s| s.starts),
            valid_until: seen.and_then(|s| s.ends),
            exposed_since: exposed.or(seen.and_then(|s| s.starts)),
            fate: fate(removed_at, &proof),
            removed_at,
            proof,
        }
    };
    plan.retire.iter().map(one).collect()
}

/// What is meant by a target that names no credential.
fn own_name(plan: &PlannedTarget) -> &'static str {
    match plan.protocol {
        Protocol::WeChoose => "password",
        Protocol::Toggle if plan.steps.iter().any(|s| s.verb == Verb::Switch) => {
            "sign-in of an unused object"
        }
        Protocol::Toggle | Protocol::TheyChoose | Protocol::ReplaceList => "sign-in",
    }
}

fn removed(credential: &CredentialRef, effects: &[Done<'_>]) -> Option<Timestamp> {
    effects.iter().find_map(|d| match d.effect {
        Effect::Retired { credential: c } | Effect::Detached { credential: c }
            if !d.undo && c == credential =>
        {
            Some(d.at)
        }
        _ => None,
    })
}

fn proof(credential: Option<&CredentialRef>, effects: &[Done<'_>]) -> Option<ProofRow> {
    effects.iter().rev().find_map(|d| match d.effect {
        Effect::Proved { credential: of, horizon, proof, times }
            if of.is_none() || of.as_ref() == credential =>
        {
            Some(ProofRow { at: d.at, proof: *proof, times: *times, horizon: *horizon })
        }
        _ => None,
    })
}

/// When sign-in as it was ended, and its proof; neither counts once the switch was put back.
fn itself(effects: &[Done<'_>]) -> (Option<Timestamp>, Option<ProofRow>) {
    let put_back = effects.iter().any(|d| d.undo && matches!(d.effect, Effect::Unblocked));
    let ended = |d: &Done<'_>| match d.effect {
        Effect::Reset { .. } => Some(d.at),
        Effect::Switched { .. } if !put_back => Some(d.at),
        _ => None,
    };
    let removed = effects.iter().rev().find_map(ended);
    (removed, removed.and_then(|_| proof(None, effects)))
}

//! What is left of a run in the tenant, read with the plan alone: no log says what it did. Whatever
//! bears a mark is named, and what was reached is said as what it is, a guess.

use super::by_hand::Sheet;
use super::registry::{self, Registry};
use super::{Depth, Sight};
use crate::domain::credential::{CredentialRef, Form, Place};
use crate::domain::event::Fault;
use crate::domain::observation::{Fact, Observation};
use crate::domain::plan::{PlanHeader, PlannedTarget};
use crate::domain::target::TargetState;
use crate::domain::text::Text;
use serde::Serialize;
use std::sync::Arc;

/// A version in a store that a run has tagged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tagged {
    pub place: Place,
    pub version: Text<64>,
    pub run: Text<64>,
    /// The credential whose value it is, or a word for what is none.
    pub credential: Text<128>,
}

/// What is there of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// What was probably reached.
    pub reached: &'static str,
    /// Credentials with the mark of a run.
    pub marked: Vec<(CredentialRef, Text<64>)>,
    pub tagged: Vec<Tagged>,
    /// Leaked credentials that are still there.
    pub old: Vec<CredentialRef>,
    /// For a shell, and comments that say when each is right.
    pub by_hand: Vec<String>,
}

/// Reads one target. Writes nothing.
pub async fn trace(registry: &Registry, header: &PlanHeader, target: &PlannedTarget) -> Result<Trace, Fault> {
    let place = target.steps.iter().find_map(|s| s.place.as_ref());
    let effects = registry
        .effects_of(&target.kind)
        .ok_or_else(|| super::entra::fault(crate::domain::event::FaultClass::Refused, "no_connector"))?;
    let seen = effects.observe(Sight { subject: &target.subject, place, depth: Depth::Drift }).await?;
    let marked = seen.credentials.iter();
    let marked: Vec<_> =
        marked.filter_map(|c| Some((c.credential.clone(), Text::lossy(c.mark()?)))).collect();
    let tagged = match place {
        Some(place) => registry.vault_stores().tagged(place).await?,
        None => Vec::new(),
    };
    let old: Vec<_> = target.retire.iter().filter(|c| seen.has(c)).cloned().collect();
    let reached = reached(target, &seen, (!marked.is_empty(), !tagged.is_empty()), old.len());
    let by_hand = by_hand(header, target, (&marked, &tagged, &old));
    Ok(Trace { reached, marked, tagged, old, by_hand })
}

fn reached(target: &PlannedTarget, seen: &Observation, ours: (bool, bool), old: usize) -> &'static str {
    let planned = &target.observation;
    let differs = |fact| planned.fact(fact) != seen.fact(fact);
    let switched =
        planned.objects.iter().any(|p| seen.objects.iter().any(|o| o.id == p.id && o.enabled != p.enabled));
    match (target.retire.len(), old, ours) {
        (0, _, _) if differs(Fact::PasswordChanged) => "reset: the password was changed after the plan",
        (0, _, (_, true)) => "delivered, and not reset: the old password still stands",
        (0, ..) if switched => "switched, at least in part",
        (0, ..) => "nothing that can be seen",
        (_, 0, (_, true)) => "published, and the old one is gone: what is left is to prove it",
        (_, 0, (true, false)) => "the old one is gone, and a new one is there whose value nobody has",
        (_, 0, (false, false)) => "the old one is gone, and there is no new one",
        (_, _, (_, true)) => "published; the old one is still there",
        (_, _, (true, false)) => "made, not published: nobody has its value",
        (_, _, (false, false)) => "nothing that can be seen",
    }
}

type Found<'a> = (&'a [(CredentialRef, Text<64>)], &'a [Tagged], &'a [CredentialRef]);

/// The steps for a person. Only for secrets the tenant itself tells enough; for the others, what a
/// person does who finds the target as it was planned.
fn by_hand(header: &PlanHeader, target: &PlannedTarget, (marked, tagged, old): Found<'_>) -> Vec<String> {
    let state = TargetState::new(Arc::new(target.clone()));
    let is_about_secrets = target.retire.iter().any(|c| c.form == Form::Secret);
    let kind = registry::kind(&target.kind).filter(|_| !is_about_secrets);
    let mut sheet = Sheet::new(&state, header);
    if is_about_secrets {
        sheet.show_application();
        if let Some(place) = target.steps.iter().find_map(|s| s.place.as_ref()) {
            sheet.show_store(place);
        }
    }
    let is_published = |c: &CredentialRef| tagged.iter().any(|t| t.credential.as_str() == c.id.as_str());
    let lost = marked.iter().filter(|(c, _)| !is_published(c));
    for (credential, mark) in lost {
        sheet.note(&format!(
            "{credential} bears {mark} and stands in no store: nobody has its value. Unless that run goes on:"
        ));
        match credential.form {
            Form::Secret => sheet.remove_secret(credential),
            _ => sheet.note(&format!("take {credential} off the list of {}", credential.object)),
        }
    }
    if is_about_secrets && !old.is_empty() && !tagged.is_empty() {
        sheet.note("To finish, once every consumer uses the new secret, take the leaked ones away:");
        old.iter().for_each(|c| sheet.remove_secret(c));
    }
    let mut lines = sheet.done();
    lines.extend(kind.map(|kind| kind.by_hand(&state, header)).into_iter().flatten());
    lines
}

//! Drift: how the world moved since the plan, apart from what this run did itself.
//!
//! Expected is the plan's observation plus our logged effects. A difference counts only when
//! several reads agree on it (reads lag writes by seconds, and replicas disagree: reported), so
//! [`lasting`] keeps what was in all of them.

use super::credential::{CredentialRef, Form};
use super::event::Drift;
use super::observation::{CredentialSeen, Fact, Observation};
use super::plan::PlannedTarget;
use super::target::OwnEffects;
use super::text::Text;

/// One difference between what is expected and what is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub object: Text<128>,
    pub subject: Option<Text<128>>,
    pub change: DriftKey,
    /// Whether it stops the target, or is a finding only.
    pub stops: bool,
}

/// [`Drift`] with an order, so that differences can be compared as sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DriftKey(u8);

const ORDER: [Drift; 7] = [
    Drift::AnotherRun,
    Drift::CredentialAdded,
    Drift::CredentialGone,
    Drift::ObjectGone,
    Drift::PropertyChanged,
    Drift::StateChanged,
    Drift::StoreChanged,
];

impl From<Drift> for DriftKey {
    fn from(d: Drift) -> Self {
        Self(ORDER.iter().position(|o| *o == d).map_or(0, |i| i as u8))
    }
}
impl DriftKey {
    pub fn drift(self) -> Drift {
        ORDER[usize::from(self.0)]
    }
}

/// Everything that differs, in a stable order.
/// `mark` is what the run itself writes on what it makes.
pub fn compare(
    plan: &PlannedTarget,
    own: &OwnEffects<'_>,
    mark: &str,
    seen: &Observation,
) -> Vec<Difference> {
    let mut out = Vec::new();
    let mut note = |object: &str, subject: Option<&str>, change: Drift, stops: bool| {
        out.push(Difference {
            object: Text::lossy(object),
            subject: subject.map(Text::lossy),
            change: change.into(),
            stops,
        });
    };
    for object in &plan.observation.objects {
        match seen.objects.iter().find(|o| o.id == object.id) {
            None => note(&object.id, None, Drift::ObjectGone, true),
            Some(now) if now.enabled != object.enabled && !own.switched.contains(object.id.as_str()) => {
                note(&object.id, None, Drift::StateChanged, true);
            }
            Some(_) => {}
        }
    }
    // Policies are read for the plan alone: what they forbid, the service refuses at mint or attach,
    // before anything old is touched.
    let plain = [Fact::Audience, Fact::Locked, Fact::OwnerTenant, Fact::PrincipalType, Fact::Synced];
    for fact in plain {
        if plan.observation.fact(fact) != seen.fact(fact) {
            note(&plan.subject, Some(&format!("{fact:?}")), Drift::PropertyChanged, true);
        }
    }
    // Only the list that the target stands or falls with: secrets and certificates of one object
    // are two lists, and another target of the same run may be at work on the other.
    let in_list = |c: &CredentialRef| plan.whole_list && plan.retire.iter().any(|r| r.form == c.form);
    let unread = |c: &CredentialRef| c.form == Form::Certificate && seen.without_certificates;
    for planned in &plan.observation.credentials {
        let credential = &planned.credential;
        if !seen.has(credential) && !own.gone.contains(&credential) && !unread(credential) {
            let stops = in_list(credential) || plan.retire.contains(credential);
            note(&credential.object, Some(&credential.id), Drift::CredentialGone, stops);
        }
    }
    for now in &seen.credentials {
        let known = plan.observation.has(&now.credential) || own.ours.contains(&&now.credential);
        if !known {
            let (change, stops) = added(now, mark, in_list(&now.credential));
            note(&now.credential.object, Some(&now.credential.id), change, stops);
        }
    }
    if let (Some(planned), Some(now)) = (&plan.observation.store, &seen.store)
        && planned != now
        && !own.published
    {
        note(&plan.subject, now.newest.as_deref(), Drift::StoreChanged, true);
    }
    out.sort();
    out
}

/// What a credential is that nobody planned, and whether it stops the target.
fn added(now: &CredentialSeen, mark: &str, in_list: bool) -> (Drift, bool) {
    match now.mark() {
        Some(other) if other != mark => (Drift::AnotherRun, true),
        _ => (Drift::CredentialAdded, in_list),
    }
}

/// What every one of several reads agrees on.
pub fn lasting(reads: &[Vec<Difference>]) -> Vec<Difference> {
    let Some((first, rest)) = reads.split_first() else { return Vec::new() };
    first.iter().filter(|d| rest.iter().all(|r| r.contains(d))).cloned().collect()
}

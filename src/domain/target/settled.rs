//! Whether the world bears out a person who says that a stuck target was settled by hand.

use super::TargetState;
use crate::domain::observation::{Fact, Observation};
use crate::domain::step::{Step, Verb};

impl TargetState {
    /// The first thing that the plan wanted and `seen` contradicts; none if the person may be
    /// believed. Every object, and the place that the plan publishes to, must have been read.
    pub fn unsettled(&self, seen: &Observation) -> Option<String> {
        self.plan.steps.iter().find_map(|step| self.contradiction(step, seen))
    }

    fn contradiction(&self, step: &Step, seen: &Observation) -> Option<String> {
        let planned = &self.plan.observation;
        let object = seen.objects.iter().find(|o| o.id == step.object);
        let is_as_planned = |fact| seen.fact(fact) == planned.fact(fact);
        match step.verb {
            Verb::Retire | Verb::Detach => {
                let old = step.credential.as_ref().filter(|c| seen.has(c))?;
                Some(format!("{old} is still there"))
            }
            Verb::Switch if !self.is_rejected(step.no) => {
                object.filter(|o| o.enabled).map(|o| format!("the {} is still on", o.role))
            }
            Verb::Unblock => object.filter(|o| !o.enabled).map(|o| format!("the {} is still off", o.role)),
            Verb::Publish => {
                let place = step.place.as_ref()?;
                let untouched = seen.store == planned.store && self.published().is_none();
                untouched.then(|| format!("nothing was published to {place} since the plan"))
            }
            Verb::Reset if is_as_planned(Fact::PasswordChanged) => {
                Some("the password was not changed since the plan".into())
            }
            Verb::Revoke if is_as_planned(Fact::SessionsValidFrom) => {
                Some("sessions were not ended since the plan".into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialRef, Form, Place};
    use crate::domain::event::{Event, PhaseOpened, RunAborted, StepDone, StepIntent, TargetStarted};
    use crate::domain::id::TargetId;
    use crate::domain::observation::{CredentialSeen, ObjectRole, ObjectSeen, StoreSeen};
    use crate::domain::plan::{PlannedHold, PlannedTarget};
    use crate::domain::step::{Effect, Phase, Protocol};
    use crate::domain::target::Next;
    use crate::domain::text::Text;
    use crate::domain::time::Timestamp;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn old() -> CredentialRef {
        CredentialRef { form: Form::Secret, id: Text::lossy("old"), object: Text::lossy("app") }
    }

    fn seen(enabled: bool, has_old: bool, newest: &str) -> Observation {
        let credential = CredentialSeen {
            credential: old(),
            ends: None,
            hint: None,
            name: None,
            public_key: None,
            starts: None,
            thumbprint: None,
        };
        let (id, name) = (Text::lossy("app"), Text::lossy("payroll-sync"));
        Observation {
            credentials: has_old.then_some(credential).into_iter().collect(),
            objects: vec![ObjectSeen { enabled, id, name, role: ObjectRole::Application }],
            store: Some(StoreSeen {
                managed: false,
                newest: Some(Text::lossy(newest)),
                newest_enabled: true,
                soft_deleted: false,
            }),
            ..Observation::default()
        }
    }

    fn state(protocol: Protocol, verbs: &[Verb]) -> TargetState {
        let place = Place { name: Text::lossy("payroll"), store: Text::lossy("ir") };
        let steps = verbs.iter().zip(1..).map(|(verb, no)| Step {
            credential: verb.retires().then(old),
            irreversible: !verb.can_be_undone(),
            no,
            object: Text::lossy("app"),
            phase: Phase::Start,
            place: (*verb == Verb::Publish).then(|| place.clone()),
            verb: *verb,
        });
        TargetState::new(Arc::new(PlannedTarget {
            consumers: vec![],
            contain: true,
            evidence: vec![],
            hold: PlannedHold::default(),
            id: TargetId(1),
            kind: Text::lossy("a-kind"),
            last: false,
            lifetime_s: 0,
            name: Text::lossy("payroll-sync"),
            observation: seen(true, true, "v0"),
            protocol,
            retire: vec![old()],
            retired_elsewhere: vec![],
            whole_list: false,
            settings: BTreeMap::new(),
            start: Default::default(),
            steps: steps.collect(),
            warnings: vec![],
            subject: Text::lossy("app"),
        }))
    }

    /// Blocked, the old one gone, and nothing in its place: a contained target is not done.
    #[test]
    fn a_contained_target_is_settled_when_service_is_restored() {
        let state = state(Protocol::TheyChoose, &[Verb::Block, Verb::Retire, Verb::Unblock, Verb::Publish]);
        let says =
            |enabled, has_old, newest| state.unsettled(&seen(enabled, has_old, newest)).unwrap_or_default();
        assert!(says(false, true, "v0").contains("is still there"));
        assert_eq!(says(false, false, "v0"), "the application is still off");
        assert!(says(true, false, "v0").starts_with("nothing was published"));
        assert_eq!(says(true, false, "v1"), "");
    }

    #[test]
    fn a_disabled_target_is_settled_when_it_is_off() {
        let state = state(Protocol::Toggle, &[Verb::Switch, Verb::Watch]);
        assert_eq!(state.unsettled(&seen(true, true, "v0")).unwrap(), "the application is still on");
        assert_eq!(state.unsettled(&seen(false, true, "v0")), None);
    }

    /// Nothing is left to be written, and everything can be taken back: an abort does so.
    #[test]
    fn an_abort_takes_back_what_is_only_being_watched() {
        let mut state = state(Protocol::Toggle, &[Verb::Switch, Verb::Watch]);
        let at = Timestamp::from_unix_s(1_000);
        let (attempt, step, undo) = (1, 1, false);
        let events: [Event; 5] = [
            PhaseOpened {
                approvals: vec![],
                expires: Timestamp::from_unix_s(9_000),
                phase: Phase::Start,
                targets: vec![],
            }
            .into(),
            TargetStarted { kind: Text::lossy("a-kind"), name: Text::lossy("x"), steps: 2 }.into(),
            StepIntent { attempt, request: Text::lossy("r"), step, undo }.into(),
            StepDone { attempt, effect: Effect::Switched { was_enabled: true }, step, undo }.into(),
            RunAborted { by: Text::lossy("ann"), reason: Text::lossy("wrong one") }.into(),
        ];
        events.iter().for_each(|e| state.apply(e, at).unwrap());
        let Next::Record(Event::TargetUnwinding(_)) = state.next(at) else { panic!("{:?}", state.next(at)) };
    }
}

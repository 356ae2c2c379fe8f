//! What a run itself did to the objects of a target: the drift check adds it to the plan's observation.

use super::*;

/// What this run itself did to the objects of a target, or may have done.
#[derive(Debug)]
pub struct OwnEffects<'a> {
    pub gone: Vec<&'a CredentialRef>,
    pub ours: Vec<&'a CredentialRef>,
    /// Objects whose switch we have touched.
    pub switched: BTreeSet<&'a str>,
    /// We have written, or may have written, to the place.
    pub published: bool,
}

impl<'a> OwnEffects<'a> {
    /// Together with what the run did to the same objects for another target.
    pub fn and(mut self, other: OwnEffects<'a>) -> Self {
        self.gone.extend(other.gone);
        self.ours.extend(other.ours);
        self.switched.extend(other.switched);
        self
    }
}

impl TargetState {
    /// The credentials that this run expects to be gone, and those it expects to be there, beyond
    /// the plan's observation: what the drift check adds to it.
    pub fn own_effects(&self) -> OwnEffects<'_> {
        let retired = self
            .plan
            .steps
            .iter()
            .filter(|s| s.verb.retires())
            .filter(|s| self.course(s.no).is_some_and(|c| c.forward.status != Status::Idle))
            .filter_map(|s| s.credential.as_ref());
        OwnEffects {
            gone: retired.collect(),
            ours: self.so_far.minted.iter().map(|m| &m.credential).chain(self.to_discard()).collect(),
            switched: self.switched(),
            published: self.course_of(Verb::Publish) || self.course_of(Verb::Deliver),
        }
    }
    pub(super) fn course_of(&self, verb: Verb) -> bool {
        let touched = |no| self.course(no).is_some_and(|c| c.forward.attempts > 0);
        self.plan.steps.iter().filter(|s| s.verb == verb).any(|s| touched(s.no))
    }
    /// Objects that were switched by us, or by the people whom a gate asked to.
    fn switched(&self) -> BTreeSet<&str> {
        let touched = |s: &&Step| match s.verb {
            Verb::Switch | Verb::Block | Verb::Unblock => {
                self.course(s.no).is_some_and(|c| c.forward.attempts > 0)
            }
            Verb::Gate => self.so_far.hold.is_some(),
            _ => false,
        };
        self.plan.steps.iter().filter(touched).map(|s| s.object.as_str()).collect()
    }
}

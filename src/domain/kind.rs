//! What a target kind must say about itself, purely: how it is planned, what it refuses.
//!
//! The domain never names a kind. A connector implements [`Kind`] beside its playbook syntax.

use super::credential::CredentialRef;
use super::observation::Observation;
use super::plan::{PlanHeader, PlannedHold, Refusal, Warning};
use super::playbook::KindSyntax;
use super::playbook::model::Target;
use super::step::{Protocol, Step};
use super::target::TargetState;
use super::text::Text;
use super::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What planning may know besides the target and its observation.
#[derive(Clone, Debug)]
pub struct PlanContext {
    pub now: Timestamp,
    pub tenant: super::id::TenantId,
    /// Graph permissions of the acting identity; empty if they cannot be told.
    pub permissions: Vec<String>,
    pub retire_separately: bool,
    /// Objects that this installation switched off, and that were on before.
    pub switched_off: BTreeSet<Text<128>>,
    /// Whether the run can go on with another credential of its own identity.
    pub can_adopt: bool,
}

/// A kind's proposal for one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// Instead of the hold that the playbook states.
    pub hold: Option<PlannedHold>,
    pub retire: Vec<CredentialRef>,
    pub settings: BTreeMap<Text<32>, Text<300>>,
    pub steps: Vec<Step>,
    pub warnings: Vec<Warning>,
    pub whole_list: bool,
}

/// The pure half of a connector.
pub trait Kind: KindSyntax + Send {
    fn protocol(&self) -> Protocol;
    /// Picks the credentials and the steps, or says why not.
    fn propose(
        &self,
        target: &Target,
        seen: &Observation,
        context: &PlanContext,
    ) -> Result<Proposal, Refusal>;
    /// What a person does by hand when the target is stuck: shell lines, and comments that say when
    /// each is right. Never a secret.
    fn by_hand(&self, state: &TargetState, header: &PlanHeader) -> Vec<String>;
}

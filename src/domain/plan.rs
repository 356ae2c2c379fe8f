//! The plan: what will be done, to what, in which order, and what will not be done and why.
//!
//! A plan is made by [`make::plan`] from a playbook and what was observed; it is a pure function
//! of the two. It is stored as `plan.jsonl` (see [`file`]); people sign the digest of those bytes.

pub mod cost;
mod draws;
pub mod estimate;
pub mod file;
pub mod guardrail;
mod limit;
pub mod make;
pub mod packed;
pub mod refusal;
pub mod risk;
mod waits;
pub mod warning;

pub use packed::PackedPlan;
pub use refusal::Refusal;
pub use warning::Warning;

use super::credential::CredentialRef;
use super::event::Environment;
use super::id::{Digest, StepNo, TargetId, TenantId};
use super::observation::{Observation, Way, WayIn};
use super::playbook::model::{ApprovalPolicy, Cloud, Consumer, Evidence, Incident, Store};
use super::step::{Protocol, Step};
use super::text::Text;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Seconds of the default hold: 26 h, because App Service refetches a Key Vault reference every
/// 24 h (Microsoft Learn, "Use Key Vault references").
pub const DEFAULT_HOLD_S: u64 = 26 * 3_600;

/// A whole plan in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub header: PlanHeader,
    pub targets: Vec<Planned>,
}

/// The first line of `plan.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHeader {
    pub approval: ApprovalPolicy,
    /// Who made the plan: not an approver of it.
    pub author: Text<128>,
    pub created: Timestamp,
    pub cost: cost::Cost,
    pub counts: Counts,
    pub environment: Environment,
    pub expires: Timestamp,
    /// How many changes each guardrail allows and how many the plan makes.
    pub guardrails: Vec<guardrail::Use>,
    pub identity: Identity,
    pub incident: Incident,
    /// Stuck targets at which the run pauses by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_when_stuck: Option<u32>,
    pub playbook: Digest,
    /// RFC 6962 tree hash over the target lines.
    pub root: Digest,
    pub stores: BTreeMap<Text<64>, Store>,
    pub tenant: TenantId,
    pub cloud: Cloud,
    pub version: u32,
}

/// The version of the plan format.
pub const PLAN_VERSION: u32 = 1;

/// Who will act: the plan is for this identity only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    pub client_id: Text<64>,
    pub name: Text<120>,
    pub object: Text<128>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub attach: u32,
    pub block: u32,
    pub enable: u32,
    pub excepted: u32,
    pub irreversible: u32,
    pub mint: u32,
    pub reset: u32,
    pub retire: u32,
    pub revoke: u32,
    pub steps: u32,
    pub switch: u32,
    pub targets: u32,
}

/// One target line of `plan.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planned {
    Change(Box<PlannedTarget>),
    Excepted(Excepted),
}

/// A target that is left alone, with a reason that approvers see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excepted {
    pub id: TargetId,
    pub kind: Text<32>,
    pub name: Text<120>,
    pub refusal: Refusal,
}

/// A target with its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedTarget {
    pub consumers: Vec<Consumer>,
    pub contain: bool,
    pub evidence: Vec<Evidence>,
    pub hold: PlannedHold,
    pub id: TargetId,
    pub kind: Text<32>,
    /// It is the identity that acts: it begins when everything else is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// How long the new credential shall live, in seconds.
    pub lifetime_s: u64,
    pub name: Text<120>,
    pub observation: Observation,
    pub protocol: Protocol,
    /// The credentials that leaked.
    pub retire: Vec<CredentialRef>,
    /// Credentials on the same objects that other targets of this plan retire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired_elsewhere: Vec<CredentialRef>,
    /// True if the target stands or falls with the whole list (`all`, certificates): a foreign
    /// new credential stops it.
    pub whole_list: bool,
    /// What the kind alone knows.
    pub settings: BTreeMap<Text<32>, Text<300>>,
    /// When it is begun, and why then.
    #[serde(default, skip_serializing_if = "risk::Start::is_unsaid")]
    pub start: risk::Start,
    pub steps: Vec<Step>,
    pub warnings: Vec<Warning>,
    /// Client id or user principal name.
    pub subject: Text<128>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedHold {
    pub confirmed_by: Vec<Text<64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_s: Option<u64>,
}

impl PlannedTarget {
    /// Gives back what its lists have set aside for more: thousands are in memory at once.
    pub fn shrink(&mut self) {
        let Self { consumers, evidence, observation, retire, retired_elsewhere, steps, warnings, .. } = self;
        consumers.shrink_to_fit();
        evidence.shrink_to_fit();
        observation.credentials.shrink_to_fit();
        observation.objects.shrink_to_fit();
        observation.ways_in.shrink_to_fit();
        retire.shrink_to_fit();
        retired_elsewhere.shrink_to_fit();
        steps.shrink_to_fit();
        warnings.shrink_to_fit();
    }
    /// The step with this number.
    pub fn step(&self, no: StepNo) -> Option<&Step> {
        self.steps.get(usize::from(no).checked_sub(1)?)
    }
    /// One of the kind's own settings.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(k, _)| k.as_str() == key).map(|(_, v)| v.as_str())
    }
    /// Ways to act as this target that the plan leaves open: while they are not reviewed, the
    /// target ends as "rotated, not evicted". Nothing signs in through what is switched off; only
    /// an owner can switch it on again.
    pub fn other_ways_in(&self) -> impl Iterator<Item = WayIn> {
        let is_open = self.protocol != Protocol::Toggle;
        let kept = self
            .observation
            .credentials
            .iter()
            .filter(move |c| is_open && !self.retire.contains(&c.credential))
            .filter(|c| !self.retired_elsewhere.contains(&c.credential));
        let credentials = kept.map(|c| WayIn {
            id: c.credential.id.clone(),
            name: c.name.clone().unwrap_or_else(|| Text::lossy("(no name)")),
            object: c.credential.object.clone(),
            what: match c.credential.form {
                super::credential::Form::Certificate => Way::Certificate,
                super::credential::Form::Federation => Way::FederatedCredential,
                _ => Way::Secret,
            },
        });
        let ways = self.observation.ways_in.iter().filter(move |w| is_open || w.what == Way::Owner);
        credentials.chain(ways.cloned())
    }
}

impl Planned {
    pub fn id(&self) -> TargetId {
        match self {
            Planned::Change(t) => t.id,
            Planned::Excepted(e) => e.id,
        }
    }
    pub fn name(&self) -> &str {
        match self {
            Planned::Change(t) => &t.name,
            Planned::Excepted(e) => &e.name,
        }
    }
}

impl Plan {
    pub fn changes(&self) -> impl Iterator<Item = &PlannedTarget> {
        self.targets.iter().filter_map(|t| match t {
            Planned::Change(t) => Some(t.as_ref()),
            Planned::Excepted(_) => None,
        })
    }
    pub fn exceptions(&self) -> impl Iterator<Item = &Excepted> {
        self.targets.iter().filter_map(|t| match t {
            Planned::Change(_) => None,
            Planned::Excepted(e) => Some(e),
        })
    }
}

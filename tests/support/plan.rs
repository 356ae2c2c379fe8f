//! The plan of the small log: one application that is switched off.

use super::super::approvals::{ORIGIN, PEOPLE, TENANT, at, roster};
use reissue::domain::approval::{PlanFacts, Rosters, Seats};
use reissue::domain::approved::{Here, ReadPlan};
use reissue::domain::event::Environment;
use reissue::domain::id::{Digest, TargetId};
use reissue::domain::observation::Observation;
use reissue::domain::plan::{
    Counts, Identity, PLAN_VERSION, Plan, PlanHeader, Planned, PlannedHold, PlannedTarget, cost::Cost, file,
};
use reissue::domain::playbook::model::{ApprovalPolicy, Cloud, Incident};
use reissue::domain::step::{Phase, Protocol, Step, Verb};
use reissue::domain::text::Text;
use reissue::domain::time::parse_span;

/// The switch of one application, step by step.
fn target(name: &str) -> PlannedTarget {
    let verbs = [Verb::Snapshot, Verb::Switch, Verb::Watch, Verb::Prove];
    let steps = verbs.into_iter().zip(1..).map(|(verb, no)| Step {
        credential: None,
        irreversible: false,
        no,
        object: Text::lossy("app"),
        phase: Phase::Start,
        place: None,
        verb,
    });
    PlannedTarget {
        consumers: vec![],
        contain: false,
        evidence: vec![],
        hold: PlannedHold::default(),
        id: TargetId(1),
        kind: Text::lossy("app-disable"),
        last: false,
        lifetime_s: 0,
        name: Text::lossy(name),
        observation: Observation::default(),
        protocol: Protocol::Toggle,
        retired_elsewhere: vec![],
        retire: vec![],
        whole_list: false,
        settings: [].into(),
        start: Default::default(),
        steps: steps.collect(),
        warnings: vec![],
        subject: Text::lossy("app"),
    }
}

/// The exact bytes of the plan's file.
pub fn plan_bytes() -> Vec<u8> {
    plan_about("old-importer")
}

/// The same plan for an application of another name.
pub fn plan_about(name: &str) -> Vec<u8> {
    plan_with(name, &Seats::default())
}

/// And with these seats in its quorum.
pub fn plan_with(name: &str, roles: &Seats) -> Vec<u8> {
    let targets = vec![Planned::Change(Box::new(target(name)))];
    let header = PlanHeader {
        approval: ApprovalPolicy {
            quorum: 2,
            roles: roles.clone(),
            valid_for: parse_span("48h").unwrap(),
            retire_separately: true,
        },
        author: Text::lossy(PEOPLE[0].0),
        created: at("2026-11-23T10:00:00Z"),
        cost: Cost::default(),
        counts: Counts { steps: 4, switch: 1, targets: 1, ..Counts::default() },
        environment: Environment::Production,
        expires: at("2026-11-25T10:00:00Z"),
        guardrails: vec![],
        identity: Identity { client_id: Text::lossy("c"), name: Text::lossy("n"), object: Text::lossy("o") },
        incident: Incident { id: Text::lossy("INC-1"), title: Text::lossy("t"), exposed_since: None },
        pause_when_stuck: None,
        playbook: Digest::of(b"playbook"),
        root: file::root(&targets).unwrap(),
        stores: [].into(),
        tenant: TENANT.parse().unwrap(),
        cloud: Cloud::Public,
        version: PLAN_VERSION,
    };
    file::write(&Plan { header, targets }).unwrap()
}

pub fn facts() -> PlanFacts {
    facts_of(&plan_bytes())
}

pub fn facts_of(plan: &[u8]) -> PlanFacts {
    let here = Here {
        environment: Environment::Production,
        log_origin: Text::lossy(ORIGIN),
        rosters: Rosters::pinned(roster()),
        tenant: TENANT.parse().unwrap(),
    };
    ReadPlan::new(plan, here).unwrap().facts
}

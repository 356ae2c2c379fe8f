//! How a drill went, by the lab's ledger and by the run's own outcome, side by side.

use super::scene::{Attacker, Held, Scene};
use crate::domain::id::TargetId;
use crate::domain::plan::Plan;
use crate::domain::playbook::model::{Refresh, ValidPlaybook};
use crate::domain::time::Timestamp;
use crate::engine::Outcome;
use crate::lab::Lab;
use crate::trail::Home;
use std::time::Duration;

/// One consumer, as the tenant saw it.
#[derive(Clone, Debug)]
pub struct ConsumerResult {
    pub app: String,
    pub target: TargetId,
    pub name: String,
    pub refresh: Refresh,
    pub sign_ins: u64,
    pub outage: Duration,
    /// It cannot sign in now.
    pub is_down: bool,
}

/// One attacker, as the tenant saw it.
#[derive(Clone, Debug)]
pub struct AttackerResult {
    pub app: String,
    pub target: TargetId,
    pub last_success: Option<Timestamp>,
    pub successes: u64,
    /// It got in at its last try.
    pub is_in: bool,
}

/// A whole drill.
pub struct DrillResult {
    pub plan: Plan,
    pub outcome: Outcome,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub consumers: Vec<ConsumerResult>,
    pub attackers: Vec<AttackerResult>,
    pub home: Home,
    pub scene: SceneSummary,
    pub judge: Judge,
}

/// The lab after the drill, and what had leaked in it: for tests that ask more.
pub struct Judge {
    pub lab: Lab,
    /// By the subject's name.
    pub leaked: Vec<(String, String)>,
}

/// What the judge counted besides.
#[derive(Clone, Debug)]
pub struct SceneSummary {
    pub incident: String,
    pub writes_by_us: usize,
    pub writes_by_others: usize,
}

impl DrillResult {
    pub(super) fn new(
        scene: &Scene,
        playbook: &ValidPlaybook,
        plan: Plan,
        outcome: Outcome,
        (began, ended): (Timestamp, Timestamp),
        home: Home,
    ) -> Self {
        let ledger = scene.lab.ledger();
        let consumer = |(in_lab, held): (&String, &Held)| {
            let record = ledger.consumers.get(in_lab).cloned().unwrap_or_default();
            ConsumerResult {
                app: held.app.clone(),
                target: held.target,
                name: held.name.clone(),
                refresh: held.refresh.clone(),
                sign_ins: record.sign_ins,
                outage: Duration::from_secs(record.outage_seconds),
                is_down: record.outage_open_since.is_some(),
            }
        };
        let mut consumers: Vec<_> = scene.consumers.iter().map(consumer).collect();
        consumers.sort_by(|a, b| (a.target, &a.name).cmp(&(b.target, &b.name)));
        let attackers = scene.attackers.iter().map(|Attacker { app, target, in_lab }| {
            let record = ledger.attackers.get(in_lab).cloned().unwrap_or_default();
            AttackerResult {
                app: app.clone(),
                target: *target,
                last_success: record.last_success,
                successes: record.successes,
                is_in: record.last_success.is_some() && record.last_success == record.last_attempt,
            }
        });
        let ours = ledger.writes.iter().filter(|w| w.caller == scene.operator.as_str()).count();
        Self {
            plan,
            outcome,
            began,
            ended,
            consumers,
            attackers: attackers.collect(),
            home,
            judge: Judge { lab: scene.lab.clone(), leaked: scene.leaked.clone() },
            scene: SceneSummary {
                incident: playbook.incident.id.to_string(),
                writes_by_us: ours,
                writes_by_others: ledger.writes.len() - ours,
            },
        }
    }
}

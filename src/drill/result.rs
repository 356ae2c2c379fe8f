//! How a drill went, by the lab's ledger and by the run's own outcome, side by side.

use super::scene::Scene;
use crate::domain::plan::Plan;
use crate::domain::playbook::ValidPlaybook;
use crate::domain::time::Timestamp;
use crate::engine::Outcome;
use crate::lab::Lab;
use crate::trail::Home;
use std::time::Duration;

/// One consumer, as the tenant saw it.
#[derive(Clone, Debug)]
pub struct ConsumerResult {
    pub app: String,
    pub name: String,
    pub sign_ins: u64,
    pub outage: Duration,
    /// It cannot sign in now.
    pub is_down: bool,
}

/// One attacker, as the tenant saw it.
#[derive(Clone, Debug)]
pub struct AttackerResult {
    pub app: String,
    pub last_success: Option<Timestamp>,
    pub successes: u64,
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
        let consumers = ledger.consumers.iter().map(|(name, c)| ConsumerResult {
            app: scene.consumers.get(name).map(|h| h.app.clone()).unwrap_or_default(),
            name: name.clone(),
            sign_ins: c.sign_ins,
            outage: Duration::from_secs(c.outage_seconds),
            is_down: c.outage_open_since.is_some(),
        });
        let attackers = scene.attackers.iter().map(|(app, name)| {
            let record = ledger.attackers.get(name).cloned().unwrap_or_default();
            AttackerResult {
                app: app.clone(),
                last_success: record.last_success,
                successes: record.successes,
            }
        });
        let ours = ledger.writes.iter().filter(|w| w.caller == scene.operator.as_str()).count();
        Self {
            plan,
            outcome,
            began,
            ended,
            consumers: consumers.collect(),
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

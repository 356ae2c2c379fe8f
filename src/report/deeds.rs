//! What the log says was changed in the directory: what `audit corroborate` holds against the
//! tenant's own log.

use super::ReportError;
use super::record::{Record, plan};
use crate::domain::corroborate::{Ours, of_run};
use crate::domain::event::{Environment, Event};
use crate::domain::id::{RunId, TargetId, TenantId};
use crate::domain::plan::{Identity, Plan};
use crate::domain::playbook::model::Cloud;
use crate::domain::step::Effect;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Disk;
use crate::trail::Folder;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The changes of one run, and of every other run of the log.
pub struct Deeds {
    pub run: RunId,
    pub ours: Vec<Ours>,
    pub began: Timestamp,
    /// None: the run is open.
    pub ended: Option<Timestamp>,
    pub identity: Identity,
    pub tenant: TenantId,
    pub cloud: Cloud,
    pub environment: Environment,
    /// Objects of the plan, and what they are called.
    pub objects: BTreeMap<Text<128>, Text<120>>,
    pub targets: BTreeMap<TargetId, Text<120>>,
    /// What went to vaults: their own logs tell it, the directory's does not.
    pub to_vaults: u64,
}

impl Deeds {
    pub(super) fn of(disk: &Arc<dyn Disk>, folder: &Folder, record: &Record) -> Result<Self, ReportError> {
        let lines = || record.lines.iter().map(|r| &r.line);
        let own = plan(disk, folder, &record.started.plan)?;
        let mut ours = of_run(&record.run, &own, lines());
        for line in lines() {
            if let (Some(run), Event::RunStarted(started)) = (&line.run, &line.event)
                && *run != record.run
            {
                let plan = plan(disk, folder, &started.plan)?;
                ours.extend(of_run(run, &plan, lines()));
            }
        }
        let header = own.header.clone();
        Ok(Self {
            run: record.run.clone(),
            ours,
            began: record.started_at,
            ended: record.finished.as_ref().map(|(_, at)| *at),
            identity: header.identity,
            tenant: header.tenant,
            cloud: header.cloud,
            environment: header.environment,
            objects: objects(&own),
            targets: own.changes().map(|t| (t.id, t.name.clone())).collect(),
            to_vaults: record.of_run().filter(|l| is_to_a_vault(&l.event)).count() as u64,
        })
    }
}

fn objects(plan: &Plan) -> BTreeMap<Text<128>, Text<120>> {
    let seen = plan.changes().flat_map(|t| &t.observation.objects);
    seen.map(|o| (Text::lossy(&o.id.to_ascii_lowercase()), o.name.clone())).collect()
}

fn is_to_a_vault(event: &Event) -> bool {
    let Event::StepDone(e) = event else { return false };
    matches!(e.effect, Effect::Published { .. } | Effect::Delivered { .. } | Effect::Restored { .. })
}

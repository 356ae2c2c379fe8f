//! The lines of a judged log, and one run of it with its plan: what everything else is told from.

use super::ReportError;
use crate::domain::event::{Event, Line, LogOpened, RunFinished, RunStarted};
use crate::domain::folds::Folds;
use crate::domain::id::{Digest, RunId, TargetId};
use crate::domain::plan::{PackedPlan, Plan, file};
use crate::domain::time::Timestamp;
use crate::env::Disk;
use crate::trail::reader::Read;
use crate::trail::{Folder, Objects, Reader};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything the log says, with one run picked out.
pub(super) struct Record {
    pub(super) lines: Vec<Read>,
    pub(super) run: RunId,
    pub(super) started: RunStarted,
    pub(super) started_at: Timestamp,
    pub(super) finished: Option<(RunFinished, Timestamp)>,
    /// Of the last writer.
    pub(super) opened: LogOpened,
    pub(super) plan: Arc<PackedPlan>,
    /// Every target in its last state.
    pub(super) folds: Folds,
    /// Places in `lines` of each target's own events.
    own: BTreeMap<TargetId, Vec<usize>>,
}

impl Record {
    pub(super) fn read(
        disk: &Arc<dyn Disk>,
        folder: &Folder,
        wanted: Option<&RunId>,
    ) -> Result<Self, ReportError> {
        let lines: Vec<Read> = Reader::open(disk.as_ref(), folder)?.collect::<Result<_, _>>()?;
        let begun = |read: &Read| match (&read.line.run, &read.line.event) {
            (Some(run), Event::RunStarted(started)) if wanted.is_none_or(|w| w == run) => {
                Some((run.clone(), started.clone(), read.line.time))
            }
            _ => None,
        };
        let (run, started, started_at) = lines.iter().rev().find_map(begun).ok_or(ReportError::NoRun)?;
        let opened = lines.iter().rev().find_map(|r| match &r.line.event {
            Event::LogOpened(opened) => Some(opened.clone()),
            _ => None,
        });
        let opened = opened.ok_or(ReportError::NoRun)?;
        let plan = Arc::new(Objects::new(disk.clone(), folder).plan(&started.plan)?);
        let mut record = Self {
            folds: Folds::fresh(plan.clone()),
            own: BTreeMap::new(),
            finished: None,
            lines,
            run,
            started,
            started_at,
            opened,
            plan,
        };
        record.fold()?;
        Ok(record)
    }

    /// Brings every target to its last state. The log was judged: nothing in it is illegal.
    fn fold(&mut self) -> Result<(), ReportError> {
        for (place, read) in self.lines.iter().enumerate() {
            let Line { event, run, target, time, seq, .. } = &read.line;
            if run.as_ref() != Some(&self.run) || matches!(event, Event::RunStarted(_)) {
                continue;
            }
            if let Event::RunFinished(finished) = event {
                self.finished = Some((finished.clone(), *time));
            }
            let Some(id) = target else {
                self.folds.say(event, *time);
                continue;
            };
            self.own.entry(*id).or_default().push(place);
            let folded = self.folds.get(*id).map_or(Ok(()), |fold| fold.apply(event, *time));
            folded
                .map_err(|e| ReportError::Unreadable { what: "course", why: format!("line {seq}: {e}") })?;
        }
        Ok(())
    }

    /// The events of one target, in order.
    pub(super) fn of(&self, id: TargetId) -> impl DoubleEndedIterator<Item = &Line> {
        self.own.get(&id).into_iter().flatten().filter_map(|at| self.lines.get(*at)).map(|r| &r.line)
    }

    /// The events of the run as a whole, and of its targets.
    pub(super) fn of_run(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().map(|r| &r.line).filter(|l| l.run.as_ref() == Some(&self.run))
    }

    /// The time of the last line: the report knows nothing later.
    pub(super) fn as_of(&self) -> Timestamp {
        self.lines.last().map_or(self.started_at, |r| r.line.time)
    }
}

/// A plan as a whole.
pub(super) fn plan(disk: &Arc<dyn Disk>, folder: &Folder, digest: &Digest) -> Result<Plan, ReportError> {
    let bytes = Objects::new(disk.clone(), folder).get(digest, file::MAX_BYTES)?;
    let (plan, _) =
        file::read(&bytes).map_err(|e| ReportError::Unreadable { what: "plan", why: e.to_string() })?;
    Ok(plan)
}

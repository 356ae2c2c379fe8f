//! What the log says of runs: read without a lock, beside a writer that may be at work.

use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::ground::{home_failure, read_failure};
use crate::cli::world::has_died;
use crate::cli::{Session, notes};
use crate::domain::event::{Event, Line, RunAborted, RunFinished, RunPaused};
use crate::domain::id::RunId;
use crate::domain::plan::PackedPlan;
use crate::domain::run::RunState;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::recovery::Recovery;
use crate::trail::{Home, Objects};
use std::sync::Arc;

/// One run, without its targets.
pub(super) struct RunHead {
    pub(super) state: RunState,
    pub(super) paused: Option<(RunPaused, Timestamp)>,
    pub(super) aborted: Option<(RunAborted, Timestamp)>,
    pub(super) finished: Option<(RunFinished, Timestamp)>,
    /// When the last event was recorded.
    pub(super) last: Timestamp,
    /// Where its lines went too: it goes on only with a mirror.
    pub(super) mirror: Option<Text<256>>,
}

/// A process that opened the log and has not closed it: at work, or dead. One of this machine that is no more is
/// nobody.
pub(super) struct Writer {
    pub(super) process: Text<96>,
    pub(super) since: Timestamp,
}

/// The whole log, run by run.
#[derive(Default)]
pub(super) struct Overview {
    pub(super) runs: Vec<RunHead>,
    pub(super) writer: Option<Writer>,
    /// The mirror of the process that wrote last.
    mirror: Option<Text<256>>,
}

/// Reads the log once.
pub(super) fn overview(home: &Home) -> Result<Overview, Failure> {
    let mut all = Overview::default();
    for read in home.read_log().map_err(|e| home_failure(home.root(), &e))? {
        all.fold(read.map_err(|e| read_failure(home.root(), &e))?.line);
    }
    all.writer = all.writer.filter(|writer| !has_died(&writer.process));
    Ok(all)
}

impl Overview {
    fn fold(&mut self, line: Line) {
        let Line { event, run, time, .. } = line;
        match &event {
            Event::LogOpened(e) => {
                self.writer = Some(Writer { process: e.process.clone(), since: time });
                self.mirror = None;
            }
            Event::LogMirrored(e) => self.mirror = Some(e.to.clone()),
            Event::LogClosed(_) => self.writer = None,
            _ => {}
        }
        let Some(run) = run else { return };
        if let Event::RunStarted(started) = &event {
            let state = RunState::new(run, started.clone(), time);
            let mirror = self.mirror.clone();
            self.runs.push(RunHead {
                state,
                paused: None,
                aborted: None,
                finished: None,
                last: time,
                mirror,
            });
            return;
        }
        let Some(head) = self.runs.iter_mut().rev().find(|r| r.state.id == run) else { return };
        head.last = time;
        head.mirror = self.mirror.clone().or(head.mirror.take());
        head.state.apply(&event, time);
        match event {
            Event::RunPaused(e) => head.paused = Some((e, time)),
            Event::RunContinued(_) => head.paused = None,
            Event::RunAborted(e) => head.aborted = Some((e, time)),
            Event::RunFinished(e) => head.finished = Some((e, time)),
            _ => {}
        }
    }

    pub(super) fn find(&self, id: &RunId) -> Option<&RunHead> {
        self.runs.iter().find(|r| r.state.id == *id)
    }
}

impl RunHead {
    /// One word or two.
    pub(super) fn word(&self) -> &'static str {
        match (&self.finished, &self.aborted, &self.paused) {
            (Some((f, _)), ..) if f.stuck + f.undone == 0 => "finished",
            (Some(_), Some(_), _) => "aborted and finished",
            (Some(_), ..) => "finished, not all done",
            (None, Some(_), _) => "being aborted",
            (None, None, Some(_)) => "paused",
            (None, None, None) if !self.state.rejected_by.is_empty() => "rejected",
            (None, None, None) => "open",
        }
    }
}

/// The plan of a run, from the log's objects.
pub(super) fn plan(session: &Session, home: &Home, head: &RunHead) -> Result<Arc<PackedPlan>, Failure> {
    let objects = Objects::new(session.env.disk.clone(), &home.log());
    let digest = &head.state.started.plan;
    let next = "restore the log's objects from a copy; `reissue audit verify` says which are missing";
    let wrong = |e: String| Failure::new(codes::LOG, e, next).at(home.root());
    objects.plan(digest).map(Arc::new).map_err(|e| wrong(e.to_string()))
}

/// The log again, now with the targets of one run.
pub(super) fn recovery(home: &Home, plan: &Arc<PackedPlan>) -> Result<Recovery, Failure> {
    let mut recovery = Recovery::new(plan);
    for read in home.read_log().map_err(|e| home_failure(home.root(), &e))? {
        recovery.fold(&read.map_err(|e| read_failure(home.root(), &e))?.line);
    }
    let Some((line, why)) = &recovery.illegal else { return Ok(recovery) };
    let what = format!("line {} of the log does not fit the plan: {why}", line + 1);
    let next = "do not go on; run `reissue audit verify` and compare with a copy";
    Err(Failure::new(codes::LOG, what, next).at(home.root()))
}

/// The run that is asked for; with `latest`, the last one that was started.
pub(super) fn wanted<'a>(home: &Home, all: &'a Overview, wanted: &str) -> Result<&'a RunHead, Failure> {
    let id = notes::find_run(home, wanted)?.run;
    let missing = || {
        let what = format!("the log has no run {id}");
        Failure::new(codes::NO_RUN, what, "`reissue status` lists the runs").at(home.root())
    };
    all.find(&id).ok_or_else(missing)
}

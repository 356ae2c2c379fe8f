//! The judge reads a log again that was taken over from a mirror.

use crate::judge::Inner;
use crate::model::{Mark, Model};
use reissue::domain::event::{Event, Line};
use reissue::domain::id::{RunId, TargetId};
use reissue::domain::plan::Plan;
use reissue::domain::target::TargetState;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The judge reads the log again as it was taken over. What the first machine wrote and the mirror
/// lacks never was: no effect may have followed it.
pub(crate) fn taken_over(inner: &mut Inner, text: Vec<u8>) -> Result<(), String> {
    let (plan, _) = inner.plan.clone().ok_or("there is no plan")?;
    let read = |bytes: &[u8]| -> Result<Vec<Line>, String> {
        let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        lines.map(|l| Line::from_bytes(l).map_err(|e| e.to_string())).collect()
    };
    let (was, is) = (read(&inner.text[..inner.complete])?, read(&text)?);
    let kept = was.iter().zip(&is).take_while(|(a, b)| a == b).count();
    if is.len() != kept + 1 || !matches!(is[kept].event, Event::LogHandedOver(_)) {
        return Err(format!("{} lines were taken over, {kept} of them as they were written", is.len()));
    }
    if kept < was.len() {
        inner.trace.count("lines that the mirror lacks");
    }
    for line in &was[kept..] {
        let Event::StepIntent(intent) = &line.event else { continue };
        let target = line.target.and_then(|t| inner.model.targets.get(&t));
        if target.and_then(|t| t.courses.get(&(intent.step, intent.undo))).is_some_and(|c| c.sent) {
            return Err(format!("line {}: its effect was begun, and the mirror lacks it", line.seq));
        }
    }
    let old = std::mem::replace(&mut inner.model, Model::new(&plan));
    is.iter().for_each(|line| inner.model.fold(line));
    carry_over(&old, &mut inner.model);
    inner.states = states(&plan, &inner.model.run, &is)?;
    inner.complete = text.len();
    inner.text = text;
    inner.begun_unseen = false;
    Ok(())
}

/// What was sent stays sent.
fn carry_over(old: &Model, new: &mut Model) {
    for (id, was) in &old.targets {
        let Some(is) = new.targets.get_mut(id) else { continue };
        for (key, _) in was.courses.iter().filter(|(_, c)| c.ever_sent) {
            let to = is.courses.entry(*key).or_default();
            to.ever_sent = true;
            to.sent = to.mark == Mark::Open;
        }
    }
}

fn states(
    plan: &Arc<Plan>,
    run: &Option<RunId>,
    lines: &[Line],
) -> Result<BTreeMap<TargetId, TargetState>, String> {
    let mut states: BTreeMap<_, _> =
        plan.changes().map(|t| (t.id, TargetState::new(Arc::new(t.clone())))).collect();
    for line in lines.iter().filter(|l| l.run.is_some() && l.run == *run) {
        if matches!(line.event, Event::RunStarted(_)) {
            continue;
        }
        for (_, state) in states.iter_mut().filter(|(id, _)| line.target.is_none_or(|t| t == **id)) {
            state.apply(&line.event, line.time).map_err(|e| format!("line {}: {e}", line.seq))?;
        }
    }
    Ok(states)
}

//! `status` for people and for programs.

use super::fold::{self, Overview, RunHead};
use super::next::{Known, Todo, at_home, somebody, todos, withdraw};
use super::waiting::Waiting;
use super::{Run, Standing};
use crate::cli::bulletin::Bulletin;
use crate::cli::error::Failure;
use crate::cli::fleet::Ended;
use crate::cli::forecast::{self, Outlook, Pacing};
use crate::cli::hindrance::hindrance_of;
use crate::cli::standing::{Tally, when};
use crate::cli::{ExitCode, Session};
use crate::domain::id::TargetId;
use crate::domain::plan::PackedPlan;
use crate::domain::plan::PlannedTarget;
use crate::domain::sign_ins::SignIns;
use crate::domain::step::Phase;
use crate::domain::target::TargetState;
use crate::domain::text::count;
use crate::domain::time::Timestamp;
use crate::trail::Home;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Columns of a target's name. A longer one moves its own line to the right.
const NAME_LEAST: usize = 24;
const NAME_MOST: usize = 48;

#[derive(Serialize)]
struct RunObject<'a> {
    run: &'a str,
    incident: &'a str,
    title: &'a str,
    state: &'a str,
    started: Timestamp,
    operator: &'a str,
    plan: String,
    last_event: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<Timestamp>,
    phases: BTreeMap<String, Timestamp>,
    rejected_by: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aborted_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<&'a str>,
}

#[derive(Serialize)]
struct TargetObject<'a> {
    run: &'a str,
    target: TargetId,
    name: &'a str,
    #[serde(rename = "target_kind")]
    kind: &'a str,
    steps_done: usize,
    steps: usize,
    past_no_return: bool,
    /// What the tenant's sign-in log said of its old credentials, while its release waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_ins: Option<&'a SignIns>,
    #[serde(flatten)]
    standing: Standing,
}

#[derive(Serialize)]
struct TallyObject<'a> {
    run: &'a str,
    excepted: u32,
    #[serde(flatten)]
    tally: Tally,
}

fn object<'a>(head: &'a RunHead, plan: &'a PackedPlan) -> RunObject<'a> {
    let RunHead { state, paused, aborted, finished, last, mirror } = head;
    RunObject {
        run: state.id.as_str(),
        incident: &plan.header.incident.id,
        title: &plan.header.incident.title,
        state: head.word(),
        started: state.started_at,
        operator: &state.started.operator,
        plan: state.started.plan.to_string(),
        last_event: *last,
        finished: finished.as_ref().map(|(_, at)| *at),
        phases: state.phases.iter().map(|(p, until)| (p.to_string(), *until)).collect(),
        rejected_by: state.rejected_by.iter().map(|r| r.as_str()).collect(),
        paused_by: paused.as_ref().map(|(p, _)| p.by.as_str()),
        aborted_by: aborted.as_ref().map(|(a, _)| a.by.as_str()),
        mirror: mirror.as_deref(),
    }
}

/// Every run, one line each.
pub(super) fn list(
    session: &mut Session,
    home: &Home,
    all: &Overview,
    of_a_row: bool,
) -> Result<(), Failure> {
    // Of a fleet the row says what is missing, in terms of the fleet file.
    if all.runs.is_empty() && of_a_row {
        handed_in(session, home);
        return Ok(());
    }
    if all.runs.is_empty() {
        session.out.line("No run was started in this installation.");
        let waiting = handed_in(session, home);
        before_a_run(session, home, &waiting);
        return Ok(());
    }
    for head in &all.runs {
        let plan = fold::plan(session, home, head)?;
        session.out.object("status_run", &object(head, &plan));
        session.out.line(&format!(
            "{}  {:<22}  {}  started {}",
            head.state.id,
            head.word(),
            plan.header.incident.id,
            head.state.started_at.short()
        ));
    }
    session.out.line("");
    Ok(())
}

fn handed_in(session: &mut Session, home: &Home) -> Waiting {
    let waiting = Waiting::read(session, home);
    if let Some(said) = waiting.say() {
        session.out.object("status_inbox", &serde_json::json!({ "waiting": waiting.counts }));
        session.out.line(&format!("Handed in and not read yet: {said}."));
    }
    waiting
}

/// What comes next where no run was started: the one thing that is missing.
fn before_a_run(session: &mut Session, home: &Home, waiting: &Waiting) {
    let (acting, at) = (somebody(home.install.environment), at_home(home.root()));
    let rejected = waiting.rejected_by();
    let (why, commands) = match (rejected.is_empty(), waiting.has_decisions()) {
        (false, _) => (
            "a reject stops the plan; nobody else can take it back",
            rejected.into_iter().map(|who| withdraw("PLAN", who, home.root())).collect(),
        ),
        (true, true) => (
            "when enough people have approved (it says who is missing)",
            vec![format!("reissue apply PLAN --operator NAME{acting}{at}")],
        ),
        (true, false) => (
            "make a plan, which people then approve and somebody applies",
            vec![format!("reissue plan PLAYBOOK --author NAME{acting}{at}")],
        ),
    };
    session.out.line("\nNext:");
    let todo = Todo { why: why.into(), commands };
    tell(session, &todo);
}

/// One run: header, targets, counts, and what to do.
pub(super) fn run(session: &mut Session, home: &Home, run: &Run<'_>, known: &Known) -> Ended {
    let now = session.env.clock.now();
    session.out.object("status", &object(run.head, &run.plan));
    if !session.out.is_json() {
        header(session, run, now);
    }
    let width = name_width(&run.plan);
    for target in run.plan.changes() {
        if let Some(state) = run.recovery.states.state(target.id) {
            let standing = Standing::of(&state, now);
            show_target(session, run, (&target, width), &state, standing, now);
        }
    }
    for e in run.plan.exceptions() {
        let out = &mut session.out;
        out.line(&format!("  {:<4} {:<width$} left alone: {}", e.id, e.name, e.refusal.reason.code()));
    }
    let tally = Tally::of(&run.recovery.states, now);
    let excepted = run.plan.header.counts.excepted;
    let targets = count(tally.targets, "target", "targets");
    session.out.line(&format!("\n{targets}: {}; {excepted} left alone.", tally.say()));
    let mut said = format!("{} {}: {}", run.head.state.id, run.head.word(), tally.say());
    if let (Some(writer), None) = (run.writer, &run.head.finished) {
        let _ = write!(said, "; at work since {}, or it died", writer.since.short());
    }
    if let Some(finish) = forecast(session, home.root(), run, now).filter(|_| run.writer.is_some()) {
        let _ = write!(said, "; {finish}");
    }
    session.out.object("status_tally", &TallyObject { run: run.head.state.id.as_str(), excepted, tally });
    handed_in(session, home);
    let next = next(session, home, run, known);
    Ended { next, ..Ended::new(ExitCode::Done, said) }
}

/// When it will be over, from what is left, the quotas and the pace that the log says: what a
/// service's throttling takes off that is known to the process at work alone. The finish is returned.
fn forecast(session: &mut Session, home: &Path, run: &Run<'_>, now: Timestamp) -> Option<String> {
    let pacing = Pacing::of_run(&run.head.state);
    let pace = pacing.pace;
    if run.head.finished.is_some() {
        return None;
    }
    for name in &pacing.unknown {
        let what = format!(
            "The log says of the quota {name:?} what this version does not know: it is left out of the finish"
        );
        session.out.line(&format!(
            "{what}, and `reissue apply --resume` needs `--quotas FILE` that says what holds now."
        ));
    }
    // Whoever carries it on begins to watch anew; what a process that is gone was refused says nothing of the next.
    let is_at_work = run.writer.is_some();
    let Bulletin { rates, hindrance } =
        if is_at_work { Bulletin::read(&session.env, home) } else { Bulletin::default() };
    let times = [if is_at_work { run.head.state.owned_since } else { now }, now];
    let left = forecast::left(&run.recovery.states, &pacing, &rates, times)?;
    let by = hindrance_of(hindrance, &run.recovery.states, now).filter(|_| is_at_work);
    let outlook = Outlook::of(&left, by, now);
    let mut words = outlook.words("; ");
    if run.writer.is_none() {
        words = format!("if somebody carries it on now: {words}");
    }
    let said = if pacing.said.is_empty() { "" } else { " with the quotas that its file says" };
    session.out.line(&format!("At pace {pace}{said}, {words}."));
    session.out.object(
        "status_forecast",
        &serde_json::json!({
            "run": run.head.state.id.as_str(), "pace": pace, "seconds": left.seconds, "waits_for_people": left.people,
            "finish": now.after(std::time::Duration::from_secs(left.seconds)), "limit": forecast::limit_object(&left.limit),
            "at_least": outlook.at_least, "limited_by": outlook.limit,
        }),
    );
    Some(outlook.words("; "))
}

/// What a person has to do next; for `apply`, which knows more of it, too.
/// The command lines of the most urgent thing are returned.
pub(super) fn next(session: &mut Session, home: &Home, run: &Run<'_>, known: &Known) -> Vec<String> {
    let waiting = Waiting::read(session, home);
    let todos = todos(run, home.root(), known, &waiting, session.env.clock.now());
    if !todos.is_empty() {
        session.out.line("\nNext:");
    }
    todos.iter().for_each(|todo| tell(session, todo));
    let alone = todos.len() == 1;
    let commands = todos.into_iter().next().map(|todo| todo.commands).unwrap_or_default();
    match run.writer {
        // Going on is the last thing to do: where it is the first, nothing is to be done unless the writer died.
        Some(_) if alone => commands.into_iter().map(|command| format!("if it died: {command}")).collect(),
        _ => commands,
    }
}

fn tell(session: &mut Session, todo: &Todo) {
    session.out.object("status_next", todo);
    session.out.line(&format!("  {}:", todo.why));
    todo.commands.iter().for_each(|c| session.out.line(&format!("    {c}")));
}

fn header(session: &mut Session, run: &Run<'_>, now: Timestamp) {
    let RunHead { state, paused, aborted, finished, last, mirror } = run.head;
    let incident = &run.plan.header.incident;
    let out = &mut session.out;
    out.line(&format!("Run {} of {}: {}", state.id, incident.id, incident.title));
    out.line(&format!("  state    {}, last event {}", run.head.word(), when(*last, now)));
    out.line(&format!("  started  {} by {}", state.started_at.short(), state.started.operator));
    out.line(&format!("  plan     {}", run.plan_file));
    if let Some(to) = mirror {
        out.line(&format!("  mirror   {to}"));
    }
    if let Some((f, at)) = finished {
        out.line(&format!("  ended    {}: {} done, {} undone", at.short(), f.done, f.undone));
    }
    if let Some((p, at)) = paused {
        out.line(&format!("  PAUSED   by {} at {}: {}", p.by, at.short(), p.reason));
    }
    if let Some((a, at)) = aborted {
        out.line(&format!("  ABORTED  by {} at {}: {}", a.by, at.short(), a.reason));
    }
    for (said, _) in run.recovery.approvals.iter().filter(|(said, _)| said.break_glass) {
        out.line(&format!("  BREAK-GLASS by {}: one person alone; review this decision", said.approver));
    }
    for who in &state.rejected_by {
        out.line(&format!("  REJECTED by {who}: nothing is written until that is withdrawn"));
    }
    let separately = run.plan.header.approval.retire_separately;
    for phase in [Phase::Start, Phase::Retire] {
        let said = match state.phases.get(&phase) {
            // Each target has a release of its own; which ones wait is told with them.
            Some(_) if phase == Phase::Retire && separately => {
                let released = run.recovery.states.all().filter(|(_, s)| s.open_until(phase).is_some());
                format!("released for {}", count(released.count(), "target", "targets"))
            }
            Some(until) if *until > now => format!("open until {}", when(*until, now)),
            Some(until) => format!("its approvals ended at {}", when(*until, now)),
            None if phase == Phase::Retire && !separately => continue,
            None => "not approved".into(),
        };
        out.line(&format!("  {phase:<8} {said}"));
    }
    out.line("");
}

/// As wide as the longest name, within bounds.
fn name_width(plan: &PackedPlan) -> usize {
    let names = plan.changes().map(|t| t.name.chars().count());
    let names = names.chain(plan.exceptions().map(|e| e.name.chars().count()));
    names.max().unwrap_or(0).clamp(NAME_LEAST, NAME_MOST)
}

fn show_target(
    session: &mut Session,
    run: &Run<'_>,
    (target, width): (&PlannedTarget, usize),
    state: &TargetState,
    standing: Standing,
    now: Timestamp,
) {
    let (done, past_no_return) = (state.steps_done(), state.past_no_return());
    let sign_ins = state.sign_ins().filter(|_| state.awaits_release().is_some());
    let steps = target.steps.len();
    let no_return = if past_no_return { ", past the point of no return" } else { "" };
    session.out.line(&format!(
        "  {:<4} {:<width$} {done} of {steps} steps  {}{no_return}",
        target.id,
        target.name,
        standing.say(now)
    ));
    if let Some(sign_ins) = sign_ins {
        session.out.line(&format!("       {sign_ins}"));
    }
    let object = TargetObject {
        run: run.head.state.id.as_str(),
        target: target.id,
        name: &target.name,
        kind: &target.kind,
        steps_done: done,
        steps,
        past_no_return,
        sign_ins,
        standing,
    };
    session.out.object("status_target", &object);
}

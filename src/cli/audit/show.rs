//! `reissue audit show`: the log's lines, filtered; sentences for people, the lines themselves
//! with `--json`.

use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::ground::{home_failure, read_failure};
use crate::cli::world::HomeArguments;
use crate::cli::{ExitCode, Session, run_view};
use crate::domain::event::{Event, Line};
use crate::domain::id::{RunId, TargetId};
use crate::domain::text::count;
use crate::domain::time::{Timestamp, parse_span};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only this run: its id, or `latest`
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only this target: t1, t2, …
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Only what this person said or did, as the log spells the name
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Only from this time on: 2026-11-23T07:00:00Z, or a span such as 2h before now
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only events with this code or name, or whose name begins so: STP030W, step.failed, step
    #[arg(long = "code", value_name = "CODE")]
    codes: Vec<String>,
    #[command(flatten)]
    home: HomeArguments,
}

/// Which lines are shown.
struct Filter {
    run: Option<RunId>,
    target: Option<TargetId>,
    person: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    codes: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.home.open(session)?;
    let filter = Filter::new(arguments, session, &home)?;
    let reader = home.read_log().map_err(|e| home_failure(home.root(), &e))?;
    let (mut seen, mut shown) = (0u64, 0u64);
    for read in reader {
        let line = read.map_err(|e| read_failure(home.root(), &e))?.line;
        seen += 1;
        if filter.fits(&line) {
            shown += 1;
            show(&mut session.out, &line);
        }
    }
    session.out.hint(&format!(
        "{shown} of {}. That they are genuine, `reissue audit verify` judges.",
        count(seen, "line", "lines")
    ));
    Ok(ExitCode::Done)
}

fn show(out: &mut crate::cli::human::Output, line: &Line) {
    if out.is_json() {
        return run_view::event(out, line);
    }
    let target = line.target.map(|t| format!("{t} ")).unwrap_or_default();
    let said = run_view::sentence(&line.event).unwrap_or_else(|| quiet(&line.event));
    let code = line.event.code();
    out.line(&format!("{:>5}  {}  {code}  {target}{said}", line.seq, line.time.short()));
}

/// What is not worth a line while a run goes on, but belongs to the record.
fn quiet(event: &Event) -> String {
    match event {
        Event::LogOpened(e) => format!(
            "log opened by `reissue {}` {}, {}, {} installation {}",
            e.command,
            e.version,
            e.process,
            format!("{:?}", e.environment).to_lowercase(),
            e.install
        ),
        Event::LogClosed(e) => format!("log closed after {}", count(e.events, "event", "events")),
        Event::RunClaimed(e) => format!("lease in {} claimed until {}", e.place, e.until.short()),
        Event::LaneTaken(e) => format!("writer number {} took the run", e.epoch),
        Event::StepIntent(e) => {
            let what = if e.undo { "undo of step" } else { "step" };
            format!("{what} {}, attempt {}: about to begin (request {})", e.step, e.attempt, e.request)
        }
        other => other.name().to_owned(),
    }
}

impl Filter {
    fn new(arguments: &Arguments, session: &Session, home: &crate::trail::Home) -> Result<Self, Failure> {
        let now = session.env.clock.now();
        let run = arguments.run.as_deref();
        let run = run.map(|wanted| crate::cli::notes::find_run(home, wanted)).transpose()?;
        let target = arguments.target.as_deref().map(crate::cli::confirm::target).transpose()?;
        Ok(Self {
            run: run.map(|found| found.run),
            target,
            person: arguments.person.clone(),
            since: arguments.since.as_deref().map(|t| time("--since", t, now)).transpose()?,
            until: arguments.until.as_deref().map(|t| time("--until", t, now)).transpose()?,
            codes: known_codes(&arguments.codes)?,
        })
    }

    fn fits(&self, line: &Line) -> bool {
        let Self { run, target, person, since, until, codes } = self;
        let event = &line.event;
        let has_code = |c: &String| c == event.code() || is_name(c, event.name());
        run.as_ref().is_none_or(|r| line.run.as_ref() == Some(r))
            && target.is_none_or(|t| line.target == Some(t))
            && person
                .as_deref()
                .is_none_or(|p| person_of(event).is_some_and(|who| who.eq_ignore_ascii_case(p)))
            && since.is_none_or(|t| line.time >= t)
            && until.is_none_or(|t| line.time < t)
            && (codes.is_empty() || codes.iter().any(has_code))
    }
}

fn is_name(wanted: &str, name: &str) -> bool {
    name == wanted || name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

/// A code that no event has would silently show nothing.
fn known_codes(wanted: &[String]) -> Result<Vec<String>, Failure> {
    let clean = |c: &String| {
        let (upper, lower) = (c.to_ascii_uppercase(), c.to_ascii_lowercase());
        let found = Event::TABLE.iter().find_map(|(name, code)| {
            (*code == upper).then(|| upper.clone()).or_else(|| is_name(&lower, name).then(|| lower.clone()))
        });
        found.ok_or_else(|| {
            let next = "use a code such as STP030W, or a name such as step.failed or step";
            Failure::new(codes::ARGUMENT, format!("--code: no event is called {c:?}"), next)
        })
    };
    wanted.iter().map(clean).collect()
}

/// A time, or a span before now.
fn time(what: &str, text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Ok(span) = parse_span(text) {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_unix_ms(now.unix_ms().saturating_sub(ms)));
    }
    let next = "write a time as 2026-11-23T07:00:00Z, or a span before now as 30m, 2h or 3d";
    let wrong = |_| Failure::new(codes::ARGUMENT, format!("{what}: {text:?} is not a time"), next);
    text.parse().map_err(wrong)
}

/// Who said or did it, if the event names a person.
fn person_of(event: &Event) -> Option<&str> {
    Some(match event {
        Event::ApprovalRecorded(e) => &e.approver,
        Event::RunStarted(e) => &e.operator,
        Event::RunResumed(e) => &e.operator,
        Event::RunPaused(e) => &e.by,
        Event::RunContinued(e) => &e.by,
        Event::RunAborted(e) => &e.by,
        Event::ConsumerConfirmed(e) => &e.by,
        Event::TargetResolved(e) => &e.by,
        _ => return None,
    })
}

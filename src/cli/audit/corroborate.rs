//! `reissue audit corroborate`: the run, held against the tenant's own audit log. Whoever controls
//! this machine can write our log; nobody here can write that one.

mod view;

use super::verify::{Case, LogArguments, case};
use crate::azure::Azure;
use crate::azure::graph::GraphError;
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::report::{failed, run_id};
use crate::cli::world::{ActingArguments, runtime};
use crate::cli::{ExitCode, Session};
use crate::domain::corroborate::{Corroboration, Frame, LATE, SKEW, Theirs, Who, corroborate};
use crate::domain::event::Fault;
use crate::domain::time::Timestamp;
use crate::report::{self, Deeds};
use crate::wire::budget::Start;

pub(super) const AFTER_HELP: &str = "Exit codes: 0 every change of the run has one row in the tenant's log, and nobody \
    else changed an object of the plan meanwhile; 7 they do not agree: a person is needed; 9 their log is late, or the \
    run is open: run it again later. Nothing is changed. Needs AuditLog.Read.All, or the role Reports Reader.";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run: its id, or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    run: String,
    #[command(flatten)]
    log: LogArguments,
    #[command(flatten)]
    acting: ActingArguments,
}

/// What was compared, and when.
struct Compared {
    deeds: Deeds,
    found: Corroboration,
    from: Timestamp,
    until: Timestamp,
    /// Until then rows of this window may still come.
    settled: Timestamp,
    now: Timestamp,
    /// Rows of theirs that were looked at.
    rows: u64,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let case = case(&arguments.log, session).map_err(nothing_compared)?;
    if case.folder.is_excerpt() {
        let what = "a bundle of one run does not say what other runs changed: each of their changes would look foreign";
        let failure = Failure::new(codes::ARGUMENT, what, "use the whole log, or a bundle of it");
        return Err(nothing_compared(failure.at(case.folder.root())));
    }
    let wanted = run_id(&arguments.run)?;
    let deeds = report::deeds(&case.disk, &case.folder, &case.trust, wanted.as_ref());
    let unread = |failure: Failure| Failure {
        what: failure.what.replace("no report was made", "nothing was compared"),
        ..failure
    };
    let Ok(deeds) = deeds.map_err(|e| unread(failed(&case, &e)))? else { return Err(tampered(&case)) };
    if deeds.environment != arguments.acting.environment() {
        let next = "use `--lab DIR` for a lab's run, and never for another";
        return Err(Failure::new(codes::ENVIRONMENT, "the run is of another environment", next));
    }
    let compared = compare(deeds, &arguments.acting, session)?;
    let code = code(&compared);
    view::show(&compared, code, &mut session.out);
    Ok(code)
}

fn nothing_compared(failure: Failure) -> Failure {
    let code = if failure.code.id() == codes::NO_VERDICT.id() { codes::LOG } else { failure.code };
    Failure { code, state: "nothing was compared, nothing was changed".into(), ..failure }
}

fn tampered(case: &Case) -> Failure {
    let next = "keep the folder as it is; `reissue audit verify` says what is wrong with it";
    let what = "the log is not the one that was written: it is not held against anything";
    Failure::new(codes::LOG, what, next).at(case.folder.root())
}

fn compare(deeds: Deeds, acting: &ActingArguments, session: &Session) -> Result<Compared, Failure> {
    let azure = acting.session(session, deeds.cloud, &deeds.tenant, Start::Full)?;
    let clock = acting.in_time(&session.env)?.clock;
    let now = clock.now();
    let margin = i64::try_from(SKEW.as_millis()).unwrap_or(0);
    let from = Timestamp::from_unix_ms(deeds.began.unix_ms().saturating_sub(margin));
    let until = deeds.ended.unwrap_or(now).after(SKEW);
    let (theirs, rows) = runtime()?
        .block_on(read(&azure, &deeds, from, until))
        .map_err(|e| session.line.explain(unreadable(e.into())))?;
    let frame = Frame {
        run: deeds.run.clone(),
        objects: deeds.objects.keys().cloned().collect(),
        now,
        late: clock.as_lag(LATE),
        skew: clock.as_lag(SKEW),
    };
    let found = corroborate(deeds.ours.clone(), theirs, &frame);
    Ok(Compared { deeds, found, from, until, settled: until.after(frame.late), now, rows })
}

/// The rows that are of interest, and how many there were: a whole tenant's log goes by.
async fn read(
    azure: &Azure,
    deeds: &Deeds,
    from: Timestamp,
    until: Timestamp,
) -> Result<(Vec<Theirs>, u64), GraphError> {
    let (mut kept, mut rows) = (Vec::new(), 0);
    let mut pages = azure.graph().audits(from, until);
    while let Some(page) = pages.next().await? {
        rows += page.len() as u64;
        let told = page.iter().filter_map(|row| row.row(&deeds.identity.object, &deeds.identity.client_id));
        let ours = |row: &Theirs| row.objects.iter().any(|o| deeds.objects.contains_key(o));
        kept.extend(told.filter(|row| row.who == Who::We || ours(row)));
    }
    Ok((kept, rows))
}

/// Codes as Graph gives them; a tenant without a premium licence is told apart (Microsoft Learn, "List
/// directoryAudits"; the code is reported).
fn unreadable(fault: Fault) -> Failure {
    let next = match fault.code.as_str() {
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant" => {
            "the tenant has no premium licence: export the audit log in the Entra admin centre, and compare by hand \
             with `reissue audit show`"
        }
        _ => {
            "grant the application permission AuditLog.Read.All with admin consent, or the role Reports Reader to a \
             person, then run it again"
        }
    };
    let what = format!("the tenant's audit log cannot be read: {}", fault.code);
    Failure::new(codes::NO_AUDITS, what, next).state("nothing was compared, nothing was changed")
}

fn code(compared: &Compared) -> ExitCode {
    let Compared { deeds, found, .. } = compared;
    match (found.findings.is_empty(), found.pending.is_empty() && deeds.ended.is_some()) {
        (false, _) => ExitCode::Stuck,
        (true, false) => ExitCode::Holding,
        (true, true) => ExitCode::Done,
    }
}

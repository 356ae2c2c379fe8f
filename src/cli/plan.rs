//! `reissue plan FILE`: the dry run. Reads the tenant, writes one file here and nothing there. With
//! `--fleet`, for many tenants.

mod watch;

use super::codes;
use super::error::Failure;
use super::fleet::{Ended, Row, Rows};
use super::forecast::{self, Pacing};
use super::ground::{home_failure, out_failure, sign_in_next};
use super::world::{ActingArguments, HomeArguments, interrupted, to_the_end};
use super::{ExitCode, Session, plan_view, status};
use crate::connector::observe::ObserveError;
use crate::connector::reading::Reading;
use crate::domain::id::Digest;
use crate::domain::plan::make::Known;
use crate::domain::plan::{Plan, file};
use crate::domain::text::{Text, count};
use crate::env::disk::Pieces;
use crate::pipeline::{self, PlanFailure, PlanOrder, make_plan};
use crate::trail::{Home, known};
use crate::wire::budget::Start;
use serde::Serialize;
use std::path::PathBuf;
use watch::Watch;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The playbook
    #[arg(required_unless_present = "fleet")]
    file: Option<PathBuf>,
    /// Where the plan goes: a new file, readable by you alone
    #[arg(long, value_name = "FILE", default_value = "plan.jsonl")]
    out: PathBuf,
    /// Who makes this plan; that person cannot approve it
    #[arg(long, value_name = "NAME")]
    author: String,
    /// Exit with 2 if the plan has changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Plan for many tenants, side by side: a fleet file, which says what the other options say here
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "file", "out", "how", "client_id", "secret_fd", "secret_file", "certificate", "lab", "pace", "quotas",
    ])]
    fleet: Option<PathBuf>,
    /// Of the fleet, this tenant only; again for more
    #[arg(long, value_name = "NAME", requires = "fleet")]
    only: Vec<String>,
    #[command(flatten)]
    home: HomeArguments,
    #[command(flatten)]
    acting: ActingArguments,
}

/// What is planned where: the command line for one tenant.
pub(super) struct One {
    file: PathBuf,
    out: PathBuf,
    author: String,
    detailed_exitcode: bool,
    home: HomeArguments,
    acting: ActingArguments,
}

#[derive(Serialize)]
struct PlanObject<'a> {
    digest: &'a Digest,
    file: String,
    #[serde(flatten)]
    counts: &'a crate::domain::plan::Counts,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let Arguments { file, out, author, detailed_exitcode, fleet, only, home, acting } = arguments;
    if let Some(fleet) = fleet {
        let rows = Rows::read(&fleet, &only, &home, session)?;
        return rows.side_by_side("plan", false, session, |tenant, row, mut session, mut interrupts| {
            let one = One {
                file: tenant.playbook.clone(),
                out: tenant.plan.clone(),
                author: author.clone(),
                detailed_exitcode,
                home: HomeArguments::of_tenant(tenant),
                acting: ActingArguments::of_tenant(tenant),
            };
            async move {
                let ended = tokio::select! {
                    biased;
                    ended = carry_out(&one, &mut session) => ended,
                    Some(()) = interrupts.recv() => Err(stopped(&one)),
                };
                let ended = ended.map_err(|failure| again(failure, &row, &one.author));
                Ended::of(ended, &mut session)
            }
        });
    }
    let file = file.unwrap_or_default();
    let one = One { file, out, author, detailed_exitcode, home, acting };
    let planned = async {
        tokio::select! {
            biased;
            ended = carry_out(&one, session) => ended,
            () = interrupted() => Err(stopped(&one)),
        }
    };
    Ok(to_the_end(planned)?.exit)
}

/// What is done about one tenant's failure ends with its plan; the others have theirs.
fn again(failure: Failure, row: &Row, author: &str) -> Failure {
    if [codes::EXISTS, codes::STOPPED].iter().any(|code| code.id() == failure.code.id()) {
        return failure;
    }
    let next = format!(
        "{}; then `{}`",
        failure.next,
        row.command("plan", &format!(" --author {}", status::quote(author)))
    );
    Failure { next, ..failure }
}

/// Reading can be left at any time.
fn stopped(one: &One) -> Failure {
    let next = "run the command again: it reads the tenant anew";
    let what = "stopped while the tenant was read";
    Failure::new(codes::STOPPED, what, next).at(&one.file).state("no plan was written, nothing was changed")
}

/// Makes the plan of one tenant.
async fn carry_out(arguments: &One, session: &mut Session) -> Result<Ended, Failure> {
    let playbook = super::check::load(&arguments.file, session)?;
    let author = Text::new(arguments.author.as_str())
        .map_err(|e| Failure::new(codes::ARGUMENT, format!("the author's name: {e}"), "give a plain name"))?;
    if author.trim().is_empty() {
        let next = "say who makes the plan with `--author`: that person cannot approve it";
        return Err(Failure::new(codes::ARGUMENT, "the author has no name", next));
    }
    let home = arguments.home.open(session)?;
    belongs(&home, &playbook, arguments)?;
    free_place(arguments, session)?;
    let azure = arguments.acting.session(session, playbook.tenant.cloud, &playbook.tenant.id, Start::Full)?;
    let reading = Reading::default();
    let watch = Watch { budget: azure.budget().clone(), reading: reading.clone() };
    let environment = arguments.acting.environment();
    let order = PlanOrder { reading, ..PlanOrder::new(author, environment, known(&home)?) };
    let making = make_plan(&session.env, &azure, &playbook, order);
    // Of a fleet it is told as a whole how far it is.
    let plan = if arguments.home.of_a_row { making.await } else { watch.over(making, &session.out).await };
    let plan = plan.map_err(|e| session.line.explain(no_plan(arguments, &e)))?;
    let digest = file::digest(&plan).map_err(|e| no_plan(arguments, &e.into()))?;
    show(session, &plan, &digest);
    let pacing = Pacing::of(azure.budget());
    if let Some(own) = forecast::of_plan_under(&plan, &pacing) {
        session.out.line(&own);
    }
    keeps_guardrails(&plan)?;
    let mut lines = Pieces::of(file::lines(&plan).map(|line| line.map_err(std::io::Error::other)));
    let written = session.env.disk.write_new_from(&arguments.out, &mut lines);
    written.map_err(|e| out_failure(&arguments.out, &e))?;
    Ok(told(arguments, session, (&plan, &digest), &forecast::in_all(&plan, &pacing)))
}

fn keeps_guardrails(plan: &Plan) -> Result<(), Failure> {
    let Some(broken) = plan.header.guardrails.iter().find(|u| !u.is_kept()) else { return Ok(()) };
    let what = format!(
        "guardrail broken: {} at most {}, the plan makes {} of {}",
        broken.action, broken.limit, broken.used, broken.allowed
    );
    let next = "plan fewer targets, or change the limit in the playbook so that approvers see it";
    Err(Failure::new(codes::GUARDRAIL, what, next).state("no plan was written, nothing was changed"))
}

/// The last lines: where it is, and who has to sign.
fn told(arguments: &One, session: &mut Session, (plan, digest): (&Plan, &Digest), takes: &str) -> Ended {
    let counts = &plan.header.counts;
    let file = arguments.out.display().to_string();
    session.out.object("plan", &PlanObject { digest, file: file.clone(), counts });
    let people = count(plan.header.approval.quorum, "person runs", "people run");
    let at = status::at_home(&arguments.home.home);
    let approve = format!("reissue approve {} --by NAME --key FILE{at}", status::quote(&file));
    let changes = plan.changes().count();
    session.out.line(&match changes {
        0 => format!("Written to {file}. Nothing was changed, and nothing would be: each target says why."),
        _ => format!("Written to {file}. Nothing was changed. Next: {people} `{approve}`."),
    });
    let exit = match changes > 0 && arguments.detailed_exitcode {
        true => ExitCode::ChangesPresent,
        false => ExitCode::Done,
    };
    let excepted = counts.excepted;
    let takes = if changes > 0 { format!(", {takes}") } else { String::new() };
    let said =
        format!("{} to change, {excepted} left alone{takes}: {file}", count(changes, "target", "targets"));
    let next = if changes > 0 { vec![approve] } else { Vec::new() };
    Ended { next, ..Ended::new(exit, said) }
}

/// Asked before the tenant is read, which takes its time.
fn free_place(arguments: &One, session: &Session) -> Result<(), Failure> {
    let out = &arguments.out;
    if session.env.disk.exists(out) {
        let next = match arguments.home.of_a_row {
            false => "name another file with `--out`; plans are not written over",
            true => {
                "have it approved and applied, or move it away and plan again; plans are not written over"
            }
        };
        return Err(Failure::new(codes::EXISTS, "there is a file already", next).at(out));
    }
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !session.env.disk.exists(folder) => {
            let next = "make the folder, or name another file with `--out`";
            Err(Failure::new(codes::MACHINE, "there is no such folder", next).at(folder))
        }
        _ => Ok(()),
    }
}

fn show(session: &mut Session, plan: &Plan, digest: &Digest) {
    if session.out.is_json() {
        for target in &plan.targets {
            session.out.object("planned_target", target);
        }
    } else {
        plan_view::tell(plan, digest, &mut |text| session.out.raw(text));
        session.out.raw("\n");
    }
}

fn belongs(
    home: &Home,
    playbook: &crate::domain::playbook::ValidPlaybook,
    arguments: &One,
) -> Result<(), Failure> {
    let install = &home.install;
    if install.tenant != playbook.tenant.id {
        let what = format!(
            "the playbook is for tenant {}, this installation for {}",
            playbook.tenant.id, install.tenant
        );
        return Err(Failure::new(
            codes::OTHER_TENANT,
            what,
            "use the installation of that tenant with `--home`",
        ));
    }
    if install.cloud != playbook.tenant.cloud {
        let what = "the playbook names another cloud than this installation";
        return Err(Failure::new(
            codes::OTHER_TENANT,
            what,
            "correct `tenant.cloud`, or use another `--home`",
        ));
    }
    if install.environment != arguments.acting.environment() {
        let what = format!("this installation is for {:?} use", install.environment).to_lowercase();
        let next = "a lab's installation needs `--lab DIR`; a real one must not have it";
        return Err(Failure::new(codes::ENVIRONMENT, what, next));
    }
    Ok(())
}

/// What the log and the roster of this installation say.
fn known(home: &Home) -> Result<Known, Failure> {
    let log = known::known(home).map_err(|e| home_failure(home.root(), &e))?;
    let roster = pipeline::here(home).map(|here| here.roster().clone());
    let roster = roster.map_err(|e| {
        Failure::new(codes::ROSTER, e.to_string(), "restore the roster from a copy").at(home.root())
    })?;
    Ok(Known { approvers: roster.people().iter().map(|p| p.name.clone()).collect(), ..log })
}

fn no_plan(arguments: &One, e: &PlanFailure) -> Failure {
    let next = match e {
        PlanFailure::SignIn(e) => sign_in_next(e),
        PlanFailure::Observe(ObserveError::Busy { .. }) => {
            "try again later, with a lower `--pace`, or tell with `--quotas FILE` what this tenant's quotas are"
        }
        PlanFailure::Observe(ObserveError::Silent { .. }) => {
            "plan again when it answers; `reissue doctor` says what this identity reaches"
        }
        PlanFailure::Observe(ObserveError::Unread { .. }) => {
            "plan again later, or take out of the playbook what never answers: no plan is made of a part of a tenant"
        }
        PlanFailure::Observe(_) => "`reissue doctor` says what this identity reaches",
        PlanFailure::File(_) => "report this: it is a fault in reissue",
    };
    let state = "no plan was written, nothing was changed";
    Failure::new(codes::NO_PLAN, e.to_string(), next).at(&arguments.file).state(state)
}

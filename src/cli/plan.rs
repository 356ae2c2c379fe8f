//! `reissue plan FILE`: the dry run. Reads the tenant, writes one file here and nothing there.

use super::codes;
use super::error::Failure;
use super::ground::{disk_failure, home_failure};
use super::world::{ActingArguments, HomeArguments, runtime};
use super::{ExitCode, Session, plan_view};
use crate::domain::id::Digest;
use crate::domain::plan::make::Known;
use crate::domain::plan::{Plan, Planned, file};
use crate::domain::text::{Text, count};
use crate::pipeline::{self, PlanFailure, PlanOrder, make_plan};
use crate::trail::{Home, known};
use crate::wire::budget::Start;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The playbook
    file: PathBuf,
    /// Where the plan goes: a new file, readable by you alone
    #[arg(long, value_name = "FILE", default_value = "plan.jsonl")]
    out: PathBuf,
    /// Who makes this plan; that person cannot approve it
    #[arg(long, value_name = "NAME")]
    author: String,
    /// Exit with 2 if the plan has changes
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    home: HomeArguments,
    #[command(flatten)]
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
    let playbook = super::check::load(&arguments.file, session)?;
    let author = Text::new(arguments.author.as_str())
        .map_err(|e| Failure::new(codes::ARGUMENT, format!("the author's name: {e}"), "give a plain name"))?;
    if author.trim().is_empty() {
        let next = "say who makes the plan with `--author`: that person cannot approve it";
        return Err(Failure::new(codes::ARGUMENT, "the author has no name", next));
    }
    let home = arguments.home.open(session)?;
    belongs(&home, &playbook, &arguments)?;
    free_place(&arguments.out, session)?;
    let azure = arguments.acting.session(session, playbook.tenant.cloud, &playbook.tenant.id, Start::Full)?;
    let order = PlanOrder { author, environment: arguments.acting.environment(), known: known(&home)? };
    let plan = runtime()?.block_on(make_plan(&session.env, &azure, &playbook, order));
    let plan = plan.map_err(|e| session.line.explain(no_plan(&arguments, &e)))?;
    let bytes = file::write(&plan).map_err(|e| no_plan(&arguments, &e.into()))?;
    let digest = Digest::of(&bytes);
    show(session, &plan, &digest);
    if let Some(broken) = plan.header.guardrails.iter().find(|u| !u.is_kept()) {
        let what = format!(
            "guardrail broken: {} at most {}, the plan makes {} of {}",
            broken.action, broken.limit, broken.used, broken.allowed
        );
        let next = "plan fewer targets, or change the limit in the playbook so that approvers see it";
        return Err(
            Failure::new(codes::GUARDRAIL, what, next).state("no plan was written, nothing was changed")
        );
    }
    let written = session.env.disk.write_new(&arguments.out, &bytes);
    written.map_err(|e| disk_failure(&arguments.out, &e, &e))?;
    let object = PlanObject {
        digest: &digest,
        file: arguments.out.display().to_string(),
        counts: &plan.header.counts,
    };
    session.out.object("plan", &object);
    session.out.line(&format!(
        "Written to {}. Nothing was changed. Next: {} `reissue approve {}`.",
        object.file,
        count(plan.header.approval.quorum, "person runs", "people run"),
        object.file
    ));
    let changes = plan.targets.iter().any(|t| matches!(t, Planned::Change(_)));
    Ok(if changes && arguments.detailed_exitcode { ExitCode::ChangesPresent } else { ExitCode::Done })
}

/// Asked before the tenant is read, which takes its time.
fn free_place(out: &Path, session: &Session) -> Result<(), Failure> {
    if session.env.disk.exists(out) {
        let next = "name another file with `--out`; plans are not written over";
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
        session.out.raw(&plan_view::render(plan, digest));
        session.out.raw("\n");
    }
}

fn belongs(
    home: &Home,
    playbook: &crate::domain::playbook::ValidPlaybook,
    arguments: &Arguments,
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

fn no_plan(arguments: &Arguments, e: &PlanFailure) -> Failure {
    let next = match e {
        PlanFailure::SignIn(_) => "check the identity with `reissue doctor`",
        PlanFailure::Observe(_) => "`reissue doctor` says what this identity reaches",
        PlanFailure::File(_) => "report this: it is a fault in reissue",
    };
    Failure::new(codes::NO_PLAN, e.to_string(), next).at(&arguments.file)
}

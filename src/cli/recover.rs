//! `reissue recover PLAN`: no log at all. Reads the tenant with the plan in hand, names whatever bears
//! a run's mark, and says what a person does. Writes nothing anywhere.

use super::error::Failure;
use super::world::{ActingArguments, runtime};
use super::{ExitCode, Session, codes};
use crate::connector::recover::{Tagged, Trace, trace};
use crate::connector::registry::Registry;
use crate::domain::event::Fault;
use crate::domain::id::TargetId;
use crate::domain::plan::PlannedTarget;
use crate::domain::shelf::Shelf;
use crate::pipeline::handover::holds_lease;
use crate::wire::budget::Start;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The plan that was being carried out
    plan: PathBuf,
    #[command(flatten)]
    acting: ActingArguments,
}

#[derive(Serialize)]
struct TraceObject<'a> {
    target: TargetId,
    name: &'a str,
    kind: &'a str,
    #[serde(flatten)]
    trace: Option<&'a Trace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'a str>,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let plan = Arc::clone(super::show::in_hand(&arguments.plan, session, Shelf::default())?.plan());
    let header = &plan.header;
    if header.environment != arguments.acting.environment() {
        let next = "use `--lab DIR` for a lab's plan, and never for another";
        return Err(Failure::new(codes::ENVIRONMENT, "the plan is for another environment", next));
    }
    let azure = arguments.acting.session(session, header.cloud, &header.tenant, Start::Full)?;
    let registry = Registry::new(azure.clone(), &header.stores);
    let runtime = runtime()?;
    session
        .out
        .line("No log is read. What was reached is a guess from what bears a mark; nothing is changed.");
    if let Some(who) = runtime.block_on(holds_lease(&azure, &plan)) {
        session.out.line(&format!("WARNING: {who}. Ask them before you do anything by hand."));
    }
    let mut unreadable = 0;
    for target in plan.changes() {
        let found = runtime.block_on(trace(&registry, header, &target));
        unreadable += usize::from(found.is_err());
        tell(session, &target, &found);
    }
    match unreadable {
        0 => Ok(ExitCode::Done),
        n => {
            let what = format!("{n} of the plan's targets cannot be read");
            let next = "check this identity's permissions with `reissue doctor`, then run it again";
            Err(Failure::new(codes::NO_PLAN, what, next).at(&arguments.plan))
        }
    }
}

fn tell(session: &mut Session, target: &PlannedTarget, found: &Result<Trace, Fault>) {
    let PlannedTarget { id, name, kind, .. } = target;
    let unreadable = found.as_ref().err().map(|fault| fault.code.as_str());
    let object = TraceObject { target: *id, name, kind, trace: found.as_ref().ok(), unreadable };
    session.out.object("recover", &object);
    let out = &mut session.out;
    match found {
        Err(fault) => out.line(&format!("\n{id} {name} ({kind}): cannot be read: {}", fault.code)),
        Ok(Trace { reached, marked, tagged, old, by_hand }) => {
            out.line(&format!("\n{id} {name} ({kind}): {reached}"));
            for (credential, mark) in marked {
                out.line(&format!("  marked  {credential} on {}, {mark}", credential.object));
            }
            for Tagged { place, version, run, credential } in tagged {
                out.line(&format!("  store   {place} version {version}: {credential}, run {run}"));
            }
            for credential in old {
                out.line(&format!("  leaked  {credential} on {} is still there", credential.object));
            }
            out.line("  by hand:");
            by_hand.iter().for_each(|line| out.line(&format!("    {line}")));
        }
    }
}

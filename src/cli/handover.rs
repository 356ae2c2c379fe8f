//! `reissue handover RUN`: goes on with a run whose machine is lost, from its mirror, on this one.

use super::error::Failure;
use super::notes::text;
use super::world::{ActingArguments, process, runtime, unreadable};
use super::{ExitCode, Session, approve, codes, init, mirror, status};
use crate::connector::lease::LeaseError;
use crate::domain::approval::handover::HANDOVER_NAMESPACE;
use crate::domain::approval::{Handover, SignedApproval};
use crate::domain::id::IdError;
use crate::pipeline::handover::{HandoverFailure, HandoverOrder, QUIET, Ready};
use crate::trail::Home;
use crate::trail::home::HandoverError;
use crate::wire::budget::Start;
use serde::Serialize;
use std::path::{Path, PathBuf};

const ROSTER_BYTES_MAX: u64 = 256 << 10;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run that goes on here
    run: String,
    /// The mirror of its log: a folder, `vault:HOST/NAME` or `blob:URL`
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// The folder of the new installation
    #[arg(long, value_name = "DIR", default_value = ".reissue", env = "REISSUE_HOME")]
    home: PathBuf,
    /// The roster that was pinned when the log was begun: the same file
    #[arg(long, value_name = "FILE")]
    roster: PathBuf,
    /// The directory (tenant) of the log
    #[arg(long, value_name = "GUID")]
    tenant: String,
    /// Its cloud: public, us_gov_high, us_gov_dod or china
    #[arg(long, default_value = "public")]
    cloud: String,
    /// Who goes on
    #[arg(long, value_name = "NAME")]
    operator: String,
    /// Who of the roster signs the handover; not the operator
    #[arg(long, value_name = "NAME")]
    by: String,
    /// That person's SSH key: a private key file, or a public one whose private part is in an agent
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The log's public key, as `reissue init` printed it and somebody kept it
    #[arg(long, value_name = "VKEY")]
    log_key: Option<String>,
    #[command(flatten)]
    acting: ActingArguments,
}

#[derive(Serialize)]
struct HandoverObject<'a> {
    run: &'a str,
    home: String,
    lines: u64,
    vkey: String,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    free_place(&arguments.home, session)?;
    let order = order(&arguments, session)?;
    let (tenant, cloud) = (init::tenant(&arguments.tenant)?, init::cloud(&arguments.cloud)?);
    let run = order.run.to_string();
    let azure = arguments.acting.session(session, cloud, &tenant, Start::Empty)?;
    let from = mirror::open(&arguments.from, session, &azure)?;
    let env = arguments.acting.in_time(&session.env)?;
    approve::need_key(arguments.key.as_ref(), session)?;
    let failed = |e: HandoverFailure| failed(&arguments, &e);
    session.out.notice(&format!("Watching the mirror for {} s …\n", QUIET.as_secs()));
    let runtime = runtime()?;
    let (ready, lease) = runtime
        .block_on(async {
            let ready = Ready::read(&env, from.as_ref(), order).await?;
            let lease = ready.lease(&azure).await?;
            Ok((ready, lease))
        })
        .map_err(failed)?;
    let header = &ready.plan.header;
    if header.tenant != tenant || header.cloud != cloud {
        let what = format!("the log is about tenant {} ({:?})", header.tenant, header.cloud);
        return Err(Failure::new(codes::OTHER_TENANT, what, "give that tenant and cloud"));
    }
    let lines = ready.lines();
    let signed = match &ready.handover {
        Some(handover) => Some(sign(&arguments, session, handover)?),
        None => None,
    };
    let finished = ready.finish(&env, from.as_ref(), signed.as_ref(), lease.as_ref());
    let home = runtime.block_on(finished).map_err(failed)?;
    tell(&arguments, session, &home, (&run, lines))
}

/// Asked before the mirror is watched, which takes a minute.
fn free_place(home: &Path, session: &Session) -> Result<(), Failure> {
    if !session.env.disk.exists(&home.join("install.json")) {
        return Ok(());
    }
    let next = "name a new folder with `--home`: the run goes on in an installation of its own";
    Err(Failure::new(codes::HANDOVER, "there is an installation here already", next).at(home))
}

fn order(arguments: &Arguments, session: &Session) -> Result<HandoverOrder, Failure> {
    let usage = |what: String, next: &str| Failure::new(codes::ARGUMENT, what, next);
    let roster = session.env.disk.read(&arguments.roster, ROSTER_BYTES_MAX);
    let key = arguments.log_key.as_deref().map(|key| key.trim().parse()).transpose();
    Ok(HandoverOrder {
        run: arguments.run.parse().map_err(|e: IdError| {
            usage(
                e.to_string(),
                "the first operator's `reissue status` showed it, and so does the mirror's log",
            )
        })?,
        operator: text("--operator", &arguments.operator)?,
        process: process(),
        approver: text("--by", &arguments.by)?,
        roster: roster.map_err(|e| unreadable(&arguments.roster, &e, "the roster file"))?,
        key: key
            .map_err(|e| usage(format!("--log-key: {e}"), "copy the line that `reissue init` printed"))?,
        root: arguments.home.clone(),
    })
}

/// Shows what is signed, and has `ssh-keygen` sign it.
fn sign(
    arguments: &Arguments,
    session: &mut Session,
    handover: &Handover,
) -> Result<SignedApproval, Failure> {
    if !session.out.is_json() {
        session.out.line("What you sign:");
        session.out.raw(&handover.to_string());
    }
    let statement_bytes =
        handover.to_bytes().map_err(|e| Failure::new(codes::HANDOVER, e.to_string(), "report this"))?;
    let armored = approve::ssh_sign(arguments.key.as_ref(), HANDOVER_NAMESPACE, &statement_bytes)?;
    Ok(SignedApproval { statement_bytes, armored })
}

fn failed(arguments: &Arguments, e: &HandoverFailure) -> Failure {
    let next = match e {
        HandoverFailure::StillWrites => {
            "stop the first machine (Ctrl-C in its terminal), or wait until it has left; then try again"
        }
        HandoverFailure::Lease(LeaseError::Refused(_)) => {
            "ask them; if their machine is lost, wait until then and try again"
        }
        HandoverFailure::Lease(_) => "check that this identity may read and set secrets in that store",
        HandoverFailure::NoRun(_) | HandoverFailure::Finished(_) => {
            "`reissue audit show` on a copy of the log lists its runs"
        }
        HandoverFailure::Stranger(_) => "somebody who is in the roster has to sign: `--by NAME --key FILE`",
        HandoverFailure::Roster(_) => "give the roster file that was pinned at `reissue init`",
        HandoverFailure::Log(HandoverError::Mirror(_) | HandoverError::Empty) => {
            "check the place; without a mirror, `reissue recover PLAN` says what was probably reached"
        }
        HandoverFailure::Log(HandoverError::Home(_)) => "name a new folder with `--home`",
        HandoverFailure::Log(_) | HandoverFailure::Plan(_) => {
            "give the roster and key that belong to this log; if they do, treat the mirror as tampered with"
        }
        HandoverFailure::Signature(_) | HandoverFailure::Statement(_) | HandoverFailure::Unsigned => {
            "sign with the SSH key that the roster lists for that person"
        }
    };
    Failure::new(codes::HANDOVER, e.to_string(), next).at(&arguments.from)
}

fn tell(
    arguments: &Arguments,
    session: &mut Session,
    home: &Home,
    (run, lines): (&str, u64),
) -> Result<ExitCode, Failure> {
    let vkey = home.vkey().map_err(|e| super::ground::home_failure(home.root(), &e))?;
    let at = arguments.home.display().to_string();
    let object = HandoverObject { run, home: at.clone(), lines, vkey: vkey.to_string() };
    session.out.object("handover", &object);
    let out = &mut session.out;
    out.line(&format!("Run {run} goes on here, in {at}, after {lines} lines of its log."));
    if arguments.log_key.is_none() {
        out.line(
            "  The log's first key was taken from the mirror itself; compare it with the one that was kept.",
        );
    }
    out.line("  the log's public key from here on, to be kept somewhere else:");
    out.line(&format!("    {vkey}"));
    let [operator, from, at] = [&arguments.operator, &arguments.from, &at].map(|text| status::quote(text));
    let acting: String =
        arguments.acting.words().iter().map(|word| format!(" {}", status::quote(word))).collect();
    let acting = if acting.is_empty() { status::somebody(home.install.environment) } else { &acting };
    out.line(&format!(
        "Next: `reissue apply --resume {run} --home {at} --mirror {from} --operator {operator}{acting}`."
    ));
    Ok(ExitCode::Done)
}

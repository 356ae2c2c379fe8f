//! `reissue approve PLAN`: one person's signed decision, made with the key that person has.

mod elsewhere;
mod hold;

use super::codes;
use super::error::Failure;
use super::ground::{disk_failure, home_failure, out_failure};
use super::world::HomeArguments;
use super::{ExitCode, Session, plan_view};
use crate::domain::approval::show::show as show_statement;
use crate::domain::approval::signed::{BREAK_GLASS_NAMESPACE, NAMESPACE};
use crate::domain::approval::{ApprovalRefusal, Person, SignedApproval, Statement};
use crate::domain::approved::{ReadPlan, Says};
use crate::domain::event::Decision;
use crate::domain::evidence::Evidence;
use crate::domain::note::Note;
use crate::domain::step::Phase;
use crate::env::child;
use crate::pipeline;
use crate::trail::Home;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The plan
    plan: PathBuf,
    /// Who decides, as the roster spells it
    #[arg(long = "by", value_name = "NAME")]
    by: String,
    /// The SSH key to sign with: a private key file, or a public one whose private part is in an agent
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What the approval releases [default: start]
    #[arg(long, value_enum)]
    phase: Option<PhaseArgument>,
    /// Reject instead: the plan is blocked until you withdraw
    #[arg(long, conflicts_with = "withdraw")]
    reject: bool,
    /// Take your own reject back
    #[arg(long)]
    withdraw: bool,
    /// Alone, in an emergency, for a plan that only contains (each target says `contain: true`), by somebody whom
    /// the roster lets (`break_glass: true`); loud everywhere
    #[arg(long)]
    break_glass: bool,
    /// Show what would be signed, and sign nothing
    #[arg(long)]
    show: bool,
    /// With `--show`: write the exact bytes that have to be signed into a new file
    #[arg(long, value_name = "FILE", requires = "show")]
    out: Option<PathBuf>,
    /// A statement that was signed elsewhere, as `--show --out` wrote it; it is shown, and must agree with
    /// `--phase`, `--reject`, `--withdraw` and `--break-glass` where they are given
    #[arg(long, value_name = "FILE", requires = "signature", conflicts_with_all = ["key", "show"])]
    statement: Option<PathBuf>,
    /// Its signature: what `ssh-keygen -Y sign` made of it, or `openssl cms -sign -binary -outform PEM`
    #[arg(long, value_name = "FILE", requires = "statement")]
    signature: Option<PathBuf>,
    /// With a CMS signature: the newest list of revoked certificates (CRL) of the card's issuer, PEM or DER
    #[arg(long, value_name = "FILE", requires = "signature")]
    crl: Option<PathBuf>,
    #[command(flatten)]
    home: HomeArguments,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PhaseArgument {
    Start,
    Retire,
}

impl PhaseArgument {
    fn in_words(self) -> Phase {
        match self {
            PhaseArgument::Start => Phase::Start,
            PhaseArgument::Retire => Phase::Retire,
        }
    }
}

#[derive(Serialize)]
struct ApprovalObject<'a> {
    by: &'a str,
    decision: Decision,
    phase: Phase,
    note: String,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let (bytes, plan, digest) = super::show::load(&arguments.plan, session)?;
    let home = arguments.home.open(session)?;
    let refused = |what: String| {
        Failure::new(codes::NOT_APPROVED, what, "use the plan, roster and installation that belong together")
            .at(&arguments.plan)
    };
    let here = pipeline::here(&home).map_err(|e| refused(e.to_string()))?;
    let person = here.roster().person(&arguments.by).cloned().ok_or_else(|| {
        let names: Vec<&str> = here.roster().people().iter().map(|p| p.name.as_str()).collect();
        let next = format!("the roster knows: {}", names.join(", "));
        Failure::new(codes::NOT_APPROVED, format!("{:?} is not in the roster", arguments.by), next)
    })?;
    let read = ReadPlan::new(&bytes, here).map_err(|e| refused(e.to_string()))?;
    if plan.header.cloud != home.install.cloud {
        return Err(refused("the plan is for another cloud than this installation".into()));
    }
    if let Some(why) =
        read.out_of_reach().filter(|_| !(arguments.reject || arguments.withdraw || arguments.break_glass))
    {
        let next = "change the roster, or have somebody of another role make the plan";
        return Err(Failure::new(codes::NOT_APPROVED, why, next).at(&arguments.plan));
    }
    if let Some(out) = arguments.out.as_ref().filter(|out| session.env.disk.exists(out)) {
        let next = "name another file with `--out`; statements are not written over";
        return Err(Failure::new(codes::EXISTS, "there is a file already", next).at(out));
    }
    if let (Some(statement), Some(signature)) = (&arguments.statement, &arguments.signature) {
        let signed = elsewhere::read(session, statement, signature, arguments.crl.as_deref())?;
        return take(&arguments, session, &home, (&read, &person), signed);
    }
    may_break_glass(&arguments, &read, &person)?;
    if !arguments.show {
        need_key(arguments.key.as_ref(), session)?;
    }
    let (statement, evidence) = statement(&arguments, session, &home, &read, &person)?;
    let signed_bytes = statement.to_bytes().map_err(|e| refused(e.to_string()))?;
    if !session.out.is_json() {
        plan_view::tell(&plan, &digest, &mut |text| session.out.raw(text));
        session.out.line("\nWhat you sign:");
        let shown = show_statement(&signed_bytes).map_err(|e| refused(e.to_string()))?;
        session.out.raw(&shown);
        if let Some(evidence) = &evidence {
            session.out.raw(&hold::render(&arguments.plan, evidence, &plan)?);
        }
    }
    if arguments.show {
        return only_shown(arguments.out.as_deref(), session, &signed_bytes, evidence.as_ref());
    }
    let namespace = if statement.break_glass { BREAK_GLASS_NAMESPACE } else { NAMESPACE };
    let armored = ssh_sign(arguments.key.as_ref(), namespace, &signed_bytes)?;
    let signed = SignedApproval { statement_bytes: signed_bytes, armored };
    take(&arguments, session, &home, (&read, &person), signed)
}

/// For programs, and for whoever signs elsewhere.
fn only_shown(
    out: Option<&Path>,
    session: &mut Session,
    to_sign: &[u8],
    evidence: Option<&Evidence>,
) -> Result<ExitCode, Failure> {
    if let Some(evidence) = evidence {
        session.out.object("evidence", evidence);
    }
    let shown: serde_json::Value = serde_json::from_slice(to_sign).unwrap_or_default();
    session.out.object("statement", &shown);
    if let Some(out) = out {
        session.env.disk.write_new(out, to_sign).map_err(|e| out_failure(out, &e))?;
    }
    session.out.line("Nothing was signed.");
    Ok(ExitCode::Done)
}

/// Asked before anybody reads on: who may not decide alone is shown nothing to sign.
fn may_break_glass(arguments: &Arguments, read: &ReadPlan, person: &Person) -> Result<(), Failure> {
    let why = match (person.break_glass, read.facts.contain_only) {
        _ if !arguments.break_glass => return Ok(()),
        (false, _) => ApprovalRefusal::NotBreakGlass(person.name.clone()),
        (true, false) => ApprovalRefusal::NotContainOnly,
        (true, true) => return Ok(()),
    };
    Err(refused(arguments, &why))
}

/// Why a decision does not count, and what its person can do about it.
fn refused(arguments: &Arguments, why: &ApprovalRefusal) -> Failure {
    let next = match why {
        ApprovalRefusal::NotBreakGlass(_) => {
            "approve with others, without `--break-glass`; who may do so alone has `break_glass: true` in the roster, \
             which its people change with `reissue roster sign`"
        }
        ApprovalRefusal::NotContainOnly => {
            "approve with others, without `--break-glass`; a plan only contains if each target that it changes says \
             `contain: true` in the playbook"
        }
        _ => "correct that, then approve again; what was signed was not handed in",
    };
    Failure::new(codes::NOT_APPROVED, why.to_string(), next).at(&arguments.plan)
}

/// What apply would refuse is refused now, while the person is still here.
fn take(
    arguments: &Arguments,
    session: &mut Session,
    home: &Home,
    (read, person): (&ReadPlan, &Person),
    signed: SignedApproval,
) -> Result<ExitCode, Failure> {
    let judged = read.judge(&signed, session.env.clock.now());
    let approval = judged.map_err(|why| refused(arguments, &why))?;
    if approval.person() != &person.name {
        let what = format!("{} signed this, not {}", approval.person(), person.name);
        let next = "name who signed with `--by`; what was signed was not handed in";
        return Err(Failure::new(codes::NOT_APPROVED, what, next).at(&arguments.plan));
    }
    let said = approval.statement();
    let head = &said.log_head;
    if !home.objects().had(head).map_err(|e| disk_failure(home.root(), &e, &e))? {
        return Err(refused(arguments, &ApprovalRefusal::OtherHead { size: head.size }));
    }
    if let Some(statement) = &arguments.statement {
        session.out.line("What was signed:");
        session.out.line(&said.to_string());
        elsewhere::agrees(arguments, said).map_err(|failure| failure.at(statement))?;
    }
    let head = &said.log_head;
    if !home.objects().had(head).map_err(|e| disk_failure(home.root(), &e, &e))? {
        return Err(refused(arguments, &ApprovalRefusal::OtherHead { size: head.size }));
    }
    let evidence = hold::keep(&arguments.plan, home, read, &approval)?;
    if let (Some(evidence), Some(_)) = (&evidence, &arguments.statement) {
        session.out.line(&evidence.to_string());
    }
    let Statement { decision, phase, .. } = *said;
    let note = hand_in(session, home, signed)?;
    let object = ApprovalObject { by: &arguments.by, decision, phase, note };
    session.out.object("approval", &object);
    session.out.line(&format!("Signed and handed in: {} ({}).", elsewhere::decision(said), object.note));
    Ok(ExitCode::Done)
}

const NAME_A_KEY: &str = "name your SSH key with `--key`, for example `--key ~/.ssh/id_ed25519`";

/// That there is a key is asked before the person reads a long plan.
pub(super) fn need_key(key: Option<&PathBuf>, session: &Session) -> Result<(), Failure> {
    match key {
        None => Err(Failure::new(codes::ARGUMENT, "no key is named", NAME_A_KEY)),
        Some(key) if !session.env.disk.exists(key) => {
            Err(Failure::new(codes::SSH_KEYGEN, "there is no such key file", NAME_A_KEY).at(key))
        }
        Some(_) => Ok(()),
    }
}

fn statement(
    arguments: &Arguments,
    session: &Session,
    home: &Home,
    read: &ReadPlan,
    person: &Person,
) -> Result<(Statement, Option<Evidence>), Failure> {
    let now = session.env.clock.now();
    let decision = match (arguments.reject, arguments.withdraw) {
        (true, _) => Decision::Reject,
        (_, true) => Decision::Withdraw,
        _ => Decision::Approve,
    };
    let phase = arguments.phase.map_or(Phase::Start, PhaseArgument::in_words);
    let log_head = home.head().map_err(|e| home_failure(home.root(), &e))?;
    let separately = read.facts.retire_separately;
    let evidence = match separately && decision == Decision::Approve && phase == Phase::Retire {
        true => Some(hold::evidence(&arguments.plan, home, read, &log_head)?),
        false => None,
    };
    let digest = evidence.as_ref().map(|e| hold::digest(&arguments.plan, e)).transpose()?;
    let says = Says {
        approver: person.name.clone(),
        break_glass: arguments.break_glass,
        decision,
        evidence: digest,
        from: now,
        log_head,
        nonce: Statement::nonce(session.env.random.stream("nonces").bytes()),
        phase,
        role: person.role(),
        until: now.after(read.facts.valid_for),
    };
    Ok((read.statement(says), evidence))
}

/// Has `ssh-keygen` sign: the private key never comes here.
pub(super) fn ssh_sign(key: Option<&PathBuf>, namespace: &str, bytes: &[u8]) -> Result<String, Failure> {
    let next = NAME_A_KEY;
    let key = key.ok_or_else(|| Failure::new(codes::ARGUMENT, "no key is named", next))?;
    let key = key.to_string_lossy();
    let args = ["-Y", "sign", "-n", namespace, "-f", &key];
    let done = child::run("ssh-keygen", &args, bytes, true).map_err(|e| {
        Failure::new(codes::SSH_KEYGEN, format!("ssh-keygen: {e}"), "install OpenSSH's client tools")
    })?;
    if done.code != Some(0) {
        return Err(Failure::new(codes::SSH_KEYGEN, "ssh-keygen did not sign", next).at(&*key));
    }
    String::from_utf8(done.stdout)
        .map_err(|_| Failure::new(codes::SSH_KEYGEN, "ssh-keygen printed no signature", next))
}

fn hand_in(session: &Session, home: &Home, signed: SignedApproval) -> Result<String, Failure> {
    let wrong = |what: String| Failure::new(codes::MACHINE, what, "check the installation's folder");
    let statement = String::from_utf8(signed.statement_bytes).map_err(|e| wrong(e.to_string()))?;
    let note = Note::Approval { signature: signed.armored, statement };
    super::notes::hand_in(session, home, &note)
}

//! `reissue roster sign NEW`: one person of the roster in force wants another in its place.

use super::super::approve::{need_key, ssh_sign};
use super::super::error::Failure;
use super::super::ground::home_failure;
use super::super::status::quote;
use super::super::world::HomeArguments;
use super::super::{ExitCode, Session, codes, notes};
use super::{NewRoster, load, view};
use crate::domain::approval::roster_change::{CHANGE_LIVES, ROSTER_NAMESPACE};
use crate::domain::approval::rosters::needed;
use crate::domain::approval::{ChangeRefusal, Roster, RosterChange, Rosters, SignedApproval, Statement};
use crate::domain::note::Note;
use crate::domain::text::count;
use crate::trail::Home;
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    new: NewRoster,
    /// Who signs, as the roster in force spells it
    #[arg(long = "by", value_name = "NAME")]
    by: String,
    /// The SSH key to sign with: a private key file, or a public one whose private part is in an agent
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Show what would be signed, and sign nothing
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    home: HomeArguments,
}

#[derive(Serialize)]
struct SignedObject<'a> {
    by: &'a str,
    version: u32,
    note: String,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let (_, next) = load(&arguments.new.roster, session)?;
    let home = arguments.home.open(session)?;
    let failed = |e| home_failure(home.root(), &e);
    let rosters = home.rosters().map_err(failed)?;
    let refused = |e: ChangeRefusal| {
        let next = "`reissue roster show` says who is on the roster in force, and its number";
        Failure::new(codes::NOT_CHANGED, e.to_string(), next).at(&arguments.new.roster)
    };
    if next.digest() == rosters.in_force().digest() {
        return Err(refused(ChangeRefusal::Same));
    }
    if !arguments.show {
        need_key(arguments.key.as_ref(), session)?;
    }
    let statement = statement(arguments, session, &home, (&rosters, &next))?;
    let bytes = statement.to_bytes().map_err(|e| refused(ChangeRefusal::Unknown(e.into())))?;
    if !session.out.is_json() {
        session.out.line("What the new roster changes:");
        for line in view::differences(rosters.in_force(), &next) {
            session.out.line(&format!("  {line}"));
        }
        session.out.line("\nWhat you sign:");
        session.out.raw(&statement.to_string());
    }
    if arguments.show {
        let shown: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        session.out.object("statement", &shown);
        session.out.line("Nothing was signed.");
        return Ok(ExitCode::Done);
    }
    let armored = ssh_sign(arguments.key.as_ref(), ROSTER_NAMESPACE, &bytes)?;
    let signed = SignedApproval { statement_bytes: bytes, armored };
    // What `adopt` would not count is refused now, while the person is still here.
    let when = (session.env.clock.now(), statement.log_head.size);
    let ground = home.ground().map_err(failed)?;
    rosters.endorses(&ground, &next.digest(), &signed, when).map_err(refused)?;
    let text = String::from_utf8_lossy(&signed.statement_bytes).into_owned();
    let note = Note::Roster { signature: signed.armored, statement: text };
    let name = notes::hand_in(session, &home, &note)?;
    let object = SignedObject { by: &statement.approver, version: statement.version, note: name };
    session.out.object("roster_signed", &object);
    let need = count(needed(rosters.in_force()).0, "person has", "people have");
    session.out.hint(&format!(
        "Signed and handed in ({}). When {need} signed: `reissue roster adopt {}`.",
        object.note,
        quote(&arguments.new.roster.to_string_lossy())
    ));
    Ok(ExitCode::Done)
}

fn statement(
    arguments: &Arguments,
    session: &Session,
    home: &Home,
    (rosters, next): (&Rosters, &Roster),
) -> Result<RosterChange, Failure> {
    let previous = rosters.in_force();
    let person = previous.person(&arguments.by).ok_or_else(|| {
        let names: Vec<&str> = previous.people().iter().map(|p| p.name.as_str()).collect();
        let next = format!("only they change it: {}", names.join(", "));
        Failure::new(codes::NOT_CHANGED, format!("{:?} is not on the roster in force", arguments.by), next)
    })?;
    let now = session.env.clock.now();
    Ok(RosterChange {
        approver: person.name.clone(),
        environment: home.install.environment,
        expires: now.after(CHANGE_LIVES),
        log_head: home.head().map_err(|e| home_failure(home.root(), &e))?,
        nonce: Statement::nonce(session.env.random.stream("nonces").bytes()),
        previous: previous.digest(),
        role: person.role(),
        roster: next.digest(),
        signed_at: now,
        tenant: home.install.tenant.clone(),
        version: rosters.version().saturating_add(1),
    })
}

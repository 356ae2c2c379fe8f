//! `reissue roster show`: who may approve now, as the log has it.

use super::super::error::Failure;
use super::super::ground::home_failure;
use super::super::world::HomeArguments;
use super::super::{ExitCode, Session};
use super::view;
use crate::domain::id::Digest;
use serde::Serialize;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    home: HomeArguments,
}

#[derive(Serialize)]
struct RosterObject {
    version: u32,
    roster: Digest,
    authorities: Vec<String>,
    people: Vec<PersonObject>,
    earlier: Vec<Digest>,
}

#[derive(Serialize)]
struct PersonObject {
    name: String,
    roles: Vec<String>,
    break_glass: bool,
    keys: usize,
    certificates: Vec<Digest>,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.home.open(session)?;
    let rosters = home.rosters().map_err(|e| home_failure(home.root(), &e))?;
    let roster = rosters.in_force();
    let earlier = rosters.all().take(rosters.version() as usize - 1);
    let object = RosterObject {
        version: rosters.version(),
        roster: roster.digest(),
        authorities: view::authorities(roster),
        people: roster.people().iter().map(person).collect(),
        earlier: earlier.map(|r| r.digest()).collect(),
    };
    session.out.object("roster", &object);
    let out = &mut session.out;
    out.line(&format!("Roster number {}, {}", object.version, object.roster));
    for said in view::people(roster).into_iter().chain(view::floor(roster)) {
        out.line(&format!("  {said}"));
    }
    for authority in &object.authorities {
        out.line(&format!("  cards count if issued by {authority}"));
    }
    for (no, digest) in object.earlier.iter().enumerate() {
        out.line(&format!("  before: number {}, {digest}", no + 1));
    }
    Ok(ExitCode::Done)
}

fn person(person: &crate::domain::approval::Person) -> PersonObject {
    let crate::domain::approval::Person { name, roles, keys, certificates, break_glass } = person;
    PersonObject {
        name: name.to_string(),
        roles: roles.iter().map(ToString::to_string).collect(),
        break_glass: *break_glass,
        keys: keys.len(),
        certificates: certificates.clone(),
    }
}

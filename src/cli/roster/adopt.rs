//! `reissue roster adopt NEW`: records the change that enough people have signed. It is the writer of
//! the log while it does so: no run may be on.

use super::super::error::Failure;
use super::super::ground::{disk_failure, home_failure};
use super::super::status::quote;
use super::super::world::{HomeArguments, process, runtime};
use super::super::{ExitCode, Session, codes};
use super::{NewRoster, load, view};
use crate::domain::approval::{ChangeRefusal, RosterChange, Rosters, SignedApproval};
use crate::domain::id::Digest;
use crate::domain::note::Note;
use crate::domain::text::Text;
use crate::trail::Home;
use crate::trail::inbox::Inbox;
use serde::Serialize;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    new: NewRoster,
    #[command(flatten)]
    home: HomeArguments,
}

#[derive(Serialize)]
struct AdoptedObject {
    by: Vec<String>,
    people: usize,
    roster: Digest,
    version: u32,
}

/// A signed change that lies in the inbox.
struct HandedIn {
    name: String,
    said: RosterChange,
    signed: SignedApproval,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let (bytes, next) = load(&arguments.new.roster, session)?;
    let home = arguments.home.open(session)?;
    let failed = |e| home_failure(home.root(), &e);
    let rosters = home.rosters().map_err(failed)?;
    let file = quote(&arguments.new.roster.display().to_string());
    let refused = |why: String| {
        let next = format!(
            "others of the roster in force have to run `reissue roster sign {file}` on this very file"
        );
        Failure::new(codes::NOT_CHANGED, why, next).at(&arguments.new.roster)
    };
    if next.digest() == rosters.in_force().digest() {
        let next = "name the file of another roster; `reissue roster show` shows the one in force";
        let same = ChangeRefusal::Same.to_string();
        return Err(Failure::new(codes::NOT_CHANGED, same, next).at(&arguments.new.roster));
    }
    let inbox = Inbox::new(session.env.disk.clone(), &home.log());
    let lying = handed_in(&inbox, &home)?;
    let (who, signed, passed) = counted(session, &home, &rosters, (&next.digest(), &lying))?;
    rosters.enough(&who).map_err(|e| {
        let passed: String = passed.iter().map(|why| format!(". Not counted: {why}")).collect();
        refused(format!("{e}{passed}"))
    })?;
    let event = rosters.event(next.digest(), who.clone(), &signed);
    let version = event.version;
    runtime()?.block_on(home.change_roster(&bytes, event, &signed, process())).map_err(failed)?;
    for note in lying.iter().filter(|n| n.said.version <= version) {
        inbox.take_out(&note.name).map_err(|e| disk_failure(home.root(), &e, &e))?;
    }
    let object = AdoptedObject {
        by: who.iter().map(ToString::to_string).collect(),
        people: next.people().len(),
        roster: next.digest(),
        version,
    };
    session.out.object("roster_changed", &object);
    let out = &mut session.out;
    out.line(&format!("Roster number {version} is in force, signed by {}.", object.by.join(", ")));
    for line in view::differences(rosters.in_force(), &next) {
        out.line(&format!("  {line}"));
    }
    out.line(
        "What was approved before releases nothing any more: a run that is not finished waits for new approvals.",
    );
    Ok(ExitCode::Done)
}

fn handed_in(inbox: &Inbox, home: &Home) -> Result<Vec<HandedIn>, Failure> {
    let items = inbox.items().map_err(|e| disk_failure(home.root(), &e, &e))?;
    // What is no such note is the business of a run.
    let read = items.into_iter().flatten().filter_map(|item| {
        let Ok(Note::Roster { signature, statement }) = serde_json::from_slice(&item.bytes) else {
            return None;
        };
        let signed = SignedApproval { statement_bytes: statement.into_bytes(), armored: signature };
        let said = RosterChange::from_bytes(&signed.statement_bytes).ok()?;
        Some(HandedIn { name: item.name, said, signed })
    });
    Ok(read.collect())
}

/// Those who have signed this file, each once, with what they signed; and why others do not count.
type Counted = (Vec<Text<128>>, Vec<SignedApproval>, Vec<String>);

fn counted(
    session: &Session,
    home: &Home,
    rosters: &Rosters,
    (next, lying): (&Digest, &[HandedIn]),
) -> Result<Counted, Failure> {
    let failed = |e| home_failure(home.root(), &e);
    let ground = home.ground().map_err(failed)?;
    let when = (session.env.clock.now(), home.head().map_err(failed)?.size);
    let (mut who, mut signed, mut passed): Counted = Counted::default();
    for note in lying.iter().filter(|n| n.said.roster == *next) {
        match rosters.endorses(&ground, next, &note.signed, when) {
            Ok(name) if who.contains(&name) => {}
            Ok(name) => {
                who.push(name);
                signed.push(note.signed.clone());
            }
            Err(why) => passed.push(why.to_string()),
        }
    }
    Ok((who, signed, passed))
}

//! Dropping a note into the inbox of the log's one writer.

use super::Session;
use super::codes;
use super::error::Failure;
use super::ground::{disk_failure, home_failure, read_failure};
use super::world::HomeArguments;
use crate::domain::approval::roster::same_person;
use crate::domain::event::{Event, RunStarted};
use crate::domain::id::{IdError, RunId};
use crate::domain::note::Note;
use crate::domain::quotas::SaidQuota;
use crate::domain::text::Text;
use crate::trail::Home;
use crate::trail::inbox::Inbox;

/// Who speaks, in which installation.
#[derive(clap::Args)]
pub(super) struct Speaker {
    /// Who says this. To pause, go on, abort or resolve: a name of the roster, or who runs `apply`.
    /// A confirmation may come from anybody; of a name that is not on the roster the record says so
    #[arg(long, value_name = "NAME")]
    by: String,
    #[command(flatten)]
    pub(super) home: HomeArguments,
}

impl Speaker {
    pub(super) fn name(&self) -> Result<Text<128>, Failure> {
        text("the name", &self.by)
    }

    /// The name, for what steers a run: of somebody on the roster, or of the run's operator. A name
    /// proves nothing here, but a mistyped one would stand in the record for good.
    pub(super) fn steering(&self, home: &Home, run: &RunId) -> Result<Text<128>, Failure> {
        let name = self.name()?;
        // A roster that cannot be read is the business of `apply` and `doctor`.
        let Ok(here) = crate::pipeline::here(home) else { return Ok(name) };
        let operators = operators(home, run)?;
        if here.roster().person(&name).is_some() || operators.iter().any(|o| same_person(o, &name)) {
            return Ok(name);
        }
        let people = here.roster().people().iter().map(|p| p.name.as_str());
        let known: Vec<&str> = people.chain(operators.iter().map(|o| o.as_str())).collect();
        let what = format!("{name} is neither on the roster nor the operator of this run");
        Err(Failure::new(codes::ARGUMENT, what, format!("`--by` is one of {}", known.join(", "))))
    }

    /// The name, for what anybody may say; a line on it if it is on no list.
    pub(super) fn witness(&self, session: &mut Session, home: &Home) -> Result<Text<128>, Failure> {
        let name = self.name()?;
        if crate::pipeline::here(home).is_ok_and(|here| here.roster().person(&name).is_none()) {
            session.out.line(&format!("{name} is not on the roster: the record will say so."));
        }
        Ok(name)
    }
}

/// Everybody who has run `apply` for this run.
fn operators(home: &Home, wanted: &RunId) -> Result<Vec<Text<128>>, Failure> {
    let mut operators: Vec<Text<128>> = Vec::new();
    for read in home.read_log().map_err(|e| home_failure(home.root(), &e))? {
        let line = read.map_err(|e| read_failure(home.root(), &e))?.line;
        let operator = match line.event {
            Event::RunStarted(e) => e.operator,
            Event::RunResumed(e) => e.operator,
            _ => continue,
        };
        if line.run.as_ref() == Some(wanted) && !operators.contains(&operator) {
            operators.push(operator);
        }
    }
    Ok(operators)
}

/// A bounded text from the command line.
pub(super) fn text<const N: usize>(what: &str, value: &str) -> Result<Text<N>, Failure> {
    Text::new(value)
        .map_err(|e| Failure::new(codes::ARGUMENT, format!("{what}: {e}"), "shorten or retype it"))
}

/// A run that is in the log.
pub(super) struct Found {
    pub(super) run: RunId,
    pub(super) started: RunStarted,
    /// The pace that it had last.
    pub(super) pace: Option<u8>,
    /// What was said of quotas then.
    pub(super) quotas: Vec<SaidQuota>,
    pub(super) finished: bool,
}

/// Looks for a run; `latest` is the last one that was started.
pub(super) fn find_run(home: &Home, wanted: &str) -> Result<Found, Failure> {
    let reader = home.read_log().map_err(|e| home_failure(home.root(), &e))?;
    let wanted: Option<RunId> = match wanted {
        "latest" => None,
        id => Some(id.parse().map_err(|e: IdError| {
            Failure::new(codes::ARGUMENT, e.to_string(), "`reissue status` lists the runs")
        })?),
    };
    let mut found: Option<Found> = None;
    for read in reader {
        let line = read.map_err(|e| read_failure(home.root(), &e))?.line;
        let Some(run) = line.run else { continue };
        let its = found.as_mut().filter(|found| found.run == run);
        match (line.event, its) {
            (Event::RunStarted(started), _) if wanted.as_ref().is_none_or(|w| *w == run) => {
                let (pace, quotas) = (started.pace, started.quotas.clone());
                found = Some(Found { run, pace, quotas, started, finished: false });
            }
            (Event::RunResumed(resumed), Some(found)) => {
                found.pace = resumed.pace.or(found.pace);
                found.quotas = resumed.quotas;
            }
            (Event::RunFinished(_), Some(found)) => found.finished = true,
            _ => {}
        }
    }
    found.ok_or_else(|| {
        let what = match &wanted {
            Some(id) => format!("the log has no run {id}"),
            None => "no run was started in this installation".to_owned(),
        };
        Failure::new(codes::NO_RUN, what, "`reissue status` lists the runs").at(home.root())
    })
}

/// As [`find_run`], for a run that can still be spoken to.
pub(super) fn open_run(home: &Home, wanted: &str) -> Result<RunId, Failure> {
    let Found { run, finished, .. } = find_run(home, wanted)?;
    match finished {
        false => Ok(run),
        true => {
            let next = "nothing can be added to a finished run; `reissue status` shows how it ended";
            Err(Failure::new(codes::NO_RUN, format!("run {run} is finished"), next))
        }
    }
}

/// Drops the note. The writer judges it when it looks: at once, if a run is on.
pub(super) fn hand_in(session: &Session, home: &Home, note: &Note) -> Result<String, Failure> {
    let next = "report this: it is a fault in reissue";
    let bytes = serde_json::to_vec(note)
        .map_err(|e| Failure::new(codes::MACHINE, e.to_string(), next).at(home.root()))?;
    let inbox = Inbox::new(session.env.disk.clone(), &home.log());
    inbox.hand_in(note.word(), &bytes).map_err(|e| disk_failure(home.root(), &e, &e))
}

/// The last line of every command that leaves a note.
pub(super) fn handed_in(session: &mut Session, note: &Note, name: &str) {
    session.out.object("note", &serde_json::json!({ "word": note.word(), "note": name }));
    session.out.line(&format!(
        "Handed in: {}. It takes effect when the run reads it: within seconds if `reissue apply` is on, \
         else when it is resumed.",
        note.word()
    ));
}

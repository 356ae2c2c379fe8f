//! What the line carried, as the judge saw it: sign-ins, reads, writes and when they left, of each
//! process. What the log claims is held against it.

use crate::licence::Used;
use crate::model::Target;
use http::{Method, Request, Response};
use reissue::domain::credential::Form;
use reissue::domain::event::{Event, Happened, Line, Sighting};
use reissue::domain::step::{Effect, Keeper, Proof, Step};
use reissue::domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// So many answers in a row, over so long, verify a credential or prove it dead.
const IN_A_ROW: usize = 4;
const WINDOW: Duration = Duration::from_secs(30);
const GUID: usize = 36;
/// The longest that an object of the simulated tenants needs between two writes.
const SETTLES: Duration = Duration::from_secs(2);

/// A process, of whichever machine.
#[derive(Default)]
struct Process {
    departures: u64,
    /// Every request on its way holds a copy.
    on_the_way: Arc<()>,
}

struct Intent {
    at: Timestamp,
    /// By process: requests that had left before it, and whether one was on its way.
    before: BTreeMap<u32, (u64, bool)>,
}

#[derive(Default)]
pub(crate) struct Witness {
    processes: BTreeMap<u32, Process>,
    intents: BTreeMap<Used, Intent>,
    /// By value: when it was accepted since it was last refused, and the other way round.
    accepted: BTreeMap<String, Vec<Timestamp>>,
    refused: BTreeMap<String, Vec<Timestamp>>,
    /// By object: when the directory answered a question about it.
    read: BTreeMap<String, Vec<Timestamp>>,
    /// When a process last had a write on an object answered.
    wrote: BTreeMap<(u32, String), Timestamp>,
    writing: BTreeMap<(u32, String), Used>,
    committed: BTreeSet<Used>,
}

/// The value that a request signs in with.
pub(crate) fn presented(request: &Request<bytes::Bytes>) -> Option<String> {
    let login = request.uri().host().is_some_and(|h| h.starts_with("login."));
    let mut form = url::form_urlencoded::parse(request.body()).filter(|_| login);
    form.find(|(name, _)| name == "client_secret").map(|(_, value)| value.into_owned())
}

/// The objects that a request asks about: in its path, or by their ids in a filter.
pub(crate) fn asked(request: &Request<bytes::Bytes>) -> Vec<String> {
    if request.method() != Method::GET {
        return Vec::new();
    }
    let query = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let filter = query.filter(|(name, value)| name == "$filter" && value.starts_with("id in ("));
    let named: Vec<String> = filter.map(|(_, value)| value.into_owned()).collect();
    let named = named.iter().flat_map(|filter| filter.split('\''));
    let parts = request.uri().path().split('/').chain(named);
    parts.filter(|part| part.len() == GUID).map(str::to_owned).collect()
}

impl Witness {
    /// A request leaves; it is on its way for as long as the answer is kept.
    pub(crate) fn leaves(&mut self, process: u32) -> Arc<()> {
        let process = self.processes.entry(process).or_default();
        process.departures += 1;
        Arc::clone(&process.on_the_way)
    }

    pub(crate) fn signed_in(&mut self, value: &str, now: Timestamp, reply: &Response<bytes::Bytes>) {
        let (to, not) = match reply.status().as_u16() {
            200 => (&mut self.accepted, &mut self.refused),
            400 | 401 => (&mut self.refused, &mut self.accepted),
            _ => return,
        };
        to.entry(value.to_owned()).or_default().push(now);
        not.remove(value);
    }

    pub(crate) fn was_read(&mut self, objects: Vec<String>, now: Timestamp, reply: &Response<bytes::Bytes>) {
        for object in objects.into_iter().filter(|_| reply.status().is_success()) {
            self.read.entry(object).or_default().push(now);
        }
    }

    /// A write leaves that carries out the intent of `key`, if it needs one.
    pub(crate) fn writes(
        &mut self,
        (process, object): (u32, &str),
        key: Option<Used>,
        now: Timestamp,
    ) -> Result<(), String> {
        let at = (process, object.to_owned());
        if let Some(last) = self.wrote.get(&at).filter(|last| now.since(**last) < SETTLES) {
            return Err(format!("{object} was written {} ms ago", now.since(*last).as_millis()));
        }
        let Some(key) = key else { return Ok(()) };
        self.writing.insert(at, key);
        let Some(intent) = self.intents.get(&key).filter(|intent| now > intent.at) else { return Ok(()) };
        // This one has left already.
        let departures = self.processes.get(&process).map(|p| p.departures);
        match intent.before.get(&process) {
            Some((before, false)) if departures == Some(before + 1) => {
                Err(format!("it waited {} ms after its intent", now.since(intent.at).as_millis()))
            }
            _ => Ok(()),
        }
    }

    /// A write was answered or lost; `committed`: the tenant has carried it out.
    pub(crate) fn wrote(&mut self, process: u32, object: &str, now: Timestamp, committed: bool) {
        let at = (process, object.to_owned());
        self.committed.extend(self.writing.remove(&at).filter(|_| committed));
        self.wrote.insert(at, now);
    }

    /// Takes in an intent, and holds every claim of a line against what was seen.
    pub(crate) fn hears(
        &mut self,
        line: &Line,
        target: Option<&Target>,
        values: &BTreeMap<String, String>,
        accepting_nodes: impl Fn(&Target, &str) -> usize,
    ) -> Result<(), String> {
        let (Some(id), Some(target)) = (line.target, target) else { return Ok(()) };
        match &line.event {
            Event::StepIntent(e) => {
                let so_far = |p: &Process| (p.departures, Arc::strong_count(&p.on_the_way) > 1);
                let before = self.processes.iter().map(|(n, p)| (*n, so_far(p))).collect();
                let intent = Intent { at: line.time, before };
                self.committed.remove(&(id, (e.step, e.undo)));
                self.intents.insert((id, (e.step, e.undo)), intent);
                Ok(())
            }
            Event::StepFailed(e) if e.fault.happened == Happened::No => {
                match self.committed.contains(&(id, (e.step, e.undo))) {
                    true => Err("it is recorded that it did not happen, and it did".into()),
                    false => Ok(()),
                }
            }
            Event::StepLooked(e) => match &e.sighting {
                Sighting::Done { effect: Effect::Minted { keeper: Keeper::Memory, .. } } => {
                    Err("a credential was adopted whose value nobody has".into())
                }
                _ => Ok(()),
            },
            Event::StepDone(e) => {
                let value_of = |key: &str| values.iter().find(|(_, k)| *k == key).map(|(v, _)| v.as_str());
                let since = self.intents.get(&(id, (e.step, e.undo))).map(|i| i.at);
                let step = target.step(e.step);
                self.done(&e.effect, step, since, value_of, |value| accepting_nodes(target, value))
            }
            _ => Ok(()),
        }
    }

    /// What was verified or proved was asked about often enough.
    fn done<'v>(
        &self,
        effect: &Effect,
        step: Option<&Step>,
        since: Option<Timestamp>,
        value_of: impl Fn(&str) -> Option<&'v str>,
        accepting_nodes: impl Fn(&str) -> usize,
    ) -> Result<(), String> {
        match effect {
            Effect::Verified { credential, .. } | Effect::Rechecked { credential, .. }
                if credential.form == Form::Secret =>
            {
                in_a_row("accepted", &self.accepted, value_of(&credential.id), since)
            }
            Effect::Proved { credential, proof, .. } => {
                let object = credential.as_ref().map(|c| c.object.as_str());
                in_a_row("read", &self.read, object.or(step.map(|s| s.object.as_str())), since)?;
                let Some(c) = credential else { return Ok(()) };
                match (proof, value_of(&c.id)) {
                    (Proof::Absent, value) => is_dead(&c.id, value.map_or(0, accepting_nodes)),
                    (_, value) if c.form == Form::Secret => in_a_row("refused", &self.refused, value, since),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

fn is_dead(key: &str, accepting: usize) -> Result<(), String> {
    match accepting {
        0 => Ok(()),
        nodes => Err(format!("{key} is proved dead, and {nodes} nodes accept it")),
    }
}

/// Whether a value, or an object, was answered for as often, since its step began, as evidence takes.
fn in_a_row(
    word: &str,
    answers: &BTreeMap<String, Vec<Timestamp>>,
    value: Option<&str>,
    since: Option<Timestamp>,
) -> Result<(), String> {
    let times: &[Timestamp] = value.and_then(|v| answers.get(v)).map_or(&[], Vec::as_slice);
    let row: Vec<&Timestamp> = times.iter().filter(|t| since.is_some_and(|s| **t >= s)).collect();
    let span = row.first().zip(row.last()).map_or(Duration::ZERO, |(first, last)| last.since(**first));
    match row.len() >= IN_A_ROW && span >= WINDOW {
        true => Ok(()),
        false => {
            Err(format!("it was {word} {} times over {} s, which is no evidence", row.len(), span.as_secs()))
        }
    }
}

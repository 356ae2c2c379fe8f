//! The judge: hears every durable line and every write, and knows the tenant's truth. It believes
//! nothing that the engine keeps in memory.

use crate::counters;
use crate::line::Write;
use crate::machine::Watcher;
use crate::model::{Mark, Model, Target};
use crate::rules;
use crate::trace::Trace;
use crate::witness::{self, Witness};
use http::Response;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::{ClientId, Digest, TargetId};
use reissue::domain::plan::Plan;
use reissue::domain::step::Verb;
use reissue::domain::target::TargetState;
use reissue::domain::time::Timestamp;
use reissue::env::Clock;
use reissue::lab::{Lab, LabDisconnect};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An application of the scene, as the tenant had it before the run.
pub(crate) struct Fact {
    pub(crate) client_id: ClientId,
    pub(crate) place: String,
    pub(crate) initial: BTreeSet<String>,
    /// Consumers that were declared, and how long each may take to read and use a new value.
    pub(crate) consumers: Vec<(String, crate::scenario::Follows, u64)>,
}

/// What really happened in the tenant, from its ledger.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) seen: usize,
    pub(crate) ours: BTreeSet<String>,
    pub(crate) strangers: BTreeSet<String>,
    pub(crate) stolen: BTreeSet<String>,
    pub(crate) removed: BTreeSet<String>,
    /// Value → key, and vault version → value.
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) versions: BTreeMap<String, String>,
    /// Applications that were changed after the plan was made, so that their targets must stop.
    pub(crate) moved: BTreeSet<String>,
}

pub(crate) struct Inner {
    pub(crate) trace: Trace,
    pub(crate) plan: Option<(Arc<Plan>, Digest)>,
    pub(crate) model: Model,
    pub(crate) states: BTreeMap<TargetId, TargetState>,
    pub(crate) text: Vec<u8>,
    /// So many bytes of `text` are complete lines.
    complete: usize,
    pub(crate) truth: Truth,
    /// The log holds a run whose first line was not known to be durable when it was read.
    pub(crate) begun_unseen: bool,
    in_flight: BTreeMap<String, u32>,
    witness: Witness,
}

impl Inner {
    /// Every target is over or stuck, and at least one is stuck.
    pub(crate) fn only_stuck(&self) -> bool {
        let over = |t: &Target| t.ending.is_some() || t.is_stuck;
        self.model.targets.values().all(over) && self.model.targets.values().any(|t| t.is_stuck)
    }
}

pub(crate) struct Judge {
    pub(crate) clock: Clock,
    pub(crate) lab: Lab,
    pub(crate) operator: String,
    pub(crate) facts: Vec<Fact>,
    inner: Mutex<Inner>,
}

impl Judge {
    pub(crate) fn new(clock: Clock, lab: Lab, operator: String, facts: Vec<Fact>, aloud: bool) -> Self {
        let inner = Inner {
            trace: Trace::new(clock.now(), aloud),
            plan: None,
            model: Model::default(),
            states: BTreeMap::new(),
            text: Vec::new(),
            complete: 0,
            truth: Truth::default(),
            begun_unseen: false,
            in_flight: BTreeMap::new(),
            witness: Witness::default(),
        };
        Self { clock, lab, operator, facts, inner: Mutex::new(inner) }
    }
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn say(&self, what: &str) {
        self.inner().trace.say(self.clock.now(), what);
    }
    pub(crate) fn count(&self, what: &str) {
        self.inner().trace.count(what);
    }
    pub(crate) fn broken(&self, what: &str) {
        self.inner().trace.break_promise(self.clock.now(), what);
    }
    pub(crate) fn is_broken(&self) -> bool {
        self.inner().trace.broken().is_some()
    }
    pub(crate) fn planned(&self, plan: Plan, digest: Digest) {
        let mut inner = self.inner();
        inner.model = Model::new(&plan);
        inner.states = plan.changes().map(|t| (t.id, TargetState::new(Arc::new(t.clone())))).collect();
        inner.plan = Some((Arc::new(plan), digest));
    }

    /// A write is about to leave the process.
    pub(crate) fn before_write(&self, process: u32, write: &Write) {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.trace.say(now, &format!("send {}", write.show()));
        let object = write.object().to_owned();
        if inner.in_flight.get(&object) == Some(&process) {
            inner.trace.break_promise(now, &format!("two writes at a time on {object}"));
        }
        inner.in_flight.insert(object.clone(), process);
        let Inner { model, truth, trace, witness, .. } = &mut *inner;
        let key = licensed(model, truth, write, now);
        if let Err(why) = key.and_then(|key| witness.writes(key, &object, now)) {
            trace.break_promise(now, &format!("{} was sent: {why}", write.show()));
        }
    }

    /// A write was lost before it arrived.
    pub(crate) fn lost(&self, process: u32, write: &Write) {
        let mut inner = self.inner();
        if inner.in_flight.get(write.object()) == Some(&process) {
            inner.in_flight.remove(write.object());
        }
        inner.witness.wrote(process, write.object(), self.clock.now(), false);
    }

    /// A request of any sort leaves; it is on its way while the answer is kept.
    pub(crate) fn leaves(&self, process: u32) -> Arc<()> {
        self.inner().witness.leaves(process)
    }
    pub(crate) fn signed_in(&self, value: &str, reply: &Response<bytes::Bytes>) {
        self.inner().witness.signed_in(value, self.clock.now(), reply);
    }

    /// A write has come in, or was lost on its way.
    pub(crate) fn after_write(
        &self,
        process: u32,
        write: &Write,
        before: usize,
        reply: &Result<Response<bytes::Bytes>, LabDisconnect>,
    ) {
        let now = self.clock.now();
        let mut inner = self.inner();
        if inner.in_flight.get(write.object()) == Some(&process) {
            inner.in_flight.remove(write.object());
        }
        let new = self.lab.writes_from(before);
        let committed = new.iter().any(|w| w.caller == self.operator && w.object.ends_with(write.object()));
        inner.witness.wrote(process, write.object(), now, committed);
        let told = match reply {
            Ok(r) => r.status().to_string(),
            Err(e) => format!("{e}"),
        };
        inner.trace.say(now, &format!("     {} -> {told}", write.show()));
        if let (Write::AddSecret { .. }, Ok(reply)) = (write, reply) {
            let body: serde_json::Value = serde_json::from_slice(reply.body()).unwrap_or_default();
            if let (Some(key), Some(value)) = (body["keyId"].as_str(), body["secretText"].as_str()) {
                inner.truth.values.insert(value.to_owned(), key.to_owned());
            }
        }
        if let Write::SetSecret { name, value } = write {
            let place = format!("secrets/{name}");
            for w in new {
                if let (true, Some(version)) = (w.object.ends_with(&place), w.key_id) {
                    inner.truth.versions.insert(version, value.clone());
                }
            }
        }
        drop(inner);
        self.look_around();
    }

    /// Takes in what the ledger has new, and judges the tenant.
    pub(crate) fn look_around(&self) {
        let mut inner = self.inner();
        let new = self.lab.writes_from(inner.truth.seen);
        if new.is_empty() {
            return;
        }
        inner.truth.seen += new.len();
        let mut removed = Vec::new();
        for w in new {
            let key = w.key_id.clone().unwrap_or_default();
            inner.trace.say(w.at, &format!("tenant: {} {} {} {key}", w.caller, w.operation, w.object));
            match (w.caller == self.operator, w.operation.as_str()) {
                (true, "addPassword") => drop(inner.truth.ours.insert(key)),
                (true, "removePassword") => {
                    inner.truth.removed.insert(key.clone());
                    removed.push(key);
                }
                (true, _) => {}
                (false, "addPassword") => drop(inner.truth.strangers.insert(key)),
                (false, _) => drop(inner.truth.stolen.insert(key)),
            }
        }
        rules::tenant(self, &mut inner);
        for key in removed {
            rules::consumers(self, &mut inner, &key);
        }
    }

    /// How many nodes accept a value, unless one of them learns of changes later than anybody waits.
    fn accepting(&self, target: &Target, value: &str) -> usize {
        let client = target.plan.subject.parse().ok();
        let client: Option<ClientId> = client.filter(|_| !self.lab.ledger().faults.contains_key("long_lag"));
        client.map_or(0, |client| self.lab.nodes_that_accept(&client, value))
    }

    fn line(&self, line: &Line) {
        // Somebody else may have been at work since the last request.
        self.look_around();
        let mut inner = self.inner();
        let now = self.clock.now();
        let inner = &mut *inner;
        let target = line.target.map_or(String::new(), |t| format!(" {t}"));
        inner.trace.say(now, &format!("log {}{target} {}", line.seq, counters::detail(&line.event)));
        for word in counters::words(&line.event, line.target.and_then(|t| inner.model.targets.get(&t))) {
            inner.trace.count(&word);
        }
        let target = line.target.and_then(|t| inner.model.targets.get(&t));
        let witnessed = inner.witness.hears(line, target, &inner.truth.values, |t, v| self.accepting(t, v));
        let moved = rules::moved(&inner.model, &inner.truth, line);
        if let Err(why) = rules::line(&inner.model, line).and(moved).and(witnessed) {
            inner.trace.break_promise(now, &format!("line {}: {why}", line.seq));
        }
        inner.model.fold(line);
        if line.run.is_some() && line.run == inner.model.run && !matches!(line.event, Event::RunStarted(_)) {
            let states = inner.states.iter_mut();
            let concerned = states.filter(|(id, _)| line.target.is_none_or(|t| t == **id));
            let folded: Result<Vec<()>, _> =
                concerned.map(|(_, s)| s.apply(&line.event, line.time)).collect();
            if let Err(illegal) = folded {
                inner.trace.break_promise(now, &format!("line {} does not fold: {illegal}", line.seq));
            }
        }
        rules::tenant(self, inner);
    }
}

/// Whether the log allows this write now; marks its intent as used.
fn licensed(
    model: &mut Model,
    truth: &Truth,
    write: &Write,
    now: Timestamp,
) -> Result<Option<witness::Key>, String> {
    if !model.was_open {
        return Err("no phase was ever opened".into());
    }
    match write {
        Write::SetSecret { name, .. } if name == "reissue-probe" => return Ok(None),
        Write::RemoveSecret { key, .. } if model.swept.contains(key) => return Ok(None),
        _ => {}
    }
    for (id, target) in &mut model.targets {
        let Some((key, verb)) = intent_for(target, write) else { continue };
        if verb.retires() && !target.plan.contain {
            rules::retire(target, now)?;
        }
        if let Write::RemoveSecret { key, .. } = write {
            let own = truth.ours.contains(key);
            let planned = target.plan.retire.iter().any(|c| c.id.as_str() == key);
            if !own && !planned {
                return Err("the credential is somebody else's".into());
            }
        }
        if let Some(course) = target.courses.get_mut(&key) {
            (course.sent, course.ever_sent) = (true, true);
        }
        return Ok(Some((*id, key.0, key.1)));
    }
    Err("no durable intent is open for it, or its one request was sent before".into())
}

/// The open intent that a write carries out.
fn intent_for(target: &Target, write: &Write) -> Option<((u16, bool), Verb)> {
    let open = target.courses.iter().filter(|(_, c)| c.mark == Mark::Open && !c.sent);
    for (&(no, undo), _) in open {
        let Some(step) = target.step(no) else { continue };
        let on = |object: &str| step.object.as_str() == object;
        let fits = match (write, step.verb, undo) {
            (Write::AddSecret { object }, Verb::Mint, false) => on(object),
            (Write::RemoveSecret { object, key }, Verb::Retire, false) => {
                on(object) && step.credential.as_ref().is_some_and(|c| c.id.as_str() == key)
            }
            (Write::RemoveSecret { object, key }, Verb::Mint, true) => {
                on(object) && target.minted.get(key) == Some(&false)
            }
            (Write::SetSecret { name, .. }, Verb::Publish, _) => {
                step.place.as_ref().is_some_and(|p| p.name.as_str() == name)
            }
            (Write::Change { object }, Verb::Block | Verb::Unblock, _) => on(object),
            _ => false,
        };
        if fits {
            return Some(((no, undo), step.verb));
        }
    }
    None
}

impl Watcher for Judge {
    fn durable(&self, from: usize, bytes: &[u8]) {
        let new = {
            let mut inner = self.inner();
            let known = inner.text.len().saturating_sub(from).min(bytes.len());
            if from > inner.text.len() || inner.text[from..from + known] != bytes[..known] {
                inner.trace.break_promise(self.clock.now(), "durable bytes of the log have changed");
                return;
            }
            inner.text.extend_from_slice(&bytes[known..]);
            let start = inner.complete;
            let Some(end) = inner.text.iter().rposition(|b| *b == b'\n') else { return };
            inner.complete = end + 1;
            if start >= inner.complete { Vec::new() } else { inner.text[start..=end].to_vec() }
        };
        for bytes in new.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            match Line::from_bytes(bytes) {
                Ok(line) => self.line(&line),
                Err(e) => self.broken(&format!("a line cannot be read: {e}")),
            }
        }
    }
    fn cut(&self, to: usize) {
        let mut inner = self.inner();
        if to < inner.complete {
            inner.trace.break_promise(self.clock.now(), "durable lines were cut off");
        }
        inner.text.truncate(to);
    }
    fn happened(&self, what: &str) {
        let mut inner = self.inner();
        inner.trace.say(self.clock.now(), what);
        inner.trace.count(what);
    }
}

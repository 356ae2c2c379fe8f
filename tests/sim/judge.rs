//! The judge: hears every durable line and every write, and knows the tenant's truth. It believes
//! nothing that the engine keeps in memory.

use crate::aims::Follows;
use crate::machine::Watcher;
use crate::model::{Model, Target};
use crate::trace::Trace;
use crate::truth::Truth;
use crate::witness::Witness;
use crate::write::Write;
use crate::{counters, licence, persons, rules};
use http::Response;
use reissue::domain::credential::Form;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::{ClientId, Digest, TargetId};
use reissue::domain::plan::Plan;
use reissue::domain::target::TargetState;
use reissue::env::Clock;
use reissue::lab::{Lab, LabDisconnect};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One list of credentials of an application of the scene, as the tenant had it before the run.
pub(crate) struct Fact {
    pub(crate) client_id: ClientId,
    pub(crate) form: Form,
    /// What attackers hold.
    pub(crate) leaked: Option<String>,
    /// Where consumers read; empty if no target is about this list.
    pub(crate) place: String,
    pub(crate) initial: BTreeSet<String>,
    /// Consumers that were declared, and how long each may take to read and use a new value.
    pub(crate) consumers: Vec<(String, Follows, u64)>,
}

/// A user of the scene.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) upn: String,
    pub(crate) place: String,
    /// The leaked one.
    pub(crate) password: String,
    pub(crate) attacker: String,
}

pub(crate) struct Scene {
    pub(crate) facts: Vec<Fact>,
    pub(crate) people: Vec<Person>,
}

pub(crate) struct Inner {
    pub(crate) trace: Trace,
    pub(crate) plan: Option<(Arc<Plan>, Digest)>,
    pub(crate) model: Model,
    pub(crate) states: BTreeMap<TargetId, TargetState>,
    pub(crate) text: Vec<u8>,
    /// So many bytes of `text` are complete lines.
    pub(crate) complete: usize,
    pub(crate) truth: Truth,
    /// The log holds a run whose first line was not known to be durable when it was read.
    pub(crate) begun_unseen: bool,
    /// Processes below this are of a machine whose log was handed over.
    pub(crate) retired_below: Option<u32>,
    /// The writes under way by object: the process, and the intent that is carried out.
    in_flight: BTreeMap<String, (u32, Option<licence::Used>)>,
    witness: Witness,
}

impl Inner {
    /// Every target is over or stuck, and at least one is stuck.
    pub(crate) fn only_stuck(&self) -> bool {
        let over = |t: &Target| t.ending.is_some() || t.is_stuck;
        self.model.targets.values().all(over) && self.model.targets.values().any(|t| t.is_stuck)
    }
}

impl Inner {
    /// A write is not under way any more.
    fn landed(&mut self, process: u32, write: &Write) -> Option<licence::Used> {
        let own = self.in_flight.get(write.object()).is_some_and(|(p, _)| *p == process);
        if own { self.in_flight.remove(write.object())?.1 } else { None }
    }

    /// A value was put under a name in the store: a certificate's is known by the log alone.
    fn stored(&mut self, name: &str, value: &str) {
        let at_place = |t: &&Target| {
            t.plan.steps.iter().any(|s| s.place.as_ref().is_some_and(|p| p.name.as_str() == name))
        };
        let Some(target) = self.model.targets.values().find(at_place) else { return };
        if target.plan.kind.as_str() == "user-password" {
            self.truth.delivered.insert(value.to_owned());
        }
        if let Some(current) = target.current.as_ref().filter(|_| value.starts_with("-----")) {
            self.truth.values.entry(value.to_owned()).or_insert_with(|| current.clone());
        }
    }
}

pub(crate) struct Judge {
    pub(crate) clock: Clock,
    pub(crate) lab: Lab,
    pub(crate) operator: String,
    pub(crate) scene: Scene,
    /// For so long nobody can be blamed for not knowing what another has written.
    pub(crate) blind_s: u64,
    inner: Mutex<Inner>,
}

impl Judge {
    pub(crate) fn new(
        (clock, blind_s): (Clock, u64),
        lab: Lab,
        operator: String,
        scene: Scene,
        aloud: bool,
    ) -> Self {
        // What nobody can read before anything was done is nobody's doing.
        let spoiled = scene.facts.iter().filter(|f| {
            !f.consumers.is_empty() && lab.vault_secret(crate::scenario::VAULT, &f.place).is_none()
        });
        let spoiled = spoiled.map(|f| f.place.clone()).collect();
        let inner = Inner {
            trace: Trace::new(clock.now(), aloud),
            plan: None,
            model: Model::default(),
            states: BTreeMap::new(),
            text: Vec::new(),
            complete: 0,
            truth: Truth { spoiled, ..Truth::default() },
            begun_unseen: false,
            retired_below: None,
            in_flight: BTreeMap::new(),
            witness: Witness::default(),
        };
        Self { clock, lab, operator, scene, blind_s, inner: Mutex::new(inner) }
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
        if let Write::Guard(_) = write {
            return;
        }
        if inner.retired_below.is_some_and(|least| process < least) {
            inner.trace.break_promise(now, &format!("{} was sent after the handover", write.show()));
        }
        let object = write.object().to_owned();
        if inner.in_flight.get(&object).is_some_and(|(p, _)| *p == process) {
            inner.trace.break_promise(now, &format!("two writes at a time on {object}"));
        }
        let Inner { model, truth, trace, witness, .. } = &mut *inner;
        let licensed = licence::check(model, truth, write, now);
        let licensed = licensed.and_then(|used| persons::reset(self, truth, write).map(|()| used));
        let licensed = licensed.and_then(|used| rules::own(self, write).map(|()| used));
        let licensed = licensed.and_then(|used| witness.writes((process, &object), used, now).map(|()| used));
        if let (Write::ReplaceKeys { .. }, Ok(None)) = (write, &licensed)
            && !model.swept.iter().any(|k| truth.live.contains_key(k))
        {
            trace.count("a sweep replaced a list that held nothing of ours");
        }
        if let Err(why) = &licensed {
            trace.break_promise(now, &format!("{} was sent: {why}", write.show()));
        }
        inner.in_flight.insert(object, (process, licensed.unwrap_or_default()));
    }

    /// A write was lost before it arrived.
    pub(crate) fn lost(&self, process: u32, write: &Write) {
        let mut inner = self.inner();
        inner.landed(process, write);
        inner.witness.wrote(process, write.object(), self.clock.now(), false);
    }

    /// A request of any sort leaves; it is on its way while the answer is kept.
    pub(crate) fn leaves(&self, process: u32) -> Arc<()> {
        self.inner().witness.leaves(process)
    }
    /// A sign-in with a value, or a question about objects, was answered.
    pub(crate) fn answered(&self, value: Option<String>, asked: Vec<String>, reply: &Response<bytes::Bytes>) {
        let (now, mut inner) = (self.clock.now(), self.inner());
        value.into_iter().for_each(|value| inner.witness.signed_in(&value, now, reply));
        inner.witness.was_read(asked, now, reply);
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
        let used = inner.landed(process, write);
        // Turned away for its token, it was not carried out: the client may send it once more.
        if reply.as_ref().is_ok_and(|r| r.status().as_u16() == 401) {
            used.into_iter().for_each(|used| licence::give_back(&mut inner.model, used));
        } else {
            inner.witness.wrote(process, write.object(), now, self.committed(before, write));
        }
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
            inner.stored(name, value);
            let place = format!("secrets/{name}");
            for w in self.lab.writes_from(before) {
                if let (true, Some(version)) = (w.object.ends_with(&place), w.key_id) {
                    inner.truth.versions.insert(version, value.clone());
                }
            }
        }
        drop(inner);
        self.look_around();
    }

    /// The tenant has carried a write of ours out.
    fn committed(&self, before: usize, write: &Write) -> bool {
        let ours = |w: &reissue::lab::Write| w.caller == self.operator && w.object.ends_with(write.object());
        self.lab.writes_from(before).iter().any(ours)
    }

    /// Takes in what the ledger has new, and judges the tenant.
    pub(crate) fn look_around(&self) {
        self.look(&mut self.inner());
    }

    /// False if there was nothing new.
    fn look(&self, inner: &mut Inner) -> bool {
        let new = self.lab.writes_from(inner.truth.seen);
        if new.is_empty() {
            return false;
        }
        inner.truth.seen += new.len();
        for w in new {
            let key = w.key_id.clone().unwrap_or_default();
            inner.trace.say(w.at, &format!("tenant: {} {} {} {key}", w.caller, w.operation, w.object));
            let by_us = w.caller == self.operator;
            if by_us && w.operation == "update" && inner.truth.stolen.contains(&key) {
                inner.trace.count("what others took was put back");
            }
            inner.truth.note(by_us, &w);
        }
        let facts = self.scene.facts.iter().enumerate();
        let facts = facts.filter(|(_, f)| !self.lab.is_deleted(&f.client_id));
        let live: BTreeMap<_, _> =
            facts.flat_map(|(n, f)| self.live(f).into_iter().map(move |k| (k, n))).collect();
        let before = std::mem::replace(&mut inner.truth.live, live);
        rules::tenant(self, inner);
        persons::look(self, inner);
        for (key, fact) in before {
            let is_gone = !inner.truth.live.contains_key(&key) && !inner.truth.stolen.contains(&key);
            if is_gone && !self.lab.is_deleted(&self.scene.facts[fact].client_id) {
                rules::removed(self, inner, &key);
            }
        }
        true
    }

    /// The credentials of a list that are there.
    pub(crate) fn live(&self, fact: &Fact) -> BTreeSet<String> {
        let all = self.lab.credentials(&fact.client_id).into_iter();
        let of_form = all.filter(|c| c.is_certificate == (fact.form == Form::Certificate));
        of_form.map(|c| c.key_id.to_string()).collect()
    }

    /// How many nodes accept a value, unless one of them learns of changes later than anybody waits.
    fn accepting(&self, target: &Target, value: &str) -> usize {
        let client = target.plan.subject.parse().ok();
        let client: Option<ClientId> = client.filter(|_| !self.lab.ledger().faults.contains_key("long_lag"));
        client.map_or(0, |client| self.lab.nodes_that_accept(&client, value))
    }

    fn line(&self, line: &Line) {
        let mut inner = self.inner();
        let now = self.clock.now();
        let inner = &mut *inner;
        // Somebody else may have been at work since the last request.
        self.look(inner);
        let target = line.target.map_or(String::new(), |t| format!(" {t}"));
        inner.trace.say(now, &format!("log {}{target} {}", line.seq, counters::detail(&line.event)));
        for word in counters::words(&line.event, line.target.and_then(|t| inner.model.targets.get(&t))) {
            inner.trace.count(&word);
        }
        let target = line.target.and_then(|t| inner.model.targets.get(&t));
        let witnessed = inner.witness.hears(line, target, &inner.truth.values, |t, v| self.accepting(t, v));
        let moved = rules::moved(&inner.model, &inner.truth, line, self.blind_s);
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
        if !self.look(inner) {
            rules::tenant(self, inner);
        }
    }
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

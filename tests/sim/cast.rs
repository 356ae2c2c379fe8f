//! The people of the team: they approve when asked, late, and again; they pause, reject, abort,
//! confirm, and settle what is stuck.

use crate::aims::Follows;
use crate::world::World;
use reissue::domain::approval::{LogHead, Statement};
use reissue::domain::approved::{ReadPlan, Says};
use reissue::domain::event::{Decision, Resolution};
use reissue::domain::id::{Digest, RunId, TargetId};
use reissue::domain::note::Note;
use reissue::domain::step::Phase;
use reissue::domain::target::{Next, Pause};
use reissue::domain::text::Text;
use reissue::domain::time::Timestamp;
use reissue::pipeline;
use reissue::trail::Objects;
use reissue::trail::inbox::Inbox;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Whoever waits for a word that does not come aborts what can be aborted.
const PATIENCE: Duration = Duration::from_secs(36 * 3_600);
const LOOK_EVERY: Duration = Duration::from_secs(11);

pub(crate) struct Cast<'a> {
    world: &'a World,
    plan: &'a [u8],
    began: Timestamp,
    /// Who was asked for which phase, and when they will have signed.
    asked: BTreeMap<(Phase, usize), Timestamp>,
    confirming: BTreeMap<(TargetId, String), Timestamp>,
    paused: bool,
    rejected: bool,
    aborted: bool,
    /// A note may be lost with the machine that it was handed in at: it is handed in again.
    gives_up_again: Timestamp,
    pub(crate) quiet: &'a Cell<bool>,
}

impl<'a> Cast<'a> {
    pub(crate) fn new(world: &'a World, plan: &'a [u8], quiet: &'a Cell<bool>) -> Self {
        Self {
            world,
            plan,
            began: world.env.clock.now(),
            asked: BTreeMap::new(),
            confirming: BTreeMap::new(),
            paused: false,
            rejected: false,
            aborted: false,
            gives_up_again: world.env.clock.now(),
            quiet,
        }
    }

    /// Lives as long as the run. Never ends by itself.
    pub(crate) async fn act(mut self) {
        loop {
            self.look();
            self.world.env.clock.sleep(LOOK_EVERY).await;
        }
    }

    fn look(&mut self) {
        let now = self.world.env.clock.now();
        self.approve(now);
        let Some(run) = self.world.judge.inner().model.run.clone() else { return };
        self.confirm(now, &run);
        self.interfere(now, &run);
    }

    fn note(&self, note: &Note) {
        let disk = Arc::new(self.world.machine().files().clone());
        let inbox = Inbox::new(disk, &self.world.home().log());
        self.world.judge.say(&format!("people: {}", note.word()));
        inbox.hand_in(note.word(), &serde_json::to_vec(note).unwrap()).unwrap();
    }

    /// The phases that somebody waits for.
    fn wanted(&self, now: Timestamp) -> Vec<Phase> {
        let inner = self.world.judge.inner();
        if inner.model.run.is_none() {
            return vec![Phase::Start];
        }
        let waits = inner.states.values().filter_map(|s| match s.next(now) {
            Next::Wait(Pause::Approval(phase)) => Some(phase),
            _ => None,
        });
        let mut wanted: Vec<Phase> = waits.collect();
        wanted.sort();
        wanted.dedup();
        wanted
    }

    fn approve(&mut self, now: Timestamp) {
        let life = match self.quiet.get() {
            true => Duration::from_secs(48 * 3_600),
            false => self.world.scenario.people.approval_life,
        };
        for phase in self.wanted(now) {
            for who in 0..usize::from(self.world.scenario.quorum) {
                let reading = self.world.scenario.people.reading[who];
                let due = *self.asked.entry((phase, who)).or_insert(now.after(reading));
                if due <= now {
                    self.sign(who, phase, Decision::Approve, now.after(life));
                    // Asked again later, if it is still wanted then.
                    self.asked.insert((phase, who), now.after(reading + Duration::from_secs(60)));
                }
            }
        }
    }

    fn sign(&self, who: usize, phase: Phase, decision: Decision, until: Timestamp) {
        let home = self.world.home();
        let here = pipeline::here(&home).unwrap_or_else(|e| panic!("{e}"));
        let read = ReadPlan::new(self.plan, here).unwrap();
        let (name, signer) = &self.world.approvers[who];
        let log_head = home.head().unwrap_or_else(|e| panic!("{e}"));
        let retires = phase == Phase::Retire && decision == Decision::Approve;
        let evidence = match retires {
            false => None,
            true => match self.evidence(&read, &log_head) {
                Some(evidence) => Some(evidence),
                // Not signed yet, or not whole yet: they look again.
                None => return,
            },
        };
        let nonce = Statement::nonce(self.world.env.random.stream("sim-nonces").bytes());
        let statement = read.statement(Says {
            approver: Text::lossy(name),
            break_glass: false,
            decision,
            evidence,
            from: self.world.env.clock.now(),
            log_head,
            nonce,
            phase,
            role: Text::lossy("officer"),
            until,
        });
        let signed = signer.sign(&statement).unwrap();
        let statement = String::from_utf8(signed.statement_bytes).unwrap();
        self.world.judge.say(&format!("people: {name} {decision:?} {phase}"));
        self.note(&Note::Approval { signature: signed.armored, statement });
    }

    /// What the holds have to show, kept beside the log; none while they have nothing.
    fn evidence(&self, read: &ReadPlan, head: &LogHead) -> Option<Digest> {
        let home = self.world.home();
        let evidence = pipeline::evidence_at(&home, read, head).ok()?;
        if evidence.targets.is_empty() {
            return None;
        }
        let files = Arc::new(self.world.machine().files().clone());
        let kept = Objects::new(files, &home.log()).put(&evidence.to_bytes().unwrap());
        self.world.judge.count("people look at the evidence of a hold");
        Some(kept.unwrap_or_else(|e| panic!("{e}")))
    }

    /// Teams restart what must be restarted, and confirm when the consumer has moved.
    fn confirm(&mut self, now: Timestamp, run: &RunId) {
        if self.world.judge.inner().model.targets.values().all(|t| t.missing.is_empty()) {
            return;
        }
        let mut due = Vec::new();
        {
            let inner = self.world.judge.inner();
            for (id, target) in &inner.model.targets {
                let Some(new) = &target.current else { continue };
                for name in &target.missing {
                    let at = *self
                        .confirming
                        .entry((*id, name.clone()))
                        .or_insert_with(|| now.after(self.world.scenario.people.reading[0]));
                    if at > now {
                        continue;
                    }
                    if self.follows(name) == Some(Follows::Restart) {
                        self.world.lab.restart(name);
                    }
                    let record = self.world.lab.consumer_record(name);
                    let moved = record.is_none_or(|c| c.last_key_id.as_ref() == Some(new));
                    if moved {
                        due.push((*id, name.clone()));
                    }
                }
            }
        }
        for (target, name) in due {
            self.confirming.insert((target, name.clone()), now.after(Duration::from_secs(60)));
            let (by, how) = (Text::lossy("team@sim.example"), Text::lossy("it signs in with the new one"));
            self.note(&Note::Confirm { by, consumer: Text::lossy(&name), how, run: run.clone(), target });
        }
    }

    fn follows(&self, name: &str) -> Option<Follows> {
        let consumers = self.world.scenario.apps.iter().flat_map(|a| &a.consumers);
        consumers.filter(|c| c.name == name).map(|c| c.follows).next()
    }

    fn interfere(&mut self, now: Timestamp, run: &RunId) {
        let people = &self.world.scenario.people;
        let by = Text::lossy("officer@sim.example");
        let reason = Text::lossy("a drawn one");
        let past = |after: Duration| now >= self.began.after(after);
        let quiet = self.quiet.get();
        if let Some((from, _)) = people.pause.filter(|(from, _)| !self.paused && !quiet && past(*from)) {
            let _ = from;
            self.paused = true;
            self.note(&Note::Pause { by: by.clone(), reason: reason.clone(), run: run.clone() });
        }
        let is_paused = self.world.judge.inner().model.is_paused;
        if is_paused && (quiet || people.pause.is_none_or(|(from, span)| past(from + span))) {
            self.note(&Note::Continue { by: by.clone(), run: run.clone() });
        }
        if people.reject.is_some_and(|(from, _)| !self.rejected && !quiet && past(from)) {
            self.rejected = true;
            self.sign(0, Phase::Start, Decision::Reject, now.after(Duration::from_secs(3_600)));
        }
        let is_rejected = !self.world.judge.inner().model.rejected.is_empty();
        if is_rejected && (quiet || people.reject.is_some_and(|(from, span)| past(from + span))) {
            self.sign(0, Phase::Start, Decision::Withdraw, now.after(Duration::from_secs(3_600)));
        }
        let gives_up = quiet && past(PATIENCE) && !self.world.judge.inner().model.is_aborted;
        let gives_up = gives_up && now >= self.gives_up_again;
        if gives_up {
            self.gives_up_again = now.after(PATIENCE / 12);
            self.world.judge.count("people give up waiting");
        }
        if gives_up || (!self.aborted && (people.abort.is_some_and(|at| !quiet && past(at)))) {
            self.aborted = true;
            self.note(&Note::Abort { by, reason, run: run.clone() });
            if people.nonsense {
                let inbox = self.world.home().log().inbox();
                reissue::env::Disk::write_atomic(self.world.machine().files(), &inbox.join("x"), b"{")
                    .unwrap();
            }
        }
    }

    /// A person settles what is stuck.
    pub(crate) fn resolve(world: &World, run: &RunId) {
        let stuck: Vec<TargetId> = {
            let inner = world.judge.inner();
            inner.states.iter().filter(|(_, s)| s.stuck().is_some()).map(|(id, _)| *id).collect()
        };
        let disk = Arc::new(world.machine().files().clone());
        let inbox = Inbox::new(disk, &world.home().log());
        for target in stuck {
            let how = match world.scenario.people.resolves_done
                && world.env.random.stream("sim-resolve").chance(500)
            {
                true => Resolution::Done,
                false => Resolution::Abandoned,
            };
            let (by, reason) = (Text::lossy("officer@sim.example"), Text::lossy("settled by hand"));
            let note = Note::Resolve { by, how, reason, run: run.clone(), target };
            world.judge.say(&format!("people: resolve {target} {how:?}"));
            inbox.hand_in("resolve", &serde_json::to_vec(&note).unwrap()).unwrap();
        }
    }
}

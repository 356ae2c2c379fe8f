//! The people of a drill who work for the team: they approve, wait for the hold, and confirm.
//! Their keys are made from fixed seeds and are worth nothing anywhere else.

use super::scene::Scene;
use crate::domain::approval::{Signer, Statement};
use crate::domain::approved::{ReadPlan, Says};
use crate::domain::event::{Decision, Event, Line};
use crate::domain::id::{Digest, RunId, TargetId};
use crate::domain::note::Note;
use crate::domain::playbook::ValidPlaybook;
use crate::domain::step::{Effect, Phase};
use crate::domain::text::Text;
use crate::env::Env;
use crate::pipeline;
use crate::trail::Home;
use crate::trail::inbox::Inbox;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Who makes the plan and runs it; not an approver.
pub(super) const AUTHOR: &str = "operator@drill.example";
/// How often a consumer's team looks whether it has moved.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long after a target's hold has opened somebody tends what does not follow by itself.
const RESTART_AFTER: Duration = Duration::from_secs(3_600);
/// How long people take to read the holds' evidence and sign; they sign again as further holds end.
const READING: Duration = Duration::from_secs(600);

/// Who has to confirm which target.
type Waiting = BTreeSet<(RunId, TargetId, Text<64>)>;

/// Name, role, key.
type Approver = (String, Text<64>, Signer);

pub(super) struct Cast {
    approvers: Vec<Approver>,
    lifetime: Duration,
}

impl Cast {
    /// As many approvers as the playbook wants, and with the roles that it wants.
    pub(super) fn new(playbook: &ValidPlaybook) -> Result<Self, String> {
        let mut roles = playbook.approval.roles.seats();
        let sign = |n: u8| {
            let name = format!("approver{n}@drill.example");
            let signer = Signer::from_seed(&[n; 32], &name).map_err(|e| e.to_string())?;
            let role = roles.next().unwrap_or_else(|| Text::lossy("security-officer"));
            Ok((name, role, signer))
        };
        let approvers = (1..=playbook.approval.quorum).map(sign).collect::<Result<_, String>>()?;
        Ok(Self { approvers, lifetime: playbook.approval.valid_for })
    }

    /// The roster file that names them.
    pub(super) fn roster(&self) -> Result<String, String> {
        let mut yaml = String::from("reissue_roster: 1\npeople:\n");
        for (name, role, signer) in &self.approvers {
            let line = signer.public_line().map_err(|e| e.to_string())?;
            let _ = write!(yaml, "  - name: {name}\n    role: {role}\n    keys:\n      - {line}\n");
        }
        Ok(yaml)
    }

    /// Everybody signs the start of the plan.
    pub(super) fn sign_start(&self, env: &Env, home: &Home, plan: &[u8]) -> Result<(), String> {
        self.sign(env, home, &read(home, plan)?, None)
    }

    /// Everybody looks at the evidence of the holds that are over, and signs for those targets; returns
    /// which they are.
    fn sign_retire(&self, env: &Env, home: &Home, plan: &[u8]) -> Result<BTreeSet<TargetId>, String> {
        let read = read(home, plan)?;
        let head = home.head().map_err(|e| e.to_string())?;
        let evidence = pipeline::evidence_at(home, &read, &head).map_err(|e| e.to_string())?;
        let listed: BTreeSet<TargetId> = evidence.targets.iter().map(|held| held.target).collect();
        if !listed.is_empty() {
            let digest = pipeline::keep_evidence(home, &evidence).map_err(|e| e.to_string())?;
            self.sign(env, home, &read, Some(digest))?;
        }
        Ok(listed)
    }

    /// For the retire phase with the evidence, for the start without.
    fn sign(&self, env: &Env, home: &Home, read: &ReadPlan, evidence: Option<Digest>) -> Result<(), String> {
        let phase = if evidence.is_some() { Phase::Retire } else { Phase::Start };
        let inbox = Inbox::new(env.disk.clone(), &home.log());
        for (name, role, signer) in &self.approvers {
            let nonce = Statement::nonce(env.random.stream("drill-nonces").bytes());
            let now = env.clock.now();
            let statement = read.statement(Says {
                approver: Text::lossy(name),
                break_glass: false,
                decision: Decision::Approve,
                evidence,
                from: now,
                log_head: home.head().map_err(|e| e.to_string())?,
                nonce,
                phase,
                role: role.clone(),
                until: now.after(self.lifetime),
            });
            let signed = signer.sign(&statement).map_err(|e| e.to_string())?;
            let text = String::from_utf8(signed.statement_bytes).map_err(|e| e.to_string())?;
            drop_note(&inbox, &Note::Approval { signature: signed.armored, statement: text })?;
        }
        Ok(())
    }

    /// Watches the run, and does what its people would do. Never ends by itself.
    pub(super) async fn act(
        &self,
        env: &Env,
        home: &Home,
        scene: &Scene,
        plan: &[u8],
        mut events: UnboundedReceiver<Arc<Line>>,
    ) -> Result<(), String> {
        let inbox = Inbox::new(env.disk.clone(), &home.log());
        let mut waiting = Waiting::new();
        let separately = read(home, plan)?.facts.retire_separately;
        let mut unseen: BTreeSet<TargetId> = BTreeSet::new();
        let (mut retire_due, mut tend_due) = (None, BTreeMap::new());
        let mut look_at = env.clock.now().after(LOOK_EVERY);
        loop {
            tokio::select! {
                biased;
                () = env.clock.sleep_until(look_at) => {}
                line = events.recv() => match line {
                    None => std::future::pending::<()>().await,
                    Some(line) => {
                        if let (Event::HoldOpened(e), Some(run), Some(target)) = (&line.event, &line.run, line.target) {
                            tend_due.insert(target, env.clock.now().after(RESTART_AFTER));
                            waiting.extend(e.confirm.iter().map(|c| (run.clone(), target, c.clone())));
                        }
                        if let Some(target) = line.target.filter(|_| separately) {
                            match &line.event {
                                Event::StepDone(e) if matches!(e.effect, Effect::Rechecked { .. }) => {
                                    unseen.insert(target);
                                    retire_due.get_or_insert(env.clock.now().after(READING));
                                }
                                // What they may have signed for has changed.
                                Event::SignInsRead(_) => {
                                    unseen.insert(target);
                                    retire_due.get_or_insert(env.clock.now().after(READING));
                                }
                                Event::TargetEnded(_) | Event::TargetStuck(_) => drop(unseen.remove(&target)),
                                _ => {}
                            }
                        }
                        continue;
                    }
                },
            }
            look_at = env.clock.now().after(LOOK_EVERY);
            if retire_due.is_some_and(|due| due <= env.clock.now()) {
                let listed = self.sign_retire(env, home, plan)?;
                unseen.retain(|target| !listed.contains(target));
                retire_due = (!unseen.is_empty()).then(|| env.clock.now().after(READING));
            }
            tend_due.retain(|target, due| {
                let is_due = *due <= env.clock.now();
                if is_due {
                    scene.tend(*target);
                }
                !is_due
            });
            confirm_who_moved(&inbox, scene, &mut waiting)?;
        }
    }
}

/// The plan, as this installation reads it.
fn read(home: &Home, plan: &[u8]) -> Result<ReadPlan, String> {
    let here = pipeline::here(home).map_err(|e| e.to_string())?;
    ReadPlan::new(plan, here).map_err(|e| e.to_string())
}

/// A team confirms when its consumer signs in with the newest value, which the lab knows.
fn confirm_who_moved(inbox: &Inbox, scene: &Scene, waiting: &mut Waiting) -> Result<(), String> {
    if waiting.is_empty() {
        return Ok(());
    }
    let moved = waiting.iter().filter(|(_, target, who)| scene.has_moved(*target, who));
    let moved: Vec<_> = moved.cloned().collect();
    for (run, target, consumer) in moved {
        let by = Text::lossy(&format!("{consumer}@drill.example"));
        let how = Text::lossy("seen in its sign-ins");
        waiting.remove(&(run.clone(), target, consumer.clone()));
        drop_note(inbox, &Note::Confirm { by, consumer, how, run, target })?;
    }
    Ok(())
}

fn drop_note(inbox: &Inbox, note: &Note) -> Result<(), String> {
    let bytes = serde_json::to_vec(note).map_err(|e| e.to_string())?;
    inbox.hand_in(note.word(), &bytes).map(drop).map_err(|e| e.to_string())
}

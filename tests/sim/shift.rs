//! The shift changes: the first operator's machine is lost, another operator goes on from the mirror
//! on another machine, under another key. Both are on one tenant, and the first may come back.

use crate::machine::Machine;
use crate::retold;
use crate::scenario::{Life, VAULT};
use crate::world::{HOME, World};
use reissue::azure::Azure;
use reissue::connector::recover::trace;
use reissue::connector::reel::VaultReel;
use reissue::connector::registry::Registry;
use reissue::domain::approval::Handover;
use reissue::domain::approval::handover::HANDOVER_NAMESPACE;
use reissue::domain::id::RunId;
use reissue::domain::text::Text;
use reissue::domain::time::Timestamp;
use reissue::env::random::Stream;
use reissue::env::{Env, MemoryDisk, Random};
use reissue::pipeline::handover::{HandoverFailure, HandoverOrder, Ready};
use reissue::pipeline::{self, ApplyFailure, ApplyOrder, Guard, PlanInHand};
use reissue::trail::home::HandoverError;
use reissue::trail::mirror::Tape;
use reissue::trail::{FolderMirror, Home, Mirror, MirrorError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const SECOND: &str = "second@sim.example";
/// Processes of the machine of whoever cannot wait are counted from here on, and those of the second
/// one from there.
const EARLY_FIRST: u32 = 900;
const SECOND_FIRST: u32 = 1_000;
const MIRROR: &str = "reissue-mirror";
const BLOB: &str = "https://mirrors.blob.core.usgovcloudapi.net/incidents/sim";
/// Whoever is refused tries again after this; a claim lasts ten minutes.
const AGAIN: Duration = Duration::from_secs(180);
const TRIES: u32 = 60;

/// Where the mirror is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Share,
    Vault,
    Blob,
}

/// How the shift changes in one seed.
#[derive(Clone, Debug)]
pub(crate) struct Shift {
    pub(crate) place: Place,
    /// The first machine is lost with its nth process.
    pub(crate) after: u32,
    /// Somebody tries to take over while that process is at work, so long after its beginning.
    pub(crate) early: Option<Duration>,
    /// How the processes die that take over.
    pub(crate) deaths: Vec<Life>,
    /// The first machine comes back so long after; under the lease or not.
    pub(crate) returns: Option<(Duration, bool)>,
}

impl Shift {
    pub(crate) fn draw(s: &Stream, life: impl Fn(&Stream) -> Life) -> Option<Self> {
        if !s.chance(250) {
            return None;
        }
        let early = s.chance(300).then(|| Duration::from_secs(s.between(5, 900)));
        let deaths = if s.chance(600) { 0 } else { s.between(1, 3) };
        let returns = (Duration::from_secs(s.between(1, 400)), s.chance(500));
        Some(Self {
            place: [Place::Share, Place::Share, Place::Vault, Place::Blob][s.below(4) as usize],
            after: u32::try_from(s.between(1, 4)).unwrap_or(1),
            early,
            deaths: (0..deaths).map(|_| life(s)).collect(),
            returns: s.chance(600).then_some(returns),
        })
    }

    fn mirror(&self, share: &MemoryDisk, azure: &Azure) -> Arc<dyn Mirror> {
        match self.place {
            Place::Share => Arc::new(FolderMirror::new(Arc::new(share.clone()), "share")),
            Place::Vault => {
                let host = VAULT.trim_start_matches("https://");
                Arc::new(Tape::new(VaultReel::new(azure, host, MIRROR).unwrap()))
            }
            Place::Blob => Arc::new(Tape::new(azure.blob(BLOB).unwrap())),
        }
    }
}

/// The name of what a write keeps about a run in a store: no target's, and no secret.
pub(crate) fn is_about_the_run(name: &str) -> bool {
    name.starts_with("reissue-lease-") || name == MIRROR
}

/// What a run of this seed is guarded by.
pub(crate) fn guard(world: &World, azure: &Azure) -> Guard {
    match &world.scenario.shift {
        None => Guard::default(),
        Some(shift) => {
            Guard { mirror: Some(shift.mirror(&world.share, azure)), lease: true, ..Guard::default() }
        }
    }
}

/// How far the change of shift has come in one seed.
#[derive(Default)]
pub(crate) struct Watch {
    over: bool,
    /// The first machine, once it is lost.
    lost: Option<Machine>,
}

impl Watch {
    /// The shift that is due with this process.
    pub(crate) fn due<'w>(&mut self, world: &'w World, number: u32) -> Option<&'w Shift> {
        let shift = world.scenario.shift.as_ref()?;
        let due = !self.over && number >= shift.after && world.judge.inner().model.run.is_some();
        due.then_some(shift)
    }

    /// While a process is at work: once, somebody who cannot wait.
    pub(crate) async fn early(&mut self, world: &World, shift: &Shift) {
        let Some(after) = shift.early else { return };
        world.env.clock.sleep(after).await;
        let machine = second(world, EARLY_FIRST);
        match take_over(world, shift, &machine, None).await {
            Some(Ok(home)) => {
                world.judge.count("handover: from a machine that only waits");
                self.lost = Some(adopt(world, &home, machine));
                self.over = true;
            }
            Some(Err(e)) => {
                let at_work = matches!(e, HandoverFailure::StillWrites | HandoverFailure::Lease(_));
                world.judge.say(&format!("too early: {e}"));
                world.judge.count(if at_work {
                    "handover: refused, somebody is at work"
                } else {
                    "handover: failed"
                });
            }
            None => {}
        }
    }

    /// After the process: the machine is lost, and somebody goes on elsewhere.
    pub(crate) async fn change(&mut self, world: &World, shift: &Shift, hostile_until: Timestamp) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        world.judge.say("--- the first machine is lost ---");
        let machine = second(world, SECOND_FIRST);
        let mut deaths = shift.deaths.iter().copied();
        for _ in 0..TRIES {
            if world.env.clock.now() >= hostile_until {
                world.be_quiet();
            }
            recover(world, &machine).await;
            let ended = take_over(world, shift, &machine, deaths.next()).await;
            match ended {
                Some(Ok(home)) => {
                    world.judge.count(&format!("handover: from {:?}", shift.place));
                    self.lost = Some(adopt(world, &home, machine));
                    return;
                }
                Some(Err(HandoverFailure::NoRun(_) | HandoverFailure::Log(HandoverError::Empty))) => {
                    world.judge.count("handover: nothing to take over, the first goes on");
                    return;
                }
                Some(Err(HandoverFailure::Finished(_))) => {
                    world.judge.count("handover: the run was over");
                    return;
                }
                Some(Err(e)) => tolerate(world, &e),
                None => world.judge.count("handover: died"),
            }
            world.env.clock.sleep(AGAIN).await;
        }
        world.judge.broken("nobody could take the run over");
    }

    /// The first machine comes back, while the second goes on: it is refused.
    pub(crate) async fn come_back(&mut self, world: &World, plan: &[u8]) {
        let Some(shift) = &world.scenario.shift else { return };
        let Some((lost, (after, lease))) = self.lost.take().zip(shift.returns) else { return };
        world.env.clock.sleep(after).await;
        lost.damage(false);
        let number = lost.start(None);
        let (env, azure) = (env_of(world, &lost), world.session_on(&lost, number));
        let Ok(home) = Home::open(&env, Path::new(HOME)) else { return };
        world.judge.say("--- the first machine comes back ---");
        let mirror = Some(shift.mirror(&world.share, &azure));
        let (_stop, stopped) = watch::channel(false);
        let order = ApplyOrder {
            plan: PlanInHand::held(plan.to_vec()).unwrap(),
            operator: Text::lossy("first@sim.example"),
            process: Text::lossy("back"),
            resume: true,
            patience: None,
            stop: stopped,
        };
        let back = pipeline::apply_guarded(
            &env,
            &home,
            &azure,
            order,
            Guard { mirror, lease, ..Guard::default() },
            |_, _| {},
        );
        match back.await {
            Ok((_, outcome)) => world.judge.broken(&format!("the first machine went on: {outcome:?}")),
            Err(e) => {
                world.judge.say(&format!("refused: {e}"));
                let told = match e {
                    ApplyFailure::Lease(_) => "the first machine came back: handed over, says the lease",
                    ApplyFailure::Mirror(MirrorError::Taken { .. }) => {
                        "the first machine came back: taken over, says the mirror"
                    }
                    _ => "the first machine came back: refused otherwise",
                };
                world.judge.count(told);
            }
        }
    }
}

/// What may end an attempt besides its death: it is tried again.
fn tolerate(world: &World, e: &HandoverFailure) {
    world.judge.say(&format!("no handover: {e}"));
    let word = match e {
        HandoverFailure::StillWrites => "handover: refused, somebody is at work",
        HandoverFailure::Lease(_) => "handover: the lease stands in the way",
        HandoverFailure::Log(HandoverError::Mirror(MirrorError::Unusable { .. })) => "handover: no mirror",
        HandoverFailure::Log(HandoverError::Home(_) | HandoverError::Disk(_)) => "handover: disk",
        _ => return world.judge.broken(&format!("no handover: {e}")),
    };
    world.judge.count(word);
    repair(world);
}

/// A person gives back what others took from the store.
pub(crate) fn repair(world: &World) {
    let names = world.lab.vault_secrets(VAULT);
    for name in names.iter().filter(|n| is_about_the_run(n) || *n == "reissue-probe") {
        world.lab.restore_vault_secret(VAULT, name);
    }
}

fn second(world: &World, first: u32) -> Machine {
    let log = Path::new(HOME).join("log/events.jsonl");
    Machine::new(log, Random::from_seed(world.scenario.seed ^ 0x5ec0_0004), first)
}

fn env_of(world: &World, machine: &Machine) -> Env {
    Env { disk: Arc::new(machine.clone()), ..world.env.clone() }
}

/// One attempt; none if it died.
async fn take_over(
    world: &World,
    shift: &Shift,
    machine: &Machine,
    life: Option<Life>,
) -> Option<Result<Home, HandoverFailure>> {
    let number = machine.start(life);
    let (env, azure) = (env_of(world, machine), world.session_on(machine, number));
    world.judge.say(&format!("handover begins, process {number}, {life:?}"));
    let ended = tokio::select! {
        biased;
        () = machine.died.notified() => None,
        ended = hand_over(world, shift, &env, &azure) => Some(ended),
    };
    let died = !machine.is_alive(number);
    machine.rest();
    if died {
        let _ = futures::FutureExt::now_or_never(machine.died.notified());
        machine.damage(life.is_some_and(|l| l.power));
        return None;
    }
    machine.damage(false);
    ended
}

async fn hand_over(world: &World, shift: &Shift, env: &Env, azure: &Azure) -> Result<Home, HandoverFailure> {
    let mirror = shift.mirror(&world.share, azure);
    let first = world.home();
    let run = world.judge.inner().model.run.clone().unwrap_or_else(|| RunId::new(0, [0; 10]));
    let (name, signer) = &world.approvers[0];
    let order = HandoverOrder {
        run,
        operator: Text::lossy(SECOND),
        process: Text::lossy("the second machine"),
        approver: Text::lossy(name),
        roster: first.objects().get(&first.install.roster, 1 << 18).unwrap(),
        key: Some(first.vkey().unwrap()),
        root: HOME.into(),
    };
    let ready = Ready::read(env, mirror.as_ref(), order).await?;
    let lease = ready.lease(azure).await?;
    let sign = |h: &Handover| signer.sign_bytes(h.to_bytes().unwrap(), HANDOVER_NAMESPACE).unwrap();
    let signed = ready.handover.as_ref().map(sign);
    ready.finish(env, mirror.as_ref(), signed.as_ref(), lease.as_ref()).await
}

/// From here on the team's machine is the second one; the judge goes by what the mirror had.
fn adopt(world: &World, home: &Home, machine: Machine) -> Machine {
    let text = reissue::env::Disk::read(machine.files(), &home.log().events(), u64::MAX).unwrap();
    {
        let mut inner = world.judge.inner();
        if let Err(why) = retold::taken_over(&mut inner, text) {
            inner.trace.break_promise(world.env.clock.now(), &why);
        }
        inner.retired_below = Some(EARLY_FIRST);
    }
    world.judge.say("--- the second machine goes on ---");
    let first = world.machine.replace(machine.clone());
    first.unwatch();
    machine.watch(world.judge.clone());
    first
}

/// With no log at all, reading: the judge sees to it that nothing is written.
async fn recover(world: &World, machine: &Machine) {
    let Some((plan, _)) = world.judge.inner().plan.clone() else { return };
    let azure = world.session_on(machine, machine.start(None));
    let registry = Registry::new(azure, &plan.header.stores);
    for target in plan.changes() {
        let Ok(found) = trace(&registry, &plan.header, target).await else { continue };
        world.judge.count(&format!("recover: {}", found.reached.split([':', ';', ',']).next().unwrap_or("")));
        let inner = world.judge.inner();
        let known = |key: &str| inner.truth.ours.contains(key) || inner.truth.strangers.contains_key(key);
        let unknown = found.marked.iter().find(|(c, _)| !known(c.id.as_str())).cloned();
        drop(inner);
        if let Some((credential, mark)) = unknown {
            world.judge.broken(&format!("recover names {credential} as {mark}'s"));
        }
    }
}

/// The mirror holds the log, byte for byte, and no secret.
pub(crate) async fn end(world: &World) {
    let Some(shift) = &world.scenario.shift else { return };
    world.be_quiet();
    repair(world);
    let machine = world.machine();
    let azure = world.session_on(&machine, machine.start(None));
    let files = match shift.mirror(&world.share, &azure).read().await {
        Ok(files) => files,
        Err(e) => return world.judge.broken(&format!("the mirror cannot be read: {e}")),
    };
    let log = world.home().log();
    let events = reissue::env::Disk::read(machine.files(), &log.events(), u64::MAX).unwrap();
    let held = files.get("events.jsonl").map_or(&[][..], Vec::as_slice);
    if !events.starts_with(held) || events.len() - held.len() > 4_096 {
        world.judge.broken("the mirror does not hold the log");
    }
    for (name, bytes) in &files {
        world.judge_file(Path::new(name), bytes);
    }
}

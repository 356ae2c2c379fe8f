//! One seed from beginning to end: plan, processes that come and go, the quiet phase, the verdict.

use crate::cast::Cast;
use crate::machine::Machine;
use crate::meddler;
use crate::scenario::{Death, Life, Scenario};
use crate::shift::{self, Watch};
use crate::world::{AUTHOR, World};
use crate::{ending, persons};
use reissue::domain::event::Environment;
use reissue::domain::id::Digest;
use reissue::domain::plan::file;
use reissue::domain::plan::make::Known;
use reissue::domain::text::Text;
use reissue::domain::time::Timestamp;
use reissue::engine::recovery::Recovery;
use reissue::engine::{Halt, Left, Outcome};
use reissue::env::Disk;
use reissue::pipeline::{self, ApplyFailure, ApplyOrder, PlanInHand, PlanOrder};
use reissue::trail::verify::{Trust, Verdict, verify};
use reissue::trail::{JournalError, Reader};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// After the faults have ended, everything must be over within this.
const QUIET_MOST: Duration = Duration::from_secs(80 * 3_600);
/// Whoever runs a quiet run leaves it to itself when it waits for longer than this.
const QUIET_PATIENCE: Duration = Duration::from_secs(600);
/// Whether a promise was broken is looked at this often.
const BROKEN_LOOKS: Duration = Duration::from_secs(600);
/// The verifier reads the whole log each time: after so many processes, and at the end.
const VERIFIED_EVERY: u32 = 4;
/// A run that waits for people's word is looked after this often.
const LOOKED_AFTER_EVERY: Duration = Duration::from_secs(2 * 3_600);

/// What a seed led to.
pub(crate) struct Played {
    pub(crate) broken: Option<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) counts: BTreeMap<String, u64>,
}

pub(crate) fn play(seed: u64, aloud: bool) -> Played {
    play_out(Scenario::draw(seed), aloud)
}

pub(crate) fn play_out(scenario: Scenario, aloud: bool) -> Played {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::build(scenario, aloud).await;
        let game = game(&world);
        tokio::select! {
            biased;
            () = game => {}
            () = broken(&world) => {}
            () = world.lab.people() => world.judge.broken("everybody left"),
        }
        for (fault, times) in world.lab.ledger().faults {
            world.judge.inner().trace.add(&format!("fault: {fault}"), times);
        }
        let inner = world.judge.inner();
        Played {
            broken: inner.trace.broken().map(str::to_owned),
            trace: inner.trace.lines().to_vec(),
            counts: inner.trace.counts().clone(),
        }
    })
}

/// After a broken promise nothing more is asked.
async fn broken(world: &World) {
    while !world.judge.is_broken() {
        world.env.clock.sleep(BROKEN_LOOKS).await;
    }
}

async fn game(world: &World) {
    let Some(plan) = plan(world).await else { return };
    meddler::meddle(world).await;
    let quiet = Cell::new(false);
    let cast = Cast::new(world, &plan, &quiet);
    tokio::select! {
        biased;
        () = processes(world, &plan, &quiet) => {}
        () = cast.act() => {}
    }
    if !world.judge.is_broken() {
        judge_log(world, true);
        world.env.clock.sleep(Duration::from_secs(ending::AFTER_S)).await;
        world.judge.look_around();
        {
            let mut inner = world.judge.inner();
            ending::judge(&world.judge, &mut inner);
            persons::end(&world.judge, &mut inner);
        }
        shift::end(world).await;
    }
    world.judge_bystanders();
    world.judge_files();
}

async fn plan(world: &World) -> Option<Vec<u8>> {
    if world.scenario.faults_at_plan {
        world.be_hostile();
    }
    for _ in 0..5 {
        let machine = world.machine();
        let azure = world.session_on(&machine, machine.start(None));
        let order = PlanOrder::new(Text::lossy(AUTHOR), Environment::Lab, Known::default());
        match pipeline::make_plan(&world.env, &azure, &world.playbook, order).await {
            Ok(plan) => {
                let bytes = file::write(&plan).unwrap();
                world.judge.say(&format!(
                    "planned: {} targets, {} excepted",
                    plan.targets.len(),
                    plan.exceptions().count()
                ));
                world.judge.count(if plan.exceptions().count() > 0 {
                    "plan with exceptions"
                } else {
                    "plan in full"
                });
                for e in plan.exceptions() {
                    world.judge.count(&format!("refused in the plan: {}", e.refusal.reason.code()));
                }
                plan.changes().for_each(|t| world.judge.count(&format!("planned: {}", t.kind)));
                world.judge.planned(plan, Digest::of(&bytes));
                return Some(bytes);
            }
            Err(e) => {
                world.judge.say(&format!("no plan: {e}"));
                world.judge.count("plan failed");
                world.be_quiet();
                world.env.clock.sleep(Duration::from_secs(600)).await;
            }
        }
    }
    world.judge.broken("no plan can be made");
    None
}

/// Processes come and go until the run is finished.
async fn processes(world: &World, plan: &[u8], quiet: &Cell<bool>) {
    world.be_hostile();
    let clock = world.env.clock;
    let hostile_until = clock.now().after(world.scenario.hostile_for);
    let mut lives = world.scenario.lives.iter().copied();
    let mut quiet_since: Option<Timestamp> = None;
    let (mut number, mut watch) = (0, Watch::default());
    loop {
        if quiet_since.is_none() && clock.now() >= hostile_until {
            world.judge.say("--- quiet ---");
            world.be_quiet();
            quiet.set(true);
            quiet_since = Some(clock.now());
        }
        let life = if quiet.get() { None } else { lives.next() };
        let until = if quiet.get() { None } else { Some(hostile_until) };
        let shift = watch.due(world, number + 1);
        let work = process(world, plan, life, until);
        let wait = match shift {
            Some(shift) => futures::join!(work, watch.early(world, shift)).0,
            None => futures::join!(work, watch.come_back(world, plan)).0,
        };
        let Some(wait) = wait else { return };
        if let Some(shift) = shift {
            watch.change(world, shift, hostile_until).await;
        }
        if world.judge.is_broken() {
            return;
        }
        if quiet_since.is_some_and(|since| clock.now().since(since) > QUIET_MOST) {
            world.judge.broken("the quiet phase did not end");
            return;
        }
        number += 1;
        judge_log(world, number % VERIFIED_EVERY == 0);
        clock.sleep(next_start(world, life).max(wait)).await;
        if !quiet.get() && world.judge.inner().only_stuck() {
            // Nothing will change before somebody settles it, which happens in the quiet phase.
            clock.sleep_until(hostile_until).await;
        }
    }
}

/// When somebody starts the next process: not before the plan is approved.
fn next_start(world: &World, life: Option<Life>) -> Duration {
    if world.judge.inner().model.run.is_none() {
        return reading(world);
    }
    life.map_or(Duration::from_secs(30), |l| l.restart)
}

/// By then everybody who is asked has signed.
fn reading(world: &World) -> Duration {
    let longest = world.scenario.people.reading.iter().max().copied();
    longest.unwrap_or_default() + Duration::from_secs(15)
}

/// One process: how long nothing will happen after it; none if the run is over.
async fn process(
    world: &World,
    plan: &[u8],
    life: Option<Life>,
    until: Option<Timestamp>,
) -> Option<Duration> {
    let machine = world.machine();
    let number = machine.start(life);
    let (stop, stopped) = watch::channel(false);
    let resume = world.judge.inner().model.run.is_some() || world.judge.inner().begun_unseen;
    world.judge.say(&format!("process {number} begins, resume {resume}, {life:?}"));
    let home = world.home();
    let (env, azure) = (world.surroundings(), world.session_on(&machine, number));
    let guard = shift::guard(world, &azure);
    let order = ApplyOrder {
        plan: PlanInHand::held(plan.to_vec()).unwrap(),
        operator: Text::lossy(AUTHOR),
        process: Text::lossy(&format!("process {number}")),
        resume,
        patience: life.map_or(until.is_none().then_some(QUIET_PATIENCE), |l| l.patience),
        stop: stopped,
    };
    let ends = death(world, &machine, life, stop.clone());
    let calm = calm(world, until, stop);
    let result = tokio::select! {
        biased;
        () = machine.died.notified() => None,
        result = pipeline::apply_guarded(&env, &home, &azure, order, guard, |_, _| {}) => Some(result),
        () = ends => None,
        () = calm => None,
        () = deadline(world, until) => {
            world.judge.broken("a process neither ended nor left in the quiet phase");
            None
        }
    };
    let died = !machine.is_alive(number);
    machine.rest();
    if died {
        // The permit of a death that came with the result.
        let _ = futures::FutureExt::now_or_never(machine.died.notified());
        machine.damage(life.is_some_and(|l| l.power));
        return Some(Duration::ZERO);
    }
    let over = match &result {
        Some(Ok((_, outcome))) => left(world, outcome, until.is_none()),
        Some(Err(e)) => failed(world, e, resume),
        None => false,
    };
    let quiet = until.is_none_or(|at| at <= world.env.clock.now());
    let wait = match result {
        Some(Ok((_, Outcome { left: Left::Holding { until, confirm }, .. }))) if quiet => match until {
            Some(at) if confirm.is_empty() => at.since(world.env.clock.now()),
            _ => LOOKED_AFTER_EVERY,
        },
        Some(Ok((_, Outcome { left: Left::Approval(_), .. }))) if quiet => reading(world),
        _ => Duration::ZERO,
    };
    (!over).then_some(wait)
}

/// What ends the process from outside, when its time has come.
async fn death(world: &World, machine: &Machine, life: Option<Life>, stop: watch::Sender<bool>) {
    match life.and_then(|l| l.death) {
        Some(Death::After(span)) => {
            world.env.clock.sleep(span).await;
            machine.die("dies: by the clock");
        }
        Some(Death::Stop(span)) => {
            world.env.clock.sleep(span).await;
            world.judge.count("stop asked for");
            let _ = stop.send(true);
        }
        _ => {}
    }
    std::future::pending().await
}

/// The end of the hostile phase, if it comes while a process runs.
async fn calm(world: &World, until: Option<Timestamp>, stop: watch::Sender<bool>) {
    if let Some(at) = until {
        world.env.clock.sleep_until(at).await;
        world.judge.say("--- hostility ends while a process runs ---");
        world.be_quiet();
        // What takes long after that is left to itself.
        world.env.clock.sleep(QUIET_PATIENCE).await;
        let _ = stop.send(true);
    }
    std::future::pending().await
}

async fn deadline(world: &World, hostile_until: Option<Timestamp>) {
    let from = hostile_until.unwrap_or_else(|| world.env.clock.now());
    world.env.clock.sleep_until(from.after(QUIET_MOST)).await;
}

fn left(world: &World, outcome: &Outcome, quiet: bool) -> bool {
    let word = match &outcome.left {
        Left::Finished => "finished",
        Left::Holding { .. } => "holding",
        Left::Approval(_) => "approval missing",
        Left::Paused => "paused",
        Left::Interrupted => "interrupted",
    };
    world.judge.say(&format!("left: {word}, {outcome:?}"));
    world.judge.count(&format!("left: {word}"));
    if outcome.left == Left::Finished && outcome.stuck > 0 && quiet {
        let run = world.judge.inner().model.run.clone();
        if let Some(run) = run {
            Cast::resolve(world, &run);
        }
    }
    outcome.left == Left::Finished && outcome.stuck == 0
}

/// A process that ended with an error: some are what a crash or a fault leaves.
fn failed(world: &World, e: &ApplyFailure, resume: bool) -> bool {
    world.judge.say(&format!("failed: {e}"));
    let word = match e {
        ApplyFailure::NotApproved(_) | ApplyFailure::NotCounted { .. } => "failed: not approved",
        ApplyFailure::Begun(_) if !resume => {
            world.judge.inner().begun_unseen = true;
            "failed: begun, in bytes that a crash left unsynced"
        }
        ApplyFailure::SignIn(_) => "failed: cannot sign in",
        ApplyFailure::Halt(Halt::Log(JournalError::Mirror(_))) => "failed: mirror, in a run",
        ApplyFailure::Halt(Halt::Log(_) | Halt::Disk(_)) => "failed: disk",
        ApplyFailure::Unwritable(_) => "failed: disk, before anything was begun",
        ApplyFailure::Lease(_) => "failed: lease",
        ApplyFailure::Mirror(_) => "failed: mirror",
        ApplyFailure::Home(_) => "failed: home",
        ApplyFailure::Halt(Halt::Store { .. }) => "failed: store probe",
        ApplyFailure::Used(_) if world.judge.inner().model.is_finished => {
            world.judge.count("died after the run was finished");
            return true;
        }
        _ => {
            world.judge.broken(&format!("apply (resume {resume}) failed: {e}"));
            return false;
        }
    };
    world.judge.count(word);
    shift::repair(world);
    false
}

/// The log folds to what the judge folded line by line, and the verifier accepts it.
fn judge_log(world: &World, verified: bool) {
    let (home, machine) = (world.home(), world.machine());
    let disk: &dyn Disk = &machine;
    let Some((plan, _)) = world.judge.inner().plan.clone() else { return };
    let mut recovery = Recovery::new(PlanInHand::held(file::write(&plan).unwrap()).unwrap().plan());
    let mut reader = Reader::open(disk, &home.log()).unwrap();
    let durable = world.judge.inner().model.run.is_some();
    let mut lines = 0;
    for read in &mut reader {
        match read {
            Ok(read) => {
                recovery.fold(&read.line);
                lines += 1;
            }
            Err(e) => return world.judge.broken(&format!("the log cannot be read: {e}")),
        }
    }
    if let Some((line, why)) = &recovery.illegal {
        world.judge.broken(&format!("line {line} does not fold: {why}"));
    }
    let known = world.judge.inner().text.iter().filter(|b| **b == b'\n').count();
    // The judge keeps every state as it is, the engine nearly all of them packed.
    let folded =
        recovery.states.all().map(|(id, state)| (id, state.into_owned())).collect::<BTreeMap<_, _>>();
    if durable && lines == known && folded != world.judge.inner().states {
        world.judge.broken("the log does not fold to the live state");
    }
    if !verified {
        return;
    }
    let trust = Trust {
        key: home.vkey().unwrap(),
        roster: Some(home.install.roster),
        anchors: vec![],
        keepers: Default::default(),
    };
    let disk: Arc<dyn Disk> = Arc::new(machine.clone());
    match verify(&disk, &home.log(), &trust) {
        Ok(report) if report.verdict == Verdict::Tampered => {
            let told: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
            world.judge.broken(&format!("the verifier says tampered: {}", told.join("; ")));
        }
        Ok(_) => {}
        Err(e) => world.judge.broken(&format!("the log cannot be verified: {e}")),
    }
}

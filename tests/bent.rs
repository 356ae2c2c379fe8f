//! Deliberately broken engines are caught: each bend of `src/bent.rs` is played in the simulator,
//! seed by seed, until the judge says which promise it breaks. The straight engine passes the same
//! seeds. Needs `--features bent`; `BENT_FIRST=N` begins at another seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]
// What only `tests/sim.rs` asks for.
#![allow(dead_code)]

#[path = "bent/certificates.rs"]
mod certificates;
#[path = "bent/mutants.rs"]
mod mutants;
mod support;
#[path = "unbent.rs"]
mod unbent;

#[path = "sim/aims.rs"]
mod aims;
#[path = "sim/cast.rs"]
mod cast;
#[path = "sim/counters.rs"]
mod counters;
#[path = "sim/ending.rs"]
mod ending;
#[path = "sim/furnish.rs"]
mod furnish;
#[path = "sim/judge.rs"]
mod judge;
#[path = "sim/licence.rs"]
mod licence;
#[path = "sim/line.rs"]
mod line;
#[path = "sim/machine.rs"]
mod machine;
#[path = "sim/meddler.rs"]
mod meddler;
#[path = "sim/model.rs"]
mod model;
#[path = "sim/persons.rs"]
mod persons;
#[path = "sim/play.rs"]
mod play;
#[path = "sim/retold.rs"]
mod retold;
#[path = "sim/rules.rs"]
mod rules;
#[path = "sim/scenario.rs"]
mod scenario;
#[path = "sim/shift.rs"]
mod shift;
#[path = "sim/trace.rs"]
mod trace;
#[path = "sim/truth.rs"]
mod truth;
#[path = "sim/witness.rs"]
mod witness;
#[path = "sim/world.rs"]
mod world;
#[path = "sim/write.rs"]
mod write;

use mutants::{MUTANTS, Mutant};
use reissue::bent::{Bend, bend};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

type Scene = fn(u64) -> scenario::Scenario;
/// The seed that caught a mutant, and what the judge said.
type Caught = Option<(u64, String)>;

fn first() -> u64 {
    std::env::var("BENT_FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Plays seeds until the judge finds a broken promise.
fn hunt(how: Option<Bend>, seeds: u64, scene: Scene) -> Caught {
    bend(how);
    let mut seeds = first()..first() + seeds;
    let caught = seeds.find_map(|seed| Some((seed, play::play_out(scene(seed), false).broken?)));
    bend(None);
    caught
}

/// Does the work on every processor; results in the order of the work.
fn on_all<T: Sync, R: Send>(work: &[T], does: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let one = || {
        while let Some((n, piece)) = {
            let n = next.fetch_add(1, Ordering::Relaxed);
            work.get(n).map(|piece| (n, piece))
        } {
            let result = does(piece);
            done.lock().unwrap().push((n, result));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(one))));
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn every_broken_engine_is_caught_and_the_straight_one_is_not() {
    let caught = on_all(&MUTANTS, |m: &Mutant| hunt(Some(m.bend), m.within, m.scene));
    println!("{:<17} {:>5} {:>6}  what the judge said", "mutant", "seeds", "within");
    let mut missed = Vec::new();
    for (m, caught) in MUTANTS.iter().zip(&caught) {
        let name = format!("{:?}", m.bend);
        match caught {
            Some((seed, why)) => println!("{name:<17} {:>5} {:>6}  {why}", seed - first() + 1, m.within),
            None => missed.push(format!("{name} ({}): not within {} seeds", m.breaks, m.within)),
        }
    }
    // The same seeds, once per scene.
    let mut straight: Vec<(Scene, u64)> = Vec::new();
    for (m, (seed, _)) in MUTANTS.iter().zip(&caught).filter_map(|(m, c)| Some((m, c.as_ref()?))) {
        match straight.iter_mut().find(|(scene, _)| std::ptr::fn_addr_eq(*scene, m.scene)) {
            Some((_, last)) => *last = (*last).max(*seed),
            None => straight.push((m.scene, *seed)),
        }
    }
    let upto =
        |(scene, last): &(Scene, u64)| (first()..=*last).map(|seed| (*scene, seed)).collect::<Vec<_>>();
    let seeds: Vec<_> = straight.iter().flat_map(upto).collect();
    let broken = on_all(&seeds, |(scene, seed)| Some((*seed, play::play_out(scene(*seed), false).broken?)));
    let broken: Vec<_> = broken.into_iter().flatten().collect();
    println!("{} mutants, {} seeds straight", MUTANTS.len(), seeds.len());
    assert!(broken.is_empty(), "the straight engine breaks promises: {broken:?}");
    assert!(missed.is_empty(), "{missed:#?}");
}

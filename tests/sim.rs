//! The simulator: whole runs in virtual time, from one seed each, against a hostile tenant, dying
//! machines and unreliable people; every promise is checked after every effect.
//!
//! `SIM_SEED=N` plays one seed aloud; `SIM_SEEDS=N` plays so many.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

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
#[path = "sim/regressions.rs"]
mod regressions;
#[path = "sim/retold.rs"]
mod retold;
#[path = "sim/rules.rs"]
mod rules;
#[path = "sim/scenario.rs"]
mod scenario;
#[path = "sim/shift.rs"]
mod shift;
#[path = "sim/sometimes.rs"]
mod sometimes;
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

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const SEEDS: u64 = 300;

fn wanted(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays the seeds on every processor; what happened is summed up.
fn batch(seeds: std::ops::Range<u64>) -> (BTreeMap<String, u64>, Vec<String>) {
    let (end, next) = (seeds.end, AtomicU64::new(seeds.start));
    let sum = Mutex::new((BTreeMap::<String, u64>::new(), BTreeMap::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let played = play::play(seed, false);
            let mut sum = sum.lock().unwrap();
            for (what, times) in played.counts {
                *sum.0.entry(what).or_default() += times;
            }
            sum.1.extend(played.broken.map(|why| (seed, format!("seed {seed}: {why}"))));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (counts, broken) = sum.into_inner().unwrap();
    (counts, broken.into_values().collect())
}

#[test]
fn a_seed_is_played_twice_alike() {
    for seed in [3, 4, 17, 39, 72, 76, 79] {
        let (one, two) = (play::play(seed, false), play::play(seed, false));
        let differs = one.trace.iter().zip(&two.trace).find(|(a, b)| a != b);
        assert!(differs.is_none(), "seed {seed}: {differs:#?}");
        assert_eq!((one.trace.len(), one.counts), (two.trace.len(), two.counts), "seed {seed}");
    }
}

#[test]
fn promises_hold_on_many_seeds() {
    if let Some(seed) = wanted("SIM_SEED") {
        let played = play::play(seed, true);
        assert!(played.broken.is_none(), "seed {seed}: {}", played.broken.unwrap_or_default());
        return;
    }
    let seeds = wanted("SIM_SEEDS").unwrap_or(SEEDS);
    let first = wanted("SIM_FIRST").unwrap_or(0);
    let began = std::time::Instant::now();
    let (counts, broken) = batch(first..first + seeds);
    let took = began.elapsed().as_secs_f64();
    for (what, times) in &counts {
        println!("{times:>8} {what}");
    }
    println!("{seeds} seeds in {took:.1} s, {:.1} a second", seeds as f64 / took);
    assert!(broken.is_empty(), "{} of {seeds} seeds break a promise:\n{}", broken.len(), broken.join("\n"));
    let missing = sometimes::missing(&counts, seeds);
    assert!(missing.is_empty(), "in {seeds} seeds these never happened: {missing:#?}");
}

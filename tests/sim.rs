//! The simulator: whole runs in virtual time, from one seed each, against a hostile tenant, dying
//! machines and unreliable people; every promise is checked after every effect.
//!
//! `SIM_SEED=N` plays one seed aloud; `SIM_SEEDS=N` plays so many.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "sim/cast.rs"]
mod cast;
#[path = "sim/counters.rs"]
mod counters;
#[path = "sim/judge.rs"]
mod judge;
#[path = "sim/line.rs"]
mod line;
#[path = "sim/machine.rs"]
mod machine;
#[path = "sim/model.rs"]
mod model;
#[path = "sim/play.rs"]
mod play;
#[path = "sim/rules.rs"]
mod rules;
#[path = "sim/scenario.rs"]
mod scenario;
#[path = "sim/trace.rs"]
mod trace;
#[path = "sim/world.rs"]
mod world;

use std::collections::BTreeMap;

const SEEDS: u64 = 300;

fn wanted(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
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
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut broken = Vec::new();
    for seed in first..first + seeds {
        let played = play::play(seed, false);
        for (what, times) in &played.counts {
            *counts.entry(what.clone()).or_default() += times;
        }
        broken.extend(played.broken.map(|why| format!("seed {}: {why}", played.seed)));
    }
    let took = began.elapsed().as_secs_f64();
    for (what, times) in &counts {
        println!("{times:>8} {what}");
    }
    println!("{seeds} seeds in {took:.1} s, {:.1} a second", seeds as f64 / took);
    assert!(broken.is_empty(), "{} of {seeds} seeds break a promise:\n{}", broken.len(), broken.join("\n"));
}

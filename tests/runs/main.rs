//! Whole runs on the lab, in virtual time: every kind, on good and on bad days.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used)]

mod by_hand;
mod drill;
mod examples;
mod fleet;
mod full_at_every_write;
mod handover;
mod kinds;
mod leaving;
mod many;
mod recovery;
mod saga;
#[path = "../support/mod.rs"]
mod support;
mod throttled;
mod torn_home;
mod working_file;

//! People's word: who may approve, with which keys and cards, what counts, what stops, and who changes the
//! roster.

#![allow(clippy::expect_used, clippy::print_stderr, clippy::unwrap_used)]

mod by_hand;
mod cards;
mod cards_by_hand;
mod cards_trail;
mod keys;
mod readme;
mod refused;
mod roles;
mod roster_changes;
mod stop;
#[path = "../support/mod.rs"]
mod support;

//! The real program as people use it, in processes of its own and over TLS.

#![allow(clippy::expect_used, clippy::print_stderr, clippy::unwrap_used)]

mod as_certificate;
mod bad_disks;
mod countersign;
mod ctrl_c;
mod dead_line;
mod fleet_desk;
mod full_disk;
mod nothing_to_do;
mod shift_desk;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod two_people;
mod two_writers;

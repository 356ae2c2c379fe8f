//! Anchors, each kind with its real counterpart: openssl's own time stamping authority, a bare git
//! remote, a lab's blobs (Azurite's: `tests/azurite.rs`), a small witness that persists before it replies. The real program obtains them, and
//! `audit verify` judges them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "anchors/blob.rs"]
mod blob;
#[path = "anchors/git.rs"]
mod git;
#[path = "anchors/house.rs"]
mod house;
#[path = "anchors/keeper.rs"]
mod keeper;
#[path = "anchors/stamps.rs"]
mod stamps;
#[path = "support/team.rs"]
mod team;
#[path = "support/tsa.rs"]
mod tsa;
#[path = "anchors/witness.rs"]
mod witness;

//! Anchors, each kind with its real counterpart: openssl's own time stamping authority, a bare git
//! remote, a lab's blobs (Azurite's: `tests/azure/azurite.rs`), a small witness that persists before it replies. The real program obtains them, and
//! `audit verify` judges them.

mod blob;
mod git;
mod house;
mod keeper;
mod stamps;
mod witness;

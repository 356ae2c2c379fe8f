//! The lab tenant, driven from outside as a client drives it.

#![allow(clippy::unwrap_used, unreachable_pub)] // Helpers of tests are neither tests nor an interface.

mod directory;
mod hostile;
mod requests;
mod scene;
mod shapes;
mod slice;
mod tokens;
mod vaults;

//! The lab tenant, driven from outside as a client drives it.

mod directory;
mod hostile;
mod scene;
mod slice;
mod vaults;

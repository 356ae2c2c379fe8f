//! The lab tenant, driven from outside as a client drives it.

mod directory;
mod scene;
mod slice;

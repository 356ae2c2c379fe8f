//! The lab tenant, driven from outside as a client drives it.

mod scene;
mod slice;

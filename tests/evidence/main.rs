//! What leaves a log for other readers: the report, exports, recordings, what the tenant's own log says of it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod corroborate;
mod integrations;
mod ocsf;
mod recording;
mod report;
#[path = "../support/mod.rs"]
mod support;

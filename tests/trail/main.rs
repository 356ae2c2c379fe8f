//! The log and its judges: what was changed is seen, by our verifier and by the one that shares no code
//! with it.

#![allow(clippy::expect_used, clippy::print_stderr, clippy::unwrap_used)]

mod anchors;
mod bundle;
mod bundle_verifier;
mod excerpt;
mod foreign_bytes;
mod handover_judged;
mod retire_evidence;
#[path = "../support/mod.rs"]
mod support;
mod tamper;
mod tamper_drill;
mod tamper_properties;
mod tamper_stories;

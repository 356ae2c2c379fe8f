//! From a playbook to a plan: what is read, what is refused, and what a plan is reckoned to take.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod estimate;
mod outage;
mod plan_reads;
mod playbooks;
mod refusals;
mod schema;
#[path = "../support/mod.rs"]
mod support;

//! reissue replaces leaked credentials and proves that it did.
//!
//! ```text
//! Playbook ─check→ ValidPlaybook ─observe→ Observed ─plan→ Plan ─sign→ ApprovedPlan ─execute→ Run ─seal→ Evidence
//! ```
//!
//! The modules, each knowing only those above it:

#[cfg(all(feature = "leak", not(debug_assertions)))]
compile_error!("the feature `leak` leaks secrets on purpose: it is for one test, never for a release");

#[cfg(all(feature = "bent", not(debug_assertions)))]
compile_error!("the feature `bent` breaks promises on purpose: it is for one test, never for a release");

pub mod anchor;
pub mod azure;
pub mod bent;
pub mod cli;
pub mod connector;
pub mod domain;
pub mod drill;
pub mod engine;
pub mod env;
pub mod lab;
pub mod pipeline;
pub mod report;
pub mod trail;
pub mod wire;

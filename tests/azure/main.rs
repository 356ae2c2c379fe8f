//! The clients against the lab tenant, and the wire's rules.

// Helpers outside a #[test] may unwrap as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod against_lab;
mod azurite;
mod budgets;
mod canned;
mod certificates;
mod hostile;
mod network;
mod people;
mod scene;
mod shapes;
mod speed;
mod tokens;
mod wire_rules;

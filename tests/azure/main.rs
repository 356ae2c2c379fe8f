//! The clients against the lab tenant, and the wire's rules.

mod against_lab;
mod canned;
mod certificates;
mod hostile;
mod network;
mod people;
mod scene;
mod shapes;
mod tokens;
mod wire_rules;

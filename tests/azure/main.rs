//! The clients against the lab tenant, and the wire's rules.

mod against_lab;
mod scene;

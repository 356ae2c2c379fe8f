//! The playbook.
pub mod model;

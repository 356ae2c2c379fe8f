//! The playbook: what a response team wrote down to be done.

pub mod model;

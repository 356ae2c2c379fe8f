//! What is true whatever the machine: names, the playbook, the plan, events and decisions.
//! Pure: no clock, no disk, no network, no randomness.

pub mod credential;
pub mod event;
pub mod id;
pub mod playbook;
pub mod secret;
pub mod step;
pub mod text;
pub mod time;

//! What is true whatever the machine: names, the playbook, the plan, events and decisions.
//! Pure: no clock, no disk, no network, no randomness.

pub mod approval;
pub mod approved;
pub mod canonical;
pub mod cms;
pub mod corroborate;
pub mod credential;
pub mod drift;
pub mod event;
pub mod evidence;
pub mod fleet;
pub mod folds;
pub mod id;
pub mod kind;
pub mod lease;
pub mod merkle;
pub mod note;
pub mod observation;
pub mod plan;
pub mod playbook;
pub mod quotas;
pub mod retry;
pub mod run;
pub mod secret;
pub mod share;
pub mod shelf;
pub mod sign_ins;
pub mod states;
pub mod step;
pub mod target;
pub mod text;
pub mod time;

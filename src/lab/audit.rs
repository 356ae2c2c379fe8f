//! The tenant's sign-in and audit logs: what readers may see of them, some minutes late.

use crate::domain::time::Timestamp;
use std::collections::VecDeque;

/// At most this many rows of each log are kept; the oldest go first.
const ROWS_MAX: usize = 200_000;

/// One sign-in, of a user or of a service principal.
#[derive(Clone)]
pub(super) struct SignIn {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) seen: Timestamp,
    pub(super) app_id: String,
    pub(super) app_name: String,
    pub(super) principal: Principal,
    pub(super) key_id: Option<String>,
    pub(super) thumbprint: Option<String>,
    /// 0 for success, else the `AADSTS` number.
    pub(super) error: u32,
    pub(super) reason: String,
    pub(super) ip: String,
    pub(super) resource: String,
    pub(super) correlation: String,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Principal {
    User { id: String, name: String, upn: String },
    ServicePrincipal { id: String, name: String },
}

/// One change of the directory.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) seen: Timestamp,
    pub(super) activity: String,
    pub(super) category: &'static str,
    pub(super) actor: Actor,
    pub(super) target_id: String,
    pub(super) target_name: String,
    pub(super) target_type: &'static str,
    pub(super) properties: Vec<(String, Option<String>, Option<String>)>,
    pub(super) correlation: String,
}

#[derive(Clone)]
pub(super) enum Actor {
    App { app_id: String, principal: String, name: String },
    User { id: String, name: String },
}

#[derive(Default)]
pub(super) struct Audit {
    pub(super) sign_ins: VecDeque<SignIn>,
    pub(super) changes: VecDeque<Change>,
}

impl Audit {
    pub(super) fn sign_in(&mut self, row: SignIn) {
        if self.sign_ins.len() >= ROWS_MAX {
            self.sign_ins.pop_front();
        }
        self.sign_ins.push_back(row);
    }
    pub(super) fn change(&mut self, row: Change) {
        if self.changes.len() >= ROWS_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back(row);
    }
}

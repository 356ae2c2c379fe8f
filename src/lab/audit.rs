//! The tenant's sign-in and audit logs: what readers may see of them, some minutes late.

use super::directory::{Kind, Object};
use super::state::State;
use crate::domain::time::Timestamp;
use serde_json::json;
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
    User { id: String, name: String, upn: Option<String> },
}

/// What is written down about a change.
pub(super) struct Made<'a> {
    pub(super) activity: &'a str,
    pub(super) actor: Actor,
    pub(super) properties: Vec<(String, Option<String>, Option<String>)>,
    /// The record's own ids, and how late it is seen.
    pub(super) ids: [String; 2],
    pub(super) seen: Timestamp,
}

/// Records a change of `object`, which is about to be written. If credentials come or go, both lists
/// are told, as Entra does (reported).
pub(super) fn record(state: &mut State, object: &Object, made: Made<'_>) {
    let Made { activity, actor, mut properties, ids: [id, correlation], seen } = made;
    let before = state.newest(object.kind, &object.id).map_or_else(|| "[]".into(), |o| key_description(&o));
    let after = key_description(object);
    if before != after {
        properties.push(("KeyDescription".into(), Some(before), Some(after)));
    }
    let (category, target_type) = match object.kind {
        Kind::User => ("UserManagement", "User"),
        Kind::ServicePrincipal => ("ApplicationManagement", "ServicePrincipal"),
        Kind::RoleAssignment => ("RoleManagement", "Role"),
        Kind::AppPolicy | Kind::TenantPolicy => ("Policy", "Policy"),
        _ => ("ApplicationManagement", "Application"),
    };
    let row = Change {
        id: format!("Directory_{id}"),
        at: state.now(),
        seen,
        activity: activity.to_owned(),
        category,
        actor,
        target_id: object.id.clone(),
        target_name: object.text("displayName").to_owned(),
        target_type,
        properties,
        correlation,
    };
    state.audit.change(row);
}

/// Every credential of an object, in the form of the audit log: a JSON list of bracketed words.
fn key_description(object: &Object) -> String {
    let entry = |id: &str, kind: &str, usage: &str, name: &Option<String>| {
        let name = name.as_deref().unwrap_or("");
        format!("[KeyIdentifier={id},KeyType={kind},KeyUsage={usage},DisplayName={name}]")
    };
    let keys = object.keys.iter().map(|k| entry(&k.key_id, &k.kind, &k.usage, &k.display_name));
    let passwords = object.passwords.iter().map(|p| entry(&p.key_id, "Password", "Verify", &p.display_name));
    json!(keys.chain(passwords).collect::<Vec<_>>()).to_string()
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

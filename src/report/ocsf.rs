//! The run as OCSF events (schema.ocsf.io), one JSON object a line, for a SIEM. Intents and the log's
//! own housekeeping are left out: the log stays the record, this is a view of it.
//!
//! 1.8.0 has no class for a credential that comes or goes: an API call tells it. 1.9 has
//! User Management, and deprecates Account Change. What each version asks for is written down in
//! `tests/evidence/ocsf/`, and every event is held against it.

use super::record::Record;
use super::words;
use crate::domain::credential::CredentialRef;
use crate::domain::event::{Decision, Event, Sighting};
use crate::domain::id::hex;
use crate::domain::observation::ObjectRole;
use crate::domain::plan::PlannedTarget;
use crate::domain::step::{Effect, Keeper, Proof};
use crate::trail::reader::Read;
use serde_json::{Value, json};

/// The version of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    V1_8,
    /// Not seen released: the schema's main line as of July 2026.
    V1_9,
}

impl Schema {
    pub fn version(self) -> &'static str {
        match self {
            Schema::V1_8 => "1.8.0",
            Schema::V1_9 => "1.9.0-dev",
        }
    }
}

/// What an event is in OCSF.
struct Sort {
    class: u32,
    class_name: &'static str,
    activity: u32,
    activity_name: &'static str,
    success: bool,
}

const ACCOUNT_CHANGE: (u32, &str) = (3001, "Account Change");
const AUTHENTICATION: (u32, &str) = (3002, "Authentication");
const USER: (u32, &str) = (3007, "User Management");
const ENTITY: (u32, &str) = (3004, "Entity Management");
const LIFECYCLE: (u32, &str) = (6002, "Application Lifecycle");
const API: (u32, &str) = (6003, "API Activity");

fn sort((class, class_name): (u32, &'static str), activity: u32, activity_name: &'static str) -> Sort {
    Sort { class, class_name, activity, activity_name, success: true }
}

fn refused(sort: Sort) -> Sort {
    Sort { success: false, ..sort }
}

pub(super) fn lines(record: &Record, origin: &str, schema: Schema) -> String {
    let own = record.lines.iter().filter(|r| r.line.run.as_ref() == Some(&record.run));
    own.filter_map(|read| event(record, origin, read, schema)).map(|value| format!("{value}\n")).collect()
}

fn event(record: &Record, origin: &str, read: &Read, schema: Schema) -> Option<Value> {
    let line = &read.line;
    let is_told = effect(&line.event).is_some()
        || matches!(
            line.event,
            Event::ApprovalRecorded(_) | Event::RunStarted(_) | Event::RunFinished(_) | Event::StepFailed(_)
        );
    if !is_told {
        return None;
    }
    let target = line.target.and_then(|id| record.plan.target(id));
    let target = target.as_ref();
    let is_user = target.is_some_and(|t| t.observation.object(ObjectRole::User).is_some());
    let sort = match &line.event {
        Event::ApprovalRecorded(e) => match e.decision {
            Decision::Approve => sort(ENTITY, 99, "Approve"),
            Decision::Reject => sort(ENTITY, 99, "Reject"),
            Decision::Withdraw => sort(ENTITY, 99, "Withdraw"),
        },
        Event::RunStarted(_) => sort(LIFECYCLE, 3, "Start"),
        Event::RunFinished(_) => sort(LIFECYCLE, 4, "Stop"),
        Event::StepFailed(_) => refused(sort(API, 99, "Other")),
        other => of_effect(effect(other)?, is_user, schema)?,
    };
    let mut value = base(record, origin, read, &sort, schema);
    about(&mut value, record, &sort, &line.event, target);
    Some(value)
}

/// What a step left behind, done or found done.
fn effect(event: &Event) -> Option<&Effect> {
    match event {
        Event::StepDone(e) => Some(&e.effect),
        Event::StepLooked(e) => match &e.sighting {
            Sighting::Done { effect } => Some(effect),
            Sighting::Absent | Sighting::Orphan { .. } => None,
        },
        _ => None,
    }
}

/// The credential that came, went, was tried or proved dead.
fn credential(effect: &Effect) -> Option<&CredentialRef> {
    match effect {
        Effect::Minted { credential, .. }
        | Effect::Attached { credential, .. }
        | Effect::Retired { credential }
        | Effect::Detached { credential }
        | Effect::Discarded { credential }
        | Effect::Verified { credential, .. }
        | Effect::Rechecked { credential, .. } => Some(credential),
        Effect::Proved { credential, .. } => credential.as_ref(),
        _ => None,
    }
}

fn of_effect(effect: &Effect, is_user: bool, schema: Schema) -> Option<Sort> {
    let newer = schema == Schema::V1_9;
    let account = |activity, newer_activity, name| match newer {
        true => sort(USER, newer_activity, name),
        false => sort(ACCOUNT_CHANGE, activity, name),
    };
    Some(match effect {
        // A key pair that is made in a vault is on no account yet.
        Effect::Minted { keeper: Keeper::Store, .. } => sort(API, 1, "Create"),
        Effect::Minted { .. } | Effect::Attached { .. } if newer => {
            sort(USER, 18, "Add Programmatic Credentials")
        }
        Effect::Minted { .. } | Effect::Attached { .. } => sort(API, 1, "Create"),
        Effect::Published { .. } | Effect::Delivered { .. } => sort(API, 1, "Create"),
        Effect::Restored { .. } => sort(API, 3, "Update"),
        Effect::Retired { .. } | Effect::Detached { .. } | Effect::Discarded { .. } if newer => {
            sort(USER, 19, "Remove Programmatic Credentials")
        }
        Effect::Retired { .. } | Effect::Detached { .. } | Effect::Discarded { .. } => sort(API, 4, "Delete"),
        Effect::Verified { .. } | Effect::Rechecked { .. } => sort(AUTHENTICATION, 1, "Logon"),
        Effect::Proved { proof: Proof::Refused | Proof::RefusedNeverSeenAccepted, .. } => {
            refused(sort(AUTHENTICATION, 1, "Logon"))
        }
        Effect::Proved { .. } => sort(API, 2, "Read"),
        Effect::Reset { .. } => account(4, 9, "Password Reset"),
        Effect::Revoked { .. } => sort(AUTHENTICATION, 2, "Logoff"),
        Effect::Blocked { .. } | Effect::Switched { .. } if is_user => account(5, 5, "Disable"),
        Effect::Blocked { .. } | Effect::Switched { .. } => sort(LIFECYCLE, 7, "Disable"),
        Effect::Unblocked if is_user => account(2, 4, "Enable"),
        Effect::Unblocked => sort(LIFECYCLE, 6, "Enable"),
        Effect::Rejected { .. } => refused(sort(API, 3, "Update")),
        Effect::Held { .. } | Effect::Snapshotted { .. } | Effect::Watched { .. } => return None,
    })
}

/// What every event has.
fn base(record: &Record, origin: &str, read: &Read, sort: &Sort, schema: Schema) -> Value {
    let (line, started) = (&read.line, &record.started);
    let Sort { class, class_name, activity, activity_name, success } = sort;
    let category = class / 1000;
    let category_name = if category == 3 { "Identity & Access Management" } else { "Application Activity" };
    json!({
        "activity_id": activity, "activity_name": activity_name,
        "category_uid": category, "category_name": category_name,
        "class_uid": class, "class_name": class_name,
        "type_uid": class * 100 + activity, "type_name": format!("{class_name}: {activity_name}"),
        "severity_id": if *success { 1 } else { 2 }, "status_id": if *success { 1 } else { 2 },
        "status": if *success { "Success" } else { "Failure" },
        "time": line.time.unix_ms(),
        "message": words::event(&line.event),
        "metadata": {
            "version": schema.version(), "uid": format!("{origin}:{}", line.seq), "sequence": line.seq,
            "correlation_uid": record.run, "tenant_uid": record.opened.tenant, "log_name": "reissue.audit",
            "original_time": line.time,
            "product": { "name": "reissue", "vendor_name": "reissue", "version": record.opened.version },
        },
        "actor": {
            "app_name": "reissue",
            "user": { "name": started.operator, "uid": started.identity },
        },
        "unmapped": { "reissue": {
            "event": line.event.name(), "code": line.event.code(), "seq": line.seq, "target": line.target,
            "prev": hex(&line.prev), "leaf": hex(&read.leaf),
            "plan": started.plan, "playbook": started.playbook,
        } },
    })
}

/// What its class asks for besides.
fn about(value: &mut Value, record: &Record, sort: &Sort, event: &Event, target: Option<&PlannedTarget>) {
    let name = target.map_or("reissue", |t| t.name.as_str());
    let uid = target.map_or(record.run.as_str(), |t| t.subject.as_str());
    match sort.class {
        3001 | 3007 => value["user"] = account(name, uid, event, target),
        3002 => {
            value["user"] = account(name, uid, event, target);
            value["service"] = json!({ "name": "Microsoft Entra ID" });
            if !sort.success {
                value["status_detail"] = json!("the old credential was refused, as it should be");
                value["unmapped"]["reissue"]["expected"] = json!(true);
            }
        }
        3004 => {
            value["entity"] = json!({ "name": "plan.jsonl", "type": "Change Plan", "type_id": 99, "uid": record.started.plan });
            if let Event::ApprovalRecorded(e) = event {
                value["actor"]["user"] = json!({ "name": e.approver });
            }
        }
        6002 => {
            value["app"] = json!({ "name": name, "uid": uid, "vendor_name": "reissue" });
            // Who did it is an attribute of this profile here.
            value["metadata"]["profiles"] = json!(["host"]);
        }
        _ => {
            let operation = match event {
                Event::StepDone(e) => record_verb(target, e.step),
                Event::StepLooked(e) => record_verb(target, e.step),
                Event::StepFailed(e) => record_verb(target, e.step),
                _ => "other",
            };
            value["api"] = json!({ "operation": operation });
            value["src_endpoint"] = json!({ "name": "reissue" });
            let kind = target.map_or("run", |t| t.kind.as_str());
            let mut resources = vec![json!({ "name": name, "uid": uid, "type": kind })];
            if let Some(c) = effect(event).and_then(credential) {
                resources.push(json!({ "uid": c.id, "type": c.form.to_string() }));
            }
            value["resources"] = json!(resources);
        }
    }
}

/// Whose account it is: a person's, or an application's own (a service account).
fn account(name: &str, uid: &str, event: &Event, target: Option<&PlannedTarget>) -> Value {
    let is_user = target.is_some_and(|t| t.observation.object(ObjectRole::User).is_some());
    let (kind, type_id) = if is_user { ("User", 1) } else { ("Service", 4) };
    let mut account = json!({ "name": name, "uid": uid, "type": kind, "type_id": type_id });
    if let Some(c) = effect(event).and_then(credential) {
        account["programmatic_credentials"] = json!([{ "uid": c.id, "type": c.form.to_string() }]);
    }
    account
}

fn record_verb(target: Option<&PlannedTarget>, no: u16) -> &'static str {
    target.and_then(|t| t.step(no)).map_or("other", |s| s.verb.name())
}

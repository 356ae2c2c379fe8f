//! The run as OCSF 1.8.0 events (schema.ocsf.io), one JSON object a line, for a SIEM. Intents and
//! the log's own housekeeping are left out: the log stays the record, this is a view of it.

use super::record::Record;
use super::words;
use crate::domain::event::{Decision, Event, Sighting};
use crate::domain::id::hex;
use crate::domain::observation::ObjectRole;
use crate::domain::plan::PlannedTarget;
use crate::domain::step::{Effect, Proof};
use crate::trail::reader::Read;
use serde_json::{Value, json};

/// The version of the schema.
pub const SCHEMA: &str = "1.8.0";

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
const ENTITY: (u32, &str) = (3004, "Entity Management");
const LIFECYCLE: (u32, &str) = (6002, "Application Lifecycle");
const API: (u32, &str) = (6003, "API Activity");

fn sort((class, class_name): (u32, &'static str), activity: u32, activity_name: &'static str) -> Sort {
    Sort { class, class_name, activity, activity_name, success: true }
}

fn refused(sort: Sort) -> Sort {
    Sort { success: false, ..sort }
}

pub(super) fn lines(record: &Record, origin: &str) -> String {
    let own = record.lines.iter().filter(|r| r.line.run.as_ref() == Some(&record.run));
    own.filter_map(|read| event(record, origin, read)).map(|value| format!("{value}\n")).collect()
}

fn event(record: &Record, origin: &str, read: &Read) -> Option<Value> {
    let line = &read.line;
    let target = line.target.and_then(|id| record.plan.changes().find(|t| t.id == id));
    let is_user = target.is_some_and(|t| t.observation.object(ObjectRole::User).is_some());
    let sort = match &line.event {
        Event::ApprovalRecorded(e) => match e.decision {
            Decision::Approve => sort(ENTITY, 99, "Approve"),
            Decision::Reject => sort(ENTITY, 99, "Reject"),
            Decision::Withdraw => sort(ENTITY, 99, "Withdraw"),
        },
        Event::RunStarted(_) => sort(LIFECYCLE, 3, "Start"),
        Event::RunFinished(_) => sort(LIFECYCLE, 4, "Stop"),
        Event::StepDone(e) => of_effect(&e.effect, is_user)?,
        Event::StepLooked(e) => match &e.sighting {
            Sighting::Done { effect } => of_effect(effect, is_user)?,
            Sighting::Absent | Sighting::Orphan { .. } => return None,
        },
        Event::StepFailed(_) => refused(sort(API, 99, "Other")),
        _ => return None,
    };
    let mut value = base(record, origin, read, &sort);
    about(&mut value, record, &sort, &line.event, target);
    Some(value)
}

fn of_effect(effect: &Effect, is_user: bool) -> Option<Sort> {
    Some(match effect {
        Effect::Minted { .. } | Effect::Attached { .. } => sort(API, 1, "Create"),
        Effect::Published { .. } | Effect::Delivered { .. } => sort(API, 1, "Create"),
        Effect::Restored { .. } => sort(API, 3, "Update"),
        Effect::Retired { .. } | Effect::Detached { .. } | Effect::Discarded { .. } => sort(API, 4, "Delete"),
        Effect::Verified { .. } | Effect::Rechecked { .. } => sort(AUTHENTICATION, 1, "Logon"),
        Effect::Proved { proof: Proof::Refused | Proof::RefusedNeverSeenAccepted, .. } => {
            refused(sort(AUTHENTICATION, 1, "Logon"))
        }
        Effect::Proved { .. } => sort(API, 2, "Read"),
        Effect::Reset { .. } => sort(ACCOUNT_CHANGE, 4, "Password Reset"),
        Effect::Revoked { .. } => sort(AUTHENTICATION, 2, "Logoff"),
        Effect::Blocked { .. } | Effect::Switched { .. } if is_user => sort(ACCOUNT_CHANGE, 5, "Disable"),
        Effect::Blocked { .. } | Effect::Switched { .. } => sort(LIFECYCLE, 7, "Disable"),
        Effect::Unblocked if is_user => sort(ACCOUNT_CHANGE, 2, "Enable"),
        Effect::Unblocked => sort(LIFECYCLE, 6, "Enable"),
        Effect::Rejected { .. } => refused(sort(API, 3, "Update")),
        Effect::Held { .. } | Effect::Snapshotted { .. } | Effect::Watched { .. } => return None,
    })
}

/// What every event has.
fn base(record: &Record, origin: &str, read: &Read, sort: &Sort) -> Value {
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
            "version": SCHEMA, "uid": format!("{origin}:{}", line.seq), "sequence": line.seq,
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
        3001 => value["user"] = json!({ "name": name, "uid": uid }),
        3002 => {
            value["user"] = json!({ "name": name, "uid": uid });
            value["service"] = json!({ "name": "Microsoft Entra ID" });
            if !sort.success {
                value["status_detail"] = json!("the old credential was refused, as it should be");
                value["unmapped"]["reissue"]["expected"] = json!(true);
            }
        }
        3004 => {
            value["entity"] =
                json!({ "name": "plan.jsonl", "type": "Change Plan", "uid": record.started.plan });
            if let Event::ApprovalRecorded(e) = event {
                value["actor"]["user"] = json!({ "name": e.approver });
            }
        }
        6002 => value["app"] = json!({ "name": name, "uid": uid, "vendor_name": "reissue" }),
        _ => {
            let operation = match event {
                Event::StepDone(e) => record_verb(target, e.step),
                Event::StepLooked(e) => record_verb(target, e.step),
                Event::StepFailed(e) => record_verb(target, e.step),
                _ => "other",
            };
            value["api"] = json!({ "operation": operation });
            value["src_endpoint"] = json!({ "name": "reissue" });
            value["resources"] =
                json!([{ "name": name, "uid": uid, "type": target.map(|t| t.kind.as_str()) }]);
        }
    }
}

fn record_verb(target: Option<&PlannedTarget>, no: u16) -> &'static str {
    target.and_then(|t| t.step(no)).map_or("other", |s| s.verb.name())
}

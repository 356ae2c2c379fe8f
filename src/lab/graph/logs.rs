//! Sign-in logs, audit logs and activity reports: what the tenant tells of itself, minutes late.
//! v1.0 shows interactive sign-ins of users; beta shows the other kinds, by `signInEventTypes`,
//! and which credential a service principal used.

use super::caller::Need;
use super::change::as_map;
use super::filter::{Filter, parse};
use super::{Call, error, reply};
use crate::domain::time::Timestamp;
use crate::lab::answer::Outcome;
use crate::lab::audit::{Actor, Change, Principal, SignIn};
use http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The activity reports lag by about a day (reported; Microsoft names no figure).
const ACTIVITY_LAG: Duration = Duration::from_secs(86_400);
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    call.require(Need::ReadLogs)?;
    match (&call.ask.method, rest) {
        (&Method::GET, ["signIns" | "signins"]) => {
            let rows = sign_ins(call);
            call.newest_first("auditLogs/signIns", rows, |s| sign_in(s, call.beta))
        }
        (&Method::GET, ["signIns" | "signins", id]) => {
            let now = call.state.now();
            let found = call.state.audit.sign_ins.iter().find(|s| s.id == *id && s.seen <= now);
            let row = sign_in(found.ok_or_else(|| error::not_found(id))?, call.beta);
            Ok(reply::entity(call.ask, "auditLogs/signIns", row))
        }
        (&Method::GET, ["directoryAudits" | "directoryaudits"]) => {
            let rows = changes(call);
            call.newest_first("auditLogs/directoryAudits", rows, change)
        }
        (&Method::GET, ["directoryAudits" | "directoryaudits", id]) => {
            let now = call.state.now();
            let found = call.state.audit.changes.iter().find(|c| c.id == *id && c.seen <= now);
            let row = change(found.ok_or_else(|| error::not_found(id))?);
            Ok(reply::entity(call.ask, "auditLogs/directoryAudits", row))
        }
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::no_segment("auditLogs")),
    }
}

/// A key that sorts newer rows first.
fn key(at: Timestamp, id: &str) -> String {
    format!("{:016}-{id}", 9_999_999_999_999_999_i64 - at.unix_ms())
}

/// The filter's lower bound on a time, so that old rows need not be looked at.
fn since(filter: Option<&Filter>, field: &str) -> Timestamp {
    filter.and_then(|f| f.at_least(field)).and_then(|t| t.parse().ok()).unwrap_or(Timestamp::from_unix_s(0))
}

fn sign_ins<'a>(call: &'a Call<'_>) -> Vec<(String, &'a SignIn)> {
    let now = call.state.now();
    let filter = call.ask.option("$filter").and_then(parse);
    let asked = call.ask.option("$filter").unwrap_or("");
    let wants_apps = call.beta && asked.contains("'servicePrincipal'");
    let wants_users =
        !call.beta || asked.contains("'interactiveUser'") || !asked.contains("signInEventTypes");
    let apps = filter.as_ref().and_then(|f| f.among("appId"));
    let rows = &call.state.audit.sign_ins;
    let from = rows.partition_point(|s| s.at < since(filter.as_ref(), "createdDateTime"));
    rows.iter()
        .skip(from)
        .filter(|s| {
            s.seen <= now && apps.as_ref().is_none_or(|a| a.iter().any(|a| a.eq_ignore_ascii_case(&s.app_id)))
        })
        .filter(|s| if matches!(s.principal, Principal::User { .. }) { wants_users } else { wants_apps })
        .map(|s| (key(s.at, &s.id), s))
        .collect()
}

fn sign_in(s: &SignIn, beta: bool) -> Map<String, Value> {
    let (user, user_name, upn) = match &s.principal {
        Principal::User { id, name, upn } => (id.as_str(), name.as_str(), upn.as_str()),
        Principal::ServicePrincipal { .. } => (NOBODY, "", ""),
    };
    let is_user = matches!(s.principal, Principal::User { .. });
    let mut row = as_map(json!({
        "id": s.id, "createdDateTime": s.at.to_string(), "appId": s.app_id, "appDisplayName": s.app_name,
        "userId": user, "userDisplayName": user_name, "userPrincipalName": upn, "ipAddress": s.ip,
        "clientAppUsed": if is_user { "Browser" } else { "" }, "correlationId": s.correlation,
        "conditionalAccessStatus": "notApplied", "isInteractive": is_user, "appliedConditionalAccessPolicies": [],
        "riskDetail": "none", "riskLevelAggregated": "none", "riskLevelDuringSignIn": "none", "riskState": "none",
        "riskEventTypes_v2": [], "resourceDisplayName": s.resource, "resourceId": super::permissions::GRAPH_APP,
        "status": {"errorCode": s.error, "failureReason": if s.error == 0 { "Other." } else { s.reason.as_str() }, "additionalDetails": null},
        "location": {"city": "", "state": "", "countryOrRegion": "US", "geoCoordinates": {"altitude": null, "latitude": null, "longitude": null}},
    }));
    if let (true, Principal::ServicePrincipal { id, name }) = (beta, &s.principal) {
        let kind = if s.thumbprint.is_some() { "certificate" } else { "clientSecret" };
        row.extend(as_map(json!({
            "signInEventTypes": ["servicePrincipal"], "servicePrincipalId": id, "servicePrincipalName": name,
            "servicePrincipalCredentialKeyId": s.key_id.as_deref().unwrap_or(""),
            "servicePrincipalCredentialThumbprint": s.thumbprint.as_deref().unwrap_or(""), "clientCredentialType": kind,
        })));
    } else if beta {
        row.insert("signInEventTypes".into(), json!(["interactiveUser"]));
    }
    row
}

fn changes<'a>(call: &'a Call<'_>) -> Vec<(String, &'a Change)> {
    let now = call.state.now();
    let filter = call.ask.option("$filter").and_then(parse);
    let rows = &call.state.audit.changes;
    let from = rows.partition_point(|c| c.at < since(filter.as_ref(), "activityDateTime"));
    rows.iter().skip(from).filter(|c| c.seen <= now).map(|c| (key(c.at, &c.id), c)).collect()
}

fn change(c: &Change) -> Map<String, Value> {
    let actor = match &c.actor {
        Actor::App { app_id, principal, name } => {
            json!({"user": null, "app": {"appId": app_id, "displayName": name, "servicePrincipalId": principal, "servicePrincipalName": null}})
        }
        Actor::User { id, name, upn } => {
            json!({"app": null, "user": {"id": id, "displayName": name, "userPrincipalName": upn, "ipAddress": null}})
        }
    };
    let properties: Vec<Value> = c
        .properties
        .iter()
        .map(|(name, old, new)| json!({"displayName": name, "oldValue": old, "newValue": new}))
        .collect();
    as_map(json!({
        "id": c.id, "category": c.category, "correlationId": c.correlation, "result": "success", "resultReason": "",
        "activityDisplayName": c.activity, "activityDateTime": c.at.to_string(), "loggedByService": "Core Directory",
        "operationType": "Update", "initiatedBy": actor,
        "targetResources": [{"id": c.target_id, "displayName": c.target_name, "type": c.target_type, "modifiedProperties": properties}],
        "additionalDetails": [],
    }))
}

/// `/reports`: beta only. Last use by credential, and by application.
pub(super) fn reports(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    call.require(Need::ReadLogs)?;
    if !call.beta {
        return Err(error::no_segment(rest.first().unwrap_or(&"reports")));
    }
    match (&call.ask.method, rest) {
        (&Method::GET, ["appCredentialSignInActivities"]) => {
            let rows = by_credential(call);
            call.maps("reports/appCredentialSignInActivities", rows)
        }
        (&Method::GET, ["servicePrincipalSignInActivities"]) => {
            let rows = by_application(call);
            call.maps("reports/servicePrincipalSignInActivities", rows)
        }
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::no_segment("reports")),
    }
}

/// The last successful sign-in of each key, as far as the report has come.
fn last_uses<'a>(
    call: &'a Call<'_>,
    by: impl Fn(&'a SignIn) -> Option<&'a str>,
) -> BTreeMap<&'a str, &'a SignIn> {
    let now = call.state.now();
    let done = call.state.audit.sign_ins.iter().filter(|s| s.error == 0 && now.since(s.at) >= ACTIVITY_LAG);
    done.filter_map(|s| Some((by(s)?, s))).collect()
}

fn by_credential(call: &Call<'_>) -> Vec<Map<String, Value>> {
    let uses = last_uses(call, |s| s.key_id.as_deref());
    let shown = uses.into_iter().map(|(key_id, s)| {
        let (app, principal) = call.state.directory.client(&s.app_id);
        as_map(json!({
            "id": crate::lab::credential::base64_url(format!("{key_id}|application").as_bytes()), "appId": s.app_id,
            "appObjectId": app, "servicePrincipalObjectId": principal, "keyId": key_id,
            "keyType": if s.thumbprint.is_some() { "certificate" } else { "clientSecret" }, "keyUsage": "verify",
            "credentialOrigin": "application", "resourceId": super::permissions::GRAPH_APP,
            "signInActivity": {"lastSignInDateTime": s.at.to_string(), "lastSignInRequestId": s.id},
        }))
    });
    shown.collect()
}

fn by_application(call: &Call<'_>) -> Vec<Map<String, Value>> {
    let uses =
        last_uses(call, |s| (!matches!(s.principal, Principal::User { .. })).then_some(s.app_id.as_str()));
    let shown = uses.into_iter().map(|(app, s)| {
        let activity = json!({"lastSignInDateTime": s.at.to_string(), "lastSignInRequestId": s.id});
        as_map(json!({
            "id": crate::lab::credential::base64_url(app.as_bytes()), "appId": app,
            "applicationAuthenticationClientSignInActivity": activity, "lastSignInActivity": activity,
        }))
    });
    shown.collect()
}

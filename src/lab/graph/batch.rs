//! `$batch`: up to 20 requests in one, each charged and answered on its own (Microsoft Graph:
//! combine requests with JSON batching).

use super::caller::Caller;
use super::{error, one};
use crate::lab::answer::{Answer, Body, Outcome};
use crate::lab::ask::Ask;
use crate::lab::state::State;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const REQUESTS_MAX: usize = 20;

pub(super) fn run(state: &mut State, ask: &Ask, caller: &Caller) -> Outcome {
    let body = ask.json().ok_or_else(super::passwords::malformed)?;
    let requests = body.get("requests").and_then(Value::as_array).cloned().unwrap_or_default();
    let invalid = |why: &str| error::error(400, "BadRequest", why);
    if requests.is_empty() || requests.len() > REQUESTS_MAX {
        return Err(invalid("The number of batch steps must be between 1 and 20."));
    }
    let ids: Vec<String> = requests.iter().map(|r| text(r, "id").to_lowercase()).collect();
    let unique: std::collections::BTreeSet<&String> = ids.iter().collect();
    if unique.len() != ids.len() || ids.iter().any(String::is_empty) {
        return Err(invalid("Request Id has to be unique in a batch."));
    }
    let mut statuses: BTreeMap<String, u16> = BTreeMap::new();
    let mut responses = Vec::new();
    // A step may only name earlier steps, so one pass in order is enough.
    for (request, id) in requests.iter().zip(&ids) {
        let needs: Vec<String> = list(request, "dependsOn").iter().map(|s| s.to_lowercase()).collect();
        if needs.iter().any(|n| !statuses.contains_key(n)) {
            return Err(invalid("A batch step depends on a step that does not come before it."));
        }
        let failed = needs.iter().any(|n| statuses.get(n).is_some_and(|s| *s >= 400));
        let mut answer = if failed {
            error::error(424, "FailedDependency", "A request that this one depends on failed.")
        } else {
            step(state, ask, caller, request, !needs.is_empty())
        };
        let (trace, now) = (state.new_trace_id(), state.now());
        error::finish(&mut answer, &trace, &trace, now);
        statuses.insert(id.clone(), answer.status);
        responses.push(shown(text(request, "id"), answer));
    }
    Ok(Answer::json(200, json!({"responses": responses})))
}

fn text<'a>(request: &'a Value, key: &str) -> &'a str {
    request.get(key).and_then(Value::as_str).unwrap_or("")
}

fn list(request: &Value, key: &str) -> Vec<String> {
    let items = request.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Carries out one inner request with the caller of the batch.
fn step(state: &mut State, ask: &Ask, caller: &Caller, request: &Value, in_sequence: bool) -> Answer {
    let Ok(method) = text(request, "method").to_uppercase().parse::<Method>() else {
        return error::error(400, "BadRequest", "The method of a batch step is invalid.");
    };
    let body = match request.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(body) => Bytes::from(body.to_string()),
    };
    let headers = headers(request);
    if !body.is_empty() && !headers.contains_key("content-type") {
        return error::error(
            400,
            "BadRequest",
            "Write request id : does not contain Content-Type header or body.",
        );
    }
    let version = ask.segments.first().map_or("v1.0", String::as_str);
    let target = format!("/{version}/{}", text(request, "url").trim_start_matches('/'));
    let inner = Ask::new(method, ask.authority.clone(), &target, headers, body);
    one(state, &inner, caller, in_sequence).unwrap_or_else(|refused| refused)
}

fn headers(request: &Value) -> HeaderMap {
    let mut out = HeaderMap::new();
    for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let name = name.parse::<HeaderName>();
        let value = value.as_str().and_then(|v| v.parse::<HeaderValue>().ok());
        if let (Ok(name), Some(value)) = (name, value) {
            out.insert(name, value);
        }
    }
    out
}

fn shown(id: &str, answer: Answer) -> Value {
    let mut headers: Map<String, Value> = answer
        .headers
        .into_iter()
        .map(|(k, v)| (if k == "retry-after" { "Retry-After".into() } else { k.to_owned() }, json!(v)))
        .collect();
    let mut out = json!({"id": id, "status": answer.status});
    match answer.body {
        Body::Json(body) => {
            headers.insert("Content-Type".into(), json!("application/json"));
            out["body"] = body;
        }
        Body::Html(text) => out["body"] = json!(text),
        Body::Empty | Body::Xml(_) | Body::Bytes(_) => {}
    }
    out["headers"] = Value::Object(headers);
    out
}

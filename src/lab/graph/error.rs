//! Errors of Microsoft Graph: `error.code`, `message` and `innerError` (Microsoft Graph error
//! responses and resource types).

use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Body};
use serde_json::json;

pub(in crate::lab) fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({"error": {"code": code, "message": message, "innerError": {}}}))
}

pub(in crate::lab) fn bad_request(message: &str) -> Answer {
    error(400, "Request_BadRequest", message)
}

pub(in crate::lab) fn unsupported(message: &str) -> Answer {
    error(400, "Request_UnsupportedQuery", message)
}

pub(in crate::lab) fn not_found(id: &str) -> Answer {
    error(
        404,
        "Request_ResourceNotFound",
        &format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
        ),
    )
}

/// A path that Graph does not know.
pub(in crate::lab) fn no_segment(segment: &str) -> Answer {
    error(400, "BadRequest", &format!("Resource not found for the segment '{segment}'."))
}

pub(in crate::lab) fn denied() -> Answer {
    error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

/// Two writes on one object: 409 as documented, 503 as reported by azure-cli #23081.
pub(in crate::lab) fn concurrency(status: u16) -> Answer {
    error(
        status,
        "Directory_ConcurrencyViolation",
        "Error due to concurrent requests being made to the tenant. Please wait briefly and retry.",
    )
}

/// Microsoft Graph throttling guidance: 429 `TooManyRequests`.
pub(in crate::lab) fn throttled() -> Answer {
    error(429, "TooManyRequests", "Please retry again later.")
}

pub(in crate::lab) fn unauthenticated(message: &str) -> Answer {
    error(401, "InvalidAuthenticationToken", message)
}

/// Adds what every error carries.
pub(in crate::lab) fn finish(answer: &mut Answer, request_id: &str, client_id: &str, now: Timestamp) {
    let Body::Json(body) = &mut answer.body else { return };
    if let Some(inner) = body.get_mut("error").and_then(|e| e.get_mut("innerError")) {
        *inner =
            json!({"date": &now.to_string()[..19], "request-id": request_id, "client-request-id": client_id});
    }
}

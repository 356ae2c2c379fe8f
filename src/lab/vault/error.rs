//! Errors of Key Vault: `error.code`, `message` and, where there is one, `innererror.code`.

use crate::lab::answer::Answer;
use serde_json::{Value, json};

pub(in crate::lab) fn error(status: u16, code: &str, message: &str, inner: Option<&str>) -> Answer {
    let mut body = json!({"error": {"code": code, "message": message}});
    if let Some(inner) = inner {
        body["error"]["innererror"] = json!({"code": inner});
    }
    Answer::json(status, Value::clone(&body))
}

pub(in crate::lab) fn bad_parameter(message: &str) -> Answer {
    error(400, "BadParameter", message, None)
}

pub(in crate::lab) fn not_found(code: &str, what: &str, name: &str) -> Answer {
    error(
        404,
        code,
        &format!(
            "A {what} with (name/id) {name} was not found in this key vault. If you recently deleted this {what} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
        ),
        None,
    )
}

pub(in crate::lab) fn disabled(what: &str) -> Answer {
    let inner = match what {
        "secret" => "SecretDisabled",
        "certificate" => "CertificateDisabled",
        _ => "KeyDisabled",
    };
    error(403, "Forbidden", &format!("Operation get is not allowed on a disabled {what}."), Some(inner))
}

pub(in crate::lab) fn conflict(inner: &str, what: &str, name: &str) -> Answer {
    let state = if inner == "ObjectIsBeingDeleted" {
        "is currently being deleted"
    } else {
        "is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the object can only be recovered or purged"
    };
    error(409, "Conflict", &format!("{what} {name} {state}."), Some(inner))
}

/// The refusal of Azure RBAC. Its text warns of propagation, and it also comes while a new role
/// assignment propagates.
pub(in crate::lab) fn forbidden_by_rbac(caller: &str, action: &str, resource: &str) -> Answer {
    error(
        403,
        "Forbidden",
        &format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: {caller}\r\nAction: '{action}'\r\nResource: '{resource}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null\r\n"
        ),
        Some("ForbiddenByRbac"),
    )
}

//! Refusals of the login service: AADSTS numbers, OAuth error names and HTTP statuses
//! (Microsoft Entra authentication and authorization error codes).

use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Body};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub(in crate::lab) struct Refusal {
    pub(in crate::lab) code: u32,
    pub(in crate::lab) error: &'static str,
    pub(in crate::lab) status: u16,
    pub(in crate::lab) message: String,
}

impl Refusal {
    pub(in crate::lab) fn new(
        code: u32,
        error: &'static str,
        status: u16,
        message: impl Into<String>,
    ) -> Self {
        Self { code, error, status, message: message.into() }
    }
    pub(in crate::lab) fn client(code: u32, message: impl Into<String>) -> Self {
        Self::new(code, "invalid_client", 401, message)
    }
    pub(in crate::lab) fn grant(code: u32, message: impl Into<String>) -> Self {
        Self::new(code, "invalid_grant", 400, message)
    }
    pub(in crate::lab) fn request(code: u32, message: impl Into<String>) -> Self {
        Self::new(code, "invalid_request", 400, message)
    }
    pub(in crate::lab) fn wrong_secret(app_id: &str) -> Self {
        Self::client(
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{app_id}'."
            ),
        )
    }
    pub(in crate::lab) fn expired_secret(app_id: &str) -> Self {
        Self::client(
            7_000_222,
            format!(
                "The provided client secret keys for app '{app_id}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."
            ),
        )
    }
    pub(in crate::lab) fn no_app(app_id: &str, tenant: &str) -> Self {
        Self::new(
            700_016,
            "unauthorized_client",
            400,
            format!(
                "Application with identifier '{app_id}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
            ),
        )
    }
    pub(in crate::lab) fn disabled(app_id: &str, name: &str) -> Self {
        Self::new(
            7_000_112,
            "unauthorized_client",
            400,
            format!("Application '{app_id}'({name}) is disabled."),
        )
    }
    pub(in crate::lab) fn no_tenant(name: &str) -> Self {
        Self::request(
            90_002,
            format!(
                "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
            ),
        )
    }
    /// The tenant is throttled.
    pub(in crate::lab) fn busy() -> Self {
        Self::new(
            90_055,
            "temporarily_unavailable",
            429,
            "The server is terminating the request because the tenant exceeded its request rate.",
        )
    }
    pub(in crate::lab) fn transient() -> Self {
        Self::new(90_033, "temporarily_unavailable", 503, "A transient error has occurred. Please try again.")
    }
    /// A refusal that only its number names: for scenes that want one of the many that the lab
    /// does not come to by itself (Microsoft Entra authentication error codes).
    pub(in crate::lab) fn known(code: u32, app_id: &str) -> Self {
        let (error, status, message) = match code {
            7_000_215 => return Self::wrong_secret(app_id),
            7_000_222 => return Self::expired_secret(app_id),
            7_000_112 | 70_001 => return Self::disabled(app_id, "lab"),
            700_016 => return Self::no_app(app_id, "lab"),
            90_055 => return Self::busy(),
            1_000_031 => (
                "unauthorized_client",
                400,
                "Application cannot be accessed at this time. Contact your administrator.",
            ),
            50_132 | 50_133 => {
                ("invalid_grant", 400, "Session is invalid due to expiration or recent password change.")
            }
            50_053 => (
                "invalid_grant",
                400,
                "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
            ),
            50_173 => (
                "invalid_grant",
                400,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
            ),
            50_196 => (
                "invalid_grant",
                400,
                "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
            ),
            53_003 => (
                "invalid_grant",
                400,
                "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
            ),
            530_032 => ("invalid_grant", 400, "Blocked by security policy."),
            65_001 => {
                ("invalid_grant", 400, "The user or administrator has not consented to use the application.")
            }
            90_094 => ("invalid_grant", 400, "An administrator of the tenant has to consent."),
            90_038 | 900_382 => {
                ("invalid_request", 400, "Confidential Client is not supported in Cross Cloud request.")
            }
            90_012 | 90_024 | 90_033 | 90_090 | 50_033 => {
                ("temporarily_unavailable", 503, "A transient error has occurred. Please try again.")
            }
            _ => ("invalid_request", 400, "The request was refused."),
        };
        Self::new(code, error, status, message)
    }
    /// The reply, still without its trace ids: [`finish`] adds them.
    pub(in crate::lab) fn answer(&self) -> Answer {
        Answer::json(self.status, json!({"error": self.error, "message": self.message, "code": self.code}))
    }
}

/// Completes a refusal's body with the fields that every one of them has.
pub(in crate::lab) fn finish(
    answer: &mut Answer,
    trace: &str,
    correlation: &str,
    host: &str,
    now: Timestamp,
) {
    let Body::Json(body) = &mut answer.body else { return };
    let Some(code) = body.get("code").and_then(Value::as_u64) else { return };
    let message = body.get("message").and_then(Value::as_str).unwrap_or("").to_owned();
    let time = now.short();
    *body = json!({
        "error": body["error"],
        "error_description": format!("AADSTS{code}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"),
        "error_codes": [code],
        "timestamp": time,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://{host}/error?code={code}"),
    });
}

//! A write to the tenant, as its request says it.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    AddSecret {
        object: String,
    },
    RemoveSecret {
        object: String,
        key: String,
    },
    /// The whole list of certificates, by their keys.
    ReplaceKeys {
        object: String,
        keys: Vec<String>,
    },
    RemoveKey {
        object: String,
        key: String,
    },
    Switch {
        object: String,
        on: bool,
    },
    ResetPassword {
        object: String,
        value: String,
    },
    Revoke {
        object: String,
    },
    SetSecret {
        name: String,
        value: String,
    },
    CreateCertificate {
        name: String,
    },
    DeleteCertificate {
        name: String,
    },
    /// What says who runs, or a piece of the mirror.
    Guard(String),
    Other(String),
}

impl Write {
    /// The object that one writer at a time may write to.
    pub(crate) fn object(&self) -> &str {
        match self {
            Write::AddSecret { object }
            | Write::RemoveSecret { object, .. }
            | Write::ReplaceKeys { object, .. }
            | Write::RemoveKey { object, .. }
            | Write::Switch { object, .. }
            | Write::ResetPassword { object, .. }
            | Write::Revoke { object } => object,
            Write::SetSecret { name, .. }
            | Write::CreateCertificate { name }
            | Write::DeleteCertificate { name } => name,
            Write::Guard(what) | Write::Other(what) => what,
        }
    }
    /// Without the value.
    pub(crate) fn show(&self) -> String {
        match self {
            Write::SetSecret { name, .. } => format!("SetSecret {name}"),
            Write::ResetPassword { object, .. } => format!("ResetPassword {object}"),
            other => format!("{other:?}"),
        }
    }

    /// None for a request that changes nothing.
    pub(crate) fn read(request: &Request<Bytes>) -> Option<Self> {
        let host = request.uri().host().unwrap_or_default();
        let (method, path) = (request.method(), request.uri().path());
        if matches!(*method, Method::GET | Method::HEAD) || host.starts_with("login.") {
            return None;
        }
        if host.contains(".blob.") {
            return Some(Write::Guard(path.to_owned()));
        }
        let mut parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        if parts.first() == Some(&"v1.0") {
            parts.remove(0);
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is = |wanted: Method| *method == wanted;
        Some(match parts[..] {
            // Only reads are batched: a batch that writes would reach the lab's ledger unannounced.
            // A signature changes nothing.
            ["$batch"] | ["keys", .., "sign"] => return None,
            ["applications" | "servicePrincipals", id, "addPassword"] => {
                Write::AddSecret { object: id.to_owned() }
            }
            ["applications" | "servicePrincipals", id, "removePassword"] => {
                Write::RemoveSecret { object: id.to_owned(), key: text("keyId") }
            }
            ["applications" | "servicePrincipals", id, "removeKey"] => {
                Write::RemoveKey { object: id.to_owned(), key: text("keyId") }
            }
            ["applications" | "servicePrincipals" | "users", id] if is(Method::PATCH) => {
                patch(id, &body).unwrap_or_else(|| Write::Other(format!("PATCH {path}")))
            }
            ["users", id, "revokeSignInSessions"] => Write::Revoke { object: id.to_owned() },
            ["secrets", name] if is(Method::PUT) && crate::shift::is_about_the_run(name) => {
                Write::Guard(name.to_owned())
            }
            ["secrets", name] if is(Method::PUT) => {
                Write::SetSecret { name: name.to_owned(), value: text("value") }
            }
            ["certificates", name, "create"] => Write::CreateCertificate { name: name.to_owned() },
            ["certificates", name] if is(Method::DELETE) => {
                Write::DeleteCertificate { name: name.to_owned() }
            }
            _ => Write::Other(format!("{method} {path}")),
        })
    }
}

/// A change of one property; of several, it is none that anybody asked for.
fn patch(id: &str, body: &Value) -> Option<Write> {
    let (fields, object) = (body.as_object()?, id.to_owned());
    let mut fields = fields.iter();
    let ((name, value), None) = (fields.next()?, fields.next()) else { return None };
    Some(match name.as_str() {
        "keyCredentials" => {
            let keys = value.as_array()?.iter().filter_map(|k| k["keyId"].as_str().map(str::to_owned));
            Write::ReplaceKeys { object, keys: keys.collect() }
        }
        "isDisabled" => Write::Switch { object, on: value.as_bool() != Some(true) },
        "accountEnabled" => Write::Switch { object, on: value.as_bool()? },
        "passwordProfile" => Write::ResetPassword { object, value: value["password"].as_str()?.to_owned() },
        _ => return None,
    })
}

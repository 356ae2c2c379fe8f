//! Recording exchanges as JSON lines, one an exchange, for judging against API descriptions:
//! `{"method","url","request_headers","request_body","status","response_headers","response_body"}`.
//!
//! Secret fields are replaced by a fixed word before a line leaves this module. Left out is what no
//! API description of ours covers: see [`keeps`].

use super::ask::Ask;
use super::hosts::Surface;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Takes each line, without a line break.
pub(super) type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// What stands for a secret. Two dots, so that it also stands where a JWT is wanted.
pub const REDACTED: &str = "redacted.redacted.redacted";

/// JSON and form fields whose text is secret or may be. `value` is a vault's secret, a key or a
/// signature; a list or a flag of that name is none.
const SECRET: [&str; 19] = [
    "access_token",
    "client_assertion",
    "client_secret",
    "d",
    "dp",
    "dq",
    "id_token",
    "k",
    "newpassword",
    "p",
    "password",
    "proof",
    "pwd",
    "q",
    "qi",
    "refresh_token",
    "secrettext",
    "temporaryaccesspass",
    "value",
];
/// Certificates are public, but long, and base64 must stay base64.
const KEY_MATERIAL: [&str; 3] = ["key", "cer", "csr"];

/// Whether an exchange is recorded: Graph, vaults and the token endpoint are. The rest of the
/// login host (discovery, signing keys, user realm) and the management hosts are not: they answer
/// what clients ask on their way, and nothing here can judge them.
pub(super) fn keeps(surface: &Surface, ask: &Ask) -> bool {
    match surface {
        Surface::Graph | Surface::Vault(_) => true,
        Surface::Login => matches!(ask.path_parts().as_slice(), [_, "oauth2", "v2.0", "token"]),
        Surface::Blob(_) | Surface::Management | Surface::Nowhere => false,
    }
}

/// One exchange as a line.
pub(super) fn line(ask: &Ask, response: &http::Response<Bytes>) -> String {
    let url = format!("https://{}{}", ask.authority, ask.target);
    let kind = ask.header("content-type").unwrap_or("");
    let request_body = body(&ask.body, kind);
    let response_kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
    json!({
        "method": ask.method.as_str(),
        "url": url,
        "request_headers": headers(&ask.headers),
        "request_body": request_body,
        "status": response.status().as_u16(),
        "response_headers": headers(response.headers()),
        "response_body": body(response.body(), response_kind),
    })
    .to_string()
}

fn headers(map: &HeaderMap) -> Value {
    let shown = map.iter().map(|(name, value)| {
        let secret = name == http::header::AUTHORIZATION || name == http::header::COOKIE;
        let text = if secret { "redacted" } else { value.to_str().unwrap_or("") };
        (name.as_str().to_owned(), json!(text))
    });
    Value::Object(shown.collect())
}

fn body(bytes: &Bytes, kind: &str) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    if kind.contains("x-www-form-urlencoded") {
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(bytes) {
            let secret = SECRET.contains(&name.to_ascii_lowercase().as_str());
            out.append_pair(&name, if secret { REDACTED } else { &value });
        }
        return json!(out.finish());
    }
    match serde_json::from_slice::<Value>(bytes) {
        Ok(mut value) => {
            scrub(&mut value);
            value
        }
        // Neither form nor JSON: nobody can say what is secret in it.
        Err(_) => json!("redacted"),
    }
}

fn scrub(value: &mut Value) {
    match value {
        Value::Object(map) => scrub_map(map),
        Value::Array(items) => items.iter_mut().for_each(scrub),
        _ => {}
    }
}

fn scrub_map(map: &mut Map<String, Value>) {
    for (name, value) in map {
        let name = name.to_ascii_lowercase();
        match value {
            Value::String(text) if SECRET.contains(&name.as_str()) => *text = REDACTED.into(),
            Value::String(text) if KEY_MATERIAL.contains(&name.as_str()) => *text = "redacted".into(),
            other => scrub(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_keys_and_management_are_left_out() {
        let kept = |surface: Surface, path: &str| {
            let ask = Ask::new(http::Method::GET, String::new(), path, HeaderMap::new(), Bytes::new());
            keeps(&surface, &ask)
        };
        assert!(kept(Surface::Login, "/11111111/oauth2/v2.0/token"));
        assert!(kept(Surface::Graph, "/v1.0/$metadata") && kept(Surface::Vault("kv".into()), "/secrets"));
        for path in [
            "/common/discovery/instance?api-version=1.1",
            "/11111111/discovery/v2.0/keys",
            "/organizations/v2.0/.well-known/openid-configuration",
            "/common/userrealm/a@lab.test",
        ] {
            assert!(!kept(Surface::Login, path), "{path}");
        }
        assert!(!kept(Surface::Management, "/subscriptions"));
    }

    #[test]
    fn no_secret_reaches_a_line() {
        let form = "client_id=a&client_secret=canary-1&client_assertion=canary-2&scope=s";
        let shown = body(&Bytes::from(form), "application/x-www-form-urlencoded").to_string();
        assert!(!shown.contains("canary") && shown.contains("scope=s"));
        let nested = json!({"value": [{"value": "canary-3", "passwordProfile": {"password": "canary-4"}}], "secretText": "canary-5", "isOn": true});
        let shown = body(&Bytes::from(nested.to_string()), "application/json").to_string();
        assert!(!shown.contains("canary") && shown.contains("isOn"), "{shown}");
        assert_eq!(body(&Bytes::from("canary-6"), "text/plain"), json!("redacted"));
        let mut map = HeaderMap::new();
        map.insert("authorization", http::HeaderValue::from_static("Bearer canary-7"));
        assert!(!headers(&map).to_string().contains("canary"));
    }
}

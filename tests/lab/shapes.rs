//! The shapes of replies, after the official descriptions: templates, and what fits them.
//!
//! A template is JSON. A word stands for a kind of value (see [`is`]), `word|null` allows null,
//! `=text` is that very text, `absent` forbids the field, and a list's one item stands for all of
//! them. A field whose name ends in `?` may be missing; other fields than those named may come.

use reissue::domain::id::ObjectId;
use reissue::domain::time::Timestamp;
use serde_json::{Value, json};

/// Whether a value is what a word says.
fn is(word: &str, found: &Value) -> bool {
    let text = found.as_str();
    match word {
        "null" => found.is_null(),
        "bool" => found.is_boolean(),
        "count" => found.is_u64(),
        "text" => text.is_some_and(|t| !t.is_empty()),
        "url" => text.is_some_and(|t| t.starts_with("https://")),
        "id" => text.is_some_and(|t| t.parse::<ObjectId>().is_ok()),
        "time" => text.is_some_and(|t| t.ends_with('Z') && t.parse::<Timestamp>().is_ok()),
        "jwt" => text.is_some_and(|t| t.split('.').count() == 3 && t.split('.').all(|part| !part.is_empty())),
        literal => text.is_some_and(|t| Some(t) == literal.strip_prefix('=')),
    }
}

/// Notes each way in which `found` does not fit.
pub fn fit(template: &Value, found: &Value, at: &str, wrong: &mut Vec<String>) {
    match (template, found) {
        (Value::String(word), _) => {
            let fits = match word.strip_suffix("|null") {
                Some(word) => found.is_null() || is(word, found),
                None => is(word, found),
            };
            if !fits {
                wrong.push(format!("{at} is not {word}"));
            }
        }
        (Value::Object(fields), Value::Object(map)) => {
            for (name, template) in fields {
                let (name, optional) = name.strip_suffix('?').map_or((name.as_str(), false), |n| (n, true));
                match map.get(name) {
                    Some(_) if template == "absent" => wrong.push(format!("{at}.{name} should not be there")),
                    Some(found) => fit(template, found, &format!("{at}.{name}"), wrong),
                    None if optional || template == "absent" => {}
                    None => wrong.push(format!("{at}.{name} is missing")),
                }
            }
        }
        (Value::Array(items), Value::Array(list)) => {
            for (n, found) in list.iter().enumerate() {
                fit(&items[0], found, &format!("{at}[{n}]"), wrong);
            }
        }
        (Value::Null, Value::Null) => {}
        _ => wrong.push(format!("{at} is of another kind")),
    }
}

fn password() -> Value {
    json!({
        "customKeyIdentifier": "null", "displayName": "text|null", "endDateTime": "time", "hint": "text|null",
        "keyId": "id", "secretText": "null", "startDateTime": "time"
    })
}

/// Credentials never show what they hold, wherever they are listed.
fn application() -> Value {
    json!({
        "id": "id", "appId": "id", "displayName": "text", "passwordCredentials": [password()],
        "createdDateTime?": "time", "signInAudience?": "=AzureADMyOrg", "identifierUris?": ["text"],
        "keyCredentials?": [{"keyId": "id", "key": "null", "type": "text", "usage": "text"}],
        "requiredResourceAccess?": [{}], "isDisabled?": "bool|null", "publisherDomain?": "text",
        "secretText": "absent"
    })
}

fn service_principal() -> Value {
    json!({
        "id": "id", "appId": "id", "displayName": "text", "accountEnabled": "bool",
        "appDisplayName": "text", "appOwnerOrganizationId": "id", "servicePrincipalType": "=Application",
        "servicePrincipalNames": ["text"], "passwordCredentials": [password()], "keyCredentials": [{}],
        "signInAudience": "=AzureADMyOrg", "tags": ["text"]
    })
}

fn user() -> Value {
    json!({
        "id": "id", "userPrincipalName": "text", "displayName": "text", "businessPhones": ["text"],
        "givenName": "text|null", "jobTitle": "text|null", "mail": "text|null", "mobilePhone": "text|null",
        "officeLocation": "text|null", "preferredLanguage": "text|null", "surname": "text|null",
        "passwordProfile": "absent"
    })
}

fn entity(mut object: Value) -> Value {
    object["@odata.context"] = json!("url");
    object
}

fn page(object: Value) -> Value {
    json!({"@odata.context": "url", "@odata.count?": "count", "@odata.nextLink?": "url", "value": [object]})
}

fn graph_error(code: &str) -> Value {
    let inner = json!({"date": "text", "request-id": "id", "client-request-id": "id"});
    json!({"error": {"code": format!("={code}"), "message": "text", "innerError": inner}})
}

fn attributes() -> Value {
    json!({
        "enabled": "bool", "created": "count", "updated": "count", "exp?": "count", "nbf?": "count",
        "recoveryLevel": "=Recoverable+Purgeable", "recoverableDays": "count"
    })
}

/// A secret as it is listed or changed: without its value.
fn item() -> Value {
    json!({"id": "url", "attributes": attributes(), "contentType?": "text", "tags?": {}, "value": "absent"})
}

fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut object, more) {
        fields.extend(more);
    }
    object
}

fn vault_error(code: &str) -> Value {
    json!({"error": {"code": format!("={code}"), "message": "text"}})
}

fn token() -> Value {
    json!({"token_type": "=Bearer", "expires_in": "count", "ext_expires_in": "count", "access_token": "jwt", "refresh_token": "absent"})
}

fn token_error() -> Value {
    json!({
        "error": "=invalid_client", "error_description": "text", "error_codes": ["count"], "timestamp": "text",
        "trace_id": "id", "correlation_id": "id", "error_uri": "url", "access_token": "absent"
    })
}

fn discovery() -> Value {
    json!({
        "issuer": "url", "token_endpoint": "url", "authorization_endpoint": "url", "jwks_uri": "url",
        "response_types_supported": ["text"], "subject_types_supported": ["text"],
        "id_token_signing_alg_values_supported": ["=RS256"]
    })
}

fn metadata() -> Value {
    json!({
        "authentication": {"loginEndpoint": "url", "audiences": ["url"], "tenant": "text"}, "graph": "url",
        "microsoftGraphResourceId": "url", "resourceManager": "url", "suffixes": {"keyVaultDns": "text"}
    })
}

/// The template for an answer of this status to a request; the service is the host's first label,
/// `vault` for any vault.
pub fn of(service: &str, method: &str, parts: &[&str], status: u64) -> Option<Value> {
    Some(match (service, method, status, parts) {
        ("login", "GET", 200, [_, "v2.0", ".well-known", "openid-configuration"]) => discovery(),
        ("login", "POST", 200, [_, "oauth2", "v2.0", "token"]) => token(),
        ("login", "POST", 401, [_, "oauth2", "v2.0", "token"]) => token_error(),
        ("management", "GET", 200, ["metadata", "endpoints"]) => metadata(),
        ("management", "GET", 200, ["subscriptions"]) => {
            json!({"value": [{"id": "text", "subscriptionId": "id", "tenantId": "id", "displayName": "text", "state": "=Enabled"}]})
        }
        ("management", "POST", 200, [.., "storageAccounts", _, "regenerateKey" | "listKeys"]) => {
            json!({"keys": [{"keyName": "text", "value": "text", "permissions": "=FULL", "creationTime": "time"}]})
        }
        ("graph", "GET", 200, ["v1.0", "applications"]) => page(application()),
        ("graph", "GET", 200, ["v1.0", "applications", _]) => entity(application()),
        ("graph", "GET", 200, ["v1.0", "servicePrincipals"]) => page(service_principal()),
        ("graph", "GET", 200, ["v1.0", "servicePrincipals", _]) => entity(service_principal()),
        ("graph", "GET", 200, ["v1.0", "users", _]) => entity(user()),
        ("graph", "POST", 200, ["v1.0", "applications", _, "addPassword"]) => {
            entity(with(password(), json!({"secretText": "text", "hint": "text"})))
        }
        ("graph", "POST", 204, ["v1.0", "applications", _, "removePassword"])
        | ("graph", "PATCH", 204, ["v1.0", "servicePrincipals", _]) => Value::Null,
        ("graph", "POST" | "PATCH", 400, _) => graph_error("Request_BadRequest"),
        ("graph", "GET", 404, _) => graph_error("Request_ResourceNotFound"),
        ("vault", _, 401, ["secrets", ..]) => vault_error("Unauthorized"),
        ("vault", "GET", 404, ["secrets", _]) => vault_error("SecretNotFound"),
        ("vault", "GET", 200, ["secrets"] | ["secrets", _, "versions"]) => {
            json!({"value": [item()], "nextLink": "url|null"})
        }
        ("vault", "PUT" | "GET", 200, ["secrets", _] | ["secrets", _, _]) => {
            with(item(), json!({"value": "text"}))
        }
        ("vault", "PATCH", 200, ["secrets", _, _]) => item(),
        ("vault", "DELETE", 200, ["secrets", _]) => {
            with(item(), json!({"recoveryId": "url", "deletedDate": "count", "scheduledPurgeDate": "count"}))
        }
        _ => return None,
    })
}

#[test]
fn what_does_not_fit_is_told() {
    let told = |template: Value, found: Value| {
        let mut wrong = Vec::new();
        fit(&template, &found, "$", &mut wrong);
        wrong.join("; ")
    };
    let template = json!({"a": "id", "b?": "time|null", "c": ["=x"], "d": "absent"});
    let sound = json!({"a": "11111111-1111-1111-1111-111111111111", "b": null, "c": ["x", "x"], "e": 1});
    assert_eq!(told(template.clone(), sound), "");
    let broken = json!({"b": "2026-11-23", "c": ["x", "y"], "d": null});
    assert_eq!(
        told(template.clone(), broken),
        "$.a is missing; $.b is not time|null; $.c[1] is not =x; $.d should not be there"
    );
    assert_eq!(told(template, Value::Null), "$ is of another kind");
    assert_eq!(told(Value::Null, json!({})), "$ is of another kind");
    assert_eq!(told(json!("jwt"), json!("a..c")), "$ is not jwt");
}

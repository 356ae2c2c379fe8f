//! The few management routes that official clients ask for on their way: cloud metadata,
//! subscriptions, and the keys of a storage account.

use super::answer::{Answer, Outcome};
use super::ask::Ask;
use super::credential::base64_std;
use super::hosts;
use super::ledger::Write;
use super::state::State;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Storage account keys, by resource id and key name.
pub(super) type StorageKeys = BTreeMap<(String, String), String>;

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({"error": {"code": code, "message": message}}))
}

/// Answers one request to a management host.
pub(super) fn route(state: &mut State, ask: &Ask) -> Answer {
    answer(state, ask).unwrap_or_else(|refused| refused)
}

fn answer(state: &mut State, ask: &Ask) -> Outcome {
    let parts = ask.path_parts();
    if let (&Method::GET, ["metadata", "endpoints"]) = (&ask.method, parts.as_slice()) {
        return Ok(metadata(ask));
    }
    let caller = authenticate(state, ask)?;
    match (&ask.method, parts.as_slice()) {
        (&Method::GET, ["subscriptions"]) => Ok(Answer::json(
            200,
            json!({"value": [subscription(state)], "count": {"type": "Total", "value": 1}}),
        )),
        (&Method::GET, ["subscriptions", _]) => Ok(Answer::json(200, subscription(state))),
        (&Method::GET, ["tenants"]) => {
            let tenant = &state.options.tenant;
            Ok(Answer::json(
                200,
                json!({"value": [{"id": format!("/tenants/{tenant}"), "tenantId": tenant.as_str(), "displayName": state.options.tenant_name}]}),
            ))
        }
        (&Method::POST, [.., "storageAccounts", account, "listKeys"]) => Ok(list_keys(state, ask, account)),
        (&Method::POST, [.., "storageAccounts", account, "regenerateKey"]) => {
            regenerate(state, ask, account, &caller)
        }
        _ => Err(error(404, "ResourceNotFound", "The Resource was not found.")),
    }
}

fn authenticate(state: &mut State, ask: &Ask) -> Result<String, Answer> {
    let login = hosts::login_host(&ask.authority);
    let challenge = format!(
        "Bearer authorization_uri=\"https://{login}/{}\", error=\"invalid_token\", error_description=\"The authentication failed.\"",
        state.options.tenant
    );
    let refuse = || {
        error(401, "AuthenticationFailed", "Authentication failed.")
            .with("www-authenticate", challenge.clone())
    };
    let token = ask.bearer().ok_or_else(refuse)?;
    let now = state.now();
    let claims = state.tokens.read(token).map_err(|_| refuse())?;
    let audience = format!("https://{}", ask.authority);
    let audiences =
        [audience.as_str(), "https://management.core.windows.net", "https://management.azure.com"];
    claims.check(state.options.tenant.as_str(), &audiences, now).map_err(|_| refuse())?;
    Ok(claims.app_id.clone())
}

fn metadata(ask: &Ask) -> Answer {
    let login = hosts::login_host(&ask.authority);
    let suffix = ask.authority.split_once('.').map_or("", |(_, rest)| rest);
    Answer::json(
        200,
        json!({
            "name": "Lab",
            "portal": format!("https://portal.{suffix}"),
            "authentication": {"loginEndpoint": format!("https://{login}"), "audiences": [format!("https://{}/", ask.authority)], "tenant": "common", "identityProvider": "AAD"},
            "graphAudience": format!("https://graph.{suffix}/"),
            "graph": format!("https://graph.{suffix}/"),
            "microsoftGraphResourceId": format!("https://graph.{suffix}/"),
            "resourceManager": format!("https://{}/", ask.authority),
            "gallery": format!("https://gallery.{suffix}/"),
            "activeDirectoryDataLake": null,
            "suffixes": {"keyVaultDns": format!(".vault.{suffix}"), "storage": suffix, "acrLoginServer": format!("azurecr.{suffix}")},
        }),
    )
}

fn subscription(state: &State) -> Value {
    let id = &state.options.subscription;
    json!({"id": format!("/subscriptions/{id}"), "subscriptionId": id, "tenantId": state.options.tenant.as_str(), "displayName": "Lab", "state": "Enabled", "subscriptionPolicies": {"locationPlacementId": "Internal_2014-09-01", "quotaId": "Internal_2014-09-01", "spendingLimit": "Off"}, "authorizationSource": "RoleBased", "managedByTenants": []})
}

fn storage_key(state: &mut State, account: &str, name: &str, renew: bool) -> String {
    let drawn = base64_std(&state.random.stream("lab-storage-keys").bytes::<64>());
    let slot = state.storage.entry((account.to_owned(), name.to_owned()));
    let value = slot.or_insert_with(|| drawn.clone());
    if renew {
        *value = drawn;
    }
    value.clone()
}

fn all_keys(state: &mut State, account: &str) -> Answer {
    let created = state.now().to_string();
    let keys: Vec<Value> = ["key1", "key2"]
        .iter()
        .map(|name| json!({"creationTime": created, "keyName": name, "value": storage_key(state, account, name, false), "permissions": "FULL"}))
        .collect();
    Answer::json(200, json!({"keys": keys}))
}

fn list_keys(state: &mut State, _ask: &Ask, account: &str) -> Answer {
    all_keys(state, account)
}

fn regenerate(state: &mut State, ask: &Ask, account: &str, caller: &str) -> Outcome {
    let body = ask.json().unwrap_or_default();
    let name = body.get("keyName").and_then(Value::as_str).unwrap_or("");
    if !matches!(name, "key1" | "key2") {
        return Err(error(400, "InvalidKeyName", "The key name is not valid."));
    }
    storage_key(state, account, name, true);
    let write = Write {
        at: state.now(),
        caller: caller.to_owned(),
        operation: "regenerateKey".into(),
        object: format!("storageAccounts/{account}"),
        key_id: Some(name.to_owned()),
    };
    state.ledger.writes.push(write);
    Ok(all_keys(state, account))
}

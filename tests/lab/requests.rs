//! Requests as the official clients send them (recorded from azure-cli, azure-identity,
//! azure-keyvault-secrets, msgraph-sdk and msal against a loopback stub), replayed against the
//! lab: each gets the status that the service documents.

use crate::scene::{OPERATOR, TENANT, client_id, options, record};
use bytes::Bytes;
use reissue::domain::time::Timestamp;
use reissue::env::{Clock, Random};
use reissue::lab::{Lab, LabOptions, Lags, NewApplication, NewUser, SecretSpec, VaultRole};
use serde_json::Value;

/// Client id, name, application object, service principal, as the recording has them.
const APPS: [(&str, &str, &str, &str); 4] = [
    (
        "f4975b54-fc78-5980-824c-684ff3457f48",
        "app-0001",
        "74982817-cd99-5120-9ac3-fa8c6f25fa1d",
        "0d87e2b5-3b1e-5344-be2f-08e2d9514bfd",
    ),
    (
        "1779f800-53cb-544c-b44f-d50145d11cd7",
        "app-0003",
        "62e6790d-8192-5a4a-a7b8-26b36f90531a",
        "004002f8-8e6c-530b-9551-9b1002a13ea0",
    ),
    (
        "6e518146-341c-53f8-95ef-9d76ea6ddb7f",
        "app-0004",
        "5a3f3857-8620-53c0-a1ca-642469765905",
        "10000000-0000-4000-8000-000000000004",
    ),
    (
        "aecb5981-9899-5ede-942c-811c9c35a23e",
        "app-0005",
        "718b02e0-63bd-51b3-a741-be8370ecd9c5",
        "10000000-0000-4000-8000-000000000005",
    ),
];

fn lab() -> Lab {
    let clock = Clock::starting_at("2026-11-23T07:00:00Z".parse::<Timestamp>().unwrap());
    let subscription = "22222222-2222-2222-2222-222222222222".into();
    let lab =
        Lab::new(clock, Random::from_seed(1), LabOptions { lags: Lags::none(), subscription, ..options() });
    record(&lab);
    for (client, name, object, principal) in APPS {
        let mut spec = NewApplication::new(client_id(client), name);
        spec.object_id = Some(object.parse().unwrap());
        spec.service_principal_id = Some(principal.parse().unwrap());
        lab.create_application(spec);
    }
    lab.create_application(NewApplication::new(client_id(OPERATOR), "operator"));
    let fixed = |value: Option<&str>, key: Option<&str>| SecretSpec {
        value: value.map(str::to_owned),
        key_id: key.map(|k| k.parse().unwrap()),
        ..SecretSpec::default()
    };
    lab.add_secret(&client_id(OPERATOR), fixed(Some("sp-secret-value"), None));
    lab.add_secret(&client_id(APPS[1].0), fixed(None, Some("3c5cbdf4-0b77-4f45-bbd3-ae4bac43660c")));
    lab.add_secret(&client_id(APPS[2].0), fixed(None, Some("06edf0db-bf0d-4ab7-bc34-909dba78d921")));
    for permission in ["Application.ReadWrite.All", "User.Read.All", "User-PasswordProfile.ReadWrite.All"] {
        lab.grant_app_permission(&client_id(OPERATOR), permission);
    }
    lab.create_user(NewUser::new("user1@lab.test", "User One"));
    lab.create_vault("lab");
    lab.grant_vault_role(&client_id(OPERATOR), "lab", VaultRole::SecretsOfficer);
    lab.put_vault_version("lab", "s1", "v0", "107acdef99a44480a3ed0393b29e455e");
    lab.put_vault_version("lab", "s2", "v0", "a7edab9c41bc4367aa933deaaa81c3b2");
    lab
}

async fn send(lab: &Lab, recorded: &Value, token: Option<&str>) -> (u16, Value) {
    let text = |key: &str| recorded[key].as_str().unwrap().to_owned();
    let mut request = http::Request::builder()
        .method(text("method").as_str())
        .uri(text("target"))
        .header("host", text("host"));
    for (name, value) in recorded["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let reply = lab.handle(request.body(Bytes::from(text("body"))).unwrap()).await.unwrap();
    (reply.status().as_u16(), serde_json::from_slice(reply.body()).unwrap_or(Value::Null))
}

async fn token(lab: &Lab, resource: &str) -> String {
    let body = format!(
        "client_id={OPERATOR}&client_secret=sp-secret-value&grant_type=client_credentials&scope={resource}/.default"
    );
    let target = format!("/{TENANT}/oauth2/v2.0/token");
    let asked = serde_json::json!({"method": "POST", "target": target, "host": "login.lab.test:8443", "headers": {}, "body": body});
    let (status, body) = send(lab, &asked, None).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn every_recorded_request_gets_its_documented_status() {
    let lab = lab();
    let graph = token(&lab, "https://graph.lab.test:8443/").await;
    let vault = token(&lab, "https://vault.lab.test:8443").await;
    let management = token(&lab, "https://management.lab.test:8443/").await;
    let mut wrong = Vec::new();
    for line in include_str!("client-requests.jsonl").lines() {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let host = recorded["host"].as_str().unwrap();
        let bearer = match host.split('.').next().unwrap() {
            "graph" => &graph,
            "management" => &management,
            _ => &vault,
        };
        let authorized = recorded["authorized"] == Value::Bool(true);
        let (status, body) = send(&lab, &recorded, authorized.then_some(bearer)).await;
        if u64::from(status) != recorded["expect"].as_u64().unwrap() {
            wrong.push(format!("{} {}: {status} {body}", recorded["operation"], recorded["seq"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

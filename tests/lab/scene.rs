//! A small tenant and a client that speaks to it.

use bytes::Bytes;
use reissue::domain::id::{ClientId, TenantId};
use reissue::domain::time::Timestamp;
use reissue::env::{Clock, Random};
use reissue::lab::{AppHandle, Lab, LabOptions, NewApplication, Owner, SecretSpec, VaultRole};
use serde_json::{Value, json};

pub const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub const OPERATOR: &str = "33333333-3333-3333-3333-333333333333";
pub const PAYROLL: &str = "8a1d0000-0000-4000-8000-000000000001";

pub fn options() -> LabOptions {
    LabOptions { tenant: TENANT.parse::<TenantId>().unwrap(), ..LabOptions::default() }
}

pub fn client_id(text: &str) -> ClientId {
    text.parse().unwrap()
}

/// Appends every exchange of every test to the file that `LAB_RECORDING` names, if it is set:
/// for judging the lab against API descriptions.
pub fn record(lab: &Lab) {
    let Ok(path) = std::env::var("LAB_RECORDING") else { return };
    lab.record(move |line| {
        use std::io::Write;
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut f| f.write_all(format!("{line}\n").as_bytes())).unwrap();
    });
}

pub struct Scene {
    pub lab: Lab,
    pub clock: Clock,
    pub operator_secret: String,
    pub payroll: AppHandle,
    pub payroll_secret: (String, String),
}

pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Reply {
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or("")
    }
}

impl Scene {
    pub fn new(seed: u64, options: LabOptions) -> Self {
        let clock = Clock::starting_at("2026-11-23T07:00:00Z".parse::<Timestamp>().unwrap());
        let lab = Lab::new(clock, Random::from_seed(seed), options);
        record(&lab);
        lab.create_application(NewApplication::new(client_id(OPERATOR), "operator"));
        let operator_secret = lab.add_secret(&client_id(OPERATOR), SecretSpec::default()).1;
        lab.grant_app_permission(&client_id(OPERATOR), "Application.ReadWrite.All");
        lab.create_vault("kv-ir");
        lab.grant_vault_role(&client_id(OPERATOR), "kv-ir", VaultRole::SecretsOfficer);
        let payroll = lab.create_application(NewApplication::new(client_id(PAYROLL), "payroll-sync"));
        let spec = SecretSpec { on: Owner::Application, hint: Some("x7Q".into()), ..SecretSpec::default() };
        let (key_id, value) = lab.add_secret(&client_id(PAYROLL), spec);
        Self { lab, clock, operator_secret, payroll, payroll_secret: (key_id.to_string(), value) }
    }

    pub async fn raw(&self, request: http::Request<Bytes>) -> Reply {
        let response = self.lab.handle(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn sign_in(&self, client: &str, secret: &str, resource: &str) -> Reply {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", client)
            .append_pair("client_secret", secret)
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &format!("{resource}/.default"))
            .finish();
        let request =
            http::Request::post(format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Bytes::from(form))
                .unwrap();
        self.raw(request).await
    }

    pub async fn token(&self, resource: &str) -> String {
        let reply = self.sign_in(OPERATOR, &self.operator_secret, resource).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn send(&self, method: &str, url: &str, token: &str, body: Option<Value>) -> Reply {
        let bytes = body.map_or_else(Bytes::new, |b| Bytes::from(b.to_string()));
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(bytes)
            .unwrap();
        self.raw(request).await
    }

    pub async fn graph(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let token = self.token("https://graph.microsoft.us").await;
        self.send(method, &format!("https://graph.microsoft.us{path}"), &token, body).await
    }

    pub async fn vault(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let token = self.token("https://vault.usgovcloudapi.net").await;
        self.send(method, &format!("https://kv-ir.vault.usgovcloudapi.net{path}"), &token, body).await
    }

    pub async fn wait(&self, seconds: u64) {
        self.clock.sleep(std::time::Duration::from_secs(seconds)).await;
    }
}

pub fn password(display_name: &str) -> Option<Value> {
    Some(json!({"passwordCredential": {"displayName": display_name}}))
}

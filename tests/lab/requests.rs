//! Requests as the official clients send them (recorded from azure-cli, azure-identity,
//! azure-keyvault-secrets, msgraph-sdk and msal against a loopback stub), replayed against the
//! lab: each gets the status, the headers and the shape that the service documents, and is about
//! what was asked for.

use crate::scene::{OPERATOR, TENANT, client_id, options, record};
use crate::shapes;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use reissue::domain::id::ObjectId;
use reissue::domain::time::Timestamp;
use reissue::env::{Clock, Random};
use reissue::lab::{Lab, LabOptions, Lags, NewApplication, NewUser, SecretSpec, VaultRole};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

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

/// One recorded request, taken apart.
struct Asked {
    method: String,
    /// The first label of the host, or `vault`.
    service: String,
    host: String,
    /// Path segments; an alternate key is one of its own.
    parts: Vec<String>,
    query: BTreeMap<String, String>,
    /// The JSON body, or null.
    sent: Value,
    /// The form body.
    form: BTreeMap<String, String>,
}

impl Asked {
    fn read(recorded: &Value) -> Self {
        let text = |key: &str| recorded[key].as_str().unwrap().to_owned();
        let (host, target, body) = (text("host"), text("target"), text("body"));
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let path = path.replace("(appId='", "/").replace("')", "").replace("%40", "@");
        let service = if host.contains(".vault.") { "vault" } else { host.split('.').next().unwrap() };
        let pairs = |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        Self {
            method: text("method"),
            service: service.to_owned(),
            host: host.clone(),
            parts: path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            query: pairs(query),
            sent: serde_json::from_str(&body).unwrap_or(Value::Null),
            form: pairs(&body),
        }
    }

    fn last(&self) -> &str {
        self.parts.last().unwrap()
    }
}

struct Reply {
    status: u64,
    headers: http::HeaderMap,
    /// Null if there is none.
    body: Value,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(lab: &Lab, recorded: &Value, token: Option<&str>) -> Reply {
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
    let (head, body) = reply.into_parts();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Reply { status: head.status.as_u16().into(), headers: head.headers, body }
}

async fn token(lab: &Lab, resource: &str) -> String {
    let body = format!(
        "client_id={OPERATOR}&client_secret=sp-secret-value&grant_type=client_credentials&scope={resource}/.default"
    );
    let asked = serde_json::json!({
        "method": "POST", "target": format!("/{TENANT}/oauth2/v2.0/token"), "host": "login.lab.test:8443",
        "headers": {"content-type": "application/x-www-form-urlencoded"}, "body": body
    });
    let reply = send(lab, &asked, None).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["access_token"].as_str().unwrap().to_owned()
}

/// What every reply of a service carries around its body.
fn envelope(asked: &Asked, reply: &Reply) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let mut want = |what, fact: bool| {
        if !fact {
            wrong.push(what);
        }
    };
    let kind = if reply.body.is_null() { "" } else { "application/json; charset=utf-8" };
    want("content-type", reply.header("content-type") == kind);
    want("date", reply.header("date").ends_with(" GMT"));
    let id = if asked.service == "graph" { "request-id" } else { "x-ms-request-id" };
    want("request id", reply.header(id).parse::<ObjectId>().is_ok());
    if reply.status >= 400 && asked.service == "graph" {
        want("request id in the body", reply.body["error"]["innerError"]["request-id"] == reply.header(id));
    }
    if (asked.service.as_str(), reply.status) == ("vault", 401) {
        let (_, resource) = asked.host.split_once('.').unwrap();
        let challenge = format!(
            "Bearer authorization=\"https://login.lab.test:8443/{TENANT}\", resource=\"https://{resource}\""
        );
        want("challenge", reply.header("www-authenticate") == challenge);
    }
    wrong
}

/// Whether the reply is about what was asked for.
fn answers(asked: &Asked, reply: &Reply) -> bool {
    let (body, last) = (&reply.body, asked.last());
    match (asked.service.as_str(), asked.method.as_str(), reply.status) {
        ("login", "POST", 200) => is_for(body, &asked.form["scope"]),
        ("login", "POST", 401) => {
            let said = format!("AADSTS{}: ", body["error_codes"][0]);
            body["error_description"].as_str().unwrap().starts_with(&said)
        }
        ("login", "GET", 200) => {
            let issuer = if asked.parts[0] == "organizations" { "{tenantid}" } else { &asked.parts[0] };
            body["issuer"] == format!("https://{}/{issuer}/v2.0", asked.host)
        }
        ("management", "POST", 200) => {
            let names: Vec<_> = body["keys"].as_array().unwrap().iter().map(|k| &k["keyName"]).collect();
            names == ["key1", "key2"]
        }
        ("graph", "GET", 200) if matches!(last, "applications" | "servicePrincipals") => lists(asked, body),
        ("graph", "GET", 200) => ["id", "appId", "userPrincipalName"].iter().any(|key| body[key] == last),
        ("graph", "POST", 200) => mints(&asked.sent["passwordCredential"], body),
        ("vault", _, 200) => holds(asked, body),
        _ => true,
    }
}

/// Whether the token is for the resource of the scope, in this tenant and for this application.
fn is_for(body: &Value, scope: &str) -> bool {
    let token = body["access_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let resource = scope.strip_suffix("/.default").unwrap().trim_end_matches('/');
    let audience = claims["aud"].as_str().unwrap().trim_end_matches('/');
    audience == resource && claims["tid"] == TENANT && claims["appid"] == OPERATOR
}

/// Whether a page holds what its filter names, and of that what was selected.
fn lists(asked: &Asked, body: &Value) -> bool {
    let found = body["value"].as_array().unwrap();
    let filter = asked.query.get("$filter").map_or("", String::as_str);
    let value = filter.split('\'').nth(1).unwrap_or("");
    let named = |of: &Value| of.as_str().unwrap().to_owned();
    let (fits, count) = if filter.starts_with("appId eq") {
        (found.iter().all(|a| a["appId"] == value), APPS.iter().filter(|a| a.0 == value).count())
    } else if filter.starts_with("servicePrincipalNames/any") {
        (found.iter().all(|a| a["servicePrincipalNames"][0] == value), 1)
    } else if filter.starts_with("displayName eq") {
        (found.iter().all(|a| a["displayName"] == value), 1)
    } else if filter.starts_with("startswith(displayName") {
        let of_that_name = APPS.iter().filter(|a| a.1.starts_with(value)).count();
        (found.iter().all(|a| named(&a["displayName"]).starts_with(value)), of_that_name)
    } else {
        // The operator is an application as well.
        (filter.is_empty(), APPS.len() + 1)
    };
    let selected = asked.query.get("$select").is_none_or(|select| {
        let wanted: BTreeSet<&str> = select.split(',').collect();
        found
            .iter()
            .all(|a| a.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>() == wanted)
    });
    let counted = !asked.query.contains_key("$count") || body["@odata.count"] == count;
    fits && found.len() == count && selected && counted
}

/// Whether a new secret is the one that was asked for, its hint the beginning of its value.
fn mints(wanted: &Value, minted: &Value) -> bool {
    let time = |of: &Value| of.as_str().map(|t| t.parse::<Timestamp>().unwrap());
    let (text, hint) = (minted["secretText"].as_str().unwrap(), minted["hint"].as_str().unwrap());
    let same = |key: &str| wanted[key].is_null() || time(&wanted[key]) == time(&minted[key]);
    let in_order = time(&minted["startDateTime"]) < time(&minted["endDateTime"]);
    let named = minted["displayName"] == wanted["displayName"];
    named
        && same("startDateTime")
        && same("endDateTime")
        && in_order
        && hint.len() == 3
        && text.starts_with(hint)
}

/// Whether a vault's answer has the address that was asked for, and what was written.
fn holds(asked: &Asked, body: &Value) -> bool {
    let base = format!("https://{}/secrets/", asked.host);
    let Some(name) = asked.parts.get(1) else {
        // The list of secrets names each once, without a version.
        let ids: Vec<_> = body["value"].as_array().unwrap().iter().map(|s| s["id"].clone()).collect();
        return ids == [format!("{base}s1"), format!("{base}s2")];
    };
    let is_version = |id: &Value| {
        let version = id.as_str().unwrap().strip_prefix(&format!("{base}{name}/")).unwrap_or("");
        version.len() == 32 && version.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if asked.last() == "versions" {
        let all = body["value"].as_array().unwrap();
        return all.len() == 3 && all.iter().all(|version| is_version(&version["id"]));
    }
    let asked_for = asked.parts.get(2).is_none_or(|v| body["id"].as_str().unwrap().ends_with(v.as_str()));
    let written = asked.sent.as_object().is_none_or(|sent| {
        let inside = |(key, value): (&String, &Value)| match value {
            Value::Object(fields) if key == "attributes" => fields.iter().all(|(k, v)| body[key][k] == *v),
            value => body[key] == *value,
        };
        sent.iter().all(inside)
    });
    is_version(&body["id"]) && asked_for && written
}

#[tokio::test(start_paused = true)]
async fn every_recorded_request_gets_the_reply_that_is_described() {
    let lab = lab();
    let graph = token(&lab, "https://graph.lab.test:8443/").await;
    let vault = token(&lab, "https://vault.lab.test:8443").await;
    let management = token(&lab, "https://management.lab.test:8443/").await;
    let (mut wrong, mut judged) = (Vec::new(), 0);
    for line in include_str!("client-requests.jsonl").lines() {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let asked = Asked::read(&recorded);
        let bearer = match asked.service.as_str() {
            "graph" => &graph,
            "management" => &management,
            _ => &vault,
        };
        let authorized = recorded["authorized"] == Value::Bool(true);
        let reply = send(&lab, &recorded, authorized.then_some(bearer)).await;
        judged += 1;
        let found = judge(&recorded, &asked, &reply);
        if !found.is_empty() {
            wrong.push(format!(
                "{judged}: {} {}: {} {}: {found:?}",
                recorded["operation"], recorded["seq"], reply.status, reply.body
            ));
        }
    }
    assert_eq!(judged, 94);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn judge(recorded: &Value, asked: &Asked, reply: &Reply) -> Vec<String> {
    if reply.status != recorded["expect"] {
        return vec![format!("the status should be {}", recorded["expect"])];
    }
    let parts: Vec<&str> = asked.parts.iter().map(String::as_str).collect();
    let Some(template) = shapes::of(&asked.service, &asked.method, &parts, reply.status) else {
        return vec!["no shape is written down for it".to_owned()];
    };
    let mut wrong = Vec::new();
    shapes::fit(&template, &reply.body, "$", &mut wrong);
    wrong.extend(envelope(asked, reply).into_iter().map(str::to_owned));
    if wrong.is_empty() && !answers(asked, reply) {
        wrong.push("it is not about what was asked for".to_owned());
    }
    wrong
}

//! What goes over the line, and what hostile answers do.

use crate::canned::{Canned, End, answer, answer_with};
use crate::scene::env;
use crate::tokens::session;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use reissue::azure::fault::MessageClass;
use reissue::azure::graph::credentials::{Holder, NewKey, NewPassword};
use reissue::azure::key_vault::Name;
use reissue::azure::key_vault::secrets::NewSecret;
use reissue::azure::quota::Operation;
use reissue::domain::event::{FaultClass, Happened};
use reissue::domain::id::ObjectId;
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use std::collections::BTreeMap;

const APP: &str = "91110000-0000-4000-8000-000000000001";
const KEEP: &str = "c0de0000-0000-4000-8000-000000000001";
const NEW: &str = "c0de0000-0000-4000-8000-000000000002";
const VAULT: &str = "kv-ir.vault.azure.net";
const CHALLENGE: (&str, &str) = (
    "www-authenticate",
    r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#,
);

fn app() -> ObjectId {
    APP.parse().unwrap()
}

fn holder() -> Holder {
    Holder::Application(app())
}

fn new_password() -> NewPassword {
    NewPassword { display_name: Text::lossy("reissue-x t1"), end: "2027-02-21T07:00:00Z".parse().unwrap() }
}

#[tokio::test(start_paused = true)]
async fn add_password_reads_what_the_documents_show() {
    // The example of Microsoft's page, with the fields that are read.
    let canned = Canned::signed_in(|_, _| {
        answer(
            200,
            r##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.passwordCredential",
            "customKeyIdentifier":null,"endDateTime":"2027-02-21T07:00:00.1234567Z",
            "keyId":"f0b0b335-1d71-4883-8f98-567911bfdca6","startDateTime":"2026-11-23T07:00:00Z",
            "secretText":"[6gyXA5S20@MN+WRXAJ]I-TO7g1:h2P8","hint":"[6g","displayName":"Password friendly name"}"##,
        )
    });
    let env = env(1);
    let azure = session(&env, &canned);
    let permit = azure.permit(Operation::WriteObject).await;
    let minted = azure.graph().add_password(&holder(), &new_password(), &permit).await.unwrap();
    assert_eq!(minted.value.expose(), "[6gyXA5S20@MN+WRXAJ]I-TO7g1:h2P8");
    assert_eq!(minted.end.unwrap().to_string(), "2027-02-21T07:00:00.123Z");
    assert!(!format!("{minted:?}").contains("gyXA5S20"));
    let call = &canned.calls()[0];
    assert_eq!(
        (call.method.as_str(), call.uri.as_str()),
        ("POST", &*format!("https://graph.microsoft.com/v1.0/applications/{APP}/addPassword"))
    );
    assert_eq!(
        call.json(),
        serde_json::json!({"passwordCredential": {"displayName": "reissue-x t1", "endDateTime": "2027-02-21T07:00:00.000Z"}})
    );
    assert!(!call.header("client-request-id").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_the_value_is_a_doubt() {
    for body in [r#"{"keyId":"f0b0b335-1d71-4883-8f98-567911bfdca6","secretText":null}"#, "{}", "<html>", ""]
    {
        let canned = Canned::signed_in(move |_, _| answer(200, body));
        let env = env(1);
        let azure = session(&env, &canned);
        let permit = azure.permit(Operation::WriteObject).await;
        let e = azure.graph().add_password(&holder(), &new_password(), &permit).await.unwrap_err();
        assert_eq!((e.class, e.happened), (FaultClass::Unexpected, Happened::Unknown), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn replacing_keys_sends_back_what_stays_without_its_key() {
    let listed = format!(
        r#"{{"id":"{APP}","passwordCredentials":[],"keyCredentials":[{{"customKeyIdentifier":"LPPnlrSFM5gAAAAAAAAAAAAAAAA=",
        "displayName":"CN=old","endDateTime":"2027-01-01T00:00:00.1234567Z","key":"{}","keyId":"{KEEP}",
        "startDateTime":"2025-01-01T00:00:00Z","type":"AsymmetricX509Cert","usage":"Verify"}}]}}"#,
        STANDARD.encode(b"old certificate")
    );
    let canned = Canned::signed_in(move |asked, _| match asked.method.as_str() {
        "GET" => answer(200, &listed),
        _ => answer(204, ""),
    });
    let env = env(1);
    let azure = session(&env, &canned);
    let graph = azure.graph();
    let lists = graph.credentials(&holder()).await.unwrap().unwrap();
    assert_eq!(lists.keys[0].certificate().unwrap(), b"old certificate");
    assert_eq!(
        lists.keys[0].thumbprint().unwrap().as_str(),
        "2cf3e796b485339800000000000000000000000000000"[..40].to_owned()
    );
    let new = NewKey {
        key_id: Some(NEW.parse().unwrap()),
        display_name: Text::lossy("reissue-x t1"),
        certificate: b"new".to_vec(),
        start: None,
        end: None,
    };
    let permit = azure.permit(Operation::WriteObject).await;
    graph.replace_keys(&holder(), &lists.keys, Some(&new), &permit).await.unwrap();
    let body = canned.calls()[1].json();
    assert_eq!(
        body,
        serde_json::json!({"keyCredentials": [
            {"customKeyIdentifier": "LPPnlrSFM5gAAAAAAAAAAAAAAAA=", "displayName": "CN=old", "endDateTime": "2027-01-01T00:00:00.1234567Z",
             "key": null, "keyId": KEEP, "startDateTime": "2025-01-01T00:00:00Z", "type": "AsymmetricX509Cert", "usage": "Verify"},
            {"type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "reissue-x t1", "key": STANDARD.encode(b"new"), "keyId": NEW},
        ]})
    );
}

async fn follow(link: &'static str) -> (Result<usize, Text<64>>, usize) {
    let canned = Canned::signed_in(move |_, before| {
        let next = if before == 0 { format!(r#","@odata.nextLink":"{link}""#) } else { String::new() };
        answer(200, &format!(r#"{{"value":[{{"id":"{APP}","appId":"{KEEP}"}}]{next}}}"#))
    });
    let env = env(1);
    let all = session(&env, &canned).graph().applications().all().await;
    (all.map(|a| a.len()).map_err(|e| e.code), canned.calls().len())
}

#[tokio::test(start_paused = true)]
async fn a_next_link_leads_nowhere_else() {
    let good = "https://graph.microsoft.com/v1.0/applications?$top=999&$skiptoken=a%2Bb%3D";
    assert_eq!(follow(good).await, (Ok(2), 2));
    for bad in [
        "https://graph.microsoft.com.evil.example/v1.0/applications?$skiptoken=x",
        "https://evil.example/v1.0/applications",
        "https://graph.microsoft.com@evil.example/v1.0/applications",
        "http://graph.microsoft.com/v1.0/applications",
        "https://graph.microsoft.com:444/v1.0/applications",
        "https://graph.microsoft.com/beta/applications",
        "https://graph.microsoft.com/v1.0evil",
        "/v1.0/applications",
        "not a link",
    ] {
        let (result, calls) = follow(bad).await;
        assert!(result.is_err(), "{bad}");
        assert_eq!(calls, 1, "nobody was asked: {bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_leads_to_itself_ends() {
    let canned = Canned::signed_in(|_, _| {
        answer(
            200,
            r#"{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/applications?$skiptoken=x"}"#,
        )
    });
    let env = env(1);
    assert!(session(&env, &canned).graph().applications().all().await.is_err());
    assert_eq!(canned.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_vault_s_next_link_leads_nowhere_else() {
    let canned = Canned::signed_in(|asked, _| match asked.header("authorization") {
        "" => answer_with(401, CHALLENGE, ""),
        _ => answer(200, r#"{"value":[],"nextLink":"https://evil.example/secrets/payroll/versions?x=1"}"#),
    });
    let env = env(1);
    let vault = session(&env, &canned).vault(VAULT).unwrap();
    vault.secret_versions(&Name::new("payroll").unwrap()).await.unwrap_err();
    assert!(canned.asked().iter().all(|a| !a.uri.contains("evil")));
}

#[test]
fn names_and_hosts_are_checked_before_any_client_sees_them() {
    for bad in ["", "../certificates/x", "a/b", "a?b", "a b", "ä", &"x".repeat(128)] {
        assert!(Name::new(bad).is_err(), "{bad}");
    }
    assert!(Name::new(&"x".repeat(127)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_first_call_that_fails_does_not_lose_its_body() {
    let stored = r#"{"id":"https://kv-ir.vault.azure.net/secrets/payroll/0123456789abcdef0123456789abcdef","attributes":{"enabled":true,"created":1795417209}}"#;
    let canned = Canned::signed_in(move |asked, before| match (before, asked.method.as_str()) {
        (0, _) => answer(503, ""),
        (1, _) => End::Lost(true),
        _ if asked.header("authorization").is_empty() => answer_with(401, CHALLENGE, ""),
        (_, "GET") => answer(200, r#"{"value":[]}"#),
        _ => answer(200, stored),
    });
    let env = env(1);
    let azure = session(&env, &canned);
    let permit = azure.permit(Operation::VaultSetSecret(VAULT)).await;
    let value = Secret::new("value".into());
    let new = NewSecret { value: &value, tags: BTreeMap::new(), content_type: None, expires: None };
    azure.vault(VAULT).unwrap().set_secret(&Name::new("payroll").unwrap(), &new, &permit).await.unwrap();
    let puts: Vec<_> = canned.calls().into_iter().filter(|c| c.method == "PUT").collect();
    assert_eq!(puts.len(), 1, "sent once");
    assert_eq!(puts[0].json()["value"], "value");
}

#[tokio::test(start_paused = true)]
async fn vault_refusals_tell_their_inner_code() {
    let bodies = [
        (
            403,
            r#"{"error":{"code":"Forbidden","message":"m","innererror":{"code":"SecretDisabled"}}}"#,
            "SecretDisabled",
            MessageClass::Disabled,
        ),
        (
            403,
            r#"{"error":{"code":"Forbidden","message":"m","innererror":{"code":"ForbiddenByRbac"}}}"#,
            "ForbiddenByRbac",
            MessageClass::RoleMissing,
        ),
        (
            409,
            r#"{"error":{"code":"Conflict","message":"m","innererror":{"code":"ObjectIsDeletedButRecoverable"}}}"#,
            "ObjectIsDeletedButRecoverable",
            MessageClass::Deleted,
        ),
        (
            404,
            r#"{"error":{"code":"SecretNotFound","message":"m"}}"#,
            "SecretNotFound",
            MessageClass::NotFound,
        ),
    ];
    for (status, body, code, message) in bodies {
        let canned = Canned::signed_in(move |asked, _| match asked.header("authorization") {
            "" => answer_with(401, CHALLENGE, ""),
            _ => answer(status, body),
        });
        let env = env(1);
        let vault = session(&env, &canned).vault(VAULT).unwrap();
        let e = vault.secret(&Name::new("payroll").unwrap(), None).await.unwrap_err();
        assert_eq!((e.fault().code.as_str(), e.message, e.happened), (code, message, Happened::No));
    }
}

/// All that can be seen of an error.
fn shown(e: &reissue::azure::ApiError) -> String {
    format!("{e} {e:?} {:?} {:?} {:?}", e.fault(), e.terminal_note(), e.request_id)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a service echoes of a secret, wherever it puts it, nothing of ours shows it.
    #[test]
    fn an_echoed_secret_is_never_shown(secret in "[A-Za-z0-9~._!#-]{8,20}[0-9~!#-][A-Za-z0-9~._-]{8,20}", status in prop_oneof![Just(400u16), Just(403), Just(409), Just(500), Just(503)], place in 0usize..6) {
        let quoted = |s: &str| serde_json::to_string(s).unwrap();
        let body = match place {
            0 => format!(r#"{{"error":{{"code":"Request_BadRequest","message":{}}}}}"#, quoted(&format!("bad value '{secret}' given"))),
            1 => format!(r#"{{"error":{{"code":{},"message":"m"}}}}"#, quoted(&secret)),
            2 => format!(r#"{{"error":{{"code":"Forbidden","message":"m","innererror":{{"code":{}}}}}}}"#, quoted(&secret)),
            3 => format!("<html>{secret}</html>"),
            4 => format!(r#"{{"error":{{"code":"X","message":"m","innerError":{{"request-id":{}}}}}}}"#, quoted(&secret)),
            _ => secret.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let canned = Canned::signed_in(move |asked, _| match (asked.header("authorization"), asked.uri.contains("vault")) {
                ("", true) => answer_with(401, CHALLENGE, ""),
                (_, true) if asked.method == "GET" => answer(200, r#"{"value":[]}"#),
                _ => answer(status, &body),
            });
            let env = env(1);
            let azure = session(&env, &canned);
            let value = Secret::new(secret.clone());
            let permit = azure.permit(Operation::WriteObject).await;
            let e = azure.graph().reset_password(&app(), &value, true, &permit).await.unwrap_err();
            assert!(!shown(&e).contains(&secret), "{}", shown(&e));
            let permit = azure.permit(Operation::WriteObject).await;
            let e = azure.graph().add_password(&holder(), &new_password(), &permit).await.unwrap_err();
            assert!(!shown(&e).contains(&secret), "{}", shown(&e));
            let new = NewSecret { value: &value, tags: BTreeMap::new(), content_type: None, expires: None };
            let permit = azure.permit(Operation::VaultSetSecret(VAULT)).await;
            let name = Name::new("payroll").unwrap();
            let e = azure.vault(VAULT).unwrap().set_secret(&name, &new, &permit).await.unwrap_err();
            assert!(!shown(&e).contains(&secret), "{}", shown(&e));
            let permit = azure.permit(Operation::WriteObject).await;
            let key = KEEP.parse().unwrap();
            let e = azure.graph().remove_password(&holder(), &key, &permit).await.unwrap_err();
            assert!(!shown(&e).contains(&secret), "{}", shown(&e));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_credential_is_told_apart_from_a_bad_request() {
    let canned = Canned::signed_in(|_, _| {
        answer(
            400,
            r#"{"error":{"code":"Request_BadRequest","message":"No password credential found with keyId 'c0de0000-0000-4000-8000-000000000001'."}}"#,
        )
    });
    let env = env(1);
    let azure = session(&env, &canned);
    let permit = azure.permit(Operation::WriteObject).await;
    let e = azure.graph().remove_password(&holder(), &KEEP.parse().unwrap(), &permit).await.unwrap_err();
    assert_eq!((e.message, e.class), (MessageClass::NoSuchCredential, FaultClass::NotYet));
    assert!(e.terminal_note().unwrap().contains(KEEP), "a person needs the id");
}

#[tokio::test(start_paused = true)]
async fn batches_keep_order_and_ask_again_for_what_was_throttled() {
    let canned = Canned::signed_in(|asked, before| {
        let body = asked.json();
        let answers: Vec<_> = body["requests"].as_array().unwrap().iter().rev().map(|r| {
            let (id, url) = (r["id"].as_str().unwrap(), r["url"].as_str().unwrap());
            let object = &url["/applications/".len()..url.find('?').unwrap()];
            match id {
                "3" => serde_json::json!({"id": id, "status": 404, "body": {"error": {"code": "Request_ResourceNotFound", "message": "m"}}}),
                "5" if before == 0 => serde_json::json!({"id": id, "status": 429, "headers": {"Retry-After": "2"}, "body": {"error": {"code": "TooManyRequests", "message": "m"}}}),
                _ => serde_json::json!({"id": id, "status": 200, "body": {"id": object, "passwordCredentials": [{"keyId": object}]}}),
            }
        }).collect();
        answer(200, &serde_json::json!({ "responses": answers }).to_string())
    });
    let env = env(1);
    let holders: Vec<Holder> = (0..25)
        .map(|i| Holder::Application(format!("91110000-0000-4000-8000-0000000000{i:02}").parse().unwrap()))
        .collect();
    let found = session(&env, &canned).graph().passwords_of(&holders).await.unwrap();
    assert_eq!(found.len(), 25);
    for (i, (holder, passwords)) in holders.iter().zip(&found).enumerate() {
        match passwords {
            None => assert!(i == 3 || i == 23, "{i}"),
            Some(p) => assert_eq!(p[0].key_id.as_str(), holder.object().as_str()),
        }
    }
    let sizes: Vec<usize> =
        canned.calls().iter().map(|c| c.json()["requests"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [20, 1, 5]);
}

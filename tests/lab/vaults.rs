//! Vaults: challenge, roles, versions, deletion, certificates and their keys.

use crate::scene::{OPERATOR, PAYROLL, Reply, Scene, client_id, options};
use bytes::Bytes;
use reissue::lab::{Owner, VaultRole};
use serde_json::{Value, json};

const VAULT: &str = "https://kv-ir.vault.usgovcloudapi.net";

fn inner(reply: &Reply) -> &str {
    reply.body["error"]["innererror"]["code"].as_str().unwrap_or("")
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_token_is_told_where_to_get_one() {
    let scene = Scene::new(1, options());
    let bare = http::Request::put(format!("{VAULT}/secrets/s1?api-version=7.4")).body(Bytes::new()).unwrap();
    let reply = scene.raw(bare).await;
    assert_eq!(reply.status, 401);
    let challenge = reply.headers["www-authenticate"].to_str().unwrap();
    assert_eq!(
        challenge,
        "Bearer authorization=\"https://login.microsoftonline.us/11111111-1111-1111-1111-111111111111\", resource=\"https://vault.usgovcloudapi.net\""
    );
    let graph = scene.token("https://graph.microsoft.us").await;
    let wrong = scene.send("GET", &format!("{VAULT}/secrets/s1?api-version=7.4"), &graph, None).await;
    assert_eq!(wrong.status, 401, "a token for another audience");
    assert_eq!(scene.vault("GET", "/secrets/s1", None).await.code(), "BadParameter");
    assert_eq!(scene.vault("GET", "/secrets/s1?api-version=2016-10-01", None).await.code(), "BadParameter");
    let nowhere = http::Request::get("https://no-such-vault.vault.azure.net/").body(Bytes::new()).unwrap();
    assert!(!scene.lab.handle(nowhere).await.unwrap_err().may_have_reached);
}

#[tokio::test(start_paused = true)]
async fn secrets_keep_versions_and_disabled_newest_hides_all() {
    let scene = Scene::new(2, options());
    let set = |n: u32| json!({"value": format!("v{n}"), "tags": {"run": "r1"}, "contentType": "text/plain"});
    for n in 0..30 {
        assert_eq!(scene.vault("PUT", "/secrets/s1?api-version=7.4", Some(set(n))).await.status, 200);
    }
    let newest = scene.vault("GET", "/secrets/s1/?api-version=2026-04-01", None).await.body;
    assert_eq!((&newest["value"], &newest["tags"]["run"]), (&json!("v29"), &json!("r1")));
    let page = scene.vault("GET", "/secrets/s1/versions?api-version=7.5", None).await.body;
    assert_eq!(page["value"].as_array().unwrap().len(), 25);
    let next = page["nextLink"].as_str().unwrap().strip_prefix(VAULT).unwrap().to_owned();
    let rest = scene.vault("GET", &next, None).await.body;
    assert_eq!((rest["value"].as_array().unwrap().len(), &rest["nextLink"]), (5, &Value::Null));
    let version = newest["id"].as_str().unwrap().rsplit('/').next().unwrap();
    let off = json!({"attributes": {"enabled": false}});
    assert_eq!(
        scene.vault("PATCH", &format!("/secrets/s1/{version}?api-version=7.4"), Some(off)).await.status,
        200
    );
    let hidden = scene.vault("GET", "/secrets/s1?api-version=7.4", None).await;
    assert_eq!((hidden.status, hidden.code(), inner(&hidden)), (403, "Forbidden", "SecretDisabled"));
}

#[tokio::test(start_paused = true)]
async fn deleting_settles_and_keeps_the_name() {
    let scene = Scene::new(3, options());
    let set = || Some(json!({"value": "v"}));
    scene.vault("PUT", "/secrets/s1?api-version=7.4", set()).await;
    assert_eq!(scene.vault("DELETE", "/secrets/s1?api-version=7.4", None).await.status, 200);
    assert_eq!(scene.vault("GET", "/deletedsecrets/s1?api-version=7.4", None).await.status, 404);
    assert_eq!(
        inner(&scene.vault("PUT", "/secrets/s1?api-version=7.4", set()).await),
        "ObjectIsBeingDeleted"
    );
    scene.wait(30).await;
    assert_eq!(scene.vault("GET", "/deletedsecrets/s1?api-version=7.4", None).await.status, 200);
    let refused = scene.vault("PUT", "/secrets/s1?api-version=7.4", set()).await;
    assert_eq!((refused.status, inner(&refused)), (409, "ObjectIsDeletedButRecoverable"));
    assert_eq!(scene.vault("POST", "/deletedsecrets/s1/recover?api-version=7.4", None).await.status, 200);
    scene.wait(30).await;
    assert_eq!(scene.vault("GET", "/secrets/s1?api-version=7.4", None).await.status, 200);
    scene.vault("DELETE", "/secrets/s1?api-version=7.4", None).await;
    scene.wait(30).await;
    assert_eq!(scene.vault("DELETE", "/deletedsecrets/s1?api-version=7.4", None).await.status, 204);
    assert_eq!(scene.vault("PUT", "/secrets/s1?api-version=7.4", set()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_role_is_needed() {
    let scene = Scene::new(4, options());
    let create = json!({"policy": {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=x"}}});
    let refused = scene.vault("POST", "/certificates/c1/create?api-version=7.4", Some(create)).await;
    assert_eq!((refused.status, inner(&refused)), (403, "ForbiddenByRbac"));
    scene.lab.revoke_vault_role(&client_id(OPERATOR), "kv-ir", VaultRole::SecretsOfficer);
    scene.lab.grant_vault_role(&client_id(OPERATOR), "kv-ir", VaultRole::SecretsUser);
    let refused = scene.vault("PUT", "/secrets/s1?api-version=7.4", Some(json!({"value": "v"}))).await;
    assert_eq!(inner(&refused), "ForbiddenByRbac");
    assert_eq!(scene.vault("GET", "/secrets/s1?api-version=7.4", None).await.code(), "SecretNotFound");
}

async fn issued(scene: &Scene, name: &str, exportable: bool) -> Value {
    scene.lab.grant_vault_role(&client_id(OPERATOR), "kv-ir", VaultRole::CertificatesOfficer);
    scene.lab.grant_vault_role(&client_id(OPERATOR), "kv-ir", VaultRole::CryptoUser);
    let create = json!({"tags": {"run": "r1"}, "policy": {
        "key_props": {"exportable": exportable, "kty": "RSA", "key_size": 2048, "reuse_key": false},
        "secret_props": {"contentType": "application/x-pem-file"}, "issuer": {"name": "Self"},
        "x509_props": {"subject": "CN=payroll-sync", "validity_months": 3}}});
    let started =
        scene.vault("POST", &format!("/certificates/{name}/create?api-version=7.5"), Some(create)).await;
    assert_eq!((started.status, &started.body["status"]), (202, &json!("inProgress")));
    scene.wait(10).await;
    let done = scene.vault("GET", &format!("/certificates/{name}/pending?api-version=7.5"), None).await.body;
    assert_eq!(done["status"], json!("completed"));
    scene.vault("GET", &format!("/certificates/{name}/?api-version=7.5"), None).await.body
}

#[tokio::test(start_paused = true)]
async fn a_vault_certificate_signs_in() {
    let scene = Scene::new(5, options());
    let made = issued(&scene, "payroll-run-1", true).await;
    let der =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, made["cer"].as_str().unwrap())
            .unwrap();
    scene.lab.add_certificate(&client_id(PAYROLL), Owner::Application, &der, None);
    let secret = scene.vault("GET", "/secrets/payroll-run-1?api-version=7.5", None).await.body;
    let pem = secret["value"].as_str().unwrap();
    assert_eq!(secret["managed"], json!(true));
    let token_url = "https://login.microsoftonline.us/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token";
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(
        pem.split("-----BEGIN CERTIFICATE").next().unwrap().as_bytes(),
    )
    .unwrap();
    let now = scene.clock.now().unix_s();
    for (alg, sha256) in [(jsonwebtoken::Algorithm::PS256, true), (jsonwebtoken::Algorithm::RS256, false)] {
        let mut header = jsonwebtoken::Header::new(alg);
        let digest = |a| {
            base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                aws_lc_rs::digest::digest(a, &der).as_ref(),
            )
        };
        if sha256 {
            header.x5t_s256 = Some(digest(&aws_lc_rs::digest::SHA256));
        } else {
            header.x5t = Some(digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY));
        }
        let claims = json!({"aud": token_url, "iss": PAYROLL, "sub": PAYROLL, "jti": "j", "nbf": now, "exp": now + 300});
        let reply = assert_in(&scene, &jsonwebtoken::encode(&header, &claims, &key).unwrap()).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let wrong = json!({"aud": "https://elsewhere.example", "iss": PAYROLL, "sub": PAYROLL, "nbf": now, "exp": now + 300});
        let reply = assert_in(&scene, &jsonwebtoken::encode(&header, &wrong, &key).unwrap()).await;
        assert_eq!(reply.body["error_codes"][0], json!(700_023));
    }
    let other = scene.lab.generate_certificate("CN=other", std::time::Duration::from_secs(3600)).unwrap();
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    header.x5t = Some("AAAA".into());
    let claims = json!({"aud": token_url, "iss": PAYROLL, "sub": PAYROLL, "nbf": now, "exp": now + 300});
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(other.key_pem.as_bytes()).unwrap();
    let reply = assert_in(&scene, &jsonwebtoken::encode(&header, &claims, &key).unwrap()).await;
    assert_eq!((reply.status, &reply.body["error_codes"][0]), (401, &json!(700_027)));
}

async fn assert_in(scene: &Scene, jwt: &str) -> Reply {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", PAYROLL)
        .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        .append_pair("client_assertion", jwt)
        .append_pair("grant_type", "client_credentials")
        .append_pair("scope", "https://graph.microsoft.us/.default")
        .finish();
    let url = "https://login.microsoftonline.us/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token";
    scene
        .raw(
            http::Request::post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Bytes::from(form))
                .unwrap(),
        )
        .await
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_not_leave_signs_a_proof_in_the_vault() {
    let scene = Scene::new(6, options());
    let made = issued(&scene, "payroll-run-2", false).await;
    let secret = scene.vault("GET", "/secrets/payroll-run-2?api-version=7.5", None).await.body;
    assert!(!secret["value"].as_str().unwrap().contains("PRIVATE KEY"));
    let standard = base64::engine::general_purpose::STANDARD;
    let der = base64::Engine::decode(&standard, made["cer"].as_str().unwrap()).unwrap();
    let key_id = scene.lab.add_certificate(&client_id(PAYROLL), Owner::Application, &der, None);
    let now = scene.clock.now().unix_s();
    let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let encode = |v: Value| base64::Engine::encode(&url_safe, v.to_string());
    let claims = json!({"aud": "00000002-0000-0000-c000-000000000000", "iss": scene.payroll.object_id.as_str(), "nbf": now, "exp": now + 600});
    let unsigned = format!("{}.{}", encode(json!({"alg": "PS256", "typ": "JWT"})), encode(claims));
    let version = made["kid"].as_str().unwrap().rsplit('/').next().unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, unsigned.as_bytes());
    let ask = json!({"alg": "PS256", "value": base64::Engine::encode(&url_safe, digest.as_ref())});
    let signed =
        scene.vault("POST", &format!("/keys/payroll-run-2/{version}/sign?api-version=7.5"), Some(ask)).await;
    assert_eq!(signed.status, 200, "{}", signed.body);
    let proof = format!("{unsigned}.{}", signed.body["value"].as_str().unwrap());
    let remove = format!("/v1.0/applications/{}/removeKey", scene.payroll.object_id);
    let bad = json!({"keyId": key_id.as_str(), "proof": unsigned});
    assert_eq!(scene.graph("POST", &remove, Some(bad)).await.code(), "Authentication_MissingOrMalformed");
    let good = json!({"keyId": key_id.as_str(), "proof": proof});
    let reply = scene.graph("POST", &remove, Some(good)).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
}

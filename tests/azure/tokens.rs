//! Tokens on the virtual clock, and sign-in attempts that are really made.

use crate::canned::{Canned, End, answer, answer_with};
use crate::scene::{OPERATOR, PAYROLL, client, env, tenant};
use reissue::azure::Azure;
use reissue::azure::assertion::CertificateKey;
use reissue::azure::credential::Identity;
use reissue::azure::sign_in::{Meaning, SignIn};
use reissue::domain::event::FaultClass;
use reissue::domain::playbook::model::Cloud;
use reissue::domain::secret::Secret;
use reissue::env::Env;
use reissue::wire::budget::Start;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn session(env: &Env, canned: &Canned) -> Azure {
    let secret = Secret::new("operator-canary-~1".into());
    session_as(env, canned, Identity::Secret { client_id: client(OPERATOR), secret })
}

pub(crate) fn session_as(env: &Env, canned: &Canned, identity: Identity) -> Azure {
    let budget = Azure::budget_for(env, 70, Start::Full);
    Azure::new(env, Cloud::Public, tenant(), canned.wire(), budget, identity)
}

fn organization() -> End {
    answer(200, r#"{"value":[{"id":"7d3c9a10-0000-4000-8000-000000000001"}]}"#)
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_shortly_before_its_end_on_our_clock() {
    let canned = Canned::signed_in(|_, _| organization());
    let env = env(1);
    let azure = session(&env, &canned);
    let read = || async { azure.graph().organization().await.unwrap() };
    read().await;
    read().await;
    assert_eq!(canned.sign_ins(), 1);
    env.clock.sleep(Duration::from_secs(3_599 - 310)).await;
    read().await;
    assert_eq!(canned.sign_ins(), 1, "it is good for a while yet");
    env.clock.sleep(Duration::from_secs(15)).await;
    read().await;
    assert_eq!(canned.sign_ins(), 2, "virtual time expires it");
    assert_eq!(canned.calls()[3].header("authorization"), "Bearer token-2");
}

#[tokio::test(start_paused = true)]
async fn the_vault_clients_always_ask_us() {
    let canned = Canned::signed_in(|asked, _| match asked.header("authorization") {
        "" => answer_with(
            401,
            (
                "www-authenticate",
                r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#,
            ),
            "",
        ),
        _ => answer(200, r#"{"value":[]}"#),
    });
    let env = env(1);
    let azure = session(&env, &canned);
    let vault = azure.vault("kv-ir.vault.azure.net").unwrap();
    let name = reissue::azure::key_vault::Name::new("payroll").unwrap();
    vault.secret_versions(&name).await.unwrap();
    vault.secret_versions(&name).await.unwrap();
    assert_eq!(canned.sign_ins(), 1);
    env.clock.sleep(Duration::from_secs(7_200)).await;
    vault.secret_versions(&name).await.unwrap();
    assert_eq!(canned.sign_ins(), 2, "the SDK's own clock would have kept the old one");
    let challenged = canned.calls().iter().filter(|c| c.header("authorization").is_empty()).count();
    assert_eq!(challenged, 1, "one client for each vault, so one probe");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_turned_away_is_replaced() {
    let canned = Canned::signed_in(|asked, _| match asked.header("authorization") {
        "Bearer token-1" => answer(401, r#"{"error":{"code":"InvalidAuthenticationToken","message":"x"}}"#),
        _ => organization(),
    });
    let env = env(1);
    session(&env, &canned).graph().organization().await.unwrap();
    assert_eq!((canned.sign_ins(), canned.calls().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn every_fresh_sign_in_really_asks() {
    let canned = Canned::signed_in(|_, _| organization());
    let env = env(1);
    let azure = session(&env, &canned);
    let secret = Secret::new("new value ~&+= %".into());
    for _ in 0..3 {
        let said = azure.sign_in().by_secret(&client(PAYROLL), &secret).await.unwrap();
        assert_eq!(said, SignIn::Accepted { expires_in: Duration::from_secs(3_599) });
    }
    assert_eq!(canned.sign_ins(), 3);
    let first = &canned.asked()[0];
    assert_eq!(
        first.uri,
        "https://login.microsoftonline.com/7d3c9a10-0000-4000-8000-000000000001/oauth2/v2.0/token"
    );
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(first.body.as_bytes()).into_owned().collect();
    assert_eq!(form["client_secret"], "new value ~&+= %");
    assert_eq!(form["scope"], "https://graph.microsoft.com/.default");
    assert_ne!(first.header("x-ms-client-request-id"), "");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_answers_and_troubles_are_faults() {
    let refusal = |number: u32| {
        format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS{number}: secret-canary","error_codes":[{number}]}}"#
        )
    };
    let secret = Secret::new("secret-canary".into());
    let env = env(1);
    for (number, meaning) in [
        (7_000_215, Meaning::WrongCredential),
        (7_000_222, Meaning::Expired),
        (7_000_112, Meaning::Disabled),
        (700_016, Meaning::NoSuchApplication),
        (53_003, Meaning::Policy),
    ] {
        let canned = Canned::new(move |_, _| answer(401, &refusal(number)));
        let said = session(&env, &canned).sign_in().by_secret(&client(PAYROLL), &secret).await.unwrap();
        assert_eq!(said.meaning(), Some(meaning));
        assert!(!format!("{said:?}").contains("canary"));
        assert_eq!(canned.asked().len(), 1, "one attempt");
    }
    let troubles: [(u16, String, FaultClass); 4] = [
        (400, refusal(90_055), FaultClass::Busy),
        (400, refusal(90_033), FaultClass::Line),
        (503, "<html>secret-canary</html>".into(), FaultClass::Line),
        (429, String::new(), FaultClass::Busy),
    ];
    for (status, body, class) in troubles {
        let canned = Canned::new(move |_, _| answer(status, &body));
        let fault = session(&env, &canned).sign_in().by_secret(&client(PAYROLL), &secret).await.unwrap_err();
        assert_eq!(fault.class, class, "{status}");
        assert!(!format!("{fault} {fault:?} {:?}", fault.terminal_note()).contains("canary"));
    }
    let cut = Canned::new(|_, _| End::Lost(true));
    let fault = session(&env, &cut).sign_in().by_secret(&client(PAYROLL), &secret).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Line, "cut"));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_signs_in_with_an_assertion() {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    let pem = Secret::new(format!("{}{}", certificate.pem(), key.serialize_pem()));
    let key = CertificateKey::from_pem(&pem).unwrap();
    let canned = Canned::signed_in(|_, _| organization());
    let env = env(1);
    let azure = session_as(&env, &canned, Identity::Certificate { client_id: client(OPERATOR), key });
    azure.graph().organization().await.unwrap();
    let form: BTreeMap<_, _> =
        url::form_urlencoded::parse(canned.asked()[0].body.as_bytes()).into_owned().collect();
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let mut check = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::PS256);
    check.set_audience(&[
        "https://login.microsoftonline.com/7d3c9a10-0000-4000-8000-000000000001/oauth2/v2.0/token",
    ]);
    check.validate_exp = false;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate.der()).unwrap();
    let public = jsonwebtoken::DecodingKey::from_rsa_der(&parsed.public_key().subject_public_key.data);
    let read = jsonwebtoken::decode::<serde_json::Value>(&form["client_assertion"], &public, &check).unwrap();
    assert_eq!(read.claims["sub"], OPERATOR);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_sends_the_same_bytes() {
    let run = || async {
        let canned = Canned::signed_in(|_, _| organization());
        let env = env(9);
        let azure = session(&env, &canned);
        azure.graph().organization().await.unwrap();
        azure.sign_in().by_secret(&client(PAYROLL), &Secret::new("x".into())).await.unwrap();
        format!("{:?}", canned.asked())
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test(start_paused = true)]
async fn no_type_shows_what_it_holds() {
    let canned = Canned::signed_in(|_, _| organization());
    let env = env(1);
    let azure = session(&env, &canned);
    let arc = Arc::new(azure.clone());
    let shown = format!(
        "{azure:?} {:?} {:?} {:?} {:?}",
        arc.identity(),
        azure.graph(),
        azure.sign_in(),
        azure.budget()
    );
    assert!(!shown.contains("canary") && !shown.contains("token-"), "{shown}");
}

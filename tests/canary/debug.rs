//! `{:?}` of every public type that holds a secret never shows it, whatever the secret is.

use crate::support::scan::Canaries;
use proptest::prelude::*;
use reissue::azure::Azure;
use reissue::azure::assertion::CertificateKey;
use reissue::azure::credential::Identity;
use reissue::azure::graph::credentials::MintedPassword;
use reissue::azure::key_vault::secrets::{NewSecret, SecretVersion, StoredSecret};
use reissue::domain::playbook::model::Cloud;
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::drill;
use reissue::env::{Env, MemoryDisk};
use reissue::lab::{Lab, LabDisconnect, LabOptions, TestCertificate};
use reissue::trail::LogKey;
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const CLIENT: &str = "0e155ed0-0000-4000-8000-00000000a11e";

/// Both ways in which a value is printed for developers.
fn shown(value: &dyn Debug) -> String {
    format!("{value:?}\n{value:#?}")
}

fn version() -> SecretVersion {
    SecretVersion {
        version: Text::lossy("1"),
        enabled: true,
        tags: BTreeMap::new(),
        content_type: None,
        created: None,
        expires: None,
        managed: false,
    }
}

fn lab(env: &Env) -> Lab {
    Lab::new(env.clock, env.random.clone(), LabOptions::default())
}

/// A session that signs in with this secret, and what is got from it.
fn session(identity: Identity) -> Vec<String> {
    let env = drill::environment(1);
    let lab = lab(&env);
    let wire = InProcess::new(lab.service(), |e: &LabDisconnect| e.may_have_reached);
    let budget = Azure::budget_for(&env, 70, Start::Full);
    let tenant = LabOptions::default().tenant;
    let azure = Azure::new(&env, Cloud::UsGovHigh, tenant, Arc::new(wire), budget, identity);
    let vault = azure.vault("kv-ir.vault.usgovcloudapi.net").expect("a vault");
    vec![
        shown(&azure),
        shown(&azure.graph()),
        shown(&azure.sign_in()),
        shown(&azure.identity()),
        shown(&vault),
    ]
}

fn holders(value: &str) -> Vec<String> {
    let secret = || Secret::new(value.to_owned());
    let own = secret();
    let new = NewSecret { value: &own, tags: BTreeMap::new(), content_type: None, expires: None };
    let minted =
        MintedPassword { key_id: CLIENT.parse().expect("an id"), hint: None, end: None, value: secret() };
    let identity = || Identity::Secret { client_id: CLIENT.parse().expect("an id"), secret: secret() };
    let mut all = vec![
        shown(&own),
        shown(&new),
        shown(&minted),
        shown(&StoredSecret { value: secret(), version: version() }),
        shown(&identity()),
    ];
    all.extend(session(identity()));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_debug_output_shows_a_secret(value in "[ -~é€𝄞]{16,60}") {
        let mut canaries = Canaries::default();
        canaries.add("the value", &value);
        let scanner = canaries.scanner();
        // Only what is not in the type's own words can be looked for.
        prop_assume!(scanner.find(holders("another value altogether").join("\n").as_bytes()).is_none());
        for text in holders(&value) {
            prop_assert_eq!(scanner.find(text.as_bytes()), None, "{}", text);
        }
    }
}

/// Private keys: few, for each is expensive.
#[test]
fn no_debug_output_shows_a_private_key() {
    let mut canaries = Canaries::default();
    let lab = lab(&drill::environment(1));
    let certificate: TestCertificate =
        lab.generate_certificate("CN=operator", Duration::from_secs(86_400)).expect("a certificate");
    canaries.add_private_key("the certificate's key", &certificate.key_pem);
    let disk = MemoryDisk::default();
    let random = drill::environment(2).random;
    let log_key = LogKey::create(&disk, Path::new("log.key"), &random, "origin.example").expect("a key");
    let kept = reissue::env::Disk::read(&disk, Path::new("log.key"), 4096).expect("it is kept");
    let kept = String::from_utf8(kept).expect("text");
    canaries.add("the log's key", kept.trim().splitn(5, '+').nth(4).expect("its private part"));
    let key = || CertificateKey::from_pem(&Secret::new(certificate.pem())).expect("a key");
    let identity = || Identity::Certificate { client_id: CLIENT.parse().expect("an id"), key: key() };
    let mut all = vec![shown(&certificate), shown(&log_key), shown(&key()), shown(&identity())];
    all.extend(session(identity()));
    let scanner = canaries.scanner();
    assert!(scanner.find(certificate.pem().as_bytes()).is_some(), "the scan knows this key");
    assert!(scanner.find(kept.as_bytes()).is_some(), "and this one");
    for text in all {
        assert_eq!(scanner.find(text.as_bytes()), None, "{text}");
    }
}

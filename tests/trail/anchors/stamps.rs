//! Time stamps (RFC 3161) of openssl's own authority.

use super::house::{House, serve};
use crate::support::tsa::{LONG_AGO, NOW, Tsa};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reissue::trail::anchors::stamp::{Authorities, Stamp, StampError};
use std::sync::Arc;

const OVER: &[u8] = b"a checkpoint";

fn root(tsa: &Tsa) -> Authorities {
    Authorities::from_pem(&tsa.read("ca.pem")).unwrap()
}

/// What is said of a reply by somebody who believes the root.
fn judged(tsa: &Tsa, reply: &[u8]) -> Result<String, StampError> {
    let stamp = Stamp::read(reply)?;
    if !stamp.is_over(OVER) {
        return Err(StampError::Imprint);
    }
    stamp.judge(&root(tsa)).map(|who| who.to_string())
}

#[test]
fn every_kind_of_key_and_hash_is_taken() {
    let tsa = Tsa::new();
    let rows = [
        ("rsa", "RSA", "-sha256", "signer_digest = sha256"),
        ("p256", "P-256", "-sha384", "signer_digest = sha384"),
        ("p384", "P-384", "-sha512", "signer_digest = sha512\nclock_precision_digits = 3"),
        ("p521", "P-521", "-sha256", "ess_cert_id_alg = sha1\ntsa_name = yes\nordering = yes"),
    ];
    for (name, sort, digest, config) in rows {
        tsa.authority(name, sort);
        let reply = tsa.reply(name, &tsa.query(OVER, digest), config);
        std::fs::write(tsa.path("over"), OVER).unwrap();
        assert!(tsa.openssl_accepts(&tsa.path("r.tsr"), &tsa.path("over")), "{name}");
        assert_eq!(judged(&tsa, &reply), Ok(format!("CN={name}.example")), "{name}");
        let now = reissue::env::Clock::real().now();
        let time = Stamp::read(&reply).unwrap().time();
        assert!(now.since(time).as_secs() < 60, "{time}");
    }
}

#[test]
fn what_is_wrong_with_a_reply_is_told() {
    let tsa = Tsa::new();
    tsa.authority("time", "RSA");
    let good = tsa.reply("time", &tsa.query(OVER, "-sha256"), "");
    let rows = [("loose", NOW), ("web", NOW), ("both", NOW), ("none", NOW), ("old", LONG_AGO)];
    for (name, days) in rows {
        tsa.certify(name, "P-256", if name == "old" { "good" } else { name }, days);
        let reply = tsa.signed_again(&good, name, &["-cades"]);
        let said = judged(&tsa, &reply);
        match name {
            "old" => assert!(matches!(said, Err(StampError::Expired(_))), "{said:?}"),
            _ => assert_eq!(said, Err(StampError::Purpose), "{name}"),
        }
        assert!(!said.unwrap_err().is_change(), "{name}: not changed, only not to be believed");
    }
    // Without the attribute that names the certificate, another one with the same key would do.
    let unnamed = tsa.signed_again(&good, "time", &[]);
    assert!(matches!(judged(&tsa, &unnamed), Err(StampError::Signature(_))));
    let bare = tsa.signed_again(&good, "time", &["-cades", "-nocerts"]);
    assert_eq!(judged(&tsa, &bare), Err(StampError::NoCertificate));
    let with = root(&tsa).and(Authorities::from_pem(&tsa.read("time.pem")).unwrap());
    assert!(Stamp::read(&bare).unwrap().judge(&with).is_ok(), "the verifier may bring the certificate");
    let refused = tsa.reply_refused();
    assert!(matches!(Stamp::read(&refused), Err(StampError::Refused(2, _))));
    let other = Tsa::new();
    let said = Stamp::read(&good).unwrap().judge(&root(&other));
    assert!(matches!(said, Err(StampError::Chain(_))), "{said:?}");
}

/// Every byte of a reply counts, and what is no reply does not pass for one.
#[test]
fn no_changed_byte_is_taken() {
    let tsa = Tsa::new();
    tsa.authority("time", "P-256");
    // Without certificates that nobody needs.
    let good = tsa.signed_again(&tsa.reply("time", &tsa.query(OVER, "-sha256"), ""), "time", &["-cades"]);
    assert!(judged(&tsa, &good).is_ok());
    let mut taken = Vec::new();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x01;
        if judged(&tsa, &bad).is_ok() {
            taken.push(at);
        }
        assert!(judged(&tsa, &good[..at]).is_err(), "cut at {at}");
    }
    // What is not signed and says nothing: whether the status is "granted" or "granted with changes", the
    // list of hashes that one-pass readers would want, versions, and parameters that are empty.
    let content = good.windows(4).position(|w| w == b"\x02\x01\x01\x06").unwrap();
    let signed = content..content + 90;
    assert!(taken.iter().all(|at| !signed.contains(at)) && taken.len() < 24, "{taken:?}, {signed:?}");
}

#[test]
fn an_authority_is_asked_over_http() {
    let house = House::new();
    let tsa = Arc::new(Tsa::new());
    tsa.authority("time", "P-256");
    std::fs::copy(tsa.path("ca.pem"), house.path("tsa.pem")).unwrap();
    let its = tsa.clone();
    let answer = move |headers: HeaderMap, body: Bytes| async move {
        let sort = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        assert_eq!(sort, "application/timestamp-query");
        its.reply("time", &body, "")
    };
    let router = Router::new()
        .route("/tsr", post(answer))
        .route("/down", post(|| async { (StatusCode::SERVICE_UNAVAILABLE, "later") }));
    let served = serve(router);
    let (url, down) = (format!("{}/tsr", served.url), format!("{}/down", served.url));
    let size = house.size();
    house.verified(3, &["--tsa-ca", "tsa.pem"]);
    let said = house.anchored(1, &["--tsa", &down, "--tsa-ca", "tsa.pem"]);
    assert!(said.contains("RI031") && said.contains("HTTP status 503"), "{said}");
    let said = house.anchored(0, &["--tsa", &url, "--tsa-ca", "tsa.pem"]);
    assert!(said.contains("the authority CN=time.example"), "{said}");
    // What is kept is what openssl reads.
    assert!(tsa.openssl_accepts(&house.anchor(size, "tsr"), &house.checkpoint(size)));
    let first = std::fs::read(house.anchor(size, "tsr")).unwrap();
    house.anchored(0, &["--tsa", &url, "--tsa-ca", "tsa.pem"]);
    assert_eq!(std::fs::read(house.anchor(size, "tsr")).unwrap(), first, "the earlier time says more");

    let said = house.verified(0, &["--tsa-ca", "tsa.pem"]);
    assert!(said.contains("time stamp   holds for") && said.contains("CN=time.example"), "{said}");
    assert!(said.contains("only by what lies in the log's own folder"), "{said}");
    let said = house.verified(3, &[]);
    assert!(said.contains("NOT CHECKED: no authority was given"), "{said}");
    assert!(said.contains("witness      none") && said.contains("git          none"), "{said}");
    // Later lines are not covered by it.
    house.grow();
    assert!(house.verified(3, &["--tsa-ca", "tsa.pem"]).contains("NOT anchored"));
}

#[test]
fn a_request_is_carried_to_an_authority_and_its_reply_back() {
    let (house, tsa) = (House::new(), Tsa::new());
    tsa.authority("time", "RSA");
    std::fs::copy(tsa.path("ca.pem"), house.path("tsa.pem")).unwrap();
    let size = house.size();
    house.anchored(0, &["--tsq-out", "q.tsq"]);
    house.anchored(1, &["--tsq-out", "q.tsq"]);
    let reply = tsa.reply("time", &std::fs::read(house.path("q.tsq")).unwrap(), "");
    std::fs::write(house.path("r.tsr"), &reply).unwrap();
    // The log has grown meanwhile: the reply is over the checkpoint that it is over.
    house.grow();
    let said = house.anchored(0, &["--tsr", "r.tsr", "--tsa-ca", "tsa.pem"]);
    assert!(said.contains(&format!("Anchored {size} lines")), "{said}");
    assert_eq!(std::fs::read(house.anchor(size, "tsr")).unwrap(), reply);

    let foreign = tsa.reply("time", &tsa.query(b"something else", "-sha256"), "");
    std::fs::write(house.path("foreign.tsr"), foreign).unwrap();
    let said = house.anchored(1, &["--tsr", "foreign.tsr", "--tsa-ca", "tsa.pem"]);
    assert!(said.contains("none of the checkpoints"), "{said}");
    let other = Tsa::new();
    std::fs::copy(other.path("ca.pem"), house.path("other.pem")).unwrap();
    let said = house.anchored(1, &["--tsr", "r.tsr", "--tsa-ca", "other.pem"]);
    assert!(said.contains("no authority that was given stands behind"), "{said}");
    let said = house.verified(3, &["--tsa-ca", "other.pem"]);
    assert!(said.contains("does not hold: no authority"), "{said}");
}

/// An answer to another request, or over another file, is not kept, whoever signed it.
#[test]
fn an_answer_to_another_request_is_not_kept() {
    let house = House::new();
    let tsa = Arc::new(Tsa::new());
    tsa.authority("time", "P-256");
    std::fs::copy(tsa.path("ca.pem"), house.path("tsa.pem")).unwrap();
    let checkpoint = std::fs::read(house.checkpoint(house.size())).unwrap();
    let old = tsa.reply("time", &tsa.query(&checkpoint, "-sha256"), "");
    let served = serve(Router::new().route("/", post(move || async { old })));
    let said = house.anchored(1, &["--tsa", &served.url, "--tsa-ca", "tsa.pem"]);
    assert!(said.contains("nonce mismatch"), "{said}");
    assert!(!house.anchor(house.size(), "tsr").exists());
}

impl Tsa {
    /// A reply that grants nothing: the hash is one that the authority does not take.
    fn reply_refused(&self) -> Vec<u8> {
        let request = self.query(OVER, "-sha1");
        self.reply("time", &request, "")
    }
}

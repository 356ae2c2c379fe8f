//! Approvals that the certificate of a card signed (PIV, CAC): what counts, and every forgery that does not.
//! Without openssl, which makes the certificates, nothing of it can be tried.

use crate::support::approvals::{PEOPLE, at, facts, noon, roster_yaml, signed, statement};
use crate::support::cards::{
    FROM, Issuer, LISTED_FROM, LISTED_UNTIL, P256, UNTIL, openssl_is_here, with_card,
};
use reissue::domain::approval::card::Authority;
use reissue::domain::approval::keys::of_certificate;
use reissue::domain::approval::{
    Approval, ApprovalRefusal, Handover, Roster, RosterChange, RosterError, SignedApproval,
};
use reissue::domain::id::Digest;
use reissue::domain::time::Timestamp;

/// A roster on which Ann has these certificates.
fn roster(issuer: &Issuer, certificates: &[Digest]) -> Roster {
    let text = with_card(&roster_yaml(&[]), &issuer.text("ca.pem"), PEOPLE[1].0, certificates);
    Roster::from_yaml(text.as_bytes()).unwrap()
}

/// What Ann says, under this roster.
fn said(roster: &Roster) -> Vec<u8> {
    statement(&facts(roster), 1, 1).to_bytes().unwrap()
}

fn judge_at(roster: &Roster, bytes: &[u8], text: &str, at: Timestamp) -> Result<Approval, ApprovalRefusal> {
    let signed = SignedApproval { statement_bytes: bytes.to_vec(), armored: text.to_owned() };
    signed.verify(roster, &facts(roster), at)
}

fn judge(roster: &Roster, bytes: &[u8], text: &str) -> Result<Approval, ApprovalRefusal> {
    judge_at(roster, bytes, text, noon())
}

fn code(judged: Result<Approval, ApprovalRefusal>) -> &'static str {
    judged.expect_err("it was to be refused").code()
}

#[test]
fn keys_and_hashes_that_cards_have() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::new("issuing-ca");
    let rows = [
        ("p256", P256, "card", ""),
        ("p384", "ec -pkeyopt ec_paramgen_curve:P-384", "card", "-md sha384"),
        ("rsa2048", "rsa:2048", "card", ""),
        ("rsa3072", "rsa:3072", "repudiable", "-md sha512"),
        ("pss", "rsa:2048", "card", "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:digest"),
        ("by-key", P256, "card", "-keyid"),
    ];
    for (name, key, extensions, more) in rows {
        let digest = issuer.issue_with(name, key, extensions, (FROM, UNTIL), "");
        let roster = roster(&issuer, &[digest]);
        let bytes = said(&roster);
        let approval = judge(&roster, &bytes, &issuer.signed(name, &bytes, more)).expect(name);
        assert_eq!(
            (approval.person().as_str(), approval.certificate()),
            (PEOPLE[1].0, Some(digest)),
            "{name}"
        );
        assert!(approval.fingerprint().starts_with("SHA256:"));
        // It has to be recorded while the list of revoked certificates is current.
        assert_eq!(approval.ends(), at("2026-11-24T11:00:00Z"));
    }
    issuer.list("soon", (LISTED_FROM, "20261123130000Z"));
    let roster = roster(&issuer, &[issuer.digest("p256")]);
    let bytes = said(&roster);
    let text = issuer.enclose(&issuer.sign("p256", &bytes, ""), "soon");
    let approval = judge(&roster, &bytes, &text).unwrap();
    assert_eq!(approval.ends(), at("2026-11-23T13:00:00Z"));
    assert_eq!(code(judge_at(&roster, &bytes, &text, approval.ends())), "cms-stale-crl");
    // Beside a key that signs with SSH.
    let by_key = signed(&facts(&roster), 1, 1, |_| ()).verify(&roster, &facts(&roster), noon()).unwrap();
    assert_eq!((by_key.certificate(), by_key.ends()), (None, by_key.statement().expires));
}

#[test]
fn forged_signatures_are_refused() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::with("issuing-ca", "signing_issuer", (FROM, UNTIL));
    let mut listed = vec![
        issuer.issue("ann", P256),
        issuer.issue("ann-rsa", "rsa:2048"),
        issuer.issue("short", "rsa:1024"),
        issuer.issue("p521", "ec -pkeyopt ec_paramgen_curve:P-521"),
        issuer.issue_with("cipher", P256, "cipher", (FROM, UNTIL), ""),
        issuer.issue_with("nothing", P256, "nothing", (FROM, UNTIL), ""),
    ];
    listed.push(issuer.digest("ca"));
    issuer.issue("unlisted", P256);
    let roster = roster(&issuer, &listed);
    let bytes = said(&roster);
    let other = statement(&facts(&roster), 1, 2).to_bytes().unwrap();
    let refused = |want: &str, text: &str| assert_eq!(code(judge(&roster, &bytes, text)), want, "{text}");
    let with = |file: &str, more: &str| issuer.signed(file, &bytes, more);
    assert!(judge(&roster, &bytes, &with("ann", "")).is_ok());
    refused("cms-bad-signature", &issuer.signed("ann", &other, ""));
    refused("cms-bad-signature", &issuer.signed("ann", &[&bytes[..], b"\n"].concat(), ""));
    refused("cms-authority", &with("ca", ""));
    refused("cms-unknown-certificate", &with("unlisted", ""));
    refused("key-not-allowed", &with("short", ""));
    refused("key-not-allowed", &with("p521", ""));
    refused("cms-weak-hash", &with("ann", "-md sha1"));
    refused("cms-weak-hash", &with("ann-rsa", "-md sha1"));
    refused("cms-key-usage", &with("cipher", ""));
    refused("cms-key-usage", &with("nothing", ""));
    refused("cms-attached", &with("ann", "-nodetach"));
    refused("cms-attached", &issuer.signed("ann", &other, "-nodetach"));
    refused("cms-signers", &with("ann", "-signer ann-rsa.pem -inkey ann-rsa.key"));
    refused("cms-no-signed-attributes", &with("ann", "-noattr"));
    refused("cms-no-certificate", &with("ann", "-nocerts"));
    refused("cms-no-certificate", &with("ann", "-nocerts -certfile ann-rsa.pem"));
    refused("cms-other-content-type", &with("ann", "-econtent_type 1.2.840.113549.1.9.16.1.4"));
    // Somebody with another key and Ann's serial number, who encloses her certificate.
    issuer.sh("openssl x509 -in ann.pem -noout -serial | cut -d= -f2 > serial; : > index.txt");
    issuer.issue("twin", P256);
    let twin = issuer.sign("twin", &bytes, "-nocerts -certfile ann.pem");
    refused("cms-bad-signature", &issuer.enclose(&twin, "crl"));
}

/// Whoever the statement names, and whose card it is.
#[test]
fn cards_of_others_are_refused() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::new("issuing-ca");
    let (ann, ben) = (issuer.issue("ann", P256), issuer.issue("ben", P256));
    let text = with_card(&roster_yaml(&[]), &issuer.text("ca.pem"), PEOPLE[1].0, &[ann]);
    let name = format!("name: {}\n", PEOPLE[2].0);
    let both = text.replacen(&name, &format!("{name}    certificates: [ \"{ben}\" ]\n"), 1);
    let roster = Roster::from_yaml(both.as_bytes()).unwrap();
    let bytes = said(&roster);
    assert!(judge(&roster, &bytes, &issuer.signed("ann", &bytes, "")).is_ok());
    assert_eq!(code(judge(&roster, &bytes, &issuer.signed("ben", &bytes, ""))), "other-person");
    // Ann's certificate for a key with which Ben signs: one card would be two people.
    let der = issuer.sh("openssl x509 -in ann.pem -outform DER");
    let line = of_certificate(&der).unwrap().to_openssh().unwrap();
    let keys = format!("{name}    certificates: [ \"{ben}\" ]\n");
    let shared = both.replacen(&keys, &format!("{keys}    # also\n"), 1);
    let at_ben = shared.find("# also").unwrap();
    let list = at_ben + shared[at_ben..].find("keys:\n").unwrap() + "keys:\n".len();
    let shared = format!("{}      - {:?}\n{}", &shared[..list], line.trim(), &shared[list..]);
    let roster = Roster::from_yaml(shared.as_bytes()).unwrap();
    let bytes = said(&roster);
    assert_eq!(code(judge(&roster, &bytes, &issuer.signed("ann", &bytes, ""))), "other-person");
    // A statement of somebody who is not there.
    let roster = Roster::from_yaml(both.as_bytes()).unwrap();
    let mut stranger = statement(&facts(&roster), 1, 1);
    stranger.approver = reissue::domain::text::Text::lossy("zoe@agency.example");
    let bytes = stranger.to_bytes().unwrap();
    assert_eq!(code(judge(&roster, &bytes, &issuer.signed("ann", &bytes, ""))), "unknown-person");
}

#[test]
fn dates_authorities_and_revocation() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::new("issuing-ca");
    let (same_name, other_name) = (Issuer::new("issuing-ca"), Issuer::new("other-ca"));
    let mut listed = vec![
        issuer.issue("ann", P256),
        issuer.issue("gone", P256),
        issuer.issue_with("past", P256, "card", (FROM, "20261123115959Z"), ""),
        issuer.issue_with("future", P256, "card", ("20261123120001Z", UNTIL), ""),
        issuer.issue_with("sha1", P256, "card", (FROM, UNTIL), "-md sha1"),
        same_name.issue("ann", P256),
        other_name.issue("ann", P256),
    ];
    // An authority under the one that is pinned: not followed.
    let under = Issuer::new("sub-ca");
    std::fs::copy(under.path("ca.csr"), issuer.path("sub.csr")).unwrap();
    issuer.sh(&format!(
        "openssl ca -batch -config cnf -cert ca.pem -keyfile ca.key -in sub.csr -extensions issuer -startdate {FROM} \
         -enddate {UNTIL} -notext -out sub.pem"
    ));
    std::fs::copy(issuer.path("sub.pem"), under.path("sub.pem")).unwrap();
    listed.push(under.issue("ann", P256));
    let roster = roster(&issuer, &listed);
    let bytes = said(&roster);
    let sign = |by: &Issuer, file: &str, more: &str| by.sign(file, &bytes, more);
    let refused = |want: &str, text: &str| assert_eq!(code(judge(&roster, &bytes, text)), want);
    refused("cms-certificate-not-valid", &issuer.signed("past", &bytes, ""));
    refused("cms-certificate-not-valid", &issuer.signed("future", &bytes, ""));
    refused("cms-chain", &issuer.signed("sha1", &bytes, ""));
    refused("cms-chain", &same_name.signed("ann", &bytes, ""));
    refused("cms-chain", &issuer.enclose(&sign(&same_name, "ann", ""), "crl"));
    refused("cms-chain", &other_name.signed("ann", &bytes, "-certfile ca.pem"));
    refused("cms-chain", &under.signed("ann", &bytes, "-certfile sub.pem"));
    // Lists of revoked certificates.
    let good = sign(&issuer, "ann", "");
    let text = issuer.enclose(&good, "crl");
    assert!(judge(&roster, &bytes, &text).is_ok());
    refused("cms-bad-crl", &same_name.enclose(&good, "crl"));
    refused("cms-no-crl", &other_name.enclose(&good, "crl"));
    let bare = &text[..text.find("-----BEGIN X509").unwrap()];
    refused("cms-no-crl", bare);
    issuer.list("stale", (LISTED_FROM, "20261123115959Z"));
    refused("cms-stale-crl", &issuer.enclose(&good, "stale"));
    issuer.list("early", ("20261123120001Z", LISTED_UNTIL));
    refused("cms-stale-crl", &issuer.enclose(&good, "early"));
    let gone = sign(&issuer, "gone", "");
    assert!(judge(&roster, &bytes, &issuer.enclose(&gone, "crl")).is_ok(), "before it was revoked");
    issuer.revoke("gone");
    issuer.list("crl", (LISTED_FROM, LISTED_UNTIL));
    refused("cms-revoked", &issuer.enclose(&gone, "crl"));
    assert!(judge(&roster, &bytes, &issuer.enclose(&good, "crl")).is_ok(), "others are not touched by it");
    // Judged as of the record, whatever the clock says today.
    let late = at("2026-11-27T00:00:00Z");
    assert_eq!(code(judge_at(&roster, &bytes, &issuer.enclose(&good, "crl"), late)), "cms-stale-crl");
}

/// An authority whose own time is over stands behind nothing.
#[test]
fn an_authority_that_has_expired() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::with("issuing-ca", "issuer", (FROM, "20261123115959Z"));
    let roster = roster(&issuer, &[issuer.issue("ann", P256)]);
    let bytes = said(&roster);
    assert_eq!(code(judge(&roster, &bytes, &issuer.signed("ann", &bytes, ""))), "cms-certificate-not-valid");
}

#[test]
fn the_text_has_one_spelling_and_nothing_beside() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::new("issuing-ca");
    let roster = roster(&issuer, &[issuer.issue("ann", P256)]);
    let bytes = said(&roster);
    let text = issuer.signed("ann", &bytes, "");
    let list = text.find("-----BEGIN X509").unwrap();
    let others = [
        text.replace('\n', "\r\n"),
        format!("{text}\n"),
        format!("{text}more"),
        format!("{}between\n{}", &text[..list], &text[list..]),
        format!("{}{}", &text[..list], text),
        format!("{text}{}", issuer.text("ann.pem")),
        text.replacen("\n", "\n ", 2),
        text.replace("BEGIN CMS", "BEGIN PKCS7").replace("END CMS", "END PKCS7"),
        format!("{}{}", &text[list..], &text[..list]),
    ];
    for other in others {
        let found = code(judge(&roster, &bytes, &other));
        assert!(["cms-not-a-signature", "not-a-signature"].contains(&found), "{found}: {other}");
    }
    // Whatever byte of the signature is changed: never somebody else.
    std::fs::write(issuer.path("signature"), issuer.sign("ann", &bytes, "")).unwrap();
    let der = issuer.sh("openssl cms -cmsout -inform PEM -outform DER -in signature");
    let list = std::fs::read(issuer.path("crl.pem")).unwrap();
    let mut taken = 0;
    for at in 0..der.len() {
        let mut other = der.clone();
        other[at] ^= 1 << (at % 8);
        let text = pem_of(&issuer, &other, &list);
        if let Ok(approval) = judge(&roster, &bytes, &text) {
            assert_eq!(approval.person().as_str(), PEOPLE[1].0);
            taken += 1;
        }
    }
    // The few bytes that nobody signs: numbers of versions, the set of digests that are used.
    assert!(taken < 24, "{taken} of {}", der.len());
}

fn pem_of(issuer: &Issuer, der: &[u8], list: &[u8]) -> String {
    use base64::Engine;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN CMS-----\n{body}\n-----END CMS-----\n");
    assert!(issuer.path("ca.pem").exists());
    reissue::domain::approval::card::enclose(pem.as_bytes(), list).unwrap()
}

/// What else people sign is signed with SSH keys; a card's signature passes for none of it.
#[test]
fn cards_change_no_roster_and_hand_nothing_over() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::new("issuing-ca");
    let roster = roster(&issuer, &[issuer.issue("ann", P256)]);
    let bytes = said(&roster);
    let text = issuer.signed("ann", &bytes, "");
    let signed = SignedApproval { statement_bytes: bytes, armored: text };
    assert!(RosterChange::verify(&signed, &roster).is_err());
    assert!(Handover::verify(&signed, &roster).is_err());
}

#[test]
fn rosters_with_authorities() {
    if !openssl_is_here() {
        return;
    }
    let issuer = Issuer::new("issuing-ca");
    let ann = issuer.issue("ann", P256);
    let (authority, base) = (issuer.text("ca.pem"), roster_yaml(&[]));
    let read = |text: &str| Roster::from_yaml(text.as_bytes());
    let good = with_card(&base, &authority, PEOPLE[1].0, &[ann]);
    let roster = read(&good).unwrap();
    assert_eq!(roster.holder(&ann).map(|p| p.name.as_str()), Some(PEOPLE[1].0));
    assert_eq!(roster.authorities()[0].to_pem(), authority);
    assert_eq!(roster.authorities()[0].digest(), issuer.digest("ca"));
    let twice = with_card(&base, &authority, PEOPLE[1].0, &[ann, ann]);
    assert!(matches!(read(&twice), Err(RosterError::SameCertificate { .. })));
    let name = format!("name: {}\n", PEOPLE[2].0);
    let two = good.replacen(&name, &format!("{name}    certificates: [ \"{ann}\" ]\n"), 1);
    assert!(matches!(read(&two), Err(RosterError::SameCertificate { .. })));
    let without =
        good.replacen(&good[good.find("authorities").unwrap()..good.find("people").unwrap()], "", 1);
    assert!(matches!(read(&without), Err(RosterError::NoAuthority(_))), "{without}");
    for bad in [issuer.text("ann.pem"), issuer.text("ca.key"), authority.repeat(2), "x".into()] {
        assert!(Authority::from_pem(&bad).is_err());
        assert!(matches!(
            read(&with_card(&base, &bad, PEOPLE[1].0, &[ann])),
            Err(RosterError::Authority { .. })
        ));
    }
}

/// The fuzzer's seeds: a roster with a card, and an approval that the card signed. Kept as files, so that both are
/// judged where there is no openssl too. `UPDATE_SEEDS=1 cargo test --test approvals cards::` makes them anew.
#[test]
fn the_seeds_are_good() {
    let seed = |kind: &str| format!("{}/fuzz/seeds/{kind}/card", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_SEEDS").is_some() {
        let issuer = Issuer::new("issuing-ca");
        let ann = issuer.issue("ann", P256);
        let text = with_card(&roster_yaml(&[]), &issuer.text("ca.pem"), PEOPLE[1].0, &[ann]);
        let bytes = said(&Roster::from_yaml(text.as_bytes()).unwrap());
        let signed = issuer.signed("ann", &bytes, "");
        std::fs::write(seed("signature"), [bytes, signed.into_bytes()].concat()).unwrap();
        std::fs::write(seed("roster"), text).unwrap();
    }
    let roster = Roster::from_yaml(&std::fs::read(seed("roster")).unwrap()).unwrap();
    let both = std::fs::read_to_string(seed("signature")).unwrap();
    let (bytes, text) = both.split_at(both.find("-----BEGIN").unwrap());
    let approval = judge(&roster, bytes.as_bytes(), text).unwrap();
    assert_eq!(approval.certificate().as_ref(), roster.people()[1].certificates.first());
}

//! The shipped playbooks are sound, and no input makes the reader panic, hang or show a secret.

use proptest::prelude::*;
use reissue::connector::syntaxes;
use reissue::domain::playbook::{
    Diagnostics, Publication, Refresh, Selector, Setting, Target, ValidPlaybook, check, check_bytes,
};
use std::time::{Duration, Instant};

const SHIPPED: [(&str, &str); 7] = [
    ("contain-first", include_str!("../../playbooks/contain-first.yaml")),
    ("leaked-app-secret", include_str!("../../playbooks/leaked-app-secret.yaml")),
    ("expiring-certificates", include_str!("../../playbooks/expiring-certificates.yaml")),
    ("compromised-users", include_str!("../../playbooks/compromised-users.yaml")),
    ("unneeded-apps", include_str!("../../playbooks/unneeded-apps.yaml")),
    ("midnight-blizzard", include_str!("../../playbooks/midnight-blizzard.yaml")),
    ("switch-on-again", include_str!("../../playbooks/switch-on-again.yaml")),
];
/// One target of each kind, and little else.
const EVERY_KIND: &str = include_str!("../playbooks/every-kind.yaml");

fn read(text: &str) -> Result<ValidPlaybook, Diagnostics> {
    check(text, &syntaxes())
}

#[test]
fn every_shipped_playbook_is_sound() {
    for (name, text) in SHIPPED {
        if let Err(found) = read(text) {
            panic!("{name}: {:?}", found.found());
        }
    }
}

#[test]
fn a_playbook_of_every_kind_means_what_it_says() {
    let book = read(EVERY_KIND).unwrap();
    let kinds: Vec<&str> = book.targets.iter().map(|t| t.kind).collect();
    assert_eq!(kinds, ["app-secret", "app-certificate", "app-secret", "app-disable", "user-password"]);
    assert_eq!(book.stores.len(), 2);
    assert!(book.approval.retire_separately);
    let [secret, certificate, partner, disable, alice] = &book.targets[..] else { panic!() };
    assert_eq!(secret.selector, Selector::Hint("x7Q".to_owned().try_into().unwrap()));
    assert_eq!(secret.hold.time, None);
    assert_eq!(&*secret.hold.confirmed_by[0], "payroll-team");
    assert_eq!(secret.consumers[0].refresh, Refresh::Every(Duration::from_secs(300)));
    assert_eq!(secret.consumers[2].refresh, Refresh::OnRestart);
    assert_eq!(secret.lifetime, Duration::from_secs(90 * 86_400));
    assert_eq!(certificate.settings["key_size"], Setting::Number(3072));
    assert_eq!(certificate.hold.time, Some(Duration::from_secs(26 * 3_600)));
    assert!(partner.contain && partner.selector == Selector::All);
    assert_eq!(disable.publish, None);
    assert_eq!(disable.hold.time, None);
    let Some(Publication { store, name, to: Some(to) }) = &alice.publish else { panic!() };
    assert_eq!((&**store, &**name, &**to), ("helpdesk", "alice-temporary", "helpdesk"));
    assert_eq!(alice.settings["block"], Setting::Flag(true));
    assert_eq!(alice.id.to_string(), "t5");
    assert!(secret.at.0 > 40 && secret.at.1 == 5, "{:?}", secret.at);
}

/// The largest one has everything that a playbook can say.
#[test]
fn midnight_blizzard_has_it_all() {
    let book = read(SHIPPED[5].1).unwrap();
    assert!(book.targets.len() >= 40, "{}", book.targets.len());
    // Switching on again is a plan of its own, after the night.
    for kind in syntaxes().into_iter().filter(|k| k.form().verb() != "enable") {
        let of_kind: Vec<_> = book.targets.iter().filter(|t| t.kind == kind.name()).collect();
        assert!(of_kind.len() >= 5, "{}", kind.name());
        if kind.form().rotates() {
            assert!(of_kind.iter().any(|t| t.contain), "{} contained", kind.name());
            assert!(of_kind.iter().any(|t| matches!(t.selector, Selector::All) && !t.contain));
            assert!(of_kind.iter().any(|t| matches!(t.selector, Selector::KeyId(_))));
            assert!(
                of_kind.iter().any(|t| matches!(t.selector, Selector::Hint(_) | Selector::Thumbprint(_)))
            );
        }
    }
    let consumers: Vec<_> = book.targets.iter().flat_map(|t| &t.consumers).collect();
    for habit in [Refresh::OnRestart, Refresh::Pinned, Refresh::Every(Duration::from_secs(86_400))] {
        assert!(consumers.iter().any(|c| c.refresh == habit), "{habit:?}");
    }
    let holds = |time: bool, people: bool| {
        let fits = |t: &&Target| (t.hold.time.is_some(), !t.hold.confirmed_by.is_empty()) == (time, people);
        book.targets.iter().filter(fits).count()
    };
    assert!(holds(true, false) > 10 && holds(false, true) > 0 && holds(true, true) > 2);
}

#[test]
fn all_mistakes_are_found_in_one_reading() {
    let text = EVERY_KIND.replace("us_gov_high", "mars").replace("hint: x7Q", "hnit: x7Q");
    let text = text.replace("block: true", "block: yes").replace("quorum: 2", "quorum: two");
    let found = read(&text).unwrap_err();
    let ids: Vec<&str> = found.found().iter().map(|d| d.code.id()).collect();
    assert_eq!(ids, ["PB024", "PB023", "PB011", "PB025"], "{:?}", found.found());
}

const CANARY: &str = "x7Q8Q~c4n4ryC4N4RYc4n4ryC4N4RYc4n4ryC4N4";

/// Wherever somebody pastes the secret, the file is refused and nothing shows it.
#[test]
fn a_pasted_secret_is_refused_and_never_shown() {
    let good = SHIPPED[1].1;
    let places = [
        "hint: x7Q",
        "payroll-sync ",
        "F-0042",
        "F-0042, note: pasted into a support ticket",
        "name: payroll-sync }",
        "us_gov_high ",
        "26h }",
        "payroll-worker",
        "pinned",
        "quorum: 2 ",
        "secret: { hint: x7Q }",
        "x7Q",
        "8a1d0000-0000-4000-8000-000000000001",
        "https://kv-ir.vault.usgovcloudapi.net",
        "2024-03-28T09:15:00Z",
        "# must be its name in the directory too",
        "reissue: 1\n",
        "targets:\n",
        "INC-2024-0402",
    ];
    for place in places {
        assert!(good.contains(place), "{place}");
        for pasted in
            [CANARY.to_owned(), format!("{place} {CANARY}"), format!("{place}\n    password: {CANARY}\n")]
        {
            let found = read(&good.replacen(place, &pasted, 1)).unwrap_err();
            let shown = format!("{found} {:?}", found);
            assert!(!shown.contains("c4n4ry") && !shown.contains("C4N4RY"), "{place}: {shown}");
        }
    }
}

/// Whatever the file's encoding, and whatever invisible characters came along.
#[test]
fn a_secret_in_a_strange_encoding_is_not_shown() {
    let text = SHIPPED[1].1.replace("x7Q", CANARY);
    let utf16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
    let marked = [&[0xff, 0xfe][..], &little].concat();
    let spaced = text.replace("c4n4", "c4\u{200b}n4").into_bytes();
    let latin = text.replace("payroll-sync\n", "payr\u{fc}ll\n").chars().map(|c| c as u8).collect();
    for bytes in [little, big, marked, spaced, latin] {
        let found = check_bytes(&bytes, &syntaxes(), None).unwrap_err();
        let shown: String = format!("{found:?}").chars().filter(char::is_ascii_alphanumeric).collect();
        assert!(!shown.contains("4ry") && !shown.contains("4RY"), "{shown}");
    }
}

/// A secret of no known shape, where only its place tells that it is one.
#[test]
fn an_unknown_value_in_a_secrets_place_is_not_shown() {
    let good = SHIPPED[1].1;
    for line in [
        "secret: canary",
        "secret: { hint: canary }",
        "secret: { key_id: canary }",
        "secret: { value: canary }",
        "secret: { hint: x7Q, password: canary }",
        "secret: { hint: x7Q, token: \"canary\" }",
    ] {
        let found = read(&good.replace("secret: { hint: x7Q }", line)).unwrap_err();
        assert!(!format!("{found:?}").contains("canary"), "{line}: {found:?}");
    }
}

#[test]
fn large_and_nested_input_ends_quickly() {
    let nested = "[".repeat(500_000);
    let mappings = "{a: ".repeat(200_000);
    let bomb =
        format!("a: &a [x, x]\n{}", (0..20).map(|n| format!("b{n}: [*a, *a, *a]\n")).collect::<String>());
    let keys: String = (0..60_000).map(|n| format!("k{n}: 1\n")).collect();
    let dashes = "- ".repeat(400_000);
    let quotes = "\"".repeat(1_000_000);
    let one_target = "  - { user: a@b.example, reset: { deliver: { store: x, name: y, to: z } } }\n";
    let many = format!("reissue: 1\ntargets:\n{}", one_target.repeat(12_000));
    let begins = "-----BEGIN X\n".repeat(70_000);
    let passwords = "password=".repeat(100_000);
    for text in [nested, mappings, bomb, keys, dashes, quotes, many, begins, passwords] {
        let begun = Instant::now();
        let found = read(&text).unwrap_err();
        assert!(!found.found().is_empty());
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?} for {:.40}", begun.elapsed(), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = check_bytes(&bytes, &syntaxes(), None);
    }

    #[test]
    fn arbitrary_text_is_read_or_refused(text in "[-a-z0-9:{}\\[\\] \n\t\"'#&*!|>%@?,~é\u{202e}]{0,200}") {
        let _ = read(&text);
    }

    /// Cuts, repetitions and foreign pieces put into sound playbooks.
    #[test]
    fn damaged_playbooks_are_read_or_refused(
        book in 0usize..6, at in 0usize..4000, len in 0usize..60, piece in 0usize..12, again in 0usize..4000,
    ) {
        let pieces = ["", "\t", ": ", "- ", "{", "}", "\n", "\u{202e}", "&a ", "*a", "é", "'"];
        let mut text: Vec<char> = SHIPPED[book].1.chars().collect();
        let at = at % text.len();
        let cut: Vec<char> = text.splice(at..(at + len).min(text.len()), pieces[piece].chars()).collect();
        let again = again % (text.len() + 1);
        text.splice(again..again, cut);
        let text: String = text.into_iter().collect();
        if let Err(found) = read(&text) {
            for d in found.found() {
                let end = d.at.offset + d.at.len;
                prop_assert!(found.text().get(d.at.offset..end).is_some() || d.at.offset == 0, "{d:?}");
                prop_assert!(d.at.line >= 1 && d.at.column >= 1);
            }
        }
    }
}

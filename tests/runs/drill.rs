//! Whole rehearsals, judged by the lab's ledger.

use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::{Plan, Warning};
use reissue::domain::time::Timestamp;
use reissue::drill::{self, Audience, ConsumerResult, DrillResult};
use reissue::engine::Left;

#[derive(Default)]
struct Heard {
    events: Vec<String>,
}

impl Audience for Heard {
    fn planned(&mut self, plan: &Plan, _: &Digest) {
        for e in plan.exceptions() {
            println!("excepted: {} {}", e.name, e.refusal);
        }
    }
    fn event(&mut self, line: &Line) {
        self.events.push(String::from_utf8(line.to_bytes().unwrap()).unwrap());
    }
}

struct Held {
    result: DrillResult,
    events: Vec<String>,
    /// Whose clock the lab goes on living by.
    runtime: tokio::runtime::Runtime,
}

fn hold_text(text: &str) -> Held {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (result, events) = runtime.block_on(async {
        let env = drill::environment(1);
        let mut heard = Heard::default();
        let result = drill::hold(&env, text, &mut heard).await;
        let events = heard.events;
        events.iter().for_each(|e| println!("{e}"));
        let result = result.unwrap();
        println!("{:?} {:#?} {:#?}", result.outcome, result.consumers, result.attackers);
        (result, events)
    });
    Held { result, events, runtime }
}

/// One that is shipped.
fn hold(playbook: &str) -> Held {
    hold_text(&std::fs::read_to_string(format!("playbooks/{playbook}.yaml")).unwrap())
}

/// One target of one kind.
fn hold_one(playbook: &str) -> Held {
    hold_text(&std::fs::read_to_string(format!("tests/playbooks/{playbook}.yaml")).unwrap())
}

fn time_in(line: &str) -> Timestamp {
    let (_, rest) = line.split_once("\"time\":\"").unwrap();
    rest.split('"').next().unwrap().parse().unwrap()
}

impl Held {
    fn consumer(&self, name: &str) -> &ConsumerResult {
        self.result.consumers.iter().find(|c| c.name == name).unwrap()
    }
    /// When the run recorded the first event that says this.
    fn time_of(&self, part: &str) -> Timestamp {
        let line = self.events.iter().find(|e| e.contains(part)).unwrap_or_else(|| panic!("no {part}"));
        time_in(line)
    }
    /// The last success of each attacker at this subject was before then, and there had been some.
    fn attacker_ends_before(&self, subject: &str, when: Timestamp) {
        let mut attackers = self.result.attackers.iter().filter(|a| a.app == subject).peekable();
        assert!(attackers.peek().is_some(), "{subject}");
        for attacker in attackers {
            assert!(attacker.successes > 0 && !attacker.is_in, "{attacker:?}");
            assert!(attacker.last_success.unwrap() < when, "{attacker:?} {when}");
        }
    }
    /// Every target's leaked values opened something, and none does when its target has ended.
    fn every_attacker_is_out(&self) {
        for target in self.result.plan.changes() {
            let mut own = self.result.attackers.iter().filter(|a| a.target == target.id).peekable();
            assert!(own.peek().is_some(), "{}", target.name);
            let ended = time_in(self.line_of_target(target.id.0, "target.ended").unwrap());
            for attacker in own {
                assert!(attacker.successes > 0 && !attacker.is_in, "{attacker:?}");
                assert!(attacker.last_success.unwrap() < ended, "{attacker:?} {ended}");
            }
        }
    }
    /// Exactly these consumers had an outage; those marked true still have it.
    fn outages(&self, expected: &[(&str, bool)]) {
        let had: Vec<_> = self.result.consumers.iter().filter(|c| !c.outage.is_zero()).collect();
        let had: Vec<_> = had.iter().map(|c| (c.name.as_str(), c.is_down)).collect();
        assert_eq!(had, expected);
    }
    fn line_of_target(&self, target: u32, part: &str) -> Option<&str> {
        let of_target = format!("\"target\":\"t{target}\"");
        self.events.iter().find(|e| e.contains(&of_target) && e.contains(part)).map(String::as_str)
    }
    fn signs_in(&self, user: &str, password: &str) -> Result<(), u32> {
        let _clock = self.runtime.enter();
        self.result.judge.lab.user_signs_in(user, password)
    }
    /// Everything we wrote, and nobody else, in the order of the plan.
    fn writes(&self) -> Vec<String> {
        let ledger = self.result.judge.lab.ledger();
        let (ours, others): (Vec<_>, Vec<_>) =
            ledger.writes.into_iter().partition(|w| w.caller == drill::scene::OPERATOR);
        assert_eq!(others, [], "nobody else wrote");
        // What the vault does by itself while a certificate is made is recorded under the asker.
        ours.into_iter().map(|w| w.operation).filter(|o| o != "issueCertificate").collect()
    }
    fn finished(&self, done: u32, not_evicted: u32) {
        let outcome = &self.result.outcome;
        assert_eq!(outcome.left, Left::Finished);
        assert_eq!((outcome.done, outcome.not_evicted), (done, not_evicted));
        assert_eq!((outcome.undone, outcome.stuck, outcome.excepted), (0, 0, 0));
    }
}

#[test]
fn the_shipped_playbook_replaces_the_secret() {
    let held = hold("leaked-app-secret");
    held.finished(1, 0);
    assert_eq!(held.writes(), ["setSecret", "addPassword", "setSecret", "removePassword"]);
    held.attacker_ends_before("payroll-sync", held.time_of("\"proved\""));
    assert!(held.consumer("payroll-worker").outage.is_zero());
    assert!(held.consumer("payroll-portal").outage.is_zero());
    assert!(held.consumer("payroll-archive").is_down, "the plan warned of it");
}

#[test]
fn a_leaked_certificate_is_replaced_without_an_outage() {
    let held = hold_one("one-certificate");
    // The partner's own certificate stays on: replaced, not evicted.
    held.finished(0, 1);
    let writes = ["setSecret", "createCertificate", "update", "setSecret", "removeKey"];
    assert_eq!(held.writes(), writes);
    held.attacker_ends_before("hr-portal", held.time_of("\"proved\""));
    assert!(held.consumer("hr-web").outage.is_zero());
    assert!(held.consumer("hr-reports").outage.is_zero());
    let published = held.result.judge.lab.vault_secret("kv-ir", "hr-portal-cert").unwrap();
    assert!(published.contains("PRIVATE KEY") && published != held.result.judge.leaked[0].1);
    assert!(held.events.iter().any(|e| e.contains("\"proof\":\"refused\"")), "the old key was tried");
}

#[test]
fn a_leaked_password_is_reset_and_the_user_stays_blocked() {
    let held = hold_one("one-user");
    held.finished(1, 0);
    let writes = ["setSecret", "update", "setSecret", "resetPassword", "revokeSignInSessions"];
    assert_eq!(held.writes(), writes);
    held.attacker_ends_before("alice@agency.example", held.time_of("\"proved\""));
    let delivered = held.result.judge.lab.vault_secret("kv-helpdesk", "alice-temporary").unwrap();
    assert_eq!(delivered.chars().count(), 32);
    assert_eq!(held.signs_in("alice@agency.example", &delivered), Err(50_057), "blocked");
    let told = held.events.iter().any(|e| e.contains(&delivered[..8]));
    assert!(!told, "the value is in no event");
}

#[test]
fn the_delivered_password_is_the_new_one_and_the_old_one_is_not() {
    let text = std::fs::read_to_string("tests/playbooks/one-user.yaml").unwrap();
    let held = hold_text(&text.replace("block: true", "block: false"));
    held.finished(1, 0);
    let judge = &held.result.judge;
    let delivered = judge.lab.vault_secret("kv-helpdesk", "alice-temporary").unwrap();
    let must_change = Err(50_055);
    assert_eq!(held.signs_in("alice@agency.example", &delivered), must_change);
    assert_eq!(held.signs_in("alice@agency.example", &judge.leaked[0].1), Err(50_126));
}

#[test]
fn an_unused_application_is_switched_off_on_both_objects() {
    let held = hold_one("one-disable");
    held.finished(1, 0);
    assert_eq!(held.writes(), ["update", "update"]);
    held.attacker_ends_before("old-importer", held.time_of("\"proved\""));
    let attackers = held.result.judge.lab.ledger().attackers;
    assert_eq!(attackers.values().next().unwrap().last_error, Some(7_000_112));
}

#[test]
fn containment_takes_the_old_secret_away_first() {
    let held = hold("contain-first");
    held.finished(1, 0);
    let retire = ["removePassword", "removePassword"];
    let writes = [&["setSecret", "update"][..], &retire, &["update", "addPassword", "setSecret"]].concat();
    assert_eq!(held.writes(), writes);
    held.attacker_ends_before("partner-feed", held.time_of("\"unblocked\""));
    let (loader, portal) = (held.consumer("feed-loader"), held.consumer("feed-portal"));
    assert!(!loader.outage.is_zero() && !loader.is_down, "a declared outage, and it ends");
    assert!(portal.is_down, "until it is restarted");
}

#[test]
fn one_target_of_every_kind_at_once() {
    let held = hold_one("every-kind");
    held.finished(4, 1);
    held.every_attacker_is_out();
    held.outages(&[]);
    assert_eq!(held.writes().iter().filter(|w| *w == "removePassword").count(), 3);
}

#[test]
fn expiring_certificates_get_successors_without_an_outage() {
    let held = hold("expiring-certificates");
    // hr-portal's partner keeps a certificate of its own.
    held.finished(2, 1);
    held.every_attacker_is_out();
    held.outages(&[]);
}

#[test]
fn compromised_users_are_reset_and_the_blocked_stay_blocked() {
    let held = hold("compromised-users");
    held.finished(5, 0);
    held.every_attacker_is_out();
    let judge = &held.result.judge;
    for (user, blocked) in [("alice", true), ("bashir", true), ("front-desk", true), ("chiara", false)] {
        let delivered = judge.lab.vault_secret("kv-helpdesk", &format!("{user}-temporary")).unwrap();
        let must_change = 50_055;
        let expected = Err(if blocked { 50_057 } else { must_change });
        assert_eq!(held.signs_in(&format!("{user}@agency.example"), &delivered), expected, "{user}");
    }
}

#[test]
fn unneeded_apps_are_switched_off() {
    let held = hold("unneeded-apps");
    held.finished(3, 0);
    held.every_attacker_is_out();
    assert_eq!(held.writes(), ["update"; 6]);
}

/// Forty targets: nobody is left in, and nobody is out but those of whom the plan said so.
#[test]
fn what_was_switched_off_is_switched_on_again() {
    let held = hold("switch-on-again");
    held.finished(2, 0);
    assert_eq!(held.writes(), ["update", "update", "update"]);
    let lab = &held.result.judge.lab;
    assert_eq!(lab.user_properties("alice@agency.example").unwrap()["accountEnabled"], true);
}

#[test]
fn midnight_blizzard_ends_as_declared() {
    let held = hold("midnight-blizzard");
    let targets = u32::try_from(held.result.plan.targets.len()).unwrap();
    // Three certificates beside a partner's.
    let not_evicted = 3;
    held.finished(targets - not_evicted, not_evicted);
    held.every_attacker_is_out();
    held.outages(&[("feed-loader", false), ("feed-portal", true), ("exchange-gateway", false)]);
    let outage = |name: &str| held.consumer(name).outage.as_secs();
    assert!(outage("feed-loader") < 3_600 && outage("exchange-gateway") < 3_600, "minutes, not hours");
}

/// A hold shorter than a consumer's habit is an outage, and the drill says so before the night.
#[test]
fn a_hold_that_is_too_short_shows_the_outage_it_would_cause() {
    let text = std::fs::read_to_string("playbooks/leaked-app-secret.yaml").unwrap();
    let held = hold_text(&text.replace("hold: { time: 26h }", "hold: { time: 1h }"));
    assert!(held.consumer("payroll-worker").outage.is_zero(), "it reads every five minutes");
    let portal = held.consumer("payroll-portal");
    assert!(portal.outage.as_secs() > 3_600, "it reads once a day: {:?}", portal.outage);
    let warned = held.result.plan.changes().flat_map(|t| &t.warnings).any(
        |w| matches!(w, Warning::RefreshOutlastsHold { consumer, .. } if consumer.as_str() == "payroll-portal"),
    );
    assert!(warned, "the plan said so");
}

/// Every cloud has its own hosts; the same playbook works in each.
#[test]
fn all_four_clouds() {
    let text = std::fs::read_to_string("playbooks/leaked-app-secret.yaml").unwrap();
    for (cloud, suffix) in [
        ("public", "vault.azure.net"),
        ("us_gov_high", "vault.usgovcloudapi.net"),
        ("us_gov_dod", "vault.usgovcloudapi.net"),
        ("china", "vault.azure.cn"),
    ] {
        let text =
            text.replace("us_gov_high  ", &format!("{cloud}  ")).replace("vault.usgovcloudapi.net", suffix);
        assert!(text.contains(&format!("cloud: {cloud} ")));
        hold_text(&text).finished(1, 0);
    }
}

//! Many targets: what the narrow quotas allow, in virtual time.

use reissue::domain::event::{Drift, Event, Line};
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::drill::{self, Audience, Conditions};
use reissue::engine::Left;
use reissue::env::Clock;
use reissue::lab::{Lab, Owner};
use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

const MANY: usize = 150;
const HEAD: &str = "reissue: 1
incident: { id: INC-MANY, title: many }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 1, valid_for: 48h }
targets:
";

fn playbook(many: usize) -> String {
    let mut text = HEAD.to_owned();
    for n in 1..=many {
        let _ = writeln!(
            text,
            "  - {{ app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}, rotate: {{ secret: all, \
             publish: {{ store: ir, name: a{n} }}, hold: {{ time: 0s }} }} }}"
        );
    }
    text
}

struct Watcher {
    clock: Clock,
    lab: Rc<RefCell<Option<Lab>>>,
    planned_after: Option<Duration>,
    swept: Vec<u32>,
    added: Vec<String>,
}

impl Watcher {
    fn new(clock: Clock) -> Self {
        Self { clock, lab: Rc::default(), planned_after: None, swept: Vec::new(), added: Vec::new() }
    }
}

impl Audience for Watcher {
    fn furnished(&mut self, lab: &Lab) {
        *self.lab.borrow_mut() = Some(lab.clone());
    }
    fn planned(&mut self, _: &Plan, _: &Digest) {
        self.planned_after = Some(self.clock.elapsed());
    }
    fn event(&mut self, line: &Line) {
        match &line.event {
            Event::RunSwept(swept) => self.swept.push(swept.looked_at),
            Event::DriftSeen(seen) if seen.change == Drift::CredentialAdded => {
                self.added.extend(seen.subject.as_ref().map(ToString::to_string));
            }
            _ => {}
        }
    }
}

/// One by one, the certificates of so many would take the plan three minutes of the quota for
/// `keyCredentials`, and each drift check and the sweep as much again.
#[test]
fn certificates_of_many_applications_are_read_in_one_pass() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let env = drill::environment(1);
        let mut watcher = Watcher::new(env.clock);
        let conditions = Conditions { aftermath: Duration::ZERO, pace: 70, ..Conditions::default() };
        let held = drill::hold_under(&env, &playbook(MANY), conditions, &mut watcher).await;
        let result = held.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((&result.outcome.left, result.outcome.done as usize), (&Left::Finished, MANY));
        assert!(watcher.planned_after.unwrap() < Duration::from_secs(15), "{:?}", watcher.planned_after);
        assert_eq!(watcher.swept, [MANY as u32], "the last look sees every target");
        let throttled = result.judge.lab.ledger().answers.keys().any(|k| k.ends_with(" 429"));
        assert!(!throttled);
        // Two writes each at 14 a second, and the chain of the last one.
        let took = result.ended.since(result.began);
        assert!(took < Duration::from_secs(1_000), "{took:?}");
    });
}

/// The drift check of a secret reads no certificates, and after the last write nothing checks at all:
/// the intruder who comes then is told of at the end.
#[test]
fn a_certificate_that_somebody_adds_after_the_last_write_is_told_of() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let env = drill::environment(1);
        let mut watcher = Watcher::new(env.clock);
        let (lab, text) = (Rc::clone(&watcher.lab), playbook(1));
        let conditions = Conditions { aftermath: Duration::ZERO, ..Conditions::default() };
        let intruder = async {
            // The old secret is gone by now, and its death is being proved.
            env.clock.sleep(Duration::from_secs(400)).await;
            let lab = lab.borrow().clone().unwrap();
            let made = lab.generate_certificate("CN=intruder", Duration::from_secs(86_400)).unwrap();
            let app = "8a1d0000-0000-4000-8000-000000000001".parse().unwrap();
            lab.add_certificate(&app, Owner::Application, &made.cert_der, None).to_string()
        };
        let (held, added) = tokio::join!(drill::hold_under(&env, &text, conditions, &mut watcher), intruder);
        let result = held.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(result.outcome.left, Left::Finished);
        assert!(result.ended.since(result.began) > Duration::from_secs(500), "it was still on");
        assert_eq!(watcher.added, [added]);
    });
}

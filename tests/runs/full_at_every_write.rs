//! The disk is full at the n-th write of a run, for every n and every kind: once, or from then on.
//! What was under way is known, nothing is lost, and the run ends as planned once there is space.

use crate::support::frail::FrailDisk;
use crate::support::rehearsal::{Rehearsal, in_virtual_time};
use crate::support::slate::Slate;
use reissue::domain::plan::Plan;
use reissue::engine::{Left, Outcome};
use reissue::pipeline::ApplyFailure;
use reissue::trail::verify::{Trust, Verdict, verify};
use reissue::trail::{Home, HomeError, JournalError};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Once,
    FromThenOn,
}

fn is_done(outcome: &Outcome) -> bool {
    outcome.left == Left::Finished && outcome.done + outcome.not_evicted == 1
}

/// A rehearsal that is approved and about to begin.
struct Ready {
    rehearsal: Rehearsal,
    disk: FrailDisk,
    home: Home,
    plan: Vec<u8>,
}

impl Ready {
    async fn with(text: &str) -> Self {
        let mut rehearsal = Rehearsal::new(text);
        let disk = FrailDisk::over(rehearsal.disk.clone());
        rehearsal.env.disk = Arc::new(disk.clone());
        let plan: Plan = rehearsal.plan().await.unwrap();
        let (home, plan) = rehearsal.prepare(&plan).await;
        Self { rehearsal, disk, home, plan }
    }

    /// There is space again, and a new process.
    fn mend(&self) {
        self.disk.die_after(i64::MAX);
        self.rehearsal.disk.crash_process();
    }

    async fn go(&mut self, resume: bool) -> Result<Outcome, ApplyFailure> {
        self.rehearsal.go(&self.home, &self.plan, resume).await
    }

    /// Whatever the first attempt said, the next one ends the run; none is a run that had ended.
    async fn go_on(&mut self) -> Option<Outcome> {
        match self.go(true).await {
            Ok(outcome) => Some(outcome),
            Err(ApplyFailure::Used(_)) => None,
            Err(ApplyFailure::NotBegun) => {
                assert!(self.rehearsal.sent().is_empty(), "no run was begun, and something was sent");
                Some(self.go(false).await.unwrap())
            }
            Err(e) => panic!("with space again: {e}"),
        }
    }

    fn judge(&self) -> Verdict {
        let trust = Trust {
            key: self.home.vkey().unwrap(),
            roster: None,
            anchors: vec![],
            keepers: Default::default(),
        };
        verify(&self.rehearsal.env.disk, &self.home.log(), &trust).unwrap().verdict
    }
}

/// What somebody is told whose disk is full: the log or a file, and never anything else.
fn is_about_the_disk(e: &ApplyFailure) -> bool {
    use ApplyFailure as F;
    matches!(e, F::Halt(_) | F::Unwritable(_) | F::Home(HomeError::Disk(_) | HomeError::Journal(_)))
        && !matches!(e, ApplyFailure::Home(HomeError::Journal(JournalError::Line { .. })))
}

/// One run whose disk is full at the `n`th operation; false if it had fewer.
fn survives(name: &str, text: &str, n: i64, full: Full, calm: &Slate) -> bool {
    in_virtual_time(async {
        let at = format!("{name}, {full:?} at {n}");
        let mut ready = Ready::with(text).await;
        match full {
            Full::Once => ready.disk.fail_once_after(n),
            Full::FromThenOn => ready.disk.die_after(n),
        }
        let first = ready.go(false).await;
        let hit = ready.disk.was_hit();
        ready.mend();
        let ended = match first {
            Ok(outcome) if is_done(&outcome) => Some(outcome),
            Ok(_) => ready.go_on().await,
            Err(e) => {
                assert!(hit && is_about_the_disk(&e), "{at}: {e}");
                ready.go_on().await
            }
        };
        assert!(ended.as_ref().is_none_or(is_done), "{at}: {ended:?}\n{}", ready.rehearsal.troubles());
        assert_eq!(Slate::of(&ready.rehearsal).await, *calm, "{at}\n{:#?}", ready.rehearsal.sent());
        assert_eq!(ready.judge(), Verdict::NotAnchored, "{at}");
        hit
    })
}

/// How often the disk was full.
fn at_every_write(name: &str, full: Full) -> i64 {
    let text = std::fs::read_to_string(format!("tests/playbooks/saga/{name}.yaml")).unwrap();
    let calm = in_virtual_time(async {
        let mut ready = Ready::with(&text).await;
        assert!(is_done(&ready.go(false).await.unwrap()));
        Slate::of(&ready.rehearsal).await
    });
    (0..).find(|n| !survives(name, &text, *n, full, &calm)).unwrap()
}

macro_rules! kinds {
    ($($once:ident $from_then_on:ident $name:literal)*) => {$(
        #[test]
        fn $once() {
            assert!(at_every_write($name, Full::Once) > 50);
        }
        #[test]
        fn $from_then_on() {
            assert!(at_every_write($name, Full::FromThenOn) > 50);
        }
    )*};
}

kinds! {
    an_application_secret_once an_application_secret "app-secret"
    an_application_certificate_once an_application_certificate "app-certificate"
    a_user_password_once a_user_password "user-password"
    an_application_that_is_switched_off_once an_application_that_is_switched_off "app-disable"
}

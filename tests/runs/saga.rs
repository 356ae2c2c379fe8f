//! The three properties of a saga, for every kind and every write of it: each step may be asked
//! twice, a failure at any step unwinds to a clean slate, and unwinding may itself be cut short.
//!
//! A new kind gets these by putting playbooks for it into `tests/playbooks/saga/`.

use crate::support::rehearsal::{Mishap, Rehearsal, Sent, in_virtual_time};
use crate::support::slate::Slate;
use reissue::connector::syntaxes;
use reissue::engine::{Left, Outcome};

/// Every playbook of the folder: its name and text.
fn playbooks() -> Vec<(String, String)> {
    let files = std::fs::read_dir("tests/playbooks/saga").unwrap().map(|f| f.unwrap().path());
    let mut found: Vec<_> = files
        .map(|p| (p.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&p).unwrap()))
        .collect();
    found.sort();
    found
}

/// How one run went.
struct Story {
    before: Slate,
    after: Slate,
    outcome: Option<Outcome>,
    sent: Vec<Sent>,
}

fn tell(text: &str, mishaps: &[(usize, Mishap)]) -> Story {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(text);
        let before = Slate::of(&rehearsal).await;
        mishaps.iter().for_each(|(n, mishap)| rehearsal.go_wrong(*n, *mishap));
        let outcome = rehearsal.run().await.ok();
        let after = Slate::of(&rehearsal).await;
        Story { before, after, outcome, sent: rehearsal.sent() }
    })
}

impl Story {
    fn is_done(&self) -> bool {
        self.outcome.as_ref().is_some_and(|o| o.left == Left::Finished && o.done + o.not_evicted == 1)
    }
    fn is_undone(&self) -> bool {
        self.outcome.as_ref().is_some_and(|o| o.left == Left::Finished && o.undone == 1)
    }
    fn is_partial(&self) -> bool {
        self.outcome.as_ref().is_some_and(|o| o.left == Left::Finished && o.partial == 1)
    }
    fn is_stuck(&self) -> bool {
        self.outcome.as_ref().is_some_and(|o| o.stuck == 1)
    }
}

/// An undisturbed run, and the numbers of its writes after the store's probe.
fn undisturbed(name: &str, text: &str) -> (Story, std::ops::RangeInclusive<usize>) {
    let story = tell(text, &[]);
    assert!(story.is_done(), "{name}: {:?} {:#?}", story.outcome, story.sent);
    assert_ne!(story.before, story.after, "{name}");
    let first = 1 + story.sent.iter().take_while(|s| s.path.contains("reissue-probe")).count();
    let last = story.sent.len();
    (story, first..=last)
}

#[test]
fn every_kind_has_a_playbook_here() {
    let playbooks = playbooks();
    for kind in syntaxes() {
        assert!(playbooks.iter().any(|(name, _)| name.starts_with(kind.name())), "{}", kind.name());
    }
}

/// A step may be asked twice: whatever happened to the first request or its answer, the end is
/// the same as if nothing had.
fn ends_alike(mishap: Mishap) {
    for (name, text) in playbooks() {
        let (calm, writes) = undisturbed(&name, &text);
        for n in writes {
            let story = tell(&text, &[(n, mishap)]);
            let at = format!("{name}, {mishap:?} at {n}: {:#?}\n{:?}", story.sent, story.outcome);
            assert!(story.is_done(), "{at}");
            assert_eq!(story.after, calm.after, "{at}");
        }
    }
}

#[test]
fn a_lost_reply_changes_nothing() {
    ends_alike(Mishap::ReplyLost);
}

#[test]
fn a_lost_request_changes_nothing() {
    ends_alike(Mishap::RequestLost);
}

#[test]
fn a_crash_after_a_write_changes_nothing() {
    ends_alike(Mishap::CrashAfter);
}

#[test]
fn a_crash_before_a_write_changes_nothing() {
    ends_alike(Mishap::CrashBefore);
}

/// How a run ended that was refused a write for good.
fn judge_refused(name: &str, n: usize, story: &Story, calm: &Story) {
    let at = format!("{name}, refused at {n}: {:#?}\n{:?}", story.sent, story.outcome);
    if story.is_undone() {
        assert_eq!(story.after.clone().without_delivery(), story.before.clone().without_delivery(), "{at}");
        // Keys that were made in the vault are taken out of it again.
        let refused = story.sent.get(n - 1);
        let made =
            story.sent.iter().filter(|s| Some(*s) != refused).filter_map(|s| s.path.strip_suffix("/create"));
        for name in made {
            assert!(story.sent.iter().any(|s| s.method == "DELETE" && s.path == name), "{at}");
        }
    } else if story.is_done() {
        // There was another way to the same end.
        assert_eq!(story.after, calm.after, "{at}");
    } else if story.is_partial() {
        // The service principal is off, and the application's own switch was refused.
        assert!(name.starts_with("app-disable") && n == 2, "{at}");
    } else {
        assert!(story.is_stuck(), "{at}");
        let gone = ["removePassword", "removeKey", "revokeSignInSessions"];
        let no_way_back = story.sent.iter().any(|s| gone.iter().any(|g| s.path.ends_with(g)));
        assert!(no_way_back || name.contains("contain"), "stuck before anything was taken away: {at}");
    }
}

#[test]
fn a_refusal_at_any_write_unwinds_to_a_clean_slate() {
    let mut undone = 0;
    for (name, text) in playbooks() {
        let (calm, writes) = undisturbed(&name, &text);
        for n in writes {
            let story = tell(&text, &[(n, Mishap::Refused)]);
            judge_refused(&name, n, &story, &calm);
            undone += usize::from(story.is_undone());
        }
    }
    assert!(undone >= 10, "only {undone} runs were undone");
}

#[test]
fn unwinding_may_be_cut_short_at_any_write() {
    for (name, text) in playbooks() {
        let (calm, writes) = undisturbed(&name, &text);
        for n in writes {
            let straight = tell(&text, &[(n, Mishap::Refused)]);
            if !straight.is_undone() {
                continue;
            }
            for k in n + 1..=straight.sent.len() {
                for mishap in [Mishap::CrashAfter, Mishap::CrashBefore, Mishap::ReplyLost] {
                    let story = tell(&text, &[(n, Mishap::Refused), (k, mishap)]);
                    judge_refused(&format!("{name}, {mishap:?} at {k}"), n, &story, &calm);
                    assert!(
                        story.is_undone(),
                        "{name}: refused at {n}, {mishap:?} at {k}: {:?}",
                        story.outcome
                    );
                }
            }
        }
    }
}

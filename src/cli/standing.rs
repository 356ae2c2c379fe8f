//! Where a target stands, in the words of `status` and of the progress line: read off the same
//! two functions that decide in the engine.

use super::run_view;
use crate::domain::event::Ending;
use crate::domain::states::States;
use crate::domain::step::Phase;
use crate::domain::target::{Act, Deed, Next, Pause, TargetState};
use crate::domain::text::Text;
use crate::domain::time::{Timestamp, show_span};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a target does, or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum Standing {
    /// Its turn has not come.
    NotBegun,
    /// A step is due or under way.
    Working {
        verb: &'static str,
        undo: bool,
        in_doubt: bool,
    },
    /// A step failed and is tried again.
    Retrying {
        verb: &'static str,
        at: Timestamp,
    },
    Holding {
        until: Timestamp,
    },
    AwaitingConfirmation {
        missing: Vec<Text<64>>,
        /// And until then, whoever confirms.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    AwaitingApproval {
        phase: Phase,
    },
    Paused,
    Stuck {
        step: u16,
        verb: &'static str,
        cause: String,
    },
    Ended {
        ending: Ending,
    },
}

impl Standing {
    pub(crate) fn of(state: &TargetState, now: Timestamp) -> Self {
        if let Some(ending) = state.ending() {
            return Standing::Ended { ending };
        }
        if let Some((cause, step)) = state.stuck() {
            let cause = run_view::cause(cause);
            return Standing::Stuck { step, verb: verb_of(state, step), cause };
        }
        let verb = state.current().map_or("end", |s| s.verb.name());
        let next = state.next(now);
        let again = match &next {
            Next::Act(act) => state.retry_at(act.step, is_undo(act)),
            _ => None,
        };
        match (next, again) {
            // Its time has come, and what it draws on is waited for.
            (Next::Act(act), Some(at)) => Standing::Retrying { verb: verb_of(state, act.step), at },
            (Next::Act(act), None) => Standing::Working {
                verb: verb_of(state, act.step),
                undo: is_undo(&act),
                in_doubt: matches!(act.deed, Deed::Look { .. })
                    && state.step(act.step).is_some_and(|s| s.verb.writes()),
            },
            (Next::Wait(Pause::Until { holding: true, when }), _) => Standing::Holding { until: when },
            (Next::Wait(Pause::Until { holding: false, when }), _) => Standing::Retrying { verb, at: when },
            (Next::Wait(Pause::Confirmation { missing }), _) => {
                let until = state.hold().and_then(|hold| hold.until).filter(|until| *until > now);
                Standing::AwaitingConfirmation { missing, until }
            }
            (Next::Wait(Pause::Approval(phase)), _) => Standing::AwaitingApproval { phase },
            (Next::Wait(Pause::Paused), _) => Standing::Paused,
            (Next::Record(_), _) if !state.is_started() => Standing::NotBegun,
            (Next::Record(_) | Next::Over, _) => {
                Standing::Working { verb, undo: state.is_unwinding(), in_doubt: false }
            }
        }
    }

    /// For people.
    pub(crate) fn say(&self, now: Timestamp) -> String {
        match self {
            Standing::NotBegun => "not begun".into(),
            Standing::Working { verb, in_doubt: true, .. } => {
                format!("{verb} is in doubt: it may have happened, and will be looked for")
            }
            Standing::Working { verb, undo: true, .. } => format!("going back: undoing {verb}"),
            Standing::Working { verb, .. } => format!("at {verb}"),
            Standing::Retrying { verb, at } if *at > now => {
                format!("{verb} failed, tried again {}", when(*at, now))
            }
            Standing::Retrying { verb, .. } => format!("{verb} failed, tried again as soon as it can be"),
            Standing::Holding { until } => format!("holding until {}", when(*until, now)),
            Standing::AwaitingConfirmation { missing, until } => {
                let names: Vec<&str> = missing.iter().map(|m| m.as_str()).collect();
                let until =
                    until.map(|until| format!(", and until {}", when(until, now))).unwrap_or_default();
                format!("holding until confirmed by {}{until}", names.join(", "))
            }
            Standing::AwaitingApproval { phase } => format!("waiting for approvals of the {phase} phase"),
            Standing::Paused => "paused".into(),
            Standing::Stuck { step, verb, cause } => format!("STUCK at step {step} ({verb}): {cause}"),
            Standing::Ended { ending } => ending_words(*ending).into(),
        }
    }
}

fn is_undo(act: &Act) -> bool {
    matches!(act.deed, Deed::Undo | Deed::Discard(_) | Deed::Look { undo: true })
}

fn verb_of(state: &TargetState, step: u16) -> &'static str {
    state.step(step).map_or("a step", |s| s.verb.name())
}

/// A time, and how far away it is.
pub(crate) fn when(at: Timestamp, now: Timestamp) -> String {
    match at > now {
        true => format!("{} (in {})", at.short(), show_span(at.since(now))),
        false => format!("{} ({} ago)", at.short(), show_span(now.since(at))),
    }
}

pub(crate) fn ending_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::DoneNotEvicted => "rotated, NOT evicted: other ways in were not reviewed",
        Ending::Partial => "done in PART: the cloud refuses a switch",
        Ending::Undone => "undone: as it was before",
        Ending::Abandoned => "abandoned by a person",
    }
}

/// Whether a verb waits until something has spread, rather than writes.
fn spreads(verb: &str) -> bool {
    use crate::domain::step::Verb;
    [Verb::Prove, Verb::Recheck, Verb::Verify, Verb::Watch].iter().any(|v| v.name() == verb)
}

/// All targets of a run, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub(crate) targets: u32,
    pub(crate) done: u32,
    pub(crate) not_evicted: u32,
    pub(crate) partial: u32,
    pub(crate) undone: u32,
    pub(crate) abandoned: u32,
    pub(crate) stuck: u32,
    pub(crate) holding: u32,
    /// When the first hold ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holding_until: Option<Timestamp>,
    /// Waiting for an approval, a confirmation, or the end of a pause.
    pub(crate) waiting_for_people: u32,
    pub(crate) retrying: u32,
    /// At a step that writes, or reads what there is before.
    pub(crate) in_flight: u32,
    /// At a step that waits until what was written has spread.
    pub(crate) propagating: u32,
    pub(crate) not_begun: u32,
    /// How many are at each verb.
    pub(crate) at: BTreeMap<&'static str, u32>,
}

impl Tally {
    pub(crate) fn of(states: &States, now: Timestamp) -> Self {
        let mut tally = Tally::default();
        for (id, brief) in states.briefs() {
            // Who is over is known without a look.
            match brief.ending {
                Some(ending) => tally.add(&Standing::Ended { ending }),
                None => states.state(id).iter().for_each(|state| tally.add(&Standing::of(state, now))),
            }
        }
        tally
    }

    fn add(&mut self, standing: &Standing) {
        self.targets += 1;
        match standing {
            Standing::Ended { ending: Ending::Done } => self.done += 1,
            Standing::Ended { ending: Ending::DoneNotEvicted } => self.not_evicted += 1,
            Standing::Ended { ending: Ending::Partial } => self.partial += 1,
            Standing::Ended { ending: Ending::Undone } => self.undone += 1,
            Standing::Ended { ending: Ending::Abandoned } => self.abandoned += 1,
            Standing::Stuck { .. } => self.stuck += 1,
            Standing::Holding { until } => {
                self.holding += 1;
                self.holding_until = Some(self.holding_until.map_or(*until, |u| u.min(*until)));
            }
            Standing::AwaitingConfirmation { .. } | Standing::AwaitingApproval { .. } | Standing::Paused => {
                self.waiting_for_people += 1
            }
            Standing::Retrying { .. } => self.retrying += 1,
            Standing::NotBegun => self.not_begun += 1,
            Standing::Working { verb, .. } => {
                *self.at.entry(verb).or_default() += 1;
                let counter = if spreads(verb) { &mut self.propagating } else { &mut self.in_flight };
                *counter += 1;
            }
        }
    }

    /// Targets for which nothing more happens in this run.
    pub(crate) fn over(&self) -> u32 {
        self.done + self.not_evicted + self.partial + self.undone + self.abandoned
    }

    /// How many at each verb of a sort: `mint`, or `1 mint, 2 publish`.
    fn verbs(&self, spreading: bool) -> String {
        let of: Vec<_> = self.at.iter().filter(|(verb, _)| spreads(verb) == spreading).collect();
        match of.as_slice() {
            [(verb, _)] => (**verb).to_owned(),
            many => many.iter().map(|(verb, n)| format!("{n} {verb}")).collect::<Vec<_>>().join(", "),
        }
    }

    /// One line: `1 done, 2 in flight (mint), 3 waiting for propagation (verify), 1 holding until …`.
    pub(crate) fn say(&self) -> String {
        let Tally { targets: _, done, not_evicted, partial, undone, abandoned, stuck, holding, .. } = self;
        let mut parts = Vec::new();
        let mut part = |n: u32, what: &str| {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        };
        part(*done, "done");
        part(*not_evicted, "rotated, not evicted");
        part(*partial, "done in PART");
        part(*undone, "undone");
        part(*abandoned, "abandoned");
        part(self.in_flight, &format!("in flight ({})", self.verbs(false)));
        part(self.propagating, &format!("waiting for propagation ({})", self.verbs(true)));
        part(self.retrying, "trying again");
        let until = self.holding_until.map(|u| format!("holding until {}", u.short())).unwrap_or_default();
        part(*holding, &until);
        part(self.waiting_for_people, "waiting for people");
        part(*stuck, "STUCK");
        part(self.not_begun, "not begun");
        if parts.is_empty() { "no targets".into() } else { parts.join(", ") }
    }
}

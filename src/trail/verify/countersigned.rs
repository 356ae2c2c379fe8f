//! The second line of checkpoints: whose it must be, which lack it, and how far it reaches.

use super::super::countersign::CounterKey;
use super::super::lines::Place;
use super::report::{CHANGED, Check, Findings, NOT_OURS, SILENT, Severity};
use crate::domain::event::Event;
use serde::Serialize;

/// What is known of the second line in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Countersigned {
    /// Checkpoints that the log says have the line, and how many of them lack it.
    pub expected: u64,
    pub lacking: u64,
    /// Lines that the newest checkpoint with the line covers.
    pub covers: u64,
    /// Whose line it is.
    pub key: String,
    /// Whether the verifier brought the key, or the log itself names it.
    pub given: bool,
}

/// The judge of the second line.
pub(super) struct Judge {
    given: Vec<CounterKey>,
    named: Vec<CounterKey>,
    /// Whose line the checkpoints of the present writer have.
    due: Option<CounterKey>,
    found: Countersigned,
}

impl Judge {
    pub(super) fn new(given: &[CounterKey]) -> Self {
        Self { given: given.to_vec(), named: Vec::new(), due: None, found: Countersigned::default() }
    }

    pub(super) fn line(&mut self, place: Place, event: &Event, found: &mut Findings) {
        match event {
            Event::LogOpened(_) | Event::LogHandedOver(_) => self.due = None,
            Event::LogCountersigned(e) => {
                self.due = e.vkey.parse().ok();
                let what = match &self.due {
                    None => "the key that countersigns cannot be read".to_owned(),
                    Some(key) if self.given.is_empty() || self.given.contains(key) => {
                        self.named.push(key.clone());
                        return;
                    }
                    Some(key) => {
                        format!("checkpoints are countersigned by {key}, which is no key that was given")
                    }
                };
                found.tampered(Check::Identity, Some(place), &what, NOT_OURS);
            }
            _ => {}
        }
    }

    /// A checkpoint that the log's key signed, of so many lines.
    pub(super) fn checkpoint(&mut self, size: u64, note: &[u8], found: &mut Findings) {
        let mut by = None;
        for key in self.given.iter().chain(&self.named) {
            match key.is_on(note) {
                Ok(true) => by = Some(key.clone()),
                Ok(false) => {}
                Err(why) => {
                    let what = format!("the second line of the checkpoint of {size} lines: {why}");
                    return found.tampered(Check::Checkpoints, None, &what, CHANGED);
                }
            }
        }
        if let Some(due) = &self.due {
            self.found.expected += 1;
            self.found.lacking += u64::from(by.as_ref() != Some(due));
        }
        if let Some(by) = by {
            self.found.covers = size;
            self.found.key = by.to_string();
        }
    }

    /// What there is to say; none if no second line was asked for.
    pub(super) fn end(mut self, found: &mut Findings) -> Option<Countersigned> {
        if !self.given.is_empty() && self.found.covers == 0 {
            let what = "no checkpoint bears a line of the key that is said to countersign this log";
            found.tampered(Check::Identity, None, what, NOT_OURS);
        }
        let Countersigned { expected, lacking, .. } = self.found;
        if lacking > 0 {
            let what = format!("{lacking} of {expected} checkpoints lack the vault's line");
            found.add(Check::Checkpoints, Severity::Note, None, &what, SILENT);
        }
        self.found.given = !self.given.is_empty();
        if self.found.key.is_empty() {
            self.found.key = self.named.first().map(ToString::to_string).unwrap_or_default();
        }
        (expected > 0 || self.found.covers > 0).then_some(self.found)
    }
}

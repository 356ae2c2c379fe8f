//! What is handed in and not read by a run yet. Nobody has judged these notes: each is told as it says itself.

use crate::cli::Session;
use crate::domain::approval::Statement;
use crate::domain::event::Decision;
use crate::domain::id::{RunId, TargetId};
use crate::domain::note::Note;
use crate::domain::text::{Text, count};
use crate::trail::Home;
use crate::trail::inbox::Inbox;
use std::collections::{BTreeMap, BTreeSet};

/// The notes in the inbox.
#[derive(Default)]
pub(super) struct Waiting {
    /// How many of which kind.
    pub(super) counts: BTreeMap<&'static str, u32>,
    /// Decisions about plans, in the order in which they were signed.
    decisions: Vec<Statement>,
    /// Consumers that people say have moved: run, target, consumer.
    confirmed: BTreeSet<(RunId, TargetId, Text<64>)>,
}

/// A kind of note, and more than one of it.
const WORDS: [(&str, &str); 9] = [
    ("approval", "approvals"),
    ("reject", "rejects"),
    ("withdrawal", "withdrawals"),
    ("roster", "roster changes"),
    ("confirm", "confirmations"),
    ("pause", "pauses"),
    ("continue", "continuations"),
    ("abort", "aborts"),
    ("resolve", "settlements"),
];

impl Waiting {
    /// Reads the inbox as it is now.
    pub(super) fn read(session: &Session, home: &Home) -> Self {
        let items = Inbox::new(session.env.disk.clone(), &home.log()).items().unwrap_or_default();
        let mut waiting = Self::default();
        items.into_iter().flatten().for_each(|item| waiting.take(&item.bytes));
        waiting.decisions.sort_by_key(|said| said.signed_at);
        waiting
    }

    fn take(&mut self, note: &[u8]) {
        let note = serde_json::from_slice::<Note>(note);
        let mut word = note.as_ref().map_or("unreadable", Note::word);
        if let Ok(Note::Approval { statement, .. }) = &note {
            match Statement::from_bytes(statement.as_bytes()) {
                Ok(said) => {
                    word = word_of(said.decision);
                    self.decisions.push(said);
                }
                Err(_) => word = "unreadable",
            }
        }
        if let Ok(Note::Confirm { run, target, consumer, .. }) = &note {
            self.confirmed.insert((run.clone(), *target, consumer.clone()));
        }
        *self.counts.entry(word).or_default() += 1;
    }

    /// `2 approvals (ann, ben), 1 reject (cat)`; nothing if nothing lies there.
    pub(super) fn say(&self) -> Option<String> {
        let said = |(word, n): (&&'static str, &u32)| {
            let more = WORDS.iter().find(|(one, _)| one == word).map_or(*word, |(_, more)| more);
            let by = self.decisions.iter().filter(|said| word_of(said.decision) == *word);
            let by: BTreeSet<&str> = by.map(|said| said.approver.as_str()).collect();
            let by: Vec<&str> = by.into_iter().collect();
            let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
            format!("{}{by}", count(*n, word, more))
        };
        let all: Vec<String> = self.counts.iter().map(said).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// Whose reject stands among what is said of one plan: the one that somebody decided on last.
    pub(super) fn rejected_by(&self) -> BTreeSet<&Text<128>> {
        let mut by = BTreeSet::new();
        let Some(last) = self.decisions.last() else { return by };
        for Statement { approver, decision, .. } in self.decisions.iter().filter(|s| s.plan == last.plan) {
            match decision {
                Decision::Reject => drop(by.insert(approver)),
                Decision::Withdraw => drop(by.remove(approver)),
                Decision::Approve => {}
            }
        }
        by
    }

    /// Whether somebody has said that this consumer has moved.
    pub(super) fn confirms(&self, run: &RunId, target: TargetId, consumer: &Text<64>) -> bool {
        self.confirmed.contains(&(run.clone(), target, consumer.clone()))
    }

    pub(super) fn has_decisions(&self) -> bool {
        !self.decisions.is_empty()
    }
}

fn word_of(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "approval",
        Decision::Reject => "reject",
        Decision::Withdraw => "withdrawal",
    }
}

//! Counting people. A plan, or a phase of it, may go ahead when enough people approve at this
//! moment and nobody's reject stands.

use super::super::event::Decision;
use super::super::evidence::Evidence;
use super::super::id::Digest;
use super::super::step::Phase;
use super::super::text::Text;
use super::super::time::Timestamp;
use super::facts::PlanFacts;
use super::refusal::ApprovalRefusal;
use super::signed::Approval;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An approval, when the log recorded it, and the evidence that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub approval: Approval,
    pub at: Timestamp,
    /// What the signer had in front of him or her, for the retire phase; none if it cannot be read.
    pub evidence: Option<Arc<Evidence>>,
}

/// Counts.
pub struct Quorum;

/// The phase may go ahead, until `expires` and unless somebody rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumMet {
    phase: Phase,
    people: Vec<Text<128>>,
    approvals: Vec<Digest>,
    expires: Timestamp,
    break_glass: Option<Text<128>>,
}

impl QuorumMet {
    pub fn phase(&self) -> Phase {
        self.phase
    }
    /// Who was counted.
    pub fn people(&self) -> &[Text<128>] {
        &self.people
    }
    /// The statements that were counted, by digest.
    pub fn approvals(&self) -> &[Digest] {
        &self.approvals
    }
    /// From then on too few approvals are valid.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }
    /// Who released the plan alone. To be said loudly, wherever the run is shown.
    pub fn break_glass(&self) -> Option<&Text<128>> {
        self.break_glass.as_ref()
    }
}

/// Why the phase may not go ahead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuorumShort {
    #[error(
        "{} rejected the plan; it stays blocked until withdrawn by the same people (`reissue approve --withdraw`)",
        list(by)
    )]
    Rejected { by: Vec<Text<128>> },
    #[error(
        "{} of {need} people have approved the {phase} phase{}{}; ask others to run `reissue approve`{}",
        have.len(),
        named(have),
        seats(unfilled),
        passed(passed_over)
    )]
    TooFew {
        have: Vec<Text<128>>,
        need: u8,
        phase: Phase,
        /// The roles of the seats that nobody fills.
        unfilled: Vec<Text<64>>,
        /// Approvals that do not count, and why.
        passed_over: Vec<(Text<128>, ApprovalRefusal)>,
    },
    #[error(
        "the plan asks for no approval at all; a quorum is at least 1. Correct the playbook and plan again"
    )]
    NoQuorum,
}

fn list<const N: usize>(names: &[Text<N>]) -> String {
    names.iter().map(Text::as_str).collect::<Vec<_>>().join(", ")
}

fn named(names: &[Text<128>]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", list(names)) }
}

/// The seats without people.
fn seats(unfilled: &[Text<64>]) -> String {
    match unfilled {
        [] => String::new(),
        [one] => format!(", and nobody fills the seat of {one}"),
        more => format!(", and nobody fills the seats of {}", list(more)),
    }
}

fn passed(over: &[(Text<128>, ApprovalRefusal)]) -> String {
    over.iter().map(|(who, why)| format!(". Not counted, {who}: {why}")).collect()
}

/// What one person said, in the order in which it was recorded.
#[derive(Default)]
struct Voice<'a> {
    approvals: Vec<&'a Approval>,
    rejects: bool,
}

impl<'a> Voice<'a> {
    /// The approvals that release `phase` at `at`, and why the others do not.
    fn of_phase(
        &self,
        facts: &PlanFacts,
        phase: Phase,
        at: Timestamp,
    ) -> (Vec<&'a Approval>, Vec<ApprovalRefusal>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for approval in self.approvals.iter().filter(|a| facts.covers(a.statement().phase, phase)) {
            match approval.check(facts, at) {
                Ok(()) => good.push(*approval),
                Err(why) => bad.push(why),
            }
        }
        (good, bad)
    }
}

type Voices<'a> = BTreeMap<&'a Text<128>, Voice<'a>>;
type PassedOver = Vec<(Text<128>, ApprovalRefusal)>;

impl Quorum {
    /// Whether `phase` of the plan may go ahead at `at`. `recorded` is in the order of the log.
    ///
    /// A reject, in whatever phase, blocks until the same person withdraws it, and takes back what
    /// that person approved before. A statement counts once, however often it is handed in.
    pub fn check(
        facts: &PlanFacts,
        phase: Phase,
        recorded: &[Recorded],
        at: Timestamp,
    ) -> Result<QuorumMet, QuorumShort> {
        if facts.quorum == 0 {
            return Err(QuorumShort::NoQuorum);
        }
        let (voices, mut passed_over) = listen(facts, recorded);
        let by: Vec<Text<128>> =
            voices.iter().filter(|(_, v)| v.rejects).map(|(name, _)| (*name).clone()).collect();
        if !by.is_empty() {
            return Err(QuorumShort::Rejected { by });
        }
        let mut counted: Vec<&Approval> = Vec::new();
        for (name, voice) in &voices {
            let (good, bad) = voice.of_phase(facts, phase, at);
            // One may approve both with others and alone; each counts for its own way.
            for break_glass in [false, true] {
                let same = good.iter().filter(|a| a.statement().break_glass == break_glass);
                counted.extend(same.max_by_key(|a| a.statement().expires));
            }
            if good.is_empty() {
                passed_over.extend(bad.into_iter().map(|why| ((*name).clone(), why)));
            }
        }
        conclude(facts, phase, counted, passed_over)
    }
}

/// What each person has said in the end, and what is not listened to.
fn listen<'a>(facts: &PlanFacts, recorded: &'a [Recorded]) -> (Voices<'a>, PassedOver) {
    let mut voices = Voices::new();
    let (mut seen, mut passed_over) = (BTreeSet::new(), Vec::new());
    // In the order of the log, as the run and every judge hear them.
    for Recorded { approval, at, .. } in recorded {
        let person = approval.person();
        if let Err(why) = approval.check(facts, *at) {
            passed_over.push((person.clone(), why));
            continue;
        }
        let decision = approval.statement().decision;
        // Who says no is heard, however it was signed.
        let is_new = seen.insert((person, approval.statement().nonce.as_str()));
        if !is_new && decision != Decision::Reject {
            passed_over.push((person.clone(), ApprovalRefusal::Replayed));
            continue;
        }
        let voice = voices.entry(person).or_default();
        match decision {
            Decision::Approve => voice.approvals.push(approval),
            Decision::Reject => *voice = Voice { approvals: Vec::new(), rejects: true },
            Decision::Withdraw => voice.rejects = false,
        }
    }
    (voices, passed_over)
}

fn conclude(
    facts: &PlanFacts,
    phase: Phase,
    mut counted: Vec<&Approval>,
    passed_over: PassedOver,
) -> Result<QuorumMet, QuorumShort> {
    let met = |counted: &[&Approval], expires, break_glass| QuorumMet {
        phase,
        people: counted.iter().map(|a| a.person().clone()).collect(),
        approvals: counted.iter().map(|a| a.digest()).collect(),
        expires,
        break_glass,
    };
    // The longest-lived first: with the last one that is needed, the quorum ends.
    counted.sort_by_key(|a| std::cmp::Reverse(a.statement().expires));
    let (alone, together): (Vec<&Approval>, Vec<&Approval>) =
        counted.into_iter().partition(|a| a.statement().break_glass);
    if let Some(last) = last_needed(facts, &together) {
        return Ok(met(&together, last.statement().expires, None));
    }
    if let Some(one) = alone.first() {
        return Ok(met(&[one], one.statement().expires, Some(one.person().clone())));
    }
    let have = together.iter().map(|a| a.person().clone()).collect();
    let unfilled = unfilled(facts, &together);
    Err(QuorumShort::TooFew { have, need: facts.quorum, phase, unfilled, passed_over })
}

/// The seats that stay empty with these people.
fn unfilled(facts: &PlanFacts, together: &[&Approval]) -> Vec<Text<64>> {
    facts.seats.unfilled(&together.iter().map(|a| a.roles()).collect::<Vec<_>>())
}

/// Of approvals with the longest-lived first, the one with whose end the quorum or a seat is lost.
fn last_needed<'a>(facts: &PlanFacts, together: &[&'a Approval]) -> Option<&'a Approval> {
    let enough = |n: &usize| unfilled(facts, &together[..*n]).is_empty();
    let n = (usize::from(facts.quorum)..=together.len()).find(enough)?;
    together.get(n.checked_sub(1)?).copied()
}

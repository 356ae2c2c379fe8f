//! What verifying found: one result per check, the findings, and one verdict.

use super::super::anchors::Kind;
use super::super::lines::Place;
use super::countersigned::Countersigned;
use crate::domain::id::RunId;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Findings of one check that are listed; the others are counted.
const LISTED_MAX: usize = 20;

/// What is checked, each on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The files are regular files that belong here.
    Files,
    /// The log's key and identity are those that are trusted.
    Identity,
    /// Every line is a canonical event.
    Lines,
    /// Each line follows the one before.
    Chain,
    /// Time does not go backwards.
    Time,
    /// Signed heads match the lines, and none is missing.
    Checkpoints,
    /// Whatever lines refer to is there, unchanged.
    Objects,
    /// Approvals are genuine, enough, and came before what they release.
    Approvals,
    /// Runs went by the approved plan, each effect with its intent and outcome.
    Runs,
    /// Heads that others keep are heads of this log.
    Anchors,
}

impl Check {
    pub const ALL: [Check; 10] = [
        Check::Files,
        Check::Identity,
        Check::Lines,
        Check::Chain,
        Check::Time,
        Check::Checkpoints,
        Check::Objects,
        Check::Approvals,
        Check::Runs,
        Check::Anchors,
    ];
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the verdict does not depend on it.
    Note,
    /// Something is not finished.
    Incomplete,
    /// The log is not what was written.
    Tampered,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: Check,
    pub severity: Severity,
    /// Line of `events.jsonl`, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// First byte of that line, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    pub what: Text<400>,
    pub why: &'static str,
    pub act: &'static str,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let (Some(line), Some(byte)) = (self.line, self.byte) {
            write!(f, "line {line} (byte {byte}): ")?;
        }
        write!(f, "{}. {} {}", self.what, self.why, self.act)
    }
}

/// Why a finding matters and what to do; the same for all findings of a kind.
#[derive(Clone, Copy)]
pub(super) struct Advice(pub(super) &'static str, pub(super) &'static str);

/// A log that is not what was written.
pub(super) const CHANGED: Advice = Advice(
    "The log was changed after it was written.",
    "Do not rely on it from here on; compare it with a copy or a bundle, and keep both as evidence.",
);
/// A log that says what the tool would never have done.
pub(super) const NOT_OURS: Advice = Advice(
    "reissue never writes this.",
    "Treat the log as forged from here on; compare it with a copy and with Entra's own audit log.",
);
/// Something that was not finished.
pub(super) const UNFINISHED: Advice = Advice(
    "What is missing may still come, or its writer died.",
    "Look at it with `reissue status`; `reissue apply` resumes it. Then verify again.",
);
/// Something that may be a leftover.
pub(super) const LEFTOVER: Advice =
    Advice("A crash leaves such things, and so does somebody who removed lines.", "Compare with a copy.");

/// An anchor by somebody whom the verifier does not believe.
pub(super) const NOT_BELIEVED: Advice = Advice(
    "An anchor counts only if the verifier believes who made it.",
    "Give the authority's or the witness's key that was agreed on, or ask where this anchor is from.",
);
/// An anchor that is not where the log says it is.
pub(super) const UNFOUND: Advice = Advice(
    "A repository that is behind lacks it, and so does one whose history was rewritten.",
    "Fetch the branch and verify again; if the commit is still not there, compare with other clones.",
);
/// A vault that did not sign.
pub(super) const SILENT: Advice = Advice(
    "A vault that does not answer is not waited for; somebody who takes the line away leaves the same.",
    "Lines after the newest checkpoint that has it rest on the log's own key; compare with the vault's own log.",
);
/// A head that an excerpt gives no hash for.
pub(super) const NOT_COMPARED: Advice = Advice(
    "An excerpt holds the hashes for the heads that were known when it was made.",
    "Ask for a bundle that is made now, beside this anchor, or for one of the whole log.",
);
/// Nothing but the log's own folder shows that the log is whole.
pub(super) const CAN_BE_TAKEN_AWAY: Advice = Advice(
    "Whoever cuts the log's end can take away the later anchors that lie in its folder.",
    "Ask the witness for the newest checkpoint it cosigned, or bring one with `--anchor` or `--anchor-git`.",
);

/// Findings by check.
#[derive(Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
    counts: BTreeMap<Check, (u64, Severity)>,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        check: Check,
        severity: Severity,
        place: Option<Place>,
        what: &str,
        advice: Advice,
    ) {
        let (count, worst) = self.counts.entry(check).or_insert((0, Severity::Note));
        *count += 1;
        *worst = (*worst).max(severity);
        // The worst is always listed, whatever came before.
        let listed = self.found.iter().filter(|f| f.check == check && f.severity == severity).count();
        if listed < LISTED_MAX {
            self.found.push(Finding {
                check,
                severity,
                line: place.map(|p| p.line),
                byte: place.map(|p| p.offset),
                what: Text::lossy(what),
                why: advice.0,
                act: advice.1,
            });
        }
    }

    pub(super) fn tampered(&mut self, check: Check, place: Option<Place>, what: &str, advice: Advice) {
        self.add(check, Severity::Tampered, place, what, advice);
    }

    fn worst(&self) -> Severity {
        self.counts.values().map(|(_, s)| *s).max().unwrap_or(Severity::Note)
    }

    pub(super) fn into_report(self, facts: Facts) -> Report {
        let anchored = facts.anchored == Some(facts.size);
        let verdict = match self.worst() {
            Severity::Tampered => Verdict::Tampered,
            Severity::Incomplete => Verdict::Incomplete,
            Severity::Note if anchored => Verdict::Intact,
            Severity::Note => Verdict::NotAnchored,
        };
        let checks = Check::ALL.map(|check| {
            let (findings, worst) = self.counts.get(&check).copied().unwrap_or((0, Severity::Note));
            let outcome = match worst {
                Severity::Tampered => Outcome::Tampered,
                Severity::Incomplete => Outcome::Incomplete,
                Severity::Note if check == Check::Anchors && facts.anchored.is_none() => Outcome::NotDone,
                Severity::Note => Outcome::Passed,
            };
            CheckResult { check, findings, outcome }
        });
        let Facts { anchored, anchors, countersigned, excerpt, root, runs, signed, size } = facts;
        let (checks, findings) = (checks.to_vec(), self.found);
        Report {
            anchored,
            anchors,
            checks,
            countersigned,
            excerpt,
            findings,
            root,
            runs,
            signed,
            size,
            verdict,
        }
    }
}

/// What an excerpt shows of a log, in lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub run: RunId,
    pub shown: u64,
    pub hidden: u64,
}

/// What is known of the log in the end.
pub(super) struct Facts {
    pub(super) countersigned: Option<Countersigned>,
    pub(super) excerpt: Option<Part>,
    pub(super) anchored: Option<u64>,
    pub(super) anchors: Vec<AnchorRow>,
    pub(super) root: String,
    pub(super) runs: u64,
    pub(super) signed: u64,
    pub(super) size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Incomplete,
    Tampered,
    /// There was nothing to check with.
    NotDone,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    pub check: Check,
    /// How many there are, listed or not.
    pub findings: u64,
    pub outcome: Outcome,
}

/// The judgement of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Intact, anchored and complete.
    Intact,
    /// Intact and complete, as far as the log's own files can tell.
    NotAnchored,
    /// Intact as far as it goes.
    Incomplete,
    Tampered,
}

impl Verdict {
    /// The exit code of `audit verify`; 2 is for usage and I/O.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Intact => 0,
            Verdict::Tampered => 1,
            Verdict::NotAnchored => 3,
            Verdict::Incomplete => 4,
        }
    }
    pub fn sentence(self) -> &'static str {
        match self {
            Verdict::Intact => "intact, anchored and complete",
            Verdict::NotAnchored => {
                "consistent, NOT anchored: whoever holds the log's key could have rewritten it, or cut its end"
            }
            Verdict::Incomplete => "intact as far as it goes, but NOT complete",
            Verdict::Tampered => "TAMPERED: this is not the log that was written",
        }
    }
}

/// Whether there is an anchor of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorState {
    Missing,
    /// The log's folder says that there is one; it was not, or could not be, judged.
    Recorded,
    /// It is of this log, by somebody whom the verifier believes.
    Holds,
}

/// The best anchor of one kind, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnchorRow {
    #[serde(rename = "keeper")]
    pub kind: Kind,
    pub state: AnchorState,
    /// Lines that it covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it was there, as its keeper says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Who keeps it; or why it was not judged.
    pub why: Text<300>,
}

/// Everything that verifying tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Lines that a head kept elsewhere covers; absent without such a head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchored: Option<u64>,
    /// One row per kind, so that a missing one is named.
    pub anchors: Vec<AnchorRow>,
    pub checks: Vec<CheckResult>,
    /// Who else signs checkpoints, if somebody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countersigned: Option<Countersigned>,
    /// If this is not the whole log but one run of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Part>,
    pub findings: Vec<Finding>,
    /// Root over all lines, in hexadecimal.
    pub root: String,
    /// Runs that were begun.
    pub runs: u64,
    /// Lines that the newest checkpoint covers.
    pub signed: u64,
    /// Lines.
    pub size: u64,
    pub verdict: Verdict,
}

impl Report {
    /// The verdict in words. Of an excerpt, it is about what is shown.
    pub fn sentence(&self) -> &'static str {
        match (&self.excerpt, self.verdict) {
            (None, verdict) => verdict.sentence(),
            (_, Verdict::Tampered) => {
                "TAMPERED: these are not lines of the log that was written, or not all of the run"
            }
            (_, Verdict::Incomplete) => {
                "what is shown is intact, but NOT complete: lines of the run may be among the hidden ones"
            }
            (_, Verdict::NotAnchored) => {
                "what is shown is consistent and no line of the run is missing, NOT anchored: whoever holds the log's \
                 key could have rewritten it"
            }
            (_, Verdict::Intact) => "what is shown is intact and anchored, and no line of the run is missing",
        }
    }
}

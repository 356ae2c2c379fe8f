//! A judgement, for people and for programs.

use super::{Case, code};
use crate::cli::human::Output;
use crate::domain::text::{Text, count};
use crate::trail::anchors::Kind;
use crate::trail::verify::{
    AnchorRow, AnchorState, Check, CheckResult, Countersigned, Finding, Outcome, Part, Report, Verdict,
};
use serde::Serialize;

#[derive(Serialize)]
struct VerdictObject<'a> {
    verdict: Verdict,
    exit: u8,
    sentence: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    excerpt: Option<&'a Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    countersigned: Option<&'a Countersigned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anchored: Option<u64>,
    root: &'a str,
    runs: u64,
    signed: u64,
    size: u64,
}

pub(super) fn objects(report: &Report, out: &mut Output) {
    let Report {
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
    } = report;
    anchors.iter().for_each(|anchor| out.object("audit_anchor", anchor));
    checks.iter().for_each(|check| out.object("audit_check", check));
    findings.iter().for_each(|finding| out.object("audit_finding", finding));
    let object = VerdictObject {
        verdict: *verdict,
        exit: code(*verdict) as u8,
        sentence: report.sentence(),
        excerpt: excerpt.as_ref(),
        countersigned: countersigned.as_ref(),
        anchored: *anchored,
        root,
        runs: *runs,
        signed: *signed,
        size: *size,
    };
    out.object("audit_verdict", &object);
}

pub(super) fn show(case: &Case, report: &Report, out: &mut Output) {
    let Report {
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
    } = report;
    let folder = Text::<300>::lossy(&case.folder.root().to_string_lossy());
    out.line(&format!(
        "The log in {folder}: {}, {}, {} signed.",
        count(*size, "line", "lines"),
        count(*runs, "run", "runs"),
        count(*signed, "line", "lines")
    ));
    out.line(&format!("  key   {}", case.trust.key));
    out.line(&format!("        ({})", case.key_from));
    out.line(&format!("  root  {root}\n"));
    show_checks(checks, out);
    show_anchors(anchors, out);
    if let Some(line) = countersigned {
        show_countersigned(line, *size, out);
    }
    if let Some(part) = excerpt {
        show_excerpt(part, *verdict, out);
    }
    let mut advice = "";
    for Finding { check, severity, line, byte, what, why, act } in findings {
        if advice != *why {
            out.line(&format!("\n{why} {act}"));
            advice = why;
        }
        let place = line.zip(*byte).map(|(l, b)| format!("line {l} (byte {b}): ")).unwrap_or_default();
        let severity = format!("{severity:?}").to_lowercase();
        out.line(&format!("  {severity}, {}: {place}{what}", about(*check).0));
    }
    out.line(&format!("\nVerdict: {}.", report.sentence()));
    if let Some(covered) = anchored.filter(|covered| covered < size) {
        out.line(&format!("Lines up to {covered} are anchored; the {} after them are not.", size - covered));
    }
    out.hint(&format!("Next: {}.", next(*verdict)));
}

/// Who else signs checkpoints, and how far that reaches.
fn show_countersigned(found: &Countersigned, size: u64, out: &mut Output) {
    let Countersigned { expected, lacking, covers, key, given } = found;
    let bear = format!(
        "{} of {} of this log bear it",
        expected - lacking,
        count(*expected, "checkpoint", "checkpoints")
    );
    out.line(&format!(
        "\nThe vault's line: {bear}; the newest covers {covers} of {}.",
        count(size, "line", "lines")
    ));
    out.line(&format!("  key   {key}"));
    out.line(match given {
        true => "        (given)",
        false => "        (only the log itself names it; better give `--countersign-key`)",
    });
}

/// What one run of a log can prove, and what not.
fn show_excerpt(Part { run, shown, hidden }: &Part, verdict: Verdict, out: &mut Output) {
    let hides = count(*hidden, "line is", "lines are");
    out.line(&format!(
        "\nThis is an excerpt: {} of the run {run} and of the log itself; {hides} not shown.",
        count(*shown, "line", "lines")
    ));
    if verdict == Verdict::Tampered {
        return;
    }
    out.line(
        "  proved      every line stands at its place in the log that the key signed; so many are not shown",
    );
    out.line(match verdict {
        Verdict::Incomplete => "  NOT proved  that all lines of the run are shown: only run.finished counts them",
        _ => "  proved      no line of the run is missing: run.finished counts them, and each course was replayed",
    });
    out.line("  NOT proved  anything about what is not shown: not what it says, nor whose it is");
}

/// Each check, passed or not.
fn show_checks(checks: &[CheckResult], out: &mut Output) {
    for CheckResult { check, findings, outcome } in checks {
        let (name, about) = about(*check);
        let result = match (outcome, findings) {
            (Outcome::Passed, 0) => "passed".to_owned(),
            (Outcome::Passed, n) => format!("passed, {}", count(*n, "note", "notes")),
            (Outcome::Incomplete, n) => format!("INCOMPLETE ({n})"),
            (Outcome::Tampered, n) => format!("TAMPERED ({n})"),
            (Outcome::NotDone, _) => "NOT DONE: nothing that is kept elsewhere was given".to_owned(),
        };
        out.line(&format!(
            "  {name:<13}{result:<17}{}",
            if *outcome == Outcome::NotDone { "" } else { about }
        ));
    }
}

/// Each kind of anchor, the missing ones too.
fn show_anchors(rows: &[AnchorRow], out: &mut Output) {
    out.line("\nAnchors, by who remembers the log:");
    for AnchorRow { kind, state, size, time, why } in rows {
        let name = match kind {
            Kind::Approvals => "approvers",
            Kind::Kept => "copy kept",
            Kind::Git => "git",
            Kind::Stamp => "time stamp",
            Kind::Witness => "witness",
            Kind::Blob => "blob",
        };
        let covers = size.map(|n| count(n, "line", "lines")).unwrap_or_default();
        let at = time.map(|t| format!(", at {}", t.short())).unwrap_or_default();
        out.line(&match state {
            AnchorState::Holds => format!("  {name:<13}holds for {covers}: {why}{at}"),
            AnchorState::Recorded => format!("  {name:<13}recorded for {covers}, NOT CHECKED: {why}"),
            AnchorState::Missing => format!("  {name:<13}none"),
        });
    }
}

fn next(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Intact => "nothing; keep this checkpoint where the log is not",
        Verdict::NotAnchored => {
            "verify with what others have: `--anchor FILE`, `--anchor-git DIR`, `--witness-vkey VKEY` or `--tsa-ca FILE`; \
             if nobody has anything, have it anchored now, for example with `reissue audit anchor --git DIR`"
        }
        Verdict::Incomplete => {
            "`reissue status` says what the run waits for and how it goes on; verify again when it is over"
        }
        Verdict::Tampered => {
            "stop runs on this log; keep this folder as it is and every copy of it as evidence; compare with Entra's \
             own audit log"
        }
    }
}

/// A check's name, and what passing it means.
fn about(check: Check) -> (&'static str, &'static str) {
    match check {
        Check::Files => ("files", "nothing but regular files that belong here"),
        Check::Identity => ("identity", "the log's key and names are the trusted ones"),
        Check::Lines => ("lines", "each is a canonical event"),
        Check::Chain => ("chain", "each follows the one before"),
        Check::Time => ("time", "never goes backwards"),
        Check::Checkpoints => ("checkpoints", "signed heads fit the lines, none is missing"),
        Check::Objects => ("objects", "whatever lines refer to is there, unchanged"),
        Check::Approvals => ("approvals", "genuine, enough, and before what they release"),
        Check::Runs => ("runs", "went by the approved plan, effect by effect"),
        Check::Anchors => ("anchors", "heads that others keep are heads of this log"),
    }
}

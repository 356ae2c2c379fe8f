//! Checks that look at several targets, or at a target and the rest of the playbook.

use super::diagnostic::{At, Code, Diagnostic, Report, Span};
use super::header::hold_too_long;
use super::model::{ApprovalPolicy, Protected, Subject};
use super::target::Draft;
use std::collections::BTreeMap;

pub(super) fn check(
    drafts: &[Draft],
    approval: Option<&At<ApprovalPolicy>>,
    protected: &[At<Protected>],
    report: &Report,
) {
    duplicates(drafts, report);
    contradictions(drafts, report);
    names(drafts, report);
    places(drafts, report);
    protection(drafts, protected, report);
    // What is contained does not hold.
    let holding = drafts.iter().filter(|d| !d.target.contain);
    let holds = holding.filter_map(|d| Some((d.hold.clone()?, approval?)));
    for finding in holds.filter_map(|(hold, approval)| hold_too_long(hold, approval)) {
        report.push(finding);
    }
}

/// One spelling per subject: ids are lower-cased when read, and so are user names.
fn subject(draft: &Draft) -> (&'static str, &str) {
    match &draft.target.subject {
        Subject::App { client_id, .. } => ("app", client_id.as_str()),
        Subject::User { upn } => ("user", upn.as_str()),
    }
}

fn duplicates(drafts: &[Draft], report: &Report) {
    let mut seen: BTreeMap<_, Span> = BTreeMap::new();
    for draft in drafts {
        if let Some(first) = seen.get(&(subject(draft), draft.target.kind)) {
            let message = format!("a second {} target for the same subject", draft.target.kind);
            let finding = Diagnostic::new(Code::DuplicateTarget, draft.subject_at, message);
            let finding = finding.also(*first, "first here");
            report.push(finding.hint("remove one; if several credentials leaked, one target can name `all`"));
        } else {
            seen.insert((subject(draft), draft.target.kind), draft.subject_at);
        }
    }
}

/// Nothing can be verified on an application that is being switched off.
fn contradictions(drafts: &[Draft], report: &Report) {
    let off = drafts.iter().filter(|d| d.form.verb() == "disable");
    let off: BTreeMap<_, Span> = off.map(|d| (subject(d), d.subject_at)).collect();
    for draft in drafts.iter().filter(|d| d.form.verb() != "disable") {
        if let Some(other) = off.get(&subject(draft)) {
            let verb = draft.form.verb();
            let message = format!("this target wants `{verb}`, another one disables the same subject");
            let finding = Diagnostic::new(Code::Contradiction, draft.subject_at, message);
            let finding = finding.also(*other, "disabled here");
            report.push(finding.hint("keep one: a new credential of a disabled subject cannot be verified"));
        }
    }
}

/// One application has one name.
fn names(drafts: &[Draft], report: &Report) {
    let mut seen: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for draft in drafts {
        let (Subject::App { client_id, name }, Some(at)) = (&draft.target.subject, draft.name_at) else {
            continue;
        };
        let (first, first_at) = *seen.entry(client_id.as_str()).or_insert((name.as_str(), at));
        if first != name.as_str() {
            let message = "the same application has another name above";
            let finding = Diagnostic::new(Code::Contradiction, at, message).also(first_at, "other name");
            report.push(finding.hint("one of the two is wrong, or the client id is; check in the directory"));
        }
    }
}

/// Key Vault names know no case.
fn places(drafts: &[Draft], report: &Report) {
    let mut seen: BTreeMap<(String, String), Span> = BTreeMap::new();
    for draft in drafts {
        let (Some(publish), Some(at)) = (&draft.target.publish, draft.publish_at) else { continue };
        let place = (publish.store.to_string(), publish.name.to_ascii_lowercase());
        if let Some(first) = seen.get(&place) {
            let message = "two targets write to the same name in the same store";
            let finding = Diagnostic::new(Code::SamePlace, at, message).also(*first, "first here");
            report.push(finding.hint("give each its own name: the later value would hide the earlier one"));
        } else {
            seen.insert(place, at);
        }
    }
}

fn protection(drafts: &[Draft], protected: &[At<Protected>], report: &Report) {
    for draft in drafts {
        let hit = protected.iter().find(|p| match (&p.value, &draft.target.subject) {
            (Protected::App(id), Subject::App { client_id, .. }) => id == client_id,
            (Protected::User(name), Subject::User { upn }) => name == upn,
            _ => false,
        });
        if let Some(hit) = hit {
            let message = "this target is protected by the playbook's own guardrails";
            let finding =
                Diagnostic::new(Code::Protected, draft.subject_at, message).also(hit.at, "protected here");
            report.push(finding.hint("remove one of the two"));
        }
    }
}

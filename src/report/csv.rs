//! Tables for spreadsheets. A cell that a spreadsheet would take for a formula is made text by an
//! apostrophe in front (OWASP, "CSV injection").

use super::Model;
use super::model::{EventRow, OldCredential, Remaining, StatusRow, TargetReport};
use crate::domain::time::Timestamp;

/// The tables there are, by file name.
pub const TABLES: [&str; 3] = ["status.csv", "credentials.csv", "events.csv"];

/// One of [`TABLES`]; none by another name.
pub fn table(model: &Model, name: &str) -> Option<String> {
    match name {
        "status.csv" => Some(status(model)),
        "credentials.csv" => Some(credentials(model)),
        "events.csv" => Some(events(model)),
        _ => None,
    }
}

/// A cell that is text to every spreadsheet.
pub fn cell(text: &str) -> String {
    let text = super::harmless(text.replace(['\r', '\n', '\t'], " "));
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r']);
    if formula { format!("'{text}") } else { text }
}

fn write(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = csv::WriterBuilder::new().from_writer(Vec::new());
    // Writing into memory does not fail.
    let _ = out.write_record(header);
    for row in rows {
        let _ = out.write_record(row.iter().map(|c| cell(c)));
    }
    out.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

const STATUS: [&str; 14] = [
    "incident",
    "run",
    "as_of",
    "action",
    "total",
    "done",
    "verified",
    "failed",
    "open",
    "excepted",
    "target",
    "state",
    "reason",
    "owner_and_expected_date",
];

/// One row per required action, and under it one row per target that is not done.
fn status(model: &Model) -> String {
    let about = [model.head.incident.clone(), model.head.run.to_string(), model.head.as_of.to_string()];
    let rows = model.status.iter().flat_map(|row| {
        let StatusRow { action, total, done, verified, failed, open, excepted, remaining } = row;
        let numbers = [total, done, verified, failed, open, excepted].map(ToString::to_string);
        let mut main = about.to_vec();
        main.push(action.clone());
        main.extend(numbers);
        main.resize(STATUS.len(), String::new());
        let left = remaining.iter().map(|r| {
            let Remaining { target, name, state, reason, owner, expected } = r;
            let mut row = about.to_vec();
            row.push(action.clone());
            row.resize(10, String::new());
            row.push(format!("{target} {name}"));
            row.extend([state.clone(), reason.clone(), format!("{owner}; {expected}")]);
            row
        });
        std::iter::once(main).chain(left).collect::<Vec<_>>()
    });
    write(&STATUS, rows)
}

const CREDENTIALS: [&str; 19] = [
    "target",
    "name",
    "kind",
    "subject",
    "standing",
    "evidence",
    "credential",
    "id",
    "object",
    "fate",
    "exposed_since",
    "removed_at",
    "proved_at",
    "proof",
    "proof_times",
    "horizon",
    "new_credential",
    "new_until",
    "sign_ins",
];

fn time(at: Option<Timestamp>) -> String {
    at.map(|t| t.to_string()).unwrap_or_default()
}

fn credentials(model: &Model) -> String {
    let rows = model.targets.iter().flat_map(|t| t.old.iter().map(|old| credential(t, old)));
    let excepted = model.excepted.iter().map(|e| {
        let mut row: Vec<String> = vec![e.id.to_string(), e.name.clone(), e.kind.clone(), String::new()];
        row.extend(["left alone".to_owned(), e.reason.clone()]);
        row.resize(CREDENTIALS.len(), String::new());
        row
    });
    write(&CREDENTIALS, rows.chain(excepted))
}

fn credential(target: &TargetReport, old: &OldCredential) -> Vec<String> {
    let proof = old.proof.as_ref();
    let text = |o: &Option<String>| o.clone().unwrap_or_default();
    vec![
        target.id.to_string(),
        target.name.clone(),
        target.kind.clone(),
        target.subject.clone(),
        target.standing.words().into(),
        target.evidence.join("; "),
        old.what.clone(),
        text(&old.id),
        text(&old.object),
        old.fate.words().into(),
        time(old.exposed_since),
        time(old.removed_at),
        time(proof.map(|p| p.at)),
        proof.map(|p| p.proof.to_string()).unwrap_or_default(),
        proof.map(|p| p.times.to_string()).unwrap_or_default(),
        time(proof.map(|p| p.horizon)),
        target.new.as_ref().map(|n| format!("{} {}", n.what, n.id)).unwrap_or_default(),
        time(target.new.as_ref().map(|n| n.not_after)),
        target.hold.as_ref().and_then(|h| h.sign_ins.as_ref()).map(ToString::to_string).unwrap_or_default(),
    ]
}

fn events(model: &Model) -> String {
    let header = ["seq", "time", "code", "event", "run", "target", "text", "leaf_sha256"];
    let rows = model.events.iter().map(|e| {
        let EventRow { seq, at, code, event, run, target, text, leaf } = e;
        let run = run.as_ref().map(ToString::to_string).unwrap_or_default();
        let target = target.map(|t| t.to_string()).unwrap_or_default();
        let text = text.clone();
        vec![
            seq.to_string(),
            at.to_string(),
            (*code).into(),
            (*event).into(),
            run,
            target,
            text,
            leaf.clone(),
        ]
    });
    write(&header, rows)
}

/// What is said of a tampered log: the findings.
pub fn refusal(refusal: &super::Refusal) -> String {
    let rows = refusal.report.findings.iter().map(|f| {
        let line = f.line.map(|l| l.to_string()).unwrap_or_default();
        vec!["TAMPERED".into(), format!("{:?}", f.check).to_lowercase(), line, f.what.to_string()]
    });
    write(&["verdict", "check", "line", "finding"], rows)
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"] {
            assert!(cell(bad).starts_with('\''), "{bad:?} became {:?}", cell(bad));
        }
        assert_eq!(cell("t1"), "t1");
        assert!(!cell("a\u{202e}b\u{1b}[31m\nc").contains(['\u{202e}', '\u{1b}', '\n']));
    }
}

//! The playbook: from bytes to a [`ValidPlaybook`], or to everything that is wrong with them.
//!
//! [`yaml`] makes a tree that knows its places; [`fields`] and [`values`] read it; [`header`],
//! [`target`] and the kinds' own [`syntax`] say what belongs where; [`whole`] compares targets.

pub mod diagnostic;
pub mod fields;
mod header;
pub mod mask;
pub mod model;
pub mod node;
pub mod schema;
pub mod secret_shape;
pub mod syntax;
mod target;
mod values;
mod whole;
mod yaml;

pub use diagnostic::{At, Code, Diagnostic, Diagnostics, Report, Span};
pub use model::*;
pub use syntax::KindSyntax;
pub use yaml::SIZE_MAX;

use super::id::Digest;
use super::text::is_hostile;
use super::time::Timestamp;
use fields::Item;
use node::{Node, Value};

const KEYS: [&str; 8] =
    ["reissue", "incident", "tenant", "stores", "approval", "guardrails", "defaults", "targets"];

/// Reads a playbook with these target kinds.
pub fn check(text: &str, kinds: &[&dyn KindSyntax]) -> Result<ValidPlaybook, Diagnostics> {
    check_at(text, kinds, None)
}

/// As [`check`]; with the time, a playbook from the future is noticed too.
pub fn check_at(
    text: &str,
    kinds: &[&dyn KindSyntax],
    now: Option<Timestamp>,
) -> Result<ValidPlaybook, Diagnostics> {
    if text.len() > SIZE_MAX {
        return Err(too_large());
    }
    let report = Report::default();
    hostile(text, &report);
    if !report.is_empty() {
        return report.conclude(text, None);
    }
    let root = yaml::read(text, &report);
    secrets(text, root.as_ref(), &report);
    let playbook = match &root {
        Some(Node { value: Value::Nothing, .. }) => empty(&report),
        None if report.is_empty() => empty(&report),
        None => None,
        Some(root) => read(text, root, kinds, now, &report),
    };
    report.conclude(text, playbook)
}

/// As [`check_at`], from a file's bytes.
pub fn check_bytes(
    bytes: &[u8],
    kinds: &[&dyn KindSyntax],
    now: Option<Timestamp>,
) -> Result<ValidPlaybook, Diagnostics> {
    if bytes.len() > SIZE_MAX {
        return Err(too_large());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => check_at(text, kinds, now),
        Err(e) => {
            let shown = String::from_utf8_lossy(bytes);
            let at = Span::locate(&shown, e.valid_up_to(), char::REPLACEMENT_CHARACTER.len_utf8());
            let finding = Diagnostic::new(Code::NotUtf8, at, "from here on the file is not UTF-8 text");
            Err(Diagnostics::one(
                &shown,
                finding.hint("save it as UTF-8; a vault export or a PFX is no playbook"),
            ))
        }
    }
}

fn too_large() -> Diagnostics {
    let message = format!("the file is larger than {} KiB", SIZE_MAX / 1024);
    let at = Span { line: 1, column: 1, ..Span::default() };
    let hint = "split the playbook; one run rarely needs more than a thousand targets";
    Diagnostics::one("", Diagnostic::new(Code::TooLarge, at, message).hint(hint))
}

fn empty(report: &Report) -> Option<ValidPlaybook> {
    let at = Span { line: 1, column: 1, ..Span::default() };
    let finding = Diagnostic::new(Code::Empty, at, "the playbook is empty");
    report.push(finding.hint("start from one of the examples in playbooks/"));
    None
}

/// Characters that hide what a reviewer of the file sees.
fn hostile(text: &str, report: &Report) {
    for (offset, c) in text.char_indices() {
        let line_end = c == '\r' && text[offset + 1..].starts_with('\n');
        let mark_at_start = offset == 0 && c == '\u{feff}';
        if !matches!(c, '\n' | '\t') && !line_end && !mark_at_start && is_hostile(c) {
            let at = Span::locate(text, offset, c.len_utf8());
            let message = format!("the character U+{:04X} stands here, which does not print", c as u32);
            let finding = Diagnostic::new(Code::Hostile, at, message);
            return report.push(finding.hint("remove it: it can make the file read differently than it is"));
        }
    }
}

/// Secrets anywhere: in values, keys and comments, and in text that only YAML puts together.
fn secrets(text: &str, root: Option<&Node>, report: &Report) {
    let mut known = Vec::new();
    for shape in secret_shape::find(text) {
        let at = Span::locate(text, shape.range.start, shape.range.len());
        report.push(secret_found(shape.what, at));
        known.push(shape.range);
    }
    let mut nodes: Vec<&Node> = root.into_iter().collect();
    while let Some(node) = nodes.pop() {
        match &node.value {
            Value::Nothing => {}
            Value::Sequence(items) => nodes.extend(items),
            Value::Mapping(entries) => nodes.extend(entries.iter().map(|e| &e.value)),
            Value::Scalar(scalar) => {
                let range = node.at.offset..node.at.offset + node.at.len;
                let seen = known.iter().any(|k| k.start < range.end && range.start < k.end);
                if let (false, Some(shape)) = (seen, secret_shape::find(&scalar.text).first()) {
                    report.push(secret_found(shape.what, node.at));
                }
            }
        }
    }
}

fn secret_found(what: &str, at: Span) -> Diagnostic {
    let hint = "delete it here and in the file's history, and treat it as leaked; a playbook names \
                credentials by `hint` or `key_id`";
    Diagnostic::new(Code::SecretInside, at, format!("this looks like {what}")).hint(hint).hidden()
}

fn read(
    text: &str,
    root: &Node,
    kinds: &[&dyn KindSyntax],
    now: Option<Timestamp>,
    report: &Report,
) -> Option<ValidPlaybook> {
    let fields = Item::root(root, "the playbook", report).fields(&KEYS)?;
    let version = header::version(&fields);
    let incident = header::incident(&fields, now);
    let tenant = header::tenant(&fields);
    let (stores, store_names) = header::stores(&fields, tenant.cloud);
    let approval = header::approval(&fields);
    let guardrails = header::guardrails(&fields);
    let (hold, lifetime) = header::defaults(&fields);
    let context = syntax::Context { stores: store_names, hold, lifetime };
    let items = fields.required("targets").and_then(|i| i.list("a playbook has at least one target"));
    let drafts = items.map(|items| {
        let numbered = (1u32..).zip(&items);
        let drafts: Vec<_> = numbered.map(|(no, item)| target::read(item, no, kinds, &context)).collect();
        let all = drafts.len();
        let drafts: Vec<_> = drafts.into_iter().flatten().collect();
        (drafts.len() == all, drafts)
    });
    let protected = guardrails.as_ref().map_or(&[][..], |(_, protected)| protected);
    let (complete, drafts) = drafts?;
    whole::check(&drafts, approval.as_ref(), protected, report);
    version?;
    if !complete {
        return None;
    }
    Some(ValidPlaybook {
        digest: Digest::of(text.as_bytes()),
        incident: incident?,
        tenant: tenant.tenant?,
        stores: stores?,
        approval: approval?.value,
        guardrails: guardrails?.0,
        targets: drafts.into_iter().map(|d| d.target).collect(),
    })
}

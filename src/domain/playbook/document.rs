//! What every file of people's hands is held to before its language is read, be it a playbook or a fleet:
//! size, UTF-8, nothing that does not print, no secret, the plain part of YAML.

use super::super::text::is_hostile;
use super::diagnostic::{Code, Diagnostic, Diagnostics, Language, Report, Span};
use super::node::{Node, Value};
use super::{secret_shape, yaml};

const START: Span = Span { offset: 0, len: 0, line: 1, column: 1 };

/// Reads the one document in `bytes`, and what `language` makes of it. A document that is empty never gets there.
pub fn read<T>(
    bytes: &[u8],
    language: &'static Language,
    meaning: impl FnOnce(&Node, &Report) -> Option<T>,
) -> Result<T, Diagnostics> {
    if bytes.len() > language.size_max {
        return Err(too_large(language));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => return Err(not_utf8(bytes, e.valid_up_to(), language)),
    };
    let report = Report::new(language);
    hostile(text, &report);
    if !report.is_empty() {
        return report.conclude(text, None);
    }
    let root = yaml::read(text, &report);
    secrets(text, root.as_ref(), &report);
    let meant = match &root {
        Some(Node { value: Value::Nothing, .. }) => empty(&report),
        None if report.is_empty() => empty(&report),
        None => None,
        Some(root) => meaning(root, &report),
    };
    report.conclude(text, meant)
}

fn not_utf8(bytes: &[u8], valid_up_to: usize, language: &Language) -> Diagnostics {
    let shown = String::from_utf8_lossy(bytes);
    let at = Span::locate(&shown, valid_up_to, char::REPLACEMENT_CHARACTER.len_utf8());
    let finding = Diagnostic::new(Code::NotUtf8, at, "from here on the file is not UTF-8 text");
    let hint = format!("save it as UTF-8; {}", language.instead_of_bytes);
    Diagnostics::one(&shown, finding.hint(hint))
}

fn too_large(language: &Language) -> Diagnostics {
    let message = format!("the file is larger than {} KiB", language.size_max / 1024);
    Diagnostics::one("", Diagnostic::new(Code::TooLarge, START, message).hint(language.too_large))
}

fn empty<T>(report: &Report) -> Option<T> {
    let message = format!("the {} is empty", report.language.name);
    report.push(Diagnostic::new(Code::Empty, START, message).hint(report.language.example));
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
        report.push(secret_found(shape.what, at, report.language));
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
                    report.push(secret_found(shape.what, node.at, report.language));
                }
            }
        }
    }
}

fn secret_found(what: &str, at: Span, language: &Language) -> Diagnostic {
    let hint = format!(
        "delete it here and in the file's history, and treat it as leaked; {}",
        language.instead_in_a_sentence
    );
    Diagnostic::new(Code::SecretInside, at, format!("this looks like {what}")).hint(hint).hidden()
}

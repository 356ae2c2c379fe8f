//! Typed reading of a [`Node`]. A [`Fields`] is opened with the keys it may have, so that an
//! unknown key is reported at once, whatever happens later; an [`Item`] is one value with its
//! name, and each way of reading it reports what is wrong and returns `None`.
//!
//! The custom: read all items first, combine with `?` last, so that one mistake hides no other.

use super::diagnostic::{At, Code, Diagnostic, Language, Report, Span};
use super::node::{Entry, Node, Scalar, Value};
use super::secret_shape;

/// A mapping with known keys.
pub struct Fields<'a> {
    entries: &'a [Entry],
    keys: Vec<&'static str>,
    /// Where a missing key is reported: the key that the mapping belongs to.
    at: Span,
    name: &'a str,
    report: &'a Report,
}

/// One value and its name.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    pub node: &'a Node,
    pub name: &'a str,
    /// The key's place; for a list entry, the value's.
    pub key_at: Span,
    pub report: &'a Report,
}

impl<'a> Fields<'a> {
    pub fn at(&self) -> Span {
        self.at
    }
    pub fn report(&self) -> &'a Report {
        self.report
    }
    /// The value of a key, unless the key is missing.
    pub fn optional(&self, key: &'static str) -> Option<Item<'a>> {
        debug_assert!(self.keys.contains(&key), "{key} is not declared");
        let entry = self.entries.iter().find(|e| e.key == key)?;
        Some(Item { node: &entry.value, name: &entry.key, key_at: entry.key_at, report: self.report })
    }
    /// The value of a key that must be there.
    pub fn required(&self, key: &'static str) -> Option<Item<'a>> {
        let item = self.optional(key);
        if item.is_none() && !self.misspelt(key) {
            let message = format!("{} lacks `{key}`", quoted_or_plain(self.name));
            let finding = Diagnostic::new(Code::MissingKey, self.at, message);
            self.report.push(finding.hint(format!("add it; known here: {}", list(&self.keys))));
        }
        item
    }
    /// The version of a file, which begins with it: 1, without quotes.
    pub fn version(&self, key: &'static str, of: &str) -> Option<()> {
        let item = self.required(key)?;
        let hint = format!("this program reads `{key}: 1`, written without quotes");
        match item.scalar("a version", &hint)? {
            s if s.plain && s.text == "1" => Some(()),
            _ => item.wrong(Code::Version, format!("this is another version of the {of}"), hint),
        }
    }
    /// The one that is present of several keys. None or several is a mistake.
    pub fn one_of(&self, keys: &[&'static str]) -> Option<(&'static str, Item<'a>)> {
        let present: Vec<_> = keys.iter().filter_map(|k| Some((*k, self.optional(k)?))).collect();
        if let [only] = present[..] {
            return Some(only);
        }
        if present.is_empty() && self.has_unknown() {
            return None; // The unknown key is reported already, and probably is the one.
        }
        let message = format!("{} wants exactly one of {}", quoted_or_plain(self.name), list(keys));
        let mut finding = Diagnostic::new(Code::OneOf, self.at, message);
        if let [(_, first), (_, second), ..] = present[..] {
            finding.at = second.key_at;
            finding = finding.also(first.key_at, "and this").hint("keep one of them");
        }
        self.report.push(finding);
        None
    }
    /// Whether an unknown key, already reported, was probably meant to be this one.
    fn misspelt(&self, key: &'static str) -> bool {
        let unknown = self.entries.iter().filter(|e| !self.keys.contains(&e.key.as_str()));
        unknown.take(100).any(|e| nearest(&e.key, &self.keys) == Some(key))
    }
    /// Whether some key is unknown, so that a missing section may only be misspelt.
    pub fn has_unknown(&self) -> bool {
        self.entries.iter().any(|e| !self.keys.contains(&e.key.as_str()))
    }
    fn check_keys(&self) {
        for entry in self.entries.iter().filter(|e| !self.keys.contains(&e.key.as_str())) {
            self.report.push(unknown_key(entry, self.name, &self.keys, self.report.language));
        }
    }
}

/// The finding about a key that nobody knows.
pub fn unknown_key(entry: &Entry, name: &str, keys: &[&'static str], language: &Language) -> Diagnostic {
    if secret_shape::announces_a_secret(&entry.key) {
        let message = format!("a secret value does not belong into a {}", language.name);
        let finding = Diagnostic::new(Code::SecretInside, entry.value.at, message).hidden();
        return finding.hint(format!("remove it; {}", language.instead));
    }
    let shown = if is_word(&entry.key) { format!(" `{}`", entry.key) } else { String::new() };
    let message = format!("unknown key{shown} in {}", quoted_or_plain(name));
    let finding = Diagnostic::new(Code::UnknownKey, entry.key_at, message);
    match nearest(&entry.key, keys) {
        Some(key) => finding.hint(format!("did you mean `{key}`?")),
        None => finding.hint(format!("known here: {}", list(keys))),
    }
}

impl<'a> Item<'a> {
    /// The whole document as an item.
    pub fn root(node: &'a Node, name: &'a str, report: &'a Report) -> Self {
        Self { node, name, key_at: node.at.start(), report }
    }
    pub fn at(&self) -> Span {
        self.node.at
    }
    /// Reports a finding about this value.
    pub fn wrong<T>(&self, code: Code, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        let at = if matches!(self.node.value, Value::Nothing) { self.key_at } else { self.shown_at() };
        self.report.push(Diagnostic::new(code, at, message).hint(hint));
        None
    }
    /// As [`Item::wrong`], for a value that may be a secret: it is masked wherever it is shown.
    pub fn wrong_and_hidden<T>(&self, code: Code, message: &str, hint: &str) -> Option<T> {
        let finding = Diagnostic::new(code, self.at(), message).hint(hint);
        self.report.push(if self.node.kind() == "a single value" { finding.hidden() } else { finding });
        None
    }
    /// A mapping or list over several lines is pointed at by its key.
    fn shown_at(&self) -> Span {
        match self.node.value {
            Value::Mapping(_) | Value::Sequence(_) => self.key_at,
            _ => self.node.at,
        }
    }
    fn wrong_type<T>(&self, want: &str, hint: &str) -> Option<T> {
        let name = quoted_or_plain(self.name);
        if matches!(self.node.value, Value::Nothing) {
            return self.wrong(Code::EmptyValue, format!("{name} has no value; {want} is wanted"), hint);
        }
        self.wrong(Code::WrongType, format!("{name} wants {want}, this is {}", self.node.kind()), hint)
    }
    /// A single value, however it is written.
    pub fn scalar(&self, want: &str, hint: &str) -> Option<&'a Scalar> {
        match &self.node.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => self.wrong_type(want, hint),
        }
    }
    /// A mapping with these keys.
    pub fn fields(&self, keys: &[&'static str]) -> Option<Fields<'a>> {
        let entries = match &self.node.value {
            Value::Mapping(entries) => entries,
            _ => return self.wrong_type("a mapping", &format!("known keys: {}", list(keys))),
        };
        let fields =
            Fields { entries, keys: keys.to_vec(), at: self.key_at, name: self.name, report: self.report };
        fields.check_keys();
        Some(fields)
    }
    /// The entries of a mapping whose keys are names of the author's choice.
    pub fn named(&self, want: &str) -> Option<&'a [Entry]> {
        match &self.node.value {
            Value::Mapping(entries) if !entries.is_empty() => Some(entries),
            Value::Mapping(_) => self.wrong(Code::EmptyValue, format!("`{}` is empty", self.name), want),
            _ => self.wrong_type("a mapping", want),
        }
    }
    /// The entries of a list that has some.
    pub fn list(&self, hint: &str) -> Option<Vec<Item<'a>>> {
        let nodes = match &self.node.value {
            Value::Sequence(nodes) => nodes,
            _ => return self.wrong_type("a list", hint),
        };
        if nodes.is_empty() {
            return self.wrong(Code::EmptyValue, format!("`{}` is an empty list", self.name), hint);
        }
        let item = |node: &'a Node| Item { node, key_at: node.at.start(), ..*self };
        Some(nodes.iter().map(item).collect())
    }
    pub fn with<T>(&self, value: T) -> At<T> {
        At { value, at: self.at() }
    }
}

fn is_word(key: &str) -> bool {
    (1..=32).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// `key` in back ticks; a phrase ("a target") as it is.
fn quoted_or_plain(name: &str) -> String {
    if name.contains(' ') { name.to_owned() } else { format!("`{name}`") }
}

/// Words as `a`, `b`, `c`.
pub fn list(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

/// The word that was probably meant: at most two edits away, or three for long ones.
pub fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let word: String = word.chars().take(40).collect::<String>().to_lowercase().replace('-', "_");
    let allowed = |k: &str| {
        if k.len() > 8 {
            3
        } else if k.len() > 3 {
            2
        } else {
            1
        }
    };
    let near = known.iter().map(|k| (edits(&word, k), *k)).filter(|(n, k)| *n <= allowed(k));
    near.min().map(|(_, k)| k)
}

/// Edits between two words: insert, delete, replace, swap two neighbours.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_has_its_neighbour() {
        let known = ["hint", "key_id", "publish", "confirmed_by"];
        assert_eq!(nearest("hnit", &known), Some("hint"));
        assert_eq!(nearest("Key-ID", &known), Some("key_id"));
        assert_eq!(nearest("confirmedby", &known), Some("confirmed_by"));
        assert_eq!(nearest("colour", &known), None);
    }
}

//! A YAML document as a tree in which everything knows its place. Scalars keep their text as it
//! was written, so that a hint `007` or `1e5` stays what it is.

use super::diagnostic::Span;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub at: Span,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Nothing,
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// Text, a number, a boolean: YAML tells them apart by looks, and so does whoever asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub text: String,
    /// Written without quotes: only then can it be a number or a boolean.
    pub plain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub key_at: Span,
    pub value: Node,
}

impl Node {
    /// What the node is, for "found a list".
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Nothing => "nothing",
            Value::Scalar(_) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|e| e.key == key)
    }
}

impl Entry {
    /// The key as a node, for keys that are names of the author's choice.
    pub fn key_node(&self) -> Node {
        let scalar = Scalar { text: self.key.clone(), plain: true };
        Node { at: self.key_at, value: Value::Scalar(scalar) }
    }
}

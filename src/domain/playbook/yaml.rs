//! YAML into a [`Node`] tree. The only file that knows the parser (`docs/adr/0002`).
//!
//! Taken is the plain part of YAML 1.2: one document of mappings, lists and scalars. Refused are
//! anchors, aliases, merge keys, tags, directives, keys that are not text, the same key twice,
//! and whatever exceeds the limits below.

use super::diagnostic::{Code, Diagnostic, Report, Span, small};
use super::node::{Entry, Node, Scalar, Value};
use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, StrInput};
use std::collections::BTreeMap;

/// A playbook has at most this many bytes.
pub const SIZE_MAX: usize = 32 << 20;
/// Values, counted one by one; the size limit allows a few per line.
const NODES_MAX: usize = 4_000_000;
const DEPTH_MAX: usize = 32;

/// Reads one document. `None` if there is none; what is wrong goes to `report`.
pub(super) fn read(text: &str, report: &Report) -> Option<Node> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { parser, report, nodes: 0, last: Span::default() };
    match reader.stream() {
        Ok(node) => node,
        Err(Stop::Reported) => None,
        Err(Stop::Scan(e)) => {
            report.push(syntax_error(&e, text));
            None
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    report: &'a Report,
    nodes: usize,
    last: Span,
}

/// Why reading ended early.
enum Stop {
    Scan(Box<ScanError>),
    /// The reason is in the report already.
    Reported,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next() {
            Some(Ok((event, span))) => {
                self.last = place(span.start, span.end);
                Ok((event, self.last))
            }
            Some(Err(e)) => Err(Stop::Scan(Box::new(e))),
            None => Ok((Event::StreamEnd, self.last)),
        }
    }

    fn refuse<T>(&self, finding: Diagnostic) -> Result<T, Stop> {
        self.report.push(finding);
        Err(Stop::Reported)
    }

    fn stream(&mut self) -> Result<Option<Node>, Stop> {
        let mut first = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(first),
                Event::DocumentStart(..) if first.is_some() => {
                    let finding = Diagnostic::new(Code::TwoDocuments, at, "a second document begins here");
                    return self.refuse(finding.hint(format!(
                        "a {} is one document: put each into its own file",
                        self.report.language.name
                    )));
                }
                Event::DocumentStart(..) => {
                    let (event, at) = self.next()?;
                    first = Some(self.node(event, at, 0)?);
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, at: Span, depth: usize) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > NODES_MAX || depth > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} levels or {NODES_MAX} values");
            let hint = format!("split the {}", self.report.language.name);
            return self.refuse(Diagnostic::new(Code::Budget, at, message).hint(hint));
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(_, anchor, tag)
            | Event::MappingStart(_, anchor, tag) => (*anchor, tag.is_some()),
            Event::Alias(_) | Event::UnresolvedAlias(_) => (1, false),
            _ => (0, false),
        };
        if anchor != 0 {
            let finding = Diagnostic::new(Code::Alias, at, "anchors (`&x`) and aliases (`*x`) are not taken");
            return self.refuse(finding.hint("write the value out; quote it if it begins with & or *"));
        }
        if tag {
            let finding = Diagnostic::new(Code::Tag, at, "tags (`!x`) are not taken");
            return self.refuse(finding.hint("remove the tag; quote the value if it begins with !"));
        }
        let value = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => self.sequence(depth)?,
            Event::MappingStart(..) => self.mapping(depth)?,
            _ => Value::Nothing,
        };
        Ok(Node { at, value })
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(items)),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Mapping(entries));
            }
            let key = self.node(event, at, depth + 1)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            let Value::Scalar(Scalar { text, .. }) = key.value else {
                let finding = Diagnostic::new(Code::WrongType, key.at, "a key must be a plain word");
                self.report.push(finding.hint("look for a stray `?`, `{` or `:` here"));
                continue;
            };
            if text == "<<" {
                let finding = Diagnostic::new(Code::Alias, key.at, "merge keys (`<<`) are not taken");
                self.report.push(finding.hint("write the keys out"));
                continue;
            }
            if let Some(first) = seen.get(&text) {
                let finding = Diagnostic::new(Code::DuplicateKey, key.at, "this key stands here twice");
                let finding = finding.also(*first, "first here");
                self.report.push(finding.hint("keep one of the two"));
                continue;
            }
            seen.insert(text.clone(), key.at);
            entries.push(Entry { key: text, key_at: key.at, value });
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let plain = matches!(style, ScalarStyle::Plain);
    match text {
        "" | "~" | "null" | "Null" | "NULL" if plain => Value::Nothing,
        _ => Value::Scalar(Scalar { text: text.to_owned(), plain }),
    }
}

fn place(start: Marker, end: Marker) -> Span {
    let offset = start.byte_offset().unwrap_or(0);
    let len = end.byte_offset().unwrap_or(offset).saturating_sub(offset);
    Span { offset, len, line: small(start.line()), column: small(start.col() + 1) }
}

/// The parser's error in words that say what to do.
fn syntax_error(e: &ScanError, text: &str) -> Diagnostic {
    let mut at = place(*e.marker(), *e.marker());
    let (code, message, hint) = match e.kind() {
        ErrorKind::TabInIndentation
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar => {
            at = next_tab(text, at.offset).unwrap_or(at);
            (Code::Syntax, "a tab where YAML wants spaces", "indent with spaces only")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            (Code::Syntax, "a quotation mark is never closed", "close it, on the same line if you can")
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            (Code::Syntax, "a `{` or `[` is never closed", "close it with `}` or `]`")
        }
        ErrorKind::MismatchedFlowCollectionEnd { .. } | ErrorKind::MisplacedFlowCollectionEnd => (
            Code::Syntax,
            "a bracket closes what was not opened",
            "count `{ }` and `[ ]` on this line and above",
        ),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => (
            Code::Syntax,
            "a comma or a closing bracket is missing",
            "separate the parts inside `{ }` and `[ ]` with commas",
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            Code::Syntax,
            "this line does not fit as `key: value`",
            "a `:` with a space after it inside text needs quotes around the text; check the line above too",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::MappingKeyNotAllowed => (
            Code::Syntax,
            "the indentation does not fit",
            "keys of one mapping, and dashes of one list, stand in one column",
        ),
        ErrorKind::RecursionLimitExceeded => {
            (Code::Budget, "nested too deeply", "such a file never needs more than a few levels")
        }
        ErrorKind::DirectiveDisallowed => (Code::Tag, "directives (`%`) are not taken", "remove the line"),
        ErrorKind::UnexpectedCharacter { .. } => {
            (Code::Syntax, "this character cannot stand here", "put the text into quotes")
        }
        _ => (
            Code::Syntax,
            "this is not YAML",
            "check quotes, brackets and indentation, here and on the line above",
        ),
    };
    Diagnostic::new(code, at, message).hint(hint)
}

/// The tab itself: the parser reports where the value began that it interrupts.
fn next_tab(text: &str, from: usize) -> Option<Span> {
    let tab = text.get(from..)?.find('\t')?;
    Some(Span::locate(text, from + tab, 1))
}

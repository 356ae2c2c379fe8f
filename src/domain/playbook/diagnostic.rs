//! What is wrong with a playbook, and where. A reading collects all of it, not only the first.
//!
//! No finding ever repeats a value from the file, and [`Diagnostics`] keeps the text only after
//! it went through [`super::mask`]: a secret that somebody pasted cannot reach a terminal or a
//! log from here.

use super::mask::Mask;
use std::cell::RefCell;
use std::fmt;

/// A place in the file. Lines and columns count from 1, columns in characters; offset and length
/// count bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub offset: usize,
    pub len: usize,
    pub line: u32,
    pub column: u32,
}

impl Span {
    /// The place of `len` bytes at byte `offset` of `text`; for the few findings that do not come
    /// from the parser.
    pub fn locate(text: &str, offset: usize, len: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { offset, len, line: small(line), column: small(column) }
    }
    /// The same place, one character long.
    pub fn start(self) -> Self {
        Self { len: self.len.min(1), ..self }
    }
}

pub(super) fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub at: Span,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $id:literal)*) => {
        /// The stable code of a finding: `reissue explain CODE` tells more.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];
            pub fn id(self) -> &'static str {
                match self { $(Code::$variant => $id,)* }
            }
        }
    };
}

codes! {
    /// The bytes are not UTF-8.
    NotUtf8 "PB001"
    /// Larger than a playbook may be.
    TooLarge "PB002"
    /// Not YAML.
    Syntax "PB003"
    /// More than one YAML document.
    TwoDocuments "PB004"
    /// Anchors, aliases and merge keys are not taken.
    Alias "PB005"
    /// Tags and directives are not taken.
    Tag "PB006"
    /// Nested too deeply, or too many values.
    Budget "PB007"
    /// Nothing in it.
    Empty "PB008"
    /// The same key twice in one mapping.
    DuplicateKey "PB009"
    /// A character that does not print or that reverses text.
    Hostile "PB010"
    UnknownKey "PB011"
    MissingKey "PB012"
    /// A list where text was wanted, and the like.
    WrongType "PB013"
    /// An empty list, mapping or text.
    EmptyValue "PB014"
    /// Exactly one of several keys is wanted.
    OneOf "PB015"
    /// Another version of the playbook language.
    Version "PB016"
    /// Not a GUID.
    NotAnId "PB020"
    NotATime "PB021"
    NotASpan "PB022"
    /// Not a number, or out of range.
    NotANumber "PB023"
    /// Not one of the words that are allowed here.
    NotAWord "PB024"
    /// Neither `true` nor `false`.
    NotABoolean "PB025"
    /// Too long.
    TooLong "PB026"
    /// A name with characters that do not belong into it.
    BadName "PB027"
    /// Not a key vault of the tenant's cloud.
    VaultHost "PB028"
    /// Neither a count nor a percentage.
    NotALimit "PB029"
    /// Not the three characters that Entra publishes of a secret.
    NotAHint "PB030"
    NotAThumbprint "PB031"
    NotAUser "PB032"
    /// A target says neither what nor whom it is about.
    NoSubject "PB040"
    TwoSubjects "PB041"
    NoAction "PB042"
    TwoActions "PB043"
    /// The action exists, but not for this subject.
    WrongSubject "PB044"
    DuplicateTarget "PB045"
    /// Targets that cannot both be carried out.
    Contradiction "PB046"
    UnknownStore "PB047"
    /// Two targets write to the same name.
    SamePlace "PB048"
    HoldTooLong "PB049"
    /// A key that only a rotation has.
    OnlyRotations "PB050"
    /// The same name twice in a list.
    DuplicateName "PB051"
    /// A target that is also protected.
    Protected "PB052"
    /// A secret, or what looks like one, stands in the file.
    SecretInside "PB060"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub at: Span,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// A second place that belongs to it, with a word on what is there.
    pub also: Option<At<String>>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The value at this place may be a secret and is not shown.
    pub hidden: bool,
}

impl Diagnostic {
    pub fn new(code: Code, at: Span, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), also: None, hint: None, hidden: false }
    }
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    pub fn also(mut self, at: Span, what: impl Into<String>) -> Self {
        self.also = Some(At { value: what.into(), at });
        self
    }
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }
}

/// What kind of file is read, in the words of its findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language {
    /// `playbook`.
    pub name: &'static str,
    pub size_max: usize,
    /// How to begin one.
    pub example: &'static str,
    /// What to do with one that is too large.
    pub too_large: &'static str,
    /// What to write in place of a secret.
    pub instead: &'static str,
    /// The same, of such files in general.
    pub instead_in_a_sentence: &'static str,
    /// What is taken for one by mistake and is no text.
    pub instead_of_bytes: &'static str,
}

/// Collects findings during one reading.
#[derive(Debug)]
pub struct Report {
    found: RefCell<Vec<Diagnostic>>,
    pub language: &'static Language,
}

impl Report {
    /// A file with more mistakes than this is not read to its end by anybody.
    const MOST: usize = 200;

    pub fn new(language: &'static Language) -> Self {
        Self { found: RefCell::default(), language }
    }

    pub fn push(&self, finding: Diagnostic) {
        let mut found = self.found.borrow_mut();
        if found.len() < Self::MOST {
            found.push(finding);
        }
    }
    /// `value` if nothing was found, otherwise all findings about `text`.
    pub fn conclude<T>(self, text: &str, value: Option<T>) -> Result<T, Diagnostics> {
        let found = self.found.into_inner();
        match value {
            Some(value) if found.is_empty() => Ok(value),
            _ => Err(Diagnostics::new(text, found)),
        }
    }
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }
}

/// Everything that is wrong with one playbook, in the order of the file, with its text masked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file has {} mistake{}", found.len(), if found.len() == 1 { "" } else { "s" })]
pub struct Diagnostics {
    text: String,
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn new(text: &str, mut found: Vec<Diagnostic>) -> Self {
        found.sort_by_key(|d| (d.at, d.code));
        found.dedup();
        let hidden = found.iter().filter(|d| d.hidden).map(|d| d.at.offset..d.at.offset + d.at.len);
        let mask = Mask::of(text, hidden);
        for finding in &mut found {
            finding.at = mask.place(finding.at);
            if let Some(also) = &mut finding.also {
                also.at = mask.place(also.at);
            }
        }
        Self { text: mask.into_text(), found }
    }
    pub fn one(text: &str, finding: Diagnostic) -> Self {
        Self::new(text, vec![finding])
    }
    /// The file's text with whatever looks like a secret replaced; the places of the findings
    /// are places in this text.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Never empty.
    pub fn found(&self) -> &[Diagnostic] {
        &self.found
    }
}

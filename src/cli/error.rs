//! Failures as people and programs read them: what happened, where, what state the world is in,
//! what to do next, and a code that `reissue explain` knows.

use super::codes::ErrorCode;
use super::human::{Output, Style};
use crate::domain::playbook::{Diagnostic, Diagnostics, Span};
use crate::domain::text::Text;
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, ThemeCharacters, ThemeStyles,
};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Nothing was written anywhere when this happened.
pub const NOTHING_CHANGED: &str = "nothing was changed";

/// Why a command could not do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    pub code: ErrorCode,
    pub what: String,
    /// A file, a target, an address.
    pub place: Option<Text<300>>,
    pub state: String,
    pub next: String,
    /// The findings, if a playbook is why.
    pub findings: Option<Box<Diagnostics>>,
}

impl Failure {
    /// A failure before any effect.
    pub fn new(code: ErrorCode, what: impl Into<String>, next: impl Into<String>) -> Self {
        let (what, next) = (what.into(), next.into());
        Self { code, what, place: None, state: NOTHING_CHANGED.into(), next, findings: None }
    }
    pub fn at(mut self, place: impl AsRef<Path>) -> Self {
        self.place = Some(Text::lossy(&place.as_ref().to_string_lossy()));
        self
    }
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = state.into();
        self
    }
    /// A playbook with mistakes.
    pub fn unsound(file: &Path, findings: Diagnostics) -> Self {
        let what = format!("{} in the playbook", mistakes(&findings));
        let again = super::status::quote(&file.display().to_string());
        let next = format!("correct the file and run `reissue check {again}` again");
        Self { findings: Some(Box::new(findings)), ..Self::new(super::codes::UNSOUND, what, next).at(file) }
    }
    /// A fleet file with mistakes.
    pub fn unsound_fleet(file: &Path, findings: Diagnostics) -> Self {
        let what = format!("{} in the fleet file", mistakes(&findings));
        let next =
            "correct the file and run the command again; `reissue schema --fleet` describes it for editors";
        Self { findings: Some(Box::new(findings)), ..Self::new(super::codes::FLEET, what, next).at(file) }
    }
    /// A quota file with mistakes.
    pub fn unsound_quotas(file: &Path, findings: Diagnostics) -> Self {
        let what = format!("{} in the quota file; nothing was sent", mistakes(&findings));
        let next =
            "correct the file and run the command again; `reissue schema --quotas` describes it for editors";
        Self { findings: Some(Box::new(findings)), ..Self::new(super::codes::QUOTAS, what, next).at(file) }
    }
}

fn mistakes(findings: &Diagnostics) -> String {
    crate::domain::text::count(findings.found().len(), "mistake", "mistakes")
}

/// More findings than this are counted, not shown.
const SHOWN_MOST: usize = 50;

/// Prints a failure: to stderr for people, as objects on stdout for programs.
pub fn show(failure: &Failure, out: &mut Output) {
    let next = out.complete(&failure.next);
    if out.is_json() {
        return show_objects(failure, &next, out);
    }
    let style = out.stderr_style;
    let place = failure.place.as_deref().unwrap_or_default();
    if let Some(findings) = &failure.findings {
        let source = NamedSource::new(place, findings.text().to_owned());
        for finding in findings.found().iter().take(SHOWN_MOST) {
            let text = render(&Finding { finding, source: &source }, style);
            out.notice(&text);
            out.notice("\n");
        }
        let more = findings.found().len().saturating_sub(SHOWN_MOST);
        if more > 0 {
            out.notice(&format!("and {more} more\n\n"));
        }
    }
    let (red, bold, reset) = if style.colour { ("\x1b[31;1m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
    let Failure { code, what, place, state, next: _, findings } = failure;
    let code = if findings.is_some() { String::new() } else { format!(" {code}") };
    let mut text = format!("{red}error{code}{reset}: {bold}{what}{reset}\n");
    if let Some(place) = place {
        text += &format!("  where: {place}\n");
    }
    text += &format!("  state: {state}\n  next:  {next}\n");
    out.notice(&text);
}

/// One finding as the JSON stream has it.
#[derive(Serialize)]
struct FindingObject<'a> {
    code: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    also: Option<AlsoObject<'a>>,
}

#[derive(Serialize)]
struct AlsoObject<'a> {
    line: u32,
    column: u32,
    what: &'a str,
}

#[derive(Serialize)]
struct FailureObject<'a> {
    code: &'a str,
    exit: u8,
    what: &'a str,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    state: &'a str,
    next: &'a str,
}

fn show_objects(failure: &Failure, next: &str, out: &mut Output) {
    let Failure { code, what, place, state, next: _, findings } = failure;
    let file = place.as_deref().unwrap_or_default();
    for finding in findings.iter().flat_map(|f| f.found()) {
        let Diagnostic { code, at, message, also, hint, hidden: _ } = finding;
        let also = also.as_ref().map(|a| AlsoObject { line: a.at.line, column: a.at.column, what: &a.value });
        let object = FindingObject {
            code: code.id(),
            file,
            line: at.line,
            column: at.column,
            message,
            hint: hint.as_deref(),
            also,
        };
        out.object("finding", &object);
    }
    let place = place.as_deref();
    out.object(
        "failure",
        &FailureObject { code: code.id(), exit: code.exit().number(), what, place, state, next },
    );
}

fn render(finding: &Finding<'_>, style: Style) -> String {
    let theme = GraphicalTheme {
        characters: if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if style.colour { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width)
        .with_context_lines(1)
        .with_links(false)
        .without_syntax_highlighting();
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = handler.render_report(&mut text, finding);
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A finding as miette wants it.
#[derive(Debug)]
struct Finding<'a> {
    finding: &'a Diagnostic,
    source: &'a NamedSource<String>,
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { code, at, message, .. } = self.finding;
        if self.has_room() {
            return write!(f, "{code}: {message}");
        }
        write!(f, "{code}: {message}, at {}:{}:{}", self.source.name(), at.line, at.column)
    }
}

impl std::error::Error for Finding<'_> {}

impl miette::Diagnostic for Finding<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.finding.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.has_room().then_some(self.source as &dyn miette::SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Diagnostic { at, also, .. } = self.finding;
        let span = |at: Span| (at.offset, one_line(self.source, at));
        let also = also.iter().map(move |a| LabeledSpan::new_with_span(Some(a.value.clone()), span(a.at)));
        // A word is only needed to tell two places apart.
        let word = self.finding.also.as_ref().map(|_| "here".to_owned());
        let main = LabeledSpan::new_primary_with_span(word, span(*at));
        Some(Box::new(std::iter::once(main).chain(also)))
    }
}

/// Longer lines are named, not shown.
const LINE_MAX: usize = 300;

impl Finding<'_> {
    /// Whether the lines around the place are short enough to be shown.
    fn has_room(&self) -> bool {
        let Diagnostic { at, also, .. } = self.finding;
        let places = std::iter::once(*at).chain(also.iter().map(|a| a.at));
        places.into_iter().all(|place| {
            let first = (place.line as usize).saturating_sub(2);
            self.source.inner().lines().skip(first).take(3).all(|line| line.len() <= LINE_MAX)
        })
    }
}

/// The part of a place that is on its first line, so that a snippet stays short.
fn one_line(source: &NamedSource<String>, at: Span) -> usize {
    let text = source.inner().get(at.offset..at.offset + at.len).unwrap_or_default();
    text.lines().next().map_or(0, str::len)
}

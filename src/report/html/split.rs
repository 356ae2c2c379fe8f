//! The report of a large run in several files: the page that is read first, and beside it the targets
//! and the events, so many to a file. A browser does not open a page of a hundred megabytes.
//!
//! Links are relative, in both directions. The first page says the SHA-256 of every further one, so
//! that whoever keeps the digest of the first has all of them.

use super::{chart, document, integrity, sections, target};
use crate::domain::id::{Digest, TargetId};
use crate::report::Model;
use crate::report::model::{EventRow, ExceptedReport, TargetReport};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Up to which size a report is one page, and how large the parts of a larger one are.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    /// A run of more targets than these is told in several files.
    pub above: usize,
    /// Targets to a file.
    pub targets: usize,
    /// Lines of the log to a file.
    pub lines: usize,
    /// Credentials that the first page draws.
    pub bars: usize,
    /// Rows of any one table of the first page; a longer one has a file of its own.
    pub rows: usize,
}

impl Split {
    /// A target takes about 16 KiB of a page (`docs/benchmarks.md`): one page of at most 8 MiB, further
    /// files of about 1 MiB, a first page of less than 2 MiB.
    pub const STANDARD: Self = Self { above: 500, targets: 100, lines: 2_000, bars: 100, rows: 500 };
}

/// Where a line or a target is found.
pub(super) enum Links {
    /// On the same page.
    Here,
    Files {
        /// What the names of all files begin with, as it stands in a link.
        stem: String,
        /// The file of each target, from 1.
        targets: BTreeMap<TargetId, usize>,
        /// The first line of each file of events.
        lines: Vec<u64>,
    },
}

impl Links {
    fn of(model: &Model, name: &OsStr, split: &Split) -> Self {
        let entries = entries(model);
        let files = entries.chunks(split.targets.max(1)).zip(1..);
        let lines = model.events.chunks(split.lines.max(1)).filter_map(|rows| rows.first());
        Self::Files {
            stem: escaped(stem(name)),
            targets: files.flat_map(|(all, file)| all.iter().map(move |e| (e.id(), file))).collect(),
            lines: lines.map(|row| row.seq).collect(),
        }
    }

    pub(super) fn line(&self, seq: u64) -> String {
        match self {
            Self::Here => format!("#line-{seq}"),
            Self::Files { stem, lines, .. } => {
                let file = lines.partition_point(|first| *first <= seq).max(1);
                format!("{stem}{}#line-{seq}", ending(EVENTS, file))
            }
        }
    }

    /// A target's name, as a link if the target is told in another file.
    pub(super) fn target(&self, id: TargetId, text: &Markup) -> Markup {
        match self {
            Self::Files { stem, targets, .. } if targets.contains_key(&id) => {
                let file = targets.get(&id).copied().unwrap_or(1);
                html! { a href=(format!("{stem}{}#target-{id}", ending(CREDENTIALS, file))) { (text) } }
            }
            Self::Here | Self::Files { .. } => text.clone(),
        }
    }
}

// The sorts of further files: each is the id of the section of the first page that tells of them.
const CREDENTIALS: &str = "credentials";
const EVENTS: &str = "events";
const EXPOSURE: &str = "exposure";
const OPEN: &str = "open";
const STATUS: &str = "status";
const TROUBLES: &str = "troubles";

/// How much of a table stands on this page, and the files that have the whole of it.
#[derive(Clone, Copy)]
pub(super) struct Cut<'a> {
    rows: usize,
    files: &'a [Further],
}

impl<'a> Cut<'a> {
    /// Everything is on this page.
    pub(super) const NONE: Self = Self { rows: usize::MAX, files: &[] };

    /// How many of so many rows stand here.
    pub(super) fn rows(&self, of: usize) -> usize {
        of.min(self.rows)
    }

    /// The rows that stand here.
    pub(super) fn here<'t, T>(&self, rows: &'t [T]) -> &'t [T] {
        &rows[..rows.len().min(self.rows)]
    }

    /// Where the others are.
    pub(super) fn more(&self, what: &str, of: usize) -> Markup {
        html! {
            @if of > self.rows {
                p { "Here are " (self.rows) " of " (of) " rows. All of them are in the files that lie beside this page:" }
                (files(&format!("{what}: all {of} rows"), self.files))
            }
        }
    }
}

/// Tables that are too long for the first page, each with its own files.
struct Long {
    exposure: Vec<Further>,
    open: Vec<Further>,
    status: Vec<Further>,
    troubles: Vec<Further>,
}

impl Long {
    fn of(binder: &mut Binder<'_>, links: &Links) -> Self {
        let model = binder.model;
        let (leaked, left) = (chart::rows(model), sections::left(model));
        Self {
            exposure: binder.cut(EXPOSURE, &leaked, |rows| chart::table(rows, links)),
            open: binder.cut(OPEN, &model.open, |rows| sections::open_table(rows, links)),
            status: binder.cut(STATUS, &left, |rows| sections::left_table(rows, links)),
            troubles: binder.cut(TROUBLES, &model.troubles, |rows| sections::trouble_table(rows, links)),
        }
    }
}

/// Hands out files as they are made, and keeps what the first page tells of them.
struct Binder<'a> {
    model: &'a Model,
    name: &'a OsStr,
    split: &'a Split,
    take: &'a mut dyn FnMut(OsString, String),
}

impl Binder<'_> {
    /// The files of a table that is too long for the first page; none of one that is not.
    fn cut<T>(&mut self, sort: &str, rows: &[T], table: impl Fn(&[T]) -> Markup) -> Vec<Further> {
        if rows.len() <= self.split.rows {
            return Vec::new();
        }
        let (size, mut from) = (self.split.lines.max(1), 1);
        let parts: Vec<_> = rows.chunks(size).collect();
        let one = |(file, part): (usize, &&[T])| {
            let what = format!("Rows {from} to {}", from + part.len() - 1);
            from += part.len();
            self.further((sort, file, parts.len()), what, &table(part))
        };
        (1..).zip(&parts).map(one).collect()
    }

    /// A further file: where it belongs, the way back and to its neighbours, and its part.
    fn further(&mut self, (sort, file, of): (&str, usize, usize), what: String, body: &Markup) -> Further {
        let Self { model, name, .. } = self;
        let link = |n: usize| format!("{}{}", escaped(stem(name)), ending(sort, n));
        let title = format!("{} – report of run {}: {}", model.head.incident, model.head.run, what);
        let page = html! {
            header {
                p class="kicker" {
                    "Credential response report · " (model.head.incident) " · run " span class="mono" { (model.head.run) }
                    " · file " (file) " of " (of)
                }
                h1 { (what) }
                (sections::rehearsal(model))
            }
            nav aria-label="Files" {
                ul {
                    li { a href=(format!("{}#{sort}", escaped(name))) { "The whole report" } }
                    @if file > 1 { li { a href=(link(file - 1)) { "Before" } } }
                    @if file < of { li { a href=(link(file + 1)) { "Next" } } }
                }
            }
            main { section aria-label=(what) { h2 { (heading(sort)) } (body) } }
            (super::footer(model))
        };
        let text = document(&title, &page);
        let mut own = stem(name).to_owned();
        own.push(ending(sort, file));
        let further =
            Further { link: link(file), what, bytes: text.len(), sha256: Digest::of(text.as_bytes()).hex() };
        (self.take)(own, text);
        further
    }
}

/// What a further file's name ends with.
fn ending(sort: &str, file: usize) -> String {
    format!("-{sort}-{file:04}.html")
}

fn stem(name: &OsStr) -> &OsStr {
    Path::new(name).file_stem().unwrap_or(name)
}

/// A file's name as a relative link: no letter of it means anything to a browser.
fn escaped(name: &OsStr) -> String {
    let one = |b: &u8| match *b {
        b if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    name.as_encoded_bytes().iter().map(one).collect()
}

/// Either is told in a file of targets.
enum Entry<'a> {
    Changed(&'a TargetReport),
    Excepted(&'a ExceptedReport),
}

impl Entry<'_> {
    fn id(&self) -> TargetId {
        match self {
            Self::Changed(target) => target.id,
            Self::Excepted(target) => target.id,
        }
    }
}

fn entries(model: &Model) -> Vec<Entry<'_>> {
    let changed = model.targets.iter().map(Entry::Changed);
    changed.chain(model.excepted.iter().map(Entry::Excepted)).collect()
}

/// A file beside the first page, and how that page tells of it.
pub(super) struct Further {
    link: String,
    what: String,
    bytes: usize,
    sha256: String,
}

/// The report under this file name, if the run is so large: the files beside the first page, then that page.
pub(super) fn pages(model: &Model, name: &OsStr, split: &Split, take: &mut dyn FnMut(OsString, String)) {
    let links = Links::of(model, name, split);
    let mut binder = Binder { model, name, split, take };
    let entries = entries(model);
    let parts: Vec<_> = entries.chunks(split.targets.max(1)).collect();
    let targets = (1..).zip(&parts).map(|(file, part)| {
        let body = html! {
            @for entry in *part {
                @match entry {
                    Entry::Changed(target) => (target::section(target, &links)),
                    Entry::Excepted(target) => (sections::left_alone(target)),
                }
            }
        };
        let what = span("Targets", part.iter().map(Entry::id));
        binder.further((CREDENTIALS, file, parts.len()), what, &body)
    });
    let targets: Vec<_> = targets.collect();
    let parts: Vec<_> = model.events.chunks(split.lines.max(1)).collect();
    let events = (1..).zip(&parts).map(|(file, part)| {
        let what = span("Lines", part.iter().map(|row: &EventRow| row.seq));
        binder.further((EVENTS, file, parts.len()), what, &sections::event_table(part))
    });
    let events: Vec<_> = events.collect();
    let long = Long::of(&mut binder, &links);
    take(name.to_owned(), first(model, &links, split, (&targets, &events, &long)));
}

/// `Targets t1 to t100`.
fn span<T: ToString>(what: &str, mut all: impl Iterator<Item = T>) -> String {
    let first = all.next().map(|t| t.to_string()).unwrap_or_default();
    match all.last() {
        Some(last) => format!("{what} {first} to {}", last.to_string()),
        None => format!("{what} {first}"),
    }
}

fn first(
    model: &Model,
    links: &Links,
    split: &Split,
    (targets, events, long): (&[Further], &[Further], &Long),
) -> String {
    let cut = |files| Cut { rows: split.rows, files };
    let Long { exposure, open, status, troubles } = long;
    let title = format!("{} – report of run {}", model.head.incident, model.head.run);
    let body = html! {
        (sections::head(model))
        (sections::contents())
        main {
            (sections::summary(model))
            (chart::overview(model, links, Some(split.bars), &cut(exposure)))
            (sections::open(model, links, &cut(open)))
            (sections::status(model, links, &cut(status)))
            section id="credentials" {
                h2 { "Each target" }
                (beside("What leaked, what replaced it, plan beside actual: target by target", targets))
            }
            (sections::approvals(model, links))
            (sections::troubles(model, links, &cut(troubles)))
            (integrity::section(model))
            section id="events" {
                h2 { "All events" }
                (beside("Every line of the log, each with the hash that is its leaf of the tree", events))
            }
            (integrity::files(model))
        }
        (super::footer(model))
    };
    document(&title, &body)
}

/// The table of further files.
fn beside(caption: &str, files: &[Further]) -> Markup {
    html! {
        p { "The run is large: these files lie beside this page, and are moved and kept together with it." }
        (self::files(caption, files))
    }
}

fn files(caption: &str, files: &[Further]) -> Markup {
    html! {
        table {
            caption { (caption) }
            thead { tr { th scope="col" { "File" } th scope="col" class="n" { "Bytes" } th scope="col" { "SHA-256" } } }
            tbody {
                @for f in files {
                    tr {
                        th scope="row" { a href=(f.link) { (f.what) } }
                        td class="n" { (f.bytes) }
                        td class="mono" { (f.sha256) }
                    }
                }
            }
        }
    }
}

/// What the section of the first page is called.
fn heading(sort: &str) -> &'static str {
    match sort {
        CREDENTIALS => "Each target",
        EXPOSURE => "Exposure of each leaked credential",
        OPEN => "Not done, not known, still open",
        STATUS => "What is left of required actions",
        TROUBLES => "Deviations, failures and what people did by hand",
        _ => "All events",
    }
}

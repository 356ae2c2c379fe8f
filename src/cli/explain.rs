//! `reissue explain CODE`: more about an error code.

use super::codes::{self, Entry};
use super::error::Failure;
use super::{ExitCode, Session};
use crate::domain::event::Event;
use crate::domain::text::Text;
use serde::Serialize;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A code such as PB011; without it, all codes are listed
    code: Option<String>,
}

#[derive(Serialize)]
struct Object {
    code: &'static str,
    exit: u8,
    title: &'static str,
    text: &'static str,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let Some(code) = arguments.code else {
        for entry in codes::all() {
            session.out.line(&format!("{}  {}", entry.id, entry.title));
            session.out.object("code", &object(entry));
        }
        return Ok(ExitCode::Done);
    };
    let unknown = || {
        let what = format!("there is no error code {}", Text::<20>::lossy(&code));
        Failure::new(codes::UNKNOWN_CODE, what, "`reissue explain` lists all codes")
    };
    let Some(entry) = codes::find(&code) else {
        return event(&code, session).ok_or_else(unknown);
    };
    let width = session.out.stdout_style.width.min(90);
    session.out.line(&format!("{}: {} (exit code {})\n", entry.id, entry.title, entry.exit.number()));
    session.out.line(&wrap(entry.text, width));
    session.out.object("code", &object(entry));
    Ok(ExitCode::Done)
}

/// The code of an event: `audit show` prints those.
fn event(code: &str, session: &mut Session) -> Option<ExitCode> {
    let (name, code) = Event::TABLE.iter().find(|(_, c)| c.eq_ignore_ascii_case(code))?;
    session.out.line(&format!("{code}: {name}, an event of the log\n"));
    session.out.line(&format!("`reissue audit show --code {code}` shows each of them, with who and when."));
    session.out.object("event_code", &serde_json::json!({ "code": code, "name": name }));
    Some(ExitCode::Done)
}

fn object(entry: &Entry) -> Object {
    let Entry { id, exit, title, text } = entry;
    Object { code: id, exit: exit.number(), title, text }
}

/// Breaks text into lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            let space = if lines[last].is_empty() { "" } else { " " };
            lines[last] += &format!("{space}{word}");
        }
    }
    lines.join("\n")
}

//! Sizes and headers: what keeps every file readable in one go.

use super::Finding;
use super::source::{Source, closing};

pub(crate) const FILE_MOST: usize = 400;
pub(crate) const FUNCTION_MOST: usize = 60;

/// What was too large when the rule came: path, function (none for the file), lines. It may only
/// shrink; a debt that is paid must be taken off the list.
pub(crate) const DEBTS: [(&str, &str, usize); 0] = [];

fn is_debt(path: &str, function: &str, lines: usize) -> bool {
    DEBTS.iter().any(|(p, f, most)| (*p, *f) == (path, function) && lines <= *most)
}

/// Debts that this file no longer has.
pub(crate) fn paid(source: &Source) -> Vec<&'static str> {
    let functions = functions(&source.code);
    let own = DEBTS.iter().filter(|(path, ..)| *path == source.path);
    let still_owed = |name: &str| match name {
        "" => source.text.lines().count() > FILE_MOST,
        name => functions.iter().any(|(_, f, lines)| *f == name && *lines > FUNCTION_MOST),
    };
    own.filter(|(_, name, _)| !still_owed(name)).map(|(path, ..)| *path).collect()
}

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_MOST && !is_debt(&source.path, "", lines) {
        let what = format!("{lines} lines, at most {FILE_MOST}");
        found.push(Finding::new(source, 0, what, "split it where a reader would take a breath"));
    }
    if !source.text.starts_with("//!") {
        let what = "the file does not begin with `//!`".to_owned();
        found.push(Finding::new(source, 0, what, "every module says what it is for before anything else"));
    }
    for (start, name, lines) in functions(&source.code) {
        if lines > FUNCTION_MOST && !is_debt(&source.path, name, lines) {
            let what = format!("`{name}` has {lines} lines, at most {FUNCTION_MOST}");
            found.push(Finding::new(source, start, what, "name its parts and call them"));
        }
    }
    found
}

/// Every function with a body: where it begins, its name, how many lines it has.
fn functions(code: &str) -> Vec<(usize, &str, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let name = &code[at + 3..];
        let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
        let Some(open) = body(code, at) else { continue };
        let lines = code[at..closing(code, open)].matches('\n').count() + 1;
        found.push((at, &name[..end], lines));
    }
    found
}

/// Where the body's brace is: the first one outside brackets, unless the item ends before.
fn body(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0;
    for (n, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(n),
            b';' if depth == 0 => return None,
            _ => {}
        }
        if depth < 0 {
            return None; // A function type in brackets: `Box<dyn Fn()>`, `fn(&T)`.
        }
    }
    None
}

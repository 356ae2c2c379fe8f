//! A Rust file, read far enough to be judged: its code without comments and strings, and without
//! its tests, each with every line where it was.

use std::path::{Path, PathBuf};

pub(crate) struct Source {
    /// Relative to the package, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Comments and the insides of strings are blank.
    pub(crate) code: String,
    /// Comments are blank, strings are kept.
    pub(crate) uncommented: String,
    /// As `code`, and `#[cfg(test)]` items are blank too.
    pub(crate) product: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text, true);
        let uncommented = blank(text, false);
        let product = if path.ends_with("/tests.rs") { lines_only(&code) } else { without_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, uncommented, product }
    }
    /// The module that the file is, from the crate's root: `src/domain/text.rs` is `domain`, `text`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("src/").and_then(|p| p.strip_suffix(".rs")).unwrap_or_default();
        if matches!(path, "" | "lib" | "main") { Vec::new() } else { path.split('/').collect() }
    }
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.text.get(..offset).map_or(0, |t| t.matches('\n').count()) + 1
    }
}

/// Every Rust file under these folders of the package, sorted.
pub(crate) fn read_all(package: &Path, folders: &[&str]) -> Vec<Source> {
    let mut open: Vec<PathBuf> = folders.iter().map(|f| package.join(f)).collect();
    let mut sources = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|e| e.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(package).unwrap().to_string_lossy().replace('\\', "/");
                sources.push(Source::new(&name, &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Blanks comments and, if asked, what stands between quotation marks. Length and line breaks stay.
fn blank(text: &str, strings: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut hide = |from: usize, to: usize| {
        for byte in &mut out[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let mut at = 0;
    while at < bytes.len() {
        let (end, inside) = match token(bytes, at) {
            Token::Comment(end) => (end, Some((at, end))),
            Token::Text { inner, end } => (end, strings.then_some(inner)),
            Token::Other => (at + 1, None),
        };
        if let Some((from, to)) = inside {
            hide(from, to);
        }
        at = end;
    }
    String::from_utf8(out).unwrap()
}

enum Token {
    Comment(usize),
    Text { inner: (usize, usize), end: usize },
    Other,
}

fn token(bytes: &[u8], at: usize) -> Token {
    let rest = &bytes[at..];
    let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => Token::Comment(at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Token::Comment(block_comment(bytes, at)),
        [b'"', ..] => quoted(bytes, at, b'"'),
        [b'r', b'"' | b'#', ..] if !word_before => raw(bytes, at),
        [b'b', b'r', b'"' | b'#', ..] if !word_before => raw(bytes, at + 1),
        // A lifetime has no closing mark.
        [b'\'', b'\\', ..] => quoted(bytes, at, b'\''),
        [b'\'', first, ..] => {
            let width = if *first < 0x80 { 1 } else { first.leading_ones() as usize };
            match rest.get(1 + width) {
                Some(b'\'') => Token::Text { inner: (at + 1, at + 1 + width), end: at + 2 + width },
                _ => Token::Other,
            }
        }
        _ => Token::Other,
    }
}

fn block_comment(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn quoted(bytes: &[u8], start: usize, mark: u8) -> Token {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != mark {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    let inner_end = at.min(bytes.len());
    Token::Text { inner: (start + 1, inner_end), end: (at + 1).min(bytes.len()) }
}

fn raw(bytes: &[u8], start: usize) -> Token {
    let hashes = bytes[start + 1..].iter().take_while(|b| **b == b'#').count();
    let open = start + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return Token::Other;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inside = &bytes[open + 1..];
    let len = inside.windows(close.len()).position(|w| w == close).unwrap_or(inside.len());
    Token::Text { inner: (open + 1, open + 1 + len), end: (open + 1 + len + close.len()).min(bytes.len()) }
}

/// The offset behind the brace that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (n, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return n + 1;
        }
    }
    code.len()
}

fn lines_only(code: &str) -> String {
    code.chars().filter(|c| *c == '\n').collect()
}

fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let Some(mark) = code[start..].find(['{', ';']).map(|n| start + n) else { continue };
        let end = if code.as_bytes()[mark] == b';' { mark + 1 } else { closing(code, mark) };
        for byte in &mut out[start..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(out).unwrap()
}

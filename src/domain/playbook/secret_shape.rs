//! What secrets look like, so that a playbook that holds one is refused and none is shown.
//!
//! Two nets. [`find`] has a narrow mesh: shapes that are secrets, each with its name; a hit is a
//! finding. [`doubtful`] is wide: long mixed words and whatever follows `password:`; a hit is
//! only masked when a line is shown.
//!
//! Shapes: Entra client secrets have `<digit>Q~` at their fourth character and 37 to 40 characters
//! in all (Microsoft Purview, "Azure AD client secret"; gitleaks, rule `azure-ad-client-secret`);
//! JWTs begin with `eyJ`, the base64url of `{"` (RFC 7519, RFC 4648); Azure storage keys are
//! base64 of 64 bytes.

use super::super::text::is_hostile;
use std::borrow::Cow;
use std::ops::Range;

/// A secret-shaped part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub what: &'static str,
    pub range: Range<usize>,
}

/// Everything in `text` that has the shape of a secret, in order.
pub fn find(text: &str) -> Vec<Shape> {
    let mut found = private_keys(text);
    for range in words(text, |c| c.is_ascii_alphanumeric() || "_~.-+/=".contains(c)) {
        let word = printable(&text[range.clone()]);
        let what = match &*word {
            word if is_entra_secret(word) => "an Entra client secret",
            word if is_jwt(word) => "a token (JWT)",
            word if is_base64_key(word) => "a base64 key",
            _ => continue,
        };
        found.push(Shape { what, range });
    }
    found.extend(assignments(text));
    found.sort_by_key(|s| (s.range.start, s.range.end));
    found
}

/// Whatever is better not shown: wider than [`find`], never a reason to refuse.
pub fn doubtful(text: &str) -> Vec<Range<usize>> {
    let words = words(text, |c| !c.is_whitespace() && !"\"'{}[],`()<>".contains(c));
    let mut found: Vec<_> = words.filter(|w| is_mixed(&printable(&text[w.clone()]))).collect();
    found.extend(after_names(text, &[':', '=']));
    found.extend(quoted(text));
    found
}

/// The text in `"secret": "…"` and its like, to its closing quote: a JSON file of credentials,
/// named by mistake, whose value has a shape of its own.
fn quoted(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('"') {
        let Some((key, rest)) = text[at + 1..].split_once('"') else { continue };
        let key = key.to_ascii_lowercase();
        if !key.ends_with("secret") && !announces_a_secret(&key) {
            continue;
        }
        let Some(value) = rest.trim_start().strip_prefix(':').and_then(|r| r.trim_start().strip_prefix('"'))
        else {
            continue;
        };
        let mut escaped = false;
        let end = value.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let begin = text.len() - value.len();
        found.push(begin..begin + end.unwrap_or(value.len()));
    }
    found
}

/// The ranges of the longest runs of characters that `belongs` accepts. Characters that do not
/// print join the run: text copied from a web page has them in the middle of a secret.
fn words(text: &str, belongs: impl Fn(char) -> bool) -> impl Iterator<Item = Range<usize>> {
    let inside = move |c: char| belongs(c) || (is_hostile(c) && !matches!(c, '\n' | '\r' | '\t'));
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(&inside)?;
        let end = text[start..].find(|c| !inside(c)).map_or(text.len(), |n| start + n);
        at = end;
        Some(start..end)
    })
}

fn printable(word: &str) -> Cow<'_, str> {
    if word.contains(is_hostile) { word.chars().filter(|c| !is_hostile(*c)).collect() } else { word.into() }
}

fn is_entra_secret(word: &str) -> bool {
    let bytes = word.as_bytes();
    word.len() >= 34 && bytes.windows(3).take(16).any(|w| w[0].is_ascii_digit() && &w[1..] == b"Q~")
}

fn is_jwt(word: &str) -> bool {
    word.len() >= 30 && word.starts_with("eyJ") && word.contains('.')
}

/// Ends with base64 of at least 32 bytes and its padding: 44 characters and more.
fn is_base64_key(word: &str) -> bool {
    let digits = word.trim_end_matches('=');
    let padding = word.len() - digits.len();
    let run = digits.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(b)).count();
    (1..=2).contains(&padding) && run + padding >= 44 && is_mixed(&digits[digits.len() - run..])
}

/// `-----BEGIN ENCRYPTED PRIVATE KEY-----` and its like are shorter.
const LABEL_MAX: usize = 64;

/// From `-----BEGIN … PRIVATE KEY-----` to its end line, or to the end of the text.
fn private_keys(text: &str) -> Vec<Shape> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("-----BEGIN ").map(|n| at + n) {
        let label = &text.as_bytes()[start..text.len().min(start + LABEL_MAX)];
        at = start + 1;
        if !label.windows(11).any(|w| w == b"PRIVATE KEY") {
            continue;
        }
        let end = text[at..].find("-----END ").map(|n| at + n);
        let end = end.map(|n| text[n..].find(['\n', '"']).map_or(text.len(), |m| n + m));
        let range = start..end.unwrap_or(text.len());
        at = range.end;
        found.push(Shape { what: "a private key (PEM)", range });
    }
    found
}

const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "pwd",
    "client_secret",
    "clientsecret",
    "secret_value",
    "secrettext",
    "api_key",
    "apikey",
    "accountkey",
    "sharedaccesskey",
    "sig",
];

/// Whether a key of this name announces a secret value.
pub fn announces_a_secret(key: &str) -> bool {
    let plain: String =
        key.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    let known = |n: &&str| n.replace('_', "") == plain;
    matches!(plain.as_str(), "value" | "token" | "passphrase") || NAMES.iter().any(known)
}

/// `password=…` and its like, as connection strings have it.
fn assignments(text: &str) -> impl Iterator<Item = Shape> {
    let long = |r: &Range<usize>| text[r.clone()].chars().count() >= 4;
    let shape = |range| Shape { what: "a password or key (name=value)", range };
    after_names(text, &['=']).into_iter().filter(long).map(shape).collect::<Vec<_>>().into_iter()
}

/// What follows one of the names and one of the marks, up to a space, quote or separator.
fn after_names(text: &str, marks: &[char]) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for name in NAMES {
        let mut until = 0;
        for (start, _) in lower.match_indices(name) {
            if start < until || lower[..start].ends_with(|c: char| c.is_ascii_alphanumeric()) {
                continue;
            }
            let rest = &text[start + name.len()..];
            let rest = rest.trim_start_matches(['"', '\'']).trim_start_matches(' ');
            let Some(value) = rest.strip_prefix(marks) else { continue };
            let value = value.trim_start_matches([' ', '"', '\'']);
            let len = value.find(|c: char| c.is_whitespace() || "\"';&,}".contains(c)).unwrap_or(value.len());
            let begin = text.len() - value.len();
            if len > 0 {
                found.push(begin..begin + len);
                until = begin + len;
            }
        }
    }
    found
}

/// Sixteen characters or more with small and capital letters and digits, and no known public form.
fn is_mixed(word: &str) -> bool {
    let has = |f: fn(&u8) -> bool| word.as_bytes().iter().any(f);
    word.len() >= 16
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && !word.starts_with("https://")
        && !word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-' || b == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made up, in the documented forms.
    const SECRET: &str = "x7Q8Q~c4n4ry-c4n4ry-c4n4ry-c4n4ry-c4n4ry";

    #[test]
    fn secrets_are_found() {
        let storage = format!("{}==", "aB3+".repeat(21) + "xY");
        for (text, what) in [
            (format!("note: pasted {SECRET} into a ticket"), "an Entra client secret"),
            (format!("# {SECRET}"), "an Entra client secret"),
            (SECRET.replace("-c4", "\u{200b}-c4"), "an Entra client secret"),
            ("t: eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln".into(), "a token (JWT)"),
            (format!("k: {storage}"), "a base64 key"),
            ("Server=x;Password=hunter2;".into(), "a password or key (name=value)"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nx".into(),
                "a private key (PEM)",
            ),
        ] {
            let found = find(&text);
            assert_eq!(found.iter().map(|s| s.what).collect::<Vec<_>>(), [what], "{text}");
        }
    }

    #[test]
    fn ordinary_playbook_text_is_not() {
        for text in [
            "app: 8a1d0000-0000-4000-8000-000000000001",
            "thumbprint: 2f9a4e0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f",
            "exposed_since: 2023-11-25T00:00:00Z",
            "ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net }",
            "note: the password was reset; see https://tickets.example/Q/INC-2024-0402?view=all",
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "# ==========================================================================",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
        assert!(doubtful("name: payroll-sync-for-the-western-region").is_empty());
        assert!(doubtful("at: 2023-11-25T00:00:00Z").is_empty());
    }

    #[test]
    fn doubtful_values_are_masked() {
        for text in ["password: hunter2", "{ pwd: \"hunter2\" }", "x: c4n4ryC4N4RYc4n4ry"] {
            let found = doubtful(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(text[found[0].clone()].starts_with(['h', 'c']), "{text}");
        }
        let text = r#"{ "client_id": "a", "secret": "c4n\"+/\\<x", "b": 1 }"#;
        assert_eq!(&text[doubtful(text)[0].clone()], r#"c4n\"+/\\<x"#);
    }
}

//! A part of a secret in every shape that it may leave in: as programs, formats and terminals write it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::fmt::Write;

/// Any part of a secret that is this long is the secret.
pub(crate) const PART: usize = 12;

/// Every pattern that gives a secret away, with the name of its shape.
pub(crate) fn all(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut found: Vec<(&str, Vec<u8>)> = Vec::new();
    for part in secret.as_bytes().windows(PART) {
        found.push(("raw", part.to_vec()));
        found.push(("hex", hex(part).into_bytes()));
        found.push(("HEX", hex(part).to_uppercase().into_bytes()));
        found.push(("Rust debug of bytes", part.escape_ascii().to_string().into_bytes()));
        let numbers: Vec<String> = part.iter().map(u8::to_string).collect();
        found.push(("list of bytes", numbers.join(", ").into_bytes()));
        found.push(("list of bytes", numbers.join(",").into_bytes()));
        for keep in ["", "-._~", "-._~!*'()"] {
            let upper = percent(part, keep);
            found.push(("URL, lower case", upper.to_lowercase().into_bytes()));
            found.push(("URL", upper.into_bytes()));
        }
        let form: String = url::form_urlencoded::byte_serialize(part).collect();
        found.push(("form", form.into_bytes()));
    }
    for part in texts(secret) {
        found.extend(of_text(part));
    }
    // Longer parts, since each end loses up to two bytes to its neighbours.
    for part in secret.as_bytes().windows((PART + 3).min(secret.len())) {
        for offset in 0..3 {
            let padded = [&[0; 2][..offset], part].concat();
            let skip = [0, 2, 3][offset];
            let whole = padded.len() / 3 * 4;
            for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                found.push(("base64", encoded.as_bytes()[skip..whole].to_vec()));
            }
        }
    }
    found.retain(|(_, pattern)| pattern.len() >= PART);
    found
}

/// The parts that are whole characters: the shortest of at least [`PART`] bytes from each character on.
fn texts(secret: &str) -> impl Iterator<Item = &str> {
    let ends = move |start: usize| (start + PART..=secret.len()).find(|end| secret.is_char_boundary(*end));
    secret.char_indices().filter_map(move |(start, _)| Some(&secret[start..ends(start)?]))
}

fn of_text(part: &str) -> Vec<(&'static str, Vec<u8>)> {
    let by = |one: fn(char) -> String| part.chars().map(one).collect::<String>();
    let [little, big] =
        [u16::to_le_bytes, u16::to_be_bytes].map(|f| part.encode_utf16().flat_map(f).collect());
    let mut found = vec![("UTF-16LE", little), ("UTF-16BE", big)];
    let json = json(part);
    for (shape, text) in [
        ("JSON, ASCII only", ascii(&json)),
        ("JSON in JSON", self::json(&json)),
        ("JSON of .NET", by(|c| dotnet(c).unwrap_or_else(|| c.into()))),
        ("JSON of .NET, lower case", by(|c| dotnet(c).map_or_else(|| c.into(), |e| e.to_lowercase()))),
        ("JSON", json),
        ("Rust debug", inner(&format!("{part:?}"))),
        ("Rust escape", part.escape_default().to_string()),
        ("HTML", by(|c| entity(c, false))),
        ("HTML by number", by(|c| entity(c, true))),
    ] {
        found.push((shape, text.into_bytes()));
    }
    found
}

/// Without the quotation marks around it.
fn inner(quoted: &str) -> String {
    quoted[1..quoted.len() - 1].to_owned()
}

pub(crate) fn json(part: &str) -> String {
    inner(&serde_json::to_string(part).expect("JSON"))
}

/// What is not ASCII as `\u00e9`.
fn ascii(json: &str) -> String {
    json.chars().fold(String::new(), |mut all, c| {
        if c.is_ascii() {
            all.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(all, "\\u{unit:04x}");
            });
        }
        all
    })
}

/// As Microsoft's own serialisers write it: everything special as `\uXXXX`; none for what stays.
fn dotnet(c: char) -> Option<String> {
    match c {
        '\\' => Some("\\\\".into()),
        '"' | '\'' | '&' | '<' | '>' | '+' | '`' => Some(format!("\\u{:04X}", c as u32)),
        c if !c.is_ascii() => Some(format!("\\u{:04X}", c as u32)),
        _ => None,
    }
}

fn entity(c: char, by_number: bool) -> String {
    match (c, by_number) {
        ('&' | '<' | '>' | '"' | '\'' | '+', true) => format!("&#{};", c as u32),
        (c, true) if !c.is_ascii() => format!("&#{};", c as u32),
        ('&', false) => "&amp;".into(),
        ('<', false) => "&lt;".into(),
        ('>', false) => "&gt;".into(),
        ('"', false) => "&quot;".into(),
        (c, _) => c.to_string(),
    }
}

pub(crate) fn hex(part: &[u8]) -> String {
    part.iter().fold(String::new(), |mut all, b| {
        let _ = write!(all, "{b:02x}");
        all
    })
}

pub(crate) fn percent(part: &[u8], keep: &str) -> String {
    let one = |b: &u8| match *b {
        b if b.is_ascii_alphanumeric() || keep.as_bytes().contains(&b) => (b as char).to_string(),
        b => format!("%{b:02X}"),
    };
    part.iter().map(one).collect()
}

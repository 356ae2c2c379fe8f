//! The scan: every secret in every shape that it may leave in.

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeMap;
use std::path::Path;

/// Any part of a secret that is this long is the secret.
const PART: usize = 12;

/// Secrets, each under a name that may be shown.
#[derive(Default)]
pub(crate) struct Canaries {
    /// Pattern, and whose it is in which shape.
    patterns: BTreeMap<Vec<u8>, String>,
}

impl Canaries {
    /// A secret text.
    pub(crate) fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= PART, "{name} is too short to be looked for");
        let bytes = secret.as_bytes();
        for part in bytes.windows(PART) {
            self.shape(name, "raw", part.to_vec());
            self.shape(name, "JSON", json(part));
            self.shape(name, "JSON, ASCII only", ascii_json(part));
            self.shape(name, "Rust debug", debug(part));
            self.shape(name, "HTML", html(part));
            self.shape(name, "UTF-16LE", part.iter().flat_map(|b| [*b, 0]).collect());
            for (shape, text) in [("hex", hex(part)), ("HEX", hex(part).to_uppercase())] {
                self.shape(name, shape, text.into_bytes());
            }
            for keep in ["", "-._~", "-._~!*'()"] {
                let upper = percent(part, keep);
                self.shape(name, "URL, lower case", upper.to_lowercase().into_bytes());
                self.shape(name, "URL", upper.into_bytes());
            }
            let form: String = url::form_urlencoded::byte_serialize(part).collect();
            self.shape(name, "form", form.into_bytes());
        }
        // Longer parts, since each end loses up to two bytes to its neighbours.
        for part in bytes.windows((PART + 3).min(bytes.len())) {
            for offset in 0..3 {
                let padded = [&[0; 2][..offset], part].concat();
                let skip = [0, 2, 3][offset];
                let whole = padded.len() / 3 * 4;
                for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                    self.shape(name, "base64", encoded.as_bytes()[skip..whole].to_vec());
                }
            }
        }
    }

    /// A PEM private key: what follows the modulus, which is public.
    pub(crate) fn add_private_key(&mut self, name: &str, pem: &str) {
        let Some((_, rest)) = pem.split_once("PRIVATE KEY-----") else { return };
        let body: String = rest.split("-----END").next().unwrap_or_default().split_whitespace().collect();
        let secret = &body[body.len() / 2..];
        for (n, line) in secret.as_bytes().chunks(48).enumerate().filter(|(_, l)| l.len() == 48) {
            let line = String::from_utf8_lossy(line);
            self.shape(name, "PEM", line.as_bytes().to_vec());
            self.add(&format!("{name}, line {n}"), &line);
        }
    }

    fn shape(&mut self, name: &str, shape: &str, pattern: Vec<u8>) {
        if pattern.len() >= PART {
            self.patterns.entry(pattern).or_insert_with(|| format!("{name} ({shape})"));
        }
    }

    pub(crate) fn scanner(&self) -> Scanner {
        let (patterns, names) =
            self.patterns.iter().map(|(p, n)| (p.clone(), n.clone())).unzip::<_, _, Vec<_>, _>();
        Scanner { automaton: AhoCorasick::new(&patterns).expect("an automaton"), names }
    }
}

pub(crate) struct Scanner {
    automaton: AhoCorasick,
    names: Vec<String>,
}

impl Scanner {
    /// Which secret stands in these bytes, first come.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<&str> {
        self.automaton.find(bytes).map(|hit| self.names[hit.pattern().as_usize()].as_str())
    }

    /// Every file below a folder that holds a secret, but for `skip` (by the end of their path).
    pub(crate) fn files(&self, folder: &Path, skip: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if skip.iter().any(|s| path.ends_with(s)) {
                continue;
            }
            if path.is_dir() {
                found.extend(self.files(&path, skip));
            } else if let Some(name) =
                std::fs::read(&path).ok().and_then(|b| self.find(&b).map(str::to_owned))
            {
                found.push(format!("{}: {name}", path.display()));
            }
        }
        found
    }
}

fn json(part: &[u8]) -> Vec<u8> {
    let text = serde_json::to_string(&String::from_utf8_lossy(part)).expect("JSON");
    text.as_bytes()[1..text.len() - 1].to_vec()
}

/// As Microsoft's own serialisers write it: everything special as `\uXXXX`.
fn ascii_json(part: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(part).into_owned();
    let escape = |c: char| match c {
        '"' | '\\' | '\'' | '&' | '<' | '>' | '+' => format!("\\u{:04X}", c as u32),
        c => c.to_string(),
    };
    text.chars().map(escape).collect::<String>().into_bytes()
}

fn debug(part: &[u8]) -> Vec<u8> {
    let text = format!("{:?}", String::from_utf8_lossy(part));
    text.as_bytes()[1..text.len() - 1].to_vec()
}

fn html(part: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(part).into_owned();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").into_bytes()
}

fn hex(part: &[u8]) -> String {
    part.iter().map(|b| format!("{b:02x}")).collect()
}

fn percent(part: &[u8], keep: &str) -> String {
    let one = |b: &u8| match *b {
        b if b.is_ascii_alphanumeric() || keep.as_bytes().contains(&b) => (b as char).to_string(),
        b => format!("%{b:02X}"),
    };
    part.iter().map(one).collect()
}

/// The scan itself: each shape of one secret is found, and an innocent text is not.
#[test]
fn every_shape_is_found() {
    let secret = "x7Q8~Kz7Qm2Xw\"+/\\~&<Vb9Tn4Rj.tail";
    let mut canaries = Canaries::default();
    canaries.add("one", secret);
    let scanner = canaries.scanner();
    let inside = |text: &str| format!("before {text} after");
    for pad in ["", "a", "ab"] {
        let padded = format!("{pad}{secret}{pad}");
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            assert!(scanner.find(inside(&encoded).as_bytes()).is_some(), "base64 at {}", pad.len());
        }
    }
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(scanner.find(&utf16).is_some());
    for shape in [
        secret.to_owned(),
        serde_json::to_string(secret).unwrap(),
        format!("{secret:?}"),
        percent(secret.as_bytes(), ""),
        hex(secret.as_bytes()),
        secret[10..22].to_owned(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
    ] {
        assert!(scanner.find(inside(&shape).as_bytes()).is_some(), "{shape}");
    }
    assert_eq!(scanner.find(b"x7Q begins the hint, and nothing else of it is here"), None);
}

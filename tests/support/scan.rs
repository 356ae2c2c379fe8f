//! The scan: every secret in every shape that it may leave in, also inside what is packed.

#[path = "shapes.rs"]
mod shapes;
#[path = "unpack.rs"]
mod unpack;

use aho_corasick::AhoCorasick;
use shapes::PART;
use std::collections::BTreeMap;
use std::path::Path;

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
        for (shape, pattern) in shapes::all(secret) {
            self.shape(name, shape, pattern);
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
        self.patterns.entry(pattern).or_insert_with(|| format!("{name} ({shape})"));
    }

    pub(crate) fn is_any(&self) -> bool {
        !self.patterns.is_empty()
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
    /// Which secret stands in these bytes or in what is packed in them, first come.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<String> {
        let hit = |bytes: &[u8]| Some(self.names[self.automaton.find(bytes)?.pattern().as_usize()].clone());
        let packed =
            || unpack::unpacked(bytes).iter().find_map(|(how, b)| Some(format!("{} in {how}", hit(b)?)));
        hit(bytes).or_else(packed)
    }

    /// How often each secret stands in these bytes themselves, in which shape.
    pub(crate) fn count(&self, bytes: &[u8]) -> BTreeMap<&str, usize> {
        let mut found = BTreeMap::new();
        for hit in self.automaton.find_iter(bytes) {
            *found.entry(self.names[hit.pattern().as_usize()].as_str()).or_default() += 1;
        }
        found
    }

    /// Every file below a folder that holds a secret, or bears one in its name, but for `skip` (by the end
    /// of their path).
    pub(crate) fn files(&self, folder: &Path, skip: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if skip.iter().any(|s| path.ends_with(s)) {
                continue;
            }
            if let Some(name) = self.find(entry.file_name().as_encoded_bytes()) {
                found.push(format!("{}: {name}, in its name", path.display()));
            }
            if path.is_dir() {
                found.extend(self.files(&path, skip));
            } else if let Some(name) = std::fs::read(&path).ok().and_then(|b| self.find(&b)) {
                found.push(format!("{}: {name}", path.display()));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::shapes::{hex, json, percent};
    use super::{Canaries, Scanner};
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    const SECRET: &str = "x7Q8~Kz7Qm2Xw\"+/\\~&<éVb9Tn4Rj.tail";

    fn scanner() -> Scanner {
        let mut canaries = Canaries::default();
        canaries.add("one", SECRET);
        canaries.scanner()
    }

    /// Each shape of one secret is found wherever it stands, and an innocent text is not.
    #[test]
    fn every_shape_is_found() {
        let scanner = scanner();
        for pad in ["", "a", "ab"] {
            let padded = format!("{pad}{SECRET}{pad}");
            for encoded in
                [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded), STANDARD.encode(&padded)]
            {
                let inside = format!("before {encoded} after");
                assert!(scanner.find(inside.as_bytes()).is_some(), "base64 at {}", pad.len());
            }
        }
        let [little, big] = [u16::to_le_bytes, u16::to_be_bytes]
            .map(|f| SECRET.encode_utf16().flat_map(f).collect::<Vec<u8>>());
        assert!(scanner.find(&little).is_some() && scanner.find(&big).is_some());
        for shape in [
            SECRET.to_owned(),
            serde_json::to_string(SECRET).unwrap(),
            serde_json::to_string(&json(SECRET)).unwrap(),
            format!("{SECRET:?}"),
            format!("{:?}", SECRET.as_bytes()),
            SECRET.escape_default().to_string(),
            SECRET.as_bytes().escape_ascii().to_string(),
            percent(SECRET.as_bytes(), ""),
            percent(SECRET.as_bytes(), "").to_lowercase(),
            hex(SECRET.as_bytes()),
            hex(SECRET.as_bytes()).to_uppercase(),
            SECRET[10..24].to_owned(),
            url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(),
        ] {
            assert!(scanner.find(format!("before {shape} after").as_bytes()).is_some(), "{shape}");
        }
        assert_eq!(scanner.find(b"x7Q begins the hint, and nothing else of it is here"), None);
    }

    /// The part that needs escaping, alone, as it stands in each language: what a grep for the rest misses.
    #[test]
    fn what_needs_escaping_is_found_alone() {
        let scanner = scanner();
        for shape in [
            "Xw\\\"+/\\\\~&<\\u00e9V",
            "Xw\\u0022\\u002B/\\\\~\\u0026\\u003C\\u00E9V",
            "Xw\\u0022\\u002b/\\\\~\\u0026\\u003c\\u00e9V",
            "Xw&quot;+/\\~&amp;&lt;éV",
            "Xw&#34;&#43;/\\~&#38;&#60;&#233;V",
            "Xw\\\"+/\\\\~&<\\u{e9}V",
            "Xw\\\"+/\\\\~&<\\xc3\\xa9V",
            "Xw%22%2B%2F%5C%7E%26%3C%C3%A9V",
            "Xw%22%2B%2F%5C~%26%3C%C3%A9V",
        ] {
            assert!(scanner.find(shape.as_bytes()).is_some(), "{shape}");
        }
    }

    /// The header of a local file in a zip archive, with its bytes.
    fn zip(method: u16, data: &[u8]) -> Vec<u8> {
        let mut out = b"PK\x03\x04\x14\0\0\0".to_vec();
        out.extend(method.to_le_bytes());
        out.extend([0; 8]);
        out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        out.extend([0; 4]);
        out.extend([5, 0, 0, 0]);
        out.extend(b"a.txt");
        out.extend(data);
        out
    }

    #[test]
    fn what_is_packed_is_found() {
        let scanner = scanner();
        let text = format!("{SECRET} and much else {}", "again ".repeat(500));
        let mut gz = GzEncoder::new(b"bytes before it".to_vec(), Compression::best());
        gz.write_all(text.as_bytes()).unwrap();
        let gz = gz.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(text.as_bytes()).unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        deflate.write_all(text.as_bytes()).unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(gz.len() as u64);
        tar.append_data(&mut header, "a.gz", gz.as_slice()).unwrap();
        let zipped = zip(8, &deflate.finish().unwrap());
        for (name, packed) in [
            ("gzip in tar", tar.into_inner().unwrap()),
            ("zip stored in zip", zip(0, &zipped)),
            ("gzip", gz),
            ("zlib", zlib.finish().unwrap()),
            ("zip", zipped),
        ] {
            assert!(scanner.automaton.find(&packed).is_none(), "{name}: it is packed indeed");
            let found = scanner.find(&packed);
            assert!(found.as_ref().is_some_and(|f| f.contains(" in ")), "{name}: {found:?}");
        }
    }
}

//! What is packed, unpacked: gzip and zlib streams wherever they begin, the files of a zip archive and of
//! a tar archive, and what is packed in these.

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// Packed in packed in packed: deeper nobody looks.
const DEPTH: u8 = 4;
/// No more than this is unpacked of one stream.
const MOST: u64 = 256 << 20;

/// Everything that is packed in these bytes, each with how.
pub(crate) fn unpacked(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut found = Vec::new();
    within(bytes, DEPTH, &mut found);
    found
}

fn within(bytes: &[u8], depth: u8, found: &mut Vec<(&'static str, Vec<u8>)>) {
    if depth == 0 {
        return;
    }
    let mut inner: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for (at, two) in bytes.windows(2).enumerate() {
        let rest = &bytes[at..];
        match two {
            [0x1f, 0x8b] if rest.get(2) == Some(&8) => inner.push(("gzip", whole(MultiGzDecoder::new(rest)))),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda] => inner.push(("zlib", whole(ZlibDecoder::new(rest)))),
            b"PK" => inner.extend(zipped(rest).map(|b| ("zip", b))),
            _ => {}
        }
    }
    inner.extend(of_tar(bytes).into_iter().map(|b| ("tar", b)));
    for (how, bytes) in inner.into_iter().filter(|(_, b)| !b.is_empty()) {
        within(&bytes, depth - 1, found);
        found.push((how, bytes));
    }
}

/// As much of a stream as can be read.
fn whole(stream: impl Read) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = stream.take(MOST).read_to_end(&mut out);
    out
}

/// The file at a local header of a zip archive (PKWARE APPNOTE 4.3.7), stored or deflated.
fn zipped(at: &[u8]) -> Option<Vec<u8>> {
    let header = at.get(..30).filter(|h| h.starts_with(b"PK\x03\x04"))?;
    let number = |i: usize| usize::from(u16::from_le_bytes([header[i], header[i + 1]]));
    let data = at.get(30 + number(26) + number(28)..)?;
    match number(8) {
        0 => {
            let size = u32::from_le_bytes([header[18], header[19], header[20], header[21]]);
            Some(data[..data.len().min(usize::try_from(size).ok()?)].to_vec())
        }
        8 => Some(whole(DeflateDecoder::new(data))),
        _ => None,
    }
}

fn of_tar(bytes: &[u8]) -> Vec<Vec<u8>> {
    if bytes.get(257..262) != Some(b"ustar") {
        return Vec::new();
    }
    let mut archive = tar::Archive::new(bytes);
    let Ok(entries) = archive.entries() else { return Vec::new() };
    entries.map_while(Result::ok).map(whole).collect()
}

//! Bodies of requests that hold a secret: written once, into memory that is wiped afterwards.

use bytes::Bytes;
use std::io::{self, Write};
use zeroize::Zeroizing;

/// The JSON of `value`; the buffer is wiped when the last copy of the result goes. It is counted first, so that the
/// room is taken at once and no half-grown copy stays behind, and no more of it is taken, and wiped, than is needed.
pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Option<Bytes> {
    let mut size = Count(0);
    serde_json::to_writer(&mut size, value).ok()?;
    let mut out = Zeroizing::new(Vec::with_capacity(size.0));
    serde_json::to_writer(&mut *out, value).ok()?;
    debug_assert_eq!(out.capacity(), size.0, "it grew");
    Some(Bytes::from_owner(out))
}

/// Counts what would be written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_its_json() {
        for value in ["", "x7Q", "\u{1}\"\\ü", &"a".repeat(25_000)] {
            let body = json(&serde_json::json!({ "value": value })).unwrap();
            let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(read["value"], value);
        }
    }
}

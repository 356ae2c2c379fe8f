//! The lines of a file, one at a time, each with its number and place, none longer than a limit.

use std::io::{BufRead, Result};

/// A line is meant to stay under 400 bytes; this is where reading stops.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Where a line is: counted from 1, and its first byte counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    pub offset: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} (byte {})", self.line, self.offset)
    }
}

/// What comes next in the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line, without its line feed.
    Line(&'a [u8]),
    /// The last bytes, after the last line feed: a write that never ended.
    Tail(&'a [u8]),
    /// A line, or a tail, that is longer than [`LINE_BYTES_MAX`].
    TooLong,
}

/// Reads pieces; its memory does not grow with the file.
pub struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    next: Place,
}

impl<R: BufRead> Lines<R> {
    pub fn new(from: R) -> Self {
        Self { from, buffer: Vec::new(), next: Place { line: 1, offset: 0 } }
    }

    /// The next piece and its place; `None` at the end.
    pub fn next_piece(&mut self) -> Result<Option<(Place, Piece<'_>)>> {
        self.buffer.clear();
        let (mut length, mut ended) = (0u64, false);
        while !ended {
            let available = self.from.fill_buf()?;
            if available.is_empty() {
                break;
            }
            let feed = memchr::memchr(b'\n', available);
            let taken = feed.map_or(available.len(), |at| at + 1);
            let text = &available[..feed.unwrap_or(taken)];
            let room = (LINE_BYTES_MAX + 1).saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&text[..text.len().min(room)]);
            length += taken as u64;
            ended = feed.is_some();
            self.from.consume(taken);
        }
        if length == 0 {
            return Ok(None);
        }
        let place = self.next;
        self.next = Place { line: place.line + 1, offset: place.offset + length };
        let piece = match ended {
            _ if self.buffer.len() > LINE_BYTES_MAX => Piece::TooLong,
            true => Piece::Line(&self.buffer),
            false => Piece::Tail(&self.buffer),
        };
        Ok(Some((place, piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor};

    #[test]
    fn lines_tails_and_overlong_lines_are_told_apart() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let file = format!("one\n\n{long}\ntail");
        let mut lines = Lines::new(BufReader::with_capacity(7, Cursor::new(file)));
        let place = |line, offset| Place { line, offset };
        assert_eq!(lines.next_piece().unwrap(), Some((place(1, 0), Piece::Line(b"one"))));
        assert_eq!(lines.next_piece().unwrap(), Some((place(2, 4), Piece::Line(b""))));
        assert_eq!(lines.next_piece().unwrap(), Some((place(3, 5), Piece::TooLong)));
        let after = 5 + long.len() as u64 + 1;
        assert_eq!(lines.next_piece().unwrap(), Some((place(4, after), Piece::Tail(b"tail"))));
        assert_eq!(lines.next_piece().unwrap(), None);
    }
}

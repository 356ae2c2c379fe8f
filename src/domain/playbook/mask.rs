//! The text of a playbook as it may be shown: what may be a secret is replaced by a word of fixed
//! length (so that not even a secret's length is told), and characters that a terminal would act
//! on are replaced by `?`.

use super::super::text::is_hostile;
use super::diagnostic::{Span, small};
use super::secret_shape;
use std::ops::Range;

/// Stands for whatever is not shown.
pub const MASKED: &str = "[masked]";

/// One replaced part: where it was in the original, where its replacement is.
#[derive(Clone, Debug)]
struct Cut {
    original: Range<usize>,
    shown: Range<usize>,
}

/// A masked text, and how places in the original map to places in it.
pub struct Mask {
    text: String,
    /// In order, not touching each other.
    cuts: Vec<Cut>,
    /// Where each line of the masked text begins.
    lines: Vec<usize>,
}

impl Mask {
    /// Masks `original`: the ranges in `hidden`, and whatever looks like a secret.
    pub fn of(original: &str, hidden: impl Iterator<Item = Range<usize>>) -> Self {
        let mut mask = Mask { text: String::with_capacity(original.len()), cuts: Vec::new(), lines: vec![0] };
        let mut at = 0;
        for range in all_ranges(original, hidden) {
            mask.keep(&original[at..range.start], at);
            let breaks = original[range.clone()].matches('\n').count();
            mask.cut(range.clone(), &format!("{MASKED}{}", "\n".repeat(breaks)));
            at = range.end;
        }
        mask.keep(&original[at..], at);
        mask.lines.extend(mask.text.match_indices('\n').map(|(n, _)| n + 1));
        mask
    }

    fn keep(&mut self, part: &str, start: usize) {
        for (n, c) in part.char_indices() {
            match c {
                '\n' | '\t' => self.text.push(c),
                '\r' if part[n + 1..].starts_with('\n') => self.text.push(' '),
                c if is_hostile(c) => self.cut(start + n..start + n + c.len_utf8(), "?"),
                c => self.text.push(c),
            }
        }
    }

    fn cut(&mut self, original: Range<usize>, by: &str) {
        let start = self.text.len();
        self.text.push_str(by);
        self.cuts.push(Cut { original, shown: start..self.text.len() });
    }

    /// Where a byte of the original stands; a byte of a masked part stands at its replacement.
    fn offset(&self, original: usize) -> usize {
        let before = self.cuts.partition_point(|cut| cut.original.start <= original);
        match before.checked_sub(1).map(|i| &self.cuts[i]) {
            Some(cut) if original < cut.original.end => cut.shown.start,
            Some(cut) => cut.shown.end + (original - cut.original.end),
            None => original,
        }
        .min(self.text.len())
    }

    /// Where `at` of the original stands in the masked text.
    pub fn place(&self, at: Span) -> Span {
        let start = self.offset(at.offset);
        let inside = self.cuts.iter().find(|c| c.original.contains(&at.offset));
        let end = match inside {
            Some(cut) => cut.shown.start + MASKED.len().min(cut.shown.len()),
            None => self.offset(at.offset + at.len).max(start),
        };
        let line = self.lines.partition_point(|begin| *begin <= start);
        let begin = self.lines.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(begin..start).map_or(1, |s| s.chars().count() + 1);
        Span { offset: start, len: end - start, line: small(line), column: small(column) }
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

/// All ranges to hide, in order, merged where they overlap or touch.
fn all_ranges(original: &str, hidden: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = hidden.collect();
    ranges.extend(secret_shape::find(original).into_iter().map(|s| s.range));
    ranges.extend(secret_shape::doubtful(original));
    if original.contains('\0') {
        // Not text, or UTF-16: no shape would be recognised in it, so none of it is shown.
        let mut start = 0;
        ranges.clear();
        for line in original.split_inclusive('\n') {
            ranges.push(start..start + line.trim_end_matches('\n').len());
            start += line.len();
        }
    }
    ranges.retain(|r| r.start < r.end && original.get(r.clone()).is_some());
    ranges.sort_by_key(|r| (r.start, r.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, hidden: Option<Range<usize>>) -> Mask {
        Mask::of(text, hidden.into_iter())
    }

    #[test]
    fn what_is_hidden_is_gone_and_places_behind_it_follow() {
        let text = "a: canary b: é!\nc: d\u{1b}[31m e\n";
        let mask = masked(text, Some(3..9));
        assert_eq!(mask.text, "a: [masked] b: é!\nc: d?[31m e\n");
        for word in ["b:", "!", "c:", "[31m", "e\n"] {
            let there = mask.place(Span::locate(text, text.rfind(word).unwrap(), 1));
            assert!(mask.text[there.offset..].starts_with(word), "{word}");
            let plain = Span::locate(&mask.text, there.offset, there.len);
            assert_eq!(there, plain, "{word}");
        }
        let inside = mask.place(Span::locate(text, 5, 4));
        assert_eq!(&mask.text[inside.offset..inside.offset + inside.len], MASKED);
    }

    #[test]
    fn lines_stay_where_they_were() {
        let text = "k: |\n  -----BEGIN PRIVATE KEY-----\n  canary\n  -----END PRIVATE KEY-----\nnext: 1\n";
        let mask = masked(text, None);
        assert!(!mask.text.contains("canary"));
        assert_eq!(mask.place(Span::locate(text, text.find("next").unwrap(), 4)).line, 5);
    }
}

//! Bounded text. Whatever comes from outside and may reach the log, the plan or a terminal is
//! held in a [`Text`]: at most `N` characters, none of them a control, bidirectional override or
//! invisible character. Longer or hostile input is made harmless by [`Text::lossy`], and the
//! result shows that it was.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};
use std::fmt;

/// Text of at most `N` characters that is safe to print.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize>(Box<str>);

/// Why a string is not a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("{found} characters, at most {most} are allowed")]
    TooLong { found: usize, most: usize },
    #[error("it holds the character U+{0:04X}, which does not print")]
    Hostile(u32),
}

/// True for characters that change how a line reads without being seen: controls (ANSI escapes
/// among them), bidirectional overrides, zero-width characters and line separators.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl<const N: usize> Text<N> {
    /// Accepts `s` as it is, or says what is wrong with it.
    pub fn new(s: impl Into<String>) -> Result<Self, TextError> {
        let s = s.into();
        // Nearly everything is printable ASCII, where a byte is a character.
        if s.len() <= N && s.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Ok(Self(s.into()));
        }
        let found = s.chars().count();
        if found > N {
            return Err(TextError::TooLong { found, most: N });
        }
        match s.chars().find(|c| is_hostile(*c)) {
            Some(c) => Err(TextError::Hostile(c as u32)),
            None => Ok(Self(s.into())),
        }
    }

    /// Makes any string printable: hostile characters become `\u{fffd}`, a long one is cut with `…`.
    pub fn lossy(s: &str) -> Self {
        let mut out: String = s.chars().take(N).map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect();
        if s.chars().nth(N).is_some() {
            out.pop();
            out.push('…');
        }
        Self(out.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> TryFrom<String> for Text<N> {
    type Error = TextError;
    fn try_from(s: String) -> Result<Self, TextError> {
        Self::new(s)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from, |s| Self::new(s))
    }
}

/// Reads a string and makes of it what is wanted, without a copy in between.
pub(in crate::domain) fn read<'de, D, T, E>(
    from: D,
    make: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    from.deserialize_str(Maker(make))
}

struct Maker<F>(F);

impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Maker<F> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<R: Error>(self, s: &str) -> Result<T, R> {
        (self.0)(s).map_err(R::custom)
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<const N: usize> From<Text<N>> for String {
    fn from(t: Text<N>) -> String {
        t.0.into()
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const N: usize> std::ops::Deref for Text<N> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// `1 target`, `2 targets`: a number with its noun.
pub fn count<N: Copy + fmt::Display + TryInto<u64>>(n: N, one: &str, many: &str) -> String {
    format!("{n} {}", if n.try_into().is_ok_and(|n| n == 1) { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_refused_or_made_harmless() {
        for bad in ["a\u{1b}[31m", "a\u{202e}b", "line\nline", "zero\u{200b}width"] {
            assert!(Text::<64>::new(bad).is_err(), "{bad:?}");
            assert!(!Text::<64>::lossy(bad).chars().any(is_hostile));
        }
        assert_eq!(Text::<4>::lossy("abcdef").as_str(), "abc…");
        assert_eq!(Text::<4>::new("abcde"), Err(TextError::TooLong { found: 5, most: 4 }));
    }
}

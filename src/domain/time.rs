//! Points in time and spans, as people write them.

use super::text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, UtcDateTime};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, shown as RFC 3339 in UTC with
/// three fraction digits, so that equal times have equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const DAY_MS: i64 = 86_400_000;
/// The Julian day of 1970-01-01.
const FIRST_DAY: i32 = UtcDateTime::UNIX_EPOCH.date().to_julian_day();

/// Why a string is no time or no span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("not a time; write it as 2026-11-23T07:00:00Z")]
    Time,
    #[error("not a span; write a whole number and s, m, h or d, for example 90s, 30m, 26h or 7d")]
    Span,
}

impl Timestamp {
    /// The last millisecond of the year 9999: what does not fit is cut to it.
    const MAX_MS: i64 = 253_402_300_799_999;

    pub fn from_unix_ms(ms: i64) -> Self {
        Self(ms.clamp(0, Self::MAX_MS))
    }
    pub fn from_unix_s(s: i64) -> Self {
        Self::from_unix_ms(s.saturating_mul(1000))
    }
    pub fn unix_ms(self) -> i64 {
        self.0
    }
    pub fn unix_s(self) -> i64 {
        self.0 / 1000
    }
    /// This time and `span` later; stops at the end of the year 9999.
    pub fn after(self, span: Duration) -> Self {
        Self::from_unix_ms(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
    /// This time and `span` earlier; not before 1970.
    pub fn before(self, span: Duration) -> Self {
        Self::from_unix_ms(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
    /// `2026-11-23T07:00:09.123Z`. Every line of a log has one, so no general formatter.
    fn written(self) -> [u8; 24] {
        // Never before 1970 and never after 9999: the day is one that there is.
        let day = i32::try_from(self.0 / DAY_MS).unwrap_or_default();
        let date = Date::from_julian_day(FIRST_DAY + day).unwrap_or(Date::MAX);
        let ms = u32::try_from(self.0 % DAY_MS).unwrap_or_default();
        let mut out = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, digits: usize, mut value: u32| {
            for place in out[at..at + digits].iter_mut().rev() {
                *place = b'0' + (value % 10) as u8;
                value /= 10;
            }
        };
        put(0, 4, date.year().unsigned_abs());
        put(5, 2, u8::from(date.month()).into());
        put(8, 2, date.day().into());
        put(11, 2, ms / 3_600_000);
        put(14, 2, ms / 60_000 % 60);
        put(17, 2, ms / 1_000 % 60);
        put(20, 3, ms % 1_000);
        out
    }
    /// Reads what [`Timestamp::written`] writes; none if it is anything else.
    pub(in crate::domain) fn from_written(s: &str) -> Option<Self> {
        let bytes: &[u8; 24] = s.as_bytes().try_into().ok()?;
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
        if marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
            return None;
        }
        let number = |at: usize, digits: usize| {
            let add = |n: u32, b: &u8| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0'));
            bytes[at..at + digits].iter().try_fold(0, add)
        };
        let below = |limit: u32, at| number(at, 2).filter(|n| *n < limit).map(i64::from);
        let month = Month::try_from(u8::try_from(number(5, 2)?).ok()?).ok()?;
        let (year, day) = (i32::try_from(number(0, 4)?).ok()?, u8::try_from(number(8, 2)?).ok()?);
        let days = Date::from_calendar_date(year, month, day).ok()?.to_julian_day() - FIRST_DAY;
        let minutes = below(24, 11)? * 60 + below(60, 14)?;
        let ms = (minutes * 60 + below(60, 17)?) * 1_000 + i64::from(number(20, 3)?);
        (days >= 0).then_some(Self(i64::from(days) * DAY_MS + ms))
    }
    /// To the second, as `2026-11-23 07:00:09Z`, for people.
    pub fn short(self) -> String {
        let full = self.to_string();
        format!("{} {}Z", &full[..10], &full[11..19])
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;
    fn from_str(s: &str) -> Result<Self, TimeError> {
        if let Some(read) = Self::from_written(s) {
            return Ok(read);
        }
        let t = OffsetDateTime::parse(s, &Rfc3339).map_err(|_| TimeError::Time)?;
        let ms = i64::try_from(t.unix_timestamp_nanos() / 1_000_000).map_err(|_| TimeError::Time)?;
        if (0..=Self::MAX_MS).contains(&ms) { Ok(Self(ms)) } else { Err(TimeError::Time) }
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::read(from, str::parse)
    }
}
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.written()).unwrap_or_default())
    }
}
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.written()).unwrap_or_default())
    }
}
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a span: a whole number and a unit, `90s`, `30m`, `26h`, `7d`.
pub fn parse_span(s: &str) -> Result<Duration, TimeError> {
    let digits = s.find(|c: char| !c.is_ascii_digit()).ok_or(TimeError::Span)?;
    let (number, unit) = s.split_at(digits);
    let seconds_per_unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(TimeError::Span),
    };
    let number: u64 = number.parse().map_err(|_| TimeError::Span)?;
    let seconds = number.checked_mul(seconds_per_unit).filter(|s| *s <= 3_650 * 86_400);
    seconds.map(Duration::from_secs).ok_or(TimeError::Span)
}

/// Shows a span in its largest two units: `1d 2h`, `4m 30s`, `0s`.
pub fn show_span(span: Duration) -> String {
    let s = span.as_secs();
    let parts = [(s / 86_400, "d"), (s / 3_600 % 24, "h"), (s / 60 % 60, "m"), (s % 60, "s")];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(n, _)| *n == 0)
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, u)| format!("{n}{u}"))
        .collect();
    if shown.is_empty() { "0s".into() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_spelling() {
        let t: Timestamp = "2026-11-23T09:00:09.1239+02:00".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-23T07:00:09.123Z");
        assert_eq!(t.short(), "2026-11-23 07:00:09Z");
        assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert_eq!(t.after(Duration::from_secs(60)).since(t), Duration::from_secs(60));
        assert_eq!(t.since(t.after(Duration::from_secs(1))), Duration::ZERO);
    }

    /// What is read by position is what a general reader makes of it, and has one spelling.
    #[test]
    fn the_form_that_is_written_is_read_by_position() {
        for ms in [0, 999, 951_827_696_789, 1_709_164_800_000, 1_795_417_209_123, Timestamp::MAX_MS] {
            let t = Timestamp::from_unix_ms(ms);
            let general = OffsetDateTime::parse(&t.to_string(), &Rfc3339).unwrap();
            assert_eq!(general.unix_timestamp_nanos(), i128::from(ms) * 1_000_000);
            assert_eq!(Timestamp::from_written(&t.to_string()), Some(t));
        }
        for other in [
            "2026-02-29T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01T00:60:00.000Z",
            "2026-01-01T00:00:60.000Z",
            "2026-01-01T00:00:00.000z",
            "2026-01-01 00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "2026-01-01T00:00:00.00Z",
            "+026-01-01T00:00:00.000Z",
        ] {
            assert_eq!(Timestamp::from_written(other), None, "{other}");
        }
    }

    #[test]
    fn spans_read_and_show() {
        assert_eq!(parse_span("26h").unwrap(), Duration::from_secs(93_600));
        assert_eq!(show_span(parse_span("26h").unwrap()), "1d 2h");
        assert_eq!(show_span(Duration::from_secs(270)), "4m 30s");
        assert_eq!(show_span(Duration::ZERO), "0s");
        for bad in ["", "h", "1.5h", "1 h", "-1h", "1w", "99999999999999999999s", "20000d"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }
}

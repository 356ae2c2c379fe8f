//! How far our clock and the service's are apart, from the `Date` of its answers (RFC 9110,
//! 6.6.1; to the second).

use crate::domain::time::Timestamp;
use crate::env::Env;
use crate::wire::{Wire, WireError};
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Ours minus theirs, in milliseconds, as the last answer told.
#[derive(Clone, Default)]
pub(super) struct Difference(Arc<Mutex<Option<i64>>>);

impl Difference {
    pub(super) fn get(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn note(&self, theirs: Timestamp, sent: Timestamp, got: Timestamp) {
        // The date was written between the two; its own second is not over then.
        let ours = (sent.unix_ms() + got.unix_ms()) / 2;
        let difference = ours - theirs.unix_ms() - 500;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(difference);
    }
}

/// A wire that looks at the date of each answer.
pub(super) struct Dated {
    pub(super) inner: Arc<dyn Wire>,
    pub(super) env: Env,
    pub(super) difference: Difference,
}

#[async_trait]
impl Wire for Dated {
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let sent = self.env.clock.now();
        let response = self.inner.call(request).await?;
        let date = response.headers().get(http::header::DATE).and_then(|d| d.to_str().ok());
        if let Some(theirs) = date.and_then(read) {
            self.difference.note(theirs, sent, self.env.clock.now());
        }
        Ok(response)
    }
}

impl fmt::Debug for Dated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

fn read(date: &str) -> Option<Timestamp> {
    OffsetDateTime::parse(date, &Rfc2822).ok().map(|t| Timestamp::from_unix_s(t.unix_timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let theirs = read("Mon, 23 Nov 2026 07:00:00 GMT").unwrap();
        assert_eq!(theirs.to_string(), "2026-11-23T07:00:00.000Z");
        assert_eq!(read("yesterday"), None);
        let difference = Difference::default();
        let later = |s: u64| theirs.after(std::time::Duration::from_secs(s));
        difference.note(theirs, later(600), later(601));
        assert_eq!(difference.get(), Some(600_000));
    }
}

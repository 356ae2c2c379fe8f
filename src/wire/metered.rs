//! The layer that keeps the rules: a write needs a permit and is sent once; what may be repeated
//! is, patiently but not forever; every answer is told to the budget.

use super::budget::{Budget, Draws, Permit, retry_after};
use super::silence::Trouble;
use super::{Class, Kind, Reached, Wire, WireError};
use crate::domain::time::Timestamp;
use crate::env::{Clock, Env};
use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Without a connection, no new try begins later than this after the first.
const CONNECT_MAX: Duration = Duration::from_secs(60);

/// Longer than a service that is well takes for an answer.
const LATE: Duration = Duration::from_secs(8);

/// How often and how long a read is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub tries_max: u32,
    /// No new try begins later than this after the first; what is refused as too much is not timed, but no longer pause
    /// than this is made.
    pub total_max: Duration,
    /// The same, while there is not even a connection: then a person should know soon.
    pub connect_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries_max: 8, total_max: Duration::from_secs(240), connect_max: CONNECT_MAX }
    }
}

/// So many reads are under way at once: a connection costs about 50 KiB and an open file. At a tenth of a
/// second each this is more than the largest read quota allows.
const READS_AT_ONCE: usize = 128;

/// A wire under a budget.
#[derive(Clone, Debug)]
pub struct Metered<W> {
    inner: W,
    reading: Arc<Semaphore>,
    budget: Budget,
    clock: Clock,
    patience: Patience,
}

impl<W: Wire> Metered<W> {
    pub fn new(inner: W, budget: Budget, env: &Env) -> Self {
        let reading = Arc::new(Semaphore::new(READS_AT_ONCE));
        Self { inner, reading, budget, clock: env.clock, patience: Patience::default() }
    }
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Sends a write once. The permit is the caller's: the budget is asked before the intent is
    /// recorded, so that nothing waits between the two.
    async fn write(
        &self,
        mut request: http::Request<Bytes>,
        Draws(needed): Draws,
    ) -> Result<http::Response<Bytes>, WireError> {
        let permit = request.extensions_mut().remove::<Permit>().or_else(Permit::of_task);
        let Some(permit) = permit.filter(|p| p.covers(&needed) && p.spend()) else {
            return Err(WireError::new(Kind::Unpermitted, Reached::No, request.uri()));
        };
        let uri = request.uri().clone();
        let (sent, result) = self.send(request).await;
        match trouble(&result, false) {
            // That a write fails says neither that the host is well nor that it is not.
            Some(Trouble::Failing) => {}
            heard => self.budget.note_host(&uri, sent, heard),
        }
        if let Ok(response) = &result {
            self.budget.note_response(permit.draws(), response.status(), response.headers());
            if response.status() == StatusCode::UNAUTHORIZED {
                permit.give_back();
            }
        }
        result
    }

    /// Sends what may be repeated until it is answered, or patience ends: then the last answer or
    /// failure is the result.
    async fn repeat(
        &self,
        request: http::Request<Bytes>,
        Draws(draws): Draws,
    ) -> Result<http::Response<Bytes>, WireError> {
        let begun = self.clock.elapsed();
        let mut tries = 0;
        loop {
            tries += 1;
            let _permit = self.budget.permit(&draws).await;
            let (sent, result) = {
                // It is never closed.
                let _place = self.reading.acquire().await.ok();
                self.send(request.clone()).await
            };
            self.budget.note_host(request.uri(), sent, trouble(&result, draws.is_empty()));
            if let Ok(response) = &result {
                self.budget.note_response(&draws, response.status(), response.headers());
            }
            let Some(wait) = self.wait_before_next(&result, tries) else { return result };
            let spent = self.clock.elapsed().saturating_sub(begun);
            let Patience { tries_max, total_max, connect_max } = self.patience;
            let is_too_late = match &result {
                Err(e) if e.kind == Kind::Connect => spent + wait > connect_max,
                // Refusals are counted, not timed: most of the time is spent in our own queue. But nobody waits
                // for a year because a header says so.
                Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => wait > total_max,
                _ => spent + wait > total_max,
            };
            if tries >= tries_max || is_too_late {
                return result;
            }
            self.clock.sleep(wait).await;
        }
    }

    /// Sends it, and tells when. A host that keeps it waiting is told of meanwhile.
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> (Timestamp, Result<http::Response<Bytes>, WireError>) {
        let (uri, sent) = (request.uri().clone(), self.clock.now());
        let mut call = std::pin::pin!(self.inner.call(request));
        loop {
            tokio::select! {
                biased;
                result = &mut call => return (sent, result),
                () = self.clock.sleep(LATE) => self.budget.note_host(&uri, sent, Some(Trouble::Silent)),
            }
        }
    }

    /// `None` if the result is final.
    fn wait_before_next(
        &self,
        result: &Result<http::Response<Bytes>, WireError>,
        tries: u32,
    ) -> Option<Duration> {
        match result {
            Ok(response) if is_passing(response.status()) => {
                Some(self.budget.backoff(tries).max(retry_after(response.headers()).unwrap_or_default()))
            }
            Ok(_) => None,
            Err(e) if matches!(e.kind, Kind::Connect | Kind::Timeout | Kind::Cut) => {
                Some(self.budget.backoff(tries))
            }
            Err(_) => None,
        }
    }
}

/// Whether nothing came back.
fn is_lost(result: &Result<http::Response<Bytes>, WireError>) -> bool {
    matches!(result, Err(e) if matches!(e.kind, Kind::Connect | Kind::Timeout | Kind::Cut))
}

/// What was heard instead of an answer to what may be repeated; of refusals, the buckets know that they draw on.
fn trouble(result: &Result<http::Response<Bytes>, WireError>, is_uncounted: bool) -> Option<Trouble> {
    match result {
        Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
            is_uncounted.then_some(Trouble::Refusing)
        }
        Ok(response) => is_passing(response.status()).then_some(Trouble::Failing),
        Err(_) => is_lost(result).then_some(Trouble::Silent),
    }
}

/// Answers that another try may change (RFC 9110, 15.6; RFC 6585, 4).
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

#[async_trait]
impl<W: Wire> Wire for Metered<W> {
    async fn call(&self, mut request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        // Taken out: nobody further down needs them, and each try is a copy.
        let draws = request.extensions_mut().remove().unwrap_or_default();
        match Class::of(&request) {
            Class::Write => self.write(request, draws).await,
            Class::Read | Class::Token => self.repeat(request, draws).await,
        }
    }
}

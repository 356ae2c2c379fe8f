//! Permits: nobody sends faster than the share of the quota that was given to this run.
//!
//! A request draws amounts from named buckets; which ones is told by the caller. [`Budget::permit`]
//! waits until all of them can serve it, first come, first served in each bucket; whose work has a long way to
//! go counts as having come earlier ([`Budget::permit_ahead`]). A caller that waits for a scarce bucket only reserves its amount in the others, so plenty is never held up
//! by scarcity.
//!
//! The service's answers feed back: 429 pauses the buckets that the request drew on, or that one of
//! them which `x-ms-throttle-scope` names (a stated `Retry-After`, RFC 9110 10.2.3, is believed up to
//! five minutes; without one the pause grows), and `x-ms-throttle-limit-percentage` from 1.0 on slows
//! them for a while. A request that was refused has drawn like any other: services count it too.

pub mod gauge;

use super::pace::Pace;
pub use super::permit::{Permit, with_permit};
use super::queue::{Place, Queue};
use super::silence::{Silence, Silences, Trouble};
use crate::domain::quotas::Allowance;
use crate::domain::share::Share;
use crate::domain::time::Timestamp;
use crate::env::{Clock, Env, random::Stream};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::sync::oneshot;

/// The name of a bucket. A name with a slash, `vault-read/kv-ir…`, is one of many of a sort and
/// takes its quota from the part before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(Cow<'static, str>);

impl Bucket {
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
    /// The bucket of one member of a sort: one vault, for example.
    pub fn of(sort: &str, member: &str) -> Self {
        Self(Cow::Owned(format!("{sort}/{member}")))
    }
    /// By its whole name.
    pub fn read(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The part before the slash, which names the quota.
    pub fn sort(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
    /// The part after the slash, which says whose quota: a vault's host. Empty if there is one for all.
    pub fn member(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, member)| member)
    }
}

/// What a service allows: `amount` per `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub amount: u32,
    pub window: Duration,
    /// What the service calls it when it is spent: how `x-ms-throttle-scope` begins.
    pub scope: Option<&'static str>,
}

impl Quota {
    pub const fn per_seconds(amount: u32, seconds: u64) -> Self {
        Self { amount, window: Duration::from_secs(seconds), scope: None }
    }
    pub const fn scope(self, scope: &'static str) -> Self {
        Self { scope: Some(scope), ..self }
    }
    pub fn allowance(self) -> Allowance {
        Allowance { amount: self.amount, per: self.window }
    }
    /// What of it is used at `pace` percent.
    pub fn share(self, pace: u8) -> Share {
        Share::of(self.allowance(), pace)
    }
}

/// A bucket nobody described gives one per second: slow enough to be noticed, never stuck.
const UNDESCRIBED: Quota = Quota::per_seconds(1, 1);

/// What one request takes from one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    pub bucket: Bucket,
    pub amount: u32,
}

/// All that one request takes, as an extension of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draws(pub Vec<Draw>);

/// How a budget begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing was sent lately.
    Full,
    /// Resumed: what an earlier process took is not known, so nothing is left.
    Empty,
}

/// The buckets of one run. Copies share them.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    clock: Clock,
    jitter: Stream,
    quotas: BTreeMap<String, Quota>,
    pace: u8,
    start: Start,
    state: Mutex<State>,
    silences: Silences,
}

#[derive(Default)]
struct State {
    buckets: BTreeMap<Bucket, Pace>,
    queue: Queue,
}

impl Budget {
    /// The share of every quota that is used unless the operator says otherwise, in percent.
    pub const PACE_DEFAULT: u8 = 70;
    /// Nobody is overtaken by those who came later than this after them.
    pub const LEAD_MAX: Duration = Duration::from_secs(120);

    pub fn new(env: &Env, quotas: &[(&str, Quota)], pace: u8, start: Start) -> Self {
        Self(Arc::new(Inner {
            clock: env.clock,
            jitter: env.random.stream("wire-jitter"),
            quotas: quotas.iter().map(|(name, quota)| ((*name).to_owned(), *quota)).collect(),
            pace: pace.clamp(1, 100),
            start,
            state: Mutex::default(),
            silences: Silences::default(),
        }))
    }

    /// Waits until every bucket can serve its draw, and takes it.
    pub async fn permit(&self, draws: &[Draw]) -> Permit {
        self.permit_ahead(draws, Duration::ZERO).await
    }

    /// The same for somebody whose work has a long way to go after it: they count as having come earlier by
    /// `lead`, of which at most [`Self::LEAD_MAX`] is believed.
    pub async fn permit_ahead(&self, draws: &[Draw], lead: Duration) -> Permit {
        let permit = Permit::new(draws);
        if draws.is_empty() {
            return permit;
        }
        let (grant, mut granted) = oneshot::channel();
        // Everybody's clock is late by the longest lead, so that no place is before the beginning.
        let since = self.now() + Self::LEAD_MAX.saturating_sub(lead);
        let place = self.state().queue.join(draws, since, grant);
        let _leave = Leave { budget: self, draws, place };
        while let Some(wait) = self.serve(draws, place) {
            tokio::select! {
                biased;
                _ = &mut granted => break,
                // Timers count milliseconds: a shorter wait would spin.
                () = self.0.clock.sleep(self.0.clock.as_lag(wait).max(Duration::from_millis(1))) => {}
            }
        }
        permit
    }

    /// Tells the buckets how the service answered a request that drew on them.
    pub fn note_response(&self, draws: &[Draw], status: http::StatusCode, headers: &http::HeaderMap) {
        let now = self.now();
        let load =
            headers.get("x-ms-throttle-limit-percentage").and_then(|v| v.to_str().ok()?.trim().parse().ok());
        let jitter = (status == 429).then(|| self.jitter());
        let stated = retry_after(headers).map(|span| self.0.clock.in_cloud(span));
        let spent = if status == 429 { self.spent(draws, headers) } else { None };
        let mut state = self.state();
        for draw in draws.iter().filter(|d| spent.is_none_or(|spent| d.bucket == *spent)) {
            let pace = self.bucket(&mut state, &draw.bucket, now);
            pace.refill(now);
            match jitter {
                Some(jitter) => pace.strike(now, stated, jitter),
                None => pace.note(now, load),
            }
        }
    }

    /// The bucket that the service says is spent; none if it does not say, or names one that the request
    /// did not draw on.
    fn spent<'a>(&self, draws: &'a [Draw], headers: &http::HeaderMap) -> Option<&'a Bucket> {
        let said = headers.get("x-ms-throttle-scope")?.to_str().ok()?;
        let is_named = |quota: &Quota| {
            let rest = quota.scope.and_then(|scope| said.trim().strip_prefix(scope));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let buckets = draws.iter().map(|d| &d.bucket);
        buckets.into_iter().find(|b| self.0.quotas.get(b.sort()).is_some_and(is_named))
    }

    /// A host answered a request that was sent at that time, or what was heard instead.
    pub(super) fn note_host(&self, uri: &http::Uri, sent: Timestamp, trouble: Option<Trouble>) {
        let (host, now) = (uri.host().unwrap_or_default(), self.0.clock.now());
        match trouble {
            None => self.0.silences.answered(host, now),
            Some(trouble) => self.0.silences.unanswered(host, trouble, sent, now),
        }
    }

    /// Hosts of which nothing is heard that is of use, one that refuses among them.
    pub fn troubles(&self) -> Vec<Silence> {
        self.0.silences.all(self.0.clock.now())
    }

    /// Hosts that do not answer, or that they fail.
    pub fn silences(&self) -> Vec<Silence> {
        let mut troubles = self.troubles();
        troubles.retain(|s| s.trouble != Trouble::Refusing);
        troubles
    }

    /// The host that has been silent for longest, if one is.
    pub fn silence(&self) -> Option<Silence> {
        self.silences().into_iter().max_by_key(Silence::lasts)
    }

    /// How long to wait before another try of a request that may be repeated; `tries` so far.
    pub fn backoff(&self, tries: u32) -> Duration {
        let grown = Duration::from_millis(500) * 2u32.pow(tries.saturating_sub(1).min(6));
        self.0.clock.as_lag(grown.mul_f64(0.75 + self.jitter() / 2.0))
    }

    /// What is allowed of a quota here: as documented, or as a quota file says.
    pub fn quota(&self, name: &str) -> Quota {
        self.0.quotas.get(name).copied().unwrap_or(UNDESCRIBED)
    }

    pub fn pace(&self) -> u8 {
        self.0.pace
    }

    /// How many times shorter than in a cloud windows and lags are here.
    pub fn haste(&self) -> u32 {
        self.0.clock.haste()
    }

    /// Quotas and pauses are reckoned in the cloud's time.
    fn now(&self) -> Duration {
        self.0.clock.in_cloud(self.0.clock.elapsed())
    }

    /// From 0 to 1.
    fn jitter(&self) -> f64 {
        f64::from(u32::try_from(self.0.jitter.below(1_001)).unwrap_or(0)) / 1_000.0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bucket<'a>(&self, state: &'a mut State, name: &Bucket, now: Duration) -> &'a mut Pace {
        state.buckets.entry(name.clone()).or_insert_with(|| self.pace_of(name, now))
    }

    /// A bucket that is used for the first time.
    fn pace_of(&self, name: &Bucket, now: Duration) -> Pace {
        Pace::new(self.quota(name.sort()), self.0.pace, self.0.start == Start::Full, now)
    }

    /// Serves whoever can be served. `None` if this one was; else how long it should wait.
    fn serve(&self, draws: &[Draw], place: Place) -> Option<Duration> {
        let now = self.now();
        let mut state = self.state();
        let State { buckets, queue } = &mut *state;
        for bucket in queue.buckets() {
            match buckets.get_mut(bucket) {
                Some(pace) => pace.refill(now),
                None => drop(buckets.insert(bucket.clone(), self.pace_of(bucket, now))),
            }
        }
        queue.serve(buckets, now);
        queue.wait(draws, place, buckets, now)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("pace", &self.0.pace).finish_non_exhaustive()
    }
}

/// `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3). A date counts from the `Date` of the same
/// answer, without which it says nothing: our clock may be wrong. Nonsense counts as absent; whatever is
/// longer than a day is a day, and shorter yet where it is used.
pub(super) fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let date = |text: &str| OffsetDateTime::parse(text, &Rfc2822).ok();
    let value = text(http::header::RETRY_AFTER)?;
    let seconds = match value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
        true => value.parse().unwrap_or(u64::MAX),
        false => {
            let span = date(value)? - date(text(http::header::DATE)?)?;
            u64::try_from(span.whole_seconds()).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds.min(86_400)))
}

/// Takes a waiter out of the queue when its caller has gone.
struct Leave<'a> {
    budget: &'a Budget,
    draws: &'a [Draw],
    place: Place,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.budget.state().queue.leave(self.draws, self.place);
    }
}

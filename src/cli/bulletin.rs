//! What the process at work knows of quotas and hosts, left in a file for `status` in another terminal, every few seconds.
//! Nothing is decided by it: it is shown, and who reads it knows how old it is.

use super::hindrance::{Hindrance, hindrance};
use crate::domain::share::Share;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Env;
use crate::wire::budget::gauge::Gauge;
use crate::wire::budget::{Bucket, Budget};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;

/// In the folder of the installation.
const FILE: &str = "at-work.json";
const EVERY: Duration = Duration::from_secs(3);
/// Whoever has not written for so long is stopped or gone.
const FRESH: Duration = Duration::from_secs(15);
const BYTES_MAX: u64 = 64 << 10;

/// At what rate a bucket is used now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    allowed_per_second: f64,
    bucket: Text<128>,
    per_second: f64,
}

/// What is known to the process at work alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bulletin {
    pub(crate) rates: Vec<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hindrance: Option<Hindrance>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    at: Timestamp,
    said: Bulletin,
}

impl Rate {
    fn of(gauge: &Gauge) -> Self {
        let Share { per_second, allowed_per_second, burst: _ } = gauge.share;
        Self { allowed_per_second, bucket: Text::lossy(gauge.bucket.as_str()), per_second }
    }

    pub(crate) fn bucket(&self) -> Bucket {
        Bucket::read(&self.bucket)
    }

    pub(crate) fn share(&self) -> Share {
        let Self { allowed_per_second, bucket: _, per_second } = *self;
        Share { per_second, allowed_per_second, burst: 0.0 }.flowing_at(per_second)
    }
}

impl Bulletin {
    pub(crate) fn of(budget: &Budget) -> Self {
        // Who goes at the pace is known without being told.
        let is_slowed = |gauge: &&Gauge| {
            let pace = f64::from(budget.pace()) / 100.0;
            gauge.share.per_second < gauge.share.allowed_per_second * pace * 0.999
        };
        let rates = budget.gauges().iter().filter(is_slowed).map(Rate::of).collect();
        Self { rates, hindrance: hindrance(budget) }
    }

    /// What the process at work said last; nothing if that is long ago, or no bulletin.
    pub(crate) fn read(env: &Env, home: &Path) -> Self {
        let read = env.disk.read(&home.join(FILE), BYTES_MAX).ok();
        let written = read.and_then(|bytes| serde_json::from_slice::<Written>(&bytes).ok());
        let now = env.clock.now();
        let is_fresh = |at: Timestamp| now.since(at) < FRESH && at.since(now) < FRESH;
        written.filter(|written| is_fresh(written.at)).map(|written| written.said).unwrap_or_default()
    }

    /// Keeps the file beside some work, from when the log is opened on: whose log it is not says nothing of the run.
    pub(crate) async fn beside<T>(
        (env, home): (&Env, &Path),
        budget: &Budget,
        opened: oneshot::Receiver<()>,
        work: impl Future<Output = T>,
    ) -> T {
        let posted = async {
            match opened.await {
                Ok(()) => Posted { env, path: home.join(FILE) }.keep(budget).await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            never = posted => match never {},
        }
    }
}

/// The file while a run goes on; it goes with it.
struct Posted<'a> {
    env: &'a Env,
    path: PathBuf,
}

impl Posted<'_> {
    /// A disk that does not take it says so elsewhere.
    async fn keep(self, budget: &Budget) -> Infallible {
        loop {
            let written = Written { at: self.env.clock.now(), said: Bulletin::of(budget) };
            if let Ok(bytes) = serde_json::to_vec(&written) {
                let _ = self.env.disk.replace(&self.path, &bytes);
            }
            self.env.clock.sleep(EVERY).await;
        }
    }
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        let _ = self.env.disk.remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::{Azure, quota::Operation};
    use crate::env::{Clock, Disk, RealDisk};
    use crate::wire::budget::Start;
    use std::sync::Arc;

    fn at_work() -> (tempfile::TempDir, Env) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::starting_at(Timestamp::from_unix_s(1_000_000));
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        (folder, Env { disk, ..Env::simulated(clock, 1) })
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_process_at_work_knows_is_read_while_it_is_fresh_and_gone_with_it() {
        let (folder, env) = at_work();
        let budget = Azure::budget_for(&env, 70, Start::Full);
        let draws = crate::azure::quota::draws(Operation::WriteObject).0;
        let too_much = http::StatusCode::TOO_MANY_REQUESTS;
        let (opens, opened) = oneshot::channel();
        let work = async {
            assert_eq!(Bulletin::read(&env, folder.path()), Bulletin::default(), "the log is another's yet");
            opens.send(()).unwrap();
            for _ in 0..4 {
                env.clock.sleep(Duration::from_secs(10)).await;
                budget.note_response(&draws, too_much, &http::HeaderMap::new());
            }
            env.clock.sleep(EVERY * 2).await;
            let said = Bulletin::read(&env, folder.path());
            let what = said.hindrance.as_ref().map(|by| by.what.to_string()).unwrap_or_default();
            assert!(
                what.starts_with("directory writes, refused by the service as too much (429) since "),
                "{what}"
            );
            let slowed = said.rates.iter().find(|rate| rate.bucket().sort() == "graph-writes").unwrap();
            assert!(slowed.share().per_second < 14.0, "{slowed:?}");
            env.disk.read(&folder.path().join(FILE), BYTES_MAX).unwrap()
        };
        let bytes = Bulletin::beside((&env, folder.path()), &budget, opened, work).await;
        assert_eq!(Bulletin::read(&env, folder.path()), Bulletin::default(), "it goes with the process");
        env.disk.write_new(&folder.path().join(FILE), &bytes).unwrap();
        assert!(Bulletin::read(&env, folder.path()).hindrance.is_some());
        env.clock.sleep(FRESH).await;
        assert_eq!(Bulletin::read(&env, folder.path()), Bulletin::default(), "the process was killed");
        for nonsense in
            [&b""[..], b"{", b"[]", br#"{"at":"1970-01-12T13:47:26.000Z","said":{"rates":[{"bucket":1}]}}"#]
        {
            std::fs::write(folder.path().join(FILE), nonsense).unwrap();
            assert_eq!(Bulletin::read(&env, folder.path()), Bulletin::default());
        }
    }
}

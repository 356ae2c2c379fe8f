//! Hosts that do not answer: since when, and what comes instead.

use crate::domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A host that was asked, more than once, and has not answered since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    pub host: String,
    pub since: Timestamp,
    /// Of the last request that got no answer: while nobody asks, nothing is known.
    pub until: Timestamp,
}

impl Silence {
    pub fn lasts(&self) -> Duration {
        self.until.since(self.since)
    }
}

/// Longer than any pause between two tries of the same request.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

/// What is known of each host that did not answer last.
#[derive(Default)]
pub(super) struct Silences(Mutex<BTreeMap<String, Asked>>);

struct Asked {
    times: u32,
    since: Timestamp,
    until: Timestamp,
}

impl Silences {
    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answered(&self, host: &str) {
        let mut hosts = self.hosts();
        if !hosts.is_empty() {
            hosts.remove(host);
        }
    }

    pub(super) fn unanswered(&self, host: &str, at: Timestamp) {
        let mut hosts = self.hosts();
        let first = || Asked { times: 0, since: at, until: at };
        let asked = hosts.entry(host.to_owned()).or_insert_with(first);
        asked.times += 1;
        asked.until = asked.until.max(at);
    }

    /// Who has been silent for longest. One lost answer is none, and who was not asked lately may be back.
    pub(super) fn longest(&self, now: Timestamp) -> Option<Silence> {
        let hosts = self.hosts();
        let silent = hosts.iter().filter(|(_, a)| a.times > 1 && now.since(a.until) < FORGOTTEN_AFTER);
        let silent = silent.map(|(host, Asked { since, until, .. })| Silence {
            host: host.clone(),
            since: *since,
            until: *until,
        });
        silent.max_by_key(Silence::lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_silent_until_it_answers() {
        let (silences, at) = (Silences::default(), Timestamp::from_unix_s);
        let longest = |now| silences.longest(at(now)).map(|s| (s.host, s.since, s.until));
        silences.unanswered("graph", at(10));
        assert_eq!(longest(10), None, "one lost answer");
        silences.unanswered("graph", at(40));
        silences.unanswered("vault", at(41));
        silences.unanswered("vault", at(42));
        assert_eq!(longest(42), Some(("graph".to_owned(), at(10), at(40))));
        silences.answered("graph");
        assert_eq!(longest(42), Some(("vault".to_owned(), at(41), at(42))));
        assert_eq!(longest(342), None, "nobody has asked since");
        silences.answered("vault");
        assert_eq!(longest(42), None);
        silences.unanswered("graph", at(100));
        assert_eq!(longest(100), None, "it begins anew");
    }
}

//! Hosts that do not answer, or with nothing that is of use: since when.

use crate::domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is heard of a host instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Silent,
    /// The service, or what stands before it, says that it fails.
    Failing,
    /// "Too much", although nobody counts here what it grants: a token endpoint.
    Refusing,
}

/// A host that was asked, or kept one request waiting for long, and has not answered since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    pub host: String,
    /// What was heard last.
    pub trouble: Trouble,
    /// When the first request was sent that got no answer, or the last answer came.
    pub since: Timestamp,
    /// When the last of them was given up: while nobody asks, nothing is known.
    pub until: Timestamp,
}

impl Silence {
    pub fn lasts(&self) -> Duration {
        self.until.since(self.since)
    }
}

/// Longer than any pause between two tries of the same request.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

/// What is known of each host.
#[derive(Default)]
pub(super) struct Silences(Mutex<BTreeMap<String, Host>>);

#[derive(Default)]
struct Host {
    answered: Option<Timestamp>,
    unanswered: Option<Unanswered>,
}

struct Unanswered {
    times: u32,
    trouble: Trouble,
    since: Timestamp,
    until: Timestamp,
}

impl Unanswered {
    fn is_recent(&self, now: Timestamp) -> bool {
        now.since(self.until) < FORGOTTEN_AFTER
    }
}

impl Silences {
    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Host>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answered(&self, host: &str, now: Timestamp) {
        let mut hosts = self.hosts();
        let known = match hosts.get_mut(host) {
            Some(known) => known,
            None => hosts.entry(host.to_owned()).or_default(),
        };
        *known = Host { answered: Some(now), unanswered: None };
    }

    /// A request that was sent at `sent` had come to this, and no more, at `now`.
    pub(super) fn unanswered(&self, host: &str, trouble: Trouble, sent: Timestamp, now: Timestamp) {
        let mut hosts = self.hosts();
        let known = hosts.entry(host.to_owned()).or_default();
        // To refuse is to answer: neither goes on as the other.
        let is_alike =
            |before: &Unanswered| (before.trouble == Trouble::Refusing) == (trouble == Trouble::Refusing);
        let before = known.unanswered.take().filter(|before| before.is_recent(now) && is_alike(before));
        known.unanswered = Some(match before {
            Some(Unanswered { times, since, .. }) => {
                Unanswered { times: times + 1, trouble, since, until: now }
            }
            None => {
                let since = known.answered.map_or(sent, |answered| answered.max(sent));
                Unanswered { times: 1, trouble, since, until: now }
            }
        });
    }

    /// All that are silent. One lost answer is no silence, and who was not asked lately may be back.
    pub(super) fn all(&self, now: Timestamp) -> Vec<Silence> {
        let hosts = self.hosts();
        let silent = hosts.iter().filter_map(|(host, known)| {
            let Unanswered { times, trouble, since, until } =
                known.unanswered.as_ref().filter(|u| u.is_recent(now))?;
            (*times > 1).then(|| Silence {
                host: host.clone(),
                trouble: *trouble,
                since: *since,
                until: *until,
            })
        });
        silent.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_silent_until_it_answers() {
        let (silences, at) = (Silences::default(), Timestamp::from_unix_s);
        let longest = |now| {
            let longest = silences.all(at(now)).into_iter().max_by_key(Silence::lasts);
            longest.map(|s| (s.host, s.since, s.until))
        };
        silences.unanswered("graph", Trouble::Silent, at(9), at(10));
        assert_eq!(longest(10), None, "one lost answer");
        silences.unanswered("graph", Trouble::Silent, at(12), at(40));
        silences.unanswered("vault", Trouble::Silent, at(20), at(41));
        silences.unanswered("vault", Trouble::Silent, at(20), at(42));
        assert_eq!(longest(42), Some(("graph".to_owned(), at(9), at(40))));
        silences.answered("graph", at(43));
        assert_eq!(longest(43), Some(("vault".to_owned(), at(20), at(42))));
        assert_eq!(longest(342), None, "nobody has asked since");
        silences.unanswered("vault", Trouble::Silent, at(86_400), at(86_401));
        assert_eq!(longest(86_401), None, "the next day it begins anew");
        silences.unanswered("graph", Trouble::Silent, at(20), at(50));
        silences.unanswered("graph", Trouble::Silent, at(45), at(51));
        assert_eq!(longest(51).map(|(_, since, _)| since), Some(at(43)), "it had answered meanwhile");
    }

    /// Two minutes of refusals and one slow answer are no two minutes of silence.
    #[test]
    fn a_refusal_is_an_answer() {
        let (silences, at) = (Silences::default(), Timestamp::from_unix_s);
        let known = |now| silences.all(at(now)).into_iter().map(|s| (s.trouble, s.since)).next();
        for s in 0..120 {
            silences.unanswered("login", Trouble::Refusing, at(s), at(s + 1));
        }
        assert_eq!(known(120), Some((Trouble::Refusing, at(0))));
        silences.unanswered("login", Trouble::Silent, at(121), at(130));
        assert_eq!(known(130), None, "once");
        silences.unanswered("login", Trouble::Failing, at(131), at(132));
        assert_eq!(known(132), Some((Trouble::Failing, at(121))));
    }
}

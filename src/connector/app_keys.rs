//! Lists of certificates, of many objects with one request.
//!
//! Requests that select `keyCredentials` have the narrowest quota of all reads, 150 a minute and
//! tenant, however many objects they name: a filter may name fifteen (Microsoft Learn, "filter query
//! parameter": `in`). One request is under way at a time; whoever asks meanwhile travels with the next of
//! their sort. So the more wait, the less each costs, and who is alone reads the object itself. Reads after
//! which nothing is written can wait ([`Haste`]).

use crate::azure::Azure;
use crate::azure::fault::ApiError;
use crate::azure::graph::credentials::{Holder, KeyCredential};
use crate::domain::event::FaultClass;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Objects that one request may name.
pub(super) const TOGETHER: usize = 15;

/// One object's list, without public keys; none if there is no such object.
type Answer = Result<Option<Vec<KeyCredential>>, ApiError>;

/// Who has waited so long goes first, however few travel along.
const LONG: Duration = Duration::from_secs(5);

/// Whether something is written after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// A chain of steps goes on after it.
    Usual,
    /// A proof: it goes behind those who come up to two minutes later, so that no write waits for it.
    CanWait,
}

impl Haste {
    /// How much later they count as having come.
    fn handicap(self) -> Duration {
        match self {
            Haste::Usual => Duration::ZERO,
            Haste::CanWait => Duration::from_secs(120),
        }
    }
}

/// Reads lists of certificates. What it reads is never kept.
pub(super) struct AppKeys {
    azure: Azure,
    waiting: Mutex<Waiting>,
    turn: tokio::sync::Mutex<()>,
}

/// A request is of one collection.
#[derive(Default)]
struct Waiting {
    applications: VecDeque<Waiter>,
    principals: VecDeque<Waiter>,
}

struct Waiter {
    holder: Holder,
    /// When they came, or count as having come.
    since: Duration,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    fn join(&mut self, waiter: Waiter) {
        let line = match waiter.holder {
            Holder::Application(_) => &mut self.applications,
            Holder::ServicePrincipal(_) => &mut self.principals,
        };
        let index = line.partition_point(|w| w.since <= waiter.since);
        line.insert(index, waiter);
    }

    /// Those who travel together now: the most that can, but nobody waits long. Who has gone meanwhile
    /// does not travel.
    fn next(&mut self, now: Duration) -> Vec<Waiter> {
        let Self { applications, principals } = self;
        for line in [&mut *applications, &mut *principals] {
            line.retain(|w| !w.answer.is_closed());
        }
        let rank = |line: &VecDeque<Waiter>| {
            let waited = line.front().map_or(Duration::ZERO, |w| now.saturating_sub(w.since));
            (if waited < LONG { Duration::ZERO } else { waited }, line.len())
        };
        let line = if rank(principals) > rank(applications) { principals } else { applications };
        let many = line.len().min(TOGETHER);
        line.drain(..many).collect()
    }
}

impl AppKeys {
    pub(super) fn new(azure: Azure) -> Self {
        Self { azure, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificates on one object, read after this was called.
    pub(super) async fn read(&self, holder: &Holder, haste: Haste) -> Answer {
        let clock = self.azure.env().clock;
        let handicap = clock.as_lag(haste.handicap());
        loop {
            let (answer, mut answered) = oneshot::channel();
            let since = clock.elapsed() + handicap;
            self.waiting().join(Waiter { holder: holder.clone(), since, answer });
            let read = loop {
                tokio::select! {
                    biased;
                    read = &mut answered => break read,
                    _turn = self.turn.lock() => {
                        let travellers = self.waiting().next(clock.elapsed());
                        self.ask(travellers).await;
                    }
                }
            };
            // Whoever asked for us was called away: ask again.
            if let Ok(read) = read {
                return read;
            }
        }
    }

    async fn ask(&self, travellers: Vec<Waiter>) {
        let graph = self.azure.graph();
        if let [alone] = travellers.as_slice() {
            let read = graph.keys(&alone.holder).await;
            travellers.into_iter().for_each(|w| drop(w.answer.send(read.clone())));
            return;
        }
        let holders: Vec<&Holder> = travellers.iter().map(|w| &w.holder).collect();
        let read = graph.keys_of(&holders).await;
        // One of them may be why: then each is asked for by itself.
        let is_about_one = |e: &ApiError| {
            matches!(e.class, FaultClass::Unexpected | FaultClass::Refused | FaultClass::NotYet)
        };
        if read.as_ref().is_err_and(is_about_one) {
            for Waiter { holder, answer, .. } in travellers.into_iter().filter(|w| !w.answer.is_closed()) {
                let _ = answer.send(graph.keys(&holder).await);
            }
            return;
        }
        for Waiter { holder, answer, .. } in travellers {
            let own = read.as_ref().map(|lists| lists.get(holder.object()).cloned());
            // Who has gone away does not want it any more.
            let _ = answer.send(own.map_err(Clone::clone));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(holder: Holder, since: u64) -> (Waiter, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        (Waiter { holder, since: Duration::from_secs(since), answer }, answered)
    }

    #[test]
    fn a_proof_travels_behind_those_who_write_and_not_for_ever() {
        let id = |n: u32| format!("8a1d0000-0000-4000-8000-{n:012x}").parse().unwrap();
        let (mut waiting, mut kept) = (Waiting::default(), Vec::new());
        let mut join = |waiting: &mut Waiting, n: u32, at: u64, haste: Haste| {
            let (waiter, answered) = waiter(Holder::Application(id(n)), at + haste.handicap().as_secs());
            waiting.join(waiter);
            kept.push(answered);
        };
        let trip = |waiting: &mut Waiting, now: u64| -> Vec<String> {
            let travellers = waiting.next(Duration::from_secs(now));
            travellers.iter().map(|w| w.holder.object().as_str()[32..].to_owned()).collect()
        };
        (0..15).for_each(|n| join(&mut waiting, n, 10, Haste::CanWait));
        (15..29).for_each(|n| join(&mut waiting, n, 20, Haste::Usual));
        join(&mut waiting, 29, 131, Haste::Usual);
        let first = trip(&mut waiting, 140);
        assert_eq!((first[0].as_str(), first[13].as_str(), first[14].as_str()), ("000f", "001c", "0000"));
        let second = trip(&mut waiting, 141);
        assert_eq!(
            (second[13].as_str(), second[14].as_str()),
            ("000e", "001d"),
            "a proof of 10 s goes before a write of 131"
        );
    }

    #[test]
    fn the_most_travel_together_and_nobody_waits_long() {
        let id = |n: u32| format!("8a1d0000-0000-4000-8000-{n:012x}").parse().unwrap();
        let (mut waiting, mut kept) = (Waiting::default(), Vec::new());
        let mut join = |waiting: &mut Waiting, holder, since| {
            let (waiter, answered) = waiter(holder, since);
            waiting.join(waiter);
            kept.push(answered);
        };
        (0..40).for_each(|n| join(&mut waiting, Holder::Application(id(n)), 10));
        (0..3).for_each(|n| join(&mut waiting, Holder::ServicePrincipal(id(n)), 8));
        let is_application = |w: &Waiter| matches!(w.holder, Holder::Application(_));
        let mut trip = |now: u64| {
            let travellers = waiting.next(Duration::from_secs(now));
            (travellers.len(), travellers.iter().all(is_application))
        };
        assert_eq!(trip(12), (TOGETHER, true));
        assert_eq!(trip(13), (3, false), "they have waited long");
        assert_eq!(trip(14), (TOGETHER, true));
        drop(kept);
        assert_eq!(trip(15), (0, true), "everybody has gone");
    }
}

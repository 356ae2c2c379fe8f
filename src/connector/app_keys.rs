//! Lists of certificates, of many objects with one request.
//!
//! Requests that select `keyCredentials` have the narrowest quota of all reads, 150 a minute and
//! tenant, however many objects they name: a filter may name fifteen (Microsoft Learn, "filter query
//! parameter": `in`). One request is under way at a time; whoever asks meanwhile travels with the next of
//! their sort. So the more wait, the less each costs, and who is alone reads the object itself.

use crate::azure::Azure;
use crate::azure::fault::ApiError;
use crate::azure::graph::credentials::{Holder, KeyCredential};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Objects that one request may name.
const TOGETHER: usize = 15;

/// One object's list, without public keys; none if there is no such object.
type Answer = Result<Option<Vec<KeyCredential>>, ApiError>;

/// Who has waited so long goes first, however few travel along.
const LONG: Duration = Duration::from_secs(5);

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
    since: Duration,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    fn join(&mut self, waiter: Waiter) {
        match waiter.holder {
            Holder::Application(_) => self.applications.push_back(waiter),
            Holder::ServicePrincipal(_) => self.principals.push_back(waiter),
        }
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
    pub(super) async fn read(&self, holder: &Holder) -> Answer {
        let clock = self.azure.env().clock;
        loop {
            let (answer, mut answered) = oneshot::channel();
            self.waiting().join(Waiter { holder: holder.clone(), since: clock.elapsed(), answer });
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

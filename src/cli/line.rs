//! The line to the services as the person at the terminal meets it: a host that does not answer is
//! named at once, with the reason, while it is tried again; and once more when a command fails
//! because of it.

use super::error::Failure;
use super::hindrance::hindrance;
use super::human::Notices;
use crate::wire::budget::Budget;
use crate::wire::{Class, Kind, Wire, WireError};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Silence of a host that makes people wonder.
const SILENCE: Duration = Duration::from_secs(8);

/// What is known of the hosts that were asked. Copies share it.
#[derive(Clone)]
pub(crate) struct Line(Arc<Inner>);

struct Inner {
    notices: Notices,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Hosts whose last request got no answer, and why.
    silent: BTreeMap<String, &'static str>,
    /// Hosts of which it was said that they have not answered yet.
    late: BTreeSet<String>,
    /// How often each host has answered.
    answers: BTreeMap<String, u64>,
    lab: Option<PathBuf>,
    /// What is sent on it draws on this.
    budget: Option<Budget>,
}

impl Line {
    pub(crate) fn new(notices: Notices) -> Self {
        Self(Arc::new(Inner { notices, state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of which budget it takes what is sent on it.
    pub(crate) fn draws_on(&self, budget: &Budget) {
        self.state().budget = Some(budget.clone());
    }

    /// What lets nothing through now, if anything does.
    pub(crate) fn standstill(&self) -> Option<String> {
        let budget = self.state().budget.clone()?;
        hindrance(&budget).filter(|by| by.is_standstill).map(|by| by.what.to_string())
    }

    /// The wire, listened to. With `lab`, its hosts are those of a lab on this machine.
    pub(crate) fn around(&self, wire: impl Wire + 'static, lab: Option<&Path>) -> Arc<dyn Wire> {
        self.state().lab = lab.map(Path::to_owned);
        Arc::new(Listened { inner: wire, line: self.clone() })
    }

    fn is_silent(&self, e: &WireError, class: Class) {
        let why = e.why();
        if self.state().silent.insert(e.host.to_string(), why).is_some() {
            return;
        }
        let then = match (class, e.kind) {
            (Class::Write, _) => "it was a change, so it is not sent again before a look".to_owned(),
            _ => "trying again".to_owned(),
        };
        self.0.notices.say(&format!("{} does not answer ({why}): {then}", e.host));
    }

    fn answers_of(&self, host: &str) -> u64 {
        self.state().answers.get(host).copied().unwrap_or(0)
    }

    /// Of a request that was sent after so many answers. Said once, however many wait for the host; and not if it has
    /// answered others meanwhile.
    fn is_late(&self, host: &str, answers: u64) {
        if self.answers_of(host) == answers && self.state().late.insert(host.to_owned()) {
            let waited = SILENCE.as_secs();
            self.0.notices.say(&format!("{host} has not answered for {waited} s: it is waited for"));
        }
    }

    fn answers(&self, host: &str) {
        let (was_late, why) = {
            let mut state = self.state();
            *state.answers.entry(host.to_owned()).or_default() += 1;
            (state.late.remove(host), state.silent.remove(host))
        };
        if was_late || why.is_some() {
            self.0.notices.say(&format!("{host} answers again"));
        }
    }

    /// A failure that came while a host did not answer says so, and what to check.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let Some((what, next)) = self.trouble() else { return failure };
        Failure { what: format!("{what}: {}", failure.what), next, ..failure }
    }

    /// What does not answer, and what to check; none if everything answered when last asked.
    pub(crate) fn trouble(&self) -> Option<(String, String)> {
        let host = self.state().silent.keys().next().cloned()?;
        self.trouble_with(&host)
    }

    pub(crate) fn trouble_with(&self, host: &str) -> Option<(String, String)> {
        let state = self.state();
        let why = state.silent.get(host)?;
        let next = match &state.lab {
            Some(lab) => format!(
                "start the lab again with `reissue lab PLAYBOOK --dir {}`, and leave it running",
                lab.display()
            ),
            None => format!(
                "check that this machine reaches https://{host}: name resolution, firewall, proxy \
                 (HTTPS_PROXY), a proxy's own certificate authority; and that the cloud is the right one"
            ),
        };
        Some((format!("{host} does not answer ({why})"), next))
    }
}

struct Listened<W> {
    inner: W,
    line: Line,
}

impl<W> fmt::Debug for Listened<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listened")
    }
}

#[async_trait]
impl<W: Wire> Wire for Listened<W> {
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let class = Class::of(&request);
        let host = request.uri().host().unwrap_or_default().to_owned();
        let answers = self.line.answers_of(&host);
        let mut call = std::pin::pin!(self.inner.call(request));
        let result = tokio::select! {
            biased;
            result = &mut call => result,
            () = tokio::time::sleep(SILENCE) => {
                self.line.is_late(&host, answers);
                call.await
            }
        };
        match &result {
            Ok(_) => self.line.answers(&host),
            Err(e) if matches!(e.kind, Kind::Connect | Kind::Timeout | Kind::Cut) => {
                self.line.is_silent(e, class);
            }
            Err(_) => {}
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::codes;
    use crate::cli::human::{Output, tests::Kept};
    use crate::env::Env;
    use crate::wire::budget::{Budget, Start};
    use crate::wire::metered::Metered;
    use crate::wire::{Cause, Reached};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Does not answer before the nth try, or only after a while.
    struct Stub {
        tries: AtomicU32,
        answers_at: u32,
        takes: Duration,
    }

    impl fmt::Debug for Stub {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Stub")
        }
    }

    #[async_trait]
    impl Wire for Stub {
        async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
            tokio::time::sleep(self.takes).await;
            match self.tries.fetch_add(1, Ordering::Relaxed) + 1 >= self.answers_at {
                true => Ok(http::Response::new(Bytes::new())),
                false => {
                    let e = WireError::new(Kind::Connect, Reached::No, request.uri());
                    Err(e.because(Cause::Refused))
                }
            }
        }
    }

    /// What is said, how long it took, and the line afterwards.
    async fn ask(answers_at: u32, takes: u64) -> (String, Duration, Line) {
        let (kept, stderr) = Kept::new();
        let out = Output::to(Box::new(std::io::sink()), Box::new(stderr), false);
        let line = Line::new(out.notices());
        let stub = Stub { tries: AtomicU32::new(0), answers_at, takes: Duration::from_secs(takes) };
        let env = Env::simulated(crate::env::Clock::starting_at("2026-01-05T03:00:00Z".parse().unwrap()), 1);
        let budget = Budget::new(&env, &[], 70, Start::Full);
        let wire = Metered::new(line.around(stub, None), budget, &env);
        let mut request = http::Request::get("https://graph.example/v1.0").body(Bytes::new()).unwrap();
        request.extensions_mut().insert(Class::Read);
        let _ = wire.call(request).await;
        (kept.text(), env.clock.elapsed(), line)
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_answer_is_named_once_and_then_given_up() {
        let (said, took, line) = ask(u32::MAX, 0).await;
        assert_eq!(said, "graph.example does not answer (connection refused): trying again\n");
        assert!(took < Duration::from_secs(60), "{took:?}");
        let failure = line.explain(Failure::new(codes::NO_PLAN, "no plan was made", "look"));
        assert_eq!(failure.what, "graph.example does not answer (connection refused): no plan was made");
        assert!(failure.next.contains("https://graph.example") && failure.next.contains("firewall"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_comes_back_is_told_too_and_explains_nothing() {
        let (said, _, line) = ask(3, 0).await;
        assert!(said.ends_with("graph.example answers again\n"), "{said}");
        assert_eq!(line.trouble(), None);
    }

    /// Several at a time, of which the first takes long and another is answered meanwhile.
    #[tokio::test(start_paused = true)]
    async fn one_slow_answer_of_a_host_that_is_well_is_not_told() {
        let (kept, stderr) = Kept::new();
        let line = Line::new(Output::to(Box::new(std::io::sink()), Box::new(stderr), false).notices());
        let ask = async |wait: u64, takes: u64| {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let stub = Stub { tries: AtomicU32::new(0), answers_at: 1, takes: Duration::from_secs(takes) };
            let request = http::Request::get("https://graph.example/v1.0").body(Bytes::new()).unwrap();
            line.around(stub, None).call(request).await.unwrap();
        };
        futures::join!(ask(0, 30), ask(1, 2));
        assert_eq!(kept.text(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_one_is_named_while_it_is_waited_for() {
        let (said, _, _) = ask(1, 30).await;
        assert_eq!(
            said,
            "graph.example has not answered for 8 s: it is waited for\ngraph.example answers again\n"
        );
    }
}

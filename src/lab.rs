//! The lab tenant: a hostile Entra ID, Microsoft Graph and Key Vault in one tower service, with
//! people in it, for tests, simulation and drills.
//!
//! It is written from Microsoft's documented behaviour and shares no code with the clients it
//! judges: it knows only `env` (time and chance) and the names in `domain`. A request is routed
//! by its host name, real or lab. All time is the given [`Clock`], all chance the given
//! [`Random`]: on a paused tokio clock a lab is deterministic.
//!
//! ```text
//! request ─ fault layer ─ half the latency ─ login | graph | vault | arm ─ half ─ fault layer ─ reply
//!                                             └ directory, vaults, quotas, logs, ledger ┘
//! ```

mod admin;
mod answer;
mod arm;
mod ask;
mod audit;
mod blob;
mod credential;
mod directory;
mod fault;
mod graph;
mod hosts;
mod keys;
mod ledger;
mod login;
mod options;
mod people;
mod quota;
pub mod recorder;
pub mod serve;
mod state;
mod statement;
mod stranger;
mod token;
mod vault;

pub use admin::{AppHandle, CredentialFact, ManagementPolicy, NewApplication, NewUser, Owner, SecretSpec};
pub use fault::Faults;
pub use hosts::LabCloud;
pub use keys::{CertificateError, TestCertificate};
pub use ledger::{AttackerRecord, ConsumerRecord, Ledger, Write};
pub use options::{Between, LabOptions, Lags, TenantSize};
pub use people::{AttackerSpec, ConsumerSpec, Habit, UserAttackerSpec, VaultSecret};
pub use vault::model::VaultRole;

use crate::env::{Clock, Random};
use answer::Answer;
use ask::Ask;
use bytes::Bytes;
use fault::Fate;
use futures::future::BoxFuture;
use hosts::Surface;
use state::State;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// Sign-ins in a row that a login node which behaves otherwise is not missed by: one of three nodes
/// is missed by all of them once in 400 times.
const LAST_CALLS: u32 = 15;

/// The connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the lab was lost (the request may have arrived: {may_have_reached})")]
pub struct LabDisconnect {
    /// False only if the request certainly never left the client.
    pub may_have_reached: bool,
}

struct Shared {
    state: Mutex<State>,
    clock: Clock,
    /// Wakes the people when someone joins them.
    joined: tokio::sync::Notify,
}

/// One lab tenant. Copies share it.
#[derive(Clone)]
pub struct Lab {
    shared: Arc<Shared>,
}

impl Lab {
    pub fn new(clock: Clock, random: Random, options: LabOptions) -> Self {
        let state = Mutex::new(State::new(clock, random, options));
        Self { shared: Arc::new(Shared { state, clock, joined: tokio::sync::Notify::new() }) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The lab as a tower service, for clients in the same process.
    pub fn service(&self) -> LabService {
        LabService { lab: self.clone() }
    }

    /// Answers one request. Its URI is absolute, or it has a `Host` header.
    pub async fn handle(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, LabDisconnect> {
        let ask = Ask::read(request);
        let surface = self.with(|state| known_surface(state, &ask));
        let Some(surface) = surface else { return Err(LabDisconnect { may_have_reached: false }) };
        let (joined, fate, latency) = self.with(|state| {
            (
                stranger::act(state),
                draw_fate(state, &ask, &surface),
                state.options.lags.request.draw(&state.random.stream("lab-latency")),
            )
        });
        if joined {
            self.shared.joined.notify_one();
        }
        self.pause(latency / 2).await;
        let (mut answer, (lose_reply, cut_body, delay)) = match fate {
            Fate::Lost { may_have_reached } => return Err(LabDisconnect { may_have_reached }),
            Fate::Answer(answer) => (answer, (false, false, std::time::Duration::ZERO)),
            Fate::Go { lose_reply, cut_body, delay } => {
                (self.with(|s| route(s, &ask, &surface)), (lose_reply, cut_body, delay))
            }
        };
        self.with(|state| finish(state, &ask, &surface, &mut answer));
        self.pause(latency / 2 + delay).await;
        if lose_reply {
            return Err(LabDisconnect { may_have_reached: true });
        }
        let response = answer.into_http();
        if cut_body {
            return Ok(response.map(|body| body.slice(..body.len() / 2)));
        }
        let sink = self.with(|state| state.recorder.clone()).filter(|_| recorder::keeps(&surface, &ask));
        if let Some(sink) = sink {
            sink(&recorder::line(&ask, &response));
        }
        Ok(response)
    }

    async fn pause(&self, span: std::time::Duration) {
        if !span.is_zero() {
            self.shared.clock.sleep(span).await;
        }
    }

    /// Hands each exchange that an API description can judge to `sink` as one JSON line, its
    /// secrets replaced.
    pub fn record(&self, sink: impl Fn(&str) + Send + Sync + 'static) {
        self.with(|state| state.recorder = Some(Arc::new(sink)));
    }
    /// The lab's own time.
    pub fn now(&self) -> crate::domain::time::Timestamp {
        self.shared.clock.now()
    }

    /// Changes the lab's hostility from now on: off, for the quiet end of a simulation.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|state| state.options.faults = faults);
    }
    /// Makes every sign-in of a client fail with this `AADSTS` number; `None` ends that.
    pub fn refuse_sign_in(&self, client_id: &crate::domain::id::ClientId, code: Option<u32>) {
        self.with(|state| match code {
            Some(code) => state.refused.insert(client_id.to_string(), code),
            None => state.refused.remove(client_id.as_str()),
        });
    }

    pub fn tenant(&self) -> crate::domain::id::TenantId {
        self.with(|state| state.options.tenant.clone())
    }

    /// A consumer moves in.
    pub fn consumer(&self, spec: ConsumerSpec) {
        self.with(|state| people::add_consumer(state, spec));
        self.shared.joined.notify_one();
    }
    /// An attacker begins; the answer is its name in the ledger.
    pub fn attacker(&self, spec: AttackerSpec) -> String {
        let name = self.with(|state| people::add_attacker(state, spec));
        self.shared.joined.notify_one();
        name
    }
    /// The same with a user's password.
    pub fn user_attacker(&self, spec: UserAttackerSpec) -> String {
        let name = self.with(|state| people::add_user_attacker(state, spec));
        self.shared.joined.notify_one();
        name
    }
    /// Restarts a consumer: it reads its source again at its next sign-in.
    pub fn restart(&self, consumer: &str) {
        self.with(|state| people::restart(state, consumer));
    }
    /// Edits the setting of a consumer that names one version: it names the newest from now on.
    pub fn repoint(&self, consumer: &str) {
        self.with(|state| people::repoint(state, consumer));
    }

    /// Runs consumers and attackers on the lab's clock until dropped.
    pub async fn people(&self) {
        loop {
            let next = self.with(people::run_due);
            let joined = self.shared.joined.notified();
            match next {
                Some(at) => {
                    tokio::select! {
                        biased;
                        () = self.shared.clock.sleep_until(at) => {}
                        () = joined => {}
                    }
                }
                None => joined.await,
            }
        }
    }

    /// Everybody signs in once more, often enough to meet every login node: then the ledger ends
    /// with who can still sign in.
    pub fn last_call(&self) {
        for _ in 0..LAST_CALLS {
            self.with(|state| {
                people::hurry(state);
                people::run_due(state);
            });
        }
    }

    /// What happened so far.
    pub fn ledger(&self) -> Ledger {
        self.with(|state| state.ledger.as_of(state.now()))
    }
}

/// The service behind the host; `None` if nothing has that name.
fn known_surface(state: &State, ask: &Ask) -> Option<Surface> {
    match hosts::surface(&ask.authority, &state.options.extra_hosts) {
        Surface::Nowhere => None,
        Surface::Vault(_) if state.options.cloud.is_some_and(|c| !c.has(&ask.authority)) => None,
        Surface::Vault(name) if !state.vaults.contains_key(&name) => None,
        surface => Some(surface),
    }
}

/// What happens to a request, as the fault layer decides.
fn draw_fate(state: &mut State, ask: &Ask, surface: &Surface) -> Fate {
    let now = state.now();
    if let Some(answer) = state.lie.as_ref().and_then(|lie| lie.told(surface, now)) {
        return Fate::Answer(answer);
    }
    let tenant = state.options.tenant.as_str();
    let (fate, happened) = fault::fate(&state.options, &state.random, (ask, surface), tenant);
    happened.iter().for_each(|name| state.ledger.count_fault(name));
    if let Some(lie) = fault::Lie::begin(&happened, surface, state) {
        state.lie = Some(lie);
    }
    fate
}

fn route(state: &mut State, ask: &Ask, surface: &Surface) -> Answer {
    match surface {
        Surface::Login => login::route(state, ask),
        Surface::Graph => graph::route(state, ask),
        Surface::Vault(name) => vault::route(state, ask, name),
        Surface::Blob(account) => blob::route(state, ask, account),
        Surface::Management | Surface::Nowhere => arm::route(state, ask),
    }
}

/// Adds what every reply of a service carries: request ids and times.
fn finish(state: &mut State, ask: &Ask, surface: &Surface, answer: &mut Answer) {
    let (now, id) = (state.now(), state.new_trace_id());
    let given = ask.header("client-request-id").or_else(|| ask.header("x-ms-client-request-id"));
    let client_id = given.unwrap_or(&id).to_owned();
    let name = match surface {
        Surface::Login => {
            login::error::finish(answer, &id, &client_id, &ask.authority, now);
            answer.headers.push(("x-ms-request-id", id));
            "login"
        }
        Surface::Graph => {
            graph::error::finish(answer, &id, &client_id, now);
            let diagnostic = "{\"ServerInfo\":{\"DataCenter\":\"Lab\",\"Slice\":\"E\",\"Ring\":\"1\",\"ScaleUnit\":\"000\",\"RoleInstance\":\"LAB00000000\"}}";
            answer.headers.push(("x-ms-ags-diagnostic", diagnostic.into()));
            answer.headers.push(("request-id", id));
            answer.headers.push(("client-request-id", client_id));
            "graph"
        }
        Surface::Vault(_) => {
            answer.headers.push(("x-ms-request-id", id));
            "vault"
        }
        Surface::Blob(_) => {
            answer.headers.push(("x-ms-request-id", id));
            "blob"
        }
        Surface::Management | Surface::Nowhere => {
            answer.headers.push(("x-ms-request-id", id));
            "management"
        }
    };
    answer.headers.push(("date", http_date(now)));
    state.ledger.count_answer(name, answer.status);
}

/// `Mon, 23 Nov 2026 07:00:00 GMT` (RFC 9110, 5.6.7).
fn http_date(now: crate::domain::time::Timestamp) -> String {
    let t = keys::date_time(now);
    let (day, month) = (t.weekday().to_string(), t.month().to_string());
    let clock = format!("{:02}:{:02}:{:02}", t.hour(), t.minute(), t.second());
    format!("{}, {:02} {} {:04} {clock} GMT", &day[..3], t.day(), &month[..3], t.year())
}

/// [`Lab`] as a tower service.
#[derive(Clone)]
pub struct LabService {
    lab: Lab,
}

impl tower::Service<http::Request<Bytes>> for LabService {
    type Response = http::Response<Bytes>;
    type Error = LabDisconnect;
    type Future = BoxFuture<'static, Result<Self::Response, LabDisconnect>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LabDisconnect>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let lab = self.lab.clone();
        Box::pin(async move { lab.handle(request).await })
    }
}

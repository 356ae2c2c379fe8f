//! The people of the lab: consumers who sign in on their own schedule with a secret they hold,
//! and attackers who sign in with a leaked one. They meet the login nodes' lag, not the faults
//! of a client's network: an outage here is an outage of the tenant's making.

use super::credential::base64_any;
use super::login::check;
use super::state::State;
use crate::domain::id::ClientId;
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a consumer reads its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultSecret {
    /// The vault's name, or its host.
    pub vault: String,
    pub name: String,
    /// Reads this version for ever.
    pub pinned_version: Option<String>,
}

/// When a consumer reads its source again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// On a schedule: App Service refetches a vault reference every 24 h.
    Every(Duration),
    /// Before every sign-in.
    AtOnce,
    /// Once at its start, and after [`super::Lab::restart`].
    OnRestartOnly,
    /// Once, the pinned version; a restart reads the same one again.
    Pinned,
}

#[derive(Clone, Debug)]
pub struct ConsumerSpec {
    pub name: String,
    pub client_id: ClientId,
    pub source: VaultSecret,
    pub refresh: Habit,
    pub sign_in_every: Duration,
}

#[derive(Clone, Debug)]
pub struct AttackerSpec {
    pub client_id: ClientId,
    pub value: String,
    pub every: Duration,
}

/// An attacker who holds a user's password.
#[derive(Clone, Debug)]
pub struct UserAttackerSpec {
    /// User principal name.
    pub user: String,
    pub password: String,
    pub every: Duration,
}

/// A consumer tries again this soon after a failed sign-in, if its schedule is slower.
const RETRY: Duration = Duration::from_secs(10);

/// What somebody signs in with: a secret, or a certificate (DER) whose key they hold.
enum Presented {
    Secret(String),
    Certificate(Vec<u8>),
}

impl From<&str> for Presented {
    fn from(value: &str) -> Self {
        certificate_in(value).map_or_else(|| Self::Secret(value.to_owned()), Self::Certificate)
    }
}

enum Person {
    Consumer { spec: ConsumerSpec, held: Option<Presented>, read_at: Option<Timestamp> },
    Attacker { name: String, spec: AttackerSpec, held: Presented },
    UserAttacker { name: String, spec: UserAttackerSpec },
}

#[derive(Default)]
pub(super) struct People {
    members: Vec<Person>,
    /// Consumers by name.
    named: BTreeMap<String, Vec<usize>>,
    /// When who acts next. The number keeps equal times in the order of joining.
    due: BTreeMap<(Timestamp, usize), ()>,
}

impl People {
    /// The consumers of that name, and when each has read its source.
    fn consumers(&mut self, name: &str, mut change: impl FnMut(&mut ConsumerSpec, &mut Option<Timestamp>)) {
        for who in self.named.get(name).into_iter().flatten() {
            if let Some(Person::Consumer { spec, read_at, .. }) = self.members.get_mut(*who) {
                change(spec, read_at);
            }
        }
    }
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|(at, _)| *at)
    }
    fn take_due(&mut self, now: Timestamp) -> Option<usize> {
        let (at, who) = *self.due.keys().next()?;
        (at <= now).then(|| {
            self.due.remove(&(at, who));
            who
        })
    }
}

/// A consumer joins; it first signs in within its own interval.
pub(super) fn add_consumer(state: &mut State, spec: ConsumerSpec) {
    let first = first_time(state, spec.sign_in_every);
    state.ledger.consumers.entry(spec.name.clone()).or_default();
    join(state, Person::Consumer { spec, held: None, read_at: None }, first);
}

/// An attacker joins and tries at once; the answer is its name in the ledger.
pub(super) fn add_attacker(state: &mut State, spec: AttackerSpec) -> String {
    let (name, now) = (new_attacker(state), state.now());
    let held = spec.value.as_str().into();
    join(state, Person::Attacker { name: name.clone(), spec, held }, now);
    name
}

/// The same with a user's password.
pub(super) fn add_user_attacker(state: &mut State, spec: UserAttackerSpec) -> String {
    let (name, now) = (new_attacker(state), state.now());
    join(state, Person::UserAttacker { name: name.clone(), spec }, now);
    name
}

fn new_attacker(state: &mut State) -> String {
    let name = format!("attacker-{}", state.ledger.attackers.len() + 1);
    state.ledger.attackers.entry(name.clone()).or_default();
    name
}

fn join(state: &mut State, person: Person, first: Timestamp) {
    let who = state.people.members.len();
    if let Person::Consumer { spec, .. } = &person {
        state.people.named.entry(spec.name.clone()).or_default().push(who);
    }
    state.people.members.push(person);
    state.people.due.insert((first, who), ());
}

fn first_time(state: &State, every: Duration) -> Timestamp {
    let ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
    state.now().after(Duration::from_millis(state.random.stream("lab-people").below(ms)))
}

/// Makes a consumer read its source again at its next sign-in, as a restart does.
pub(super) fn restart(state: &mut State, name: &str) {
    state.people.consumers(name, |_, read_at| *read_at = None);
}

/// Makes a consumer that names one version name the newest one, and start again.
pub(super) fn repoint(state: &mut State, name: &str) {
    let now = state.now();
    let State { people, vaults, .. } = state;
    people.consumers(name, |spec, read_at| {
        let vault = vaults.get(vault_name(&spec.source.vault));
        let newest = vault.and_then(|v| v.readable(&spec.source.name, None, now));
        spec.source.pinned_version = newest.map(|found| found.id.clone());
        *read_at = None;
    });
}

/// Lets everyone act who is due; the answer is when the next one is.
pub(super) fn run_due(state: &mut State) -> Option<Timestamp> {
    super::stranger::act(state);
    let now = state.now();
    while let Some(who) = state.people.take_due(now) {
        // Taken out while it acts, since acting needs the whole state.
        let idle = Person::Attacker {
            name: String::new(),
            spec: AttackerSpec {
                client_id: ClientId::from_random([0; 16]),
                value: String::new(),
                every: RETRY,
            },
            held: Presented::Secret(String::new()),
        };
        let mut person = std::mem::replace(&mut state.people.members[who], idle);
        let wait = match &mut person {
            Person::Consumer { spec, held, read_at } => consume(state, spec, held, read_at),
            Person::Attacker { name, spec, held } => attack(state, name, spec, held),
            Person::UserAttacker { name, spec } => attack_user(state, name, spec),
        };
        state.people.members[who] = person;
        state.people.due.insert((now.after(wait.max(Duration::from_millis(1))), who), ());
    }
    state.people.next_due()
}

/// Nobody waits for their next turn.
pub(super) fn hurry(state: &mut State) {
    let (now, people) = (state.now(), &mut state.people);
    people.due = (0..people.members.len()).map(|who| ((now, who), ())).collect();
}

fn consume(
    state: &mut State,
    spec: &ConsumerSpec,
    held: &mut Option<Presented>,
    read_at: &mut Option<Timestamp>,
) -> Duration {
    let now = state.now();
    let due = match (spec.refresh, *read_at) {
        (_, None) | (Habit::AtOnce, _) => true,
        (Habit::Every(span), Some(at)) => now.since(at) >= span,
        (Habit::OnRestartOnly | Habit::Pinned, Some(_)) => false,
    };
    if due && let Some((version, value)) = read_source(state, &spec.source, now) {
        *read_at = Some(now);
        if let Some(record) = state.ledger.consumers.get_mut(&spec.name) {
            record.holds_version = Some(version);
        }
        *held = Some(value.as_str().into());
    }
    let outcome = match held {
        Some(held) => try_sign_in(state, spec.client_id.as_str(), held, "198.51.100.20"),
        None => Err(7_000_218),
    };
    let failed = outcome.is_err();
    state.ledger.consumer_signed_in(&spec.name, now, outcome.as_deref().map_err(|code| *code));
    if failed { spec.sign_in_every.min(RETRY) } else { spec.sign_in_every }
}

/// Version and value of the secret, if it can be read now.
fn read_source(state: &State, source: &VaultSecret, now: Timestamp) -> Option<(String, String)> {
    let vault = state.vaults.get(vault_name(&source.vault))?;
    let found = vault.readable(&source.name, source.pinned_version.as_deref(), now)?;
    Some((found.id.clone(), found.value.to_string()))
}

/// The name of a vault given by name or by host.
pub(super) fn vault_name(vault: &str) -> &str {
    let host = vault.strip_prefix("https://").unwrap_or(vault);
    host.split(['.', '/', ':']).next().unwrap_or(host)
}

fn try_sign_in(state: &mut State, client_id: &str, held: &Presented, ip: &str) -> Result<String, u32> {
    match held {
        Presented::Certificate(der) => check::sign_in_with_certificate(state, client_id, der, ip),
        Presented::Secret(value) => check::sign_in(state, client_id, value, ip),
    }
}

/// The certificate of a PEM secret.
pub(super) fn certificate_in(value: &str) -> Option<Vec<u8>> {
    let (_, rest) = value.split_once("-----BEGIN CERTIFICATE-----")?;
    base64_any(rest.split_once("-----END")?.0)
}

fn attack(state: &mut State, name: &str, spec: &AttackerSpec, held: &Presented) -> Duration {
    let now = state.now();
    let outcome = try_sign_in(state, spec.client_id.as_str(), held, "192.0.2.66");
    state.ledger.attacker_tried(name, now, outcome.as_deref().map_err(|code| *code));
    spec.every
}

/// A password that is right but has to be changed lets the attacker in as well: who changes it
/// owns the account.
fn attack_user(state: &mut State, name: &str, spec: &UserAttackerSpec) -> Duration {
    const MUST_CHANGE: u32 = 50_055;
    let now = state.now();
    let outcome = match super::login::user_sign_in(state, &spec.user, &spec.password) {
        Ok(()) | Err(MUST_CHANGE) => Ok("password"),
        Err(code) => Err(code),
    };
    state.ledger.attacker_tried(name, now, outcome);
    spec.every
}

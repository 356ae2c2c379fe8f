//! What one seed means: the playbook, the tenant's hostility, what people do, and how the machine
//! dies. Drawn once, before anything runs; each concern from a stream of its own.

use crate::aims::{self, App, Consumer, Follows, Named, Off, Pick, User};
use crate::meddler::{self, Meddling};
use crate::shift::Shift;
use reissue::domain::credential::Form;
use reissue::domain::id::ClientId;
use reissue::env::Random;
use reissue::env::random::Stream;
use reissue::lab::{Between, Faults, Lags};
use std::fmt::Write;
use std::time::Duration;

pub(crate) const TENANT: &str = "7d3c9a10-0000-4000-8000-000000000001";
/// The identity that acts.
pub(crate) const OPERATOR: &str = "0e155ed0-0000-4000-8000-00000000a11e";
pub(crate) const OPERATOR_NAME: &str = "reissue-operator";
pub(crate) const VAULT: &str = "https://kv-ir.vault.usgovcloudapi.net";

/// How one process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// So long after it began.
    After(Duration),
    /// At the nth append to the log.
    Append { nth: u32, how: Torn },
    /// At the nth other file that is written or removed.
    File { nth: u32, done: bool },
    /// At the nth write to the tenant; `sent`: the request is on its way and arrives that late.
    Write { nth: u32, sent: Option<Duration> },
    /// Not a death: asked to stop, as by Ctrl-C.
    Stop(Duration),
}

/// What had become of an append when the machine died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Torn {
    Before,
    Partly,
    NotSynced,
    Synced,
}

/// What a disk does wrong without dying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskFault {
    Full(u32),
    Sync(u32),
    File(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) death: Option<Death>,
    pub(crate) disk: Option<DiskFault>,
    /// The power fails, rather than the process.
    pub(crate) power: bool,
    /// Until somebody starts the next one.
    pub(crate) restart: Duration,
    pub(crate) patience: Option<Duration>,
}

/// What people do and when, after the plan was made.
pub(crate) struct People {
    /// How long each approver takes, whenever asked.
    pub(crate) reading: Vec<Duration>,
    pub(crate) approval_life: Duration,
    pub(crate) pause: Option<(Duration, Duration)>,
    pub(crate) reject: Option<(Duration, Duration)>,
    pub(crate) abort: Option<Duration>,
    /// What a person says of a stuck target.
    pub(crate) resolves_done: bool,
    pub(crate) nonsense: bool,
}

pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) apps: Vec<App>,
    pub(crate) users: Vec<User>,
    pub(crate) offs: Vec<Off>,
    pub(crate) faults: Faults,
    pub(crate) faults_at_plan: bool,
    pub(crate) lags: Lags,
    /// How long tokens live.
    pub(crate) token_s: u64,
    /// How far the tenant's clock is ahead of ours, or behind.
    pub(crate) skew_s: i64,
    pub(crate) lives: Vec<Life>,
    pub(crate) people: People,
    pub(crate) quorum: u8,
    pub(crate) retire_separately: bool,
    pub(crate) hostile_for: Duration,
    /// What another administrator does to which application after the plan was made.
    pub(crate) meddling: Option<(usize, Meddling)>,
    /// The playbook wants the secret of the identity that acts rotated, too.
    pub(crate) own_identity: bool,
    /// Another operator goes on on another machine.
    pub(crate) shift: Option<Shift>,
    /// Replies and requests that never arrive, counted over all writes to the tenant; for tests of one thing.
    pub(crate) lost_replies: Vec<u32>,
    pub(crate) lost_requests: Vec<u32>,
}

fn seconds(s: &Stream, low: u64, high: u64) -> Duration {
    Duration::from_secs(s.between(low, high))
}

impl Scenario {
    pub(crate) fn draw(seed: u64) -> Self {
        let random = Random::from_seed(seed);
        let s = random.stream("sim-scenario");
        let (apps, users, offs) = aims::draw(&random.stream("sim-aims"));
        let count = apps.len();
        let mut faults = match s.below(10) {
            0 => Faults::default(),
            _ => favourite(&random.stream("sim-favourite"), Faults::swarm(&random)),
        };
        let people = people(&random.stream("sim-people"));
        // What is taken back is doubted, too: elsewhere that is rare.
        if people.abort.is_some() && random.stream("sim-doubted-undo").chance(400) {
            faults.lost_after = faults.lost_after.max(120);
        }
        Self {
            seed,
            apps,
            users,
            offs,
            faults,
            faults_at_plan: s.chance(150),
            lags: lags(&s),
            token_s: [3_599, 3_599, 900, 300][s.below(4) as usize],
            skew_s: if s.chance(700) { 0 } else { s.between(0, 90) as i64 - 45 },
            lives: lives(&random.stream("sim-lives")),
            people,
            quorum: if s.chance(300) { 2 } else { 1 },
            retire_separately: s.chance(300),
            hostile_for: seconds(&s, 900, 5_400),
            meddling: meddler::draw(&random.stream("sim-meddler"), count),
            own_identity: random.stream("sim-own-identity").chance(80),
            shift: Shift::draw(&random.stream("sim-shift"), life),
            lost_replies: Vec::new(),
            lost_requests: Vec::new(),
        }
    }

    /// One application, two consumers, nobody and nothing in the way: for tests of one thing.
    pub(crate) fn calm(seed: u64) -> Self {
        let consumer = |n, follows| Consumer {
            name: format!("user-{n}"),
            follows,
            signs_in_every: Duration::from_secs(30),
        };
        let app = App {
            client_id: ClientId::from_random([1; 16]),
            name: "app-0".into(),
            form: Form::Secret,
            spoiled: None,
            exportable: true,
            place: "app-0-secret".into(),
            contain: false,
            on_principal: false,
            others: Vec::new(),
            selector: Pick::Hint,
            hint: "x0Q".into(),
            stored: true,
            consumers: vec![consumer(0, Follows::Every(20)), consumer(1, Follows::Every(60))],
            hold_s: Some(120),
            confirmed_by: Vec::new(),
        };
        let people = People {
            reading: vec![Duration::from_secs(5); 3],
            approval_life: Duration::from_secs(48 * 3_600),
            pause: None,
            reject: None,
            abort: None,
            resolves_done: false,
            nonsense: false,
        };
        Self {
            seed,
            apps: vec![app],
            users: Vec::new(),
            offs: Vec::new(),
            faults: Faults::default(),
            faults_at_plan: false,
            lags: Lags::default(),
            token_s: 3_599,
            skew_s: 0,
            lives: Vec::new(),
            people,
            quorum: 1,
            retire_separately: false,
            hostile_for: Duration::from_secs(3_600),
            meddling: None,
            own_identity: false,
            shift: None,
            lost_replies: Vec::new(),
            lost_requests: Vec::new(),
        }
    }

    /// The playbook; `named` says which credential of each application leaked.
    pub(crate) fn playbook(&self, named: &[Named]) -> String {
        let retire = if self.retire_separately { ", retire: separately" } else { "" };
        let mut out = format!(
            "reissue: 1\nincident: {{ id: INC-SIM, title: simulated }}\ntenant: {{ id: {TENANT}, cloud: us_gov_high }}\n\
             stores: {{ ir: {{ key_vault: \"{VAULT}\" }} }}\n\
             approval: {{ quorum: {}, valid_for: 48h{retire} }}\ntargets:\n",
            self.quorum
        );
        self.apps.iter().zip(named).for_each(|(app, named)| app.write(&mut out, named));
        self.users.iter().for_each(|user| user.write(&mut out));
        self.offs.iter().for_each(|off| off.write(&mut out));
        if self.own_identity {
            let _ = writeln!(
                out,
                "  - app: {OPERATOR}\n    name: {OPERATOR_NAME}\n    rotate:\n      secret: all\n      \
                 publish: {{ store: ir, name: own-secret }}\n      hold: {{ time: 120s }}"
            );
        }
        out
    }
}

/// One thing that is rare elsewhere happens often in this seed.
fn favourite(s: &Stream, mut faults: Faults) -> Faults {
    match s.below(25) {
        0 => faults.stranger_adds = 80,
        1 => faults.stranger_removes = 120,
        2 => faults.stranger_disables = 150,
        3 => faults.stranger_deletes = 40,
        4 => faults.stranger_certifies = 90,
        5 => faults.stranger_disables_version = 250,
        6 => faults.stranger_deletes_secret = 250,
        7 => faults.attacker_adds = 80,
        8 => faults.remove_unknown = 600,
        9 => faults.stale_write = 900,
        10 => faults.vault_forbidden = 80,
        11 => faults.lost_after = 120,
        12 => faults.quota = u16::try_from(s.between(3, 30)).unwrap_or(30),
        13 => faults.stranger_writes_secret = 250,
        _ => {}
    }
    faults
}

fn lags(s: &Stream) -> Lags {
    match s.below(6) {
        0 => Lags::none(),
        1 => Lags {
            replica: Between::seconds(1, 45),
            login_new: Between::seconds(1, 90),
            login_removed: Between::seconds(30, 600),
            request: Between::millis(200, 4_000),
            settle_gap: Duration::from_secs(2),
            ..Lags::default()
        },
        _ => Lags::default(),
    }
}

fn lives(s: &Stream) -> Vec<Life> {
    let deaths = if s.chance(200) { 0 } else { s.between(1, 10) };
    (0..deaths).map(|_| life(s)).collect()
}

fn life(s: &Stream) -> Life {
    Life {
        death: Some(death(s)),
        disk: s.chance(150).then(|| disk_fault(s)),
        power: s.chance(500),
        restart: seconds(s, 1, 120),
        patience: s.chance(400).then(|| seconds(s, 30, 600)),
    }
}

fn death(s: &Stream) -> Death {
    let nth = |most| u32::try_from(s.between(1, most)).unwrap_or(1);
    match s.below(10) {
        0 | 1 => Death::After(Duration::from_millis(s.between(1, 900_000))),
        2 => Death::After(Duration::from_millis(s.between(1, 20_000))),
        3..=5 => {
            let how = [Torn::Before, Torn::Partly, Torn::NotSynced, Torn::Synced][s.below(4) as usize];
            Death::Append { nth: nth(40), how }
        }
        6 => Death::File { nth: nth(20), done: s.chance(500) },
        7 | 8 => {
            let late = s.chance(700).then(|| Duration::from_millis(s.between(0, 20_000)));
            Death::Write { nth: nth(6), sent: late }
        }
        _ => Death::Stop(seconds(s, 1, 900)),
    }
}

fn disk_fault(s: &Stream) -> DiskFault {
    let nth = u32::try_from(s.between(1, 60)).unwrap_or(1);
    [DiskFault::Full(nth), DiskFault::Sync(nth), DiskFault::File(nth)][s.below(3) as usize]
}

fn people(s: &Stream) -> People {
    let when = |chance| s.chance(chance).then(|| (seconds(s, 60, 2_400), seconds(s, 30, 1_200)));
    People {
        reading: (0..3).map(|_| seconds(s, 5, [60, 600, 3_000][s.below(3) as usize])).collect(),
        approval_life: seconds(s, 300, [900, 7_200, 48 * 3_600][s.below(3) as usize]),
        pause: when(200),
        reject: when(150),
        abort: s.chance(150).then(|| seconds(s, 30, 2_400)),
        resolves_done: s.chance(500),
        nonsense: s.chance(100),
    }
}

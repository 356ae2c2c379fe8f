//! The lab's whole state, and the few things every route does with it: tell the time, pick a
//! node, make ids, and write.

use super::audit::Audit;
use super::directory::{CredentialLag, Directory, Kind, LOGIN_NODES, Node, Object, REPLICAS, Seen};
use super::ledger::Ledger;
use super::options::{Between, LabOptions};
use super::people::People;
use super::quota::Quotas;
use super::vault::model::Vaults;
use crate::domain::id::{ObjectId, hex};
use crate::domain::time::Timestamp;
use crate::env::{Clock, Random};
use std::sync::Arc;

pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) options: LabOptions,
    pub(super) directory: Directory,
    pub(super) vaults: Vaults,
    pub(super) blobs: super::blob::Blobs,
    pub(super) quotas: Quotas,
    pub(super) audit: Audit,
    pub(super) people: People,
    pub(super) ledger: Ledger,
    pub(super) tokens: super::token::Verified,
    pub(super) storage: super::arm::StorageKeys,
    pub(super) strangers: Vec<super::stranger::Due>,
    /// Clients whose sign-ins fail with a number of the scene's choice.
    pub(super) refused: std::collections::BTreeMap<String, u32>,
    pub(super) lie: Option<super::fault::Lie>,
    pub(super) recorder: Option<super::recorder::Sink>,
}

impl State {
    pub(super) fn new(clock: Clock, random: Random, options: LabOptions) -> Self {
        Self {
            clock,
            random,
            quotas: Quotas::new(options.haste),
            options,
            directory: Directory::default(),
            vaults: Vaults::default(),
            blobs: super::blob::Blobs::default(),
            audit: Audit::default(),
            people: People::default(),
            ledger: Ledger::default(),
            tokens: super::token::Verified::default(),
            storage: super::arm::StorageKeys::default(),
            strangers: Vec::new(),
            refused: std::collections::BTreeMap::new(),
            lie: None,
            recorder: None,
        }
    }
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
    /// The replica that serves the next directory read.
    pub(super) fn any_replica(&self) -> Node {
        Node::Replica(self.random.stream("lab-replica").below(REPLICAS as u64) as usize)
    }
    /// The login node that serves the next sign-in.
    pub(super) fn any_login_node(&self) -> usize {
        self.random.stream("lab-login-node").below(LOGIN_NODES as u64) as usize
    }
    pub(super) fn new_id(&self) -> String {
        ObjectId::from_random(self.random.stream("lab-ids").bytes()).to_string()
    }
    /// An id for a request or an audit record: from another stream than the objects' ids.
    pub(super) fn new_trace_id(&self) -> String {
        ObjectId::from_random(self.random.stream("lab-trace-ids").bytes()).to_string()
    }
    /// 32 hexadecimal digits, as vault versions have.
    pub(super) fn new_version(&self) -> String {
        hex(&self.random.stream("lab-versions").bytes::<16>())
    }

    fn lag(&mut self, span: Between, stream: &str, now: Timestamp) -> Timestamp {
        let lag = span.draw(&self.random.stream(stream));
        let long = u64::from(self.options.faults.long_lag);
        if long > 0 && self.random.stream("lab-fault-long_lag").chance(long) {
            self.ledger.count_fault("long_lag");
            let more = Between::seconds(60, 600)
                .shorter(self.options.haste)
                .draw(&self.random.stream("lab-fault-long_lag-by"));
            return now.after(lag + more);
        }
        now.after(lag)
    }
    fn seen(&mut self, now: Timestamp) -> Seen {
        let (replica, login) = (self.options.lags.replica, self.options.lags.login_other);
        std::array::from_fn(|i| {
            if i < REPLICAS {
                self.lag(replica, "lab-lag-replica", now)
            } else {
                self.lag(login, "lab-lag-login", now)
            }
        })
    }
    fn credential_lag(&mut self, now: Timestamp) -> CredentialLag {
        let (new, removed) = (self.options.lags.login_new, self.options.lags.login_removed);
        CredentialLag {
            new: std::array::from_fn(|_| self.lag(new, "lab-lag-new", now)),
            removed: std::array::from_fn(|_| self.lag(removed, "lab-lag-removed", now)),
        }
    }

    /// Writes an object: at once at the primary, later everywhere else.
    pub(super) fn write(&mut self, object: Object) {
        let now = self.now();
        let (seen, lag) = (self.seen(now), self.credential_lag(now));
        self.directory.mark_write(&object.id, now);
        self.directory.commit(object, seen, &lag, now);
    }
    /// A write that the directory makes itself, as a consequence of another: it replicates, but
    /// does not collide with a client's next write.
    pub(super) fn write_on_behalf(&mut self, object: Object) {
        let now = self.now();
        let (seen, lag) = (self.seen(now), self.credential_lag(now));
        self.directory.commit(object, seen, &lag, now);
    }
    /// Writes an object as if it had always been there: for setting the scene.
    pub(super) fn write_everywhere(&mut self, object: Object) {
        let now = self.now();
        let lag = CredentialLag { new: [now; LOGIN_NODES], removed: [now; LOGIN_NODES] };
        self.directory.settle(object.kind, &object.id, now);
        self.directory.commit(object, [now; REPLICAS + LOGIN_NODES], &lag, now);
    }
    /// Removes an object for good, replicating like any write.
    pub(super) fn erase(&mut self, kind: Kind, id: &str) {
        let now = self.now();
        let (seen, lag) = (self.seen(now), self.credential_lag(now));
        self.directory.remove(kind, id, seen, &lag, now);
    }
    /// The newest version of an object that is not deleted, ready to be changed.
    pub(super) fn newest(&self, kind: Kind, id: &str) -> Option<Object> {
        self.directory.get(kind, id, Node::Primary, self.now()).map(|o| Object::clone(o))
    }
    pub(super) fn primary(&self, kind: Kind, id: &str) -> Option<Arc<Object>> {
        self.directory.get(kind, id, Node::Primary, self.now()).cloned()
    }
}

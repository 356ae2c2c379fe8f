//! What really happened in the tenant, whoever did it.

use reissue::domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What really happened in the tenant, from its ledger.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) seen: usize,
    pub(crate) ours: BTreeSet<String>,
    /// Credentials that others added, and when.
    pub(crate) strangers: BTreeMap<String, Timestamp>,
    pub(crate) stolen: BTreeSet<String>,
    /// Objects that others disabled, and names in the store that they spoiled.
    pub(crate) disabled: BTreeSet<String>,
    pub(crate) spoiled: BTreeSet<String>,
    /// Everything that others changed.
    pub(crate) visited: BTreeSet<String>,
    /// Credentials that were there when the tenant was last looked at.
    pub(crate) live: BTreeMap<String, usize>,
    /// Value → key, and vault version → value.
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) versions: BTreeMap<String, String>,
    /// Passwords that were put where a person reads them.
    pub(crate) delivered: BTreeSet<String>,
    /// Names in the store whose targets must stop, since when, and the credential that was added
    /// for it: somebody changed the world after the plan was made.
    pub(crate) moved: BTreeMap<String, (Timestamp, Option<String>)>,
    /// How often each user was reset.
    pub(crate) resets: BTreeMap<String, u32>,
}

impl Truth {
    /// Takes in one write of the ledger.
    pub(crate) fn note(&mut self, by_us: bool, w: &reissue::lab::Write) {
        let key = w.key_id.clone().unwrap_or_default();
        if !by_us {
            self.visited.insert(w.object.clone());
        }
        match (by_us, w.operation.as_str()) {
            (true, "addPassword") => drop(self.ours.insert(key)),
            (true, "update") if !key.is_empty() => {
                // Put back, it is as good as never taken.
                self.stolen.remove(&key);
                self.ours.insert(key);
            }
            (true, "resetPassword") => *self.resets.entry(w.object.clone()).or_default() += 1,
            (true, _) => {}
            (false, "addPassword" | "addKey") => drop(self.strangers.insert(key, w.at)),
            (false, "disable") => drop(self.disabled.insert(w.object.clone())),
            (false, "delete") => {}
            (false, "disableSecret" | "deleteSecret" | "setSecret") => {
                let name = w.object.rsplit('/').next().unwrap_or_default();
                self.spoiled.insert(name.to_owned());
            }
            (false, _) => drop(self.stolen.insert(key)),
        }
    }
}

//! The judgement of a round, by what the lab itself wrote down at its beginning and at its end. Our
//! own log is not asked.

use crate::cast::{Sort, Target, VAULT};
use reissue::domain::time::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the lab calls the credentials that leaked and are to be replaced.
const LEAKED: [&str; 3] = ["mailed to a vendor", "its predecessor", "on a public share"];
pub(crate) const OPERATOR: &str = "0e155ed0-0000-4000-8000-00000000a11e";

/// The key ids on an object that were there and stay, and those that leaked.
type Holdings = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

pub(crate) struct Judge<'a> {
    cast: &'a [Target],
    before: &'a Value,
    after: Value,
    /// When everybody was called to sign in for the last time.
    called_at: Timestamp,
    /// A login node that learns of a verified credential minutes later than the others refuses who
    /// uses it for so long: no check could have waited for that node.
    outage_max: Duration,
    wrong: Vec<String>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        cast: &'a [Target],
        before: &'a Value,
        after: Value,
        called_at: Timestamp,
        outage_max: Duration,
    ) -> Self {
        Self { cast, before, after, called_at, outage_max, wrong: Vec::new() }
    }

    /// All that is wrong, in words.
    pub(crate) fn judge(mut self) -> Vec<String> {
        for target in self.cast {
            match target.sort {
                Sort::Secret | Sort::Contained | Sort::Certificate => self.rotated(target),
                Sort::User { blocked } => self.reset(target, blocked),
                Sort::Unneeded => self.switched_off(target),
            }
        }
        self.nothing_else_has_changed();
        self.consumers();
        self.attackers();
        self.writes();
        self.wrong
    }

    fn expect(&mut self, good: bool, what: impl FnOnce() -> String) {
        if !good {
            self.wrong.push(what());
        }
    }

    /// Exactly one new credential, and it is what consumers read; what leaked is gone.
    fn rotated(&mut self, target: &Target) {
        let (old, now) = (holdings(self.before, &target.subject), holdings(&self.after, &target.subject));
        let stay: BTreeSet<_> = old.values().flat_map(|(stay, _)| stay.clone()).collect();
        let live: BTreeSet<_> = now.values().flat_map(|(stay, leaked)| stay | leaked).collect();
        let lost: Vec<_> = stay.difference(&live).collect();
        let new: Vec<_> = live.difference(&stay).cloned().collect();
        self.expect(lost.is_empty(), || format!("{}: {lost:?} was nobody's to remove", target.name));
        self.expect(new.len() == 1, || format!("{}: live beside what was to stay: {new:?}", target.name));
        let published = self.published(target);
        self.expect(published == new, || {
            format!("{}: the store holds {published:?}, the application {new:?}", target.name)
        });
        let off: Vec<_> = self.objects(&target.subject).filter(|o| o["off"] == true).collect();
        let off = off.len();
        self.expect(off == 0, || format!("{}: {off} of its objects are switched off", target.name));
    }

    /// The store holds the password that opens the account.
    fn reset(&mut self, target: &Target, blocked: bool) {
        let published = self.published(target);
        self.expect(published == [target.subject.clone()], || {
            format!("{}: the delivered password opens {published:?}", target.name)
        });
        let users = self.after["users"].as_array().cloned().unwrap_or_default();
        let user = users.into_iter().find(|u| u["upn"] == target.subject.as_str()).unwrap_or_default();
        let good = user["off"] == blocked && user["must_change"] == true;
        self.expect(good, || format!("{}: the account ends as {user}", target.name));
    }

    fn switched_off(&mut self, target: &Target) {
        let off: Vec<bool> = self.objects(&target.subject).map(|o| o["off"] == true).collect();
        self.expect(off == [true, true], || format!("{}: switched off are {off:?}", target.name));
    }

    /// Bystanders hold what they held.
    fn nothing_else_has_changed(&mut self) {
        let ours: BTreeSet<&str> = self.cast.iter().map(|t| t.subject.as_str()).collect();
        let others = |of: &Value| {
            let objects = of["objects"].as_array().cloned().unwrap_or_default();
            let objects =
                objects.into_iter().filter(|o| !ours.contains(o["client_id"].as_str().unwrap_or("")));
            let users = of["users"].as_array().cloned().unwrap_or_default();
            let users = users.into_iter().filter(|u| !ours.contains(u["upn"].as_str().unwrap_or("")));
            objects.chain(users).collect::<Vec<_>>()
        };
        let (before, after) = (others(self.before), others(&self.after));
        self.expect(before.len() > 80 && before == after, || "bystanders have changed".into());
    }

    /// Nobody who reads the store again was ever left without, unless the plan said so.
    fn consumers(&mut self) {
        let ledger = self.after["ledger"]["consumers"].as_object().cloned().unwrap_or_default();
        let with_consumer =
            |t: &&Target| matches!(t.sort, Sort::Secret | Sort::Contained | Sort::Certificate);
        for target in self.cast.iter().filter(with_consumer) {
            // The lab puts the target before the name: consumers of two targets may have one.
            let name = format!(" {}-user", target.name);
            let record = ledger.iter().find(|(k, _)| k.ends_with(&name)).map_or(&Value::Null, |(_, r)| r);
            let published = self.published(target);
            let follows = published.iter().any(|id| record["last_key_id"] == id.as_str());
            let is_well = record["outage_open_since"].is_null() && follows;
            let outage = Duration::from_secs(record["outage_seconds"].as_u64().unwrap_or(u64::MAX));
            let is_late_node = !self.outage_max.is_zero() && outage <= self.outage_max;
            let is_fine = record["failed"] == 0 || target.sort == Sort::Contained || is_late_node;
            self.expect(record["sign_ins"].as_u64() > Some(15) && is_well && is_fine, || {
                format!("{}: its consumer: {record}", target.name)
            });
        }
    }

    /// Every attacker was in, and the last calls found all of them out.
    fn attackers(&mut self) {
        let ledger = self.after["ledger"]["attackers"].as_object().cloned().unwrap_or_default();
        // Where every secret leaked, there are two.
        let all = self.cast.iter().filter(|t| t.sort == Sort::Contained).count();
        self.expect(ledger.len() == self.cast.len() + all, || format!("{} attackers", ledger.len()));
        for (name, record) in ledger {
            let last = record["last_success"].as_str().and_then(|t| t.parse::<Timestamp>().ok());
            let out = last.is_some_and(|last| last < self.called_at) && !record["last_error"].is_null();
            self.expect(out, || format!("{name} is not out: {record}"));
        }
    }

    /// Our writes are on the plan's objects, and in the store.
    fn writes(&mut self) {
        let mut ours: BTreeSet<String> = BTreeSet::new();
        for target in self.cast {
            ours.extend(self.objects(&target.subject).filter_map(|o| o["id"].as_str().map(String::from)));
        }
        let users: BTreeSet<&str> = self.cast.iter().map(|t| t.subject.as_str()).collect();
        let known = self.after["users"].as_array().cloned().unwrap_or_default();
        let known = known.iter().filter(|u| users.contains(u["upn"].as_str().unwrap_or("")));
        ours.extend(known.filter_map(|u| u["id"].as_str().map(String::from)));
        let writes = self.after["ledger"]["writes"].as_array().cloned().unwrap_or_default();
        let by_us = writes.iter().filter(|w| w["caller"] == OPERATOR);
        let strays: Vec<_> = by_us
            .clone()
            .filter_map(|w| w["object"].as_str())
            .filter(|o| !ours.contains(*o) && !o.starts_with(VAULT))
            .collect();
        let count = by_us.count();
        self.expect(count > 2 * self.cast.len(), || format!("only {count} writes"));
        self.expect(strays.is_empty(), || format!("written without a plan: {strays:?}"));
    }

    fn objects(&self, client_id: &str) -> impl Iterator<Item = &Value> {
        let all = self.after["objects"].as_array().into_iter().flatten();
        all.filter(move |o| o["client_id"] == client_id)
    }

    /// What the newest version in the store is a credential of.
    fn published(&self, target: &Target) -> Vec<String> {
        let is = self.after["secrets"][format!("{VAULT}/{}", target.name)]["is"].as_array();
        is.into_iter().flatten().filter_map(|v| v.as_str().map(String::from)).collect()
    }
}

fn holdings(of: &Value, client_id: &str) -> Holdings {
    let objects = of["objects"].as_array().into_iter().flatten().filter(|o| o["client_id"] == client_id);
    let of_object = |o: &Value| {
        let (mut stay, mut leaked) = (BTreeSet::new(), BTreeSet::new());
        for credential in o["credentials"].as_array().into_iter().flatten() {
            let key = credential["key_id"].as_str().unwrap_or("").to_owned();
            let is_leaked = LEAKED.contains(&credential["name"].as_str().unwrap_or(""));
            if is_leaked {
                leaked.insert(key)
            } else {
                stay.insert(key)
            };
        }
        (o["id"].as_str().unwrap_or("").to_owned(), (stay, leaked))
    };
    objects.map(of_object).collect()
}

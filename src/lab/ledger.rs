//! What really happened, for judging: every write that committed, how each consumer and each
//! attacker fared, and how often each fault struck. Times are the lab's clock; outages and
//! dwell are in seconds.

use crate::domain::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// One write that reached commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Write {
    pub at: Timestamp,
    /// The client id or user id of the caller; `stranger` for another administrator of the
    /// lab's own making.
    pub caller: String,
    /// `addPassword`, `removePassword`, `update`, `setSecret`, …
    pub operation: String,
    /// An object id, or `vault/secrets/name`.
    pub object: String,
    /// The credential or the vault version that was made, changed or removed.
    pub key_id: Option<String>,
}

/// How one consumer fared.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ConsumerRecord {
    pub sign_ins: u64,
    pub failed: u64,
    /// From the first failed sign-in until the next success, summed; an outage that is still
    /// open counts until the ledger was taken.
    pub outage_seconds: u64,
    pub outage_open_since: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    /// The `keyId` that its last successful sign-in used.
    pub last_key_id: Option<String>,
    /// The version of the vault secret it holds.
    pub holds_version: Option<String>,
    /// The `AADSTS` code of its last failure.
    pub last_error: Option<u32>,
}

/// How one attacker fared.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AttackerRecord {
    pub attempts: u64,
    pub successes: u64,
    pub first_attempt: Option<Timestamp>,
    pub last_attempt: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    /// From the first attempt to the last success.
    pub dwell_seconds: u64,
    pub last_error: Option<u32>,
}

/// A copy of the record at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ledger {
    pub writes: Vec<Write>,
    pub consumers: BTreeMap<String, ConsumerRecord>,
    pub attackers: BTreeMap<String, AttackerRecord>,
    pub faults: BTreeMap<String, u64>,
    /// Requests answered, by service and status: `graph 200`.
    pub answers: BTreeMap<String, u64>,
}

impl Ledger {
    pub(super) fn count_fault(&mut self, name: &str) {
        *self.faults.entry(name.to_owned()).or_default() += 1;
    }
    pub(super) fn count_answer(&mut self, service: &str, status: u16) {
        *self.answers.entry(format!("{service} {status}")).or_default() += 1;
    }

    pub(super) fn consumer_signed_in(&mut self, name: &str, now: Timestamp, outcome: Result<&str, u32>) {
        let record = self.consumers.entry(name.to_owned()).or_default();
        record.sign_ins += 1;
        match outcome {
            Ok(key_id) => {
                if let Some(since) = record.outage_open_since.take() {
                    record.outage_seconds += now.since(since).as_secs();
                }
                record.last_success = Some(now);
                if record.last_key_id.as_deref() != Some(key_id) {
                    record.last_key_id = Some(key_id.to_owned());
                }
            }
            Err(code) => {
                record.failed += 1;
                record.last_error = Some(code);
                record.outage_open_since.get_or_insert(now);
            }
        }
    }

    pub(super) fn attacker_tried(&mut self, name: &str, now: Timestamp, outcome: Result<&str, u32>) {
        let record = self.attackers.entry(name.to_owned()).or_default();
        record.attempts += 1;
        let first = *record.first_attempt.get_or_insert(now);
        record.last_attempt = Some(now);
        match outcome {
            Ok(_) => {
                record.successes += 1;
                record.last_success = Some(now);
                record.dwell_seconds = now.since(first).as_secs();
            }
            Err(code) => record.last_error = Some(code),
        }
    }

    /// A copy in which open outages are counted until `now`.
    pub(super) fn as_of(&self, now: Timestamp) -> Self {
        let mut copy = self.clone();
        for record in copy.consumers.values_mut() {
            if let Some(since) = record.outage_open_since {
                record.outage_seconds += now.since(since).as_secs();
            }
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_runs_from_the_first_failure_to_the_next_success() {
        let t = |s: i64| Timestamp::from_unix_s(1_000_000 + s);
        let mut ledger = Ledger::default();
        ledger.consumer_signed_in("web", t(0), Ok("k1"));
        ledger.consumer_signed_in("web", t(10), Err(7_000_215));
        ledger.consumer_signed_in("web", t(20), Err(7_000_215));
        assert_eq!(ledger.as_of(t(25)).consumers["web"].outage_seconds, 15);
        ledger.consumer_signed_in("web", t(30), Ok("k2"));
        let web = &ledger.as_of(t(99)).consumers["web"];
        assert_eq!((web.outage_seconds, web.failed, web.sign_ins), (20, 2, 4));
        ledger.attacker_tried("thief", t(0), Ok("k1"));
        ledger.attacker_tried("thief", t(60), Ok("k1"));
        ledger.attacker_tried("thief", t(120), Err(7_000_215));
        assert_eq!(ledger.attackers["thief"].dwell_seconds, 60);
    }
}

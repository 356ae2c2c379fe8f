//! Another administrator, who changes credentials meanwhile: adds a secret of their own to an
//! object that was just written, or removes a credential that is there.

use super::credential::Password;
use super::directory::{Kind, Object};
use super::graph::{DEFAULT_LIFE, new_value};
use super::ledger::Write;
use super::state::State;
use crate::domain::time::Timestamp;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Adds,
    Removes,
}

/// A change that the stranger will make.
pub(super) struct Errand {
    at: Timestamp,
    kind: Kind,
    id: String,
    intent: Intent,
}

/// After a write on an application or service principal: perhaps the stranger comes by within
/// five minutes.
pub(super) fn notice(state: &mut State, kind: Kind, id: &str) {
    if !matches!(kind, Kind::Application | Kind::ServicePrincipal) {
        return;
    }
    let faults = [
        (Intent::Adds, "stranger_adds", state.options.faults.stranger_adds),
        (Intent::Removes, "stranger_removes", state.options.faults.stranger_removes),
    ];
    for (intent, name, rate) in faults {
        let stream = state.random.stream(&format!("lab-fault-{name}"));
        if rate > 0 && stream.chance(u64::from(rate)) {
            let wait = Duration::from_secs(stream.between(1, 300)) / state.options.haste;
            let at = state.now().after(wait);
            state.strangers.push(Errand { at, kind, id: id.to_owned(), intent });
        }
    }
}

/// Carries out the errands whose time has come.
pub(super) fn act(state: &mut State) {
    let now = state.now();
    while let Some(at) = state.strangers.iter().position(|e| e.at <= now) {
        let errand = state.strangers.swap_remove(at);
        if let Some(object) = state.newest(errand.kind, &errand.id) {
            run(state, &errand, object);
        }
    }
}

fn run(state: &mut State, errand: &Errand, mut object: Object) {
    let now = state.now();
    let (operation, fault, key_id) = match errand.intent {
        Intent::Adds => {
            let key_id = state.new_id();
            object.passwords.push(Password {
                key_id: key_id.clone(),
                display_name: Some("by hand".into()),
                start: now,
                end: now.after(DEFAULT_LIFE),
                shows_hint: true,
                value: new_value(state, None).into(),
            });
            ("addPassword", "stranger_adds", key_id)
        }
        Intent::Removes => {
            let total = object.passwords.len() + object.keys.len();
            let pick = state.random.stream("lab-stranger").below(total as u64) as usize;
            let key_id = if pick < object.passwords.len() {
                object.passwords.remove(pick).key_id
            } else if total > 0 {
                object.keys.remove(pick - object.passwords.len()).key_id
            } else {
                return;
            };
            ("removeCredential", "stranger_removes", key_id)
        }
    };
    let write = Write {
        at: now,
        caller: "stranger".into(),
        operation: operation.into(),
        object: object.id.clone(),
        key_id: Some(key_id),
    };
    state.ledger.writes.push(write);
    state.ledger.count_fault(fault);
    state.write(object);
}

//! Other people with rights, who change things meanwhile: another administrator who adds, removes,
//! disables, deletes, in the directory and in a vault; an attacker who makes a credential of his own.

use super::audit::{self, Actor, Made};
use super::credential::{Key, Password, base64_std, sha1};
use super::directory::{Kind, Object};
use super::graph::{DEFAULT_LIFE, new_value};
use super::keys;
use super::ledger::Write;
use super::people::{AttackerSpec, add_attacker};
use super::state::State;
use super::vault::model::{Attributes, Bin};
use crate::domain::id::ObjectId;
use crate::domain::time::Timestamp;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Adds,
    Attacks,
    Certifies,
    Deletes,
    Disables,
    Removes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum VaultIntent {
    Deletes,
    Disables,
    Writes,
}

/// The object id of whoever the tenant's log names for what strangers do.
const ANOTHER_ADMINISTRATOR: &str = "5eae0000-0000-4000-8000-0000000000ad";

/// A change that a stranger will make.
pub(super) enum Errand {
    Directory {
        kind: Kind,
        id: String,
        intent: Intent,
    },
    /// Of a secret: the vault, and its name there.
    Vault {
        vault: String,
        name: String,
        intent: VaultIntent,
    },
}

/// When, and what.
pub(super) type Due = (Timestamp, Errand);

/// Whether a stranger comes by, and when: within so many seconds.
fn comes(state: &State, name: &str, rate: u16, within_s: u64) -> Option<Timestamp> {
    let stream = state.random.stream(&format!("lab-fault-{name}"));
    let comes = rate > 0 && stream.chance(u64::from(rate));
    comes.then(|| state.now().after(Duration::from_secs(stream.between(1, within_s)) / state.options.haste))
}

/// After a write on an application or service principal: perhaps somebody comes by within five
/// minutes.
pub(super) fn notice(state: &mut State, kind: Kind, id: &str) {
    if !matches!(kind, Kind::Application | Kind::ServicePrincipal) {
        return;
    }
    let faults = &state.options.faults;
    let rates = [
        (Intent::Adds, "stranger_adds", faults.stranger_adds),
        (Intent::Removes, "stranger_removes", faults.stranger_removes),
        (Intent::Disables, "stranger_disables", faults.stranger_disables),
        (Intent::Deletes, "stranger_deletes", faults.stranger_deletes),
        (Intent::Attacks, "attacker_adds", faults.attacker_adds),
    ];
    for (intent, name, rate) in rates {
        if let Some(at) = comes(state, name, rate, 300) {
            state.strangers.push((at, Errand::Directory { kind, id: id.to_owned(), intent }));
        }
    }
}

/// After a read of an application's certificates: whoever replaces the list next may have read an
/// old one.
pub(super) fn notice_reader(state: &mut State, kind: Kind, id: &str) {
    let rate = state.options.faults.stranger_certifies;
    if let Some(at) = comes(state, "stranger_certifies", rate, 20) {
        let errand = Errand::Directory { kind, id: id.to_owned(), intent: Intent::Certifies };
        state.strangers.push((at, errand));
    }
}

/// After a write of `secrets/name` in a vault.
pub(super) fn notice_secret(state: &mut State, vault: &str, object: &str) {
    let Some(name) = object.strip_prefix("secrets/") else { return };
    let faults = &state.options.faults;
    let rates = [
        (VaultIntent::Disables, "stranger_disables_version", faults.stranger_disables_version),
        (VaultIntent::Deletes, "stranger_deletes_secret", faults.stranger_deletes_secret),
        (VaultIntent::Writes, "stranger_writes_secret", faults.stranger_writes_secret),
    ];
    for (intent, fault, rate) in rates {
        if let Some(at) = comes(state, fault, rate, 300) {
            let errand = Errand::Vault { vault: vault.to_owned(), name: name.to_owned(), intent };
            state.strangers.push((at, errand));
        }
    }
}

/// Carries out the errands whose time has come; says whether somebody was let in.
pub(super) fn act(state: &mut State) -> bool {
    let (now, attackers) = (state.now(), state.ledger.attackers.len());
    while let Some(at) = state.strangers.iter().position(|(at, _)| *at <= now) {
        let (_, errand) = state.strangers.swap_remove(at);
        match errand {
            Errand::Directory { kind, id, intent } => {
                if let Some(object) = state.newest(kind, &id) {
                    in_directory(state, intent, object);
                }
            }
            Errand::Vault { vault, name, intent } => in_vault(state, &vault, &name, intent),
        }
    }
    state.ledger.attackers.len() > attackers
}

fn in_directory(state: &mut State, intent: Intent, mut object: Object) {
    let changed = match intent {
        Intent::Adds => {
            let name = mark_or(state, "by hand");
            Some(("addPassword", "stranger_adds", Some(add_secret(state, &mut object, &name).0)))
        }
        Intent::Attacks => {
            let (key_id, value) = add_secret(state, &mut object, "sync");
            if let Ok(client_id) = object.text("appId").parse() {
                add_attacker(state, AttackerSpec { client_id, value, every: Duration::from_secs(300) });
            }
            Some(("addPassword", "attacker_adds", Some(key_id)))
        }
        Intent::Certifies => {
            add_certificate(state, &mut object).map(|id| ("addKey", "stranger_certifies", Some(id)))
        }
        Intent::Removes => {
            remove_one(state, &mut object).map(|id| ("removeCredential", "stranger_removes", Some(id)))
        }
        Intent::Disables => {
            match object.kind {
                Kind::Application => object.set("isDisabled", true),
                _ => object.set("accountEnabled", false),
            }
            Some(("disable", "stranger_disables", None))
        }
        Intent::Deletes => return delete(state, object),
    };
    let Some((operation, fault, key_id)) = changed else { return };
    told(state, operation, fault, &object.id, key_id);
    logged(state, operation, &object);
    state.write(object);
}

/// The tenant's own log names them too, as late as everybody. Their ids and lags are drawn apart, so
/// that other people's rows do not change with them.
fn logged(state: &mut State, operation: &str, object: &Object) {
    let activity = match (operation, object.kind) {
        ("disable", Kind::Application) => "Update application",
        ("disable", _) => "Update service principal",
        ("delete", Kind::Application) => "Delete application",
        ("delete", _) => "Remove service principal",
        (_, Kind::Application) => "Update application \u{2013} Certificates and secrets management ",
        ("removeCredential", _) => "Remove service principal credentials",
        _ => "Add service principal credentials",
    };
    let stream = state.random.stream("lab-stranger-audit");
    let seen = state.now().after(state.options.lags.audit.draw(&stream));
    let ids = [stream.bytes(), stream.bytes()].map(|b| ObjectId::from_random(b).to_string());
    let actor = Actor::User {
        id: ANOTHER_ADMINISTRATOR.into(),
        name: "Another Administrator".into(),
        upn: Some(format!(
            "another.administrator@{}",
            state.options.domains.first().map_or("lab.test", |d| d)
        )),
    };
    audit::record(state, object, Made { activity, actor, properties: Vec::new(), ids, seen });
}

fn told(state: &mut State, operation: &str, fault: &str, object: &str, key_id: Option<String>) {
    let write = Write {
        at: state.now(),
        caller: "stranger".into(),
        operation: operation.into(),
        object: object.to_owned(),
        key_id,
    };
    state.ledger.writes.push(write);
    state.ledger.count_fault(fault);
}

fn add_secret(state: &State, object: &mut Object, name: &str) -> (String, String) {
    let (now, key_id, value) = (state.now(), state.new_id(), new_value(state, None));
    object.passwords.push(Password {
        key_id: key_id.clone(),
        display_name: Some(name.into()),
        start: now,
        end: now.after(DEFAULT_LIFE),
        shows_hint: true,
        value: value.as_str().into(),
    });
    (key_id, value)
}

/// One in four is of another installation's run, and bears its mark.
fn mark_or(state: &State, name: &str) -> String {
    let stream = state.random.stream("lab-stranger-name");
    if !stream.chance(250) {
        return name.to_owned();
    }
    format!("reissue-{}", crate::domain::id::hex(&stream.bytes::<5>()))
}

fn add_certificate(state: &State, object: &mut Object) -> Option<String> {
    let (now, key_id) = (state.now(), state.new_id());
    let stream = state.random.stream("lab-certificates");
    let pem = keys::pool_pem(keys::draw_pool_key(&stream));
    let der = keys::self_signed(&pem, "CN=by hand", now, DEFAULT_LIFE, stream.bytes()).ok()?;
    object.keys.push(Key {
        key_id: key_id.clone(),
        display_name: Some("by hand".into()),
        custom_key_identifier: base64_std(&sha1(&der)),
        kind: "AsymmetricX509Cert".into(),
        usage: "Verify".into(),
        start: now,
        end: now.after(DEFAULT_LIFE),
        der: der.into(),
    });
    Some(key_id)
}

fn remove_one(state: &State, object: &mut Object) -> Option<String> {
    let total = object.passwords.len() + object.keys.len();
    let pick = state.random.stream("lab-stranger").below(total as u64) as usize;
    if pick < object.passwords.len() {
        Some(object.passwords.remove(pick).key_id)
    } else if total > 0 {
        Some(object.keys.remove(pick - object.passwords.len()).key_id)
    } else {
        None
    }
}

/// The application goes into the recycle bin, and takes its service principal along.
fn delete(state: &mut State, object: Object) {
    let now = state.now();
    let client = object.text("appId").to_owned();
    let (app, principal) = state.directory.client(&client);
    let both = [(Kind::Application, app), (Kind::ServicePrincipal, principal)];
    let both: Vec<_> = both.into_iter().filter_map(|(kind, id)| state.newest(kind, id?)).collect();
    told(state, "delete", "stranger_deletes", &object.id, None);
    for mut object in both {
        object.deleted = Some(now);
        logged(state, "delete", &object);
        state.write(object);
    }
}

fn in_vault(state: &mut State, vault: &str, name: &str, intent: VaultIntent) {
    let now = state.now();
    let settled = now.after(state.options.lags.vault_settle.draw(&state.random.stream("lab-lag-vault")));
    let (id, value) = (state.new_version(), new_value(state, None));
    let secrets = state.vaults.get_mut(vault).map(|v| &mut v.secrets);
    let Some(secret) = secrets.and_then(|s| s.get_mut(&name.to_ascii_lowercase())) else { return };
    let Some(newest) = secret.versions.last_mut().filter(|_| secret.bin.is_none()) else { return };
    let (operation, fault) = match intent {
        VaultIntent::Disables => {
            newest.attributes.enabled = false;
            ("disableSecret", "stranger_disables_version")
        }
        VaultIntent::Deletes => {
            secret.bin = Some(Bin::Deleted { at: now, settled });
            ("deleteSecret", "stranger_deletes_secret")
        }
        VaultIntent::Writes => {
            let mut version = newest.clone();
            (version.id, version.value, version.attributes) = (id, value.into(), Attributes::new(now));
            version.tags.clear();
            secret.versions.push(version);
            ("setSecret", "stranger_writes_secret")
        }
    };
    told(state, operation, fault, &format!("{vault}/secrets/{name}"), None);
}

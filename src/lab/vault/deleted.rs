//! Deleted secrets and certificates: list, get, recover, purge. Until a deletion has settled,
//! the deleted object is not found and its name cannot be used.

use super::model::Bin;
use super::{Call, certificates, error, secrets};
use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Outcome};
use http::Method;
use serde_json::Value;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Secret,
    Certificate,
}

impl What {
    fn action(self, verb: &str) -> String {
        match (self, verb) {
            (Self::Secret, "read") => "secrets/readMetadata/action".into(),
            (Self::Secret, verb) => format!("secrets/{verb}/action"),
            (Self::Certificate, "read") => "certificates/read".into(),
            (Self::Certificate, verb) => format!("certificates/{verb}"),
        }
    }
    fn missing(self, name: &str) -> Answer {
        match self {
            Self::Secret => error::not_found("SecretNotFound", "deleted secret", name),
            Self::Certificate => error::not_found("CertificateNotFound", "deleted certificate", name),
        }
    }
}

pub(super) fn route(call: &mut Call<'_>, what: What, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, []) => list(call, what),
        (&Method::GET, [name]) => {
            call.allowed(&what.action("read"), name)?;
            let at = settled(bin(call, what, name)?, call.state.now()).ok_or_else(|| what.missing(name))?;
            Ok(Answer::json(200, shown(call, what, name, at).ok_or_else(|| what.missing(name))?))
        }
        (&Method::POST, [name, "recover"]) => recover(call, what, name),
        (&Method::DELETE, [name]) => purge(call, what, name),
        _ => Err(error::error(405, "MethodNotAllowed", "The method is not allowed on this resource.", None)),
    }
}

/// When it was deleted, if that has settled.
fn settled(bin: Option<Bin>, now: Timestamp) -> Option<Timestamp> {
    match bin {
        Some(Bin::Deleted { at, settled }) if settled <= now => Some(at),
        _ => None,
    }
}

fn bin(call: &Call<'_>, what: What, name: &str) -> Result<Option<Bin>, Answer> {
    let (vault, key) = (call.model()?, name.to_ascii_lowercase());
    Ok(match what {
        What::Secret => vault.secrets.get(&key).and_then(|s| s.bin),
        What::Certificate => vault.certificates.get(&key).and_then(|c| c.bin),
    })
}

fn shown(call: &Call<'_>, what: What, name: &str, at: Timestamp) -> Option<Value> {
    let (vault, key) = (call.model().ok()?, name.to_ascii_lowercase());
    match what {
        What::Secret => Some(secrets::deleted_bundle(call, vault.secrets.get(&key)?, at)),
        What::Certificate => Some(certificates::deleted_bundle(call, vault.certificates.get(&key)?, at)),
    }
}

fn list(call: &mut Call<'_>, what: What) -> Outcome {
    call.allowed(&what.action("read"), "")?;
    let (now, vault) = (call.state.now(), call.model()?);
    let names: Vec<String> = match what {
        What::Secret => vault.secrets.keys().cloned().collect(),
        What::Certificate => vault.certificates.keys().cloned().collect(),
    };
    let gone = names.into_iter().filter_map(|name| {
        let at = settled(bin(call, what, &name).ok()?, now)?;
        let item = shown(call, what, &name, at)?;
        Some((name, item))
    });
    let items = gone.collect();
    call.page(items)
}

fn recover(call: &mut Call<'_>, what: What, name: &str) -> Outcome {
    call.allowed(&what.action("recover"), name)?;
    let (now, until, key) = (call.state.now(), call.settle(), name.to_ascii_lowercase());
    settled(bin(call, what, name)?, now).ok_or_else(|| what.missing(name))?;
    let back = Some(Bin::Recovering { settled: until });
    let vault = call.model_mut()?;
    if let Some(secret) = vault.secrets.get_mut(&key) {
        secret.bin = back;
    }
    if let (What::Certificate, Some(certificate)) = (what, vault.certificates.get_mut(&key)) {
        certificate.bin = back;
    }
    call.record(
        "recover",
        format!("{}/{name}", if what == What::Secret { "secrets" } else { "certificates" }),
        None,
    );
    let mut body = shown(call, what, name, now).ok_or_else(|| what.missing(name))?;
    if let Value::Object(map) = &mut body {
        map.retain(|k, _| !matches!(k.as_str(), "recoveryId" | "deletedDate" | "scheduledPurgeDate"));
    }
    Ok(Answer::json(200, body))
}

fn purge(call: &mut Call<'_>, what: What, name: &str) -> Outcome {
    call.allowed(&what.action("purge"), name)?;
    let (now, key) = (call.state.now(), name.to_ascii_lowercase());
    match bin(call, what, name)? {
        found if settled(found, now).is_some() => {}
        Some(Bin::Deleted { .. }) => return Err(error::conflict("ObjectIsBeingDeleted", "Object", name)),
        _ => return Err(what.missing(name)),
    }
    let vault = call.model_mut()?;
    vault.secrets.remove(&key);
    if what == What::Certificate {
        vault.certificates.remove(&key);
        vault.policies.remove(&key);
        vault.pending.remove(&key);
    }
    call.record(
        "purge",
        format!("{}/{name}", if what == What::Secret { "secrets" } else { "certificates" }),
        None,
    );
    Ok(Answer::empty(204))
}

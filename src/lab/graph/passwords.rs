//! `addPassword` and `removePassword` (Microsoft Graph reference, application: addPassword,
//! removePassword; servicePrincipal: the same).

use super::app_like::{credential_deed, writable};
use super::policies::{Family, allow};
use super::{Call, error, reply};
use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Outcome};
use crate::lab::credential::Password;
use crate::lab::directory::{Kind, Object};
use crate::lab::state::State;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Two years: the documented default life.
pub(in crate::lab) const DEFAULT_LIFE: Duration = Duration::from_secs(2 * 365 * 86_400);

/// A value as Entra makes them: 40 characters, `8Q~` after the hint.
pub(in crate::lab) fn new_value(state: &State, hint: Option<&str>) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789~._-";
    let stream = state.random.stream("lab-secret-values");
    let draw = || LETTERS[stream.below(LETTERS.len() as u64) as usize] as char;
    let drawn: String = std::iter::repeat_with(draw).take(3).collect();
    let tail: String = std::iter::repeat_with(draw).take(34).collect();
    let hint: String = hint.map_or(drawn, |h| h.chars().take(3).collect());
    format!("{hint}8Q~{}{tail}", state.options.mark)
}

/// A time given by the client; absent and null mean "not given".
pub(super) fn given_time(fields: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Answer> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => match text.parse() {
            Ok(time) => Ok(Some(time)),
            Err(_) => Err(error::bad_request(&format!(
                "Invalid value specified for property '{name}' of resource 'PasswordCredential'."
            ))),
        },
        Some(_) => Err(error::bad_request(&format!("Invalid value specified for property '{name}'."))),
    }
}

pub(super) fn add(call: &mut Call<'_>, kind: Kind, id: &str) -> Outcome {
    let body = call.ask.json().ok_or_else(malformed)?;
    let empty = Map::new();
    let asked = body.get("passwordCredential").and_then(Value::as_object).unwrap_or(&empty);
    for own in ["secretText", "keyId", "hint"] {
        if asked.get(own).is_some_and(|v| !v.is_null()) {
            return Err(error::bad_request(&format!(
                "Property passwordCredential.{own} is read-only and cannot be set."
            )));
        }
    }
    let now = call.state.now();
    let start = given_time(asked, "startDateTime")?.unwrap_or(now);
    let end = given_time(asked, "endDateTime")?.unwrap_or_else(|| start.after(DEFAULT_LIFE));
    let name = asked.get("displayName").and_then(Value::as_str).map(str::to_owned);
    let mut object = writable(call, kind, id)?;
    if end <= start {
        return Err(error::bad_request("The credential's end date must be after its start date."));
    }
    allow(call.state, &object, Family::Password, start, end)?;
    locked(call, &object)?;
    let personal = object.text("signInAudience").contains("PersonalMicrosoftAccount");
    if kind == Kind::Application && personal && object.passwords.len() >= 2 {
        return Err(error::bad_request(
            "The number of password credentials exceeds the limit of 2 for applications that support personal Microsoft accounts.",
        ));
    }
    let password = Password {
        key_id: call.state.new_id(),
        display_name: name,
        start,
        end,
        shows_hint: true,
        value: new_value(call.state, None).into(),
    };
    let mut shown = match password.shown_once() {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    shown.insert(
        "@odata.context".into(),
        json!(reply::context(call.ask, "microsoft.graph.passwordCredential")),
    );
    let deed = credential_deed(kind, "addPassword", &password.key_id, true);
    object.passwords.push(password);
    call.commit(object, deed);
    Ok(Answer::json(200, Value::Object(shown)))
}

/// A multi-tenant application may lock the credentials of its service principals
/// (`servicePrincipalLockConfiguration`).
fn locked(call: &Call<'_>, object: &Object) -> Result<(), Answer> {
    if object.kind != Kind::ServicePrincipal {
        return Ok(());
    }
    let app = call.state.directory.client(object.text("appId")).0;
    let app = app.and_then(|id| call.state.primary(Kind::Application, id));
    let lock = app.as_ref().and_then(|a| a.fields.get("servicePrincipalLockConfiguration"));
    let is = |field: &str| lock.and_then(|l| l.get(field)).and_then(Value::as_bool) == Some(true);
    if is("isEnabled") && (is("allProperties") || is("credentialsWithUsageVerify")) {
        return Err(error::bad_request(
            "The property cannot be changed: it is locked by the application's servicePrincipalLockConfiguration.",
        ));
    }
    Ok(())
}

pub(super) fn remove(call: &mut Call<'_>, kind: Kind, id: &str) -> Outcome {
    let body = call.ask.json().ok_or_else(malformed)?;
    let key_id = body.get("keyId").and_then(Value::as_str).unwrap_or("").to_ascii_lowercase();
    let mut object = writable(call, kind, id)?;
    if !object.passwords.iter().any(|p| p.key_id == key_id) || hidden(call, kind, id, &key_id) {
        return Err(error::bad_request(&format!("No password credential found with keyId {key_id}.")));
    }
    object.passwords.retain(|p| p.key_id != key_id);
    call.commit(object, credential_deed(kind, "removePassword", &key_id, false));
    Ok(Answer::empty(204))
}

/// Faults: the credential is there, and the answer says that it is not (reported right after
/// `addPassword`, before replication).
fn hidden(call: &mut Call<'_>, kind: Kind, id: &str, key_id: &str) -> bool {
    let faults = call.state.options.faults.clone();
    let strikes = |name: &str, rate: u16| {
        rate > 0 && call.state.random.stream(&format!("lab-fault-{name}")).chance(u64::from(rate))
    };
    if strikes("remove_unknown", faults.remove_unknown) {
        call.state.ledger.count_fault("remove_unknown");
        return true;
    }
    let unseen = strikes("stale_remove", faults.stale_write)
        && !call.read(kind, id).is_ok_and(|o| o.passwords.iter().any(|p| p.key_id == key_id));
    if unseen {
        call.state.ledger.count_fault("stale_write");
    }
    unseen
}

pub(super) fn malformed() -> Answer {
    error::error(
        400,
        "BadRequest",
        "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
    )
}

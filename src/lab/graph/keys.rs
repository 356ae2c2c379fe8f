//! Certificates of applications and service principals: `PATCH keyCredentials` replaces the
//! whole list; `addKey` and `removeKey` need a proof signed by a certificate that is already there.

use super::app_like::credential_deed;
use super::caller::Need;
use super::policies::{Family, allow};
use super::{Call, error, passwords};
use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Outcome};
use crate::lab::credential::{Key, base64_any, base64_std, sha1};
use crate::lab::directory::{Kind, Object};
use crate::lab::{keys, login};
use serde_json::{Map, Value, json};

fn invalid(why: &str) -> Answer {
    error::bad_request(&format!("Key credential is invalid: {why}"))
}

/// Replaces the list. Entries with a known keyId must be unchanged; the others are new. The
/// answer is the id of one new key, if there is one.
pub(super) fn replace_all(
    call: &mut Call<'_>,
    object: &mut Object,
    value: &Value,
) -> Result<Option<String>, Answer> {
    let Some(items) = value.as_array() else { return Err(invalid("keyCredentials is a collection.")) };
    let (mut list, mut added) = (Vec::<Key>::new(), None);
    for item in items {
        let Some(item) = item.as_object() else { return Err(invalid("not an object.")) };
        let key_id = item.get("keyId").and_then(Value::as_str).map(str::to_ascii_lowercase);
        let known = key_id.as_ref().and_then(|id| object.keys.iter().find(|k| k.key_id == *id));
        let key = match known {
            Some(known) => {
                unchanged(known, item)?;
                known.clone()
            }
            None => {
                let key = new_key(call, item, key_id)?;
                allow(call.state, object, Family::Key, key.start, key.end)?;
                added = Some(key.key_id.clone());
                key
            }
        };
        if list.iter().any(|k| k.key_id == key.key_id) {
            return Err(invalid("two entries have one keyId."));
        }
        list.push(key);
    }
    object.keys = list;
    Ok(added)
}

/// Reported: an existing key cannot be changed, only kept or left out.
fn unchanged(known: &Key, item: &Map<String, Value>) -> Result<(), Answer> {
    let text = |k: &str| item.get(k).and_then(Value::as_str);
    let same_time = |k: &str, at: Timestamp| {
        text(k).is_none_or(|t| t.parse::<Timestamp>().is_ok_and(|t| t.unix_s() == at.unix_s()))
    };
    let same = text("type").is_none_or(|t| t == known.kind)
        && text("usage").is_none_or(|u| u == known.usage)
        && text("displayName").is_none_or(|d| known.display_name.as_deref() == Some(d))
        && text("customKeyIdentifier").is_none_or(|c| c == known.custom_key_identifier)
        && text("key").is_none_or(|k| base64_any(k).as_deref() == Some(&known.der))
        && same_time("startDateTime", known.start)
        && same_time("endDateTime", known.end);
    if same {
        Ok(())
    } else {
        Err(error::bad_request(&format!(
            "Update to existing credential with KeyId '{}' is not allowed.",
            known.key_id
        )))
    }
}

fn new_key(call: &Call<'_>, item: &Map<String, Value>, key_id: Option<String>) -> Result<Key, Answer> {
    let text = |k: &str| item.get(k).and_then(Value::as_str);
    let der = text("key").and_then(base64_any).ok_or_else(|| invalid("a new entry needs a key."))?;
    let facts = keys::read_certificate(&der).ok_or_else(|| invalid("the key is no certificate."))?;
    let (kind, usage) = (text("type").unwrap_or(""), text("usage").unwrap_or(""));
    let fits = matches!((kind, usage), ("AsymmetricX509Cert", "Verify") | ("X509CertAndPassword", "Sign"));
    if !fits {
        return Err(invalid("type and usage do not fit together."));
    }
    let start = passwords::given_time(item, "startDateTime")?.unwrap_or(facts.start);
    let end = passwords::given_time(item, "endDateTime")?.unwrap_or(facts.end);
    if end.unix_s() > facts.end.unix_s() {
        return Err(error::error(400, "KeyCredentialsInvalidEndDate", "Key credential end date is invalid."));
    }
    if start.unix_s() < facts.start.unix_s() {
        return Err(error::error(
            400,
            "KeyCredentialsInvalidStartDate",
            "Key credential start date is invalid.",
        ));
    }
    let name = text("displayName").unwrap_or(&facts.subject);
    Ok(Key {
        key_id: key_id.unwrap_or_else(|| call.state.new_id()),
        display_name: Some(name.chars().take(90).collect()),
        custom_key_identifier: text("customKeyIdentifier")
            .map_or_else(|| base64_std(&sha1(&der)), str::to_owned),
        kind: kind.to_owned(),
        usage: usage.to_owned(),
        start,
        end,
        der: der.into(),
    })
}

/// The object, for a caller that is the application itself or may write to it; and the proof
/// checked.
fn proven(call: &mut Call<'_>, kind: Kind, id: &str, body: &Map<String, Value>) -> Result<Object, Answer> {
    let object = call.change(kind, id)?;
    let own = object.text("appId") == call.caller.app_id;
    if !own {
        call.require(Need::WriteApp(&object))?;
    }
    let proof = body.get("proof").and_then(Value::as_str).unwrap_or("");
    if is_proof(call, &object, proof) { Ok(object) } else { Err(missing_or_malformed()) }
}

fn missing_or_malformed() -> Answer {
    error::error(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed.")
}

/// A JWT by one of the object's still valid certificates: audience Graph (the reference has had
/// both ids), issuer the object id, at most ten minutes long.
fn is_proof(call: &Call<'_>, object: &Object, proof: &str) -> bool {
    const AUDIENCES: [&str; 2] =
        ["00000002-0000-0000-c000-000000000000", "00000003-0000-0000-c000-000000000000"];
    let Ok(header) = jsonwebtoken::decode_header(proof) else { return false };
    let now = call.state.now();
    let valid = object.keys.iter().filter(|k| k.start <= now && now < k.end);
    let claims = valid.filter_map(|k| login::verify(proof, header.alg, &k.der)).next();
    claims.is_some_and(|c| {
        let text = |k: &str| c.get(k).and_then(Value::as_str).unwrap_or("");
        let number = |k: &str| c.get(k).and_then(login::seconds).unwrap_or(0);
        let (nbf, exp, now) = (number("nbf"), number("exp"), now.unix_s());
        AUDIENCES.contains(&text("aud"))
            && text("iss").eq_ignore_ascii_case(&object.id)
            && exp > now
            && nbf <= now + 300
            && exp - nbf <= 600
    })
}

/// `addKey`: 200 with the new key.
pub(super) fn add(call: &mut Call<'_>, kind: Kind, id: &str) -> Outcome {
    let body = call.body()?;
    let mut object = proven(call, kind, id, &body)?;
    let empty = Map::new();
    let asked = body.get("keyCredential").and_then(Value::as_object).unwrap_or(&empty);
    let key = new_key(call, asked, None)?;
    allow(call.state, &object, Family::Key, key.start, key.end)?;
    let mut shown = super::change::as_map(key.shown(false));
    shown.insert(
        "@odata.context".into(),
        json!(super::reply::context(call.ask, "microsoft.graph.keyCredential")),
    );
    let deed = credential_deed(kind, "addKey", &key.key_id, true);
    object.keys.push(key);
    call.commit(object, deed);
    Ok(Answer::json(200, Value::Object(shown)))
}

/// `removeKey`: 204.
pub(super) fn remove(call: &mut Call<'_>, kind: Kind, id: &str) -> Outcome {
    let body = call.body()?;
    let mut object = proven(call, kind, id, &body)?;
    let key_id = body.get("keyId").and_then(Value::as_str).unwrap_or("").to_ascii_lowercase();
    if !object.keys.iter().any(|k| k.key_id == key_id) {
        return Err(error::bad_request(&format!("No key credential found with keyId {key_id}.")));
    }
    object.keys.retain(|k| k.key_id != key_id);
    call.commit(object, credential_deed(kind, "removeKey", &key_id, false));
    Ok(Answer::empty(204))
}

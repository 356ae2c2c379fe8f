//! Blobs, as far as a log's mirror and its anchors need them: Put Blob (append and block blobs), Append
//! Block, Get Blob, Get Blob Properties, Set Blob Immutability Policy (Microsoft Learn, Blob service REST
//! API). A blob under a policy cannot be written over. Every account exists, and every token of the tenant may write:
//! roles are not modelled here.

use super::answer::{Answer, Outcome};
use super::ask::Ask;
use super::ledger::Write;
use super::state::State;
use crate::domain::time::Timestamp;
use http::Method;
use std::collections::BTreeMap;

/// Blobs by account and path.
pub(super) type Blobs = BTreeMap<(String, String), Blob>;

#[derive(Default)]
pub(super) struct Blob {
    bytes: Vec<u8>,
    /// `AppendBlob` or `BlockBlob`.
    sort: String,
    /// Until when it stays as it is, and whether that is locked: in the words of the request.
    policy: Option<(String, String)>,
}

impl Blob {
    fn told(&self, answer: Answer) -> Answer {
        let answer = answer.with("x-ms-blob-type", self.sort.clone());
        match self.policy.clone() {
            None => answer,
            Some((until, mode)) => answer
                .with("x-ms-immutability-policy-until-date", until)
                .with("x-ms-immutability-policy-mode", mode),
        }
    }
}

const RESOURCE: &str = "https://storage.azure.com";
const BLOCKS_BYTES_MAX: usize = 4 << 20;

fn error(status: u16, code: &str) -> Answer {
    Answer::xml(
        status,
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code></Error>"),
    )
    .with("x-ms-error-code", code.to_owned())
}

pub(super) fn route(state: &mut State, ask: &Ask, account: &str) -> Answer {
    answer(state, ask, account).unwrap_or_else(|refused| refused).with("x-ms-version", "2021-12-02".into())
}

fn answer(state: &mut State, ask: &Ask, account: &str) -> Outcome {
    let now = state.clock.now();
    let tenant = state.options.tenant.clone();
    let claims = ask.bearer().and_then(|token| state.tokens.read(token).ok());
    let claims = claims.filter(|c| c.check(tenant.as_str(), &[RESOURCE], now).is_ok());
    let caller = claims.map(|c| c.app_id.clone()).ok_or_else(|| error(401, "InvalidAuthenticationInfo"))?;
    if ask.header("x-ms-version").is_none() {
        return Err(error(400, "MissingRequiredHeader"));
    }
    if ask.method == Method::PUT && ask.header("content-length").is_none() {
        return Err(error(411, "MissingContentLengthHeader"));
    }
    let key = (account.to_owned(), ask.path.clone());
    let blob = state.blobs.get_mut(&key);
    let operation = match (&ask.method, ask.option("comp"), blob) {
        (&Method::PUT, None, blob) => {
            let made = put(ask, blob.as_deref())?;
            state.blobs.insert(key, made);
            "putBlob"
        }
        (_, _, None) => return Err(error(404, "BlobNotFound")),
        (&Method::GET, None, Some(blob)) => return Ok(blob.told(Answer::bytes(200, blob.bytes.clone()))),
        (&Method::HEAD, None, Some(blob)) => return Ok(blob.told(Answer::empty(200))),
        (&Method::PUT, Some("appendblock"), Some(blob)) => {
            let offset = append(ask, blob)?;
            state.wrote(now, &caller, "appendBlock", format!("{account}{}", ask.path));
            return Ok(Answer::empty(201).with("x-ms-blob-append-offset", offset));
        }
        (&Method::PUT, Some("immutabilityPolicies"), Some(blob)) => {
            set_policy(ask, blob)?;
            let answer = blob.told(Answer::empty(200));
            state.wrote(now, &caller, "setBlobImmutabilityPolicy", format!("{account}{}", ask.path));
            return Ok(answer);
        }
        _ => return Err(error(400, "UnsupportedHttpVerb")),
    };
    state.wrote(now, &caller, operation, format!("{account}{}", ask.path));
    Ok(Answer::empty(201))
}

impl State {
    fn wrote(&mut self, at: Timestamp, caller: &str, operation: &str, object: String) {
        let operation = operation.to_owned();
        self.ledger.writes.push(Write { at, caller: caller.to_owned(), operation, object, key_id: None });
    }
}

/// Put Blob: a new blob in the place of this one, if there is one.
fn put(ask: &Ask, there: Option<&Blob>) -> Result<Blob, Answer> {
    let sort = ask.header("x-ms-blob-type").unwrap_or_default();
    match there {
        _ if !matches!(sort, "AppendBlob" | "BlockBlob") => Err(error(400, "InvalidHeaderValue")),
        Some(blob) if blob.policy.is_some() => Err(error(409, "BlobImmutableDueToPolicy")),
        Some(_) if ask.header("if-none-match") == Some("*") => Err(error(409, "BlobAlreadyExists")),
        _ => Ok(Blob { bytes: ask.body.to_vec(), sort: sort.to_owned(), policy: None }),
    }
}

/// Append Block: where it begins.
fn append(ask: &Ask, blob: &mut Blob) -> Result<String, Answer> {
    let (bytes, position) = (&mut blob.bytes, ask.header("x-ms-blob-condition-appendpos"));
    if position.is_some_and(|p| p != bytes.len().to_string()) {
        return Err(error(412, "AppendPositionConditionNotMet"));
    }
    if ask.body.is_empty() || ask.body.len() > BLOCKS_BYTES_MAX {
        return Err(error(413, "RequestBodyTooLarge"));
    }
    let offset = bytes.len().to_string();
    bytes.extend_from_slice(&ask.body);
    Ok(offset)
}

/// Set Blob Immutability Policy.
fn set_policy(ask: &Ask, blob: &mut Blob) -> Result<(), Answer> {
    let told = |name: &str| ask.header(name).map(str::to_owned);
    let until = told("x-ms-immutability-policy-until-date");
    let until = until.ok_or_else(|| error(400, "MissingRequiredHeader"))?;
    let mode = told("x-ms-immutability-policy-mode").unwrap_or_else(|| "Unlocked".into());
    if blob.policy.as_ref().is_some_and(|(_, old)| old == "Locked" && mode != "Locked") {
        return Err(error(409, "ImmutabilityPolicyLocked"));
    }
    blob.policy = Some((until, mode));
    Ok(())
}

//! Blobs, as far as a log's mirror and its anchors need them: Put Blob (append and block blobs), Append
//! Block, Get Blob, Get Blob Properties, Set Blob Immutability Policy (Microsoft Learn, Blob service REST
//! API). A blob under a policy cannot be written over. Every account exists, and every token of the tenant may write:
//! roles are not modelled here.

use super::answer::{Answer, Outcome};
use super::ask::Ask;
use super::ledger::Write;
use super::state::State;
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
    let sort = ask.header("x-ms-blob-type").unwrap_or_default();
    let wrote = |state: &mut State, operation: &str| {
        let (operation, object) = (operation.to_owned(), format!("{account}{}", ask.path));
        state.ledger.writes.push(Write { at: now, caller: caller.clone(), operation, object, key_id: None });
    };
    match (&ask.method, ask.option("comp")) {
        (&Method::GET, None) => match state.blobs.get(&key) {
            Some(blob) => Ok(blob.told(Answer::bytes(200, blob.bytes.clone()))),
            None => Err(error(404, "BlobNotFound")),
        },
        (&Method::HEAD, None) => match state.blobs.get(&key) {
            Some(blob) => Ok(blob.told(Answer::empty(200))),
            None => Err(error(404, "BlobNotFound")),
        },
        (&Method::PUT, None) if !matches!(sort, "AppendBlob" | "BlockBlob") => {
            Err(error(400, "InvalidHeaderValue"))
        }
        (&Method::PUT, None) if state.blobs.get(&key).is_some_and(|b| b.policy.is_some()) => {
            Err(error(409, "BlobImmutableDueToPolicy"))
        }
        (&Method::PUT, None)
            if state.blobs.contains_key(&key) && ask.header("if-none-match") == Some("*") =>
        {
            Err(error(409, "BlobAlreadyExists"))
        }
        (&Method::PUT, None) => {
            let (bytes, sort) = (ask.body.to_vec(), sort.to_owned());
            state.blobs.insert(key, Blob { bytes, sort, policy: None });
            wrote(state, "putBlob");
            Ok(Answer::empty(201))
        }
        (&Method::PUT, Some("appendblock")) => {
            let blob = &mut state.blobs.get_mut(&key).ok_or_else(|| error(404, "BlobNotFound"))?.bytes;
            let position = ask.header("x-ms-blob-condition-appendpos");
            if position.is_some_and(|p| p != blob.len().to_string()) {
                return Err(error(412, "AppendPositionConditionNotMet"));
            }
            if ask.body.is_empty() || ask.body.len() > BLOCKS_BYTES_MAX {
                return Err(error(413, "RequestBodyTooLarge"));
            }
            let offset = blob.len().to_string();
            blob.extend_from_slice(&ask.body);
            wrote(state, "appendBlock");
            Ok(Answer::empty(201).with("x-ms-blob-append-offset", offset))
        }
        (&Method::PUT, Some("immutabilityPolicies")) => {
            let blob = state.blobs.get_mut(&key).ok_or_else(|| error(404, "BlobNotFound"))?;
            let told = |name: &str| ask.header(name).map(str::to_owned);
            let until = told("x-ms-immutability-policy-until-date");
            let until = until.ok_or_else(|| error(400, "MissingRequiredHeader"))?;
            let mode = told("x-ms-immutability-policy-mode").unwrap_or_else(|| "Unlocked".into());
            if blob.policy.as_ref().is_some_and(|(_, old)| old == "Locked" && mode != "Locked") {
                return Err(error(409, "ImmutabilityPolicyLocked"));
            }
            blob.policy = Some((until, mode));
            let answer = blob.told(Answer::empty(200));
            wrote(state, "setBlobImmutabilityPolicy");
            Ok(answer)
        }
        _ => Err(error(400, "UnsupportedHttpVerb")),
    }
}

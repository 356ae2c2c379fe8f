//! Append blobs, as far as a log's mirror needs them: Put Blob, Append Block, Get Blob (Microsoft
//! Learn, Blob service REST API). Every account exists, and every token of the tenant may write:
//! roles are not modelled here.

use super::answer::{Answer, Outcome};
use super::ask::Ask;
use super::ledger::Write;
use super::state::State;
use http::Method;
use std::collections::BTreeMap;

/// Blobs by account and path.
pub(super) type Blobs = BTreeMap<(String, String), Vec<u8>>;

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
    let key = (account.to_owned(), ask.path.clone());
    let wrote = |state: &mut State, operation: &str| {
        let (operation, object) = (operation.to_owned(), format!("{account}{}", ask.path));
        state.ledger.writes.push(Write { at: now, caller: caller.clone(), operation, object, key_id: None });
    };
    match (&ask.method, ask.option("comp")) {
        (&Method::GET, None) => match state.blobs.get(&key) {
            Some(bytes) => Ok(Answer::bytes(200, bytes.clone()).with("x-ms-blob-type", "AppendBlob".into())),
            None => Err(error(404, "BlobNotFound")),
        },
        (&Method::PUT, None) if ask.header("x-ms-blob-type") != Some("AppendBlob") => {
            Err(error(400, "InvalidHeaderValue"))
        }
        (&Method::PUT, None)
            if state.blobs.contains_key(&key) && ask.header("if-none-match") == Some("*") =>
        {
            Err(error(409, "BlobAlreadyExists"))
        }
        (&Method::PUT, None) => {
            state.blobs.insert(key, Vec::new());
            wrote(state, "putBlob");
            Ok(Answer::empty(201))
        }
        (&Method::PUT, Some("appendblock")) => {
            let blob = state.blobs.get_mut(&key).ok_or_else(|| error(404, "BlobNotFound"))?;
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
        _ => Err(error(400, "UnsupportedHttpVerb")),
    }
}

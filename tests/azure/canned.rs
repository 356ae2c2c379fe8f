//! A service that answers as the test says and remembers what it was asked.

use bytes::Bytes;
use reissue::wire::in_process::InProcess;
use reissue::wire::{Wire, WireError};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

/// What was asked: method, address, headers, body.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

/// How a request ends.
pub(crate) enum End {
    Answer(http::Response<Bytes>),
    /// The line breaks; whether the request may have arrived.
    Lost(bool),
}

pub(crate) fn answer(status: u16, body: &str) -> End {
    End::Answer(
        http::Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap(),
    )
}

pub(crate) fn answer_with(status: u16, header: (&str, &str), body: &str) -> End {
    let response = http::Response::builder().status(status).header(header.0, header.1);
    End::Answer(response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
}

type Handler = dyn Fn(&Asked, usize) -> End + Send + Sync;

#[derive(Clone)]
pub(crate) struct Canned {
    asked: Arc<Mutex<Vec<Asked>>>,
    handler: Arc<Handler>,
}

impl Canned {
    /// `handler` gets the request and how many came before it.
    pub(crate) fn new(handler: impl Fn(&Asked, usize) -> End + Send + Sync + 'static) -> Self {
        Self { asked: Arc::default(), handler: Arc::new(handler) }
    }

    /// Signs everyone in (token `token-N`, 3599 s) and gives the rest to `handler`, whose count
    /// leaves sign-ins out.
    pub(crate) fn signed_in(handler: impl Fn(&Asked, usize) -> End + Send + Sync + 'static) -> Self {
        let (tokens, calls) = (Mutex::new(0), Mutex::new(0));
        Self::new(move |asked, _| {
            if asked.uri.contains("/oauth2/v2.0/token") {
                let mut tokens = tokens.lock().unwrap();
                *tokens += 1;
                let body =
                    format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"token-{tokens}"}}"#);
                return answer(200, &body);
            }
            let before = {
                let mut calls = calls.lock().unwrap();
                *calls += 1;
                *calls - 1
            };
            handler(asked, before)
        })
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
    /// All but sign-ins.
    pub(crate) fn calls(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(|a| !a.uri.contains("/oauth2/")).collect()
    }
    pub(crate) fn sign_ins(&self) -> usize {
        self.asked().len() - self.calls().len()
    }

    fn end(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost> {
        let (parts, body) = request.into_parts();
        let asked = Asked {
            method: parts.method.to_string(),
            uri: parts.uri.to_string(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        let before = {
            let mut all = self.asked.lock().unwrap();
            all.push(asked.clone());
            all.len() - 1
        };
        match (self.handler)(&asked, before) {
            End::Answer(response) => Ok(response),
            End::Lost(may_have_reached) => Err(Lost(may_have_reached)),
        }
    }

    pub(crate) fn wire(&self) -> Arc<dyn Wire> {
        let canned = self.clone();
        let service = tower::service_fn(move |request| std::future::ready(canned.end(request)));
        Arc::new(InProcess::new(service, |lost: &Lost| lost.0))
    }
}

#[derive(Debug)]
pub(crate) struct Lost(bool);

/// A wire that never answers.
pub(crate) fn silent() -> Arc<dyn Wire> {
    let service =
        tower::service_fn(|_: http::Request<Bytes>| std::future::pending::<Result<_, Infallible>>());
    Arc::new(InProcess::new(service, |never: &Infallible| match *never {}))
}

pub(crate) type Sent = Result<http::Response<Bytes>, WireError>;

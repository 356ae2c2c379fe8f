//! One reply as the lab's routes build it.

use bytes::Bytes;
use serde_json::Value;

#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Html(&'static str),
    Xml(String),
    Bytes(Vec<u8>),
}

/// The type of bytes that say nothing of their own end: their length is told.
const OCTETS: &str = "application/octet-stream";

/// A route's result: a reply, or a reply that says why not.
pub(super) type Outcome = Result<Answer, Answer>;

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }
    pub(super) fn html(status: u16, body: &'static str) -> Self {
        Self { status, headers: Vec::new(), body: Body::Html(body) }
    }
    pub(super) fn xml(status: u16, body: String) -> Self {
        Self { status, headers: Vec::new(), body: Body::Xml(body) }
    }
    pub(super) fn bytes(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body: Body::Bytes(body) }
    }
    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
    pub(super) fn into_http(self) -> http::Response<Bytes> {
        let (kind, bytes) = match self.body {
            Body::Empty => (None, Bytes::new()),
            Body::Json(v) => (Some("application/json; charset=utf-8"), Bytes::from(v.to_string())),
            Body::Html(s) => (Some("text/html"), Bytes::from_static(s.as_bytes())),
            Body::Xml(s) => (Some("application/xml"), Bytes::from(s)),
            Body::Bytes(b) => (Some(OCTETS), Bytes::from(b)),
        };
        let mut response = http::Response::new(bytes);
        let length = kind.filter(|k| *k == OCTETS).map(|_| response.body().len());
        *response.status_mut() =
            http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(length) = length {
            headers.insert(http::header::CONTENT_LENGTH, length.into());
        }
        if let Some(kind) = kind {
            headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            if let Ok(value) = http::HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

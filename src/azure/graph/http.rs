//! One Graph request: address, headers, body, class, cost; and its answer or failure.
//!
//! Source: Microsoft Learn, "Use query parameters to customize responses", "Microsoft Graph error
//! responses and resource types". `client-request-id` comes from `env`.

use super::GraphError;
use super::json;
use crate::azure::body;
use crate::azure::credential::{Door, Tokens};
use crate::azure::fault::{ApiError, Reply, Service};
use crate::azure::quota::{self, Operation};
use crate::wire::budget::Permit;
use crate::wire::{Class, Wire};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The Graph client. Copies share tokens and budget.
#[derive(Clone)]
pub struct Graph {
    door: Door,
    tokens: Tokens,
}

/// The two versions of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    Beta,
}

impl Version {
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Version::V1 => "/v1.0",
            Version::Beta => "/beta",
        }
    }
}

/// A request before it is one.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) version: Version,
    /// Begins with a slash; its pieces are encoded.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    /// `ConsistencyLevel: eventual`, for advanced queries.
    pub(super) eventual: bool,
    /// Wiped when the last copy goes.
    pub(super) body: Option<Bytes>,
    pub(super) operation: Operation<'static>,
    /// How many times the operation's cost is due.
    pub(super) times: u32,
    pub(super) permit: Option<Permit>,
    /// Request or answer holds a secret: no text of a failure is kept, the answer is wiped.
    pub(super) secret: bool,
}

impl Ask {
    pub(super) fn get(path: impl Into<String>, operation: Operation<'static>) -> Self {
        Self {
            method: Method::GET,
            version: Version::V1,
            path: path.into(),
            query: Vec::new(),
            eventual: false,
            body: None,
            operation,
            times: 1,
            permit: None,
            secret: false,
        }
    }
    /// A batch of `times` reads: a POST that changes nothing.
    pub(super) fn batch(each: Operation<'static>, times: u32) -> Self {
        Self { method: Method::POST, times, ..Self::get("/$batch", each) }
    }
    fn write(method: Method, path: impl Into<String>, permit: &Permit) -> Self {
        Self { method, permit: Some(permit.clone()), ..Self::get(path, Operation::WriteObject) }
    }
    pub(super) fn post(path: impl Into<String>, permit: &Permit) -> Self {
        Self::write(Method::POST, path, permit)
    }
    pub(super) fn patch(path: impl Into<String>, permit: &Permit) -> Self {
        Self::write(Method::PATCH, path, permit)
    }
    pub(super) fn with(mut self, option: &'static str, value: impl Into<String>) -> Self {
        self.query.push((option, value.into()));
        self
    }
    pub(super) fn body<T: serde::Serialize>(mut self, value: &T) -> Self {
        self.body = body::json(value);
        self
    }
    pub(super) fn beta(self) -> Self {
        Self { version: Version::Beta, ..self }
    }
    pub(super) fn eventual(self) -> Self {
        Self { eventual: true, ..self }
    }
    pub(super) fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
    fn is_write(&self) -> bool {
        self.permit.is_some()
    }
    fn target(&self) -> String {
        let query: Vec<String> = self.query.iter().map(|(k, v)| format!("{k}={}", json::encode(v))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{}", self.version.prefix(), self.path, query.join("&"))
    }
}

/// The error body. The casing of `innerError` varies between services.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorDetail {
    code: Option<String>,
    message: Option<String>,
    #[serde(alias = "innererror", rename = "innerError")]
    inner: Option<InnerError>,
    details: Option<Vec<ErrorDetail>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InnerError {
    code: Option<String>,
    #[serde(rename = "request-id")]
    request_id: Option<String>,
}

impl Graph {
    pub(crate) fn new(door: Door, tokens: Tokens) -> Self {
        Self { door, tokens }
    }

    /// The host, which is the only one a next page may be on.
    pub(super) fn host(&self) -> &'static str {
        self.door.endpoints.graph
    }

    /// Sends and returns a successful answer's status and body. A read that was turned away for
    /// its token is tried once more with a new one; a write never is.
    pub(super) async fn send(&self, ask: &Ask) -> Result<(StatusCode, Bytes), GraphError> {
        self.send_to(ask, &ask.target()).await
    }

    /// The same, to a path and query that the service itself gave (a next page).
    pub(super) async fn send_to(&self, ask: &Ask, target: &str) -> Result<(StatusCode, Bytes), GraphError> {
        let mut result = self.exchange(ask, target).await;
        if matches!(&result, Err(e) if e.status == Some(401)) {
            self.tokens.forget().await;
            if !ask.is_write() {
                result = self.exchange(ask, target).await;
            }
        }
        result
    }

    async fn exchange(&self, ask: &Ask, target: &str) -> Result<(StatusCode, Bytes), GraphError> {
        let request = self.build(ask, target).await?;
        let response = match self.door.wire.call(request).await {
            Ok(response) => response,
            Err(e) => return Err(ApiError::from_wire(Service::Graph, &e, ask.is_write())),
        };
        if response.status().is_success() {
            return Ok((response.status(), response.into_body()));
        }
        Err(read_error(ask, &response))
    }

    async fn build(&self, ask: &Ask, target: &str) -> Result<http::Request<Bytes>, GraphError> {
        let token = self.tokens.bearer(&self.door.endpoints.graph_scope()).await?;
        let text = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut bearer =
            HeaderValue::from_str(&text).map_err(|_| ApiError::refused(Service::Graph, "bad_token"))?;
        bearer.set_sensitive(true);
        let class = if ask.is_write() { Class::Write } else { Class::Read };
        let mut request = http::Request::builder()
            .method(ask.method.clone())
            .uri(format!("https://{}{target}", self.host()))
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, bearer)
            .header("client-request-id", self.door.env.new_guid("request-ids").as_str())
            .header(header::USER_AGENT, concat!("reissue/", env!("CARGO_PKG_VERSION")))
            .extension(class)
            .extension(quota::sum((0..ask.times).map(|_| quota::draws(ask.operation))));
        if ask.eventual {
            request = request.header("ConsistencyLevel", "eventual");
        }
        if let Some(permit) = &ask.permit {
            request = request.extension(permit.clone());
        }
        let body = match &ask.body {
            Some(bytes) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                bytes.clone()
            }
            None => Bytes::new(),
        };
        request.body(body).map_err(|_| ApiError::refused(Service::Graph, "bad_request"))
    }

    pub(super) async fn read<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, GraphError> {
        let (_, body) = self.send(ask).await?;
        parse(ask, body)
    }

    /// Waits a moment before asking again for what was throttled.
    pub(super) async fn rest(&self) {
        self.door.env.clock.pause_between_looks(std::time::Duration::from_secs(5)).await;
    }

    /// `None` where the object is not found.
    pub(super) async fn find<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Option<T>, GraphError> {
        match self.read(ask).await {
            Ok(found) => Ok(Some(found)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// A write whose answer says nothing more than that it was done.
    pub(super) async fn done(&self, ask: &Ask) -> Result<(), GraphError> {
        self.send(ask).await.map(|_| ())
    }
}

/// Reads an answer. The buffer of one that holds a secret is wiped, if nobody else has it.
pub(super) fn parse<T: DeserializeOwned>(ask: &Ask, body: Bytes) -> Result<T, GraphError> {
    let read = serde_json::from_slice(&body);
    if ask.secret
        && let Ok(mut own) = body.try_into_mut()
    {
        own.as_mut().zeroize();
    }
    read.map_err(|_| ApiError::unexpected(Service::Graph, "unreadable_answer", ask.is_write()))
}

fn read_error(ask: &Ask, response: &http::Response<Bytes>) -> GraphError {
    let error = serde_json::from_slice::<ErrorBody>(response.body()).map(|b| b.error).unwrap_or_default();
    let from_header = response.headers().get("request-id").and_then(|v| v.to_str().ok());
    let inner = error.inner.unwrap_or_default();
    let detail_code = error.details.unwrap_or_default().into_iter().find_map(|d| d.code);
    ApiError::from_reply(&Reply {
        service: Service::Graph,
        status: response.status().as_u16(),
        code: error.code.as_deref().unwrap_or(""),
        inner_code: inner.code.as_deref().or(detail_code.as_deref()),
        text: error.message.as_deref().unwrap_or(""),
        request_id: inner.request_id.as_deref().or(from_header),
        write: ask.is_write(),
        secret: ask.secret,
    })
}

/// The same for one answer inside a batch.
pub(super) fn read_inner_error(status: u16, body: Option<&serde_json::value::RawValue>) -> GraphError {
    let empty = Ask::get("", Operation::ReadObject);
    let body = body.map_or(Bytes::new(), |b| Bytes::copy_from_slice(b.get().as_bytes()));
    let mut response = http::Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    read_error(&empty, &response)
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("host", &self.host()).finish_non_exhaustive()
    }
}

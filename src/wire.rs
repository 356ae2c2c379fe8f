//! The only door to the network: one request in, one response or one [`WireError`] out.
//!
//! The wire names no host and knows no service. What matters to everyone above it is in the two
//! types here: the [`Class`] that a request carries, which decides whether it may be sent twice
//! (RFC 9110, 9.2.2: only what has no effect may be repeated without asking), and the error's
//! [`Reached`], which decides whether a lost request must be looked for.

pub mod budget;
pub mod in_process;
pub mod metered;
pub mod net;
mod pace;
mod permit;
mod queue;
pub mod silence;

use crate::domain::text::Text;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;

/// Sends one request and waits for its whole response. No redirects, no retries.
#[async_trait]
pub trait Wire: Send + Sync + fmt::Debug {
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError>;
}

#[async_trait]
impl<W: Wire + ?Sized> Wire for std::sync::Arc<W> {
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        (**self).call(request).await
    }
}

/// What a request may do, carried as an extension of it. One without a class counts as a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Changes nothing: may be sent again.
    Read,
    /// Asks for a token: may be sent again.
    Token,
    /// Changes something: sent once, and only with a permit.
    Write,
}

impl Class {
    pub fn of(request: &http::Request<Bytes>) -> Self {
        request.extensions().get().copied().unwrap_or(Class::Write)
    }
}

/// Whether a request that got no response may have been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    No,
    Unknown,
}

/// How the line failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No connection: nothing was sent.
    Connect,
    /// No whole response in time.
    Timeout,
    /// The connection broke, or what came is not HTTP.
    Cut,
    /// The response is larger than the limit.
    TooLarge,
    /// A write came without a permit, with a spent one, or with one for something else. Nothing
    /// was sent.
    Unpermitted,
    /// The request itself is not one that can be sent.
    Invalid,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Connect => "connect",
            Kind::Timeout => "timeout",
            Kind::Cut => "cut",
            Kind::TooLarge => "too_large",
            Kind::Unpermitted => "unpermitted",
            Kind::Invalid => "invalid",
        }
    }
}

/// Why there was no connection, as far as the machine tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// The name has no address.
    NoName,
    Refused,
    Unreachable,
    /// Its certificate is not trusted, or it does not speak TLS.
    Tls,
    #[default]
    Unsaid,
}

/// A request that got no response. Holds the host alone: paths, queries and bodies may name or
/// contain what must not be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {host}: {}", kind.name(), match reached {
    Reached::No => "nothing was sent",
    Reached::Unknown => "it is not known whether the request arrived",
})]
pub struct WireError {
    pub kind: Kind,
    pub reached: Reached,
    pub host: Text<128>,
    pub cause: Cause,
}

impl WireError {
    pub fn new(kind: Kind, reached: Reached, uri: &http::Uri) -> Self {
        let host = Text::lossy(uri.host().unwrap_or(""));
        Self { kind, reached, host, cause: Cause::Unsaid }
    }
    pub fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }
    /// For people: how the host did not answer.
    pub fn why(&self) -> &'static str {
        match (self.cause, self.kind) {
            (Cause::NoName, _) => "its name cannot be resolved",
            (Cause::Refused, _) => "connection refused",
            (Cause::Unreachable, _) => "no route to it",
            (Cause::Tls, _) => "its TLS certificate is not accepted",
            (Cause::Unsaid, Kind::Connect) => "no connection",
            (Cause::Unsaid, Kind::Timeout) => "no whole answer in time",
            (Cause::Unsaid, Kind::Cut) => "the connection broke",
            (Cause::Unsaid, Kind::TooLarge) => "its answer is too large",
            (Cause::Unsaid, Kind::Unpermitted | Kind::Invalid) => "the request cannot be sent",
        }
    }
}

//! A wire to a service in this process: any tower service over the same HTTP types. No sockets,
//! no TLS, no real time: a paused runtime runs it in virtual time.

use super::{Kind, Reached, Wire, WireError};
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::time::Duration;
use tower::{Service, ServiceExt};

/// Calls a clone of `service` for each request.
#[derive(Clone)]
pub struct InProcess<S, F> {
    service: S,
    may_have_reached: F,
    timeout: Duration,
}

impl<S, F> InProcess<S, F>
where
    S: Service<http::Request<Bytes>, Response = http::Response<Bytes>>,
    F: Fn(&S::Error) -> bool,
{
    /// `may_have_reached` reads the service's error: whether the request may have been carried
    /// out although no response came. A response that takes longer than 100 s is a timeout, as
    /// on the real network.
    pub fn new(service: S, may_have_reached: F) -> Self {
        Self { service, may_have_reached, timeout: super::net::TIMEOUT }
    }
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

impl<S, F> fmt::Debug for InProcess<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

#[async_trait]
impl<S, F> Wire for InProcess<S, F>
where
    S: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync,
    S::Future: Send,
    S::Error: Send,
    F: Fn(&S::Error) -> bool + Send + Sync,
{
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let uri = request.uri().clone();
        match tokio::time::timeout(self.timeout, self.service.clone().oneshot(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(e)) if (self.may_have_reached)(&e) => {
                Err(WireError::new(Kind::Cut, Reached::Unknown, &uri))
            }
            Ok(Err(_)) => Err(WireError::new(Kind::Connect, Reached::No, &uri)),
            Err(_) => Err(WireError::new(Kind::Timeout, Reached::Unknown, &uri)),
        }
    }
}

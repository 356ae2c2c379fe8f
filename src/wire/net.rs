//! The real network: one shared HTTP client (reqwest over rustls), with limits on everything.
//!
//! Redirects are never followed: a service that is asked for a secret does not get to say where
//! the answer comes from. Nor does the client repeat anything by itself. Content encodings are
//! off, so that the size limit is on what arrives. A proxy of the environment is used, except with
//! a table of names.

use super::{Cause, Kind, Reached, Wire, WireError};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

/// The longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// So many connections that nobody uses are kept for each host, at 30 to 40 KiB each: what a burst of reads
/// has opened need not stay.
const IDLE_MOST: usize = 64;
/// The longest wait for a whole response. Graph itself gives up after about a minute.
pub const TIMEOUT: Duration = Duration::from_secs(100);
/// The largest response in bytes. A full page of 999 applications stays well below it.
pub const BODY_BYTES_MAX: usize = 32 << 20;

/// Whose certificates are believed.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    /// The machine's own.
    #[default]
    System,
    /// The machine's own and these (PEM): a company's inspecting proxy.
    SystemAnd(Vec<u8>),
    /// Only these (PEM): a rehearsal can then never talk to the real service.
    Only(Vec<u8>),
}

/// How to reach the network.
#[derive(Clone, Debug, Default)]
pub struct NetOptions {
    pub roots: Roots,
    /// If present, names resolve by this table alone, and no proxy is used: a name that is not in
    /// it is not reachable. `*.example.com` stands for any one label before it.
    pub resolve: Option<Vec<(String, SocketAddr)>>,
    /// HTTP without TLS too: for those whose answers are signed, who are sent nothing secret.
    pub plain: bool,
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    #[error("the certificate authority file holds no readable PEM certificate")]
    Roots,
    #[error("the TLS client could not be set up on this machine")]
    Setup,
}

/// The wire over the real network.
#[derive(Clone, Debug)]
pub struct Net {
    client: reqwest::Client,
    timeout: Duration,
    body_bytes_max: usize,
}

impl Net {
    pub fn new(options: NetOptions) -> Result<Self, NetError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .https_only(!options.plain)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_MOST)
            .no_gzip()
            .no_deflate()
            .no_brotli()
            .no_zstd();
        builder = match options.roots {
            Roots::System => builder,
            Roots::SystemAnd(pem) => builder.tls_certs_merge(certificates(&pem)?),
            Roots::Only(pem) => builder.tls_certs_only(certificates(&pem)?),
        };
        if let Some(table) = options.resolve {
            builder = builder.dns_resolver(Table(table)).no_proxy();
        }
        let client = builder.build().map_err(|_| NetError::Setup)?;
        Ok(Self { client, timeout: TIMEOUT, body_bytes_max: BODY_BYTES_MAX })
    }

    /// Other limits than the usual ones.
    pub fn with_limits(self, timeout: Duration, body_bytes_max: usize) -> Self {
        Self { timeout, body_bytes_max, ..self }
    }

    async fn exchange(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let uri = request.uri().clone();
        let request = reqwest::Request::try_from(request)
            .map_err(|_| WireError::new(Kind::Invalid, Reached::No, &uri))?;
        let mut answer = self.client.execute(request).await.map_err(|e| read_error(&e, &uri))?;
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        std::mem::swap(response.headers_mut(), answer.headers_mut());
        let mut body = BytesMut::new();
        while let Some(part) = answer.chunk().await.map_err(|e| read_error(&e, &uri))? {
            if body.len() + part.len() > self.body_bytes_max {
                return Err(WireError::new(Kind::TooLarge, Reached::Unknown, &uri));
            }
            body.extend_from_slice(&part);
        }
        *response.body_mut() = body.freeze();
        Ok(response)
    }
}

#[async_trait]
impl Wire for Net {
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let uri = request.uri().clone();
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(WireError::new(Kind::Timeout, Reached::Unknown, &uri)),
        }
    }
}

/// Only a failed connection is known not to have sent anything; every doubt is `Unknown`.
fn read_error(e: &reqwest::Error, uri: &http::Uri) -> WireError {
    let (kind, reached) = if e.is_builder() {
        (Kind::Invalid, Reached::No)
    } else if e.is_connect() {
        (Kind::Connect, Reached::No)
    } else if e.is_timeout() {
        (Kind::Timeout, Reached::Unknown)
    } else {
        (Kind::Cut, Reached::Unknown)
    };
    WireError::new(kind, reached, uri).because(cause(e))
}

/// The first thing in the chain of reasons that a person can do something about.
fn cause(e: &reqwest::Error) -> Cause {
    let mut next: Option<&(dyn Error + 'static)> = Some(e);
    while let Some(e) = next {
        // hyper-util keeps the type to itself.
        if e.to_string().starts_with("dns error") {
            return Cause::NoName;
        }
        if let Some(io) = e.downcast_ref::<std::io::Error>() {
            match io.kind() {
                ErrorKind::ConnectionRefused => return Cause::Refused,
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => return Cause::Unreachable,
                _ if is_tls(io) => return Cause::Tls,
                _ => {}
            }
        }
        next = e.source();
    }
    Cause::Unsaid
}

/// An I/O error may wrap another one, which the chain of sources skips.
fn is_tls(e: &std::io::Error) -> bool {
    e.get_ref().is_some_and(|inner| {
        inner.is::<rustls::Error>() || inner.downcast_ref::<std::io::Error>().is_some_and(is_tls)
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, NetError> {
    match reqwest::Certificate::from_pem_bundle(pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(NetError::Roots),
    }
}

/// Names and where they are, in place of the domain name system.
struct Table(Vec<(String, SocketAddr)>);

impl Table {
    fn find(&self, name: &str) -> Option<SocketAddr> {
        let fits = |pattern: &str| match pattern.strip_prefix('*') {
            Some(rest) => {
                name.strip_suffix(rest).is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
            None => pattern == name,
        };
        self.0.iter().find(|(pattern, _)| fits(pattern)).map(|(_, addr)| *addr)
    }
}

impl Resolve for Table {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.find(&name.as_str().to_ascii_lowercase());
        Box::pin(async move {
            let addr = found.ok_or("this name is not in the lab's table")?;
            Ok(Box::new(std::iter::once(addr)) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_knows_names_and_single_labels() {
        let addr: SocketAddr = "127.0.0.1:8443".parse().unwrap();
        let table = Table(vec![("login.example".into(), addr), ("*.vault.example".into(), addr)]);
        assert_eq!(table.find("login.example"), Some(addr));
        assert_eq!(table.find("kv1.vault.example"), Some(addr));
        for unknown in
            ["vault.example", "a.b.vault.example", ".vault.example", "example", "evil.login.example"]
        {
            assert_eq!(table.find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn rubbish_is_no_authority() {
        let options =
            NetOptions { roots: Roots::Only(b"not a certificate".to_vec()), resolve: None, plain: false };
        assert_eq!(Net::new(options).err(), Some(NetError::Roots));
    }
}

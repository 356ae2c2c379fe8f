//! One blob by its address, and requests about it with the acting identity's own token.

use super::super::credential::{Door, Tokens};
use super::super::fault::{ApiError, Reply, Service};
use super::super::quota::{self, Operation};
use super::super::session::Azure;
use crate::wire::budget::Permit;
use crate::wire::{Class, Wire};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use std::time::Duration;
use zeroize::Zeroizing;

/// The resource of tokens for every storage account, in every cloud.
const SCOPE: &str = "https://storage.azure.com/.default";
const VERSION: &str = "2021-12-02";

/// So often an answer may be cut.
const CUT_MOST: u32 = 5;

/// Whether the body is as long as the answer says (RFC 9110, 8.6).
fn is_whole(answer: &http::Response<Bytes>) -> bool {
    let told = answer.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    told.is_none_or(|told: usize| told == answer.body().len())
}

/// A blob of a storage account.
pub(super) struct BlobAt {
    pub(super) azure: Azure,
    pub(super) door: Door,
    tokens: Tokens,
    host: String,
    path: String,
}

/// Letters, digits and inner hyphens, 3 to 63, for a container; the same, dots, underscores and
/// slashes for a blob: what needs no encoding.
fn are_plain(container: &str, blob: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    (3..=63).contains(&container.len())
        && container.bytes().all(plain)
        && (1..=200).contains(&blob.len())
        && blob.bytes().all(named)
        && !blob.split('/').any(|part| part.is_empty() || part.starts_with('.'))
}

impl BlobAt {
    /// The blob at `https://HOST/CONTAINER/BLOB`; only in an account of the session's cloud.
    pub(super) fn new(azure: &Azure, (door, tokens): (Door, Tokens), url: &str) -> Result<Self, ApiError> {
        let bad = || ApiError::refused(Service::Storage, "not_a_blob_of_this_cloud");
        let rest = url.strip_prefix("https://").ok_or_else(bad)?;
        let (host, path) = rest.split_once('/').ok_or_else(bad)?;
        let (container, blob) = path.split_once('/').ok_or_else(bad)?;
        if !door.endpoints.is_blob_account(host) || !are_plain(container, blob) {
            return Err(bad());
        }
        let (host, path) = (host.to_owned(), format!("/{path}"));
        Ok(Self { azure: azure.clone(), door, tokens, host, path })
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}{}", self.host, self.path)
    }

    async fn build(
        &self,
        method: Method,
        query: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        permit: Option<&Permit>,
    ) -> Result<http::Request<Bytes>, ApiError> {
        let refused = |code| ApiError::refused(Service::Storage, code);
        let token = self.tokens.bearer(SCOPE).await?;
        let text = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut bearer = HeaderValue::from_str(&text).map_err(|_| refused("bad_token"))?;
        bearer.set_sensitive(true);
        let (class, operation) = match permit {
            Some(_) => (Class::Write, Operation::BlobAppend),
            None => (Class::Read, Operation::BlobRead),
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("https://{}{}{query}", self.host, self.path))
            .header(header::AUTHORIZATION, bearer)
            .header("x-ms-version", VERSION)
            .header("x-ms-client-request-id", self.door.env.new_guid("request-ids").as_str())
            .header(header::USER_AGENT, concat!("reissue/", env!("CARGO_PKG_VERSION")))
            .extension(class)
            .extension(quota::draws(operation));
        // The service wants it of every write, of an empty one too (HTTP 411), where clients leave it out.
        if permit.is_some() {
            request = request.header(header::CONTENT_LENGTH, body.len());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(permit) = permit {
            request = request.extension(permit.clone());
        }
        request.body(body).map_err(|_| refused("bad_request"))
    }

    /// All its bytes. A part of a text is a text too: only its length shows that the rest is missing, so
    /// an answer that was cut is asked for again.
    pub(super) async fn get(&self) -> Result<Bytes, ApiError> {
        for tries in 1..=CUT_MOST {
            let answer = self.send(Method::GET, "", &[], Bytes::new(), None).await?;
            if is_whole(&answer) {
                return Ok(answer.into_body());
            }
            self.door.env.clock.sleep(Duration::from_secs(1 << tries)).await;
        }
        Err(ApiError::unexpected(Service::Storage, "unreadable_answer", false))
    }

    pub(super) async fn send(
        &self,
        method: Method,
        query: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        permit: Option<&Permit>,
    ) -> Result<http::Response<Bytes>, ApiError> {
        let request = self.build(method, query, headers, body, permit).await?;
        let write = permit.is_some();
        let answer = self.door.wire.call(request).await;
        let answer = answer.map_err(|e| ApiError::from_wire(Service::Storage, &e, write))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        if answer.status().as_u16() == 401 {
            self.tokens.forget().await;
        }
        let told = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
        Err(ApiError::from_reply(&Reply {
            service: Service::Storage,
            status: answer.status().as_u16(),
            code: told("x-ms-error-code").unwrap_or_default(),
            inner_code: None,
            text: "",
            request_id: told("x-ms-request-id"),
            write,
            secret: false,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::are_plain;

    #[test]
    fn names_need_no_encoding() {
        assert!(are_plain("mirrors", "inc-0402/log_1.jsonl"));
        for (container, blob) in [
            ("m", "a"),
            ("Mirrors", "a"),
            ("mirrors", ""),
            ("mirrors", "../a"),
            ("mirrors", "a//b"),
            ("mirrors", "a?b"),
        ] {
            assert!(!are_plain(container, blob), "{container}/{blob}");
        }
    }
}

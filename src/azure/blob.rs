//! One append blob of a storage account: text that grows, for a log's mirror.
//!
//! Source: Microsoft Learn, "Put Blob", "Append Block", "Get Blob" (Blob service REST API) and "Authorize
//! with Microsoft Entra ID". A blob takes 50,000 blocks; a block is at most 4 MiB in every version. An
//! append names the position where the blob must end (`x-ms-blob-condition-appendpos`), which makes it a
//! compare-and-append: any other end is answered by 412.

use super::credential::{Door, Tokens};
use super::fault::{ApiError, Reply, Service};
use super::quota::{self, Operation};
use super::session::Azure;
use crate::domain::event::FaultClass;
use crate::wire::budget::Permit;
use crate::wire::{Class, Wire};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use std::time::Duration;
use zeroize::Zeroizing;

/// The resource of tokens for every storage account, in every cloud.
const SCOPE: &str = "https://storage.azure.com/.default";
const VERSION: &str = "2021-12-02";
const BLOCK_BYTES: usize = 4 << 20;
/// An append whose answer was lost is looked for and tried again, so often.
const TRIES: u32 = 6;
/// A log that is longer is not read back into memory.
const BLOB_BYTES_MAX: usize = 1 << 30;

/// Why the blob could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    #[error("{0}")]
    Api(#[from] ApiError),
    #[error("the blob ends elsewhere: somebody else has written to it")]
    Taken,
    #[error("the blob is no text, or too long")]
    NotText,
}

/// An append blob.
pub struct AppendBlob {
    azure: Azure,
    door: Door,
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

impl AppendBlob {
    /// The blob at `https://HOST/CONTAINER/BLOB`; only in an account of the session's cloud.
    pub(crate) fn new(azure: &Azure, (door, tokens): (Door, Tokens), url: &str) -> Result<Self, ApiError> {
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

    /// How an operator names it.
    pub fn place(&self) -> String {
        format!("blob:https://{}{}", self.host, self.path)
    }

    /// The whole text; empty if there is no such blob yet.
    pub async fn read(&self) -> Result<String, BlobError> {
        match self.send(Method::GET, "", &[], Bytes::new(), None).await {
            Ok(body) if body.len() <= BLOB_BYTES_MAX => {
                String::from_utf8(body.into()).map_err(|_| BlobError::NotText)
            }
            Ok(_) => Err(BlobError::NotText),
            Err(e) if e.is_not_found() => Ok(String::new()),
            Err(e) => Err(e.into()),
        }
    }

    /// Adds text at its end, which is at this byte.
    pub async fn append(&self, at: u64, text: &str) -> Result<(), BlobError> {
        let mut at = at;
        for block in text.as_bytes().chunks(BLOCK_BYTES) {
            self.put(at, block).await?;
            at += block.len() as u64;
        }
        Ok(())
    }

    async fn put(&self, at: u64, block: &[u8]) -> Result<(), BlobError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failed = match self.put_once(at, block).await {
                Ok(()) => return Ok(()),
                Err(e) => e,
            };
            if failed.status == Some(412) || failed.status == Some(409) {
                // Ours, if its answer was lost; else somebody else's.
                let there = self.read().await?;
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                return if there.as_bytes().get(at..) == Some(block) {
                    Ok(())
                } else {
                    Err(BlobError::Taken)
                };
            }
            if failed.fault().class == FaultClass::Refused || tries >= TRIES {
                return Err(failed.into());
            }
            self.door.env.clock.sleep(Duration::from_secs(2 << tries)).await;
        }
    }

    /// Appends; the first time, to a blob that is made for it.
    async fn put_once(&self, at: u64, block: &[u8]) -> Result<(), ApiError> {
        match self.append_block(at, block).await {
            Err(e) if e.status == Some(404) && at == 0 => {}
            other => return other,
        }
        let permit = self.azure.permit(Operation::BlobAppend).await;
        let new = [("x-ms-blob-type", "AppendBlob"), ("if-none-match", "*")];
        match self.send(Method::PUT, "", &new, Bytes::new(), Some(&permit)).await {
            // Somebody else has just made it: who comes second finds it longer.
            Err(e) if e.status != Some(409) => Err(e),
            _ => self.append_block(at, block).await,
        }
    }

    async fn append_block(&self, at: u64, block: &[u8]) -> Result<(), ApiError> {
        let permit = self.azure.permit(Operation::BlobAppend).await;
        let position = at.to_string();
        let condition = [("x-ms-blob-condition-appendpos", position.as_str())];
        let body = Bytes::copy_from_slice(block);
        self.send(Method::PUT, "?comp=appendblock", &condition, body, Some(&permit)).await.map(drop)
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
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(permit) = permit {
            request = request.extension(permit.clone());
        }
        request.body(body).map_err(|_| refused("bad_request"))
    }

    async fn send(
        &self,
        method: Method,
        query: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        permit: Option<&Permit>,
    ) -> Result<Bytes, ApiError> {
        let request = self.build(method, query, headers, body, permit).await?;
        let write = permit.is_some();
        let answer = self.door.wire.call(request).await;
        let answer = answer.map_err(|e| ApiError::from_wire(Service::Storage, &e, write))?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
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

//! Obtaining anchors for the newest checkpoint: from a witness, a time stamping authority, a
//! repository. What comes back is judged as a verifier would judge it, before it is kept in the log's
//! folder; formats and judgement are [`crate::trail::anchors`]'s and [`crate::trail::verify`]'s.

pub mod git;
pub mod head;
pub mod tsa;
pub mod witness;

pub use head::{Head, HeadError};

use crate::domain::time::Timestamp;
use crate::env::DiskError;
use crate::trail::anchors::record::Place;
use crate::trail::anchors::{Kind, Record};
use crate::wire::{Wire, WireError};
use bytes::Bytes;
use std::path::PathBuf;

/// An anchor that is kept now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obtained {
    pub kind: Kind,
    pub size: u64,
    /// The file in the log's folder.
    pub file: PathBuf,
    /// Who gave it, for people.
    pub by: String,
    pub time: Option<Timestamp>,
}

/// Keeps a record of where the head is kept.
pub fn record(head: &Head, place: Place, by: String, time: Option<Timestamp>) -> Result<Obtained, DiskError> {
    let kind = match &place {
        Place::Git { .. } => Kind::Git,
        Place::Blob { .. } => Kind::Blob,
    };
    let file = head.folder.anchors().join(kind.file_name(head.size()).unwrap_or_default());
    head.disk.make_folder(&head.folder.anchors())?;
    head.disk.write_atomic(&file, &Record::new(&head.checkpoint, place).to_bytes())?;
    Ok(Obtained { kind, size: head.size(), file, by, time })
}

/// Why an answer came, or did not.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    #[error("the address {0:?} is not one of http or https with a host, and no name or password before it")]
    Address(String),
    #[error("{}: {}", .0.host, .0.why())]
    Wire(#[from] WireError),
    #[error("{host} answers with HTTP status {status}")]
    Status { host: String, status: u16 },
    #[error("{0}; the anchor was not kept")]
    Disk(#[from] DiskError),
}

/// Addresses in a text, without what stands before their @.
pub fn without_passwords(text: &str) -> String {
    let mut out = String::new();
    for (n, part) in text.split("://").enumerate() {
        let end = part.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(part.len());
        let at = part[..end].rfind('@').map_or(0, |at| at + 1);
        if n > 0 {
            out.push_str("://");
        }
        out.push_str(if n > 0 { &part[at..] } else { part });
    }
    out
}

/// Where a request goes.
pub(crate) fn address(url: &str, path: &str) -> Result<http::Uri, CallError> {
    let bad = || CallError::Address(without_passwords(url).chars().take(200).collect());
    let whole =
        if path.is_empty() { url.to_owned() } else { format!("{}/{path}", url.trim_end_matches('/')) };
    let uri: http::Uri = whole.parse().map_err(|_| bad())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    // What stands before an @ is a password, and would be shown.
    let open = uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    if known && open { Ok(uri) } else { Err(bad()) }
}

/// Sends one request that may be sent again: nothing is asked for that a second one would change.
pub(crate) async fn post(
    wire: &dyn Wire,
    uri: &http::Uri,
    sort: &str,
    body: Vec<u8>,
) -> Result<http::Response<Bytes>, CallError> {
    let request = http::Request::post(uri.clone()).header(http::header::CONTENT_TYPE, sort);
    let mut request = request
        .body(Bytes::from(body))
        .map_err(|_| CallError::Address(uri.to_string().chars().take(200).collect()))?;
    request.extensions_mut().insert(crate::wire::Class::Read);
    Ok(wire.call(request).await?)
}

/// An answer that is not the one that is wanted.
pub(crate) fn status(uri: &http::Uri, answer: &http::Response<Bytes>) -> CallError {
    let host = uri.host().unwrap_or_default().to_owned();
    CallError::Status { host, status: answer.status().as_u16() }
}

//! A blob that is written once and then kept: nobody may change or delete it before a stated time, not
//! even who wrote it.
//!
//! Source: Microsoft Learn, "Put Blob", "Set Blob Immutability Policy" (version 2020-06-12 and later),
//! "Get Blob Properties"; "Version-level WORM policies for immutable blob data": the container must have
//! support for them. A *locked* policy can be made longer, never shorter.

use super::super::credential::{Door, Tokens};
use super::super::fault::ApiError;
use super::super::quota::Operation;
use super::super::session::Azure;
use super::BlobError;
use super::at::BlobAt;
use crate::domain::time::Timestamp;
use bytes::Bytes;
use http::Method;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

const UNTIL: &str = "x-ms-immutability-policy-until-date";
const MODE: &str = "x-ms-immutability-policy-mode";

/// A blob that is to be kept.
pub struct KeptBlob {
    at: BlobAt,
}

/// What the service says of a blob's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    pub until: Timestamp,
    /// An unlocked policy can be taken away again.
    pub locked: bool,
}

impl KeptBlob {
    pub(crate) fn new(azure: &Azure, doors: (Door, Tokens), url: &str) -> Result<Self, ApiError> {
        Ok(Self { at: BlobAt::new(azure, doors, url)? })
    }

    pub fn url(&self) -> String {
        self.at.url()
    }

    /// Writes it, unless these very bytes are there already.
    pub async fn put(&self, bytes: &[u8]) -> Result<(), BlobError> {
        let permit = self.at.azure.permit(Operation::BlobAppend).await;
        let headers =
            [("x-ms-blob-type", "BlockBlob"), ("if-none-match", "*"), ("content-type", "text/plain")];
        let body = Bytes::copy_from_slice(bytes);
        match self.at.send(Method::PUT, "", &headers, body, Some(&permit)).await {
            Ok(_) => Ok(()),
            // There is one: ours, if an earlier answer was lost. A lock answers the same way.
            Err(e) if e.status == Some(409) || e.status == Some(412) => match self.read().await? == bytes {
                true => Ok(()),
                false => Err(BlobError::Taken),
            },
            Err(e) => Err(e.into()),
        }
    }

    pub async fn read(&self) -> Result<Bytes, ApiError> {
        self.at.get().await
    }

    /// Locks it until then (`Set Blob Immutability Policy`).
    pub async fn lock(&self, until: Timestamp) -> Result<(), ApiError> {
        let permit = self.at.azure.permit(Operation::BlobAppend).await;
        let until = http_date(until);
        let headers = [(UNTIL, until.as_str()), (MODE, "Locked")];
        let what = "?comp=immutabilityPolicies";
        self.at.send(Method::PUT, what, &headers, Bytes::new(), Some(&permit)).await.map(drop)
    }

    /// The policy that is in force, in the service's own words.
    pub async fn policy(&self) -> Result<Option<Lock>, ApiError> {
        let answer = self.at.send(Method::HEAD, "", &[], Bytes::new(), None).await?;
        let told = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
        let until = told(UNTIL).and_then(read_http_date);
        let locked = told(MODE).is_some_and(|mode| mode.eq_ignore_ascii_case("locked"));
        Ok(until.map(|until| Lock { until, locked }))
    }
}

/// `Tue, 24 Nov 2026 07:00:09 GMT` (RFC 1123), as the service takes times in headers.
fn http_date(at: Timestamp) -> String {
    let date = OffsetDateTime::from_unix_timestamp(at.unix_s()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let text = date.format(&Rfc2822).unwrap_or_default();
    text.replace("+0000", "GMT")
}

fn read_http_date(text: &str) -> Option<Timestamp> {
    let date = OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822).ok()?;
    Some(Timestamp::from_unix_s(date.unix_timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        let at: Timestamp = "2026-11-24T07:00:09Z".parse().unwrap();
        assert_eq!(http_date(at), "Tue, 24 Nov 2026 07:00:09 GMT");
        assert_eq!(read_http_date("Tue, 24 Nov 2026 07:00:09 GMT"), Some(at));
        assert_eq!(read_http_date("soon"), None);
    }
}

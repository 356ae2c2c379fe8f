//! One append blob of a storage account: text that grows, for a log's mirror.
//!
//! Source: Microsoft Learn, "Put Blob", "Append Block", "Get Blob" (Blob service REST API) and "Authorize
//! with Microsoft Entra ID". A blob takes 50,000 blocks; a block is at most 4 MiB in every version. An
//! append names the position where the blob must end (`x-ms-blob-condition-appendpos`), which makes it a
//! compare-and-append: any other end is answered by 412.

mod at;
mod kept;

pub use kept::{KeptBlob, Lock};

use super::credential::{Door, Tokens};
use super::fault::ApiError;
use super::quota::Operation;
use super::session::Azure;
use crate::domain::event::FaultClass;
use at::BlobAt;
use bytes::Bytes;
use http::Method;
use std::time::Duration;

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
    at: BlobAt,
}

impl AppendBlob {
    pub(crate) fn new(azure: &Azure, doors: (Door, Tokens), url: &str) -> Result<Self, ApiError> {
        Ok(Self { at: BlobAt::new(azure, doors, url)? })
    }

    /// How an operator names it.
    pub fn place(&self) -> String {
        format!("blob:{}", self.at.url())
    }

    /// The whole text; empty if there is no such blob yet.
    pub async fn read(&self) -> Result<String, BlobError> {
        let body = match self.at.get().await {
            Ok(body) => body,
            Err(e) if e.is_not_found() => return Ok(String::new()),
            Err(e) => return Err(e.into()),
        };
        match body.len() <= BLOB_BYTES_MAX {
            true => String::from_utf8(body.into()).map_err(|_| BlobError::NotText),
            false => Err(BlobError::NotText),
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
            self.at.door.env.clock.sleep(Duration::from_secs(2 << tries)).await;
        }
    }

    /// Appends; the first time, to a blob that is made for it.
    async fn put_once(&self, at: u64, block: &[u8]) -> Result<(), ApiError> {
        match self.append_block(at, block).await {
            Err(e) if e.status == Some(404) && at == 0 => {}
            other => return other,
        }
        let permit = self.at.azure.permit(Operation::BlobAppend).await;
        let new = [("x-ms-blob-type", "AppendBlob"), ("if-none-match", "*")];
        match self.at.send(Method::PUT, "", &new, Bytes::new(), Some(&permit)).await {
            // Somebody else has just made it: who comes second finds it longer.
            Err(e) if e.status != Some(409) => Err(e),
            _ => self.append_block(at, block).await,
        }
    }

    async fn append_block(&self, at: u64, block: &[u8]) -> Result<(), ApiError> {
        let permit = self.at.azure.permit(Operation::BlobAppend).await;
        let position = at.to_string();
        let condition = [("x-ms-blob-condition-appendpos", position.as_str())];
        let body = Bytes::copy_from_slice(block);
        self.at.send(Method::PUT, "?comp=appendblock", &condition, body, Some(&permit)).await.map(drop)
    }
}

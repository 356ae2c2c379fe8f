//! Where trail and network meet: a mirror in a vault, or in an append blob.

use crate::azure::blob::{AppendBlob, BlobError};
use crate::connector::reel::{ReelError, VaultReel};
use crate::trail::MirrorError;
use crate::trail::mirror::Reel;
use async_trait::async_trait;

/// What a reel's failure is to a mirror.
fn failed(place: String) -> impl Fn(ReelError) -> MirrorError {
    move |e| match e {
        ReelError::Taken => MirrorError::taken(&place, "the secret"),
        other => MirrorError::unusable(&place, &other),
    }
}

#[async_trait]
impl Reel for VaultReel {
    fn place(&self) -> String {
        VaultReel::place(self)
    }
    async fn read(&self) -> Result<String, MirrorError> {
        VaultReel::read(self).await.map_err(failed(VaultReel::place(self)))
    }
    async fn append(&self, at: u64, text: &str) -> Result<(), MirrorError> {
        VaultReel::append(self, at, text).await.map_err(failed(VaultReel::place(self)))
    }
    async fn extent(&self) -> Result<u64, MirrorError> {
        VaultReel::extent(self).await.map_err(failed(VaultReel::place(self)))
    }
}

fn blob_failed(blob: &AppendBlob) -> impl Fn(BlobError) -> MirrorError {
    let place = blob.place();
    move |e| match e {
        BlobError::Taken => MirrorError::taken(&place, "the blob"),
        other => MirrorError::unusable(&place, &other),
    }
}

#[async_trait]
impl Reel for AppendBlob {
    fn place(&self) -> String {
        AppendBlob::place(self)
    }
    async fn read(&self) -> Result<String, MirrorError> {
        AppendBlob::read(self).await.map_err(blob_failed(self))
    }
    async fn append(&self, at: u64, text: &str) -> Result<(), MirrorError> {
        AppendBlob::append(self, at, text).await.map_err(blob_failed(self))
    }
    async fn extent(&self) -> Result<u64, MirrorError> {
        Ok(Reel::read(self).await?.len() as u64)
    }
}

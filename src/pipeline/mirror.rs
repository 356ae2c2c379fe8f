//! Where trail and network meet: a mirror in a vault.

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
    async fn len(&self) -> Result<u64, MirrorError> {
        VaultReel::len(self).await.map_err(failed(VaultReel::place(self)))
    }
}

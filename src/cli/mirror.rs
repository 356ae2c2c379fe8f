//! Where a mirror is, as an operator names it.

use super::Session;
use super::codes;
use super::error::Failure;
use crate::azure::Azure;
use crate::connector::reel::VaultReel;
use crate::trail::mirror::Tape;
use crate::trail::{FolderMirror, Mirror};
use std::path::Path;
use std::sync::Arc;

/// The secret that a mirror is kept in, if none is named.
const SECRET: &str = "reissue-mirror";

/// Opens the mirror at `place`: a folder, `vault:HOST` or `vault:HOST/NAME`, or `blob:URL`. Nothing is
/// sent yet.
pub(super) fn open(place: &str, session: &Session, azure: &Azure) -> Result<Arc<dyn Mirror>, Failure> {
    if let Some(url) = place.strip_prefix("blob:") {
        let blob = azure.blob(url).map_err(|e| {
            let what = format!("--mirror: {place:?} is not a blob in a storage account of this cloud ({})", e.code);
            let next = "write `blob:https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`, without a query: the \
                        identity that acts needs the role Storage Blob Data Contributor";
            Failure::new(codes::ARGUMENT, what, next)
        })?;
        return Ok(Arc::new(Tape::new(blob)));
    }
    let Some(vault) = place.strip_prefix("vault:") else {
        return Ok(Arc::new(FolderMirror::new(session.env.disk.clone(), place)));
    };
    let (host, name) = vault.split_once('/').unwrap_or((vault, SECRET));
    let reel = VaultReel::new(azure, host, name).map_err(|fault| {
        let what = format!("--mirror: {place:?} is not a secret in a vault of this cloud ({})", fault.code);
        let next = "write `vault:HOST` or `vault:HOST/NAME`, for example \
                    `vault:kv-ir.vault.azure.net/reissue-mirror`";
        Failure::new(codes::ARGUMENT, what, next)
    })?;
    Ok(Arc::new(Tape::new(reel)))
}

/// A folder that dies with the machine is no mirror.
pub(super) fn outside(place: &str, home: &Path) -> Result<(), Failure> {
    match Path::new(place).starts_with(home) {
        false => Ok(()),
        true => {
            let next = "name a folder on another machine, `vault:HOST/NAME` or `blob:URL`";
            Err(Failure::new(codes::ARGUMENT, "--mirror: this is inside the installation itself", next)
                .at(place))
        }
    }
}

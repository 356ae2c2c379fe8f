//! A time stamping authority (RFC 3161): over HTTP (section 3.4), or by files that somebody carries to
//! it. Its reply is kept as it came, if it holds for the authorities that were given.

use super::{CallError, Head, Obtained, address, post, status};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Random;
use crate::trail::Checkpoint;
use crate::trail::anchors::stamp::{self, StampError};
use crate::trail::anchors::{ANCHOR_BYTES_MAX, Authorities, Kind, Stamp};
use crate::trail::note::NOTE_BYTES_MAX;
use crate::wire::Wire;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Why there is no time stamp.
#[derive(Debug, thiserror::Error)]
pub enum TsaError {
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("the reply does not hold: {0}")]
    Stamp(#[from] StampError),
    #[error("its clock says {0}, which is before the log's last line")]
    Clock(Timestamp),
    #[error("it is over none of the checkpoints that are kept here")]
    NoCheckpoint,
    #[error("there is a time stamp of this checkpoint already, which these authorities do not vouch for")]
    Another(PathBuf),
    #[error("the request could not be made")]
    Request,
}

/// A request over the checkpoint's file, and the number that its reply must repeat.
pub fn request(head: &Head, random: &Random) -> Result<(Vec<u8>, [u8; 8]), TsaError> {
    let mut nonce: [u8; 8] = random.stream("tsa-nonce").bytes();
    // A positive number of full length, so that it has one spelling.
    nonce[0] = (nonce[0] & 0x3f) | 0x40;
    let hash: [u8; 32] = Sha256::digest(&head.note).into();
    let bytes = stamp::request(&hash, nonce).map_err(|_| TsaError::Request)?;
    Ok((bytes, nonce))
}

/// Has the authority at `url` stamp the head.
pub async fn ask(
    wire: &dyn Wire,
    url: &str,
    authorities: &Authorities,
    head: &Head,
    random: &Random,
) -> Result<Obtained, TsaError> {
    let uri = address(url, "")?;
    if let Some(kept) = kept(head, authorities)? {
        return Ok(kept);
    }
    let (request, nonce) = request(head, random)?;
    let answer = post(wire, &uri, "application/timestamp-query", request).await?;
    if answer.status() != http::StatusCode::OK {
        return Err(status(&uri, &answer).into());
    }
    let stamp = Stamp::read(answer.body())?;
    if !stamp.answers(nonce) {
        return Err(StampError::Nonce.into());
    }
    if !stamp.is_over(head.note.as_bytes()) {
        return Err(StampError::Imprint.into());
    }
    let who = stamp.judge(authorities)?;
    if head.is_after(stamp.time()) {
        return Err(TsaError::Clock(stamp.time()));
    }
    keep(head, head.size(), answer.body(), &stamp, &who)
}

/// Takes in a reply that somebody brought, over whichever checkpoint it is.
pub fn take_in(reply: &[u8], authorities: &Authorities, head: &Head) -> Result<Obtained, TsaError> {
    let stamp = Stamp::read(reply)?;
    let size = stamped(head, &stamp)?.ok_or(TsaError::NoCheckpoint)?;
    let who = stamp.judge(authorities)?;
    if size == head.size() && head.is_after(stamp.time()) {
        return Err(TsaError::Clock(stamp.time()));
    }
    let file = file(head, size);
    match head.disk.read(&file, ANCHOR_BYTES_MAX) {
        Ok(there) if there != reply => return Err(TsaError::Another(file)),
        _ => {}
    }
    keep(head, size, reply, &stamp, &who)
}

/// The size of the checkpoint that a reply is over: the newest first.
fn stamped(head: &Head, stamp: &Stamp) -> Result<Option<u64>, CallError> {
    let folder = head.folder.checkpoints();
    for name in head.disk.list(&folder)?.iter().rev() {
        let Some(size) = Checkpoint::size_of_name(name) else { continue };
        if stamp.is_over(&head.disk.read(&folder.join(name), NOTE_BYTES_MAX)?) {
            return Ok(Some(size));
        }
    }
    Ok(None)
}

fn file(head: &Head, size: u64) -> PathBuf {
    head.folder.anchors().join(Kind::Stamp.file_name(size).unwrap_or_default())
}

/// The stamp of this head that is kept already: the earlier says more, and is not replaced.
fn kept(head: &Head, authorities: &Authorities) -> Result<Option<Obtained>, TsaError> {
    let file = file(head, head.size());
    let bytes = match head.disk.read(&file, ANCHOR_BYTES_MAX) {
        Err(e) if e.is_missing() => return Ok(None),
        other => other.map_err(CallError::from)?,
    };
    let stamp = Stamp::read(&bytes).ok().filter(|s| s.is_over(head.note.as_bytes()));
    match stamp.and_then(|s| Some((s.judge(authorities).ok()?, s.time()))) {
        Some((who, time)) => Ok(Some(obtained(head.size(), file, &who, time))),
        None => Err(TsaError::Another(file)),
    }
}

fn keep(head: &Head, size: u64, reply: &[u8], stamp: &Stamp, who: &Text<200>) -> Result<Obtained, TsaError> {
    let file = file(head, size);
    head.disk.make_folder(&head.folder.anchors()).map_err(CallError::from)?;
    head.disk.write_atomic(&file, reply).map_err(CallError::from)?;
    Ok(obtained(size, file, who, stamp.time()))
}

fn obtained(size: u64, file: PathBuf, who: &Text<200>, time: Timestamp) -> Obtained {
    Obtained { kind: Kind::Stamp, size, file, by: format!("the authority {who}"), time: Some(time) }
}

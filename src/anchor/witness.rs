//! A witness (C2SP tlog-witness v1.0.0): it is shown the checkpoint with the proof that it continues
//! the last one that it cosigned, and answers with its cosignature, or with why not.

use super::{CallError, Head, Obtained, address, post, status};
use crate::domain::time::Timestamp;
use crate::trail::Checkpoint;
use crate::trail::anchors::cosigned::{Cosigned, with_line};
use crate::trail::anchors::{ANCHOR_BYTES_MAX, CosignerKey, Kind};
use crate::trail::checkpoint::CheckpointError;
use crate::trail::note::{self, NoteError};
use crate::wire::Wire;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::slice;

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("the witness does not know this log (HTTP status 404)")]
    UnknownLog,
    #[error("the witness knows another key of this log (HTTP status 403)")]
    OtherKey,
    #[error(
        "the witness has seen another log of this name: its head and ours do not continue one another (HTTP status 422)"
    )]
    Forked,
    #[error(
        "the witness has cosigned {witness} lines of this log, but its newest checkpoint here has {here}"
    )]
    Ahead { witness: u64, here: u64 },
    #[error("the witness cosigns something else at the same moment, again and again (HTTP status 409)")]
    Busy,
    #[error("its answer holds no cosignature of the key that was given")]
    NoCosignature,
    #[error("its answer cannot be read: {0}")]
    Answer(#[from] NoteError),
    #[error("its clock says {0}, which is before the log's last line")]
    Clock(Timestamp),
    #[error("the cosigned checkpoint that is kept cannot be read: {0}")]
    Kept(#[from] CheckpointError),
}

/// How often the size that the witness knows may change under our hands.
const TRIES: u32 = 3;

/// Has the witness at `url` cosign the head, and keeps what it answers.
pub async fn cosign(
    wire: &dyn Wire,
    url: &str,
    key: &CosignerKey,
    head: &Head,
) -> Result<Obtained, WitnessError> {
    let uri = address(url, "add-checkpoint")?;
    let mut old = last_cosigned(head, key)?;
    for _ in 0..TRIES {
        let proof = head.continues(old).ok_or(WitnessError::Ahead { witness: old, here: head.size() })?;
        let answer = post(wire, &uri, "text/plain; charset=utf-8", body(old, &proof, &head.note)).await?;
        match answer.status().as_u16() {
            200 => {
                let text = std::str::from_utf8(answer.body()).map_err(|_| NoteError::Malformed)?;
                return keep(head, key, text);
            }
            409 => old = size(answer.body()).ok_or_else(|| status(&uri, &answer))?,
            404 => return Err(WitnessError::UnknownLog),
            403 => return Err(WitnessError::OtherKey),
            422 => return Err(WitnessError::Forked),
            _ => return Err(status(&uri, &answer).into()),
        }
    }
    Err(WitnessError::Busy)
}

/// The body of `add-checkpoint`.
fn body(old: u64, proof: &[[u8; 32]], note: &str) -> Vec<u8> {
    let lines: String = proof.iter().map(|hash| format!("{}\n", BASE64.encode(hash))).collect();
    format!("old {old}\n{lines}\n{note}").into_bytes()
}

/// The size that a witness names when ours is not the one it knows.
fn size(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    text.parse::<u64>().ok().filter(|n| n.to_string() == text)
}

/// The newest size that this witness cosigned, as far as it is kept here.
fn last_cosigned(head: &Head, key: &CosignerKey) -> Result<u64, CallError> {
    let mut names = head.disk.list(&head.folder.anchors())?;
    names.reverse();
    for name in names {
        let Some((Kind::Witness, size)) = Kind::of_name(&name) else { continue };
        let bytes = head.disk.read(&head.folder.anchors().join(&name), ANCHOR_BYTES_MAX)?;
        let read = Cosigned::open(&bytes, &head.key, slice::from_ref(key));
        if size <= head.size() && read.is_ok_and(|c| !c.by.is_empty()) {
            return Ok(size);
        }
    }
    Ok(0)
}

/// Judges the answer, and adds it to the file of this size.
fn keep(head: &Head, key: &CosignerKey, answer: &str) -> Result<Obtained, WitnessError> {
    let text = head.checkpoint.text();
    let mut found = None;
    for (line, raw) in note::signature_lines(answer)?.iter().zip(answer.lines()) {
        // Lines of other keys are passed over, as the specification asks.
        if let Some(time) = key.read(&text, line) {
            found = Some((time?, raw));
        }
    }
    let (time, line) = found.ok_or(WitnessError::NoCosignature)?;
    if head.is_after(time) {
        return Err(WitnessError::Clock(time));
    }
    let name = Kind::Witness.file_name(head.size()).unwrap_or_default();
    let file = head.folder.anchors().join(name);
    let kept = match head.disk.read(&file, ANCHOR_BYTES_MAX) {
        Ok(bytes) => {
            let same = Checkpoint::open(&bytes, &head.key)? == head.checkpoint;
            let text = String::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
            if same { text } else { head.note.clone() }
        }
        Err(e) if e.is_missing() => head.note.clone(),
        Err(e) => return Err(CallError::from(e).into()),
    };
    let cosigned = with_line(&kept, key, line)?;
    head.disk.make_folder(&head.folder.anchors()).map_err(CallError::from)?;
    head.disk.write_atomic(&file, cosigned.as_bytes()).map_err(CallError::from)?;
    let by = format!("the witness {}", key.name());
    Ok(Obtained { kind: Kind::Witness, size: head.size(), file, by, time: Some(time) })
}

//! Text that grows in a vault: versions of one secret, each tagged with the place of its piece. A
//! log's mirror is kept like that; there is no secret in it.
//!
//! Source: Microsoft Learn, "About Azure Key Vault secrets" (a value has at most 25 kB) and "Azure Key
//! Vault backup and restore" (a secret with more than 500 versions cannot be backed up: a long log
//! makes that many). Not a compare-and-set: the newest version is read before each write.

use crate::azure::Azure;
use crate::azure::key_vault::secrets::{NewSecret, SecretVersion, StoredSecret};
use crate::azure::key_vault::{Name, Vault};
use crate::azure::quota::Operation;
use crate::connector::reads::patiently;
use crate::domain::event::{Fault, FaultClass};
use crate::domain::id::hex;
use crate::domain::secret::Secret;
use crate::wire::budget::with_permit;
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bytes of one version, below the limit.
const PIECE_BYTES: usize = 24_000;
/// A piece of a dead writer has arrived by then, or never does.
const SETTLES: Duration = Duration::from_secs(30);
/// Versions that are read at the same time; the budget decides how fast.
const AT_ONCE: usize = 8;
/// A write whose answer was lost or refused for now is looked for and tried again, so often.
const TRIES: u32 = 7;

const AT: &str = "reissue-at";
const LENGTH: &str = "reissue-length";
const WRITER: &str = "reissue-writer";

/// Why the text could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReelError {
    #[error("the vault says {}", .0.code)]
    Fault(Fault),
    #[error("the secret holds versions that are no pieces of it")]
    Foreign,
    #[error("the text does not fit together")]
    Taken,
}

/// Where a version's piece stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    at: u64,
    length: u64,
}

/// The secret that holds the text.
pub struct VaultReel {
    azure: Azure,
    host: String,
    name: Name,
    vault: Vault,
    /// Chance: tells our pieces from another writer's.
    writer: String,
    is_settled: AtomicBool,
}

impl Span {
    fn end(self) -> u64 {
        self.at + self.length
    }
}

/// None: somebody else's version, and no piece.
fn span(version: &SecretVersion) -> Option<Span> {
    let number = |tag: &str| version.tags.get(tag).and_then(|text| text.parse().ok());
    number(AT).zip(number(LENGTH)).map(|(at, length)| Span { at, length })
}

impl VaultReel {
    pub fn new(azure: &Azure, host: &str, name: &str) -> Result<Self, Fault> {
        let vault = azure.vault(host).map_err(Fault::from)?;
        let chance: [u8; 8] = azure.env().random.stream("reel").bytes();
        let (azure, name) = (azure.clone(), Name::new(name).map_err(Fault::from)?);
        let is_settled = AtomicBool::new(false);
        Ok(Self { azure, host: host.to_owned(), name, vault, writer: hex(&chance), is_settled })
    }

    /// How an operator names it.
    pub fn place(&self) -> String {
        format!("vault:{}/{}", self.host, self.name.as_str())
    }

    /// The pieces. What others wrote over them is left aside; a secret that is wholly theirs is refused.
    async fn pieces(&self) -> Result<Vec<(Span, SecretVersion)>, ReelError> {
        let versions = self.vault.secret_versions(&self.name).await;
        let versions = versions.map_err(|e| ReelError::Fault(e.into()))?;
        let is_used = !versions.is_empty();
        let mut pieces: Vec<_> = versions.into_iter().filter_map(|v| Some((span(&v)?, v))).collect();
        if is_used && pieces.is_empty() {
            return Err(ReelError::Foreign);
        }
        pieces.sort_by(|(a, v), (b, w)| (a, &v.version).cmp(&(b, &w.version)));
        Ok(pieces)
    }

    pub async fn extent(&self) -> Result<u64, ReelError> {
        Ok(self.pieces().await?.iter().map(|(span, _)| span.end()).max().unwrap_or(0))
    }

    /// All pieces, one behind the other. The same piece twice is one.
    pub async fn read(&self) -> Result<String, ReelError> {
        let read = |(span, version): (Span, SecretVersion)| async move {
            let stored = self.vault.secret(&self.name, Some(&version.version)).await;
            stored.map(|s| (span, s.value)).map_err(|e| ReelError::Fault(e.into()))
        };
        let pieces: Vec<_> =
            futures::stream::iter(self.pieces().await?).map(read).buffered(AT_ONCE).try_collect().await?;
        let mut text = String::new();
        for (Span { at, .. }, value) in pieces {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let piece = value.expose();
            match text.get(at..) {
                Some("") => text.push_str(piece),
                Some(there) if there.starts_with(piece) => {}
                _ => return Err(ReelError::Taken),
            }
        }
        Ok(text)
    }

    /// Adds text at its end, which is at this byte.
    pub async fn append(&self, at: u64, text: &str) -> Result<(), ReelError> {
        // What a writer sent just before it died may still be on its way: a vault compares nothing.
        if at > 0 && !self.is_settled.swap(true, Ordering::Relaxed) {
            self.azure.env().clock.pause_between_looks(SETTLES).await;
        }
        let (mut at, mut rest) = (at, text);
        while !rest.is_empty() {
            let mut cut = rest.len().min(PIECE_BYTES);
            while !rest.is_char_boundary(cut) {
                cut -= 1;
            }
            let (piece, after) = rest.split_at(cut);
            self.put(at, piece).await?;
            (at, rest) = (at + piece.len() as u64, after);
        }
        Ok(())
    }

    async fn put(&self, at: u64, piece: &str) -> Result<(), ReelError> {
        let may_pass =
            |e: &ReelError| matches!(e, ReelError::Fault(fault) if fault.class != FaultClass::Refused);
        patiently(self.azure.env().clock, TRIES, may_pass, || self.put_once(at, piece)).await
    }

    async fn put_once(&self, at: u64, piece: &str) -> Result<(), ReelError> {
        let end = match self.vault.secret(&self.name, None).await {
            Ok(newest) if self.is_there(&newest, at, piece) => return Ok(()),
            Ok(newest) => span(&newest.version).map(Span::end),
            Err(e) if e.is_not_found() && at == 0 => Some(0),
            Err(e) => match Fault::from(e) {
                // Somebody has disabled it.
                fault if fault.class == FaultClass::Refused => None,
                fault => return Err(ReelError::Fault(fault)),
            },
        };
        let end = match end {
            Some(end) => end,
            None => {
                let pieces = self.pieces().await?;
                let this = Span { at, length: piece.len() as u64 };
                if pieces.iter().any(|(span, v)| *span == this && v.has_tag(WRITER, &self.writer)) {
                    return Ok(());
                }
                pieces.iter().map(|(span, _)| span.end()).max().unwrap_or(0)
            }
        };
        if end != at {
            return Err(ReelError::Taken);
        }
        let tags = [(AT, at.to_string()), (LENGTH, piece.len().to_string()), (WRITER, self.writer.clone())];
        let tags: BTreeMap<String, String> = tags.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let value = Secret::new(piece.to_owned());
        let new = NewSecret { value: &value, tags, content_type: None, expires: None };
        let permit = self.azure.permit(Operation::VaultSetSecret(&self.host)).await;
        let set = with_permit(&permit, self.vault.set_secret(&self.name, &new, &permit)).await;
        set.map(drop).map_err(|e| ReelError::Fault(e.into()))
    }

    /// Whether a write of ours whose answer was lost has arrived.
    fn is_there(&self, newest: &StoredSecret, at: u64, piece: &str) -> bool {
        let ours =
            newest.version.has_tag(WRITER, &self.writer) && newest.version.has_tag(AT, &at.to_string());
        ours && newest.value.expose() == piece
    }
}

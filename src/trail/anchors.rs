//! Anchors: what others say of a checkpoint of this log, as files in its folder. Formats only, pure
//! over bytes: obtaining them is [`crate::anchor`]'s work, judging them [`super::verify`]'s.
//!
//! A cosignature and a time stamp are signed by somebody else's key and prove wherever they lie, to
//! whoever brings that key. The JSON records prove nothing: they say where to look.

pub mod cosigned;
pub mod policy;
pub mod record;
pub mod stamp;

pub use cosigned::{Cosigner, CosignerKey};
pub use policy::Policy;
pub use record::Record;
pub use stamp::{Authorities, Stamp};

use super::checkpoint::Checkpoint;
use serde::Serialize;

/// A token with its chain of certificates, or a checkpoint with many cosignatures.
pub const ANCHOR_BYTES_MAX: u64 = 1 << 20;

/// Who says something of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Signers of approvals: the head that each saw is in the statement.
    Approvals,
    /// Whoever keeps a copy of a checkpoint and brings it to the judgement.
    Kept,
    /// A commit in a repository.
    Git,
    /// A time stamping authority (RFC 3161).
    Stamp,
    /// Witnesses (C2SP tlog-cosignature).
    Witness,
    /// A blob that cannot be changed for a time.
    Blob,
}

impl Kind {
    pub const ALL: [Kind; 6] =
        [Kind::Approvals, Kind::Kept, Kind::Git, Kind::Stamp, Kind::Witness, Kind::Blob];

    /// Whether the verifier brings it: whoever can change the log's folder cannot take it away.
    pub fn is_from_elsewhere(self) -> bool {
        matches!(self, Kind::Kept | Kind::Git)
    }

    /// The end of the names of its files; the first two have none.
    fn suffix(self) -> Option<&'static str> {
        match self {
            Kind::Approvals | Kind::Kept => None,
            Kind::Git => Some("git.json"),
            Kind::Stamp => Some("tsr"),
            Kind::Witness => Some("cosig"),
            Kind::Blob => Some("blob.json"),
        }
    }

    /// The file of the anchor for so many lines.
    pub fn file_name(self, size: u64) -> Option<String> {
        self.suffix().map(|suffix| format!("{}.{suffix}", Checkpoint::file_name(size)))
    }

    /// Kind and size that a file name stands for, if it is the name of an anchor.
    pub fn of_name(name: &str) -> Option<(Kind, u64)> {
        let (size, suffix) = name.split_once('.')?;
        let kind = Kind::ALL.into_iter().find(|k| k.suffix() == Some(suffix))?;
        Some((kind, Checkpoint::size_of_name(size)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        for kind in [Kind::Git, Kind::Stamp, Kind::Witness, Kind::Blob] {
            let name = kind.file_name(41).unwrap();
            assert_eq!(Kind::of_name(&name), Some((kind, 41)), "{name}");
        }
        assert_eq!(Kind::Approvals.file_name(41), None);
        for bad in ["41.tsr", "000000000041", "000000000041.json", "000000000041.tsr.tmp", "checkpoint.tsr"] {
            assert_eq!(Kind::of_name(bad), None, "{bad}");
        }
    }
}

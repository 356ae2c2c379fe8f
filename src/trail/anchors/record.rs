//! Records of anchors that are kept elsewhere: in a repository, or under a URL. They say where to
//! look, and prove nothing themselves.

use super::super::checkpoint::Checkpoint;
use crate::domain::id::Digest;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the JSON files.
pub const RECORD_VERSION: u32 = 1;

/// Where a checkpoint is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub origin: Text<200>,
    pub place: Place,
    pub root: Digest,
    pub size: u64,
    pub version: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// A commit in a repository.
    Git {
        branch: Text<200>,
        commit: Text<64>,
        /// The checkpoint's name in the commit's tree.
        file: Text<200>,
        /// Where it was pushed to, if anywhere.
        #[serde(skip_serializing_if = "Option::is_none")]
        pushed_to: Option<Text<300>>,
    },
    /// A blob that its service does not let anybody change for a time.
    Blob {
        #[serde(skip_serializing_if = "Option::is_none")]
        locked_until: Option<Timestamp>,
        url: Text<300>,
    },
}

impl Record {
    pub fn new(head: &Checkpoint, place: Place) -> Self {
        let origin = Text::lossy(&head.origin);
        Self { origin, place, root: Digest(head.root), size: head.size, version: RECORD_VERSION }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        // Words of the file may be in it.
        let told = |e: serde_json::Error| Text::<300>::lossy(&e.to_string()).to_string();
        let read: Self = serde_json::from_slice(bytes).map_err(told)?;
        match read.version {
            RECORD_VERSION => Ok(read),
            other => Err(format!("it says version {other}; this reissue reads version {RECORD_VERSION}")),
        }
    }

    /// The name of a log's checkpoint among those of others: the hash of the origin, as C2SP
    /// tlog-witness names logs.
    pub fn file_of(origin: &str) -> String {
        format!("{}.checkpoint", Digest::of(origin.as_bytes()).hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_unknown_fields_are_refused() {
        let head = Checkpoint { origin: "a/b".into(), size: 9, root: [7; 32] };
        let place = Place::Git {
            branch: Text::lossy("reissue-anchors"),
            commit: Text::lossy("c0ffee"),
            file: Text::lossy(&Record::file_of("a/b")),
            pushed_to: None,
        };
        let record = Record::new(&head, place);
        assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
        let text = String::from_utf8(record.to_bytes()).unwrap();
        for (from, to) in [("\"size\"", "\"length\""), ("\"version\": 1", "\"version\": 2"), ("git", "svn")] {
            assert!(Record::from_bytes(text.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }
}

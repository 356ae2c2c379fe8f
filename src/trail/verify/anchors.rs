//! What lies in the log's folder `anchors`: judged by whom the verifier believes, and added to the
//! heads that must be met when the log is read. Whoever is not believed is named, no more: whoever
//! could put such a file there could also take a good one away.

use super::super::Folder;
use super::super::anchors::cosigned::Cosigned;
use super::super::anchors::record::Place;
use super::super::anchors::stamp::{Authorities, Stamp, StampError};
use super::super::anchors::{ANCHOR_BYTES_MAX, CosignerKey, Kind, Policy, Record};
use super::super::checkpoint::{Checkpoint, CheckpointError};
use super::super::countersign::CounterKey;
use super::super::note::{self, NOTE_BYTES_MAX};
use super::Trust;
use super::files::{regular, stranger};
use super::heads::{Heads, Known};
use super::keys::Keys;
use super::report::{AnchorRow, AnchorState, CHANGED, Check, Findings, NOT_BELIEVED, Severity, UNFOUND};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::{Disk, DiskError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Whose word about a log counts; known to the verifier from elsewhere.
#[derive(Clone, Default)]
pub struct Keepers {
    /// Time stamping authorities.
    pub authorities: Authorities,
    /// Witnesses, and which of them are enough.
    pub policy: Policy,
    /// Keys that countersign checkpoints; without one, the log's own word is taken.
    pub countersigners: Vec<CounterKey>,
    /// Commits that hold a checkpoint of this log in the repositories that were given; none if none
    /// was given.
    pub commits: Option<BTreeSet<String>>,
}

/// The best that is known of each kind of anchor.
#[derive(Default)]
pub(super) struct Rows(BTreeMap<Kind, AnchorRow>);

impl Rows {
    fn put(&mut self, row: AnchorRow) {
        let better = |old: &AnchorRow| (row.state, row.size) > (old.state, old.size);
        if self.0.get(&row.kind).is_none_or(better) {
            self.0.insert(row.kind, row);
        }
    }
    /// A head was met while reading.
    pub(super) fn holds(&mut self, kind: Kind, size: u64, who: &str, time: Option<Timestamp>) {
        let (state, why) = (AnchorState::Holds, Text::lossy(who.trim_end_matches(',')));
        self.put(AnchorRow { kind, state, size: Some(size), time, why });
    }
    fn recorded(&mut self, kind: Kind, size: u64, why: &str) {
        let (state, why) = (AnchorState::Recorded, Text::lossy(why));
        self.put(AnchorRow { kind, state, size: Some(size), time: None, why });
    }
    pub(super) fn into_vec(mut self) -> Vec<AnchorRow> {
        let missing = |kind| AnchorRow {
            kind,
            state: AnchorState::Missing,
            size: None,
            time: None,
            why: Text::lossy(""),
        };
        Kind::ALL.into_iter().map(|kind| self.0.remove(&kind).unwrap_or_else(|| missing(kind))).collect()
    }
}

/// Reads the folder.
pub(super) fn collect(
    disk: &dyn Disk,
    folder: &Folder,
    (trust, keys): (&Trust, &Keys),
    heads: &mut Heads,
    found: &mut Findings,
) -> Result<Rows, DiskError> {
    let mut look = Look { disk, folder, trust, keys, heads, found, rows: Rows::default() };
    for name in disk.list(&folder.anchors())? {
        let Some((kind, size)) = Kind::of_name(&name) else {
            stranger("anchors", &name, look.found);
            continue;
        };
        let path = folder.anchors().join(&name);
        if !regular(disk, &path, look.found)? {
            continue;
        }
        let judged = match read(disk, &path)? {
            None => Err("it is larger than any anchor".to_owned()),
            Some(bytes) => match kind {
                Kind::Witness => look.cosigned(&name, size, &bytes),
                Kind::Stamp => look.stamp(&name, size, &bytes),
                _ => look.record(&name, kind, size, &bytes),
            },
        };
        if let Err(why) = judged {
            look.found.tampered(Check::Anchors, None, &format!("the anchor {name}: {why}"), CHANGED);
        }
    }
    let rows = look.rows;
    disagreements(heads, found);
    Ok(rows)
}

/// The file's bytes; none if there are too many.
fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match disk.len(path)? {
        0..=ANCHOR_BYTES_MAX => disk.read(path, ANCHOR_BYTES_MAX).map(Some),
        _ => Ok(None),
    }
}

/// Two heads of one size: at least one of them is not of this log, whichever it is.
fn disagreements(heads: &Heads, found: &mut Findings) {
    for (size, known) in &heads.0 {
        let mut anchors = known.iter().filter(|k| k.kind != Kind::Approvals);
        let Some(first) = anchors.next() else { continue };
        for other in anchors.filter(|k| k.root != first.root) {
            let what = format!("{} and {} disagree: each saw other first {size} lines", first.who, other.who);
            found.tampered(Check::Anchors, None, &what, CHANGED);
        }
    }
}

/// What is needed while looking.
struct Look<'a> {
    disk: &'a dyn Disk,
    folder: &'a Folder,
    trust: &'a Trust,
    keys: &'a Keys,
    heads: &'a mut Heads,
    found: &'a mut Findings,
    rows: Rows,
}

impl Look<'_> {
    /// A checkpoint with cosignatures. The log's own signature is on it: its head counts as one
    /// that must be met, whoever the witnesses are.
    fn cosigned(&mut self, name: &str, size: u64, bytes: &[u8]) -> Result<(), String> {
        let policy = &self.trust.keepers.policy;
        let read =
            Cosigned::open(bytes, self.keys.at(size), &policy.witnesses()).map_err(|e| e.to_string())?;
        let Cosigned { checkpoint, by, others } = read;
        named(checkpoint.size, size)?;
        let keys: Vec<CosignerKey> = by.iter().map(|c| c.key.clone()).collect();
        let met = policy.is_met_by(&keys);
        if !met {
            let others = others.join(", ");
            let why = match by.len() {
                0 if others.is_empty() => "nobody has cosigned it".to_owned(),
                0 => format!("no key was given of those who cosigned it: {others}"),
                n => format!("{n} of the known witnesses have cosigned it: the policy asks for more"),
            };
            self.rows.recorded(Kind::Witness, size, &why);
            let who = format!("the log itself, in {name},");
            self.heads.add(
                size,
                Known { kind: Kind::Witness, who, root: checkpoint.root, time: None, counts: false },
            );
        }
        for cosigner in by {
            let who = format!("the witness {}", cosigner.key.name());
            let (root, time) = (checkpoint.root, Some(cosigner.time));
            self.heads.add(size, Known { kind: Kind::Witness, who, root, time, counts: met });
        }
        Ok(())
    }

    fn stamp(&mut self, name: &str, size: u64, bytes: &[u8]) -> Result<(), String> {
        let stamp = Stamp::read(bytes).map_err(|e| e.to_string())?;
        let path = self.folder.checkpoints().join(Checkpoint::file_name(size));
        let note = match self.disk.read(&path, NOTE_BYTES_MAX) {
            Ok(note) => note,
            Err(e) if e.is_missing() => {
                return Err(format!(
                    "it is over a checkpoint of {size} lines that is not kept: the log was cut, or never had them"
                ));
            }
            Err(e) => return Err(e.to_string()),
        };
        // It may have got another signature line since.
        if !note::shorter(&note).any(|note| stamp.is_over(note)) {
            return Err(StampError::Imprint.to_string());
        }
        let checkpoint = Checkpoint::open(&note, self.keys.at(size)).map_err(|e| e.to_string())?;
        named(checkpoint.size, size)?;
        let authorities = &self.trust.keepers.authorities;
        let judged = match authorities.is_empty() {
            true => stamp.is_whole().map(|who| format!("no authority was given to judge {who} by")),
            false => stamp.judge(authorities).map(|who| who.to_string()),
        };
        match judged {
            Ok(who) if !authorities.is_empty() => {
                let (time, root) = (Some(stamp.time()), checkpoint.root);
                let who = format!("the authority {who}");
                self.heads.add(size, Known { kind: Kind::Stamp, who, root, time, counts: true });
            }
            Ok(why) => self.rows.recorded(Kind::Stamp, size, &why),
            Err(e) if e.is_change() => return Err(e.to_string()),
            Err(e) => self.not_believed(name, Kind::Stamp, size, &e.to_string()),
        }
        Ok(())
    }

    fn not_believed(&mut self, name: &str, kind: Kind, size: u64, why: &str) {
        self.rows.recorded(kind, size, why);
        let what = format!("the anchor {name} does not hold: {why}");
        self.found.add(Check::Anchors, Severity::Note, None, &what, NOT_BELIEVED);
    }

    /// Where a checkpoint is said to be kept.
    fn record(&mut self, name: &str, kind: Kind, size: u64, bytes: &[u8]) -> Result<(), String> {
        let record = Record::from_bytes(bytes)?;
        named(record.size, size)?;
        if record.origin.as_str() != self.trust.key.name() {
            return Err(CheckpointError::OtherLog(record.origin.to_string()).to_string());
        }
        let why = match (kind, &record.place) {
            (Kind::Git, Place::Git { commit, branch, .. }) => match &self.trust.keepers.commits {
                Some(commits) if !commits.contains(commit.as_str()) => {
                    let what = format!(
                        "{name} names the commit {commit} of {branch}, which no repository that was given has"
                    );
                    self.found.add(Check::Anchors, Severity::Incomplete, None, &what, UNFOUND);
                    what
                }
                _ => format!("commit {commit} of {branch}: no repository was given"),
            },
            (Kind::Blob, Place::Blob { url, locked_until }) => {
                let until = locked_until.map(|t| format!(", locked until {}", t.short())).unwrap_or_default();
                format!("{url}{until}: fetch it, and give it with --anchor")
            }
            _ => return Err("it is another kind of record than its name says".into()),
        };
        self.rows.recorded(kind, size, &why);
        let who = format!("the record {name}");
        self.heads.add(size, Known { kind, who, root: record.root.0, time: None, counts: false });
        Ok(())
    }
}

fn named(found: u64, named: u64) -> Result<(), String> {
    match found == named {
        true => Ok(()),
        false => Err(CheckpointError::Misnamed { found, named }.to_string()),
    }
}

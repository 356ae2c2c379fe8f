//! Corroboration: what our log says we changed, held against what the tenant's own log says.
//!
//! ```text
//! Ours    a change of the directory that our log records, or that may have happened   (ours.rs)
//! Theirs  a row of the tenant's log, in our words; Microsoft's names stay in `azure`
//! Frame   whose run, which objects, which window, what time it is now
//! corroborate(ours, theirs, frame) -> Corroboration
//! ```
//!
//! One row answers for one change. A pair needs the same object, a change of the same sort, our
//! identity, and times that agree within [`SKEW`]; where both name the credential, it must be the
//! same one. The `client-request-id` that we send is no key: that the row's `correlationId` is equal
//! to it is documented nowhere.
//!
//! What is left over is the finding: ours without theirs, once their log had time ([`LATE`]);
//! theirs without ours, by our identity or by anybody else on an object of the plan. A change in
//! doubt may have a row or none. The matcher is pure, and the order of the rows does not matter.

mod ours;
mod pairs;
#[cfg(test)]
mod tests;

pub use ours::of_run;

use super::credential::CredentialRef;
use super::id::{RunId, StepNo, TargetId};
use super::text::Text;
use super::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How far two clocks may be apart: what sign-in tolerates between them.
pub const SKEW: Duration = Duration::from_secs(300);

/// How late a row may be. Microsoft Learn, "Azure Active Directory reporting latencies" (2019 to
/// 2022, since withdrawn without another figure): 99 of 100 audit rows within 5 minutes; reported:
/// up to 15.
pub const LATE: Duration = Duration::from_secs(900);

/// A write may have a second row: the general "Update application" beside the one about its
/// credentials, the sessions' stamp beside a password (reported). No longer after it than this.
const BESIDE: Duration = Duration::from_secs(120);

/// What was changed, as far as the two logs can agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A credential came or went.
    Credentials,
    Password,
    Sessions,
    /// Any other property: a switch among them.
    Properties,
    /// Anything else: an owner, a grant, a deletion.
    Other,
}

/// What we did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// None: in doubt, and nobody knows the id that it got.
    Added(Option<CredentialRef>),
    Removed(Option<CredentialRef>),
    Switched,
    Reset,
    Revoked,
}

/// A change of the directory by a run of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ours {
    pub run: RunId,
    pub target: TargetId,
    pub step: StepNo,
    /// The line of the log that says how it ended, or that it was begun.
    pub seq: u64,
    pub object: Text<128>,
    pub deed: Deed,
    /// From the first intent of the step to the outcome.
    pub from: Timestamp,
    pub until: Timestamp,
    /// False: it may have happened. Then there may be a row or none.
    pub certain: bool,
}

/// Who a row says it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The identity of the run.
    We,
    SomebodyElse,
    /// The row names nobody.
    Nobody,
}

/// A row of the tenant's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Theirs {
    pub id: Text<128>,
    pub at: Timestamp,
    pub activity: Text<256>,
    pub change: Change,
    pub succeeded: bool,
    pub actor: Text<256>,
    pub who: Who,
    pub objects: Vec<Text<128>>,
    /// Ids of credentials that came and went with it, if it says so.
    pub added: Vec<Text<128>>,
    pub removed: Vec<Text<128>>,
}

/// What the two are compared for.
#[derive(Clone, Debug)]
pub struct Frame {
    pub run: RunId,
    /// Objects of the plan: whoever changes one of them during the run is of interest.
    pub objects: BTreeSet<Text<128>>,
    pub now: Timestamp,
    /// [`LATE`] and [`SKEW`]; shorter in a fast lab.
    pub late: Duration,
    pub skew: Duration,
}

/// One change, told by both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    pub ours: Ours,
    pub theirs: Theirs,
}

/// Where the two do not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// Our log says we did it, and theirs does not, though it had time.
    Missing { ours: Ours },
    /// Their log says that our identity did it, and no line of our log does.
    Unlogged { theirs: Theirs },
    /// Somebody else changed an object of the plan during the run.
    Foreign { theirs: Theirs },
    /// It is our change, and more credentials came or went with it than our log says.
    More { ours: Ours, theirs: Theirs, credentials: Vec<Text<128>> },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corroboration {
    pub pairs: Vec<Pair>,
    pub findings: Vec<Finding>,
    /// Ours, and their log has not had its time yet.
    pub pending: Vec<Ours>,
    /// When it will have had it.
    pub complete_at: Option<Timestamp>,
    /// Rows that stand beside a row of a pair and tell the same write.
    pub beside: u64,
    /// Rows about changes of other runs in our log.
    pub other_runs: u64,
    /// What others tried on objects of the plan, and were refused.
    pub refused: Vec<Theirs>,
}

impl Deed {
    fn credential(&self) -> Option<&CredentialRef> {
        match self {
            Deed::Added(credential) | Deed::Removed(credential) => credential.as_ref(),
            Deed::Switched | Deed::Reset | Deed::Revoked => None,
        }
    }

    /// Ids that a row names on this deed's side.
    fn side<'a>(&self, row: &'a Theirs) -> &'a [Text<128>] {
        match self {
            Deed::Added(_) => &row.added,
            Deed::Removed(_) => &row.removed,
            Deed::Switched | Deed::Reset | Deed::Revoked => &[],
        }
    }

    fn sort(&self) -> Change {
        match self {
            Deed::Added(_) | Deed::Removed(_) => Change::Credentials,
            Deed::Switched => Change::Properties,
            Deed::Reset => Change::Password,
            Deed::Revoked => Change::Sessions,
        }
    }
}

impl Theirs {
    fn credentials(&self) -> impl Iterator<Item = &Text<128>> {
        self.added.iter().chain(&self.removed)
    }
    fn names_credentials(&self) -> bool {
        self.credentials().next().is_some()
    }
}

/// Whether a row of our identity tells the same write as a row that has its pair.
fn stands_beside(row: &Theirs, ours: &Ours, pair: &Theirs) -> bool {
    let near = row.at.since(pair.at).max(pair.at.since(row.at)) <= BESIDE;
    let same_object = row.objects.contains(&ours.object);
    let nothing_new = row.credentials().all(|c| pair.credentials().any(|p| p == c));
    let sort = match row.change {
        Change::Properties => true,
        Change::Credentials => row.names_credentials() && ours.deed.sort() == Change::Credentials,
        Change::Sessions => ours.deed == Deed::Reset,
        Change::Password | Change::Other => false,
    };
    near && same_object && nothing_new && sort && row.who != Who::SomebodyElse
}

/// Compares the two. `ours` holds the changes of every run in the log that may lie in the window.
pub fn corroborate(mut ours: Vec<Ours>, theirs: Vec<Theirs>, frame: &Frame) -> Corroboration {
    ours.sort_by_key(|o| (o.from, o.seq));
    // A row may be on two pages when the log grows meanwhile.
    let theirs: BTreeMap<_, _> = theirs.into_iter().map(|t| ((t.at, t.id.clone()), t)).collect();
    let theirs: Vec<Theirs> = theirs.into_values().collect();
    let made = pairs::pairs(&ours, &theirs, frame.skew);
    let of_row: BTreeMap<usize, usize> = made.iter().map(|(o, t)| (*t, *o)).collect();
    let mut on: BTreeMap<&Text<128>, Vec<(&Ours, &Theirs)>> = BTreeMap::new();
    for (place, at) in &made {
        on.entry(&ours[*place].object).or_default().push((&ours[*place], &theirs[*at]));
    }
    let known: BTreeSet<&Text<128>> =
        ours.iter().filter_map(|o| o.deed.credential()).map(|c| &c.id).collect();
    let mut found = Corroboration::default();
    for (at, row) in theirs.iter().enumerate() {
        match of_row.get(&at).map(|place| &ours[*place]) {
            Some(change) if change.run != frame.run => found.other_runs += 1,
            Some(change) => found.paired(change, row, &known),
            None => {
                let mut pairs = row.objects.iter().filter_map(|o| on.get(o)).flatten();
                let beside = pairs.any(|(change, pair)| stands_beside(row, change, pair));
                found.left_over(row, beside, frame);
            }
        }
    }
    let open = ours.iter().enumerate().filter(|(place, _)| !made.contains_key(place));
    for (_, change) in open.filter(|(_, o)| o.certain && o.run == frame.run) {
        found.unanswered(change.clone(), frame);
    }
    found
}

impl Corroboration {
    fn paired(&mut self, change: &Ours, row: &Theirs, known: &BTreeSet<&Text<128>>) {
        let unknown = row.credentials().filter(|id| change.certain && !known.contains(id));
        let credentials: Vec<_> = unknown.cloned().collect();
        if credentials.is_empty() {
            self.pairs.push(Pair { ours: change.clone(), theirs: row.clone() });
        } else {
            self.findings.push(Finding::More { ours: change.clone(), theirs: row.clone(), credentials });
        }
    }

    fn left_over(&mut self, row: &Theirs, beside: bool, frame: &Frame) {
        let planned = row.objects.iter().any(|o| frame.objects.contains(o));
        match (row.who, row.succeeded) {
            (Who::We, false) => {}
            (Who::We, true) if beside => self.beside += 1,
            (Who::Nobody, true) if beside => self.beside += 1,
            (Who::We, true) => self.findings.push(Finding::Unlogged { theirs: row.clone() }),
            (_, _) if !planned => {}
            (_, false) => self.refused.push(row.clone()),
            (_, true) => self.findings.push(Finding::Foreign { theirs: row.clone() }),
        }
    }

    fn unanswered(&mut self, change: Ours, frame: &Frame) {
        let due = change.until.after(frame.skew).after(frame.late);
        if frame.now >= due {
            return self.findings.push(Finding::Missing { ours: change });
        }
        self.complete_at = self.complete_at.max(Some(due));
        self.pending.push(change);
    }
}

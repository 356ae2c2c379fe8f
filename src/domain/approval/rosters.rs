//! The rosters of an installation, in turn: the first is pinned when the log is begun, and each later
//! one is the wish of the one before it (as The Update Framework changes its root keys).

use super::super::event::{Environment, RosterChanged};
use super::super::id::{Digest, TenantId};
use super::super::text::Text;
use super::super::time::Timestamp;
use super::refusal::ApprovalRefusal;
use super::roster::Roster;
use super::roster_change::{CHANGE_LIVES, RosterChange};
use super::seats::Seats;
use super::signed::SignedApproval;
use std::collections::BTreeMap;

/// However small its floor, a roster of several people is not changed by one of them.
const PEOPLE_AT_LEAST: usize = 2;

/// Where rosters count: a change that was signed for another installation does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    pub environment: Environment,
    pub log_origin: Text<200>,
    pub tenant: TenantId,
}

/// The rosters so far. The last one is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rosters {
    earlier: Vec<Roster>,
    in_force: Roster,
}

/// Why a roster was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefusal {
    #[error("the signature of {0} does not count: {1}")]
    Signature(Text<128>, ApprovalRefusal),
    #[error("a signature does not count: {0}")]
    Unknown(#[from] ApprovalRefusal),
    #[error("{0} signed for another roster than this")]
    OtherSubject(Text<128>),
    #[error("{0} signed for another tenant, environment or log")]
    OtherGround(Text<128>),
    #[error(
        "{who} signed roster number {found}; number {want} is due: a change was skipped, or is made again"
    )]
    OtherVersion { who: Text<128>, found: u32, want: u32 },
    #[error("{0} signed for longer than seven days, or for no time at all")]
    Window(Text<128>),
    #[error("what {who} signed was good from {} to {}; it has to be signed again", .from.short(), .until.short())]
    NotNow { who: Text<128>, from: Timestamp, until: Timestamp },
    #[error("{who} saw {size} lines of the log, before there were that many")]
    Ahead { who: Text<128>, size: u64 },
    #[error("{have} of {need} people of the roster in force have signed the change{}", empty(.unfilled))]
    TooFew { have: usize, need: usize, unfilled: Vec<Text<64>> },
    #[error("the new roster is the one in force")]
    Same,
    #[error("the line says something else than what was signed")]
    OtherLine,
}

fn empty(unfilled: &[Text<64>]) -> String {
    let roles: Vec<&str> = unfilled.iter().map(Text::as_str).collect();
    if roles.is_empty() {
        String::new()
    } else {
        format!(", and nobody fills the seat of {}", roles.join(", "))
    }
}

/// What a change of the roster in force takes: people, and seats among them.
pub fn needed(roster: &Roster) -> (usize, &Seats) {
    let people = roster.people().len();
    let seats = roster.roles_at_least();
    let floor = usize::from(roster.quorum_at_least()).max(seats.count()).max(PEOPLE_AT_LEAST);
    (floor.min(people), seats)
}

impl Rosters {
    pub fn pinned(first: Roster) -> Self {
        Self { earlier: Vec::new(), in_force: first }
    }

    pub fn in_force(&self) -> &Roster {
        &self.in_force
    }

    /// The number of the one in force; the first is 1.
    pub fn version(&self) -> u32 {
        u32::try_from(self.earlier.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// All of them, the first one first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Roster> {
        self.earlier.iter().chain([&self.in_force])
    }

    /// The newest one with this digest.
    pub fn by_digest(&self, digest: &Digest) -> Option<&Roster> {
        self.all().rev().find(|r| r.digest() == *digest)
    }

    /// Whether one statement counts for a change to `next`, as of `at`, when the log has `lines` lines.
    /// Returns who signed.
    pub fn endorses(
        &self,
        ground: &Ground,
        next: &Digest,
        signed: &SignedApproval,
        (at, lines): (Timestamp, u64),
    ) -> Result<Text<128>, ChangeRefusal> {
        let (said, who) = RosterChange::verify(signed, &self.in_force)?;
        if said.roster != *next {
            return Err(ChangeRefusal::OtherSubject(who));
        }
        let here = (&said.tenant, said.environment, &said.log_head.origin);
        if here != (&ground.tenant, ground.environment, &ground.log_origin) {
            return Err(ChangeRefusal::OtherGround(who));
        }
        let want = self.version().saturating_add(1);
        if said.version != want {
            return Err(ChangeRefusal::OtherVersion { who, found: said.version, want });
        }
        if said.expires <= said.signed_at || said.expires.since(said.signed_at) > CHANGE_LIVES {
            return Err(ChangeRefusal::Window(who));
        }
        if at < said.signed_at || at >= said.expires {
            return Err(ChangeRefusal::NotNow { who, from: said.signed_at, until: said.expires });
        }
        if said.log_head.size > lines {
            return Err(ChangeRefusal::Ahead { who, size: said.log_head.size });
        }
        Ok(who)
    }

    /// Whether these people of the roster in force are enough to change it.
    pub fn enough(&self, who: &[Text<128>]) -> Result<(), ChangeRefusal> {
        let people: BTreeMap<String, &[Text<64>]> = who
            .iter()
            .filter_map(|name| self.in_force.person(name))
            .map(|p| (p.name.to_lowercase(), p.roles.as_slice()))
            .collect();
        let (need, seats) = needed(&self.in_force);
        let unfilled = seats.unfilled(&people.values().copied().collect::<Vec<_>>());
        if people.len() < need || !unfilled.is_empty() {
            return Err(ChangeRefusal::TooFew { have: people.len(), need, unfilled });
        }
        Ok(())
    }

    /// Puts the next roster in force, as the line that records it says: `signed` are the statements
    /// that it names, in that order.
    pub fn change(
        &mut self,
        ground: &Ground,
        event: &RosterChanged,
        next: Roster,
        signed: &[SignedApproval],
        when: (Timestamp, u64),
    ) -> Result<(), ChangeRefusal> {
        let digest = next.digest();
        if digest == self.in_force.digest() {
            return Err(ChangeRefusal::Same);
        }
        let who: Vec<Text<128>> =
            signed.iter().map(|s| self.endorses(ground, &digest, s, when)).collect::<Result<_, _>>()?;
        self.enough(&who)?;
        if self.event(digest, who, signed) != *event {
            return Err(ChangeRefusal::OtherLine);
        }
        self.earlier.push(std::mem::replace(&mut self.in_force, next));
        Ok(())
    }

    /// The event that records a change to `next`; statements and signatures are kept by their digests.
    pub fn event(&self, next: Digest, by: Vec<Text<128>>, signed: &[SignedApproval]) -> RosterChanged {
        RosterChanged {
            by,
            previous: self.in_force.digest(),
            roster: next,
            signatures: signed.iter().map(|s| Digest::of(s.armored.as_bytes())).collect(),
            statements: signed.iter().map(|s| Digest::of(&s.statement_bytes)).collect(),
            version: self.version().saturating_add(1),
        }
    }
}

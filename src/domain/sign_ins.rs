//! Who still signed in with an old credential since the new one was published: what the tenant's own
//! sign-in log says of one target, in typed words of bounded length.
//!
//! ```text
//! Asked    an application, its old credentials, since when, and when this run tried the old value
//! Use      one row of the log, in our words; Microsoft's names stay in `azure`
//! Tally    counts rows  ->  SignIns, which becomes an event of the target
//! ```
//!
//! Rows come up to [`LATE`] late, and name the credential only where the service does. That
//! nothing was read is said, with the reason: it never looks like "nobody".

use super::corroborate::LATE;
use super::id::{ClientId, TargetId};
use super::text::{Text, count};
use super::time::{Timestamp, show_span};
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::time::Duration;

/// So many sources are listed. Few, because each further one ends a release (ADR 0017).
pub const SOURCES_MAX: usize = 3;
/// How far our clock and that of the log may be apart when they speak of one sign-in of ours.
const NEAR: Duration = Duration::from_secs(5);

/// Microsoft Graph's application id, the same in every tenant.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// What the sign-in log said of a target's old credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SignIns {
    /// Nothing is known; and why.
    NotRead {
        at: Timestamp,
        why: Unread,
    },
    Read(Uses),
}

/// Why the log was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// Neither AuditLog.Read.All nor a role that may read it.
    Permission,
    /// The tenant has no Entra ID P1 licence.
    Licence,
    /// Too many requests, for as long as we tried.
    Throttled,
    /// The line or the service failed.
    Line,
    /// More rows than are looked at.
    TooMany,
    /// The service refuses for another reason: a cloud that does not have it, for example.
    Refused,
    /// What came back cannot be read.
    Unexpected,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uses {
    /// When it was read.
    pub at: Timestamp,
    /// When the new credential was published: rows since then count.
    pub from: Timestamp,
    /// Sources that are not listed.
    pub more: u32,
    /// Sign-ins with the old credential while this run itself tried it.
    pub own: u32,
    /// Those seen last, newest first.
    pub sources: Vec<Source>,
    /// All other sign-ins with the old credential.
    pub times: u32,
    /// Sign-ins of the application whose rows do not say which credential was used.
    pub unnamed: u32,
}

/// From where to what somebody signed in with the old credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
    pub last: Timestamp,
    /// The application id of what was signed in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<ClientId>,
    pub times: u32,
}

/// What is to be read for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub target: TargetId,
    pub client: ClientId,
    /// Ids of the old credentials.
    pub old: BTreeSet<Text<128>>,
    /// When the new credential was published.
    pub since: Timestamp,
    /// Between these the run may have tried the old value itself.
    pub tried: Option<(Timestamp, Timestamp)>,
}

/// One sign-in.
#[derive(Clone, Debug)]
pub struct Use {
    /// The row's own id: a page may repeat a row.
    pub id: Text<128>,
    pub at: Timestamp,
    pub accepted: bool,
    pub credential: Option<Text<128>>,
    pub from: Option<IpAddr>,
    pub resource: Option<ClientId>,
}

/// Counts the rows of one target.
pub struct Tally<'a> {
    asked: &'a Asked,
    own: u32,
    seen: BTreeSet<Text<128>>,
    sources: BTreeMap<(Option<IpAddr>, Option<ClientId>), (u32, Timestamp)>,
    unnamed: u32,
}

impl<'a> Tally<'a> {
    pub fn new(asked: &'a Asked) -> Self {
        Self { asked, own: 0, seen: BTreeSet::new(), sources: BTreeMap::new(), unnamed: 0 }
    }

    pub fn take(&mut self, row: &Use) {
        let is_old = row.credential.as_ref().is_some_and(|id| self.asked.old.contains(id));
        // A refused sign-in with a value that is nobody's names no credential either.
        let is_unnamed = row.credential.is_none() && row.accepted;
        if row.at < self.asked.since || !(is_old || is_unnamed) || !self.seen.insert(row.id.clone()) {
            return;
        }
        let ours =
            |(from, to): &(Timestamp, Timestamp)| row.at.after(NEAR) >= *from && row.at <= to.after(NEAR);
        match () {
            () if is_unnamed => self.unnamed += 1,
            () if self.asked.tried.as_ref().is_some_and(ours) => self.own += 1,
            () => {
                let key = (row.from, row.resource.clone());
                let (times, last) = self.sources.entry(key).or_insert((0, row.at));
                (*times, *last) = (*times + 1, (*last).max(row.at));
            }
        }
    }

    pub fn done(self, at: Timestamp) -> SignIns {
        let source = |((from, resource), (times, last))| Source { from, last, resource, times };
        let mut sources: Vec<Source> = self.sources.into_iter().map(source).collect();
        // Stable: those of one moment stay in the order of their addresses.
        sources.sort_by_key(|s| std::cmp::Reverse(s.last));
        let times = sources.iter().map(|s| s.times).sum();
        let more = u32::try_from(sources.len().saturating_sub(SOURCES_MAX)).unwrap_or(u32::MAX);
        sources.truncate(SOURCES_MAX);
        let (own, unnamed) = (self.own, self.unnamed);
        SignIns::Read(Uses { at, from: self.asked.since, more, own, sources, times, unnamed })
    }
}

impl SignIns {
    /// Whether people should look again because of it who have decided by `before`. Only a few
    /// readings of one target can follow one another in this way, however many sign-ins there are.
    pub fn tells_more_than(&self, before: &Self) -> bool {
        match (before, self) {
            (_, Self::NotRead { .. }) => false,
            (Self::NotRead { .. }, Self::Read(_)) => true,
            (Self::Read(before), Self::Read(now)) => {
                now.sources.len() > before.sources.len() || (before.unnamed == 0 && now.unnamed > 0)
            }
        }
    }

    /// Whether something still used an old credential, as far as is known.
    pub fn is_used(&self) -> Option<bool> {
        match self {
            Self::Read(uses) if uses.times > 0 => Some(true),
            Self::Read(uses) if uses.unnamed == 0 => Some(false),
            _ => None,
        }
    }
}

impl Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permission => "the permission AuditLog.Read.All (or the role Reports Reader) is missing",
            Self::Licence => "the tenant has no Entra ID P1 licence, which reading it needs",
            Self::Throttled => "the service took no more requests",
            Self::Line => "the line or the service failed",
            Self::TooMany => "it has more rows than are looked at",
            Self::Refused => "the service refuses it here",
            Self::Unexpected => "its answer cannot be read",
        })
    }
}

impl Display for SignIns {
    /// One line, for people who decide by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uses = match self {
            Self::NotRead { at, why } => {
                return write!(
                    f,
                    "sign-ins NOT READ ({}): {why}; whether anything still uses the old credential is not known from here",
                    at.short()
                );
            }
            Self::Read(uses) => uses,
        };
        let Uses { at, from, more, own, sources, times, unnamed } = uses;
        match sources.first() {
            None => write!(f, "no sign-in with the old credential")?,
            Some(_) => write!(f, "{} with the old credential", count(*times, "sign-in", "sign-ins"))?,
        }
        write!(f, " since publish ({})", from.short())?;
        for (n, source) in sources.iter().enumerate() {
            let sign = if n == 0 { ", last " } else { "; " };
            write!(f, "{sign}{source}")?;
        }
        if *more > 0 {
            write!(f, "; and {}", count(*more, "other source", "other sources"))?;
        }
        if *own > 0 {
            write!(f, "; {own} more while this run itself tried it")?;
        }
        if *unnamed > 0 {
            write!(
                f,
                "; {} of which the log does not say with what",
                count(*unnamed, "sign-in", "sign-ins")
            )?;
        }
        write!(f, "; read {}, rows come up to {} late", at.short(), show_span(LATE))
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, last, resource, times } = self;
        write!(f, "{} from ", last.short())?;
        match from {
            Some(from) => write!(f, "{from}")?,
            None => write!(f, "an address that is not told")?,
        }
        if let Some(resource) = resource {
            // Sources that nobody can recognise help no approver; the service with the most uses has a name.
            let name = if resource.as_str() == GRAPH { "Microsoft Graph" } else { resource.as_str() };
            write!(f, " to {name}")?;
        }
        if *times > 1 { write!(f, " ({times} times)") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_s(1_795_417_200 + s)
    }

    fn asked() -> Asked {
        Asked {
            target: TargetId(1),
            client: "8a1d0000-0000-4000-8000-000000000001".parse().unwrap(),
            old: [Text::lossy("old")].into(),
            since: at(100),
            tried: Some((at(500), at(510))),
        }
    }

    fn row(n: u32, s: i64, credential: Option<&str>, ip: &str) -> Use {
        let resource = GRAPH.parse().ok();
        let credential = credential.map(Text::lossy);
        let id = Text::lossy(&n.to_string());
        Use { id, at: at(s), accepted: true, credential, from: ip.parse().ok(), resource }
    }

    fn read(rows: &[Use]) -> SignIns {
        let asked = asked();
        let mut tally = Tally::new(&asked);
        rows.iter().for_each(|row| tally.take(row));
        tally.done(at(900))
    }

    fn uses(rows: &[Use]) -> Uses {
        match read(rows) {
            SignIns::Read(uses) => uses,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn only_the_old_credential_counts_and_only_since_publish() {
        let rows = [
            row(1, 99, Some("old"), "192.0.2.1"),
            row(2, 101, Some("old"), "192.0.2.1"),
            row(2, 101, Some("old"), "192.0.2.1"),
            row(3, 200, Some("new"), "192.0.2.1"),
            row(4, 300, Some("old"), "203.0.113.7"),
            row(5, 496, Some("old"), "198.51.100.1"),
            Use { accepted: false, ..row(6, 300, None, "192.0.2.9") },
        ];
        let found = uses(&rows);
        assert_eq!((found.times, found.own, found.unnamed, found.more), (2, 1, 0, 0));
        let from: Vec<_> = found.sources.iter().map(|s| s.from.unwrap().to_string()).collect();
        assert_eq!(from, ["203.0.113.7", "192.0.2.1"], "the newest first");
        let said = SignIns::Read(found).to_string();
        for word in [
            "2 sign-ins with the old",
            "last 2026-11-23",
            "203.0.113.7",
            "to Microsoft Graph",
            "1 more while this run",
            "15m late",
        ] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }

    #[test]
    fn what_is_not_known_never_looks_like_nobody() {
        assert_eq!(read(&[]).is_used(), Some(false));
        let unnamed = read(&[row(1, 200, None, "192.0.2.1")]);
        assert_eq!(unnamed.is_used(), None);
        assert!(unnamed.to_string().contains("does not say with what"), "{unnamed}");
        for why in [Unread::Permission, Unread::Licence, Unread::Throttled, Unread::Line, Unread::TooMany] {
            let unread = SignIns::NotRead { at: at(900), why };
            assert_eq!(unread.is_used(), None);
            assert!(unread.to_string().contains("NOT READ") && !unread.to_string().contains("no sign-in"));
        }
    }

    #[test]
    fn only_so_many_readings_make_people_look_again() {
        let unread = SignIns::NotRead { at: at(900), why: Unread::Line };
        let nobody = read(&[]);
        assert!(nobody.tells_more_than(&unread) && !unread.tells_more_than(&nobody));
        let (mut known, mut again) = (nobody, 0);
        let mut rows = Vec::new();
        for n in 0..200 {
            rows.push(row(n, 200 + i64::from(n), Some("old"), &format!("192.0.2.{n}")));
            let now = read(&rows);
            if now.tells_more_than(&known) {
                (known, again) = (now, again + 1);
            }
        }
        assert_eq!(again, SOURCES_MAX, "an attacker with many addresses cannot put it off for ever");
        let often: Vec<Use> = (0..9).map(|n| row(n, 200 + i64::from(n), Some("old"), "192.0.2.1")).collect();
        assert!(!read(&often).tells_more_than(&read(&often[..1])), "the same source once more");
    }

    #[test]
    fn it_is_canonical_as_it_is_written() {
        let rows = [row(1, 200, Some("old"), "2001:DB8:0::1"), row(2, 300, Some("old"), "no address")];
        for said in [read(&rows), SignIns::NotRead { at: at(1), why: Unread::TooMany }] {
            let plain = serde_json::to_vec(&said).unwrap();
            assert_eq!(plain, serde_json_canonicalizer::to_vec(&said).unwrap());
            assert_eq!(serde_json::from_slice::<SignIns>(&plain).unwrap(), said);
        }
    }
}

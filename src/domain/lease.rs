//! Who runs a plan, as the tagged versions of a secret in its store tell.
//!
//! The oldest claim that is not over wins. That is no compare-and-set: it relies on clocks that agree
//! to a minute and on lists that show what was written seconds ago. A handover is for good: after it,
//! a log under another key has no claim at all.

use super::text::Text;
use super::time::Timestamp;
use std::collections::BTreeMap;

/// What a holder says with one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Saying {
    Claimed,
    Renewed,
    HandedOver,
    Released,
}

impl Saying {
    pub const ALL: [(Saying, &'static str); 4] = [
        (Saying::Claimed, "claimed"),
        (Saying::Renewed, "renewed"),
        (Saying::HandedOver, "handed_over"),
        (Saying::Released, "released"),
    ];
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(s, _)| *s == self).map_or("", |(_, word)| word)
    }
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(s, _)| *s)
    }
}

/// Who runs, or wants to. A log has one writer at a time, which its lock sees to: so whoever is left
/// behind by a crash is no obstacle to the next process on the same log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The id of the log's key.
    pub log: Text<32>,
    /// For people: operator, process, host.
    pub who: Text<200>,
}

/// One version, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The vault's own time, to the second.
    pub created: Timestamp,
    pub holder: Holder,
    pub saying: Saying,
    pub until: Timestamp,
}

/// Why somebody may not run the plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{who} runs this plan, at least until {}", until.short())]
    Held { who: Text<200>, until: Timestamp },
    #[error("this run was handed over to {who} at {}; it goes on there, and never here again", at.short())]
    HandedOver { who: Text<200>, at: Timestamp },
}

/// Whether `me` may run at `now`. Who has not claimed yet is behind everybody who has.
pub fn judge(entries: &[Entry], me: &Holder, now: Timestamp) -> Result<(), Refused> {
    let handed = last_handover(entries);
    if let Some(to) = handed.filter(|e| e.holder.log != me.log) {
        return Err(Refused::HandedOver { who: to.holder.who.clone(), at: to.created });
    }
    nobody_else(entries, handed, me, now)
}

/// Whether `me` may take the run over at `now`, which people have signed: an earlier handover does not
/// stand in the way. It may have died before it was finished, and its machine may be lost in its turn.
pub fn judge_handover(entries: &[Entry], me: &Holder, now: Timestamp) -> Result<(), Refused> {
    nobody_else(entries, last_handover(entries), me, now)
}

fn last_handover(entries: &[Entry]) -> Option<&Entry> {
    let handed = entries.iter().filter(|e| e.saying == Saying::HandedOver);
    handed.max_by_key(|e| (e.created, e.holder.log.clone()))
}

/// That no other log has a live claim, older than one of `me`.
fn nobody_else(
    entries: &[Entry],
    handed: Option<&Entry>,
    me: &Holder,
    now: Timestamp,
) -> Result<(), Refused> {
    let mut said: Vec<&Entry> =
        entries.iter().filter(|e| handed.is_none_or(|h| h.holder.log == e.holder.log)).collect();
    // What is said last within a second is what ends a claim.
    said.sort_by_key(|e| (e.created, e.saying, e.until));
    let mut claims: BTreeMap<&str, Claim<'_>> = BTreeMap::new();
    for entry in said {
        let before = claims.get(entry.holder.log.as_str()).filter(|c| c.is_live(entry.created));
        let since = before.map_or(entry.created, |c| c.since);
        claims.insert(&entry.holder.log, Claim { since, last: entry });
    }
    claims.retain(|_, claim| claim.is_live(now));
    let oldest = claims.iter().min_by_key(|(log, claim)| (claim.since, **log));
    match oldest {
        Some((log, claim)) if *log != me.log.as_str() => {
            Err(Refused::Held { who: claim.last.holder.who.clone(), until: claim.last.until })
        }
        _ => Ok(()),
    }
}

/// A log's claim: since when without a gap, and what was said last.
struct Claim<'a> {
    since: Timestamp,
    last: &'a Entry,
}

impl Claim<'_> {
    fn is_live(&self, now: Timestamp) -> bool {
        matches!(self.last.saying, Saying::Claimed | Saying::Renewed) && self.last.until > now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(log: &str) -> Holder {
        Holder { log: Text::lossy(log), who: Text::lossy(&format!("{log} at desk")) }
    }
    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_s(s)
    }
    fn said(created: i64, who: &Holder, saying: Saying, until: i64) -> Entry {
        Entry { created: at(created), holder: who.clone(), saying, until: at(until) }
    }

    #[test]
    fn the_oldest_live_claim_wins() {
        let (a, b) = (holder("a"), holder("b"));
        let claims = [said(1, &a, Saying::Claimed, 600), said(2, &b, Saying::Claimed, 601)];
        assert!(judge(&claims, &a, at(3)).is_ok());
        let held = Refused::Held { who: a.who.clone(), until: at(600) };
        assert_eq!(judge(&claims, &b, at(3)), Err(held.clone()));
        assert_eq!(judge(&claims[..1], &b, at(3)), Err(held), "whoever has not claimed is behind");
        assert!(judge(&claims, &b, at(600)).is_ok(), "over is over");
        let renewed = [claims[0].clone(), claims[1].clone(), said(300, &a, Saying::Renewed, 900)];
        assert!(judge(&renewed, &b, at(700)).is_err());
        let released = [claims[0].clone(), claims[1].clone(), said(1, &a, Saying::Released, 1)];
        assert!(judge(&released, &b, at(3)).is_ok(), "released in the second of its claim");
        let back = [released.to_vec(), vec![said(9, &a, Saying::Claimed, 700)]].concat();
        assert!(judge(&back, &b, at(10)).is_ok() && judge(&back, &a, at(10)).is_err(), "a new claim is new");
    }

    #[test]
    fn within_one_second_both_sides_see_the_same_winner() {
        let (a, b) = (holder("a"), holder("b"));
        let claims = [said(1, &b, Saying::Claimed, 600), said(1, &a, Saying::Claimed, 600)];
        assert!(judge(&claims, &a, at(3)).is_ok() && judge(&claims, &b, at(3)).is_err());
    }

    #[test]
    fn a_handover_is_for_good() {
        let (old, new) = (holder("a"), holder("b"));
        let over = [said(1, &old, Saying::Claimed, 600), said(2, &new, Saying::HandedOver, 2)];
        assert!(judge(&over, &new, at(3)).is_ok(), "the claim of the old log counts no more");
        for later in [3, 1_000_000] {
            assert!(matches!(judge(&over, &old, at(later)), Err(Refused::HandedOver { .. })));
        }
        let third = holder("c");
        assert!(judge(&over, &third, at(3)).is_err() && judge_handover(&over, &third, at(3)).is_ok());
        let at_work = [over[0].clone(), over[1].clone(), said(3, &new, Saying::Claimed, 600)];
        assert!(judge_handover(&at_work, &third, at(4)).is_err(), "whoever has it is at work");
        assert!(judge_handover(&at_work, &third, at(600)).is_ok(), "and is lost in turn");
        let back = [over[0].clone(), over[1].clone(), said(9, &old, Saying::HandedOver, 9)];
        assert!(judge(&back, &old, at(10)).is_ok() && judge(&back, &new, at(10)).is_err(), "and back again");
    }
}

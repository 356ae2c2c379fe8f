//! Which row answers for which change: as many pairs as there can be, the nearest in time first.

use super::{Ours, Theirs, Who};
use crate::domain::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How sure a pair is: the surest are made first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Both name the credential.
    ByCredential,
    /// Object, sort and time.
    ByTime,
    /// The same, for what may not have happened at all.
    InDoubt,
}

/// The places of `ours`, each with the place of the row that answers for it.
pub(super) fn pairs(ours: &[Ours], theirs: &[Theirs], skew: Duration) -> BTreeMap<usize, usize> {
    let mut on: BTreeMap<&Text<128>, Vec<usize>> = BTreeMap::new();
    for (at, row) in theirs.iter().enumerate() {
        row.objects.iter().for_each(|object| on.entry(object).or_default().push(at));
    }
    let (mut made, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for round in [Round::ByCredential, Round::ByTime, Round::InDoubt] {
        let open = ours.iter().enumerate().filter(|(place, _)| !made.contains_key(place));
        let fitting = open.map(|(place, change)| {
            let here = on.get(&change.object).into_iter().flatten().copied();
            let free = here.filter(|at| !taken.contains(at) && fits(change, &theirs[*at], round, skew));
            let mut rows: Vec<usize> = free.collect();
            rows.sort_by_key(|at| distance(change, &theirs[*at]));
            (place, rows)
        });
        let mut wishes: Vec<(usize, Vec<usize>)> = fitting.filter(|(_, rows)| !rows.is_empty()).collect();
        wishes.sort_by_key(|(place, rows)| distance(&ours[*place], &theirs[rows[0]]));
        for (place, at) in most(&wishes) {
            made.insert(place, at);
            taken.insert(at);
        }
    }
    made
}

/// Where one write has two rows, the one about its own sort is nearer; then time decides.
fn distance(ours: &Ours, row: &Theirs) -> (bool, Duration) {
    (row.change != ours.deed.sort(), row.at.since(ours.until).max(ours.until.since(row.at)))
}

fn fits(ours: &Ours, row: &Theirs, round: Round, skew: Duration) -> bool {
    let in_time = row.at.after(skew) >= ours.from && ours.until.after(skew) >= row.at;
    if !(in_time && row.succeeded && row.who != Who::SomebodyElse) {
        return false;
    }
    let named = ours.deed.credential();
    // A row that names credentials, but not this one, is about another.
    let silent = named.is_none() || !row.names_credentials();
    match round {
        Round::ByCredential => named.is_some_and(|c| ours.deed.side(row).contains(&c.id)),
        Round::ByTime => ours.certain && silent && row.change == ours.deed.sort(),
        Round::InDoubt => {
            let sided = !row.names_credentials() || !ours.deed.side(row).is_empty();
            !ours.certain && silent && sided && row.change == ours.deed.sort()
        }
    }
}

/// As many pairs as there can be (augmenting paths): a wish gives way if it has another.
fn most(wishes: &[(usize, Vec<usize>)]) -> Vec<(usize, usize)> {
    let mut given: BTreeMap<usize, usize> = BTreeMap::new();
    for wish in 0..wishes.len() {
        let (mut path, mut seen) = (vec![(wish, 0)], BTreeSet::new());
        while let Some((who, next)) = path.last_mut() {
            let Some(at) = wishes[*who].1.get(*next).copied() else {
                path.pop();
                continue;
            };
            *next += 1;
            if !seen.insert(at) {
                continue;
            }
            match given.get(&at) {
                Some(holder) => path.push((*holder, 0)),
                None => {
                    // Everybody on the path takes what was asked of the one behind.
                    for (who, next) in &path {
                        given.insert(wishes[*who].1[*next - 1], *who);
                    }
                    break;
                }
            }
        }
    }
    given.into_iter().map(|(at, wish)| (wishes[wish].0, at)).collect()
}

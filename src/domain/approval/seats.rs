//! Seats of a quorum: so many people of each role. One person sits on one seat only, whatever roles
//! the roster gives: who sits where is a matching of people to seats (Kuhn's algorithm).

use super::super::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// Seats by role: "1 security-officer + 1 system-owner".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seats(BTreeMap<Text<64>, u8>);

impl Seats {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each seat, by its role.
    pub fn seats(&self) -> impl Iterator<Item = Text<64>> + '_ {
        self.0.iter().flat_map(|(role, n)| std::iter::repeat_n(role.clone(), usize::from(*n)))
    }

    /// How many seats there are.
    pub fn count(&self) -> usize {
        self.0.values().map(|n| usize::from(*n)).sum()
    }

    /// What either asks for, and no more: a seat fills one of each.
    pub fn at_least(&self, other: &Self) -> Self {
        let mut seats = self.clone();
        for (role, n) in &other.0 {
            let most = seats.0.entry(role.clone()).or_default();
            *most = (*most).max(*n);
        }
        seats
    }

    /// The roles of the seats that stay empty when these people, each with his or her roles, sit down
    /// so that as many seats as possible are taken.
    pub fn unfilled(&self, people: &[&[Text<64>]]) -> Vec<Text<64>> {
        let seats: Vec<Text<64>> = self.seats().collect();
        let mut room = Room { people, seats: &seats, sits: vec![None; people.len()] };
        let stays_empty = |seat: &usize| !room.fill(*seat, &mut vec![false; people.len()]);
        let empty: Vec<usize> = (0..seats.len()).filter(stays_empty).collect();
        empty.into_iter().map(|seat| seats[seat].clone()).collect()
    }
}

impl FromIterator<(Text<64>, u8)> for Seats {
    fn from_iter<I: IntoIterator<Item = (Text<64>, u8)>>(seats: I) -> Self {
        Self(seats.into_iter().filter(|(_, n)| *n > 0).collect())
    }
}

impl Display for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> = self.0.iter().map(|(role, n)| format!("{n} {role}")).collect();
        f.write_str(&each.join(" + "))
    }
}

struct Room<'a> {
    people: &'a [&'a [Text<64>]],
    seats: &'a [Text<64>],
    /// On which seat each person sits.
    sits: Vec<Option<usize>>,
}

impl Room<'_> {
    /// Seats somebody there: a person who is free, or one whose own seat somebody else can take.
    fn fill(&mut self, seat: usize, asked: &mut [bool]) -> bool {
        for person in 0..self.people.len() {
            if asked[person] || !self.people[person].contains(&self.seats[seat]) {
                continue;
            }
            asked[person] = true;
            if self.sits[person].is_none_or(|other| self.fill(other, asked)) {
                self.sits[person] = Some(seat);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn role(n: u8) -> Text<64> {
        Text::lossy(["officer", "owner", "lead", "auditor"][usize::from(n % 4)])
    }

    fn seats(of: &[(u8, u8)]) -> Seats {
        of.iter().map(|(r, n)| (role(*r), *n)).collect()
    }

    /// Whoever fills two seats fills one: the greedy choice of the first person would leave one empty.
    #[test]
    fn one_person_sits_once_and_moves_for_others() {
        let (both, owner) = (vec![role(0), role(1)], vec![role(1)]);
        let wanted = seats(&[(0, 1), (1, 1)]);
        assert_eq!(wanted.unfilled(&[&both]).len(), 1);
        assert_eq!(wanted.unfilled(&[&both, &owner]), []);
        assert_eq!(wanted.unfilled(&[&owner, &both]), []);
        assert_eq!(wanted.unfilled(&[&owner, &owner]), [role(0)]);
        assert_eq!(wanted.to_string(), "1 officer + 1 owner");
        assert_eq!(wanted.at_least(&seats(&[(1, 2), (2, 1)])), seats(&[(0, 1), (1, 2), (2, 1)]));
    }

    /// Tries every way to sit down.
    fn most(seats: &[Text<64>], people: &[Vec<Text<64>>]) -> usize {
        let Some((person, others)) = people.split_first() else { return 0 };
        let stands = most(seats, others);
        let sits = (0..seats.len()).filter(|at| person.contains(&seats[*at])).map(|at| {
            let mut left = seats.to_vec();
            left.remove(at);
            1 + most(&left, others)
        });
        sits.max().unwrap_or(0).max(stands)
    }

    proptest! {
        #[test]
        fn as_many_seats_are_filled_as_can_be(
            wanted in prop::collection::vec((0u8..4, 0u8..3), 0..4),
            people in prop::collection::vec(prop::collection::vec(0u8..4, 0..4), 0..5),
        ) {
            let wanted = seats(&wanted);
            let people: Vec<Vec<Text<64>>> =
                people.iter().map(|p| p.iter().map(|r| role(*r)).collect()).collect();
            let each: Vec<Text<64>> = wanted.seats().collect();
            let slices: Vec<&[Text<64>]> = people.iter().map(Vec::as_slice).collect();
            let empty = wanted.unfilled(&slices);
            prop_assert_eq!(empty.len(), each.len() - most(&each, &people));
            prop_assert!(empty.iter().all(|r| each.contains(r)));
        }
    }
}

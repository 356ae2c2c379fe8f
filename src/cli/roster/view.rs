//! Rosters in words: who is on one, and what another would change.

use crate::domain::approval::keys::fingerprint;
use crate::domain::approval::rosters::needed;
use crate::domain::approval::{Person, Roster};
use crate::domain::text::count;
use std::collections::BTreeSet;

/// One line for each person.
pub(super) fn people(roster: &Roster) -> Vec<String> {
    roster.people().iter().map(line).collect()
}

fn line(person: &Person) -> String {
    let Person { name, roles: _, keys, certificates, break_glass } = person;
    let glass = if *break_glass { ", may break glass" } else { "" };
    let keys: Vec<String> = keys.iter().map(|k| fingerprint(k.key_data()).to_string()).collect();
    let cards: String = certificates.iter().map(|c| format!(", card certificate {c}")).collect();
    format!("{name} ({}){glass}: {}{cards}", person.role(), keys.join(", "))
}

/// Who issues cards that count.
pub(super) fn authorities(roster: &Roster) -> Vec<String> {
    roster.authorities().iter().map(|a| format!("{} ({})", a.subject(), a.digest())).collect()
}

/// What every plan must have, and what a change of the roster takes.
pub(super) fn floor(roster: &Roster) -> Vec<String> {
    let seats = |n: usize| match roster.roles_at_least() {
        seats if seats.is_empty() => count(n, "person", "people"),
        seats => format!("{} ({seats} among them)", count(n, "person", "people")),
    };
    let least = usize::from(roster.quorum_at_least()).max(roster.roles_at_least().count()).max(1);
    vec![
        format!("every plan takes at least {}", seats(least)),
        format!("a change of the roster takes {}", seats(needed(roster).0)),
    ]
}

/// What `next` changes: people who come (+), go (-) or are changed (~), and other floors.
pub(super) fn differences(old: &Roster, next: &Roster) -> Vec<String> {
    let mut said = Vec::new();
    for person in old.people() {
        match next.person(&person.name) {
            None => said.push(format!("- {}", line(person))),
            Some(new) if is_same(person, new) => {}
            Some(new) => {
                said.push(format!("~ {}", line(person)));
                said.push(format!("  now {}", line(new)));
            }
        }
    }
    let comes = next.people().iter().filter(|p| old.person(&p.name).is_none());
    said.extend(comes.map(|p| format!("+ {}", line(p))));
    for (was, is) in floor(old).into_iter().zip(floor(next)) {
        if was != is {
            said.push(format!("~ {was}"));
            said.push(format!("  now {is}"));
        }
    }
    let (was, is) = (authorities(old), authorities(next));
    said.extend(was.iter().filter(|a| !is.contains(a)).map(|a| format!("- cards issued by {a}")));
    said.extend(is.iter().filter(|a| !was.contains(a)).map(|a| format!("+ cards issued by {a}")));
    if said.is_empty() {
        said.push("nothing but comments or order".into());
    }
    said
}

fn is_same(a: &Person, b: &Person) -> bool {
    let keys = |p: &Person| p.keys.iter().map(|k| fingerprint(k.key_data())).collect::<BTreeSet<_>>();
    let cards = |p: &Person| p.certificates.iter().copied().collect::<BTreeSet<_>>();
    (&a.name, &a.roles, a.break_glass, keys(a), cards(a))
        == (&b.name, &b.roles, b.break_glass, keys(b), cards(b))
}

//! Roles in the quorum: "1 security-officer + 1 system-owner", in the roster, in a plan, and as both
//! judges of a log read it.

use crate::support::approvals::{PEOPLE, at, facts, noon, roster, signed, signer};
use crate::support::judges::both;
use crate::support::log::{Story, written};
use reissue::domain::approval::{
    PlanFacts, Quorum, QuorumMet, QuorumShort, Recorded, Roster, RosterError, Seats,
};
use reissue::domain::event::Decision;
use reissue::domain::step::Phase;
use reissue::domain::text::Text;

fn seats(of: &[(&str, u8)]) -> Seats {
    of.iter().map(|(role, n)| (Text::lossy(role), *n)).collect()
}

fn asked(quorum: u8, of: &[(&str, u8)]) -> PlanFacts {
    PlanFacts { quorum, seats: seats(of), ..facts(&roster()) }
}

/// These people approve, each until so many hours after noon.
fn count(facts: &PlanFacts, people: &[(usize, u8)]) -> Result<QuorumMet, QuorumShort> {
    let one = |(person, hours): &(usize, u8)| {
        let until = at(&format!("2026-11-23T{:02}:00:00Z", 12 + hours));
        let signed = signed(facts, *person, u8::try_from(*person).unwrap(), |s| s.expires = until);
        Recorded { approval: signed.verify(&roster(), facts, noon()).unwrap(), at: noon(), evidence: None }
    };
    Quorum::check(facts, Phase::Start, &people.iter().map(one).collect::<Vec<_>>(), noon())
}

#[test]
fn a_quorum_without_its_seat_says_which() {
    let facts = asked(2, &[("security-officer", 1), ("system-owner", 1)]);
    let short = count(&facts, &[(1, 5), (3, 5)]).unwrap_err();
    assert_eq!(
        short.to_string(),
        "2 of 2 people have approved the start phase (ann@agency.example, eve@agency.example), and nobody fills \
         the seat of system-owner; ask others to run `reissue approve`"
    );
    assert_eq!(count(&facts, &[(1, 5), (2, 5)]).unwrap().people().len(), 2);
    assert_eq!(count(&facts, &[(1, 5), (2, 5), (3, 5)]).unwrap().people().len(), 3);
    let nobody = count(&facts, &[]).unwrap_err().to_string();
    assert!(nobody.contains("the seats of security-officer, system-owner"), "{nobody}");
}

#[test]
fn the_quorum_ends_with_the_seat() {
    let facts = asked(2, &[("system-owner", 1)]);
    // Two people would be enough for five hours; the owner is there for two.
    let met = count(&facts, &[(1, 6), (2, 2), (3, 5)]).unwrap();
    assert_eq!(met.expires(), at("2026-11-23T14:00:00Z"));
    let met = count(&facts, &[(1, 2), (2, 6), (3, 5)]).unwrap();
    assert_eq!(met.expires(), at("2026-11-23T17:00:00Z"));
}

fn yaml(head: &str, role_of_ann: &str) -> String {
    let (ann, ben) = (signer(1).public_line().unwrap(), signer(2).public_line().unwrap());
    format!(
        "reissue_roster: 1\n{head}people:\n  - name: {}\n    {role_of_ann}\n    keys: [ {ann:?} ]\n  - name: {}\n    \
         role: system-owner\n    keys: [ {ben:?} ]\n",
        PEOPLE[1].0, PEOPLE[2].0
    )
}

#[test]
fn rosters_give_roles_and_ask_for_them() {
    let read = |head: &str, role: &str| Roster::from_yaml(yaml(head, role).as_bytes());
    let both = read("roles_at_least: { officer: 1, system-owner: 1 }\n", "roles: [ officer, system-owner ]");
    let both = both.unwrap();
    assert_eq!(both.roles_at_least().to_string(), "1 officer + 1 system-owner");
    assert_eq!(both.person("ANN@agency.example").unwrap().role().as_str(), "officer, system-owner");
    // Ann has both roles, and is one person.
    let greedy =
        read("roles_at_least: { officer: 1, system-owner: 2 }\n", "roles: [ officer, system-owner ]");
    assert!(matches!(greedy, Err(RosterError::NobodyForSeat(_))), "{greedy:?}");
    let many = read("roles_at_least: { officer: 11 }\n", "role: officer");
    assert_eq!(many, Err(RosterError::SeatCount(11)));
    for role in [
        "roles: []",
        "roles: [ a, a ]",
        "roles: [ a, \"b, c\" ]",
        "roles: [ \"\" ]",
        "roles: [ a, b, c, d, e ]",
        "role: a\n    roles: [ b ]",
        "break_glass: false",
        &format!("roles: [ {}, b ]", "x".repeat(63)),
    ] {
        assert_eq!(read("", role), Err(RosterError::Roles(Text::lossy(PEOPLE[1].0))), "{role}");
    }
}

/// Two people of the plan's quorum, but not of its roles.
#[tokio::test(start_paused = true)]
async fn both_judges_see_a_phase_that_was_opened_without_its_seat() {
    let with = |roles: &[(&str, u8)]| Story { roles: seats(roles), ..Story::default() };
    for (roles, code, says) in [
        (&[("security-officer", 1), ("system-owner", 1)][..], 3, ""),
        (&[("security-officer", 1)], 3, ""),
        (&[("security-officer", 2)], 1, "nobody fills the seat of security-officer"),
        (&[("incident-lead", 1)], 1, "nobody fills the seat of incident-lead"),
        (&[("operator", 1), ("system-owner", 1)], 1, "nobody fills the seat of operator"),
    ] {
        let log = written(&with(roles)).await;
        let (ours, theirs, said) = both(&log.disk, &log.folder, log.key().public());
        assert_eq!((ours, theirs), (code, code), "{roles:?}\n{said}");
        assert!(said.contains(says), "{says}\n{said}");
    }
}

#[test]
fn a_reject_is_heard_however_it_was_signed() {
    let facts = facts(&roster());
    let record = |approval: reissue::domain::approval::SignedApproval| Recorded {
        approval: approval.verify(&roster(), &facts, noon()).unwrap(),
        at: noon(),
        evidence: None,
    };
    let reject = |nonce, signed_at: &str| {
        record(signed(&facts, 2, nonce, |s| {
            s.decision = Decision::Reject;
            (s.signed_at, s.not_before) = (at(signed_at), at(signed_at));
        }))
    };
    let both = || vec![record(signed(&facts, 1, 1, |_| ())), record(signed(&facts, 2, 2, |_| ()))];
    assert!(Quorum::check(&facts, Phase::Start, &both(), noon()).is_ok());
    // With the nonce of that person's approval, or signed before it: it is a no.
    for no in [reject(2, "2026-11-23T11:00:00Z"), reject(3, "2026-11-23T10:00:00Z")] {
        let mut said = both();
        said.push(no);
        let Err(QuorumShort::Rejected { by }) = Quorum::check(&facts, Phase::Start, &said, noon()) else {
            panic!("the reject is not heard")
        };
        assert_eq!(by.len(), 1);
    }
}

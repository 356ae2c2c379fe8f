//! Two small logs, side by side.

use super::*;
use crate::domain::credential::Form;

const RUN: &str = "01KA0000000000000000000000";
const OTHER_RUN: &str = "01KA0000000000000000000001";

fn at(s: i64) -> Timestamp {
    Timestamp::from_unix_s(1_760_000_000 + s)
}

fn credential(id: &str) -> CredentialRef {
    CredentialRef { form: Form::Secret, id: Text::lossy(id), object: Text::lossy("app") }
}

fn ours(seq: u64, deed: Deed, s: i64) -> Ours {
    Ours {
        run: RUN.parse().unwrap(),
        target: TargetId(1),
        step: 1,
        seq,
        object: Text::lossy("app"),
        deed,
        from: at(s),
        until: at(s + 1),
        certain: true,
    }
}

fn added(seq: u64, id: &str, s: i64) -> Ours {
    ours(seq, Deed::Added(Some(credential(id))), s)
}

fn row(id: &str, change: Change, s: i64) -> Theirs {
    Theirs {
        id: Text::lossy(id),
        at: at(s),
        activity: Text::lossy("an activity"),
        change,
        succeeded: true,
        actor: Text::lossy("reissue"),
        who: Who::We,
        objects: vec![Text::lossy("app")],
        added: vec![],
        removed: vec![],
    }
}

fn adds(id: &str, credential: &str, s: i64) -> Theirs {
    Theirs { added: vec![Text::lossy(credential)], ..row(id, Change::Credentials, s) }
}

fn by_another(theirs: Theirs) -> Theirs {
    Theirs { who: Who::SomebodyElse, actor: Text::lossy("eve"), ..theirs }
}

fn frame(now: i64) -> Frame {
    Frame {
        run: RUN.parse().unwrap(),
        objects: [Text::lossy("app")].into(),
        now: at(now),
        late: LATE,
        skew: SKEW,
    }
}

const LATER: i64 = 86_400;

/// `confirmed/awaited/beside/other runs/refused: findings`.
fn told(found: &Corroboration) -> String {
    let Corroboration { pairs, findings, pending, complete_at: _, beside, other_runs, refused } = found;
    let names: Vec<String> = findings
        .iter()
        .map(|f| match f {
            Finding::Missing { ours } => format!("missing {}", ours.seq),
            Finding::Unlogged { theirs } => format!("unlogged {}", theirs.id),
            Finding::Foreign { theirs } => format!("foreign {}", theirs.id),
            Finding::More { credentials, .. } => format!("more {}", credentials.len()),
        })
        .collect();
    format!("{}/{}/{beside}/{other_runs}/{}: {}", pairs.len(), pending.len(), refused.len(), names.join(", "))
}

fn compare(ours: &[Ours], theirs: &[Theirs], now: i64) -> String {
    told(&corroborate(ours.to_vec(), theirs.to_vec(), &frame(now)))
}

#[test]
fn each_change_has_its_row() {
    let mine = [
        added(1, "new", 0),
        ours(2, Deed::Removed(Some(credential("old"))), 100),
        ours(3, Deed::Switched, 200),
        ours(4, Deed::Reset, 300),
        ours(5, Deed::Revoked, 301),
    ];
    let theirs = [
        adds("a", "new", 0),
        Theirs { removed: vec![Text::lossy("old")], ..row("b", Change::Credentials, 100) },
        row("c", Change::Properties, 200),
        row("d", Change::Password, 300),
        row("e", Change::Sessions, 301),
    ];
    assert_eq!(compare(&mine, &theirs, LATER), "5/0/0/0/0: ");
    let mut turned = theirs.to_vec();
    turned.reverse();
    assert_eq!(compare(&mine, &turned, LATER), "5/0/0/0/0: ");
}

#[test]
fn late_is_awaited_and_then_missing() {
    let mine = [added(1, "new", 0)];
    let found = corroborate(mine.to_vec(), vec![], &frame(60));
    assert_eq!(told(&found), "0/1/0/0/0: ");
    assert_eq!(found.complete_at, Some(at(1).after(SKEW).after(LATE)));
    let due = 1 + 300 + 900;
    assert_eq!(compare(&mine, &[], due - 1), "0/1/0/0/0: ");
    assert_eq!(compare(&mine, &[], due), "0/0/0/0/0: missing 1");
}

#[test]
fn somebody_else_is_a_finding_on_objects_of_the_plan_only() {
    let mine = [added(1, "new", 0)];
    let eve = by_another(adds("x", "way-in", 30));
    assert_eq!(compare(&mine, &[adds("a", "new", 0), eve.clone()], LATER), "1/0/0/0/0: foreign x");
    let elsewhere = Theirs { objects: vec![Text::lossy("elsewhere")], ..eve.clone() };
    assert_eq!(compare(&mine, &[adds("a", "new", 0), elsewhere], LATER), "1/0/0/0/0: ");
    let refused = Theirs { succeeded: false, ..eve };
    assert_eq!(compare(&mine, &[adds("a", "new", 0), refused], LATER), "1/0/0/0/1: ");
}

/// Whoever writes our credential's id into their row, at the right time, is still somebody else.
#[test]
fn nobody_else_answers_for_our_change() {
    let theirs = [by_another(adds("a", "new", 0))];
    assert_eq!(compare(&[added(1, "new", 0)], &theirs, LATER), "0/0/0/0/0: foreign a, missing 1");
}

#[test]
fn our_identity_without_a_line_of_ours() {
    let mine = [added(1, "new", 0)];
    let theirs = [adds("a", "new", 0), adds("b", "unknown", 20)];
    assert_eq!(compare(&mine, &theirs, LATER), "1/0/0/0/0: unlogged b");
    let elsewhere = Theirs { objects: vec![Text::lossy("elsewhere")], ..adds("b", "unknown", 20) };
    assert_eq!(compare(&mine, &[adds("a", "new", 0), elsewhere], LATER), "1/0/0/0/0: unlogged b");
}

#[test]
fn a_row_that_comes_twice_counts_once() {
    let theirs = [adds("a", "new", 0), adds("a", "new", 0)];
    assert_eq!(compare(&[added(1, "new", 0)], &theirs, LATER), "1/0/0/0/0: ");
}

/// Two writes and one row: one of them is missing, not confirmed by the same row again.
#[test]
fn one_row_answers_for_one_change() {
    let mine = [ours(1, Deed::Switched, 0), ours(2, Deed::Switched, 10)];
    assert_eq!(compare(&mine, &[row("a", Change::Properties, 10)], LATER), "1/0/0/0/0: missing 1");
}

#[test]
fn a_second_row_of_the_same_write_stands_beside() {
    let mine = [added(1, "new", 0), ours(2, Deed::Reset, 50)];
    let theirs = [
        adds("a", "new", 0),
        Theirs { change: Change::Properties, ..adds("b", "new", 0) },
        row("c", Change::Password, 50),
        row("d", Change::Sessions, 50),
    ];
    assert_eq!(compare(&mine, &theirs, LATER), "2/0/2/0/0: ");
    // The same long after is a change of its own.
    let late = [adds("a", "new", 0), row("b", Change::Properties, 1000), row("c", Change::Password, 50)];
    assert_eq!(compare(&mine, &late, LATER), "2/0/0/0/0: unlogged b");
}

#[test]
fn changes_of_another_run_are_no_finding() {
    let other = Ours { run: OTHER_RUN.parse().unwrap(), ..added(9, "theirs", 40) };
    let mine = [added(1, "new", 0), other.clone()];
    assert_eq!(compare(&mine, &[adds("a", "new", 0), adds("b", "theirs", 40)], LATER), "1/0/0/1/0: ");
    // And what it lacks is its own affair.
    assert_eq!(compare(&mine, &[adds("a", "new", 0)], LATER), "1/0/0/0/0: ");
}

#[test]
fn clocks_may_be_apart_by_five_minutes() {
    let mine = [added(1, "new", 1000)];
    for apart in [-300, 301] {
        assert_eq!(compare(&mine, &[adds("a", "new", 1000 + apart)], LATER), "1/0/0/0/0: ", "{apart}");
    }
    for apart in [-301, 302] {
        let found = compare(&mine, &[adds("a", "new", 1000 + apart)], LATER);
        assert_eq!(found, "0/0/0/0/0: unlogged a, missing 1", "{apart}");
    }
}

#[test]
fn a_change_in_doubt_may_have_a_row_or_none() {
    let doubt = Ours { certain: false, ..ours(1, Deed::Added(None), 0) };
    assert_eq!(compare(std::slice::from_ref(&doubt), &[], LATER), "0/0/0/0/0: ");
    assert_eq!(compare(std::slice::from_ref(&doubt), &[adds("a", "somewhat", 2)], LATER), "1/0/0/0/0: ");
    // It answers for one row, and not before what is certain.
    let both = [doubt, added(2, "new", 20)];
    let theirs = [adds("a", "lost", 2), adds("b", "new", 20), adds("c", "third", 21)];
    assert_eq!(compare(&both, &theirs, LATER), "2/0/0/0/0: unlogged c");
}

/// Their clock is behind: each row is nearest to the change before its own.
#[test]
fn a_nearer_change_gives_way() {
    let mine = [ours(1, Deed::Switched, 0), ours(2, Deed::Switched, 290), ours(3, Deed::Switched, 580)];
    let theirs = [
        row("a", Change::Properties, 285),
        row("b", Change::Properties, 575),
        row("c", Change::Properties, 865),
    ];
    assert_eq!(compare(&mine, &theirs, LATER), "3/0/0/0/0: ");
}

/// A list that is replaced as a whole took somebody's entry along.
#[test]
fn more_than_we_meant() {
    let row = Theirs { removed: vec![Text::lossy("somebody's")], ..adds("a", "new", 0) };
    assert_eq!(compare(&[added(1, "new", 0)], &[row], LATER), "0/0/0/0/0: more 1");
}

#[test]
fn a_row_without_credentials_answers_by_time() {
    let mine = [added(1, "new", 0)];
    assert_eq!(compare(&mine, &[row("a", Change::Credentials, 1)], LATER), "1/0/0/0/0: ");
    let nobody = Theirs { who: Who::Nobody, ..row("a", Change::Credentials, 1) };
    assert_eq!(compare(&mine, &[nobody], LATER), "1/0/0/0/0: ");
    assert_eq!(compare(&mine, &[row("a", Change::Password, 1)], LATER), "0/0/0/0/0: unlogged a, missing 1");
}

proptest::proptest! {
    /// Whatever the two logs are: no row and no change is used twice, none is lost, and a finding
    /// stays one when more of somebody else's rows are there.
    #[test]
    fn everything_is_accounted_for(
        mine in proptest::collection::vec((0u8..4, 0i64..600, proptest::bool::ANY), 0..8),
        theirs in proptest::collection::vec((0u8..6, 0i64..600, proptest::bool::ANY), 0..8),
    ) {
        let mine: Vec<Ours> = mine.iter().zip(1..).map(|((kind, s, certain), seq)| {
            let deed = match kind {
                0 => Deed::Added(Some(credential(&format!("c{seq}")))),
                1 => Deed::Removed(None),
                2 => Deed::Switched,
                _ => Deed::Reset,
            };
            Ours { certain: *certain, ..ours(seq, deed, *s) }
        }).collect();
        let theirs: Vec<Theirs> = theirs.iter().zip(1..).map(|((kind, s, we), n)| {
            let id = format!("r{n}");
            let made = match kind {
                0 => adds(&id, &format!("c{n}"), *s),
                1 => Theirs { removed: vec![Text::lossy("o")], ..row(&id, Change::Credentials, *s) },
                2 => row(&id, Change::Properties, *s),
                3 => row(&id, Change::Password, *s),
                4 => row(&id, Change::Sessions, *s),
                _ => row(&id, Change::Other, *s),
            };
            if *we { made } else { by_another(made) }
        }).collect();
        let found = corroborate(mine.clone(), theirs.clone(), &frame(LATER));
        let unpaired = |f: &&Finding| matches!(f, Finding::Foreign { .. } | Finding::Unlogged { .. });
        let rows = found.pairs.len() as u64 + found.beside + found.other_runs
            + found.findings.iter().filter(|f| unpaired(f) || matches!(f, Finding::More { .. })).count() as u64;
        proptest::prop_assert_eq!(rows, theirs.len() as u64);
        let certain = mine.iter().filter(|o| o.certain).count();
        let answered = found.pairs.iter().filter(|p| p.ours.certain).count()
            + found.findings.iter().filter(|f| match f {
                Finding::Missing { .. } => true,
                Finding::More { ours, .. } => ours.certain,
                _ => false,
            }).count();
        proptest::prop_assert_eq!(answered, certain);
        let mut used: Vec<_> = found.pairs.iter().map(|p| &p.theirs.id).collect();
        used.sort();
        used.dedup();
        proptest::prop_assert_eq!(used.len(), found.pairs.len());
    }
}

//! The rows of the tamper table that are about rosters: changes that the roster before did not want, or
//! not like this. The verifier without our code judges each log too.

use super::approvals::{ORIGIN, PEOPLE, TENANT, noon, roster, roster_yaml, signer};
use super::find;
use super::judges::both;
use super::log::{Log, Story, opening, written};
use reissue::domain::approval::roster_change::{CHANGE_LIVES, ROSTER_NAMESPACE};
use reissue::domain::approval::signed::NAMESPACE;
use reissue::domain::approval::{LogHead, Roster, RosterChange, SignedApproval, Signer, Statement};
use reissue::domain::event::{Environment, Event, RosterChanged};
use reissue::domain::id::Digest;
use reissue::domain::text::Text;
use reissue::env::Clock;
use reissue::trail::{Entry, Journal, Objects, Settings};
use std::time::Duration;

/// One change that is written into the log, by whoever can write it.
struct Change {
    previous: Roster,
    next: String,
    version: u32,
    /// Who signs, by the place in [`PEOPLE`]; 9 is Mallory.
    by: &'static [usize],
    namespace: &'static str,
    twist: fn(&mut RosterChange),
    line: fn(&mut RosterChanged),
}

impl Change {
    fn new(version: u32, previous: &str, next: &str, by: &'static [usize]) -> Self {
        Self {
            previous: Roster::from_yaml(previous.as_bytes()).unwrap(),
            next: next.into(),
            version,
            by,
            namespace: ROSTER_NAMESPACE,
            twist: |_| (),
            line: |_| (),
        }
    }
}

fn mallory() -> Signer {
    Signer::from_seed(&[99; 32], "mallory").unwrap()
}

/// The first roster, its floor at two people and an officer.
fn first() -> String {
    roster_yaml(&[])
}

/// The first one without Eve.
fn second() -> String {
    let text = first();
    text[..text.find("  - name: eve").unwrap()].to_owned()
}

fn with_mallory() -> String {
    let line = mallory().public_line().unwrap();
    let people = ["mallory", "oscar"]
        .iter()
        .zip([line, Signer::from_seed(&[98; 32], "oscar").unwrap().public_line().unwrap()]);
    let people = people.map(|(n, k)| format!("  - name: {n}\n    role: boss\n    keys: [ {k:?} ]\n"));
    first() + &people.collect::<String>()
}

fn sign(change: &Change, journal: &Journal, who: usize) -> SignedApproval {
    let head = journal.head();
    let (name, role) = PEOPLE.get(who).map_or(("mallory", "boss"), |p| (p.0, p.1));
    let mut said = RosterChange {
        approver: Text::lossy(name),
        environment: Environment::Production,
        expires: noon().after(CHANGE_LIVES),
        log_head: LogHead { origin: Text::lossy(ORIGIN), root: Digest(head.root), size: head.size },
        nonce: Statement::nonce([u8::try_from(who).unwrap(); 16]),
        previous: change.previous.digest(),
        role: Text::lossy(role),
        roster: Digest::of(change.next.as_bytes()),
        signed_at: noon(),
        tenant: TENANT.parse().unwrap(),
        version: change.version,
    };
    (change.twist)(&mut said);
    let signer = if who == 9 { mallory() } else { signer(who) };
    signer.sign_bytes(said.to_bytes().unwrap(), change.namespace).unwrap()
}

async fn record(log: &Log, change: &Change) {
    let env = log.settings().env;
    let env = reissue::env::Env { clock: Clock::starting_at(noon().after(Duration::from_secs(3600))), ..env };
    let settings = Settings { env, ..log.settings() };
    let (journal, _) = Journal::open(settings, &opening(roster().digest()), &mut |_| {}).unwrap();
    let signed: Vec<SignedApproval> = change.by.iter().map(|who| sign(change, &journal, *who)).collect();
    let put = |bytes: &[u8]| journal.objects().put(bytes).unwrap();
    let name = |who: &usize| Text::lossy(PEOPLE.get(*who).map_or("mallory", |p| p.0));
    let mut event = RosterChanged {
        by: change.by.iter().map(name).collect(),
        previous: change.previous.digest(),
        roster: put(change.next.as_bytes()),
        signatures: signed.iter().map(|s| put(s.armored.as_bytes())).collect(),
        statements: signed.iter().map(|s| put(&s.statement_bytes)).collect(),
        version: change.version,
    };
    (change.line)(&mut event);
    journal.append_one(Entry::of_log(event)).await.unwrap();
    journal.close().await.unwrap();
}

struct Row {
    name: &'static str,
    changes: Vec<Change>,
    code: u8,
    says: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |name, changes, code, says| Row { name, changes, code, says };
    let (one, two) = (first(), second());
    let honest = || Change::new(2, &one, &two, &[1, 2]);
    let caught = |name, change, says| row(name, vec![change], 1, says);
    let line = |line| Change { line, ..honest() };
    let twist = |twist| Change { twist, ..honest() };
    let mut rows = vec![
        row("by two people of the one before", vec![honest()], 3, ""),
        row("there and back", vec![honest(), Change::new(3, &two, &one, &[1, 2])], 3, ""),
        caught("by one person", Change { by: &[1], ..honest() }, "1 of 2 people"),
        caught("by one person twice", Change { by: &[1, 1], ..honest() }, "1 of 2 people"),
        caught("by nobody", Change { by: &[], ..honest() }, "0 of 2 people"),
        caught("by new people only", Change::new(2, &one, &with_mallory(), &[9, 9]), "is not in the roster"),
        caught("by new people too", Change::new(2, &one, &with_mallory(), &[1, 9]), "is not in the roster"),
        caught("signed as an approval", Change { namespace: NAMESPACE, ..honest() }, "it was signed for"),
        caught("signed for another roster", twist(|s| s.roster = Digest::of(b"x")), "another roster"),
        caught("signed for another tenant", twist(other_tenant), "another tenant"),
        caught("signed for a rehearsal", twist(|s| s.environment = Environment::Lab), "another tenant"),
        caught("signed for another log", twist(|s| s.log_head.origin = Text::lossy("x")), "another tenant"),
        caught("signed in another role", twist(|s| s.role = Text::lossy("boss")), "the role"),
        caught("signed for another version", twist(|s| s.version = 3), "number 2 is due"),
        caught("signed for ever", twist(|s| s.expires = s.expires.after(CHANGE_LIVES)), "longer than seven"),
        caught("signed long ago", twist(long_ago), "has to be signed again"),
        caught("signed over another head", twist(|s| s.log_head.root = Digest::of(b"x")), "saw other first"),
        caught("signed over a head to come", twist(|s| s.log_head.size += 9), "before there were that many"),
        caught("in other names", line(|l| l.by.reverse()), "something else than what was signed"),
        caught("of another roster", line(|l| l.previous = Digest::of(b"x")), "something else"),
        caught("with a statement less", line(|l| l.statements.truncate(1)), "signature for each statement"),
        caught("to the same roster", Change::new(2, &one, &one, &[1, 2]), "is the one in force"),
        caught("swapped for another", line(|l| l.roster = roster().digest()), "is the one in force"),
    ];
    let again = Change::new(2, &one, &two, &[1, 2]);
    let back = Change::new(3, &two, &one, &[1, 2]);
    rows.push(row("a change made again", vec![honest(), back, again], 1, "number 4 is due"));
    let third = second().replace("break_glass: false", "break_glass: true");
    let skips = Change::new(3, &two, &third, &[1, 2]);
    rows.push(row("a link is skipped", vec![skips], 1, "another roster"));
    let seats = first().replace("people:", "roles_at_least: { system-owner: 1 }\npeople:");
    let to_seats = || Change::new(2, &one, &seats, &[1, 2]);
    let without = Change::new(3, &seats, &two, &[1, 3]);
    rows.push(row("without a seat", vec![to_seats(), without], 1, "the seat of system-owner"));
    rows.push(row("with its seat", vec![to_seats(), Change::new(3, &seats, &two, &[2, 3])], 3, ""));
    let gone = Change::new(3, &two, &one, &[1, 3]);
    rows.push(row("by somebody who was taken off", vec![honest(), gone], 1, "is not in the roster"));
    rows
}

fn other_tenant(said: &mut RosterChange) {
    said.tenant = "7d3c9a10-0000-4000-8000-000000000002".parse().unwrap();
}

fn long_ago(said: &mut RosterChange) {
    said.expires = noon().after(Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn changes_of_the_roster() {
    let mut wrong = String::new();
    for row in rows() {
        let log = written(&Story::default()).await;
        for change in &row.changes {
            record(&log, change).await;
        }
        let (ours, theirs, said) = both(&log.disk, &log.folder, log.key().public());
        if (ours, theirs) != (row.code, row.code) || !said.contains(row.says) {
            wrong += &format!("{}: {ours}, {theirs}, want {} {:?}\n{said}\n\n", row.name, row.code, row.says);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The holder of the log's key takes a change out again, or writes another file in its place.
#[tokio::test(start_paused = true)]
async fn a_change_that_is_taken_out_or_rewritten() {
    let (one, two) = (first(), second());
    let log = written(&Story::default()).await;
    record(&log, &Change::new(2, &one, &two, &[1, 2])).await;
    record(&log, &Change::new(3, &two, &one, &[1, 2])).await;
    let (anchor, lines) = (log.anchor(), log.lines());
    let out = find(&lines, "roster.changed");
    super::forge(&log, |l| drop(l.remove(out)));
    let (ours, theirs, said) = both(&log.disk, &log.folder, log.key().public());
    assert_eq!((ours, theirs), (1, 1), "the next change does not follow\n{said}");
    assert!(log.judge(vec![anchor]).findings.len() > 1);
    log.rechain(lines.clone());
    super::forge(&log, |l| {
        if let Event::RosterChanged(e) = &mut l[out].event {
            e.roster = Digest::of(with_mallory().as_bytes());
        }
    });
    let objects = Objects::new(std::sync::Arc::new(log.disk.clone()), &log.folder);
    objects.put(with_mallory().as_bytes()).unwrap();
    let (ours, theirs, said) = both(&log.disk, &log.folder, log.key().public());
    assert_eq!((ours, theirs), (1, 1), "{said}");
    assert!(said.contains("signed for another roster"), "{said}");
}

/// A run that is on when the roster changes has no phase open any more.
#[tokio::test(start_paused = true)]
async fn what_was_approved_before_releases_nothing_after() {
    let log = written(&Story::default()).await;
    let lines = log.lines();
    // Nobody names a head of a log that is written anew.
    let twist: fn(&mut RosterChange) = |s| s.log_head.size = 0;
    record(&log, &Change { twist, ..Change::new(2, &first(), &second(), &[1, 2]) }).await;
    let change = log.lines()[find(&log.lines(), "roster.changed")].clone();
    let before = find(&lines, "step.intent");
    log.rechain(lines);
    super::forge(&log, |l| {
        let at = l[before].time;
        l.insert(before, reissue::domain::event::Line { time: at, ..change.clone() });
    });
    let (ours, theirs, said) = both(&log.disk, &log.folder, log.key().public());
    assert_eq!((ours, theirs), (1, 1), "{said}");
    assert!(said.contains("was not open"), "theirs: {said}");
    assert!(said.contains("before anybody had approved"), "ours: {said}");
}

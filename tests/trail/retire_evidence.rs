//! Retiring that is approved separately, with two targets whose holds end at different times: each is released by
//! people who had its evidence, and both judges see whatever else a log is made to say.

use crate::support::forge::{forge, lines_of};
use crate::support::judges::both;
use reissue::domain::event::{ApprovalRecorded, ConsumerConfirmed, Event, Line, PhaseOpened, SignInsRead};
use reissue::domain::evidence::Evidence;
use reissue::domain::id::{Digest, TargetId};
use reissue::domain::plan::Plan;
use reissue::domain::sign_ins::{SignIns, Unread, Uses};
use reissue::domain::step::{Effect, Phase};
use reissue::domain::text::Text;
use reissue::drill::{self, Audience};
use reissue::env::{Disk, Env, MemoryDisk};
use reissue::trail::Home;
use reissue::trail::verify::{Trust, verify};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const PLAYBOOK: &str = "
reissue: 1
incident: { id: INC-1, title: Two secrets leaked }
tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }
stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }
approval: { quorum: 2, valid_for: 48h, retire: separately }
targets:
  - app: 8a1d0000-0000-4000-8000-000000000001
    name: payroll-sync
    consumers: [ { name: payroll-worker, refresh: 5m } ]
    rotate:
      secret: { hint: x7Q }
      publish: { store: ir, name: payroll-sync }
      hold: { confirmed_by: [ payroll-worker ] }
  - app: 8a1d0000-0000-4000-8000-000000000002
    name: archive-sync
    consumers: [ { name: archive-worker, refresh: 5m } ]
    rotate:
      secret: { hint: q2P }
      publish: { store: ir, name: archive-sync }
      hold: { time: 12h }
";

struct Nobody;
impl Audience for Nobody {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, _: &Line) {}
}

/// A rehearsal of the playbook, and the disk that it left.
fn rehearsed() -> (MemoryDisk, Env, Home) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let disk = MemoryDisk::default();
        let env = Env { disk: Arc::new(disk.clone()), ..drill::environment(1) };
        drill::hold(&env, PLAYBOOK, &mut Nobody).await.unwrap_or_else(|e| panic!("{e}"));
        let home = Home::open(&env, Path::new("drill")).unwrap();
        (disk, env, home)
    })
}

/// Where the lines are that open the retire phase.
fn releases(lines: &[Line]) -> Vec<usize> {
    let is_one = |l: &Line| matches!(&l.event, Event::PhaseOpened(e) if e.phase == Phase::Retire);
    lines.iter().enumerate().filter(|(_, l)| is_one(l)).map(|(at, _)| at).collect()
}

fn release(line: &mut Line) -> &mut PhaseOpened {
    match &mut line.event {
        Event::PhaseOpened(opened) => opened,
        other => panic!("{}", other.name()),
    }
}

/// The approvals of the retire phase, by their places in the log.
fn approvals(lines: &[Line]) -> Vec<(usize, ApprovalRecorded)> {
    let of = |(at, l): (usize, &Line)| match &l.event {
        Event::ApprovalRecorded(e) if e.phase == Phase::Retire => Some((at, e.clone())),
        _ => None,
    };
    lines.iter().enumerate().filter_map(of).collect()
}

#[test]
fn each_target_is_released_with_its_own_evidence() {
    let (disk, env, home) = rehearsed();
    let (mut lines, _) = lines_of(&env, &home);
    let opened = releases(&lines);
    let released: Vec<_> = opened.iter().map(|at| release(&mut lines[*at]).targets.clone()).collect();
    assert_eq!(released, [[TargetId(1)], [TargetId(2)]]);
    let retired = |id| {
        let gone =
            |l: &Line| matches!(&l.event, Event::StepDone(e) if matches!(e.effect, Effect::Retired { .. }));
        lines.iter().position(|l| l.target == Some(TargetId(id)) && gone(l)).unwrap()
    };
    assert!(opened[0] < retired(1) && retired(1) < opened[1] && opened[1] < retired(2));
    let seen: Vec<Evidence> = approvals(&lines)
        .iter()
        .map(|(_, e)| home.objects().get(&e.evidence.unwrap(), 1 << 20).unwrap())
        .map(|bytes| Evidence::from_bytes(&bytes).unwrap())
        .collect();
    let listed: Vec<u32> = seen.iter().flat_map(|e| &e.targets).map(|held| held.target.0).collect();
    assert_eq!(listed, [1, 1, 2, 2], "both people, each time");
    assert_eq!(&*seen[0].targets[0].confirmed[0].consumer, "payroll-worker");
    assert_eq!(&*seen[0].targets[0].confirmed[0].how, "seen in its sign-ins");
    assert!(seen[3].targets[0].confirmed.is_empty(), "its hold was timed");
    for (held, at) in seen.iter().flat_map(|e| &e.targets).zip([opened[0], opened[0], opened[1], opened[1]]) {
        assert_eq!(held.sign_ins.as_ref(), Some(&told(&lines, held.target, at)));
    }
    let (ours, theirs, said) = both(&disk, &home.log(), &home.vkey().unwrap());
    assert_eq!((ours, theirs), (3, 3), "{said}");
}

/// What the last reading of the sign-in log before this line said of a target.
fn told(lines: &[Line], target: TargetId, before: usize) -> SignIns {
    let of = |l: &Line| match &l.event {
        Event::SignInsRead(e) if l.target == Some(target) => Some(e.sign_ins.clone()),
        _ => None,
    };
    lines[..before].iter().rev().find_map(of).unwrap()
}

/// The drill's attackers sign in with what leaked until it is taken away; the consumers for as long as
/// they have not read their store again.
#[test]
fn people_see_who_still_signs_in_with_the_old_credential() {
    let (_, env, home) = rehearsed();
    let (lines, _) = lines_of(&env, &home);
    for (n, at) in releases(&lines).into_iter().enumerate() {
        let target = TargetId(u32::try_from(n).unwrap() + 1);
        let SignIns::Read(Uses { from, own, sources, times, unnamed, .. }) = told(&lines, target, at) else {
            panic!("it was not read")
        };
        let published = |l: &&Line| {
            l.target == Some(target)
                && matches!(&l.event, Event::StepDone(e) if matches!(e.effect, Effect::Published { .. }))
        };
        assert_eq!(Some(from), lines.iter().find(published).map(|l| l.time));
        assert!(times > 0 && own <= 1 && unnamed == 0, "{times} {own} {unnamed}");
        assert!(sources.iter().all(|s| s.from.is_some() && s.resource.is_some() && s.last >= from));
        let seen = home.objects().get(&approvals(&lines)[2 * n].1.evidence.unwrap(), 1 << 20).unwrap();
        let shown = Evidence::from_bytes(&seen).unwrap().to_string();
        assert!(shown.contains("with the old credential since publish"), "{shown}");
    }
}

/// What is done to the lines of a log, and what both judges say.
type Row = (&'static str, fn(&mut Vec<Line>), [&'static str; 2]);

const ENOUGH: [&str; 2] =
    ["t2 is released without enough approvals", "target t2 is released without enough approvals"];

const ENOUGH_OF_FIRST: [&str; 2] =
    ["t1 is released without enough approvals", "target t1 is released without enough approvals"];

const ROWS: [Row; 8] = [
    ("a target is released with approvals of an earlier moment", |l| earlier_approvals(l), ENOUGH),
    (
        "a target is released of which nobody saw anything",
        |l| one_more_target(l),
        [
            "t2 is released before its hold has anything to show",
            "target t2 is released without enough approvals",
        ],
    ),
    (
        "a target is retired that no release lists",
        |l| no_target(l),
        [
            "retire of t2 began while the retire phase was not open",
            "retire of target t2 began before anybody had approved the retire phase",
        ],
    ),
    (
        "an approval is said to be of another moment",
        |l| other_moment(l),
        ["something else than what was signed", "something else than the statement that was signed"],
    ),
    ("what the sign-in log said is left out", |l| drop(l.remove(reading(l))), ENOUGH_OF_FIRST),
    ("what the sign-in log said is another thing", |l| say_nobody(l), ENOUGH_OF_FIRST),
    (
        "somebody signs in after the release",
        late_sign_in,
        [
            "retire of t2 began while the retire phase was not open",
            "retire of target t2 began before anybody had approved the retire phase",
        ],
    ),
    (
        "somebody confirms after the release",
        late_word,
        [
            "retire of t2 began while the retire phase was not open",
            "retire of target t2 began before anybody had approved the retire phase",
        ],
    ),
];

fn earlier_approvals(lines: &mut [Line]) {
    let opened = releases(lines);
    let (first, until) =
        (release(&mut lines[opened[0]]).approvals.clone(), release(&mut lines[opened[0]]).expires);
    let second = release(&mut lines[opened[1]]);
    (second.approvals, second.expires) = (first, until);
}

fn one_more_target(lines: &mut [Line]) {
    let opened = releases(lines);
    release(&mut lines[opened[0]]).targets.push(TargetId(2));
}

fn no_target(lines: &mut [Line]) {
    let opened = releases(lines);
    release(&mut lines[opened[1]]).targets.clear();
}

fn other_moment(lines: &mut [Line]) {
    let said = approvals(lines);
    let Event::ApprovalRecorded(last) = &mut lines[said[3].0].event else { panic!("an approval") };
    last.evidence = said[0].1.evidence;
}

/// Where the first target's reading of the sign-in log stands.
fn reading(lines: &[Line]) -> usize {
    lines.iter().position(|l| matches!(l.event, Event::SignInsRead(_))).unwrap()
}

/// As if nobody had used the old credential any more.
fn say_nobody(lines: &mut [Line]) {
    let at = reading(lines);
    let Event::SignInsRead(SignInsRead { sign_ins: SignIns::Read(uses) }) = &mut lines[at].event else {
        panic!("it was read")
    };
    (uses.times, uses.own, uses.more) = (0, 0, 0);
    uses.sources.clear();
}

fn late_sign_in(lines: &mut Vec<Line>) {
    let at = releases(lines)[1];
    let sign_ins = SignIns::NotRead { at: lines[at].time, why: Unread::Line };
    let event = SignInsRead { sign_ins }.into();
    let told = Line { event, target: Some(TargetId(2)), ..lines[at].clone() };
    lines.insert(at + 1, told);
}

fn late_word(lines: &mut Vec<Line>) {
    let at = releases(lines)[1];
    let (by, how) = (Text::lossy("kim"), Text::lossy("it still uses the old one"));
    let event = ConsumerConfirmed { by, consumer: Text::lossy("archive-worker"), how, unlisted: true }.into();
    let word = Line { event, target: Some(TargetId(2)), ..lines[at].clone() };
    lines.insert(at + 1, word);
}

#[test]
fn both_judges_find_a_release_that_nobody_gave() {
    let (disk, env, home) = rehearsed();
    let (lines, sizes) = lines_of(&env, &home);
    let key = home.vkey().unwrap();
    for (name, tamper, words) in ROWS {
        let mut changed = lines.clone();
        tamper(&mut changed);
        forge(&env, &home, &changed, &sizes);
        let (ours, theirs, said) = both(&disk, &home.log(), &key);
        assert_eq!((ours, theirs), (1, 1), "{name}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{name}: {said}");
    }
    forge(&env, &home, &lines, &sizes);
    let (ours, theirs, said) = both(&disk, &home.log(), &key);
    assert_eq!((ours, theirs), (3, 3), "forging itself changes nothing: {said}");
}

/// What the verifier in the bundle says of a log from which no bundle can be made any more.
fn judged_in_python(disk: &MemoryDisk, home: &Home, key: &str) -> String {
    let (there, log) = (tempfile::tempdir().unwrap(), home.log());
    let [events, vkey] = [log.events(), log.vkey()];
    let inside = [log.checkpoints(), log.objects()]
        .into_iter()
        .flat_map(|folder| disk.list(&folder).unwrap().into_iter().map(move |name| folder.join(name)));
    for file in inside.chain([events.clone(), vkey]) {
        let to = there.path().join(file.strip_prefix(events.parent().unwrap()).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, disk.read(&file, 1 << 20).unwrap()).unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let ran = Command::new("python3").args([script, there.path().to_str().unwrap(), key]).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn both_judges_need_the_evidence_that_was_signed_for() {
    let (disk, env, home) = rehearsed();
    let (lines, _) = lines_of(&env, &home);
    let path = home.objects().path(&approvals(&lines)[0].1.evidence.unwrap());
    let (bytes, key) = (disk.read(&path, 1 << 20).unwrap(), home.vkey().unwrap());
    let text = String::from_utf8(bytes).unwrap();
    let changed = text.replace("seen in its sign-ins", "seen in its sign-ons");
    assert_ne!(text, changed);
    disk.write_atomic(&path, changed.as_bytes()).unwrap();
    let (ours, theirs, said) = both(&disk, &home.log(), &key);
    assert_eq!((ours, theirs), (1, 1), "{said}");
    assert!(said.contains("t1 is released without enough approvals"), "{said}");
    disk.remove(&path).unwrap();
    let trust = Trust { key: key.clone(), roster: None, anchors: vec![], keepers: Default::default() };
    let report = verify(&env.disk, &home.log(), &trust).unwrap();
    let said: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|f| f.contains("target t1 is released without enough approvals")), "{said:#?}");
    let theirs = judged_in_python(&disk, &home, &key.to_string());
    assert!(theirs.contains("t1 is released without enough approvals"), "{theirs}");
    disk.write_atomic(&path, text.as_bytes()).unwrap();
    let (ours, theirs, said) = both(&disk, &home.log(), &key);
    assert_eq!((ours, theirs), (3, 3), "{said}");
}

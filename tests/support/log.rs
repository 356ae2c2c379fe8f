//! A small log, written by the real journal: a plan that switches one application off, approved by
//! two people, carried out, finished. Each test changes the story, or the files afterwards.

#[path = "plan.rs"]
mod plan;

use super::approvals::{ORIGIN, TENANT, at, noon, roster, roster_yaml, signed};
pub use plan::*;
use reissue::domain::approval::{Seats, SignedApproval, Statement};
use reissue::domain::event::*;
use reissue::domain::id::{Digest, RunId, TargetId};
use reissue::domain::step::{Effect, Phase, Proof};
use reissue::domain::text::Text;
use reissue::domain::time::Timestamp;
use reissue::env::{Clock, Disk, Env, MemoryDisk};
use reissue::trail::verify::{Anchor, Report, Trust, verify};
use reissue::trail::{Checkpoint, Entry, Folder, Journal, LogKey, Opening, Settings};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub const FOLDER: &str = "log";
const KEY: &str = "log.key";

pub fn run() -> RunId {
    RunId::new(1, [3; 10])
}

/// Who approves, and how the statement differs from the ordinary one.
pub type Approving = (usize, fn(&mut Statement));

/// What the writer does, where it can differ.
pub struct Story {
    pub run: RunId,
    /// Name of the application, and who runs the run.
    pub about: &'static str,
    pub operator: &'static str,
    pub approvals: Vec<Approving>,
    /// The seats that the plan asks for.
    pub roles: Seats,
    /// From the last approval to the opening of the phase, and from there to the work.
    pub opens_after: Duration,
    pub works_after: Duration,
    pub opens_phase: bool,
    /// The switch is begun before anybody is asked.
    pub hasty: bool,
    /// Stops after the intent of the switch.
    pub dies: bool,
    pub finishes: bool,
    pub closes: bool,
    /// The roster's file.
    pub roster: String,
    /// Another signature in the place of the approval with this number.
    pub by_card: Option<ByCard>,
}

pub type ByCard = Box<dyn Fn(usize, SignedApproval) -> SignedApproval>;

impl Default for Story {
    fn default() -> Self {
        Self {
            run: run(),
            about: "old-importer",
            operator: "op",
            approvals: vec![(1, |_| ()), (2, |_| ())],
            roles: Seats::default(),
            opens_after: Duration::ZERO,
            works_after: Duration::ZERO,
            opens_phase: true,
            hasty: false,
            dies: false,
            finishes: true,
            closes: true,
            roster: roster_yaml(&[]),
            by_card: None,
        }
    }
}

pub fn opening(roster: Digest) -> Opening {
    Opening {
        command: Text::lossy("apply"),
        environment: Environment::Production,
        install: Text::lossy("i"),
        process: Text::lossy("boot:1:1"),
        roster,
        tenant: TENANT.parse().unwrap(),
        version: Text::lossy("0.1.0"),
    }
}

/// A log on a disk, and the key it was signed with.
pub struct Log<D = MemoryDisk> {
    pub disk: D,
    pub folder: Folder,
}

impl<D: Disk + Clone + 'static> Log<D> {
    pub fn on(disk: D, folder: &Path) -> Self {
        Self { disk, folder: Folder::new(folder) }
    }
    pub fn key(&self) -> LogKey {
        let path = self.folder.root().with_file_name(KEY);
        let random = reissue::env::Random::from_seed(7);
        LogKey::load(&self.disk, &path)
            .unwrap_or_else(|_| LogKey::create(&self.disk, &path, &random, ORIGIN).unwrap())
    }
    pub fn settings(&self) -> Settings {
        let env = Env::simulated(Clock::starting_at(noon()), 7);
        let env = Env { disk: Arc::new(self.disk.clone()), ..env };
        Settings { env, folder: self.folder.clone(), key: self.key() }
    }
    pub fn trust(&self, anchors: Vec<Anchor>) -> Trust {
        Trust {
            key: self.key().public().clone(),
            roster: Some(roster().digest()),
            anchors,
            keepers: Default::default(),
        }
    }
    pub fn judge(&self, anchors: Vec<Anchor>) -> Report {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        verify(&disk, &self.folder, &self.trust(anchors)).unwrap()
    }
    /// The newest checkpoint, as somebody keeps it elsewhere.
    pub fn anchor(&self) -> Anchor {
        let note = self.disk.read(&self.folder.checkpoint(), 10_000).unwrap();
        Anchor::from_checkpoint("safe", &note, self.key().public(), None).unwrap()
    }

    /// Begins a log and writes the story into it.
    pub async fn write(&self, story: &Story) {
        let roster = Digest::of(story.roster.as_bytes());
        let journal = Journal::create(self.settings(), &opening(roster)).unwrap();
        journal.objects().put(story.roster.as_bytes()).unwrap();
        journal.objects().put(&plan_with(story.about, &story.roles)).unwrap();
        tell(&journal, story).await;
        if story.closes {
            journal.close().await.unwrap();
        }
    }
    pub fn reopen(&self) -> Journal {
        Journal::open(self.settings(), &opening(roster().digest()), &mut |_| {}).unwrap().0
    }

    pub fn lines(&self) -> Vec<Line> {
        let bytes = self.disk.read(&self.folder.events(), 1 << 20).unwrap();
        let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        lines.map(|l| Line::from_bytes(l).unwrap()).collect()
    }
    pub fn text(&self) -> String {
        String::from_utf8(self.disk.read(&self.folder.events(), 1 << 20).unwrap()).unwrap()
    }
    pub fn set_text(&self, text: impl AsRef<[u8]>) {
        self.disk.write_atomic(&self.folder.events(), text.as_ref()).unwrap();
    }
    /// Writes these lines, numbered and chained anew: as by somebody who knows the format.
    pub fn rechain(&self, lines: Vec<Line>) {
        let (mut prev, mut out) = ([0; 32], Vec::new());
        for (seq, mut line) in (0..).zip(lines) {
            (line.seq, line.prev) = (seq, prev);
            let bytes = line.to_bytes().unwrap();
            prev = reissue::domain::merkle::leaf(&bytes);
            out.extend(bytes);
            out.push(b'\n');
        }
        self.set_text(out);
    }
    /// Signs all checkpoints anew that still have their lines: as by the holder of `key`.
    pub fn resign(&self, key: &LogKey) {
        let leaves: Vec<_> =
            self.lines().iter().map(|l| reissue::domain::merkle::leaf(&l.to_bytes().unwrap())).collect();
        let mut newest = None;
        for size in self.checkpoint_sizes() {
            let path = self.folder.checkpoints().join(Checkpoint::file_name(size));
            self.disk.remove(&path).unwrap();
            let Some(leaves) = leaves.get(..usize::try_from(size).unwrap()) else { continue };
            let root = reissue::domain::merkle::root(leaves);
            let head = Checkpoint { origin: key.origin().into(), size, root };
            self.disk.write_atomic(&path, head.sign(key).as_bytes()).unwrap();
            newest = Some(head);
        }
        let newest = newest.unwrap().sign(key);
        self.disk.write_atomic(&self.folder.checkpoint(), newest.as_bytes()).unwrap();
    }
    pub fn checkpoint_sizes(&self) -> Vec<u64> {
        let names = self.disk.list(&self.folder.checkpoints()).unwrap();
        names.iter().filter_map(|n| Checkpoint::size_of_name(n)).collect()
    }
    pub fn remove_checkpoint(&self, size: u64) {
        self.disk.remove(&self.folder.checkpoints().join(Checkpoint::file_name(size))).unwrap();
    }
    pub fn object_path(&self, digest: &Digest) -> std::path::PathBuf {
        self.folder.objects().join(format!("sha256-{}", digest.hex()))
    }
}

async fn add((journal, run): Writer<'_>, event: impl Into<Event>) -> Arc<Line> {
    journal.append_one(Entry::of_run(run, event)).await.unwrap().line
}

async fn step((journal, run): Writer<'_>, event: impl Into<Event>) {
    journal.append_one(Entry::of_target(run, TargetId(1), event)).await.unwrap();
}

/// A journal, and the run that it writes about.
type Writer<'a> = (&'a Journal, &'a RunId);

async fn intent(to: Writer<'_>, step_no: u16) {
    step(to, StepIntent { attempt: 1, request: Text::lossy("r"), step: step_no, undo: false }).await;
}

async fn done(to: Writer<'_>, step_no: u16, effect: Effect) {
    step(to, StepDone { attempt: 1, effect, step: step_no, undo: false }).await;
}

/// The approvals of the story, whose signers see the log as it is now.
pub fn sign_all(journal: &Journal, story: &Story) -> Vec<SignedApproval> {
    let (mut facts, head) = (facts_of(&plan_with(story.about, &story.roles)), journal.head());
    facts.roster = Digest::of(story.roster.as_bytes());
    let one = |(i, (person, change)): (usize, &Approving)| {
        let signed = signed(&facts, *person, u8::try_from(i).unwrap(), |s| {
            (s.log_head.size, s.log_head.root) = (head.size, Digest(head.root));
            change(s);
        });
        match &story.by_card {
            Some(card) => card(i, signed),
            None => signed,
        }
    };
    story.approvals.iter().enumerate().map(one).collect()
}

async fn approve(journal: &Journal, story: &Story) {
    let mut expires: Option<Timestamp> = None;
    let mut approvals = Vec::new();
    for approval in sign_all(journal, story) {
        let statement = Statement::from_bytes(&approval.statement_bytes).unwrap();
        let digest = journal.objects().put(&approval.statement_bytes).unwrap();
        let signature = journal.objects().put(approval.armored.as_bytes()).unwrap();
        let event = ApprovalRecorded {
            break_glass: statement.break_glass,
            approver: statement.approver,
            decision: statement.decision,
            evidence: statement.evidence,
            expires: statement.expires,
            phase: statement.phase,
            plan: statement.plan,
            signature,
            statement: digest,
        };
        add((journal, &story.run), event).await;
        journal.checkpoint_now().await.unwrap();
        approvals.push(digest);
        expires = Some(expires.map_or(statement.expires, |e| e.min(statement.expires)));
    }
    tokio::time::sleep(story.opens_after).await;
    if story.opens_phase {
        let expires = expires.unwrap_or_else(|| at("2026-11-24T11:00:00Z"));
        add((journal, &story.run), PhaseOpened { approvals, expires, phase: Phase::Start, targets: vec![] })
            .await;
    }
    tokio::time::sleep(story.works_after).await;
}

/// Tells the story to the journal, as the engine would, or would not.
pub async fn tell(journal: &Journal, story: &Story) {
    let started = RunStarted {
        haste: None,
        identity: Text::lossy("o"),
        operator: Text::lossy(story.operator),
        pace: None,
        plan: Digest::of(&plan_with(story.about, &story.roles)),
        playbook: Digest::of(b"playbook"),
        quotas: Vec::new(),
        targets: 1,
    };
    let to = (journal, &story.run);
    add(to, started).await;
    add(to, LaneTaken { epoch: 1 }).await;
    if !story.hasty {
        approve(journal, story).await;
    }
    step(to, TargetStarted { kind: Text::lossy("app-disable"), name: Text::lossy("n"), steps: 4 }).await;
    intent(to, 1).await;
    done(to, 1, Effect::Snapshotted { was_enabled: true }).await;
    intent(to, 2).await;
    if story.dies {
        return;
    }
    if story.hasty {
        approve(journal, story).await;
    }
    done(to, 2, Effect::Switched { was_enabled: true }).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    intent(to, 3).await;
    done(to, 3, Effect::Watched { times: 3 }).await;
    intent(to, 4).await;
    let (horizon, proof) = (at("2026-11-23T13:00:00Z"), Proof::SwitchedOff);
    done(to, 4, Effect::Proved { credential: None, horizon, proof, times: 3 }).await;
    step(to, TargetEnded { ending: Ending::Done }).await;
    if story.finishes {
        add(to, finished()).await;
    }
    journal.checkpoint_now().await.unwrap();
}

#[rustfmt::skip]
pub fn finished() -> RunFinished {
    RunFinished { partial: 0, checkpoints: 0, done: 1, events: 0, excepted: 0, steps: 4, stuck: 0, undone: 0, unresolved: 0 }
}

/// A log in memory with this story in it.
pub async fn written(story: &Story) -> Log {
    let log = Log::on(MemoryDisk::default(), Path::new(FOLDER));
    log.write(story).await;
    log
}

pub fn explain(report: &Report) -> String {
    report.findings.iter().map(|f| format!("  [{:?}] {f}\n", f.check)).collect()
}

/// The file of the first object that `pick` finds in an event.
pub fn object_of<D: Disk + Clone + 'static>(
    log: &Log<D>,
    pick: impl Fn(&Event) -> Option<Digest>,
) -> std::path::PathBuf {
    log.object_path(&log.lines().iter().find_map(|l| pick(&l.event)).unwrap())
}

pub fn plan_of(event: &Event) -> Option<Digest> {
    match event {
        Event::RunStarted(e) => Some(e.plan),
        _ => None,
    }
}

pub fn statement_of(event: &Event) -> Option<Digest> {
    match event {
        Event::ApprovalRecorded(e) => Some(e.statement),
        _ => None,
    }
}

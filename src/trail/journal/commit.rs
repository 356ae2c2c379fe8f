//! Writing: numbering and chaining the lines of a group, one append, one sync, then the answers,
//! and a checkpoint once a second.

use super::super::chain::Chain;
use super::super::lines::LINE_BYTES_MAX;
use super::super::note::NOTE_BYTES_MAX;
use super::super::verify::objects_of;
use super::super::{Checkpoint, Folder, LogKey, Objects};
use super::ship::Shipping;
use super::{Appended, Entry, JournalError, lock};
use crate::bent::{self, Bend};
use crate::domain::event::{Event, Line, LogClosed};
use crate::domain::id::{Digest, RunId};
use crate::domain::text::Text;
use crate::env::disk::Appender;
use crate::env::{Clock, Disk, DiskError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Space that is set aside at a time, and what must be left of it for a new intent: the outcomes of
/// everything under way fit there even when the disk is full.
const RESERVE_BYTES: u64 = 4 << 20;
const RESERVE_LEFT_MIN: u64 = 1 << 20;
/// Checkpoints that nobody asked for are at least this far apart.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// Who is told of each checkpoint, if somebody is.
pub(super) type Listener = Arc<Mutex<Option<mpsc::UnboundedSender<Checkpoint>>>>;
pub(super) type Subscribers = Arc<Mutex<Vec<mpsc::UnboundedSender<Arc<Line>>>>>;
pub(super) type Answer = Result<Vec<Appended>, JournalError>;
pub(super) type Reply = oneshot::Sender<Answer>;

/// Entries in the queue, and who waits for them.
pub(super) struct Waiting {
    pub(super) entries: Vec<Entry>,
    pub(super) reply: Reply,
}

/// What the journal knows of one run: enough for `run.finished`, and to refuse what comes after.
#[derive(Clone, Copy, Debug, Default)]
struct RunTally {
    events: u64,
    finished: bool,
}

/// Runs seen in the log. Grows with the number of runs, not of lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(BTreeMap<RunId, RunTally>);

impl Runs {
    pub(super) fn count(&mut self, line: &Line) {
        if let Some(run) = &line.run {
            let tally = self.0.entry(run.clone()).or_default();
            tally.events += 1;
            tally.finished |= matches!(line.event, Event::RunFinished(_));
        }
    }
    fn tally(&self, run: &RunId) -> RunTally {
        self.0.get(run).copied().unwrap_or_default()
    }
}

/// The file and all that is known about it. One task at a time works with it.
pub(super) struct Writer {
    appender: Box<dyn Appender>,
    chain: Chain,
    /// How many checkpoints there are, and the size of the newest.
    checkpoints: u64,
    checkpointed: u64,
    clock: Clock,
    pub(super) disk: Arc<dyn Disk>,
    /// Why nothing more is written.
    pub(super) end: Option<JournalError>,
    pub(super) folder: Folder,
    head: Arc<Mutex<Checkpoint>>,
    heads: Listener,
    key: LogKey,
    /// Why no new intent is taken, if so; outcomes still are.
    full: Option<Text<256>>,
    last_checkpoint: Option<Duration>,
    /// Bytes that can be appended even when the disk is full.
    reserved: u64,
    /// The mirror, if there is one.
    pub(super) shipping: Option<Shipping>,
    runs: Runs,
    subscribers: Subscribers,
}

/// Lines of one group, numbered, chained and not yet written.
struct Prepared {
    bytes: Vec<u8>,
    chain: Chain,
    /// What the lines refer to.
    objects: Vec<Digest>,
    runs: Runs,
}

impl Writer {
    pub(super) fn new(
        settings: super::Settings,
        appender: Box<dyn Appender>,
        chain: Chain,
        runs: Runs,
        (checkpoints, checkpointed): (u64, u64),
    ) -> Self {
        let super::Settings { env, folder, key } = settings;
        let head = Arc::new(Mutex::new(Checkpoint::of(key.origin(), chain.tree())));
        Self {
            appender,
            chain,
            checkpoints,
            checkpointed,
            clock: env.clock,
            disk: env.disk,
            end: None,
            folder,
            head,
            heads: Listener::default(),
            key,
            full: None,
            last_checkpoint: None,
            reserved: 0,
            shipping: None,
            runs,
            subscribers: Subscribers::default(),
        }
    }

    pub(super) fn head(&self) -> Arc<Mutex<Checkpoint>> {
        self.head.clone()
    }
    pub(super) fn heads(&self) -> Listener {
        self.heads.clone()
    }
    pub(super) fn subscribers(&self) -> Subscribers {
        self.subscribers.clone()
    }
    pub(super) fn objects(&self) -> Objects {
        Objects::new(self.disk.clone(), &self.folder)
    }

    /// Writes a group and answers everybody in it.
    pub(super) fn commit(&mut self, group: Vec<Waiting>) {
        let (mut replies, mut answers) = (Vec::new(), Vec::new());
        let mut prepared = self.prepare();
        self.reserve();
        for Waiting { entries, reply } in group {
            // Who has gone away before the write began does not want it any more.
            if reply.is_closed() {
                continue;
            }
            replies.push(reply);
            answers.push(self.add(&mut prepared, entries));
        }
        if let Err(e) = self.write(prepared) {
            answers = replies.iter().map(|_| Err(e.clone())).collect();
        }
        self.publish(answers.iter().flatten().flatten());
        let answered = replies.into_iter().zip(answers);
        match &mut self.shipping {
            Some(shipping) => shipping.waiting.extend(answered),
            // Whoever went away meanwhile finds the lines in the log.
            None => answered.for_each(|(reply, answer)| drop(reply.send(answer))),
        }
        self.checkpoint_if_due();
    }

    /// Keeps space for outcomes ahead of the intents that will need it.
    fn reserve(&mut self) {
        if self.reserved >= RESERVE_LEFT_MIN || self.end.is_some() {
            return;
        }
        match self.appender.reserve(RESERVE_BYTES) {
            Ok(()) => self.reserved = RESERVE_BYTES,
            Err(e) => self.full = Some(Text::lossy(&e.to_string())),
        }
    }

    pub(super) fn make_room(&mut self) -> Result<(), JournalError> {
        self.usable()?;
        self.reserve();
        self.full.as_ref().map_or(Ok(()), |why| Err(JournalError::Full(why.clone())))
    }

    fn publish<'a>(&self, appended: impl Iterator<Item = &'a Appended>) {
        let mut subscribers = lock(&self.subscribers);
        for one in appended {
            subscribers.retain(|s| s.send(one.line.clone()).is_ok());
        }
    }

    fn prepare(&self) -> Prepared {
        let (chain, runs) = (self.chain.clone(), self.runs.clone());
        Prepared { bytes: Vec::new(), chain, objects: Vec::new(), runs }
    }

    /// Adds one request's entries to the group, or none of them.
    fn add(&self, to: &mut Prepared, entries: Vec<Entry>) -> Result<Vec<Appended>, JournalError> {
        self.usable()?;
        let announces = entries.iter().any(|e| matches!(e.event, Event::StepIntent(_)));
        if let (true, Some(why)) = (announces, &self.full) {
            return Err(JournalError::Full(why.clone()));
        }
        let (mut chain, mut runs, mut bytes) = (to.chain.clone(), to.runs.clone(), Vec::new());
        let mut appended = Vec::with_capacity(entries.len());
        for entry in entries {
            let line = self.line(&chain, &runs, entry)?;
            let one = line.to_bytes().map_err(|e| JournalError::entry(&e))?;
            if one.len() > LINE_BYTES_MAX {
                return Err(JournalError::entry(&format!("its line has {} bytes", one.len())));
            }
            runs.count(&line);
            to.objects.extend(objects_of(&line.event));
            let leaf = chain.push(&one, line.time);
            bytes.extend_from_slice(&one);
            bytes.push(b'\n');
            appended.push(Appended { leaf, seq: line.seq, time: line.time, line: Arc::new(line) });
        }
        to.bytes.append(&mut bytes);
        (to.chain, to.runs) = (chain, runs);
        Ok(appended)
    }

    /// The next line. Its time never goes back, whatever the clock does.
    fn line(&self, chain: &Chain, runs: &Runs, entry: Entry) -> Result<Line, JournalError> {
        let Entry { mut event, run, target, before } = entry;
        if let Some(run) = &run {
            let tally = runs.tally(run);
            if tally.finished {
                return Err(JournalError::Finished(run.clone()));
            }
            if let Event::RunFinished(finished) = &mut event {
                finished.checkpoints = self.checkpoints;
                finished.events = tally.events;
            }
        }
        let time = self.clock.now().max(chain.time());
        if let Some(end) = before.filter(|end| *end <= time) {
            return Err(JournalError::TooLate(end));
        }
        Ok(Line { event, prev: chain.prev(), run, seq: chain.size(), target, time })
    }

    fn usable(&self) -> Result<(), JournalError> {
        self.end.clone().map_or(Ok(()), Err)
    }

    /// One append, one sync. After an error nobody knows what is on the disk: the end.
    fn write(&mut self, prepared: Prepared) -> Result<(), JournalError> {
        let Prepared { bytes, chain, objects, runs } = prepared;
        if bytes.is_empty() {
            return Ok(());
        }
        let lazy = bent::is(Bend::IntentNotSynced) && bytes.windows(11).any(|w| w == b"step.intent");
        let sync = |appender: &mut dyn Appender| if lazy { Ok(()) } else { appender.sync() };
        let written = self.appender.append(&bytes).and_then(|()| sync(self.appender.as_mut()));
        written.map_err(|e| self.break_off(&e))?;
        self.reserved = self.reserved.saturating_sub(bytes.len() as u64);
        (self.chain, self.runs) = (chain, runs);
        let kept = self.objects();
        if let Some(shipping) = &mut self.shipping {
            let loaded = shipping.load(&kept, &objects, bytes);
            loaded.inspect_err(|e| self.end = Some(e.clone()))?;
        }
        *lock(&self.head) = Checkpoint::of(self.key.origin(), self.chain.tree());
        Ok(())
    }

    fn break_off(&mut self, e: &DiskError) -> JournalError {
        let broken = JournalError::Broken(Text::lossy(&e.to_string()));
        self.end = Some(broken.clone());
        broken
    }

    /// Writes entries of the journal's own, outside any group.
    pub(super) fn record(&mut self, entries: Vec<Entry>) -> Result<Vec<Appended>, JournalError> {
        let mut prepared = self.prepare();
        let appended = self.add(&mut prepared, entries)?;
        self.write(prepared)?;
        self.publish(appended.iter());
        Ok(appended)
    }

    fn checkpoint_if_due(&mut self) {
        let due = self.last_checkpoint.is_none_or(|last| self.clock.elapsed() - last >= CHECKPOINT_EVERY);
        if due && self.end.is_none() {
            // The lines are durable and answered for. Nothing new is begun after a failure here,
            // but outcomes are still taken.
            if let Err(e) = self.sign() {
                self.full = Some(Text::lossy(&e.to_string()));
            }
        }
    }

    /// Signs the head, unless it is signed already. Failing ends the journal: whoever asks for a
    /// checkpoint relies on it.
    pub(super) fn checkpoint_now(&mut self) -> Result<Checkpoint, JournalError> {
        if !matches!(self.end, Some(JournalError::Closed)) {
            self.usable()?;
        }
        self.sign().map_err(|e| self.break_off(&e))
    }

    /// First the file named by its size, then `checkpoint`: so the newest is never one that is not
    /// kept.
    fn sign(&mut self) -> Result<Checkpoint, DiskError> {
        let head = Checkpoint::of(self.key.origin(), self.chain.tree());
        if head.size == self.checkpointed {
            return Ok(head);
        }
        let note = head.sign(&self.key);
        let named = self.folder.checkpoints().join(Checkpoint::file_name(head.size));
        self.disk.write_atomic(&named, note.as_bytes())?;
        if let Some(shipping) = &mut self.shipping {
            shipping.checkpoint(head.size, note.as_bytes());
        }
        // It is kept, whatever becomes of the copy.
        self.checkpoints += 1;
        self.checkpointed = head.size;
        self.last_checkpoint = Some(self.clock.elapsed());
        if let Some(listener) = &*lock(&self.heads) {
            let _ = listener.send(head.clone());
        }
        self.disk.write_atomic(&self.folder.checkpoint(), note.as_bytes())?;
        Ok(head)
    }

    /// Adds a signature line to a checkpoint that is kept, and to the copy of the newest.
    pub(super) fn countersign(&mut self, size: u64, line: &str) -> Result<(), JournalError> {
        let named = self.folder.checkpoints().join(Checkpoint::file_name(size));
        let mut note = self.disk.read(&named, NOTE_BYTES_MAX)?;
        let at = note.len() as u64;
        note.extend_from_slice(line.as_bytes());
        self.disk.write_atomic(&named, &note)?;
        if let Some(shipping) = &mut self.shipping {
            shipping.line(size, at, line);
        }
        if size == self.checkpointed {
            self.disk.write_atomic(&self.folder.checkpoint(), &note)?;
        }
        Ok(())
    }

    pub(super) fn close(&mut self) -> Result<Checkpoint, JournalError> {
        let events = self.chain.size();
        self.record(vec![Entry::of_log(LogClosed { events })])?;
        self.end = Some(JournalError::Closed);
        self.checkpoint_now()
    }
}

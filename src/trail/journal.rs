//! The one writer of the log.
//!
//! An append returns when its lines are on stable storage, and not before: an effect outside may
//! then follow. Appends that come together share one sync (group commit): each puts its lines in
//! the queue, whoever gets the file writes the whole queue. Any error while writing ends the
//! journal for good: what cannot be recorded must not be done. With a mirror, "durable" means there too
//! ([`Journal::mirror_to`]).
//!
//! An append that is cancelled is written completely or not at all; nobody is told which. Once the
//! write has begun it goes on without the caller, so that the others in its group get an answer.

mod commit;
mod error;
mod recover;
mod ship;

pub use error::{Holder, JournalError};
pub use recover::Recovered;

use super::countersign::CounterKey;
use super::objects::Objects;
use super::{Checkpoint, Folder, LogKey, Mirror};
use crate::domain::event::{Environment, Event, Line, LogCountersigned, LogMirrored, LogOpened};
use crate::domain::id::{Digest, RunId, TargetId, TenantId};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Env;
use commit::{Listener, Subscribers, Waiting, Writer};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// What a journal works with.
pub struct Settings {
    pub env: Env,
    pub folder: Folder,
    pub key: LogKey,
}

/// Who opens the log, and for what: the content of `log.opened`.
#[derive(Clone, Debug)]
pub struct Opening {
    /// `init`, `apply`, …
    pub command: Text<32>,
    pub environment: Environment,
    pub install: Text<64>,
    pub process: Text<96>,
    /// Digest of the roster; it is pinned when the log is begun.
    pub roster: Digest,
    pub tenant: TenantId,
    pub version: Text<32>,
}

impl Opening {
    fn event(&self, key: &LogKey) -> Result<Event, JournalError> {
        let Self { command, environment, install, process, roster, tenant, version } = self.clone();
        let vkey = Text::new(key.public().to_string()).map_err(|e| JournalError::entry(&e))?;
        Ok(LogOpened { command, environment, install, process, roster, tenant, version, vkey }.into())
    }
}

/// An event to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub event: Event,
    pub run: Option<RunId>,
    pub target: Option<TargetId>,
    /// Not recorded from this moment on: what allows it has ended by then. A disk or a mirror may be
    /// slow, so this is asked where the line gets its time.
    pub before: Option<Timestamp>,
}

impl Entry {
    /// An event of the log itself.
    pub fn of_log(event: impl Into<Event>) -> Self {
        Self { event: event.into(), run: None, target: None, before: None }
    }
    pub fn of_run(run: &RunId, event: impl Into<Event>) -> Self {
        Self { event: event.into(), run: Some(run.clone()), target: None, before: None }
    }
    pub fn of_target(run: &RunId, target: TargetId, event: impl Into<Event>) -> Self {
        Self { event: event.into(), run: Some(run.clone()), target: Some(target), before: None }
    }
    #[must_use]
    pub fn before(self, at: Option<Timestamp>) -> Self {
        Self { before: at, ..self }
    }
}

/// A line that is on stable storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    pub leaf: super::merkle::Hash,
    pub line: Arc<Line>,
    pub seq: u64,
    pub time: Timestamp,
}

/// The writer's handle. Copies share one writer; dropping the last one frees the lock, without a
/// `log.closed`, as a crash would.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    /// Whether to write on the caller's own thread: so a simulated disk stays deterministic.
    inline: bool,
    head: Arc<Mutex<Checkpoint>>,
    heads: Listener,
    objects: Objects,
    queue: Mutex<VecDeque<Waiting>>,
    subscribers: Subscribers,
    writer: Arc<tokio::sync::Mutex<Writer>>,
}

/// The writer, for whoever has it now.
type Held = tokio::sync::OwnedMutexGuard<Writer>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    /// Begins a log in a folder that has none. Its first line is `log.opened`.
    pub fn create(settings: Settings, opening: &Opening) -> Result<Self, JournalError> {
        let inline = settings.env.disk.is_simulated();
        Ok(Self::around(recover::create(settings, opening)?, inline))
    }

    /// Opens a log: takes the lock, syncs and checks what is there, shows each line to `fold`,
    /// sets a torn tail aside, and records `log.opened`.
    pub fn open(
        settings: Settings,
        opening: &Opening,
        fold: &mut dyn FnMut(&Line),
    ) -> Result<(Self, Recovered), JournalError> {
        let inline = settings.env.disk.is_simulated();
        let (writer, recovered) = recover::open(settings, opening, fold)?;
        Ok((Self::around(writer, inline), recovered))
    }

    fn around(writer: Writer, inline: bool) -> Self {
        let shared = Shared {
            inline,
            head: writer.head(),
            heads: writer.heads(),
            objects: writer.objects(),
            queue: Mutex::default(),
            subscribers: writer.subscribers(),
            writer: Arc::new(tokio::sync::Mutex::new(writer)),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Records the entries, in this order and next to each other. They are durable when this
    /// returns. `run.finished` is completed with the counts that only the journal knows.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Appended>, JournalError> {
        let (reply, mut answer) = oneshot::channel();
        lock(&self.shared.queue).push_back(Waiting { entries, reply });
        loop {
            let writer = tokio::select! {
                biased;
                done = &mut answer => return done.unwrap_or_else(|_| Err(JournalError::interrupted())),
                writer = self.shared.writer.clone().lock_owned() => writer,
            };
            if self.shared.inline {
                // Lets appends of the same instant join, as a slow disk would.
                tokio::task::yield_now().await;
            }
            let group: Vec<Waiting> = lock(&self.shared.queue).drain(..).collect();
            let (mut writer, ()) = self.with(writer, move |w| w.commit(group)).await?;
            // Whoever asked is answered when the mirror has it too. If this caller goes away
            // meanwhile, the next one to come here sends the rest.
            writer.ship().await?;
        }
    }

    /// Records one entry.
    pub async fn append_one(&self, entry: Entry) -> Result<Appended, JournalError> {
        let mut appended = self.append(vec![entry]).await?;
        appended.pop().ok_or_else(JournalError::interrupted)
    }

    /// Sets space aside for the outcomes of steps, unless it is: so that a full disk is noticed
    /// before anything is begun.
    pub async fn make_room(&self) -> Result<(), JournalError> {
        let writer = self.shared.writer.clone().lock_owned().await;
        self.with(writer, Writer::make_room).await?.1
    }

    /// Signs a checkpoint over everything that is durable now, unless there is one.
    pub async fn checkpoint_now(&self) -> Result<Checkpoint, JournalError> {
        let writer = self.shared.writer.clone().lock_owned().await;
        let (mut writer, signed) = self.with(writer, Writer::checkpoint_now).await?;
        writer.ship().await?;
        signed
    }

    /// Records `log.closed` and signs the last checkpoint. Appends after this are refused.
    pub async fn close(self) -> Result<Checkpoint, JournalError> {
        let writer = self.shared.writer.clone().lock_owned().await;
        let (mut writer, closed) = self.with(writer, Writer::close).await?;
        writer.ship().await?;
        closed
    }

    /// Brings the mirror up to the log, and keeps it there: from now on nothing is durable that the
    /// mirror does not have. A mirror that holds anything else than this log is refused.
    pub async fn mirror_to(&self, mirror: Arc<dyn Mirror>) -> Result<(), JournalError> {
        let writer = self.shared.writer.clone().lock_owned().await;
        let held = mirror.read().await?;
        let to = Text::lossy(&mirror.place());
        let (mut writer, begun) = self.with(writer, move |w| w.begin_shipping(mirror, &held)).await?;
        begun?;
        writer.ship().await?;
        drop(writer);
        self.append_one(Entry::of_log(LogMirrored { to })).await.map(drop)
    }

    /// Records that checkpoints bear a second line by `key` from here on.
    pub async fn countersigned_by(&self, key: &CounterKey) -> Result<(), JournalError> {
        let vkey = Text::new(key.to_string()).map_err(|e| JournalError::entry(&e))?;
        self.append_one(Entry::of_log(LogCountersigned { vkey })).await.map(drop)
    }

    /// Every checkpoint from now on, once it is kept; for one listener.
    pub fn checkpoints(&self) -> mpsc::UnboundedReceiver<Checkpoint> {
        let (send, receive) = mpsc::unbounded_channel();
        *lock(&self.shared.heads) = Some(send);
        receive
    }

    /// Adds somebody else's signature line to the checkpoint of this size, also when the log is closed.
    pub async fn countersign(&self, size: u64, line: String) -> Result<(), JournalError> {
        let writer = self.shared.writer.clone().lock_owned().await;
        let (mut writer, added) = self.with(writer, move |w| w.countersign(size, &line)).await?;
        added?;
        writer.ship().await
    }

    /// The head of the log: what is durable now.
    pub fn head(&self) -> Checkpoint {
        lock(&self.shared.head).clone()
    }

    pub fn objects(&self) -> &Objects {
        &self.shared.objects
    }

    /// Every line from now on, once it is durable, in order.
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<Arc<Line>> {
        let (send, receive) = mpsc::unbounded_channel();
        lock(&self.shared.subscribers).push(send);
        receive
    }

    /// Works with the writer, to the end, even if the caller goes away.
    async fn with<T: Send + 'static>(
        &self,
        mut writer: Held,
        work: impl FnOnce(&mut Writer) -> T + Send + 'static,
    ) -> Result<(Held, T), JournalError> {
        if self.shared.inline {
            let done = work(&mut writer);
            return Ok((writer, done));
        }
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&mut writer);
            (writer, done)
        });
        working.await.map_err(|_| JournalError::interrupted())
    }
}

#[cfg(test)]
mod tests;

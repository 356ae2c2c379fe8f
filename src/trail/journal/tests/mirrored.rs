//! A journal with a mirror: nothing is durable that the mirror does not have.

use super::*;
use crate::trail::mirror::{EVENTS, Files, FolderMirror, MirrorError, Piece};
use async_trait::async_trait;

/// A folder behind a slow line that can break.
struct Far {
    folder: FolderMirror,
    broken: AtomicBool,
    appends: AtomicU64,
}

#[async_trait]
impl Mirror for Far {
    fn place(&self) -> String {
        self.folder.place()
    }
    async fn read(&self) -> Result<Files, MirrorError> {
        self.folder.read().await
    }
    async fn append(&self, pieces: &[Piece]) -> Result<(), MirrorError> {
        self.appends.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        match self.broken.load(Ordering::Relaxed) {
            true => Err(MirrorError::unusable("far", &"the line is down")),
            false => self.folder.append(pieces).await,
        }
    }
    async fn extent(&self) -> Result<u64, MirrorError> {
        self.folder.extent().await
    }
}

fn far(disk: &MemoryDisk) -> Arc<Far> {
    let folder = FolderMirror::new(Arc::new(disk.clone()), "share");
    Arc::new(Far { folder, broken: AtomicBool::new(false), appends: AtomicU64::new(0) })
}

fn events(disk: &MemoryDisk, folder: &str) -> Vec<u8> {
    disk.read(&Path::new(folder).join(EVENTS), u64::MAX).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_when_the_mirror_has_it_too() {
    let (disk, share) = (MemoryDisk::default(), MemoryDisk::default());
    let journal = begin(&disk);
    let mirror = far(&share);
    journal.mirror_to(mirror.clone()).await.unwrap();
    let together: Vec<_> = (0..5).map(|n| journal.append_one(paused(n))).collect();
    let before = mirror.appends.load(Ordering::Relaxed);
    for line in futures::future::join_all(together).await {
        let mut bytes = line.unwrap().line.to_bytes().unwrap();
        bytes.push(b'\n');
        assert!(events(&share, "share").windows(bytes.len()).any(|w| w == bytes));
    }
    assert_eq!(mirror.appends.load(Ordering::Relaxed), before + 1, "one journey for the group");
    journal.close().await.unwrap();
    let held = mirror.read().await.unwrap();
    assert_eq!(held[EVENTS], events(&disk, "log"));
    let kept = disk.list(Path::new("log/checkpoints")).unwrap();
    assert_eq!(
        share.list(Path::new("share/checkpoints")).unwrap(),
        kept[..kept.len() - 1],
        "all but the copy"
    );
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_fails_ends_the_journal_and_is_caught_up() {
    let (disk, share) = (MemoryDisk::default(), MemoryDisk::default());
    let journal = begin(&disk);
    let mirror = far(&share);
    journal.mirror_to(mirror.clone()).await.unwrap();
    mirror.broken.store(true, Ordering::Relaxed);
    assert!(matches!(journal.append_one(paused(1)).await, Err(JournalError::Mirror(_))));
    mirror.broken.store(false, Ordering::Relaxed);
    assert!(matches!(journal.append_one(paused(2)).await, Err(JournalError::Mirror(_))), "for good");
    drop(journal);
    disk.crash_process();
    let journal = reopen(&disk).unwrap().0;
    journal.mirror_to(mirror.clone()).await.unwrap();
    assert_eq!(events(&share, "share"), events(&disk, "log"));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_on_the_journey_leaves_the_others_their_answer() {
    let (disk, share) = (MemoryDisk::default(), MemoryDisk::default());
    let journal = begin(&disk);
    journal.mirror_to(far(&share)).await.unwrap();
    let (first, second) = (journal.append_one(paused(1)), journal.append_one(paused(2)));
    let impatient = tokio::time::timeout(Duration::from_millis(500), first);
    let (gone, answered) = futures::join!(impatient, second);
    assert!(gone.is_err() && answered.is_ok());
    assert_eq!(events(&share, "share"), events(&disk, "log"));
}

#[tokio::test(start_paused = true)]
async fn the_mirror_of_another_log_and_one_that_went_on_are_refused() {
    let (disk, share) = (MemoryDisk::default(), MemoryDisk::default());
    let journal = begin(&disk);
    let mirror = far(&share);
    journal.mirror_to(mirror.clone()).await.unwrap();
    let at = mirror.extent().await.unwrap();
    let theirs = Piece { file: EVENTS.into(), at, bytes: b"somebody took over\n".to_vec() };
    mirror.append(&[theirs]).await.unwrap();
    let late = journal.append_one(paused(1)).await;
    assert!(matches!(late, Err(JournalError::Mirror(MirrorError::Taken { .. }))), "{late:?}");
    drop(journal);
    let again = reopen(&disk).unwrap().0.mirror_to(mirror).await;
    assert!(matches!(again, Err(JournalError::Mirror(MirrorError::Taken { .. }))), "{again:?}");
}

/// A mirror that takes its time would otherwise put an approval into the log after its own end, and
/// every verifier would call the log forged.
#[tokio::test(start_paused = true)]
async fn what_waited_for_a_slow_mirror_is_not_recorded_too_late() {
    let (disk, share) = (MemoryDisk::default(), MemoryDisk::default());
    let journal = begin(&disk);
    journal.mirror_to(far(&share)).await.unwrap();
    // Its journey takes a second.
    let now = journal.append_one(paused(0)).await.unwrap().time.after(Duration::from_secs(1));
    let soon = now.after(Duration::from_millis(500));
    let first = journal.append_one(paused(1).before(Some(soon)));
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        journal.append_one(paused(2).before(Some(soon))).await
    };
    let (first, second) = futures::join!(first, second);
    assert!(first.is_ok());
    assert!(matches!(second, Err(JournalError::TooLate(at)) if at == soon), "{second:?}");
    journal.append_one(paused(3)).await.unwrap();
    assert_eq!(read_all(&disk).iter().filter(|l| l.run.is_some()).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn anchors_go_along_when_a_mirror_is_opened() {
    let (disk, share) = (MemoryDisk::default(), MemoryDisk::default());
    let journal = begin(&disk);
    let name = "anchors/000000000001.git.json";
    disk.write_new(&Path::new("log").join(name), b"{}").unwrap();
    disk.write_new(Path::new("log/anchors/not-an-anchor"), b"{}").unwrap();
    let mirror = far(&share);
    journal.mirror_to(mirror.clone()).await.unwrap();
    let held = mirror.read().await.unwrap();
    assert_eq!(held.get(name).map(Vec::as_slice), Some(&b"{}"[..]));
    assert!(held.keys().all(|file| !file.contains("not-an-anchor")));
    // One that has grown since is left as it was first, and is no reason to stop.
    disk.write_atomic(&Path::new("log").join(name), b"{\"more\":1}").unwrap();
    journal.mirror_to(mirror.clone()).await.unwrap();
    assert_eq!(mirror.read().await.unwrap()[name], b"{}");
}

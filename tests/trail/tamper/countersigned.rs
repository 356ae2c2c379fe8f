//! The rows of the tamper table about the vault's line: a log whose checkpoints a key countersigned that
//! the log's writer does not have. The verifier without our code judges each log too.

use super::approvals::{roster, roster_yaml};
use super::log::{self, Log, Story, explain, plan_bytes, tell};
use super::{checkpoint, edit_checkpoint, forge, theirs};
use async_trait::async_trait;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use reissue::domain::event::Event;
use reissue::env::{Disk, MemoryDisk};
use reissue::trail::countersign::{CounterKey, Countersigner, Countersigning};
use reissue::trail::verify::Verdict::{self, NotAnchored, Tampered};
use reissue::trail::verify::{Countersigned, Keepers, Report, Trust, verify};
use reissue::trail::{Folder, FolderMirror, Journal};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A vault that answers after a while, at times not at all.
struct Vault {
    private: SigningKey,
    public: CounterKey,
    /// How many of its first answers are lost, and whether it hangs for ever then.
    silent: AtomicU32,
    hangs: bool,
}

fn vault(seed: u8, silent: u32, hangs: bool) -> Vault {
    let private = SigningKey::from_slice(&[seed; 32]).unwrap();
    let point = private.verifying_key().to_encoded_point(false);
    let public =
        CounterKey::new("kv-ir.vault.azure.net/keys/log/1", point.as_bytes()[1..].try_into().unwrap());
    Vault { private, public: public.unwrap(), silent: silent.into(), hangs }
}

#[async_trait]
impl Countersigner for Vault {
    fn key(&self) -> &CounterKey {
        &self.public
    }
    async fn sign(&self, digest: &[u8; 32]) -> Option<[u8; 64]> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let silent =
            self.silent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        match (silent, self.hangs) {
            (false, _) => {
                let signature: Signature = self.private.sign_prehash(digest).unwrap();
                Some(signature.to_bytes().into())
            }
            (true, true) => std::future::pending().await,
            (true, false) => None,
        }
    }
}

/// The small log, countersigned; with a mirror if one is given.
async fn countersigned(vault: &Vault, mirror: Option<&MemoryDisk>) -> Log {
    let log = Log::on(MemoryDisk::default(), Path::new(log::FOLDER));
    let journal = Journal::create(log.settings(), &log::opening(roster().digest())).unwrap();
    journal.objects().put(roster_yaml(&[]).as_bytes()).unwrap();
    journal.objects().put(&plan_bytes()).unwrap();
    if let Some(disk) = mirror {
        let share = FolderMirror::new(Arc::new(disk.clone()), "share");
        journal.mirror_to(Arc::new(share)).await.unwrap();
    }
    let mut beside = Countersigning::begin(&journal, vault).await.unwrap();
    beside.beside(tell(&journal, &Story::default())).await;
    journal.close().await.unwrap();
    beside.finish().await;
    log
}

fn judge(log: &Log, given: &[CounterKey]) -> Report {
    let disk: Arc<dyn Disk> = Arc::new(log.disk.clone());
    let keepers = Keepers { countersigners: given.to_vec(), ..Keepers::default() };
    verify(&disk, &log.folder, &Trust { keepers, ..log.trust(vec![]) }).unwrap()
}

/// What the verifier is given: nothing, the vault's key, or another.
#[derive(Clone, Copy, Debug)]
enum Given {
    Nothing,
    Right,
    Wrong,
}
use Given::{Nothing, Right, Wrong};

/// The last line of a checkpoint, which is the vault's.
fn second(note: &str) -> String {
    note.lines().last().unwrap().to_owned() + "\n"
}

fn without(note: &str) -> String {
    note.strip_suffix(&second(note)).unwrap().to_owned()
}

fn strip(log: &Log) {
    let last = log.checkpoint_sizes().len();
    // The first is of before anybody countersigned.
    (1..last).for_each(|n| edit_checkpoint(log, n, |_, note| without(note)));
    log.disk.write_atomic(&log.folder.checkpoint(), without(&checkpoint_file(log)).as_bytes()).unwrap();
}

fn checkpoint_file(log: &Log) -> String {
    String::from_utf8(log.disk.read(&log.folder.checkpoint(), 10_000).unwrap()).unwrap()
}

/// The line of the key `seed`, over the text of this note.
fn signed_by(seed: u8, note: &str) -> String {
    let Vault { private, public, .. } = vault(seed, 0, false);
    let text = note.split("\n\n").next().unwrap().to_owned() + "\n";
    let digest: [u8; 32] = reissue::domain::id::Digest::of(text.as_bytes()).0;
    let signature: Signature = private.sign_prehash(&digest).unwrap();
    public.line(&text, &signature.to_bytes().into()).unwrap()
}

type Row = (&'static str, fn(&Log), Given, Verdict, &'static str);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("nothing, the key given", |_| (), Right, NotAnchored, ""),
    ("nothing, no key given", |_| (), Nothing, NotAnchored, ""),
    ("another key is given", |_| (), Wrong, Tampered, "no key that was given"),
    ("a line is changed", |l| edit_checkpoint(l, 2, |_, n| change(n)), Right, Tampered, "second line"),
    ("a line is changed, no key given", |l| edit_checkpoint(l, 2, |_, n| change(n)), Nothing, Tampered, "second line"),
    ("a line of another checkpoint", |l| edit_checkpoint(l, 2, |l, n| without(n) + &second(&checkpoint(l, 1))), Right, Tampered, "second line"),
    ("a line of another key of that name", |l| edit_checkpoint(l, 2, |_, n| without(n) + &signed_by(9, n)), Right, NotAnchored, "1 of"),
    ("a line is removed", |l| edit_checkpoint(l, 2, |_, n| without(n)), Right, NotAnchored, "1 of"),
    ("all lines are removed", strip, Right, Tampered, "no checkpoint bears"),
    ("all lines are removed, no key given", strip, Nothing, NotAnchored, "lack the vault's line"),
    ("rewritten by the holder of the log's key", |l| forge(l, |lines| edit_end(lines)), Right, Tampered, "no checkpoint bears"),
    ("the log names another key", |l| forge(l, |lines| other_vkey(lines)), Right, Tampered, "no key that was given"),
    ("the log names what is no key", |l| forge(l, |lines| no_vkey(lines)), Nothing, Tampered, "cannot be read"),
];

/// Another letter somewhere in the signature.
fn change(note: &str) -> String {
    let line = second(note);
    let at = line.len() - 30;
    let other = if line.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{}{other}{}", without(note), &line[..at], &line[at + 1..])
}

fn edit_end(lines: &mut [reissue::domain::event::Line]) {
    super::later(lines.last_mut().unwrap());
}

fn name(lines: &mut [reissue::domain::event::Line], vkey: &str) {
    let named = lines.iter_mut().find_map(|l| match &mut l.event {
        Event::LogCountersigned(e) => Some(e),
        _ => None,
    });
    named.unwrap().vkey = reissue::domain::text::Text::lossy(vkey);
}

fn other_vkey(lines: &mut [reissue::domain::event::Line]) {
    name(lines, &vault(9, 0, false).public.to_string());
}

fn no_vkey(lines: &mut [reissue::domain::event::Line]) {
    name(lines, "kv+00000000+AAAA");
}

#[tokio::test(start_paused = true)]
async fn the_rows_about_the_vaults_line() {
    let mut wrong = String::new();
    for (name, tamper, given, want, says) in TABLE {
        let vault = vault(5, 0, false);
        let log = countersigned(&vault, None).await;
        tamper(&log);
        let keys = match given {
            Nothing => vec![],
            Right => vec![vault.public.clone()],
            Wrong => vec![self::vault(8, 0, false).public],
        };
        let report = judge(&log, &keys);
        let (code, said) = theirs(&log, keys.iter().map(ToString::to_string));
        let found = report.findings.iter().any(|f| f.what.contains(says)) || says.is_empty();
        if report.verdict != *want || !found || code != want.exit_code() {
            wrong +=
                &format!("{name} ({given:?}): {:?} and {code}, want {want:?} and {says:?}\n", report.verdict);
            wrong += &format!("{}{said}\n", explain(&report));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn found(log: &Log, vault: &Vault) -> Countersigned {
    let report = judge(log, std::slice::from_ref(&vault.public));
    assert_eq!(report.verdict, NotAnchored, "{}", explain(&report));
    report.countersigned.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_checkpoint_gets_its_line_also_the_last_one_and_the_mirrors() {
    let (vault, share) = (vault(5, 0, false), MemoryDisk::default());
    let log = countersigned(&vault, Some(&share)).await;
    let Countersigned { expected, lacking, covers, key, given } = found(&log, &vault);
    assert!(expected >= 4 && lacking == 0 && given, "{expected}");
    assert_eq!((covers, key), (log.lines().len() as u64, vault.public.to_string()));
    assert_eq!(
        checkpoint_file(&log),
        checkpoint(&log, log.checkpoint_sizes().len() - 1),
        "the copy has it too"
    );
    let mirror = Log::on(share, Path::new("share"));
    for size in 0..log.checkpoint_sizes().len() {
        assert_eq!(checkpoint(&mirror, size), checkpoint(&log, size));
    }
    let report = {
        let disk: Arc<dyn Disk> = Arc::new(mirror.disk.clone());
        verify(&disk, &Folder::new("share"), &log.trust(vec![])).unwrap()
    };
    assert_eq!(report.verdict, NotAnchored, "{}", explain(&report));
}

/// A vault that says nothing, or never comes back, costs its own lines and nothing else.
#[tokio::test(start_paused = true)]
async fn a_silent_vault_holds_nothing_up() {
    for hangs in [false, true] {
        let vault = vault(5, 2, hangs);
        let begun = tokio::time::Instant::now();
        let log = countersigned(&vault, None).await;
        let Countersigned { expected, lacking, covers, .. } = found(&log, &vault);
        // While the first try hangs, newer checkpoints wait their turn; those are not lost.
        assert!((1..=2).contains(&lacking) && expected > lacking, "{lacking} of {expected}");
        assert!(covers > 0);
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let plain = log::written(&Story::default()).await;
        let events = |log: &Log| log.lines().iter().filter(|l| l.run.is_some()).count();
        assert_eq!(events(&log), events(&plain), "the run lost nothing");
    }
    let vault = vault(5, u32::MAX, true);
    let log = countersigned(&vault, None).await;
    let report = judge(&log, &[]);
    assert_eq!(report.verdict, NotAnchored, "{}", explain(&report));
    let Countersigned { expected, lacking, covers, given, .. } = report.countersigned.clone().unwrap();
    assert!(expected == lacking && covers == 0 && !given);
    let said = format!("{lacking} of {expected} checkpoints lack the vault's line");
    assert!(report.findings.iter().any(|f| f.what.contains(&said)), "{}", explain(&report));
}

/// openssl agrees with both about what a line says.
#[tokio::test(start_paused = true)]
async fn openssl_verifies_a_line() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    let vault = vault(5, 0, false);
    let log = countersigned(&vault, None).await;
    let note = checkpoint_file(&log);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let vkey = vault.public.to_string();
    write("key.der", &BASE64.decode(vkey.splitn(3, '+').nth(2).unwrap()).unwrap()[1..]);
    write("text", (note.split("\n\n").next().unwrap().to_owned() + "\n").as_bytes());
    let line = second(&note);
    write("signature", &BASE64.decode(line.trim().rsplit(' ').next().unwrap()).unwrap()[4..]);
    let openssl = |arguments: &[&str]| {
        let ran = Command::new("openssl").args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    openssl(&["pkey", "-pubin", "-inform", "DER", "-in", "key.der", "-out", "key.pem"]);
    openssl(&["dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "text"]);
}

//! A small witness (C2SP tlog-witness): one log, one file. What it cosigned last is on the disk,
//! synced and under its name, before anybody hears of it, and nobody gets between looking and writing.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reissue::trail::merkle::{Hash, empty_root};
use reissue::trail::{Checkpoint, VerifierKey, proof};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

/// How it misbehaves, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Dies after it has persisted, before it answers.
    DiesOnce,
    /// Its clock stands in the past.
    Late,
    /// Signs another checkpoint than the one it was shown.
    Confused,
    /// Signs with a key that nobody knows.
    Stranger,
}

pub(crate) struct Keeper {
    pair: Ed25519KeyPair,
    name: &'static str,
    log: Mutex<Option<VerifierKey>>,
    /// Where size and root are; the lock is held from the look to the write.
    state: Mutex<PathBuf>,
    mood: Mutex<Mood>,
    /// Bodies of the requests that came.
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Keeper {
    pub(crate) fn new(seed: u8, name: &'static str, state: PathBuf, log: &str) -> Arc<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let log = Mutex::new(Some(log.parse().unwrap()));
        let (state, mood) = (Mutex::new(state), Mutex::new(Mood::Well));
        Arc::new(Self { pair, name, log, state, mood, asked: Mutex::default() })
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
    pub(crate) fn knows(&self, log: Option<&str>) {
        *self.log.lock().unwrap() = log.map(|key| key.parse().unwrap());
    }
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn id(&self) -> [u8; 4] {
        let key = self.pair.public_key();
        let hash =
            Sha256::new().chain_update(self.name).chain_update([b'\n', 4]).chain_update(key).finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }
    pub(crate) fn vkey(&self) -> String {
        let key = [&[4], self.pair.public_key().as_ref()].concat();
        let id: String = self.id().iter().map(|b| format!("{b:02x}")).collect();
        format!("{}+{id}+{}", self.name, BASE64.encode(key))
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let own = self.clone();
        let add = move |body: String| async move { own.add_checkpoint(&body) };
        Router::new().route("/w/add-checkpoint", routing::post(add))
    }

    /// Size and root of what it cosigned last.
    pub(crate) fn last(&self) -> (u64, Hash) {
        read(&self.state.lock().unwrap())
    }

    fn add_checkpoint(&self, body: &str) -> Response {
        self.asked.lock().unwrap().push(body.to_owned());
        let Some((old, path, note)) = parse(body) else { return StatusCode::BAD_REQUEST.into_response() };
        let log = self.log.lock().unwrap().clone();
        let known = log.filter(|key| note.starts_with(&format!("{}\n", key.name())));
        let Some(key) = known else { return StatusCode::NOT_FOUND.into_response() };
        let Ok(new) = Checkpoint::open(note.as_bytes(), &key) else {
            return StatusCode::FORBIDDEN.into_response();
        };
        if old > new.size {
            return StatusCode::BAD_REQUEST.into_response();
        }
        // From here to the write, nobody else: else a smaller size could come after a larger one.
        let state = self.state.lock().unwrap();
        let (size, root) = read(&state);
        if old != size {
            let sort = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            return (StatusCode::CONFLICT, sort, format!("{size}\n")).into_response();
        }
        if !proof::continues(size, &root, new.size, &new.root, &path) {
            return StatusCode::UNPROCESSABLE_ENTITY.into_response();
        }
        persist(&state, new.size, &new.root);
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::DiesOnce {
            self.set(Mood::Well);
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        self.cosignature(mood, &new).into_response()
    }

    fn cosignature(&self, mood: Mood, checkpoint: &Checkpoint) -> String {
        let now = reissue::env::Clock::real().now().unix_s();
        let time = if mood == Mood::Late { 1_000_000 } else { now };
        let mut shown = checkpoint.clone();
        shown.size += u64::from(mood == Mood::Confused);
        let message = format!("cosignature/v1\ntime {time}\n{}", shown.text());
        let other = Ed25519KeyPair::from_seed_unchecked(&[99; 32]).unwrap();
        let (pair, mut id) = (if mood == Mood::Stranger { &other } else { &self.pair }, self.id());
        id[0] ^= u8::from(mood == Mood::Stranger);
        let signature = pair.sign(message.as_bytes());
        let bytes = [&id[..], &time.to_be_bytes(), signature.as_ref()].concat();
        // As the specification allows: a line of somebody unknown stands before ours.
        let stranger = BASE64.encode([7; 40]);
        format!("\u{2014} elsewhere.example/w9 {stranger}\n\u{2014} {} {}\n", self.name, BASE64.encode(bytes))
    }
}

/// `old N`, the proof, an empty line, the checkpoint.
fn parse(body: &str) -> Option<(u64, Vec<Hash>, &str)> {
    let (head, note) = body.split_once("\n\n")?;
    let mut lines = head.split('\n');
    let old = lines.next()?.strip_prefix("old ")?;
    let number: u64 = old.parse().ok()?;
    let path: Option<Vec<Hash>> = lines.map(|l| BASE64.decode(l).ok()?.try_into().ok()).collect();
    let path = path.filter(|p| p.len() <= 63)?;
    (number.to_string() == old).then_some((number, path, note))
}

fn read(state: &PathBuf) -> (u64, Hash) {
    let Ok(text) = std::fs::read_to_string(state) else { return (0, empty_root()) };
    let (size, root) = text.trim().split_once(' ').unwrap();
    (size.parse().unwrap(), BASE64.decode(root).unwrap().try_into().unwrap())
}

fn persist(state: &PathBuf, size: u64, root: &Hash) {
    let new = state.with_extension("new");
    let mut file = std::fs::File::create(&new).unwrap();
    write!(file, "{size} {}", BASE64.encode(root)).unwrap();
    file.sync_all().unwrap();
    std::fs::rename(new, state).unwrap();
}

//! A second signature line on checkpoints, by a key that never leaves its vault (`docs/adr/0011`):
//! ECDSA on P-256 over SHA-256, type 0x02 of C2SP signed-note, as `transparency-dev/formats` has it.
//!
//! Nothing waits for the line. A checkpoint counts without it; [`Countersigning`] asks beside a run and
//! adds it to what is kept already.

use super::key::{KeyError, check_name};
use super::note::{self, NoteError};
use super::{Checkpoint, Journal};
use crate::domain::id::hex;
use async_trait::async_trait;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use std::fmt;
use std::future::{Future, pending};
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Signature type of signed-note: ECDSA.
const ECDSA_TYPE: u8 = 0x02;
/// What a SubjectPublicKeyInfo of P-256 begins with (RFC 5480, uncompressed): the point follows.
const SPKI: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// One try; and what is still due when a run has ended.
const TRY: Duration = Duration::from_secs(5);
const AT_THE_END: Duration = Duration::from_secs(10);

/// The public key of whoever countersigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterKey {
    name: String,
    /// `x || y`.
    point: [u8; 64],
}

impl CounterKey {
    pub fn new(name: &str, point: [u8; 64]) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), point })
    }
    pub fn name(&self) -> &str {
        &self.name
    }

    fn spki(&self) -> Vec<u8> {
        [&SPKI[..], &self.point].concat()
    }

    /// The first four bytes of the key's SHA-256: without the name, unlike other types.
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::digest(self.spki());
        [hash[0], hash[1], hash[2], hash[3]]
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let point = [&SPKI[26..], &self.point].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
    }

    /// The line under a note that says `text`, from what a vault answers to ES256: `r || s`.
    pub fn line(&self, text: &str, signature: &[u8; 64]) -> Result<String, NoteError> {
        let signature = der(signature);
        if !self.verify(text.as_bytes(), &signature) {
            return Err(NoteError::BadSignature(self.name.clone()));
        }
        Ok(format!("\u{2014} {} {}\n", self.name, BASE64.encode([&self.id()[..], &signature].concat())))
    }

    /// Whether the note bears this key's line. One that does not match the text is an error.
    pub fn is_on(&self, note: &[u8]) -> Result<bool, NoteError> {
        let (text, lines) = note::parts(note)?;
        let mut own = lines.iter().filter(|l| l.name == self.name && l.id == self.id()).peekable();
        let there = own.peek().is_some();
        match own.all(|l| self.verify(text.as_bytes(), &l.signature)) {
            true => Ok(there),
            false => Err(NoteError::BadSignature(self.name.clone())),
        }
    }
}

impl fmt::Display for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[ECDSA_TYPE][..], &self.spki()].concat();
        write!(f, "{}+{}+{}", self.name, hex(&self.id()), BASE64.encode(typed))
    }
}

impl FromStr for CounterKey {
    type Err = KeyError;
    fn from_str(s: &str) -> Result<Self, KeyError> {
        let mut parts = s.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Verifier);
        };
        let key = BASE64.decode(key).map_err(|_| KeyError::Verifier)?;
        let Some((&sort, spki)) = key.split_first() else { return Err(KeyError::Verifier) };
        if sort != ECDSA_TYPE {
            return Err(KeyError::Sort { found: sort, want: ECDSA_TYPE });
        }
        let point = spki.strip_prefix(&SPKI).ok_or(KeyError::Verifier)?;
        let key = Self::new(name, point.try_into().map_err(|_| KeyError::Verifier)?)?;
        if hex(&key.id()) == id { Ok(key) } else { Err(KeyError::KeyId) }
    }
}

/// `r || s` as ASN.1: a sequence of two integers.
fn der(signature: &[u8; 64]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let zeros = half.iter().take(half.len() - 1).take_while(|b| **b == 0).count();
        let digits = &half[zeros..];
        // A leading bit would make it negative.
        let pad: &[u8] = if digits[0] & 0x80 == 0 { &[] } else { &[0] };
        [&[0x02, (pad.len() + digits.len()) as u8][..], pad, digits].concat()
    };
    let both = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, both.len() as u8][..], &both].concat()
}

/// Whoever signs with a key that we do not have.
#[async_trait]
pub trait Countersigner: Send + Sync {
    fn key(&self) -> &CounterKey;
    /// ES256 over a SHA-256 digest; none if it does not answer, or says no.
    async fn sign(&self, digest: &[u8; 32]) -> Option<[u8; 64]>;
}

/// Asks for the second line of each checkpoint while a run goes on.
pub struct Countersigning<'a> {
    journal: Journal,
    signer: &'a dyn Countersigner,
    heads: UnboundedReceiver<Checkpoint>,
    /// Still to be asked for; the last covers all before it.
    due: Vec<Checkpoint>,
}

impl<'a> Countersigning<'a> {
    /// Says in the log that from here on checkpoints bear this key's line.
    pub async fn begin(
        journal: &Journal,
        signer: &'a dyn Countersigner,
    ) -> Result<Self, super::JournalError> {
        let heads = journal.checkpoints();
        journal.countersigned_by(signer.key()).await?;
        Ok(Self { journal: journal.clone(), signer, heads, due: Vec::new() })
    }

    /// Goes on until `work` is done.
    pub async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            () = self.keep() => pending().await,
        }
    }

    /// The last checkpoints of all, as long as somebody can be asked to wait.
    pub async fn finish(mut self) {
        let rest = async {
            loop {
                self.gather();
                if self.due.is_empty() {
                    break;
                }
                self.newest().await;
            }
        };
        let _ = tokio::time::timeout(AT_THE_END, rest).await;
    }

    fn gather(&mut self) {
        while let Ok(head) = self.heads.try_recv() {
            self.due.push(head);
        }
    }

    async fn keep(&mut self) {
        loop {
            if self.due.is_empty() {
                match self.heads.recv().await {
                    Some(head) => self.due.push(head),
                    None => return,
                }
            }
            self.gather();
            self.newest().await;
        }
    }

    /// Whoever is cut off here finds it due again. A try that fails leaves the checkpoint as it is.
    async fn newest(&mut self) {
        let Some(head) = self.due.last() else { return };
        let (size, text) = (head.size, head.text());
        let digest = Sha256::digest(&text).into();
        let signed = tokio::time::timeout(TRY, self.signer.sign(&digest)).await;
        let line = signed.ok().flatten().and_then(|s| self.signer.key().line(&text, &s).ok());
        if let Some(line) = line {
            // A disk that does not take it leaves the checkpoint without: the judge counts that.
            let _ = self.journal.countersign(size, line).await;
        }
        self.due.retain(|head| head.size != size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::signature::Signer;
    use p256::ecdsa::{Signature, SigningKey};

    fn pair(seed: u8, name: &str) -> (SigningKey, CounterKey) {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        let point = key.verifying_key().to_encoded_point(false);
        (key, CounterKey::new(name, point.as_bytes()[1..].try_into().unwrap()).unwrap())
    }

    #[test]
    fn a_key_reads_back_and_is_checked() {
        let (_, key) = pair(1, "kv.vault.azure.net/keys/log/1");
        let text = key.to_string();
        assert_eq!(text.parse::<CounterKey>().unwrap(), key);
        let typed = BASE64.encode([1; 92]);
        for bad in [
            text.replace("kv", "k v"),
            text.replacen('+', "+0", 1),
            format!("a+00000000+{typed}"),
            text[..text.len() - 8].to_owned(),
            String::new(),
        ] {
            assert!(bad.parse::<CounterKey>().is_err(), "{bad}");
        }
    }

    /// The public key of `SigningKey::from_slice(&[1; 32])`, with a signature that openssl accepts:
    /// `openssl dgst -sha256 -verify`.
    #[test]
    fn lines_are_those_of_the_key_and_the_text() {
        for seed in 1..40 {
            let (key, public) = pair(seed, "kv/keys/log/1");
            let text = format!("origin\n{seed}\nroot\n");
            let signature: Signature = key.sign(text.as_bytes());
            let bytes: [u8; 64] = signature.to_bytes().into();
            assert_eq!(der(&bytes), signature.to_der().as_bytes(), "{seed}");
            let line = public.line(&text, &bytes).unwrap();
            let note = format!("{text}\n{line}");
            assert_eq!(public.is_on(note.as_bytes()), Ok(true));
            let changed = note.replace("root", "roof");
            assert!(public.is_on(changed.as_bytes()).is_err(), "another text");
            let (_, other) = pair(seed + 100, "kv/keys/log/1");
            assert_eq!(other.is_on(note.as_bytes()), Ok(false), "another key's line is passed over");
            assert!(other.line(&text, &bytes).is_err(), "what a vault answers is checked");
        }
    }
}

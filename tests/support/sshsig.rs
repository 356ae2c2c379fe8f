//! Keys and signatures that no ordinary tool makes: short RSA keys, DSA, and security keys with
//! or without a touch (OpenSSH PROTOCOL.sshsig, PROTOCOL.u2f; RFC 4253, 6.6).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reissue::domain::approval::Signer;
use sha2::{Digest, Sha256, Sha512};

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}

/// A whole number as SSH writes it: a leading zero keeps it positive.
fn number(out: &mut Vec<u8>, bytes: &[u8]) {
    let skip = bytes.iter().take_while(|b| **b == 0).count();
    let mut positive = bytes[skip..].to_vec();
    if positive.first().is_some_and(|b| b & 0x80 != 0) {
        positive.insert(0, 0);
    }
    string(out, &positive);
}

fn line(algorithm: &str, blob: &[u8]) -> String {
    format!("{algorithm} {} made-up", BASE64.encode(blob))
}

/// An RSA public key with a modulus of so many bits. Nobody knows its factors, nor needs to.
pub fn rsa_blob(bits: usize) -> Vec<u8> {
    let mut modulus = vec![0xa5; bits.div_ceil(8)];
    modulus[0] = if bits.is_multiple_of(8) { 0x85 } else { 1 << (bits % 8 - 1) | 1 };
    let mut blob = Vec::new();
    string(&mut blob, b"ssh-rsa");
    number(&mut blob, &[1, 0, 1]);
    number(&mut blob, &modulus);
    blob
}

pub fn rsa_line(bits: usize) -> String {
    line("ssh-rsa", &rsa_blob(bits))
}

pub fn dss_line() -> String {
    let mut blob = Vec::new();
    string(&mut blob, b"ssh-dss");
    for bytes in [128, 20, 128, 128] {
        number(&mut blob, &vec![0x55; bytes]);
    }
    line("ssh-dss", &blob)
}

pub fn certificate_line() -> String {
    line("ssh-ed25519-cert-v01@openssh.com", &[0; 64])
}

pub fn ed25519_line(seed: u8, name: &str) -> String {
    Signer::from_seed(&[seed; 32], name).unwrap().public_line().unwrap()
}

/// A FIDO security key in memory.
pub enum SecurityKey {
    Ed25519(Box<Ed25519KeyPair>),
    P256(Box<EcdsaKeyPair>),
}

const APPLICATION: &[u8] = b"ssh:";

impl SecurityKey {
    pub fn ed25519() -> Self {
        Self::Ed25519(Box::new(Ed25519KeyPair::from_seed_unchecked(&[42; 32]).unwrap()))
    }
    pub fn p256() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::P256(Box::new(key))
    }
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "sk-ssh-ed25519@openssh.com",
            Self::P256(_) => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }
    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        string(&mut blob, self.algorithm().as_bytes());
        match self {
            Self::Ed25519(key) => string(&mut blob, key.public_key().as_ref()),
            Self::P256(key) => {
                string(&mut blob, b"nistp256");
                string(&mut blob, key.public_key().as_ref());
            }
        }
        string(&mut blob, APPLICATION);
        blob
    }
    pub fn line(&self) -> String {
        line(self.algorithm(), &self.blob())
    }
    /// What the device answers: the signature, then flags and counter.
    fn answer(&self, message: &[u8], flags: u8) -> Vec<u8> {
        let mut signed = Sha256::digest(APPLICATION).to_vec();
        signed.push(flags);
        signed.extend(9u32.to_be_bytes());
        signed.extend(Sha256::digest(message));
        let mut raw = Vec::new();
        match self {
            Self::Ed25519(key) => raw.extend(key.sign(&signed).as_ref()),
            Self::P256(key) => {
                let fixed = key.sign(&SystemRandom::new(), &signed).unwrap();
                number(&mut raw, &fixed.as_ref()[..32]);
                number(&mut raw, &fixed.as_ref()[32..]);
            }
        }
        let mut signature = Vec::new();
        string(&mut signature, self.algorithm().as_bytes());
        string(&mut signature, &raw);
        signature.push(flags);
        signature.extend(9u32.to_be_bytes());
        signature
    }
    /// An armoured signature with these flags: 1 is "touched", 4 "verified by PIN".
    pub fn sign(&self, bytes: &[u8], namespace: &str, flags: u8) -> String {
        armour(&self.blob(), namespace, &self.answer(&to_be_signed(bytes, namespace), flags))
    }
}

fn to_be_signed(bytes: &[u8], namespace: &str) -> Vec<u8> {
    let mut out = b"SSHSIG".to_vec();
    string(&mut out, namespace.as_bytes());
    string(&mut out, b"");
    string(&mut out, b"sha512");
    string(&mut out, &Sha512::digest(bytes));
    out
}

/// The armoured file around any key and signature.
pub fn armour(key: &[u8], namespace: &str, signature: &[u8]) -> String {
    let mut out = b"SSHSIG".to_vec();
    out.extend(1u32.to_be_bytes());
    string(&mut out, key);
    string(&mut out, namespace.as_bytes());
    string(&mut out, b"");
    string(&mut out, b"sha512");
    string(&mut out, signature);
    let text = BASE64.encode(out);
    let rows: Vec<&str> = text.as_bytes().chunks(70).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", rows.join("\n"))
}

/// A signature blob of any algorithm.
pub fn signature_blob(algorithm: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, algorithm.as_bytes());
    string(&mut out, raw);
    out
}

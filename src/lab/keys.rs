//! RSA keys and certificates of the lab. The keys come from a committed pool that protects
//! nothing (`lab-only-keys.txt` says so), because making one takes about 0.13 s.

use crate::domain::time::Timestamp;
use crate::env::random::Stream;
use aws_lc_rs::rsa::KeyPair as SigningKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SerialNumber};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const POOL: &str = include_str!("lab-only-keys.txt");

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the lab cannot make a certificate for {subject:?}: {why}")]
pub struct CertificateError {
    pub subject: String,
    pub why: String,
}

/// A private key and its self-signed certificate, known to the lab alone.
#[derive(Clone)]
pub struct TestCertificate {
    pub key_pem: String,
    pub cert_der: Vec<u8>,
}

impl std::fmt::Debug for TestCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestCertificate({} bytes)", self.cert_der.len())
    }
}

impl TestCertificate {
    /// Key and certificate in one PEM text.
    pub fn pem(&self) -> String {
        format!("{}{}", self.key_pem, pem("CERTIFICATE", &self.cert_der))
    }
}

fn lines() -> impl Iterator<Item = &'static str> {
    POOL.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty())
}

/// One pool key as PEM (PKCS #8). Key 0 signs the lab's tokens.
pub(super) fn pool_pem(index: usize) -> String {
    let count = lines().count().max(1);
    let line = lines().nth(index % count).unwrap_or("");
    let body: Vec<&str> = line.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap_or("")).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", body.join("\n"))
}

/// An index of a pool key for a certificate: any but the token key.
pub(super) fn draw_pool_key(stream: &Stream) -> usize {
    1 + stream.below(lines().count().saturating_sub(1) as u64) as usize
}

/// Keys that are read once: reading one checks it, which takes longer than signing with it.
const KEYS_KEPT: usize = 64;

/// The key of a PEM text (PKCS #8), ready to sign.
pub(super) fn signing_key(pem: &str) -> Option<Arc<SigningKey>> {
    static READ: Mutex<BTreeMap<String, Arc<SigningKey>>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = read.get(pem) {
        return Some(Arc::clone(key));
    }
    let body: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
    let key = Arc::new(SigningKey::from_pkcs8(&STANDARD.decode(body).ok()?).ok()?);
    if read.len() < KEYS_KEPT {
        read.insert(pem.to_owned(), Arc::clone(&key));
    }
    Some(key)
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let body: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap_or("")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n"))
}

/// A self-signed certificate over a pool key. The serial number is random, so two certificates
/// over one key differ.
pub(super) fn self_signed(
    key_pem: &str,
    subject: &str,
    start: Timestamp,
    life: Duration,
    serial: [u8; 16],
) -> Result<Vec<u8>, CertificateError> {
    let wrong = |e: rcgen::Error| CertificateError { subject: subject.to_owned(), why: e.to_string() };
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(wrong)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = subject.strip_prefix("CN=").unwrap_or(subject);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time(start);
    params.not_after = date_time(start.after(life));
    params.serial_number = Some(SerialNumber::from(serial.to_vec()));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::from_pem(key_pem).map_err(wrong)?;
    Ok(params.self_signed(&key).map_err(wrong)?.der().to_vec())
}

/// A certificate signing request for a key, DER.
pub(super) fn signing_request(key_pem: &str, subject: &str) -> Result<Vec<u8>, CertificateError> {
    let wrong = |e: rcgen::Error| CertificateError { subject: subject.to_owned(), why: e.to_string() };
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(wrong)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject.strip_prefix("CN=").unwrap_or(subject));
    let key = KeyPair::from_pem(key_pem).map_err(wrong)?;
    Ok(params.serialize_request(&key).map_err(wrong)?.der().to_vec())
}

pub(super) fn date_time(t: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(t.unix_s()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// The SubjectPublicKeyInfo's key bits (PKCS #1) and the validity of a certificate.
pub(super) struct CertificateFacts {
    pub(super) public_pkcs1: Vec<u8>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) subject: String,
}

pub(super) fn read_certificate(der: &[u8]) -> Option<CertificateFacts> {
    let (_, cert) = x509_parser::parse_x509_certificate(der).ok()?;
    let validity = cert.validity();
    Some(CertificateFacts {
        public_pkcs1: cert.public_key().subject_public_key.data.to_vec(),
        start: Timestamp::from_unix_s(validity.not_before.timestamp()),
        end: Timestamp::from_unix_s(validity.not_after.timestamp()),
        subject: cert.subject().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Random;

    #[test]
    fn certificates_over_pool_keys_read_back() {
        let stream = Random::from_seed(1).stream("t");
        let index = draw_pool_key(&stream);
        assert!(index > 0);
        let start = Timestamp::from_unix_s(1_700_000_000);
        let life = Duration::from_secs(86_400 * 365);
        let der = self_signed(&pool_pem(index), "CN=payroll", start, life, [1; 16]).unwrap();
        let facts = read_certificate(&der).unwrap();
        assert_eq!((facts.start, facts.end), (start, start.after(life)));
        assert_eq!(facts.subject, "CN=payroll");
        let again = self_signed(&pool_pem(index), "CN=payroll", start, life, [1; 16]).unwrap();
        assert_eq!(der, again, "the same inputs give the same certificate");
    }
}

//! Which keys may sign: an allow-list, and what the key library leaves to its callers.

use super::super::text::Text;
use ssh_key::public::{EcdsaPublicKey, KeyData, RsaPublicKey};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, Mpint, PublicKey};
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey as Parsed;

/// FIPS 186-5 and NIST SP 800-131A: the smallest RSA modulus, in bits.
pub const RSA_BITS_MIN: usize = 2048;

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    #[error("it is not one OpenSSH public key line (like `ssh-ed25519 AAAA… name`)")]
    Unreadable,
    #[error(
        "it is a certificate or a certificate authority, which stands for people who are not listed; list each key"
    )]
    Authority,
    #[error(
        "keys of type {0} are not accepted; use ssh-ed25519, ecdsa-sha2-nistp256 or -nistp384, sk-ssh-ed25519, \
         sk-ecdsa-sha2-nistp256, or RSA of {RSA_BITS_MIN} bits or more"
    )]
    Algorithm(Text<64>),
    #[error("it is not one X.509 certificate (PEM or DER)")]
    NoCertificate,
    #[error("an RSA key of {0} bits is too short; {RSA_BITS_MIN} is the least")]
    RsaTooShort(usize),
}

/// The key of an X.509 certificate, as a card for a person carries it (PIV, CAC): from then on the key
/// counts, in a roster like any other. The certificate's issuer, dates and revocation do not.
pub fn of_certificate(der: &[u8]) -> Result<PublicKey, KeyRefusal> {
    let (rest, certificate) = parse_x509_certificate(der).map_err(|_| KeyRefusal::NoCertificate)?;
    if !rest.is_empty() {
        return Err(KeyRefusal::NoCertificate);
    }
    let info = certificate.public_key();
    let read = match info.parsed() {
        Ok(Parsed::RSA(rsa)) => {
            let number = |bytes: &[u8]| Mpint::from_positive_bytes(bytes);
            let both = number(rsa.exponent).and_then(|e| Ok(RsaPublicKey { e, n: number(rsa.modulus)? }));
            both.map(KeyData::Rsa)
        }
        Ok(Parsed::EC(point)) => EcdsaPublicKey::from_sec1_bytes(point.data()).map(KeyData::Ecdsa),
        _ => return Err(KeyRefusal::Algorithm(Text::lossy(&info.algorithm.algorithm.to_id_string()))),
    };
    let key = read.map_err(|_| KeyRefusal::NoCertificate)?;
    allowed(&key)?;
    Ok(PublicKey::new(key, ""))
}

/// Reads one public key line and applies the allow-list.
pub fn read(line: &str) -> Result<PublicKey, KeyRefusal> {
    let first = line.split_whitespace().next().unwrap_or_default();
    if first.starts_with("cert-authority") || first.starts_with("@cert") || first.contains("-cert-v01@") {
        return Err(KeyRefusal::Authority);
    }
    if line.trim() != line || line.lines().count() != 1 {
        return Err(KeyRefusal::Unreadable);
    }
    let key = PublicKey::from_openssh(line).map_err(|_| KeyRefusal::Unreadable)?;
    allowed(key.key_data())?;
    Ok(key)
}

/// Whether a key of this kind may sign.
pub fn allowed(key: &KeyData) -> Result<(), KeyRefusal> {
    match key {
        KeyData::Ed25519(_) | KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => Ok(()),
        KeyData::Ecdsa(k) if matches!(k.curve(), EcdsaCurve::NistP256 | EcdsaCurve::NistP384) => Ok(()),
        KeyData::Rsa(rsa) => match rsa.n.as_positive_bytes().map(bits) {
            Some(bits) if bits >= RSA_BITS_MIN => Ok(()),
            short => Err(KeyRefusal::RsaTooShort(short.unwrap_or(0))),
        },
        other => Err(KeyRefusal::Algorithm(Text::lossy(other.algorithm().as_str()))),
    }
}

/// Whether a signature of this algorithm may come from an allowed key: never SHA-1 (`ssh-rsa`).
pub fn signature_allowed(algorithm: &Algorithm) -> bool {
    match algorithm {
        Algorithm::Ed25519 | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => true,
        Algorithm::Ecdsa { curve } => matches!(curve, EcdsaCurve::NistP256 | EcdsaCurve::NistP384),
        Algorithm::Rsa { hash } => matches!(hash, Some(HashAlg::Sha256 | HashAlg::Sha512)),
        _ => false,
    }
}

/// Length of a positive number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    let lead = number.first().map_or(0, |b| b.leading_zeros() as usize);
    number.len() * 8 - lead
}

/// `SHA256:…`, as `ssh-keygen -l` prints it.
pub fn fingerprint(key: &KeyData) -> Text<64> {
    Text::lossy(&key.fingerprint(HashAlg::Sha256).to_string())
}

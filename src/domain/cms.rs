//! Signed messages (CMS, RFC 5652) and the certificates behind them, as far as every use of them is the
//! same: what one signer signed, and with which certificate. Whom to believe is the caller's: time
//! stamping authorities among the anchors, people's cards in [`super::approval`].

use super::text::Text;
use super::time::Timestamp;
use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use cms::cert::CertificateChoices;
use cms::cert::x509::Certificate;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString};
use der::{Decode, Encode};
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, aws_lc_rs as algorithms};
use x509_parser::prelude::{FromDer, X509Certificate};

pub const ID_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ID_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const ID_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const ID_CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const ID_MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// Why what a signer signed does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("it signs no attributes")]
    NoAttributes,
    #[error("it uses a hash that is not SHA-256, SHA-384 or SHA-512")]
    Weak,
    #[error("it is over another type of content")]
    OtherType,
    #[error("the content was changed after it was signed")]
    OtherContent,
    #[error("it does not match its certificate")]
    NoMatch,
}

/// A hash that is good enough for what is signed.
pub fn strong(oid: &ObjectIdentifier) -> Option<&'static Algorithm> {
    [(ID_SHA256, &SHA256), (ID_SHA384, &SHA384), (ID_SHA512, &SHA512)]
        .into_iter()
        .find_map(|(id, algorithm)| (id == *oid).then_some(algorithm))
}

/// The value of the signed attribute of this type; none if there are two, or two values.
pub fn attribute(signer: &SignerInfo, oid: ObjectIdentifier) -> Option<Vec<u8>> {
    let mut all = signer.signed_attrs.iter().flat_map(|set| set.iter()).filter(|a| a.oid == oid);
    match (all.next().map(|a| a.values.as_slice()), all.next()) {
        (Some([value]), None) => value.to_der().ok(),
        _ => None,
    }
}

/// The bytes under the signature (RFC 5652, 5.4), if the attributes are signed and name this content.
pub fn message(
    signer: &SignerInfo,
    sort: ObjectIdentifier,
    content: &[u8],
) -> Result<Vec<u8>, SignatureFault> {
    let attributes = signer.signed_attrs.as_ref().ok_or(SignatureFault::NoAttributes)?;
    let hash = strong(&signer.digest_alg.oid).ok_or(SignatureFault::Weak)?;
    let found = attribute(signer, ID_CONTENT_TYPE).and_then(|v| ObjectIdentifier::from_der(&v).ok());
    if found != Some(sort) {
        return Err(SignatureFault::OtherType);
    }
    let want = attribute(signer, ID_MESSAGE_DIGEST).and_then(|v| OctetString::from_der(&v).ok());
    if want.is_none_or(|want| want.as_bytes() != digest(hash, content).as_ref()) {
        return Err(SignatureFault::OtherContent);
    }
    attributes.to_der().map_err(|_| SignatureFault::NoAttributes)
}

/// Whether the certificate's key signed the message, with an algorithm that is good enough.
pub fn signed_by(
    signer: &SignerInfo,
    certificate: &EndEntityCert<'_>,
    message: &[u8],
) -> Result<(), SignatureFault> {
    let fits = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        certificate.verify_signature(*algorithm, message, signer.signature.as_bytes()).is_ok()
    };
    if candidates(signer).iter().any(fits) { Ok(()) } else { Err(SignatureFault::NoMatch) }
}

/// The X.509 certificates that came with a signature.
pub fn certificates(signed: &SignedData) -> Result<Vec<CertificateDer<'static>>, der::Error> {
    let all = signed.certificates.iter().flat_map(|set| set.0.iter());
    all.filter_map(|choice| match choice {
        CertificateChoices::Certificate(certificate) => Some(certificate.to_der().map(CertificateDer::from)),
        CertificateChoices::Other(_) => None,
    })
    .collect()
}

/// Whether the signer names this certificate.
pub fn is_named(signer: &SignerInfo, certificate: &CertificateDer<'_>) -> bool {
    let Ok(read) = Certificate::from_der(certificate) else { return false };
    match &signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(sid) => {
            let tbs = &read.tbs_certificate;
            tbs.issuer == sid.issuer && tbs.serial_number == sid.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(sid) => {
            let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
            key_identifier(&parsed).is_some_and(|id| id == sid.0.as_bytes())
        }
    }
}

fn key_identifier<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    use x509_parser::extensions::ParsedExtension;
    certificate.extensions().iter().find_map(|e| match e.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
        _ => None,
    })
}

/// The subject of a certificate, for people.
pub fn subject(certificate: &CertificateDer<'_>) -> Text<200> {
    let read = X509Certificate::from_der(certificate).map(|(_, c)| c.subject().to_string());
    Text::lossy(&read.unwrap_or_default())
}

/// Whether the certificate's own dates include this time.
pub fn is_valid_at(certificate: &CertificateDer<'_>, time: Timestamp) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, c)| {
        let validity = c.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&time.unix_s())
    })
}

/// A time as the judge of chains takes it.
pub fn unix(time: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(time.unix_s()).unwrap_or(0)))
}

/// The algorithms that a signer may mean by what it says.
fn candidates(signer: &SignerInfo) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    let hash = match strong(&signer.digest_alg.oid) {
        Some(a) if *a == SHA256 => 256,
        Some(a) if *a == SHA384 => 384,
        Some(_) => 512,
        None => 0,
    };
    let rsa = |bits| match bits {
        256 => vec![algorithms::RSA_PKCS1_2048_8192_SHA256],
        384 => vec![algorithms::RSA_PKCS1_2048_8192_SHA384],
        512 => vec![algorithms::RSA_PKCS1_2048_8192_SHA512],
        _ => vec![],
    };
    let ecdsa = |bits| match bits {
        256 => {
            vec![algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256, algorithms::ECDSA_P521_SHA256]
        }
        384 => {
            vec![algorithms::ECDSA_P256_SHA384, algorithms::ECDSA_P384_SHA384, algorithms::ECDSA_P521_SHA384]
        }
        512 => {
            vec![algorithms::ECDSA_P256_SHA512, algorithms::ECDSA_P384_SHA512, algorithms::ECDSA_P521_SHA512]
        }
        _ => vec![],
    };
    match signer.signature_algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => rsa(hash),
        "1.2.840.113549.1.1.11" => rsa(256),
        "1.2.840.113549.1.1.12" => rsa(384),
        "1.2.840.113549.1.1.13" => rsa(512),
        "1.2.840.113549.1.1.10" => match hash {
            256 => vec![algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
            384 => vec![algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY],
            _ => vec![algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY],
        },
        "1.2.840.10045.4.3.2" => ecdsa(256),
        "1.2.840.10045.4.3.3" => ecdsa(384),
        "1.2.840.10045.4.3.4" => ecdsa(512),
        "1.3.101.112" => vec![algorithms::ED25519],
        _ => vec![],
    }
}

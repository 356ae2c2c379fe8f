//! Time stamps (RFC 3161): an authority signs that it has seen the hash of a checkpoint's file at a
//! time. Kept as the authority's whole reply, so that `openssl ts -verify` reads it too.
//!
//! Judged are: the reply's status, the imprint, the signature over the signed attributes, the digest
//! of the content in them, the certificate that they name (ESS, RFC 5816), its one purpose (RFC 3161,
//! 2.3), and the chain to an authority that the verifier brings, *at the time of the token*. Not
//! judged: revocation, for there is no network here.

mod asn1;

pub use asn1::request;

use crate::domain::cms::{self, SignatureFault};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use ::cms::signed_data::{SignedData, SignerInfo};
use asn1::{Info, malformed};
use aws_lc_rs::digest::{Algorithm, digest};
use der::asn1::OctetString;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer, X509Certificate};

/// id-kp-timeStamping, 1.3.6.1.5.5.7.3.8, as it is encoded.
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// Why a reply does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    #[error("{0}")]
    Malformed(Text<300>),
    #[error("the authority refused: status {0} {1:?}")]
    Refused(u8, Text<200>),
    #[error("it is over something else than this checkpoint (message imprint mismatch)")]
    Imprint,
    #[error("it answers another request (nonce mismatch)")]
    Nonce,
    #[error("it uses a hash that is not SHA-256, SHA-384 or SHA-512")]
    Weak,
    #[error("its signature does not hold: {0}")]
    Signature(&'static str),
    #[error("its certificate is not in it, nor among those that were given")]
    NoCertificate,
    #[error("its certificate is not for time stamping, and that alone, critically (extended key usage)")]
    Purpose,
    #[error("its certificate was not valid at {0}, the time that it states")]
    Expired(Timestamp),
    #[error("no authority that was given stands behind its certificate: {0}")]
    Chain(Text<200>),
}

impl From<SignatureFault> for StampError {
    fn from(fault: SignatureFault) -> Self {
        match fault {
            SignatureFault::Weak => Self::Weak,
            SignatureFault::NoAttributes => Self::Signature("it signs no attributes"),
            SignatureFault::OtherType => Self::Signature("it is over another type of content"),
            SignatureFault::OtherContent => Self::Signature("the content was changed after it was signed"),
            SignatureFault::NoMatch => Self::Signature("it does not match its certificate"),
        }
    }
}

impl StampError {
    /// Whether the file is not one that was ever good: changed, not just by somebody untrusted.
    pub fn is_change(&self) -> bool {
        use StampError::{
            Chain, Expired, Imprint, Malformed, NoCertificate, Nonce, Purpose, Refused, Signature, Weak,
        };
        match self {
            Malformed(_) | Refused(..) | Imprint | Nonce | Weak | Signature(_) => true,
            NoCertificate | Purpose | Expired(_) | Chain(_) => false,
        }
    }
}

/// A hash of what was stamped.
#[derive(Clone)]
pub struct Imprint {
    algorithm: &'static Algorithm,
    hash: Vec<u8>,
}

/// Authorities that a verifier believes: every certificate of a PEM file.
#[derive(Clone, Default)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// None if there is no certificate in it, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found = read
            .ok()
            .filter(|all| !all.is_empty() && all.iter().all(|c| anchor_from_trusted_cert(c).is_ok()))?;
        Some(Self(found))
    }
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A reply with a token, read but not yet judged.
pub struct Stamp {
    content: Vec<u8>,
    info: Info,
    signer: SignerInfo,
    certificates: Vec<CertificateDer<'static>>,
}

impl Stamp {
    /// Reads a reply (`TimeStampResp`).
    pub fn read(reply: &[u8]) -> Result<Self, StampError> {
        let token = asn1::token(reply)?;
        let not_signed = || {
            StampError::Malformed(Text::lossy("it is not the signed content of one time stamping authority"))
        };
        if token.content_type != cms::ID_SIGNED_DATA {
            return Err(not_signed());
        }
        let signed: SignedData =
            token.content.decode_as().map_err(malformed("its signed data cannot be read"))?;
        let [signer] = signed.signer_infos.0.as_slice() else { return Err(not_signed()) };
        let enclosed = &signed.encap_content_info;
        let content = enclosed.econtent.as_ref().filter(|_| enclosed.econtent_type == asn1::ID_TST_INFO);
        let content: OctetString =
            content.ok_or_else(not_signed)?.decode_as().map_err(malformed("its content cannot be read"))?;
        let content = content.into_bytes();
        let certificates = cms::certificates(&signed).map_err(malformed("its certificate cannot be read"))?;
        let info = asn1::info(&content)?;
        Ok(Self { content, info, signer: signer.clone(), certificates })
    }

    /// The time that the authority states.
    pub fn time(&self) -> Timestamp {
        self.info.time
    }

    /// Whether it is over these bytes.
    pub fn is_over(&self, bytes: &[u8]) -> bool {
        digest(self.info.imprint.algorithm, bytes).as_ref() == self.info.imprint.hash
    }

    /// Whether it answers the request with this nonce.
    pub fn answers(&self, nonce: [u8; 8]) -> bool {
        let significant = |bytes: &[u8]| bytes.iter().skip_while(|b| **b == 0).copied().collect::<Vec<u8>>();
        self.info.nonce.as_deref().is_some_and(|n| significant(n) == significant(&nonce))
    }

    /// Whether it is what its own certificate signed, and of whom that is. Whether that is anybody
    /// who is trusted is not asked.
    pub fn is_whole(&self) -> Result<Text<200>, StampError> {
        let certificate = self.signer(&Authorities::default())?;
        self.signed_by(&certificate)?;
        Ok(cms::subject(&certificate))
    }

    /// Whether it holds for somebody who believes these authorities; the name of the one that
    /// signed.
    pub fn judge(&self, authorities: &Authorities) -> Result<Text<200>, StampError> {
        let certificate = self.signer(authorities)?;
        self.signed_by(&certificate)?;
        is_for_time_stamping(&certificate)?;
        self.chain(&certificate, authorities)?;
        Ok(cms::subject(&certificate))
    }

    /// The signer's certificate, from the token or from those that were given.
    fn signer(&self, authorities: &Authorities) -> Result<CertificateDer<'static>, StampError> {
        let mut all = self.certificates.iter().chain(&authorities.0);
        all.find(|c| cms::is_named(&self.signer, c)).cloned().ok_or(StampError::NoCertificate)
    }

    /// The signature, and the attributes that are signed.
    fn signed_by(&self, certificate: &CertificateDer<'_>) -> Result<(), StampError> {
        let message = cms::message(&self.signer, asn1::ID_TST_INFO, &self.content)?;
        let one = |oid| cms::attribute(&self.signer, oid);
        let v2 = one(asn1::ID_SIGNING_CERTIFICATE_V2).and_then(|v| asn1::certificate_named(&v, true));
        let named = v2.or_else(|| asn1::certificate_named(&one(asn1::ID_SIGNING_CERTIFICATE)?, false));
        let (by, id) = named.ok_or(StampError::Signature("it does not name its certificate (ESS)"))?;
        if digest(by, certificate).as_ref() != id {
            return Err(StampError::Signature("it names another certificate (ESS)"));
        }
        let read = EndEntityCert::try_from(certificate).map_err(|e| chain_error(e, self.info.time))?;
        Ok(cms::signed_by(&self.signer, &read, &message)?)
    }

    /// From the signer's certificate to one that is believed, at the time that the token states.
    fn chain(&self, certificate: &CertificateDer<'_>, authorities: &Authorities) -> Result<(), StampError> {
        if authorities.0.iter().any(|a| a.as_ref() == certificate.as_ref()) {
            let valid = cms::is_valid_at(certificate, self.info.time);
            return if valid { Ok(()) } else { Err(StampError::Expired(self.info.time)) };
        }
        let anchors: Vec<TrustAnchor<'_>> =
            authorities.0.iter().filter_map(|c| anchor_from_trusted_cert(c).ok()).collect();
        let time = cms::unix(self.info.time);
        let usage = KeyUsage::required_if_present(TIME_STAMPING);
        let read = EndEntityCert::try_from(certificate).map_err(|e| chain_error(e, self.info.time))?;
        let all = webpki::ALL_VERIFICATION_ALGS;
        let path = read.verify_for_usage(all, &anchors, &self.certificates, time, usage, None, None);
        path.map(|_| ()).map_err(|e| chain_error(e, self.info.time))
    }
}

fn chain_error(e: webpki::Error, time: Timestamp) -> StampError {
    match e {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
            StampError::Expired(time)
        }
        other => StampError::Chain(Text::lossy(&format!("{other:?}"))),
    }
}

/// RFC 3161, 2.3: one extended key usage, time stamping, and critical.
fn is_for_time_stamping(certificate: &CertificateDer<'_>) -> Result<(), StampError> {
    let Ok((_, read)) = X509Certificate::from_der(certificate) else { return Err(StampError::Purpose) };
    let Ok(Some(usage)) = read.extended_key_usage() else { return Err(StampError::Purpose) };
    let u = usage.value;
    let more =
        u.any || u.server_auth || u.client_auth || u.code_signing || u.email_protection || u.ocsp_signing;
    match usage.critical && u.time_stamping && !more && u.other.is_empty() {
        true => Ok(()),
        false => Err(StampError::Purpose),
    }
}

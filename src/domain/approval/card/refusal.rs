//! Why a signature by a certificate does not count: what happened, and what to do.

use super::super::super::cms::SignatureFault;
use super::super::super::id::Digest;
use super::super::super::text::Text;
use super::super::super::time::Timestamp;
use super::CMS_BYTES_MAX;

/// Why a signature by a certificate was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardRefusal {
    #[error(
        "the signature is not what `openssl cms -sign -binary -outform PEM` writes, followed by one list of \
         revoked certificates, and nothing else"
    )]
    Malformed,
    #[error("signature and list of revoked certificates are larger than {CMS_BYTES_MAX} bytes together")]
    TooLarge,
    #[error("the signature has content of its own; sign without `-nodetach`, over the statement's file")]
    Attached,
    #[error("the signature has {0} signers; each person signs alone")]
    Signers(usize),
    #[error("the signature does not hold: {0}; sign again the file that `--show --out` wrote")]
    Signature(SignatureFault),
    #[error("the signer's certificate is not in the signature; sign without `-nocerts`")]
    NoCertificate,
    #[error(
        "the certificate {0} is nobody's in the roster; list it under `certificates`, or use a listed card"
    )]
    UnknownCertificate(Digest),
    #[error("the certificate is that of an authority (basicConstraints); a person signs with a person's")]
    IsAuthority,
    #[error(
        "the certificate is not for signatures (keyUsage: neither digitalSignature nor nonRepudiation); use the \
         card's signature certificate"
    )]
    Usage,
    #[error("the certificate was not valid at {}; use one that is", .0.short())]
    NotValid(Timestamp),
    #[error("no authority of the roster issued the certificate directly; pin the issuing one: {0}")]
    Chain(Text<200>),
    #[error("there is no list of revoked certificates (CRL) of the issuing authority; give it with `--crl`")]
    NoList,
    #[error(
        "the list of revoked certificates does not hold: {0}; give a complete one of the issuing authority"
    )]
    List(Text<200>),
    #[error("the list of revoked certificates was not current at {}; fetch the newest one", .0.short())]
    Stale(Timestamp),
    #[error("the certificate was revoked by its authority; sign with another card, and change the roster")]
    Revoked,
}

impl CardRefusal {
    /// A short name for the log, stable across versions.
    pub(in super::super) fn code(&self) -> &'static str {
        match self {
            Self::Malformed | Self::TooLarge => "cms-not-a-signature",
            Self::Attached => "cms-attached",
            Self::Signers(_) => "cms-signers",
            Self::Signature(SignatureFault::Weak) => "cms-weak-hash",
            Self::Signature(SignatureFault::NoAttributes) => "cms-no-signed-attributes",
            Self::Signature(SignatureFault::OtherType) => "cms-other-content-type",
            Self::Signature(SignatureFault::OtherContent | SignatureFault::NoMatch) => "cms-bad-signature",
            Self::NoCertificate => "cms-no-certificate",
            Self::UnknownCertificate(_) => "cms-unknown-certificate",
            Self::IsAuthority => "cms-authority",
            Self::Usage => "cms-key-usage",
            Self::NotValid(_) => "cms-certificate-not-valid",
            Self::Chain(_) => "cms-chain",
            Self::NoList => "cms-no-crl",
            Self::List(_) => "cms-bad-crl",
            Self::Stale(_) => "cms-stale-crl",
            Self::Revoked => "cms-revoked",
        }
    }

    /// What the judge of chains found, as of `at`.
    pub(super) fn chain(e: &webpki::Error, at: Timestamp) -> Self {
        use webpki::Error as E;
        let told = || Text::lossy(&format!("{e:?}"));
        match e {
            E::CertExpired { .. } | E::CertNotValidYet { .. } => Self::NotValid(at),
            E::CertRevoked => Self::Revoked,
            E::CrlExpired { .. } => Self::Stale(at),
            E::UnknownRevocationStatus => Self::NoList,
            E::CaUsedAsEndEntity => Self::IsAuthority,
            E::InvalidCrlSignatureForPublicKey
            | E::IssuerNotCrlSigner
            | E::UnsupportedCrlSignatureAlgorithmContext(_)
            | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
            | E::UnsupportedDeltaCrl
            | E::UnsupportedIndirectCrl => Self::List(told()),
            _ => Self::Chain(told()),
        }
    }
}

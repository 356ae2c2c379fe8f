//! Issuing authorities that a roster pins, and whether one of them stands behind a certificate.

use super::super::super::cms as messages;
use super::super::super::id::Digest;
use super::super::super::text::Text;
use super::super::super::time::Timestamp;
use super::super::keys::{self, KeyRefusal};
use super::{CardRefusal, text};
use rustls::pki_types::CertificateDer;
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, ExpirationPolicy,
    ExtendedKeyUsageValidator, KeyPurposeIdIter, RevocationCheckDepth, RevocationOptionsBuilder,
    UnknownStatusPolicy, anchor_from_trusted_cert,
};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

const CERTIFICATE: &str = "CERTIFICATE";

/// Why a roster's authority is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    #[error("it is not one certificate in PEM (BEGIN CERTIFICATE)")]
    Unreadable,
    #[error("it is not an authority's certificate that may sign certificates and lists of revoked ones")]
    NotAnAuthority,
    #[error("its key cannot be used: {0}")]
    Key(#[from] KeyRefusal),
}

/// The certificate of an authority that issues people's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// Reads one certificate, and asks that it is an authority's: basicConstraints, and keyUsage where there
    /// is one.
    pub fn from_pem(pem: &str) -> Result<Self, AuthorityError> {
        let der = text::block(pem.as_bytes(), CERTIFICATE).ok_or(AuthorityError::Unreadable)?;
        keys::of_certificate(&der)?;
        let certificate = CertificateDer::from(der);
        let sound = {
            let (_, read) =
                X509Certificate::from_der(&certificate).map_err(|_| AuthorityError::Unreadable)?;
            let constraints = read.basic_constraints().map_err(|_| AuthorityError::Unreadable)?;
            let usage = read.key_usage().map_err(|_| AuthorityError::Unreadable)?;
            constraints.is_some_and(|c| c.value.ca)
                && usage.is_none_or(|u| u.value.key_cert_sign() && u.value.crl_sign())
        };
        match sound && anchor_from_trusted_cert(&certificate).is_ok() {
            true => Ok(Self { certificate }),
            false => Err(AuthorityError::NotAnAuthority),
        }
    }

    /// One PEM block.
    pub fn to_pem(&self) -> String {
        let mut out = String::new();
        text::pem(&mut out, CERTIFICATE, &self.certificate);
        out
    }

    pub fn subject(&self) -> Text<200> {
        messages::subject(&self.certificate)
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.certificate)
    }
}

/// Any extended purpose: what a card's certificate is for says its keyUsage.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether one of these issued the certificate, which was valid at `at` and is not in the authority's list
/// of revoked ones, as it was current then. Returns the moment at which the first of them ends.
pub(super) fn behind(
    authorities: &[Authority],
    certificate: &CertificateDer<'_>,
    revoked: &[u8],
    at: Timestamp,
) -> Result<Timestamp, CardRefusal> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|_| CardRefusal::Malformed)?;
    let (listed_from, listed_until) = dates(revoked)?;
    let mut why = CardRefusal::Chain(Text::lossy(&read.issuer().to_string()));
    for authority in authorities {
        let Ok((_, own)) = X509Certificate::from_der(&authority.certificate) else { continue };
        if own.subject().as_raw() != read.issuer().as_raw() {
            continue;
        }
        match issued(authority, certificate, revoked, at) {
            Ok(()) if listed_from > at => return Err(CardRefusal::Stale(at)),
            Ok(()) => {
                let ends = [&read, &own].map(|c| c.validity().not_after.timestamp());
                let end = ends.into_iter().min().map_or(at, Timestamp::from_unix_s);
                return Ok(end.min(listed_until));
            }
            Err(e) => why = e,
        }
    }
    Err(why)
}

fn issued(
    authority: &Authority,
    certificate: &CertificateDer<'_>,
    revoked: &[u8],
    at: Timestamp,
) -> Result<(), CardRefusal> {
    let refused = |e: Error| CardRefusal::chain(&e, at);
    if !messages::is_valid_at(&authority.certificate, at) {
        return Err(CardRefusal::NotValid(at));
    }
    let unreadable = |e: Error| CardRefusal::List(Text::lossy(&format!("{e:?}")));
    let list: CertRevocationList<'_> =
        BorrowedCertRevocationList::from_der(revoked).map_err(unreadable)?.into();
    let lists = [&list];
    let Ok(options) = RevocationOptionsBuilder::new(&lists) else { return Err(CardRefusal::NoList) };
    let options = options
        .with_depth(RevocationCheckDepth::EndEntity)
        .with_status_policy(UnknownStatusPolicy::Deny)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build();
    let anchors = [anchor_from_trusted_cert(&authority.certificate).map_err(refused)?];
    let read = EndEntityCert::try_from(certificate).map_err(refused)?;
    let all = webpki::ALL_VERIFICATION_ALGS;
    let path = read.verify_for_usage(all, &anchors, &[], messages::unix(at), AnyPurpose, Some(options), None);
    path.map(|_| ()).map_err(refused)
}

/// From when to when a list of revoked certificates is current.
fn dates(revoked: &[u8]) -> Result<(Timestamp, Timestamp), CardRefusal> {
    let wrong = |what: &str| CardRefusal::List(Text::lossy(what));
    let (rest, list) =
        CertificateRevocationList::from_der(revoked).map_err(|_| wrong("it cannot be read"))?;
    let next = list.next_update().ok_or_else(|| wrong("it does not say until when it is current"))?;
    if !rest.is_empty() {
        return Err(wrong("something follows it"));
    }
    let at = |seconds| Timestamp::from_unix_s(seconds);
    Ok((at(list.last_update().timestamp()), at(next.timestamp())))
}

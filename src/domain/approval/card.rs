//! Signatures by the certificate of a person's card (PIV, CAC), as `openssl cms -sign` makes them: CMS
//! (RFC 5652), detached, over the statement's exact bytes.
//!
//! What is kept and judged is one text: the signature, and the list of revoked certificates (CRL) of the
//! authority that issued the certificate, so that both can be judged offline for ever. Who may sign is said
//! by the roster: the exact certificate, by its digest, and the certificates of issuing authorities. The
//! certificate is issued by one of these directly; cross-certificates are not followed. Dates and revocation
//! are judged at the time at which the log recorded the approval. What cannot be judged is refused.

mod authority;
mod refusal;
mod text;

pub use authority::{Authority, AuthorityError};
pub use refusal::CardRefusal;
pub use text::{enclose, is_cms};

use super::super::cms as messages;
use super::super::id::Digest;
use super::super::text::Text;
use super::super::time::Timestamp;
use super::keys;
use super::refusal::ApprovalRefusal;
use super::roster::{Person, Roster, same_person};
use super::signed::SignedApproval;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerInfo};
use der::Decode;
use der::asn1::ObjectIdentifier;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Signature and list of revoked certificates, as text. A list of some ten thousand entries fits.
pub const CMS_BYTES_MAX: usize = 512 * 1024;
const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");

/// Who signed, with which key, and until when the certificate, its authority and the list of revoked ones are good.
pub(super) struct Signatory<'a> {
    pub(super) owner: &'a Person,
    pub(super) fingerprint: Text<64>,
    pub(super) certificate: Digest,
    pub(super) until: Timestamp,
}

/// The person of the roster whose certificate signed these bytes, as of `at`.
pub(super) fn signer<'a>(
    signed: &SignedApproval,
    claimed: &Text<128>,
    roster: &'a Roster,
    at: Timestamp,
) -> Result<Signatory<'a>, ApprovalRefusal> {
    let enclosed = text::open(&signed.armored)?;
    let (signer, certificate) = read(&enclosed.signature)?;
    let key = keys::of_certificate(&certificate)?;
    let digest = Digest::of(&certificate);
    let owner = roster.holder(&digest).ok_or(CardRefusal::UnknownCertificate(digest))?;
    let other = roster.owner(key.key_data()).filter(|other| other.name != owner.name);
    if !same_person(claimed, &owner.name) || other.is_some() {
        let (claimed, owner) = (claimed.clone(), other.unwrap_or(owner).name.clone());
        return Err(match roster.person(&claimed) {
            Some(_) => ApprovalRefusal::OtherPerson { claimed, owner },
            None => ApprovalRefusal::UnknownPerson { claimed },
        });
    }
    let message =
        messages::message(&signer, ID_DATA, &signed.statement_bytes).map_err(CardRefusal::Signature)?;
    let read = EndEntityCert::try_from(&certificate).map_err(|e| CardRefusal::chain(&e, at))?;
    messages::signed_by(&signer, &read, &message).map_err(CardRefusal::Signature)?;
    for_signing(&certificate)?;
    let until = authority::behind(roster.authorities(), &certificate, &enclosed.revoked, at)?;
    let fingerprint = keys::fingerprint(key.key_data());
    Ok(Signatory { owner, fingerprint, certificate: digest, until })
}

/// The one signer of detached data, and the certificate that it names.
fn read(der: &[u8]) -> Result<(SignerInfo, CertificateDer<'static>), CardRefusal> {
    let content = ContentInfo::from_der(der).map_err(|_| CardRefusal::Malformed)?;
    if content.content_type != messages::ID_SIGNED_DATA {
        return Err(CardRefusal::Malformed);
    }
    let signed: SignedData = content.content.decode_as().map_err(|_| CardRefusal::Malformed)?;
    let enclosed = &signed.encap_content_info;
    if enclosed.econtent.is_some() {
        return Err(CardRefusal::Attached);
    }
    if enclosed.econtent_type != ID_DATA {
        return Err(CardRefusal::Signature(messages::SignatureFault::OtherType));
    }
    let [signer] = signed.signer_infos.0.as_slice() else {
        return Err(CardRefusal::Signers(signed.signer_infos.0.len()));
    };
    let certificates = messages::certificates(&signed).map_err(|_| CardRefusal::Malformed)?;
    let named = certificates.into_iter().find(|c| messages::is_named(signer, c));
    Ok((signer.clone(), named.ok_or(CardRefusal::NoCertificate)?))
}

/// Whether it is a person's certificate, and for signatures (RFC 5280, 4.2.1.3 and 4.2.1.9). Extended
/// purposes do not matter: an approval is none of those that have a name.
fn for_signing(certificate: &CertificateDer<'_>) -> Result<(), CardRefusal> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|_| CardRefusal::Malformed)?;
    let constraints = read.basic_constraints().map_err(|_| CardRefusal::Malformed)?;
    if constraints.is_some_and(|c| c.value.ca) {
        return Err(CardRefusal::IsAuthority);
    }
    let usage = read.key_usage().map_err(|_| CardRefusal::Malformed)?;
    match usage.is_some_and(|u| u.value.digital_signature() || u.value.non_repudiation()) {
        true => Ok(()),
        false => Err(CardRefusal::Usage),
    }
}

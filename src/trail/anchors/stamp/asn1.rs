//! The structures of RFC 3161 that are asked for and answered, in DER. CMS itself is read by `cms`.

use super::{Imprint, StampError};
use crate::domain::cms::{ID_SHA256, strong};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY};
use cms::cert::x509::ext::Extension;
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::content_info::ContentInfo;
use der::asn1::{AnyRef, Int, ObjectIdentifier, OctetString, Uint};
use der::{Decode, Encode, Reader, Sequence, SliceReader, Tag, Tagged};

const ID_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
pub(super) const ID_TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
pub(super) const ID_SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
pub(super) const ID_SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// The digest by which a signer names its certificate: old authorities still use SHA-1 there, and
/// only there (RFC 2634; RFC 5816 brought the others).
pub(super) fn of_certificate(oid: &ObjectIdentifier) -> Option<&'static Algorithm> {
    if *oid == ID_SHA1 { Some(&SHA1_FOR_LEGACY_USE_ONLY) } else { strong(oid) }
}

#[derive(Sequence)]
struct MessageImprint {
    hash_algorithm: AlgorithmIdentifierOwned,
    hashed_message: OctetString,
}

#[derive(Sequence)]
struct Request {
    version: u8,
    message_imprint: MessageImprint,
    nonce: Uint,
    cert_req: bool,
}

/// A request for a time stamp over this SHA-256 hash, with the authority's certificate in the
/// answer (`TimeStampReq`).
pub fn request(sha256: &[u8; 32], nonce: [u8; 8]) -> Result<Vec<u8>, der::Error> {
    let parameters = Some(der::asn1::Any::null());
    let hash_algorithm = AlgorithmIdentifierOwned { oid: ID_SHA256, parameters };
    let message_imprint = MessageImprint { hash_algorithm, hashed_message: OctetString::new(*sha256)? };
    Request { version: 1, message_imprint, nonce: Uint::new(&nonce)?, cert_req: true }.to_der()
}

/// The token in a reply (`TimeStampResp`), or why there is none.
pub(super) fn token(reply: &[u8]) -> Result<ContentInfo, StampError> {
    let outer = AnyRef::from_der(reply).map_err(malformed("it is no reply of a time stamping authority"))?;
    let read = outer.sequence(|r| {
        let status: AnyRef<'_> = r.decode()?;
        let token: Option<ContentInfo> = if r.is_finished() { None } else { Some(r.decode()?) };
        Ok((status, token))
    });
    let (status, token) = read.map_err(malformed("it is no reply of a time stamping authority"))?;
    let (number, text) = status.sequence(said).map_err(malformed("its status cannot be read"))?;
    match token {
        // 0 is granted, 1 granted with modifications.
        Some(token) if number <= 1 => Ok(token),
        _ => Err(StampError::Refused(number, text)),
    }
}

/// `PKIStatusInfo`: a number, perhaps words, perhaps bits.
fn said<'a>(r: &mut impl Reader<'a>) -> der::Result<(u8, Text<200>)> {
    let number = r.decode()?;
    let mut text = String::new();
    while !r.is_finished() {
        let part: AnyRef<'a> = r.decode()?;
        if part.tag() == Tag::Sequence {
            let words: Vec<String> = Vec::from_der(&part.to_der()?)?;
            text = words.join(" ");
        }
    }
    Ok((number, Text::lossy(&text)))
}

/// What a token says (`TSTInfo`).
pub(super) struct Info {
    pub(super) imprint: Imprint,
    pub(super) time: Timestamp,
    pub(super) nonce: Option<Vec<u8>>,
}

pub(super) fn info(content: &[u8]) -> Result<Info, StampError> {
    let outer = AnyRef::from_der(content).map_err(malformed("its content cannot be read"))?;
    let read = outer.sequence(|r| {
        let (version, _policy): (u8, ObjectIdentifier) = (r.decode()?, r.decode()?);
        let (imprint, _serial): (MessageImprint, Int) = (r.decode()?, r.decode()?);
        let time: AnyRef<'_> = r.decode()?;
        let (mut nonce, mut understood) = (None, version == 1 && time.tag() == Tag::GeneralizedTime);
        while !r.is_finished() {
            let part: AnyRef<'_> = r.decode()?;
            match part.tag() {
                Tag::Integer => nonce = Some(part.value().to_vec()),
                Tag::ContextSpecific { number, .. } if number.value() == 1 => {
                    understood &= !has_critical(part.value())?;
                }
                _ => {}
            }
        }
        Ok((imprint, time.value().to_vec(), nonce, understood))
    });
    let (imprint, time, nonce, understood) = read.map_err(malformed("its content cannot be read"))?;
    if !understood {
        return Err(unreadable("it is of a version, or has an extension, that is not known here"));
    }
    let algorithm = strong(&imprint.hash_algorithm.oid).ok_or(StampError::Weak)?;
    let imprint = Imprint { algorithm, hash: imprint.hashed_message.into_bytes() };
    let time = generalized(&time).ok_or_else(|| unreadable("its time cannot be read"))?;
    Ok(Info { imprint, time, nonce })
}

fn has_critical(extensions: &[u8]) -> der::Result<bool> {
    let (mut reader, mut critical) = (SliceReader::new(extensions)?, false);
    while !reader.is_finished() {
        critical |= reader.decode::<Extension>()?.critical;
    }
    Ok(critical)
}

/// `YYYYMMDDhhmmss[.f]Z`: the form that RFC 3161, 2.4.2 asks for.
fn generalized(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_at_checked(14)?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let sound = digits(whole) && (fraction.is_empty() || fraction.strip_prefix('.').is_some_and(digits));
    let part = |from: usize| &whole[from..from + 2];
    let date = format!("{}-{}-{}", &whole[..4], part(4), part(6));
    let time = format!("{}:{}:{}{fraction}", part(8), part(10), part(12));
    if sound { format!("{date}T{time}Z").parse().ok() } else { None }
}

/// The digest by which the signer names its certificate, first in `SigningCertificate` (SHA-1) or
/// `SigningCertificateV2` (SHA-256 if it does not say).
pub(super) fn certificate_named(value: &[u8], v2: bool) -> Option<(&'static Algorithm, Vec<u8>)> {
    let outer = AnyRef::from_der(value).ok()?;
    let first: AnyRef<'_> = outer
        .sequence(|r| {
            let certificates: AnyRef<'_> = r.decode()?;
            let _policies: Option<AnyRef<'_>> = if r.is_finished() { None } else { Some(r.decode()?) };
            certificates.sequence(|r| {
                let first: AnyRef<'_> = r.decode()?;
                while !r.is_finished() {
                    let _: AnyRef<'_> = r.decode()?;
                }
                Ok(first)
            })
        })
        .ok()?;
    let named = first.sequence(|r| {
        let part: AnyRef<'_> = r.decode()?;
        let (oid, hash) = if part.tag() == Tag::Sequence {
            (part.decode_as::<AlgorithmIdentifierOwned>()?.oid, r.decode::<AnyRef<'_>>()?)
        } else {
            (if v2 { ID_SHA256 } else { ID_SHA1 }, part)
        };
        while !r.is_finished() {
            let _: AnyRef<'_> = r.decode()?;
        }
        Ok((oid, hash.value().to_vec()))
    });
    let (oid, hash) = named.ok()?;
    Some((of_certificate(&oid)?, hash))
}

fn unreadable(what: &str) -> StampError {
    StampError::Malformed(Text::lossy(what))
}

pub(super) fn malformed(what: &'static str) -> impl Fn(der::Error) -> StampError {
    move |e| StampError::Malformed(Text::lossy(&format!("{what} ({e})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_fractions() {
        for (text, want) in [
            ("20261123070009Z", Some("2026-11-23T07:00:09.000Z")),
            ("20261123070009.5Z", Some("2026-11-23T07:00:09.500Z")),
            ("20261123070009.123456Z", Some("2026-11-23T07:00:09.123Z")),
            ("20261123070009", None),
            ("20261123070009.Z", None),
            ("20261123070009+0100", None),
            ("20261323070009Z", None),
            ("2026é123070009Z", None),
            ("2026", None),
        ] {
            assert_eq!(generalized(text.as_bytes()).map(|t| t.to_string()).as_deref(), want, "{text}");
        }
    }

    /// As `openssl ts -query -digest … -sha256 -cert` writes it, with this nonce.
    #[test]
    fn a_request_is_that_of_others() {
        let bytes = request(&[0xab; 32], [0x41, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        let mut want = vec![0x30, 0x43, 2, 1, 1, 0x30, 0x31, 0x30, 0x0d, 6, 9];
        want.extend([0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20]);
        want.extend([0xab; 32]);
        want.extend([2, 8, 0x41, 2, 3, 4, 5, 6, 7, 8, 1, 1, 0xff]);
        assert_eq!(bytes, want);
    }
}

//! The text that is kept: two PEM blocks (RFC 7468), in one spelling.

use super::{CMS_BYTES_MAX, CardRefusal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::Pem;

const SIGNATURE: &str = "CMS";
const REVOKED: &str = "X509 CRL";
const LINE_BYTES: usize = 48;

/// A signature and a list of revoked certificates, in DER; neither has been judged.
pub(super) struct Enclosed {
    pub(super) signature: Vec<u8>,
    pub(super) revoked: Vec<u8>,
}

/// Whether this is meant as a signature by a certificate, not by an SSH key.
pub fn is_cms(text: &str) -> bool {
    text.starts_with("-----BEGIN CMS-----")
}

/// What is handed in: a signature as `openssl cms -sign -outform PEM` writes it, with the list of revoked
/// certificates (PEM or DER).
pub fn enclose(signature: &[u8], revoked: &[u8]) -> Result<String, CardRefusal> {
    let signature = block(signature, SIGNATURE).ok_or(CardRefusal::Malformed)?;
    let revoked = match revoked.starts_with(b"-----BEGIN") {
        true => block(revoked, REVOKED).ok_or(CardRefusal::NoList)?,
        false => revoked.to_vec(),
    };
    let text = write(&signature, &revoked);
    if text.len() > CMS_BYTES_MAX { Err(CardRefusal::TooLarge) } else { Ok(text) }
}

/// Reads what was handed in, in the one spelling in which [`enclose`] writes it.
pub(super) fn open(text: &str) -> Result<Enclosed, CardRefusal> {
    if text.len() > CMS_BYTES_MAX {
        return Err(CardRefusal::TooLarge);
    }
    let blocks = blocks(text.as_bytes()).ok_or(CardRefusal::Malformed)?;
    let (signature, revoked) = match blocks.as_slice() {
        [one, two] if one.label == SIGNATURE && two.label == REVOKED => (&one.contents, &two.contents),
        [one] if one.label == SIGNATURE => return Err(CardRefusal::NoList),
        _ => return Err(CardRefusal::Malformed),
    };
    if write(signature, revoked) != text {
        return Err(CardRefusal::Malformed);
    }
    Ok(Enclosed { signature: signature.clone(), revoked: revoked.clone() })
}

fn blocks(pem: &[u8]) -> Option<Vec<Pem>> {
    Pem::iter_from_buffer(pem).collect::<Result<_, _>>().ok()
}

/// The one block of a file that has no other.
pub(super) fn block(pem: &[u8], label: &str) -> Option<Vec<u8>> {
    let mut blocks = blocks(pem)?;
    let one = blocks.pop().filter(|one| one.label == label)?;
    blocks.is_empty().then_some(one.contents)
}

fn write(signature: &[u8], revoked: &[u8]) -> String {
    let mut out = String::new();
    for (label, der) in [(SIGNATURE, signature), (REVOKED, revoked)] {
        pem(&mut out, label, der);
    }
    out
}

pub(super) fn pem(out: &mut String, label: &str, der: &[u8]) {
    out.push_str(&format!("-----BEGIN {label}-----\n"));
    // 48 bytes are one line of 64 characters.
    for line in der.chunks(LINE_BYTES) {
        STANDARD.encode_string(line, out);
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
}

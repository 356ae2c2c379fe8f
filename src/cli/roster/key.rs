//! `reissue roster key CERTIFICATE`: the key of a card, for a roster.

use super::super::error::Failure;
use super::super::world::unreadable;
use super::super::{ExitCode, Session, codes};
use crate::domain::approval::keys::{self, KeyRefusal};
use crate::domain::id::Digest;
use serde::Serialize;
use std::path::PathBuf;
use x509_parser::pem::Pem;

const CERTIFICATE_BYTES_MAX: u64 = 64 << 10;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The person's certificate, PEM or DER
    #[arg(value_name = "CERTIFICATE")]
    certificate: PathBuf,
}

#[derive(Serialize)]
struct KeyObject {
    certificate: Digest,
    fingerprint: String,
    key: String,
}

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let path = &arguments.certificate;
    let read = session.env.disk.read(path, CERTIFICATE_BYTES_MAX);
    let bytes = read.map_err(|e| unreadable(path, &e, "the certificate"))?;
    let refused = |e: KeyRefusal| {
        let next = "export the card's certificate, for example `pkcs15-tool --read-certificate 02 --output cert.pem`";
        Failure::new(codes::ROSTER, e.to_string(), next).at(path)
    };
    let der = der(&bytes).map_err(refused)?;
    let (key, certificate) = (keys::of_certificate(&der).map_err(refused)?, Digest::of(&der));
    let line = key.to_openssh().map_err(|_| refused(KeyRefusal::NoCertificate))?;
    let (key, fingerprint) = (line.trim().to_owned(), keys::fingerprint(key.key_data()).to_string());
    let object = KeyObject { certificate, fingerprint, key };
    session.out.object("key", &object);
    session.out.line(&object.key);
    session.out.notice(&format!("{}: compare it with the person.\n", object.fingerprint));
    session.out.notice(&format!("For `certificates:`, if the card signs CMS: \"{certificate}\"\n"));
    Ok(ExitCode::Done)
}

/// One certificate, however it is wrapped; a private key is none.
fn der(bytes: &[u8]) -> Result<Vec<u8>, KeyRefusal> {
    if !bytes.starts_with(b"-----BEGIN") {
        return Ok(bytes.to_vec());
    }
    let all: Vec<Pem> =
        Pem::iter_from_buffer(bytes).collect::<Result<_, _>>().map_err(|_| KeyRefusal::NoCertificate)?;
    match all.as_slice() {
        [one] if one.label == "CERTIFICATE" => Ok(one.contents.clone()),
        _ => Err(KeyRefusal::NoCertificate),
    }
}

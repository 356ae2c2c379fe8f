//! The lab over TLS on loopback, for clients in other processes: HTTP/1.1, one certificate that
//! names every real and every lab host, signed by a CA made for this run.
//!
//! The folder gets `ca.pem` and `lab.json` (address, hosts, tenant); neither holds a secret.
//! The TLS keys are fresh from the system's randomness, not from the lab's: whoever trusts this
//! CA must not thereby trust everyone who knows a seed.

use super::{Lab, hosts};
use crate::domain::time::Timestamp;
use crate::env::disk::{Disk, DiskError, RealDisk};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The largest request body that is read, in bytes.
const BODY_MAX: usize = 4 * 1024 * 1024;
const LIFE: Duration = Duration::from_secs(30 * 86_400);

/// Why the lab cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {addr}: {why}")]
    Listen { addr: SocketAddr, why: std::io::Error },
    #[error("cannot make the lab's certificates: {0}")]
    Certificate(String),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A served lab. Dropping it stops the server and the people.
pub struct Serving {
    pub addr: SocketAddr,
    /// The CA that clients must trust, as PEM.
    pub ca_pem: String,
    task: tokio::task::JoinHandle<()>,
}

impl Serving {
    /// Waits until the server ends, which it does not by itself.
    pub async fn wait(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the lab at `addr` (port 0 picks one) and lets its people live.
pub async fn serve(lab: Lab, dir: &Path, addr: SocketAddr) -> Result<Serving, ServeError> {
    let listen = |why| ServeError::Listen { addr, why };
    let listener = TcpListener::bind(addr).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    let names = host_names(&lab);
    let (ca_pem, acceptor) = tls(&names, lab.now()).map_err(|e| ServeError::Certificate(e.to_string()))?;
    let (tenant, vaults) =
        lab.with(|s| (s.options.tenant.clone(), s.vaults.keys().cloned().collect::<Vec<_>>()));
    let about = json!({"addr": addr.to_string(), "port": addr.port(), "hosts": names, "tenant": tenant.as_str(), "vaults": vaults, "ca": "ca.pem"});
    RealDisk.make_folder(dir)?;
    RealDisk.write_atomic(&dir.join("ca.pem"), ca_pem.as_bytes())?;
    // Last, since its appearance says that the lab is ready.
    RealDisk.write_atomic(&dir.join("lab.json"), format!("{about:#}\n").as_bytes())?;
    let task = tokio::spawn(async move {
        tokio::select! {
            () = accept(lab.clone(), listener, acceptor) => {}
            () = lab.people() => {}
        }
    });
    Ok(Serving { addr, ca_pem, task })
}

fn host_names(lab: &Lab) -> Vec<String> {
    let extra = lab.with(|s| s.options.extra_hosts.clone());
    hosts::real_names().into_iter().chain(extra.iter().flat_map(|d| hosts::lab_names(d))).collect()
}

async fn accept(lab: Lab, listener: TcpListener, acceptor: TlsAcceptor) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    open.spawn(connection(lab.clone(), stream, acceptor.clone()));
                }
                // Out of file descriptors, most likely: let connections close first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn connection(lab: Lab, stream: TcpStream, acceptor: TlsAcceptor) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| exchange(lab.clone(), request));
    // An error here is a lost connection, which is what a fault wants to look like.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(
    lab: Lab,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, Failure> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await?.to_bytes();
    let response = lab.handle(http::Request::from_parts(parts, body)).await?;
    Ok(response.map(Full::new))
}

fn tls(names: &[String], now: Timestamp) -> Result<(String, TlsAcceptor), Failure> {
    let from = Timestamp::from_unix_s(now.unix_s() - 86_400);
    let (not_before, not_after) = (super::keys::date_time(from), super::keys::date_time(now.after(LIFE)));
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    ca.distinguished_name.push(DnType::CommonName, "reissue lab CA (tests only)");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    (ca.not_before, ca.not_after) = (not_before, not_after);
    let ca_certificate = ca.self_signed(&ca_key)?;
    let leaf_key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(names.to_vec())?;
    leaf.distinguished_name.push(DnType::CommonName, "reissue lab");
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    (leaf.not_before, leaf.not_after) = (not_before, not_after);
    let signed = leaf.signed_by(&leaf_key, &Issuer::from_params(&ca, &ca_key))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((ca_certificate.pem(), TlsAcceptor::from(Arc::new(config))))
}

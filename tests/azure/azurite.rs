//! Blobs against Azurite, Microsoft's own emulator of the storage service. `tests/clients/azurite.sh`
//! brings it and runs these; the emulator knows no immutability policies, and says so.

use async_trait::async_trait;
use bytes::Bytes;
use reissue::azure::Azure;
use reissue::azure::blob::BlobError;
use reissue::azure::credential::Identity;
use reissue::domain::id::{ClientId, TenantId};
use reissue::domain::playbook::model::Cloud;
use reissue::domain::secret::Secret;
use reissue::env::{Clock, Env};
use reissue::lab::{Lab, LabDisconnect, LabOptions, Lags, NewApplication, SecretSpec};
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use reissue::wire::net::{Net, NetOptions, Roots};
use reissue::wire::{Class, Wire, WireError};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

const HOST: &str = "kept.blob.core.usgovcloudapi.net";
const TENANT: &str = "7d3c9a10-0000-4000-8000-000000000001";
const OPERATOR: &str = "00000000-0000-4000-8000-0000000000aa";

/// The lab for signing in, Azurite for blobs.
#[derive(Debug)]
struct Split {
    lab: Box<dyn Wire>,
    azurite: Net,
}

#[async_trait]
impl Wire for Split {
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        match request.uri().host() == Some(HOST) {
            true => self.azurite.call(request).await,
            false => self.lab.call(request).await,
        }
    }
}

struct Azurite(Child);
impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A certificate for the account's host, by an authority made for it; its PEM.
fn certify(folder: &Path) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(vec![]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, key);
    let own = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&own, &issuer).unwrap();
    std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), own.serialize_pem()).unwrap();
    ca
}

fn start(folder: &Path, port: u16) -> Azurite {
    let program =
        std::env::var("AZURITE_BLOB").expect("AZURITE_BLOB names the program; see tests/clients/azurite.sh");
    let port = port.to_string();
    let mut command = Command::new(program);
    command.args([
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        &port,
        "--oauth",
        "basic",
        "--silent",
        "--skipApiVersionCheck",
    ]);
    command.args(["--disableTelemetry", "--inMemoryPersistence", "--cert", "cert.pem", "--key", "key.pem"]);
    command.env("AZURITE_ACCOUNTS", "kept:a2V5IG9mIHRoZSB0ZXN0IG9ubHk=").current_dir(folder);
    Azurite(command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap())
}

/// A session whose sign-in is the lab's, and whose blobs are Azurite's, with a container in it.
async fn session(folder: &Path) -> (Azure, Azurite) {
    let ca = certify(folder);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let azurite = start(folder, free.port());
    let env = Env { clock: Clock::real(), ..Env::real() };
    let tenant: TenantId = TENANT.parse().unwrap();
    let operator: ClientId = OPERATOR.parse().unwrap();
    let lab = Lab::new(
        env.clock,
        env.random.clone(),
        LabOptions { tenant: tenant.clone(), lags: Lags::none(), ..LabOptions::default() },
    );
    lab.create_application(NewApplication::new(operator.clone(), "operator"));
    let (_, secret) = lab.add_secret(&operator, SecretSpec::default());
    let resolve = Some(vec![(HOST.to_owned(), free)]);
    let net = Net::new(NetOptions { roots: Roots::Only(ca.into_bytes()), resolve, plain: false }).unwrap();
    let lab: Box<dyn Wire> = Box::new(InProcess::new(lab.service(), |e: &LabDisconnect| e.may_have_reached));
    let wire = Arc::new(Split { lab, azurite: net });
    for _ in 0..200 {
        if std::net::TcpStream::connect(free).is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    container(&*wire, &secret).await;
    let identity = Identity::Secret { client_id: operator, secret: Secret::new(secret) };
    let budget = Azure::budget_for(&env, 70, Start::Full);
    (Azure::new(&env, Cloud::UsGovHigh, tenant, wire, budget, identity), azurite)
}

/// Makes the container, as an administrator does beforehand.
async fn container(wire: &dyn Wire, secret: &str) {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "client_credentials"),
            ("client_id", OPERATOR),
            ("client_secret", secret),
        ])
        .append_pair("scope", "https://storage.azure.com/.default")
        .finish();
    let login = format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token");
    let request = http::Request::post(login).header("content-type", "application/x-www-form-urlencoded");
    let answer = wire.call(request.body(Bytes::from(form)).unwrap()).await.unwrap();
    let token: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    let request = http::Request::put(format!("https://{HOST}/anchors?restype=container"))
        .header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()))
        .header("x-ms-version", "2021-12-02")
        .extension(Class::Read);
    let answer = wire.call(request.body(Bytes::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 201, "{answer:?}");
}

#[tokio::test]
#[ignore = "needs Azurite: tests/clients/azurite.sh"]
async fn a_kept_blob_is_put_once_and_its_bytes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (azure, _azurite) = session(folder.path()).await;
    let blob = azure.kept_blob(&format!("https://{HOST}/anchors/log/000000000041")).unwrap();
    blob.put(b"a checkpoint\n").await.unwrap();
    blob.put(b"a checkpoint\n").await.expect("the very bytes are there already");
    assert!(matches!(blob.put(b"another one\n").await, Err(BlobError::Taken)));
    assert_eq!(&blob.read().await.unwrap()[..], b"a checkpoint\n");
    // The emulator has no policies: what it does not say is not taken for said.
    assert_eq!(blob.policy().await.unwrap(), None);
    let refused = blob.lock("2030-01-01T00:00:00Z".parse().unwrap()).await.unwrap_err();
    assert!(refused.status.is_some_and(|s| s >= 400), "{refused:?}");
}

#[tokio::test]
#[ignore = "needs Azurite: tests/clients/azurite.sh"]
async fn an_append_blob_grows_only_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let (azure, _azurite) = session(folder.path()).await;
    let blob = azure.blob(&format!("https://{HOST}/anchors/mirror.jsonl")).unwrap();
    assert_eq!(blob.read().await.unwrap(), "");
    blob.append(0, "one\n").await.unwrap();
    blob.append(4, "two\n").await.unwrap();
    assert!(matches!(blob.append(4, "three\n").await, Err(BlobError::Taken)));
    assert_eq!(blob.read().await.unwrap(), "one\ntwo\n");
}

//! Serves a small lab tenant over TLS on loopback until it is killed, for clients in other
//! processes: `cargo run --example lab_server -- FOLDER [PORT]`.
//!
//! The folder gets `ca.pem` and `lab.json`, and `operator.json` with the operator's sign-in and a
//! user's password: the one file with secrets, which protect nothing but this lab.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use reissue::domain::id::ClientId;
use reissue::env::disk::{Disk, RealDisk};
use reissue::env::{Clock, Random};
use reissue::lab::{Between, Lab, LabOptions, Lags, NewApplication, NewUser, Owner, SecretSpec, VaultRole};
use serde_json::json;
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const OPERATOR: &str = "33333333-3333-4333-8333-333333333333";
const PERMISSIONS: [&str; 10] = [
    "Application.ReadWrite.All",
    "AuditLog.Read.All",
    "Directory.Read.All",
    "Policy.Read.All",
    "RoleManagement.Read.Directory",
    "User.Read.All",
    "User-PasswordProfile.ReadWrite.All",
    "User.EnableDisableAccount.All",
    "User.RevokeSessions.All",
    "UserAuthenticationMethod.Read.All",
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().ok_or("usage: lab_server FOLDER [PORT]")?);
    let port: u16 = args.next().map_or(Ok(8443), |p| p.parse())?;
    // Lags of up to two seconds: enough to be noticed, short enough for a test.
    let lag = Between::millis(200, 2_000);
    let lags = Lags {
        replica: lag,
        login_new: lag,
        login_removed: lag,
        login_other: lag,
        request: Between::NONE,
        ..Lags::default()
    };
    let settle = Lags {
        vault_settle: Between::seconds(1, 2),
        certificate: Between::seconds(1, 2),
        audit: Between::seconds(2, 4),
        ..lags
    };
    let options = LabOptions {
        tenant: "11111111-1111-4111-8111-111111111111".parse()?,
        lags: settle,
        ..LabOptions::default()
    };
    let lab = Lab::new(Clock::real(), Random::from_system(), options);
    let operator = scene(&lab)?;
    record(&lab, &folder)?;
    RealDisk.make_folder(&folder)?;
    RealDisk.write_atomic(&folder.join("operator.json"), operator.to_string().as_bytes())?;
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    reissue::lab::serve::serve(lab, &folder, addr).await?.wait().await;
    Ok(())
}

fn scene(lab: &Lab) -> Result<serde_json::Value, Box<dyn Error>> {
    let operator: ClientId = OPERATOR.parse()?;
    lab.create_application(NewApplication::new(operator.clone(), "operator"));
    let secret = lab.add_secret(&operator, SecretSpec::default()).1;
    let certificate = lab.generate_certificate("CN=operator", std::time::Duration::from_secs(86_400))?;
    lab.add_certificate(&operator, Owner::Application, &certificate.cert_der, None);
    PERMISSIONS.iter().for_each(|p| lab.grant_app_permission(&operator, p));
    lab.create_vault("lab");
    for role in [VaultRole::SecretsOfficer, VaultRole::CertificatesOfficer, VaultRole::CryptoUser] {
        lab.grant_vault_role(&operator, "lab", role);
    }
    for n in 1..=5 {
        let client: ClientId = format!("aaaaaaaa-0000-4000-8000-00000000000{n}").parse()?;
        lab.create_application(NewApplication::new(client.clone(), format!("app-000{n}")));
        lab.add_secret(&client, SecretSpec::default());
    }
    let mut user = NewUser::new("user1@lab.test", "User One");
    user.password = Some("Lab-Passw0rd-1".into());
    lab.create_user(user);
    Ok(json!({"client_id": OPERATOR, "client_secret": secret, "certificate_pem": certificate.pem()}))
}

/// Records every exchange, its secrets replaced, into `exchanges.jsonl`.
fn record(lab: &Lab, folder: &Path) -> Result<(), Box<dyn Error>> {
    RealDisk.make_folder(folder)?;
    let file = RealDisk.open_append(&folder.join("exchanges.jsonl"))?;
    let file = std::sync::Mutex::new(file);
    lab.record(move |line| {
        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A line that cannot be written is a line less to judge; the lab goes on.
        let _ = file.append(format!("{line}\n").as_bytes());
    });
    Ok(())
}

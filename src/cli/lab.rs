//! `reissue lab FILE`: serves a lab tenant made from a playbook, over TLS on this machine.

use super::codes;
use super::error::Failure;
use super::recording::Recording;
use super::world::runtime;
use super::{ExitCode, Session};
use crate::drill::scene::{self, Scene};
use crate::env::Env;
use crate::lab::serve::serve;
use crate::lab::{LabOptions, Lags, Owner};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The playbook whose tenant shall exist
    file: PathBuf,
    /// Where `ca.pem`, `lab.json`, `operator.json` and `operator.pem` go
    #[arg(long, value_name = "DIR", default_value = "lab")]
    dir: PathBuf,
    /// The port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Append each exchange, without its secrets, to this file, as one JSON object a line; discovery
    /// and management are left out
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// No lags; commands that use this lab look again after a shorter while
    #[arg(long)]
    fast: bool,
}

/// What a fast lab divides pauses by.
const FAST: u32 = 20;
/// How long the operator's certificate is good for: longer than a lab lives.
const OPERATOR_LIFE: Duration = Duration::from_secs(90 * 86_400);

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let playbook = super::check::load(&arguments.file, session)?;
    let env = session.env.clone();
    let failed =
        |e: String| Failure::new(codes::NO_LAB, e, "check the folder and the port").at(&arguments.dir);
    let runtime = runtime()?;
    runtime.block_on(async {
        let lags = if arguments.fast { Lags::none() } else { Lags::default() };
        let scene = scene::build_with(&env, &playbook, LabOptions { lags, ..LabOptions::default() });
        let recording = arguments.record.as_deref().map(|file| Recording::open(env.disk.as_ref(), file));
        let recording = recording.transpose()?;
        if let Some(recording) = &recording {
            recording.follow(&scene.lab);
        }
        let haste = if arguments.fast { FAST } else { 1 };
        equip(&env, &scene, &arguments.dir, haste).map_err(failed)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
        let serving =
            serve(scene.lab.clone(), &arguments.dir, address).await.map_err(|e| failed(e.to_string()))?;
        let out = &mut session.out;
        out.object("lab", &serde_json::json!({ "addr": serving.addr, "dir": arguments.dir }));
        out.line(&format!("The lab tenant {} is at {}.", playbook.tenant.id, serving.addr));
        out.line(&format!(
            "  use it with `--lab {}`; `operator.json` and `operator.pem` there sign in, in this lab only",
            arguments.dir.display()
        ));
        out.line("  it lives in memory, and ends with Ctrl-C");
        out.flush();
        tokio::select! {
            () = serving.wait() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        if let Some(recording) = &recording {
            recording.count()?;
        }
        Ok(ExitCode::Done)
    })
}

/// Gives the operator what it signs in with, and writes it down: the secret in `operator.json`,
/// a certificate with its key in `operator.pem`. Neither opens anything but this lab.
fn equip(env: &Env, scene: &Scene, folder: &Path, haste: u32) -> Result<(), String> {
    let certificate =
        scene.lab.generate_certificate("CN=operator", OPERATOR_LIFE).map_err(|e| e.to_string())?;
    scene.lab.add_certificate(&scene.operator, Owner::Application, &certificate.cert_der, None);
    let operator = serde_json::json!({
        "client_id": scene.operator, "secret": scene.operator_secret, "haste": haste
    });
    let disk = &env.disk;
    disk.make_folder(folder).map_err(|e| e.to_string())?;
    let write = |name: &str, text: &str| disk.write_atomic(&folder.join(name), text.as_bytes());
    write("operator.json", &format!("{operator:#}\n")).map_err(|e| e.to_string())?;
    write("operator.pem", &certificate.pem()).map_err(|e| e.to_string())
}

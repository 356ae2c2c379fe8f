//! `reissue lab FILE`: serves a lab tenant made from a playbook, over TLS on this machine.

use super::codes;
use super::error::Failure;
use super::recording::Recording;
use super::world::{interrupted, runtime};
use super::{ExitCode, Session};
use crate::drill::scene::{self, Scene};
use crate::env::{Env, Random};
use crate::lab::serve::serve;
use crate::lab::{Faults, Lab, LabOptions, Lags, Owner};
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
    /// No lags, windows of quotas that are so many times shorter, and people who sign in so many times
    /// more often; commands that use this lab look again after a shorter while
    #[arg(long, value_name = "TIMES", num_args = 0..=1, require_equals = true, default_missing_value = "20",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    fast: Option<u32>,
    /// Switch on the lab's faults, drawn from this number: lost replies, throttling, conflicts, errors,
    /// slow answers, lags. With `--fast`, so many times shorter ones
    #[arg(long, value_name = "SEED")]
    hostile: Option<u64>,
    /// Write what really happened to this file, at the start and again when the lab ends (Ctrl-C or
    /// SIGTERM): outages, attackers, writes, faults, and every credential by its id
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// How long the operator's certificate is good for: longer than a lab lives.
const OPERATOR_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// The key of each store that can countersign checkpoints.
const COUNTERSIGNS: &str = "reissue-log";

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let playbook = super::check::load(&arguments.file, session)?;
    let env = session.env.clone();
    let failed =
        |e: String| Failure::new(codes::NO_LAB, e, "check the folder and the port").at(&arguments.dir);
    let runtime = runtime()?;
    runtime.block_on(async {
        let scene = scene::build_with(&in_weather(&env, &arguments), &playbook, options(&arguments));
        let recording = arguments.record.as_deref().map(|file| Recording::open(env.disk.as_ref(), file));
        let recording = recording.transpose()?;
        if let Some(recording) = &recording {
            recording.follow(&scene.lab);
        }
        for store in playbook.stores.values() {
            scene.lab.create_vault_key(&store.key_vault, COUNTERSIGNS);
        }
        equip(&env, &scene, &arguments.dir, haste(&arguments)).map_err(failed)?;
        write_ledger(&env, &arguments, &scene.lab)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
        let serving =
            serve(scene.lab.clone(), &arguments.dir, address).await.map_err(|e| failed(e.to_string()))?;
        let out = &mut session.out;
        out.object("lab", &serde_json::json!({ "addr": serving.addr, "dir": arguments.dir }));
        out.line(&format!("The lab tenant {} is at {}.", playbook.tenant.id, serving.addr));
        out.line(&format!(
            "  use it with `--lab {}`; `operator.json` and `operator.pem` there sign in, in this lab only",
            super::status::quote(&arguments.dir.display().to_string())
        ));
        if let Some(store) = playbook.stores.values().next() {
            out.line(&format!(
                "  `apply --countersign vault:{}/{COUNTERSIGNS}` has a key of this vault sign checkpoints too",
                store.key_vault
            ));
        }
        out.line("  it lives in memory, and ends with Ctrl-C");
        out.flush();
        tokio::select! {
            () = serving.wait() => {}
            () = interrupted() => {}
        }
        if let Some(recording) = &recording {
            recording.count()?;
        }
        if arguments.ledger.is_some() {
            scene.lab.last_call();
        }
        write_ledger(&env, &arguments, &scene.lab)?;
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

fn haste(arguments: &Arguments) -> u32 {
    arguments.fast.unwrap_or(1)
}

/// A hostile lab draws from its seed, so that the same faults exist in it again.
fn in_weather(env: &Env, arguments: &Arguments) -> Env {
    let random = arguments.hostile.map_or_else(|| env.random.clone(), Random::from_seed);
    Env { random, ..env.clone() }
}

fn options(arguments: &Arguments) -> LabOptions {
    let haste = haste(arguments);
    let lags = match (arguments.fast, arguments.hostile) {
        (Some(_), None) => Lags::none(),
        _ => Lags::shorter(haste),
    };
    let faults = arguments.hostile.map(|seed| Faults::weather(&Random::from_seed(seed))).unwrap_or_default();
    LabOptions { lags, faults, haste, ..LabOptions::default() }
}

fn write_ledger(env: &Env, arguments: &Arguments, lab: &Lab) -> Result<(), Failure> {
    let Some(file) = &arguments.ledger else { return Ok(()) };
    let text = format!("{:#}\n", lab.statement());
    let written = env.disk.write_atomic(file, text.as_bytes());
    written.map_err(|e| Failure::new(codes::NO_LAB, e.to_string(), "check the folder and the disk").at(file))
}

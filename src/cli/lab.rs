//! `reissue lab FILE`: serves a lab tenant made from a playbook, over TLS on this machine.

use super::codes;
use super::error::Failure;
use super::world::runtime;
use super::{ExitCode, Session};
use crate::drill::scene;
use crate::lab::serve::serve;
use crate::lab::{LabOptions, Lags};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The playbook whose tenant shall exist
    file: PathBuf,
    /// Where `ca.pem`, `lab.json` and `operator.json` go
    #[arg(long, value_name = "DIR", default_value = "lab")]
    dir: PathBuf,
    /// The port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Write each exchange, without its secrets, to this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// No lags; commands that use this lab look again after a shorter while
    #[arg(long)]
    fast: bool,
}

/// What a fast lab divides pauses by.
const FAST: u32 = 20;

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let playbook = super::check::load(&arguments.file, session)?;
    let env = session.env.clone();
    let failed =
        |e: String| Failure::new(codes::NO_LAB, e, "check the folder and the port").at(&arguments.dir);
    let runtime = runtime()?;
    runtime.block_on(async {
        let lags = if arguments.fast { Lags::none() } else { Lags::default() };
        let scene = scene::build_with(&env, &playbook, LabOptions { lags, ..LabOptions::default() });
        if let Some(file) = &arguments.record {
            let file = env.disk.open_append(file).map_err(|e| failed(e.to_string()))?;
            let file = Mutex::new(file);
            scene.lab.record(move |line| {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                // A recording that cannot be written ends; the lab goes on.
                let _ = file.append(format!("{line}\n").as_bytes());
            });
        }
        env.disk.make_folder(&arguments.dir).map_err(|e| failed(e.to_string()))?;
        let haste = if arguments.fast { FAST } else { 1 };
        let operator = serde_json::json!({
            "client_id": scene.operator, "secret": scene.operator_secret, "haste": haste
        });
        let operator = format!("{operator:#}\n");
        let path = arguments.dir.join("operator.json");
        env.disk.write_atomic(&path, operator.as_bytes()).map_err(|e| failed(e.to_string()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
        let serving =
            serve(scene.lab.clone(), &arguments.dir, address).await.map_err(|e| failed(e.to_string()))?;
        let out = &mut session.out;
        out.object("lab", &serde_json::json!({ "addr": serving.addr, "dir": arguments.dir }));
        out.line(&format!("The lab tenant {} is at {}.", playbook.tenant.id, serving.addr));
        out.line(&format!(
            "  use it with `--lab {}`; `operator.json` there signs in, in this lab only",
            arguments.dir.display()
        ));
        out.line("  it lives in memory, and ends with Ctrl-C");
        out.flush();
        tokio::select! {
            () = serving.wait() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(ExitCode::Done)
    })
}

//! `reissue drill FILE`: rehearse a playbook, with no cloud at all.

use super::codes;
use super::drill_view::Shown;
use super::error::Failure;
use super::recording::Recording;
use super::status::quote;
use super::{ExitCode, Session, run_view};
use crate::drill::{self, DrillFailure};
use crate::env::Disk;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The playbook
    file: PathBuf,
    /// What chance does: the same seed gives the same drill
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Show the whole plan and every step, not only what is unusual
    #[arg(long)]
    full: bool,
    /// Keep the drill's log, key and objects in this new folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Append each exchange with the tenant, without its secrets, to this file, as one JSON object a
    /// line; discovery and management are left out
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    super::check::load(&arguments.file, session)?;
    if let Some(keep) = arguments.keep.as_ref().filter(|k| session.env.disk.exists(k)) {
        let what = "there is something at this place already";
        return Err(Failure::new(codes::EXISTS, what, "name a folder that does not exist yet").at(keep));
    }
    let bytes = session.env.disk.read(&arguments.file, crate::domain::playbook::SIZE_MAX as u64);
    let bytes = bytes.map_err(|e| Failure::new(codes::UNREADABLE, e.to_string(), "check the file"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime =
        runtime.map_err(|e| Failure::new(codes::MACHINE, e.to_string(), "free memory, try again"))?;
    let recording = arguments.record.as_deref().map(|file| Recording::open(session.env.disk.as_ref(), file));
    let recording = recording.transpose()?;
    let mut shown = Shown::new(&mut session.out, arguments.full, recording.as_ref());
    let (result, disk) = runtime.block_on(async {
        let env = drill::environment(arguments.seed);
        (drill::hold(&env, &text, &mut shown).await, env.disk)
    });
    let result = result.map_err(|e| failed(&arguments.file, e))?;
    shown.report(&result);
    if let Some(folder) = &arguments.keep {
        keep(session, disk.as_ref(), result.home.root(), folder)?;
        session.out.line(&format!(
            "Kept in {}: look with `reissue audit verify --home {}`.",
            folder.display(),
            quote(&folder.to_string_lossy())
        ));
    }
    if let (Some(recording), Some(file)) = (&recording, &arguments.record) {
        let count = recording.count()?;
        session.out.line(&format!("Recorded {count} exchanges in {}.", file.display()));
    }
    Ok(run_view::exit_code(&result.outcome))
}

fn failed(file: &Path, e: DrillFailure) -> Failure {
    match e {
        DrillFailure::Playbook(found) => Failure::unsound(file, found),
        e => Failure::new(codes::DRILL, e.to_string(), "correct the playbook, or report this").at(file),
    }
}

/// Copies the drill's home to a real folder.
fn keep(session: &Session, from: &dyn Disk, root: &Path, to: &Path) -> Result<(), Failure> {
    let wrong = |e: crate::env::DiskError| {
        Failure::new(codes::MACHINE, e.to_string(), "check the folder and the disk").at(to)
    };
    let disk = session.env.disk.as_ref();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        disk.make_folder(&to.join(&folder)).map_err(wrong)?;
        for name in from.list(&root.join(&folder)).map_err(wrong)? {
            let inner = folder.join(name);
            match from.read(&root.join(&inner), u64::MAX) {
                Ok(bytes) => disk.write_atomic(&to.join(&inner), &bytes).map_err(wrong)?,
                Err(_) => folders.push(inner),
            }
        }
    }
    Ok(())
}

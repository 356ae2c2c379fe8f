//! `reissue drill FILE`: rehearse a playbook, with no cloud at all.

use super::codes;
use super::error::Failure;
use super::human::Output;
use super::{ExitCode, Session, plan_view, run_view};
use crate::domain::event::Line;
use crate::domain::id::Digest;
use crate::domain::plan::Plan;
use crate::domain::text::count;
use crate::domain::time::{Timestamp, show_span};
use crate::drill::{self, AttackerResult, Audience, ConsumerResult, DrillFailure, DrillResult};
use crate::engine::Outcome;
use crate::env::Disk;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The playbook
    file: PathBuf,
    /// What chance does: the same seed gives the same drill
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the drill's log, key and objects in this new folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
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
    let mut shown = Shown { out: &mut session.out };
    let (result, disk) = runtime.block_on(async {
        let env = drill::environment(arguments.seed);
        (drill::hold(&env, &text, &mut shown).await, env.disk)
    });
    let result = result.map_err(|e| failed(&arguments.file, e))?;
    report(&result, &mut session.out);
    if let Some(folder) = &arguments.keep {
        keep(session, disk.as_ref(), result.home.root(), folder)?;
        session
            .out
            .line(&format!("Kept in {}: look with `reissue audit verify --home` on it.", folder.display()));
    }
    Ok(run_view::exit_code(&result.outcome))
}

fn failed(file: &Path, e: DrillFailure) -> Failure {
    match e {
        DrillFailure::Playbook(found) => Failure::unsound(file, found),
        e => Failure::new(codes::DRILL, e.to_string(), "correct the playbook, or report this").at(file),
    }
}

/// Shows the plan, then what is recorded.
struct Shown<'a> {
    out: &'a mut Output,
}

impl Audience for Shown<'_> {
    fn planned(&mut self, plan: &Plan, digest: &Digest) {
        if !self.out.is_json() {
            self.out.raw(&plan_view::render(plan, digest));
            self.out.raw("\n");
        }
    }
    fn event(&mut self, line: &Line) {
        run_view::event(self.out, line);
    }
}

#[derive(Serialize)]
struct ConsumerObject<'a> {
    app: &'a str,
    name: &'a str,
    sign_ins: u64,
    outage_seconds: u64,
    is_down: bool,
}

#[derive(Serialize)]
struct AttackerObject<'a> {
    app: &'a str,
    successes: u64,
    last_success: Option<Timestamp>,
}

/// What the lab's own ledger says, which does not believe our log.
fn report(result: &DrillResult, out: &mut Output) {
    let DrillResult { plan: _, outcome, began, ended, consumers, attackers, home: _, scene, judge: _ } =
        result;
    out.line("\nWhat the tenant itself recorded:");
    for ConsumerResult { app, name, sign_ins, outage, is_down } in consumers {
        let outage_seconds = outage.as_secs();
        let object = ConsumerObject { app, name, sign_ins: *sign_ins, outage_seconds, is_down: *is_down };
        out.object("drill_consumer", &object);
        let now = if *is_down { ", and STILL CANNOT SIGN IN" } else { "" };
        out.line(&format!(
            "  consumer {name} of {app}: outage {outage_seconds} s{now} ({sign_ins} sign-ins)"
        ));
    }
    for AttackerResult { app, last_success, successes } in attackers {
        out.object(
            "drill_attacker",
            &AttackerObject { app, successes: *successes, last_success: *last_success },
        );
        let last =
            last_success.map_or("never got in".to_owned(), |at| format!("last got in at {}", at.short()));
        out.line(&format!(
            "  attacker with the leaked value of {app}: {last} ({})",
            count(*successes, "time", "times")
        ));
    }
    out.line(&format!(
        "  writes in the tenant: {} by us, {} by others",
        scene.writes_by_us, scene.writes_by_others
    ));
    out.line(&format!(
        "The drill of {} took {} of virtual time, from {} to {}.",
        scene.incident,
        show_span(ended.since(*began)),
        began.short(),
        ended.short()
    ));
    run_view::outcome(out, outcome as &Outcome);
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

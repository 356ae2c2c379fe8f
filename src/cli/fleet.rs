//! `--fleet FILE`: what a command does for one tenant, for many of them side by side (`docs/adr/0016`).

mod ended;
mod progress;
mod table;

pub(super) use ended::Ended;

use super::error::{self, Failure};
use super::hints::Hints;
use super::line::Line;
use super::status::quote;
use super::world::HomeArguments;
use super::{ExitCode, Session, codes};
use crate::domain::fleet::{self, Fleet, Tenant};
use crate::domain::text::count;
use crate::env::harden::raise_open_files;
use crate::pipeline::fleet::{Panicked, side_by_side};
use crate::trail::Home;
use progress::Progress;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Up to so many tenants, each of their lines is told.
const TOLD_MOST: usize = 20;
/// The log of one tenant, its mirror and the Azure CLI each may hold a thread.
const THREADS_EACH: usize = 3;
/// As many threads as tokio has unless told otherwise.
const THREADS_LEAST: usize = 512;
/// A log's files, and the connections of a tenant with some twenty targets at work.
const FILES_EACH: u64 = 40;

/// The rows of a fleet file, with paths as they are from here.
#[derive(Debug)]
pub(super) struct Rows {
    file: PathBuf,
    tenants: Vec<Tenant>,
}

/// One row, as commands that come next name it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    file: PathBuf,
    name: String,
    /// Where its plan is, or will be.
    pub(super) plan: PathBuf,
}

impl Row {
    /// `reissue COMMAND --fleet FILE --only NAME`, and `more`.
    pub(super) fn command(&self, command: &str, more: &str) -> String {
        let (file, name) = (self.file.to_string_lossy(), &self.name);
        format!("reissue {command} --fleet {} --only {}{more}", quote(&file), quote(name))
    }
}

impl Rows {
    /// Reads a fleet file, and takes those rows that are asked for; all, if none are.
    pub(super) fn read(
        file: &Path,
        only: &[String],
        home: &HomeArguments,
        session: &Session,
    ) -> Result<Self, Failure> {
        if home.is_named() {
            let what = "`--home` cannot be used with `--fleet`: each tenant has a home of its own";
            return Err(Failure::new(codes::ARGUMENT, what, "leave out one of the two"));
        }
        let fleet = load(file, session)?;
        // Two rows for one tenant are a mistake of the file, whichever rows are asked for.
        let folder = file.parent().unwrap_or(Path::new(""));
        let all: Vec<Tenant> = fleet.tenants.into_iter().map(|tenant| from_here(folder, tenant)).collect();
        one_row_each(file, &all, session)?;
        let tenants = chosen(all, only, file)?;
        Ok(Self { file: file.to_owned(), tenants })
    }

    /// Does `work` for every tenant, with a session of its own, and tells how each ended.
    ///
    /// `lines`: whether the tenants' own lines are worth reading, as long as there are few of them.
    pub(super) fn side_by_side<F: Future<Output = Ended>>(
        self,
        command: &str,
        lines: bool,
        session: &mut Session,
        work: impl Fn(&Tenant, Row, Session, UnboundedReceiver<()>) -> F,
    ) -> Result<ExitCode, Failure> {
        let few = self.tenants.len() <= TOLD_MOST;
        enough_files(self.tenants.len(), session);
        let mut progress = Progress::new(&self.tenants, few && lines, session);
        let mut press = Vec::new();
        let begin = |tenant: &Tenant, press: &mut Vec<UnboundedSender<()>>, progress: &mut Progress| {
            // Of many, those that ended alike share a row: none says where and as whom.
            let hints = if few { Hints::of_tenant(tenant) } else { Hints::default() };
            let out = session.out.of_one(&tenant.name, few && lines, few).with(hints);
            let line = Line::new(out.notices());
            progress.watches(&line);
            let (pressed, interrupts) = unbounded_channel();
            press.push(pressed);
            let row =
                Row { file: self.file.clone(), name: tenant.name.to_string(), plan: tenant.plan.clone() };
            work(tenant, row, Session { env: session.env.clone(), out, line }, interrupts)
        };
        let work: Vec<F> =
            self.tenants.iter().map(|tenant| begin(tenant, &mut press, &mut progress)).collect();
        let runtime = runtime(self.tenants.len())?;
        runtime.block_on(all(work, &press, &progress));
        // What hangs in a thread that nobody waits for any more does not hold the end up.
        runtime.shutdown_background();
        let rows = progress.into_rows();
        Ok(table::show((command, lines), &self.file, &self.tenants, &rows, session))
    }
}

/// Until every tenant has ended. Each Ctrl-C goes to all of them.
async fn all<F: Future<Output = Ended>>(work: Vec<F>, press: &[UnboundedSender<()>], progress: &Progress) {
    let over = |number, ended: Result<Ended, Panicked>| {
        progress.over(number, ended.unwrap_or_else(|Panicked| Ended::panicked()));
    };
    let mut tenants = std::pin::pin!(side_by_side(work, over));
    let mut interrupts = super::apply::interrupts();
    loop {
        tokio::select! {
            biased;
            () = &mut tenants => return,
            Some(()) = interrupts.recv() => {
                progress.leaving();
                for tenant in press {
                    // Who has ended does not hear it.
                    let _ = tenant.send(());
                }
            }
            () = tokio::time::sleep(progress.patience()) => progress.still(),
        }
    }
}

fn load(file: &Path, session: &Session) -> Result<Fleet, Failure> {
    let read = session.env.disk.read(file, fleet::SIZE_MAX as u64);
    let bytes = read.map_err(|e| super::world::unreadable(file, &e, "the fleet file"))?;
    fleet::check_bytes(&bytes).map_err(|found| Failure::unsound_fleet(file, found))
}

/// A tenant whose relative paths begin at the fleet file's folder.
fn from_here(folder: &Path, tenant: Tenant) -> Tenant {
    let mirror = tenant.mirror.map(|place| match place.starts_with("vault:") || place.starts_with("blob:") {
        true => place,
        false => crate::domain::text::Text::lossy(&folder.join(place.as_str()).to_string_lossy()),
    });
    let acts = tenant.acts.map(|acts| match acts {
        fleet::Acts::AzureCli => acts,
        fleet::Acts::Certificate { client_id, file } => {
            fleet::Acts::Certificate { client_id, file: folder.join(file) }
        }
        fleet::Acts::Secret { client_id, file } => fleet::Acts::Secret { client_id, file: folder.join(file) },
    });
    Tenant {
        home: folder.join(tenant.home),
        playbook: folder.join(tenant.playbook),
        plan: folder.join(tenant.plan),
        lab: tenant.lab.map(|lab| folder.join(lab)),
        quotas: tenant.quotas.map(|quotas| folder.join(quotas)),
        mirror,
        acts,
        ..tenant
    }
}

/// Two rows for one tenant would together take more than the share, and write to its objects without
/// knowing each other. A home that cannot be read is the business of its own row.
fn one_row_each(file: &Path, tenants: &[Tenant], session: &Session) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    for tenant in tenants {
        let Ok(home) = Home::open(&session.env, &tenant.home) else { continue };
        if let Some(first) = seen.insert(home.install.tenant.clone(), &tenant.name) {
            let id = &home.install.tenant;
            let what = format!("{first} and {} are both about tenant {id}", tenant.name);
            let next =
                "keep one row for each tenant: two runs in one tenant do not know of each other's pace";
            return Err(Failure::new(codes::FLEET, what, next).at(file));
        }
    }
    Ok(())
}

fn chosen(all: Vec<Tenant>, only: &[String], file: &Path) -> Result<Vec<Tenant>, Failure> {
    if let Some(unknown) = only.iter().find(|name| !all.iter().any(|t| t.name.as_str() == **name)) {
        let what = format!("--only: the fleet file has no tenant {unknown:?}");
        return Err(Failure::new(codes::ARGUMENT, what, "name a tenant as the file does").at(file));
    }
    Ok(all.into_iter().filter(|t| only.is_empty() || only.iter().any(|name| *name == *t.name)).collect())
}

/// Asks for as many open files as many tenants may need, and says so if there are fewer.
fn enough_files(tenants: usize, session: &Session) {
    let (allowed, needed) = (raise_open_files(), FILES_EACH * tenants as u64 + 64);
    if let Some(allowed) = allowed.filter(|n| *n < needed) {
        session.out.notices().say(&format!(
            "this process may open {allowed} files, and {} may need {needed}: raise the limit (`ulimit -n`), or \
             some connections will fail and be tried again",
            count(tenants, "tenant", "tenants")
        ));
    }
}

/// One thread for all, and threads for what blocks: so many that no tenant waits for another's disk.
fn runtime(tenants: usize) -> Result<tokio::runtime::Runtime, Failure> {
    let threads = THREADS_LEAST.max(THREADS_EACH * tenants);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let built = runtime.enable_all().max_blocking_threads(threads).build();
    built.map_err(|e| Failure::new(codes::MACHINE, e.to_string(), "free memory, then try again"))
}

//! `reissue check FILE`: is this playbook sound?

use super::codes;
use super::error::Failure;
use super::{ExitCode, Session};
use crate::connector;
use crate::domain::approval::Seats;
use crate::domain::playbook::{Code, SIZE_MAX, ValidPlaybook, check_bytes};
use crate::domain::text::count;
use crate::domain::time::show_span;
use crate::env::DiskError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The playbook
    file: PathBuf,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let playbook = load(&arguments.file, session)?;
    if session.out.is_json() {
        let summary = Summary::of(&playbook);
        session.out.object("playbook", &summary);
    } else {
        show(&arguments.file, &playbook, session);
    }
    Ok(ExitCode::Done)
}

/// Reads and checks a playbook file, for every command that takes one.
pub(super) fn load(file: &Path, session: &Session) -> Result<ValidPlaybook, Failure> {
    let limit = SIZE_MAX as u64;
    let bytes = session.env.disk.read(file, limit).map_err(|e| unreadable(file, &e))?;
    let now = session.env.clock.now();
    check_bytes(&bytes, &connector::syntaxes(), Some(now)).map_err(|found| Failure::unsound(file, found))
}

fn unreadable(file: &Path, e: &DiskError) -> Failure {
    if e.kind != ErrorKind::FileTooLarge {
        return super::world::unreadable(file, e, "the playbook file");
    }
    let what = format!("the file is larger than {} KiB", SIZE_MAX / 1024);
    let next = "check that it is the right file, or split the playbook";
    Failure::new(codes::of(Code::TooLarge), what, next).at(file)
}

/// What a playbook asks for, in numbers.
#[derive(Serialize)]
struct Summary<'a> {
    digest: String,
    incident: &'a str,
    title: &'a str,
    tenant: &'a str,
    targets: usize,
    by_kind: BTreeMap<&'static str, usize>,
    stores: Vec<&'a str>,
    quorum: u8,
    #[serde(skip_serializing_if = "Seats::is_empty")]
    roles: &'a Seats,
    retire_separately: bool,
}

impl<'a> Summary<'a> {
    fn of(playbook: &'a ValidPlaybook) -> Self {
        let ValidPlaybook { digest, incident, tenant, stores, approval, guardrails: _, targets } = playbook;
        let mut by_kind = BTreeMap::new();
        for target in targets {
            *by_kind.entry(target.kind).or_insert(0) += 1;
        }
        Self {
            digest: digest.to_string(),
            incident: &incident.id,
            title: &incident.title,
            tenant: tenant.id.as_str(),
            targets: targets.len(),
            by_kind,
            stores: stores.keys().map(|name| &**name).collect(),
            quorum: approval.quorum,
            roles: &approval.roles,
            retire_separately: approval.retire_separately,
        }
    }
}

fn show(file: &Path, playbook: &ValidPlaybook, session: &mut Session) {
    let summary = Summary::of(playbook);
    let approval = &playbook.approval;
    let kinds: Vec<String> = summary.by_kind.iter().map(|(kind, n)| format!("{n} {}", title(kind))).collect();
    let people = count(approval.quorum, "person", "people");
    let retire = if approval.retire_separately { "; taking the old away is approved separately" } else { "" };
    let outages = playbook.targets.iter().filter(|t| t.contain).count();
    let out = &mut session.out;
    out.line(&format!("{} is sound.", crate::domain::text::Text::<300>::lossy(&file.to_string_lossy())));
    out.line(&format!("  incident  {}: {}", summary.incident, summary.title));
    out.line(&format!("  tenant    {}", summary.tenant));
    out.line(&format!("  targets   {}: {}", summary.targets, kinds.join(", ")));
    if outages > 0 {
        out.line(&format!("            {outages} of them contained first: an outage"));
    }
    if !summary.stores.is_empty() {
        out.line(&format!("  stores    {}", summary.stores.join(", ")));
    }
    out.line(&format!(
        "  approval  {people} beside the plan's author{}, valid for {}{retire}",
        super::plan_view::seats(&approval.roles),
        show_span(approval.valid_for)
    ));
    out.line(&format!("  digest    {}", summary.digest));
    out.line("Only this file was read. Whether it fits the tenant, `reissue plan` finds out.");
}

fn title(kind: &str) -> String {
    let known = connector::syntaxes().into_iter().find(|k| k.name() == kind);
    known.map_or_else(|| kind.to_owned(), |k| format!("to {}", k.title()))
}

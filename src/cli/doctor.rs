//! `reissue doctor`: is everything there that a run needs? Looks, and changes nothing.

mod here;
mod permissions;
mod tenant;
#[cfg(test)]
mod tests;

use super::codes;
use super::error::Failure;
use super::world::{ActingArguments, HomeArguments, runtime};
use super::{ExitCode, Session};
use crate::azure::cloud::Endpoints;
use crate::domain::id::TenantId;
use crate::domain::playbook::ValidPlaybook;
use crate::domain::playbook::model::{Cloud, Store};
use crate::domain::text::Text;
use crate::trail::Home;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Look at what this playbook needs: its tenant, its stores, the permissions for its actions
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tenant", "cloud"])]
    playbook: Option<PathBuf>,
    /// Look at this directory (tenant); without it and a playbook, at the installation's
    #[arg(long, value_name = "GUID")]
    tenant: Option<String>,
    /// Its cloud: public, us_gov_high, us_gov_dod or china
    #[arg(long, requires = "tenant", default_value = "public")]
    cloud: String,
    /// Look at this vault too, by its host or URL; may be given several times
    #[arg(long = "vault", value_name = "VAULT")]
    vaults: Vec<String>,
    #[command(flatten)]
    home: HomeArguments,
    #[command(flatten)]
    acting: ActingArguments,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    Good,
    /// Works without, but says or proves less.
    Note,
    /// No read can show it; the first approved step will.
    Unproved,
    Missing,
}

/// One line of the doctor.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    found: Found,
    what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
    /// Of a permission: its row in the table.
    #[serde(flatten)]
    row: Option<permissions::Row>,
}

impl Check {
    fn good(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, found: Found::Good, what: what.into(), todo: None, row: None }
    }
    fn new(check: &'static str, found: Found, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, found, what: what.into(), todo: Some(todo.into()), row: None }
    }
    fn missing(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(check, Found::Missing, what, todo)
    }
}

/// Where to look.
struct Place {
    tenant: TenantId,
    cloud: Cloud,
    playbook: Option<ValidPlaybook>,
    /// The playbook's stores, and vaults that are named beside it.
    stores: BTreeMap<Text<64>, Store>,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.home.open(session);
    let mut place = place(&arguments, session, home.as_ref().ok())?;
    for vault in &arguments.vaults {
        if let Some(place) = &mut place {
            place.stores.insert(Text::lossy(vault), vault_at(vault, place.cloud)?);
        }
    }
    let mut checks = here::machine();
    checks.extend(match &home {
        Ok(home) => here::installation(session, home, place.as_ref()),
        Err(failure) => vec![Check::missing("installation", failure.what.clone(), failure.next.clone())],
    });
    match &place {
        Some(place) => match arguments.acting.session(
            session,
            place.cloud,
            &place.tenant,
            crate::wire::budget::Start::Full,
        ) {
            Ok(azure) => checks.extend(runtime()?.block_on(tenant::look(&azure, place, &session.line))),
            Err(failure) => {
                let what = failure.place.map_or(failure.what.clone(), |at| format!("{at}: {}", failure.what));
                checks.push(Check::missing("identity", what, failure.next));
            }
        },
        None => checks.push(Check::missing(
            "tenant",
            "it is not said which tenant",
            "add `--playbook FILE`, or `--tenant GUID --cloud CLOUD`, or make an installation with `reissue init`",
        )),
    }
    tell(session, checks)
}

fn place(arguments: &Arguments, session: &Session, home: Option<&Home>) -> Result<Option<Place>, Failure> {
    let cloud = super::init::cloud(&arguments.cloud)?;
    if let Some(file) = &arguments.playbook {
        let playbook = super::check::load(file, session)?;
        let (tenant, cloud) = (playbook.tenant.id.clone(), playbook.tenant.cloud);
        let stores = playbook.stores.clone();
        return Ok(Some(Place { tenant, cloud, playbook: Some(playbook), stores }));
    }
    if let Some(tenant) = &arguments.tenant {
        let tenant = super::init::tenant(tenant)?;
        return Ok(Some(Place { tenant, cloud, playbook: None, stores: BTreeMap::new() }));
    }
    Ok(home.map(|h| Place {
        tenant: h.install.tenant.clone(),
        cloud: h.install.cloud,
        playbook: None,
        stores: BTreeMap::new(),
    }))
}

/// A vault from the command line: only ever one of the cloud's own.
fn vault_at(text: &str, cloud: Cloud) -> Result<Store, Failure> {
    let host = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
    if Endpoints::of(cloud).is_vault(host) {
        return Ok(Store { key_vault: Text::lossy(host) });
    }
    let what = format!("--vault: {text:?} is no vault of this cloud");
    Err(Failure::new(codes::ARGUMENT, what, format!("name it as NAME.{}", cloud.vault_suffix())))
}

/// For people: one line for each check, and one table of the permissions.
fn render(checks: &[Check]) -> Vec<String> {
    let mut lines = Vec::new();
    let (table, others): (Vec<_>, Vec<_>) = checks.iter().partition(|c| c.row.is_some());
    for Check { check, found, what, todo, row: _ } in others {
        lines.push(format!("{:<9} {check:<13} {what}", found.word()));
        lines.extend(todo.iter().map(|todo| format!("{:<9} {:<13} -> {todo}", "", "")));
    }
    lines.extend(permissions::table(&table));
    lines
}

impl Found {
    fn word(self) -> &'static str {
        match self {
            Found::Good => "ok",
            Found::Note => "note",
            Found::Unproved => "unproved",
            Found::Missing => "MISSING",
        }
    }
}

fn tell(session: &mut Session, mut checks: Vec<Check>) -> Result<ExitCode, Failure> {
    for todo in checks.iter_mut().filter_map(|check| check.todo.as_mut()) {
        *todo = session.out.complete(todo);
    }
    checks.iter().for_each(|check| session.out.object("doctor", check));
    render(&checks).iter().for_each(|line| session.out.line(line));
    match checks.iter().filter(|c| c.found == Found::Missing).count() {
        0 => {
            session.out.line("\nEverything that can be looked at is there.");
            Ok(ExitCode::Done)
        }
        n => {
            let things = if n == 1 { "thing that is" } else { "things that are" };
            let what = format!("{n} {things} needed cannot be found");
            Err(Failure::new(
                codes::NOT_READY,
                what,
                "do what stands behind `->` in each line marked MISSING",
            ))
        }
    }
}

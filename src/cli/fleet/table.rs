//! The end of a command on a fleet: one row for each tenant that wants somebody, and the whole in one line.

use super::progress::say_exits;
use super::{Ended, ExitCode, Session, TOLD_MOST};
use crate::cli::status::quote;
use crate::domain::fleet::Tenant;
use crate::domain::text::{Text, count};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A row's text is cut here: the whole of it is told with `--json`, and by the command for that tenant alone.
const SAID_MOST: usize = 300;

#[derive(Serialize)]
struct FleetObject {
    command: String,
    exit: u8,
    /// How many tenants ended with which code.
    exits: BTreeMap<u8, u32>,
    tenants: usize,
}

/// Prints the table; how the whole ended.
pub(super) fn show(
    command: &str,
    file: &Path,
    tenants: &[Tenant],
    rows: &[Ended],
    session: &mut Session,
) -> ExitCode {
    let exit = rows.iter().map(|row| row.exit).fold(ExitCode::Done, ExitCode::graver);
    let mut exits: BTreeMap<u8, u32> = BTreeMap::new();
    rows.iter().for_each(|row| *exits.entry(row.exit.number()).or_default() += 1);
    let object = FleetObject { command: command.into(), exit: exit.number(), exits, tenants: tenants.len() };
    session.out.object("fleet", &object);
    // Few are all told; of many, those that ended well are only counted.
    let few = tenants.len() <= TOLD_MOST;
    let told = |row: &Ended| few || !matches!(row.exit, ExitCode::Done | ExitCode::ChangesPresent);
    let shown: Vec<(&Tenant, &Ended)> = tenants.iter().zip(rows).filter(|(_, row)| told(row)).collect();
    let width = shown.iter().map(|(t, _)| t.name.chars().count()).max().unwrap_or(0).max("tenant".len());
    session.out.line("");
    if !shown.is_empty() {
        session.out.line(&format!("{:<width$}  exit  outcome", "tenant"));
    }
    for (tenant, row) in &shown {
        session.out.line(&format!("{:<width$}  {:>4}  {}", tenant.name, row.exit.number(), cut(&row.said)));
        for next in &row.next {
            session.out.line(&format!("{:width$}        next: {}", "", cut(next)));
        }
    }
    let all = count(tenants.len(), "tenant", "tenants");
    session.out.line(&format!("{all}: {}.", say_exits(rows.iter().map(|row| row.exit))));
    if let Some(next) = next(command, file, exit) {
        session.out.line(&format!("Next: {next}"));
    }
    exit
}

/// What is printed on one line.
fn cut(text: &str) -> Text<SAID_MOST> {
    Text::lossy(text)
}

/// What comes next for the fleet as a whole.
fn next(command: &str, file: &Path, exit: ExitCode) -> Option<String> {
    let file = quote(&file.display().to_string());
    match (command, exit) {
        ("plan", _) => Some(format!(
            "people approve each plan with `reissue approve`, then `reissue apply --fleet {file} --operator NAME`."
        )),
        ("apply", ExitCode::Done) => None,
        ("apply", _) => Some(format!(
            "see to what the rows say, then `reissue apply --fleet {file} --operator NAME --resume` does what is left."
        )),
        _ => None,
    }
}

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
/// The first column is no wider than this; a longer name moves its own row to the right.
const WIDTH_MOST: usize = 40;

#[derive(Serialize)]
struct FleetObject {
    command: String,
    exit: u8,
    /// How many tenants ended with which code.
    exits: BTreeMap<u8, u32>,
    tenants: usize,
}

/// Prints the table, below the tenants' own `lines` if there are any; how the whole ended.
pub(super) fn show(
    (command, lines): (&str, bool),
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
    let told = told(tenants, rows);
    let width = told.iter().map(|(who, _)| who.chars().count()).max().unwrap_or(0).clamp(6, WIDTH_MOST);
    // Where tenants told something, it stands above.
    if lines {
        session.out.line("");
    }
    if !told.is_empty() {
        session.out.line(&format!("{:<width$}  exit  outcome", "tenant"));
    }
    for (who, row) in &told {
        session.out.line(&format!("{who:<width$}  {:>4}  {}", row.exit.number(), cut(&row.said)));
        for next in &row.next {
            session.out.line(&format!("{:width$}        next: {}", "", cut(next)));
        }
    }
    let all = count(tenants.len(), "tenant", "tenants");
    session.out.line(&format!("{all} by exit code: {}.", say_exits(rows.iter().map(|row| row.exit))));
    let is_planned =
        |row: &Ended| matches!(row.exit, ExitCode::Done | ExitCode::ChangesPresent) && !row.next.is_empty();
    if let Some(next) = next(command, file, exit, rows.iter().any(is_planned)) {
        session.out.line(&format!("Next: {next}"));
    }
    exit
}

/// The rows that are told, each with whom it is about. Few are all told; of many, those that ended well are
/// only counted, and those that ended alike share a row.
fn told(tenants: &[Tenant], rows: &[Ended]) -> Vec<(String, Ended)> {
    let all = tenants.iter().map(|t| t.name.as_str()).zip(rows);
    if tenants.len() <= TOLD_MOST {
        return all.map(|(name, row)| (name.to_owned(), row.clone())).collect();
    }
    // Who, how, and whether what is to be done differs.
    let mut alike: Vec<(Vec<&str>, Ended, bool)> = Vec::new();
    let mut known = BTreeMap::new();
    for (name, row) in all.filter(|(_, row)| !matches!(row.exit, ExitCode::Done | ExitCode::ChangesPresent)) {
        let at = *known.entry((row.exit, &row.said)).or_insert(alike.len());
        match alike.get_mut(at) {
            Some((names, first, differs)) => {
                *differs |= first.next != row.next;
                names.push(name);
            }
            None => alike.push((vec![name], row.clone(), false)),
        }
    }
    let shared = |(names, mut row, differs): (Vec<&str>, Ended, bool)| {
        // The same is to be done of each, in places of their own: the first's are an example.
        if differs {
            row.next.iter_mut().for_each(|next| *next = format!("({}) {next}", names[0]));
        }
        (few(&names), row)
    };
    alike.into_iter().map(shared).collect()
}

/// The first names, and how many more there are.
fn few(names: &[&str]) -> String {
    match names {
        [first, second, _, more @ ..] if !more.is_empty() => {
            format!("{first}, {second} and {} more", more.len() + 1)
        }
        all => all.join(", "),
    }
}

/// What is printed on one line.
fn cut(text: &str) -> Text<SAID_MOST> {
    Text::lossy(text)
}

/// What comes next for the fleet as a whole, of which some may have plans that change something.
fn next(command: &str, file: &Path, exit: ExitCode, planned: bool) -> Option<String> {
    let file = quote(&file.display().to_string());
    match (command, exit) {
        ("plan", _) if planned => Some(format!(
            "people approve each plan with `reissue approve`, then `reissue apply --fleet {file} --operator NAME`."
        )),
        ("apply", ExitCode::Done) => None,
        ("apply", _) => Some(format!(
            "see to what the rows say, then `reissue apply --fleet {file} --operator NAME --resume` does what is left."
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fleet::check_bytes;
    use std::fmt::Write;

    fn tenants(many: usize) -> Vec<Tenant> {
        let mut text = String::from("reissue_fleet: 1\ntenants:\n");
        for n in 0..many {
            let _ = writeln!(text, "  - {{ name: t{n}, home: h{n}, playbook: p, lab: l }}");
        }
        check_bytes(text.as_bytes()).unwrap().tenants
    }

    #[test]
    fn many_that_ended_alike_share_a_row_and_those_that_ended_well_have_none() {
        let ended = |exit, said: &str| Ended::new(exit, said);
        let mut rows = vec![ended(ExitCode::Done, "x"); 900];
        rows.extend(vec![ended(ExitCode::Error, "no network"); 99]);
        rows.push(ended(ExitCode::Stuck, "1 stuck"));
        let tenants = tenants(1_000);
        let told: Vec<(String, u8)> =
            told(&tenants, &rows).into_iter().map(|(who, row)| (who, row.exit.number())).collect();
        assert_eq!(told, [("t900, t901 and 97 more".to_owned(), 1), ("t999".to_owned(), 7)]);
        assert_eq!(super::told(&tenants[..3], &rows[..3]).len(), 3, "few are all told");
        for (at, next) in [(900, "x"), (901, "x"), (902, "y")] {
            rows[at].next = vec![next.to_owned()];
        }
        assert_eq!(super::told(&tenants, &rows)[0].1.next, ["(t900) x"], "whose place it is, is said");
        assert_eq!(few(&["a", "b", "c"]), "a, b, c");
    }
}

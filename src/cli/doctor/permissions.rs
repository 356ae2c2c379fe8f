//! Which permission each action of a playbook needs, and whether this identity has it.

use super::{Check, Found};
use crate::azure::claims::Claims;
use crate::azure::permissions::{Action, Granted};
use crate::domain::playbook::ValidPlaybook;
use crate::domain::playbook::model::Setting;
use comfy_table::{Table, presets};
use serde::Serialize;
use std::collections::BTreeSet;

/// One permission, for the table.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// The actions of a playbook.
    action: &'static str,
    /// What it has to do for them.
    does: &'static str,
    /// The least permission for it.
    permission: &'static str,
    /// True: it has it. False: it lacks it. None: a person's role decides, which no token shows.
    has: Option<bool>,
}

pub(super) fn of(playbook: Option<&ValidPlaybook>, claims: &Claims) -> Vec<Check> {
    actions(playbook).into_iter().map(|action| check(action, claims)).collect()
}

/// What a playbook's targets need; without a playbook, everything.
fn actions(playbook: Option<&ValidPlaybook>) -> BTreeSet<Action> {
    use Action as A;
    let mut all = BTreeSet::from([A::ReadApplications]);
    let Some(playbook) = playbook else {
        all.extend([A::ChangeApplications, A::ReadUsers, A::ResetPasswords, A::SwitchUsers]);
        all.extend([A::RevokeSessions, A::ReadPolicies, A::ReadRoles, A::ReadLogs]);
        return all;
    };
    for target in &playbook.targets {
        match target.kind {
            "app-secret" | "app-certificate" => all.extend([A::ChangeApplications, A::ReadPolicies]),
            "user-password" => {
                all.extend([A::ReadUsers, A::ResetPasswords, A::RevokeSessions, A::ReadRoles]);
                if target.settings.values().any(|s| matches!(s, Setting::Flag(true))) {
                    all.insert(A::SwitchUsers);
                }
            }
            _ => all.extend([A::ChangeApplications]),
        }
    }
    all
}

fn check(action: Action, claims: &Claims) -> Check {
    let need = action.need();
    let (found, has, what, todo) = match action.granted(claims) {
        Granted::By("Application.ReadWrite.OwnedBy") if action == Action::ChangeApplications => (
            Found::Unproved,
            Some(true),
            "has Application.ReadWrite.OwnedBy: only for applications that it owns".to_owned(),
            Some("make its service principal an owner of each application in the playbook".to_owned()),
        ),
        Granted::By(permission) => (Found::Good, Some(true), format!("has {permission}"), None),
        Granted::ByRole => (
            Found::Unproved,
            None,
            "a person: a role decides".to_owned(),
            Some(format!("the person needs the role {}", need.role)),
        ),
        Granted::No => (
            if need.required { Found::Missing } else { Found::Note },
            Some(false),
            "LACKS it".to_owned(),
            Some(format!(
                "grant the application permission {} (Microsoft Graph), with admin consent",
                need.any_of[0]
            )),
        ),
    };
    let row = Row { action: need.used_for, does: need.what, permission: need.any_of[0], has };
    Check { check: "permission", found, what, todo, row: Some(row) }
}

/// The rows under each other, then what to do about those that want something.
pub(super) fn table(checks: &[&Check]) -> Vec<String> {
    if checks.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["", "action", "has to", "least permission", "this identity"]);
    for Check { check: _, found, what, todo: _, row } in checks {
        let Some(Row { action, does, permission, has: _ }) = row else { continue };
        table.add_row([found.word(), action, does, permission, what]);
    }
    // The first column begins where the words of the other checks do.
    let trimmed = |line: String| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned();
    let mut lines = vec![String::new(), "Microsoft Graph permissions:".to_owned()];
    lines.extend(table.lines().map(trimmed));
    let mut todos: Vec<&String> = checks.iter().filter_map(|c| c.todo.as_ref()).collect();
    todos.dedup();
    lines.extend(todos.into_iter().map(|todo| format!("  -> {todo}")));
    lines
}

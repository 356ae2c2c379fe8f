//! Which Microsoft Graph permission each of our actions needs.
//!
//! Source: Microsoft Graph permissions reference (permission map of 2026-08-07), the least
//! privileged one first. A person's token is also bound by the person's directory role, which
//! the token's permissions do not show: for people the role is named, and stays unproved.

use super::claims::Claims;

/// Something that reissue does in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    ReadApplications,
    ChangeApplications,
    ReadUsers,
    ResetPasswords,
    SwitchUsers,
    RevokeSessions,
    ReadPolicies,
    ReadRoles,
    ReadLogs,
}

/// What an action needs.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub action: Action,
    /// Which actions of a playbook need it.
    pub used_for: &'static str,
    /// For people: what the action is.
    pub what: &'static str,
    /// One of these; the first is the least.
    pub any_of: &'static [&'static str],
    /// The directory role that a person needs for it.
    pub role: &'static str,
    /// False: a plan can be made without, but says less.
    pub required: bool,
}

const TABLE: [Need; 9] = [
    Need {
        action: Action::ReadApplications,
        used_for: "rotate, disable",
        what: "read applications and their credentials",
        any_of: &[
            "Application.Read.All",
            "Application.ReadWrite.OwnedBy",
            "Application.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        role: "Directory Readers",
        required: true,
    },
    Need {
        action: Action::ChangeApplications,
        used_for: "rotate, disable",
        what: "change credentials of applications, switch them off",
        any_of: &["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"],
        role: "Cloud Application Administrator",
        required: true,
    },
    Need {
        action: Action::ReadUsers,
        used_for: "reset",
        what: "read users, their state and synchronisation",
        any_of: &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        role: "Directory Readers",
        required: true,
    },
    Need {
        action: Action::ResetPasswords,
        used_for: "reset",
        what: "reset passwords",
        any_of: &["User-PasswordProfile.ReadWrite.All"],
        role: "Privileged Authentication Administrator",
        required: true,
    },
    Need {
        action: Action::SwitchUsers,
        used_for: "reset with block",
        what: "block users and let them in again",
        any_of: &["User.EnableDisableAccount.All", "User.ReadWrite.All"],
        role: "User Administrator",
        required: true,
    },
    Need {
        action: Action::RevokeSessions,
        used_for: "reset",
        what: "end users' sessions",
        any_of: &["User.RevokeSessions.All", "User.ReadWrite.All"],
        role: "User Administrator",
        required: true,
    },
    Need {
        action: Action::ReadPolicies,
        used_for: "rotate, in the plan",
        what: "read policies that forbid credentials",
        any_of: &["Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"],
        role: "Application Administrator",
        required: false,
    },
    Need {
        action: Action::ReadRoles,
        used_for: "reset, in the plan",
        what: "see which users are privileged",
        any_of: &["RoleManagement.Read.Directory", "RoleManagement.Read.All", "Directory.Read.All"],
        role: "Directory Readers",
        required: false,
    },
    Need {
        action: Action::ReadLogs,
        used_for: "evidence",
        what: "read sign-in and audit logs",
        any_of: &["AuditLog.Read.All"],
        role: "Reports Reader",
        required: false,
    },
];

/// Whether an identity may do something, as far as its own token tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// By this permission.
    By(&'static str),
    No,
    /// A person's permissions say little: the role decides, and the token does not prove it.
    ByRole,
}

impl Action {
    pub fn need(self) -> &'static Need {
        // Every action has its row (tested).
        TABLE.iter().find(|n| n.action == self).unwrap_or(&TABLE[0])
    }

    pub fn granted(self, claims: &Claims) -> Granted {
        let found = self.need().any_of.iter().find(|p| claims.has_permission(p));
        match found {
            Some(permission) if !claims.is_delegated() => Granted::By(permission),
            Some(_) => Granted::ByRole,
            // Acts as the person, as far as the person's roles go.
            None if claims.has_permission("Directory.AccessAsUser.All") => Granted::ByRole,
            None => Granted::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Text;

    #[test]
    fn every_action_has_one_row() {
        for need in &TABLE {
            assert_eq!(need.action.need().what, need.what);
            assert!(!need.any_of.is_empty() && !need.role.is_empty());
        }
    }

    #[test]
    fn an_application_is_judged_by_permission_and_a_person_by_role() {
        let roles = vec![Text::lossy("Application.ReadWrite.OwnedBy")];
        let app = Claims { roles, ..Claims::default() };
        let owned = Granted::By("Application.ReadWrite.OwnedBy");
        assert_eq!(Action::ChangeApplications.granted(&app), owned);
        assert_eq!(Action::ResetPasswords.granted(&app), Granted::No);
        let person = Claims { scp: Some(Text::lossy("Directory.AccessAsUser.All")), ..Claims::default() };
        assert_eq!(Action::ResetPasswords.granted(&person), Granted::ByRole);
    }
}

//! How much a target could do in the wrong hands, and so which target is begun first.
//!
//! Whoever holds the credential of an application that can give out roles holds the tenant: its exposure
//! ends first. The measure is what planning reads anyway, the directory roles and the application
//! permissions of Microsoft Graph that a target holds ([`Fact::Roles`], [`Fact::Permissions`]).
//!
//! Sources: Microsoft Learn, "Microsoft Entra built-in roles" (those labelled PRIVILEGED) and "Microsoft
//! Graph permissions reference" (what each permission says it allows: granting roles or permissions,
//! adding credentials to others' applications, setting how users authenticate). Whether a role or a
//! permission that is newer than this list belongs on it is unconfirmed; holding it counts as [`Risk::Wide`].

use super::estimate::chain_s;
use super::{Planned, PlannedTarget};
use crate::domain::observation::{Fact, Observation, UNREAD};
use crate::domain::step::Verb;
use crate::domain::text::Text;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::fmt;

/// Application permissions of Microsoft Graph that lead to the whole tenant without anybody's consent.
pub const TENANT_PERMISSIONS: [&str; 14] = [
    "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.ReadWrite.All",
    "Domain.ReadWrite.All",
    "Organization.ReadWrite.All",
    "Policy.ReadWrite.AuthenticationMethod",
    "PrivilegedAccess.ReadWrite.AzureADGroup",
    "RoleAssignmentSchedule.ReadWrite.Directory",
    "RoleEligibilitySchedule.ReadWrite.Directory",
    "RoleManagement.ReadWrite.Directory",
    "RoleManagementPolicy.ReadWrite.Directory",
    "UserAuthenticationMethod.ReadWrite.All",
    "UserAuthMethod-TAP.ReadWrite.All",
];

/// Directory roles that Microsoft labels as privileged and that change who may do what.
const TENANT_ROLES: [&str; 20] = [
    "Application Administrator",
    "Authentication Administrator",
    "Authentication Extensibility Administrator",
    "B2C IEF Keyset Administrator",
    "Cloud Application Administrator",
    "Conditional Access Administrator",
    "Directory Synchronization Accounts",
    "Directory Writers",
    "Domain Name Administrator",
    "External Identity Provider Administrator",
    "Global Administrator",
    "Helpdesk Administrator",
    "Hybrid Identity Administrator",
    "Intune Administrator",
    "Partner Tier2 Support",
    "Password Administrator",
    "Privileged Authentication Administrator",
    "Privileged Role Administrator",
    "Security Administrator",
    "User Administrator",
];

/// What a target could do in the wrong hands; the worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// It can take the whole tenant over.
    Tenant,
    /// It reaches beyond itself: other people's data, other objects.
    Wide,
    /// This identity may not read what it can do.
    Unknown,
    /// No directory role, no application permission of Microsoft Graph.
    #[default]
    Own,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Risk::Tenant => "can take the tenant over",
            Risk::Wide => "reaches beyond itself",
            Risk::Unknown => "what it can do was not readable",
            Risk::Own => "reaches itself alone",
        })
    }
}

/// When a target is begun, and why then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// From 1. Plans of before there was an order have none.
    pub place: u32,
    pub risk: Risk,
    /// The role or permission that decided; empty if none did.
    pub why: Text<128>,
}

impl Default for Start {
    fn default() -> Self {
        Self { place: 0, risk: Risk::default(), why: Text::lossy("") }
    }
}

impl Start {
    pub fn is_unsaid(&self) -> bool {
        self.place == 0
    }
}

/// The risk of what was seen, and the role or permission that decides it.
pub fn risk_of(seen: &Observation) -> (Risk, &str) {
    let words = |fact| seen.fact(fact).unwrap_or_default().split(", ").filter(|w| !w.is_empty());
    let permissions = || words(Fact::Permissions).filter(|p| *p != UNREAD);
    let worst = permissions().find(|p| TENANT_PERMISSIONS.contains(p));
    let worst = worst.or_else(|| words(Fact::Roles).find(|r| TENANT_ROLES.contains(r)));
    if let Some(why) = worst {
        return (Risk::Tenant, why);
    }
    match permissions().chain(words(Fact::Roles)).next() {
        Some(why) => (Risk::Wide, why),
        None if words(Fact::Permissions).any(|p| p == UNREAD) => (Risk::Unknown, ""),
        None => (Risk::Own, ""),
    }
}

/// Whether its first step already stops the leaked value.
fn stops_at_once(target: &PlannedTarget) -> bool {
    matches!(target.steps.first().map(|s| s.verb), Some(Verb::Block | Verb::Snapshot))
}

/// Gives every target its place: by risk; within a class those first that stop the leaked value at once,
/// then the longest chains, so that none of them is left over at the end; our own identity last of all.
pub fn set_order(targets: &mut [Planned]) {
    let mut order: Vec<_> = targets
        .iter_mut()
        .filter_map(|t| match t {
            Planned::Change(target) => Some(target),
            Planned::Excepted(_) => None,
        })
        .collect();
    for target in &mut order {
        let (risk, why) = risk_of(&target.observation);
        target.start = Start { place: 0, risk, why: Text::lossy(why) };
    }
    order.sort_by_key(|t| (t.last, t.start.risk, !stops_at_once(t), Reverse(chain_s(t)), t.id));
    for (target, place) in order.iter_mut().zip(1..) {
        target.start.place = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(roles: &str, permissions: &str) -> Observation {
        let mut seen = Observation::default();
        for (fact, text) in [(Fact::Roles, roles), (Fact::Permissions, permissions)] {
            if !text.is_empty() {
                seen.facts.insert(fact, Text::lossy(text));
            }
        }
        seen
    }

    #[test]
    fn the_worst_that_is_held_decides() {
        for (roles, permissions, risk, why) in [
            ("", "", Risk::Own, ""),
            ("", UNREAD, Risk::Unknown, ""),
            ("", "Mail.Read, User.Read.All", Risk::Wide, "Mail.Read"),
            ("Directory Readers", "", Risk::Wide, "Directory Readers"),
            ("Directory Readers, Global Administrator", UNREAD, Risk::Tenant, "Global Administrator"),
            (
                "",
                "Mail.Read, RoleManagement.ReadWrite.Directory",
                Risk::Tenant,
                "RoleManagement.ReadWrite.Directory",
            ),
            // A role's name inside another is another.
            ("Not Global Administrator", "", Risk::Wide, "Not Global Administrator"),
        ] {
            assert_eq!(risk_of(&seen(roles, permissions)), (risk, why), "{roles:?} {permissions:?}");
        }
    }
}

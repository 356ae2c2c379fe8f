//! Whose password may be reset, what is refused, and the order of steps.

use super::syntax::UserPassword;
use crate::connector::app_rules::{Steps, need_permission, need_store, place_of, settings_of};
use crate::domain::kind::{Kind, PlanContext, Proposal};
use crate::domain::observation::{Fact, ObjectRole, ObjectSeen, Observation};
use crate::domain::plan::refusal::Reason;
use crate::domain::plan::{PlanHeader, PlannedHold, Refusal, Warning};
use crate::domain::playbook::model::{Setting, Target};
use crate::domain::step::{Protocol, Verb};
use crate::domain::target::TargetState;
use crate::domain::text::Text;

/// Roles whose holders the least of all password roles may reset, so that the plain permission is
/// enough (Microsoft Learn, "Privileged roles and permissions": who can reset passwords). How an
/// application fares with holders of any other role is unconfirmed.
const PLAIN_ROLES: [&str; 3] = ["Directory Readers", "Guest Inviter", "Password Administrator"];

/// What people confirm who work in the on-premises directory.
pub(super) const DISABLED: &str = "disabled-on-premises";
pub(super) const RESETS: [&str; 2] = ["first-reset", "second-reset"];

fn blocks(target: &Target) -> bool {
    target.settings.get("block") == Some(&Setting::Flag(true))
}

/// A user who is mastered on premises: the directory refuses both the password and the switch, or
/// the next sync overwrites them (facts: Microsoft Graph, "Update user"; reported). People reset
/// there, twice, because a domain accepts the immediately previous password for an hour; what is
/// ours is to end the sessions after that.
fn on_premises(target: &Target, user: &ObjectSeen) -> Result<Proposal, Refusal> {
    let Some(Setting::Text(who)) = target.settings.get("on_premises") else {
        return Err(Refusal::new(Reason::SyncedUser, &*user.name));
    };
    let disabled = blocks(target).then_some(DISABLED);
    let confirmed_by = disabled.into_iter().chain(RESETS).map(Text::lossy).collect();
    let steps =
        Steps::new(false).on(Verb::Gate, &user.id).on(Verb::Revoke, &user.id).on(Verb::Prove, &user.id);
    Ok(Proposal {
        hold: Some(PlannedHold { confirmed_by, time_s: None }),
        settings: settings_of(target),
        steps: steps.done(),
        warnings: vec![Warning::ByHand { who: Text::lossy(who) }],
        ..Proposal::default()
    })
}

impl Kind for UserPassword {
    fn protocol(&self) -> Protocol {
        Protocol::WeChoose
    }

    fn propose(
        &self,
        target: &Target,
        seen: &Observation,
        context: &PlanContext,
    ) -> Result<Proposal, Refusal> {
        let Some(user) = seen.object(ObjectRole::User) else {
            return Err(Refusal::new(Reason::NotFound, target.subject.name()));
        };
        let roles = seen.fact(Fact::Roles).unwrap_or_default();
        let privileged = roles.split(", ").find(|r| !r.is_empty() && !PLAIN_ROLES.contains(r));
        if let Some(role) = privileged {
            return Err(Refusal::new(Reason::PrivilegedUser, role));
        }
        need_permission(context, &["User.RevokeSessions.All"])?;
        if seen.fact(Fact::Synced) == Some("true") {
            return on_premises(target, user);
        }
        need_permission(context, &["User-PasswordProfile.ReadWrite.All"])?;
        let block = blocks(target);
        if block {
            need_permission(context, &["User.EnableDisableAccount.All"])?;
        }
        let place = place_of(target).ok_or_else(|| Refusal::new(Reason::NothingDelivered, &*user.name))?;
        need_store(seen, &place)?;
        let steps = Steps::new(false);
        let steps = if block { steps.on(Verb::Block, &user.id) } else { steps };
        let steps = steps
            .to(Verb::Deliver, &user.id, &place)
            .to(Verb::Reset, &user.id, &place)
            .on(Verb::Revoke, &user.id)
            .on(Verb::Prove, &user.id);
        let warnings = vec![Warning::StoreUnproved { store: place.store.clone() }];
        Ok(Proposal { settings: settings_of(target), steps: steps.done(), warnings, ..Proposal::default() })
    }

    fn by_hand(&self, state: &TargetState, header: &PlanHeader) -> Vec<String> {
        super::by_hand::lines(state, header)
    }
}

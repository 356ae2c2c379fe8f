//! Who calls Graph and what they may do: the bearer token, and the permissions of each operation
//! (Microsoft Graph permissions reference; Entra built-in roles for signed-in users).

use super::error;
use crate::domain::time::Timestamp;
use crate::lab::answer::Answer;
use crate::lab::ask::Ask;
use crate::lab::credential::base64_std;
use crate::lab::directory::{Kind, Node, Object};
use crate::lab::state::State;
use crate::lab::token::Bad;

#[derive(Clone)]
pub(in crate::lab) struct Caller {
    pub(in crate::lab) app_id: String,
    /// Object id of the service principal or user.
    pub(in crate::lab) oid: String,
    pub(in crate::lab) name: String,
    pub(in crate::lab) roles: Vec<String>,
    /// A user calls, through some application.
    pub(in crate::lab) is_user: bool,
}

/// What an operation needs.
#[derive(Clone, Copy)]
pub(in crate::lab) enum Need<'a> {
    ReadApps,
    /// Changing this application or service principal: everything, or what the caller owns.
    WriteApp(&'a Object),
    CreateApp,
    ReadUsers,
    WriteUsers,
    ResetPassword,
    EnableUser,
    RevokeSessions,
    ReadMethods,
    WriteMethods,
    ReadLogs,
    ReadPolicies,
    WritePolicies,
    ReadRoles,
    WriteRoles,
    ReadGrants,
    WriteGrants,
    WriteAssignments,
    ReadTenant,
    WriteUserRisk,
    WriteAppRisk,
}

const APP_WRITE: &str = "Application.ReadWrite.All";
const OWNED: &str = "Application.ReadWrite.OwnedBy";
const DIR_READ: &str = "Directory.Read.All";
const DIR_WRITE: &str = "Directory.ReadWrite.All";

impl Need<'_> {
    /// Application permissions, any one of which is enough.
    fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::ReadApps => &["Application.Read.All", APP_WRITE, OWNED, DIR_READ, DIR_WRITE],
            Self::WriteApp(_) => &[APP_WRITE],
            Self::CreateApp => &[APP_WRITE, OWNED],
            Self::ReadUsers => &["User.Read.All", "User.ReadWrite.All", DIR_READ, DIR_WRITE],
            Self::WriteUsers => &["User.ReadWrite.All", DIR_WRITE],
            Self::ResetPassword => &["User-PasswordProfile.ReadWrite.All"],
            Self::EnableUser => &["User.EnableDisableAccount.All", "User.ReadWrite.All", DIR_WRITE],
            Self::RevokeSessions => &["User.RevokeSessions.All", "User.ReadWrite.All", DIR_WRITE],
            Self::ReadMethods => {
                &["UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"]
            }
            Self::WriteMethods => &["UserAuthenticationMethod.ReadWrite.All"],
            Self::ReadLogs => &["AuditLog.Read.All"],
            Self::ReadPolicies => &["Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"],
            Self::WritePolicies => &["Policy.ReadWrite.ApplicationConfiguration"],
            Self::ReadRoles => &[
                "RoleManagement.Read.Directory",
                "RoleManagement.ReadWrite.Directory",
                "RoleManagement.Read.All",
                DIR_READ,
                DIR_WRITE,
            ],
            Self::WriteRoles => &["RoleManagement.ReadWrite.Directory"],
            Self::ReadGrants => &[
                DIR_READ,
                DIR_WRITE,
                "DelegatedPermissionGrant.ReadWrite.All",
                "DelegatedPermissionGrant.Read.All",
            ],
            Self::WriteGrants => &["DelegatedPermissionGrant.ReadWrite.All", DIR_WRITE],
            Self::WriteAssignments => &["AppRoleAssignment.ReadWrite.All"],
            Self::WriteUserRisk => &["IdentityRiskyUser.ReadWrite.All"],
            Self::WriteAppRisk => &["IdentityRiskyServicePrincipal.ReadWrite.All"],
            Self::ReadTenant => &[
                "Organization.Read.All",
                "User.Read.All",
                "Application.Read.All",
                APP_WRITE,
                OWNED,
                DIR_READ,
                DIR_WRITE,
            ],
        }
    }
    /// Directory roles, by template id, that let a signed-in user do it.
    fn roles(self) -> &'static [&'static str] {
        use super::roles::*;
        match self {
            Self::WriteApp(_) | Self::CreateApp => {
                &[APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR]
            }
            Self::WritePolicies => &[APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR],
            Self::WriteUsers | Self::EnableUser | Self::RevokeSessions => &[USER_ADMINISTRATOR],
            Self::ResetPassword => &[
                USER_ADMINISTRATOR,
                HELPDESK_ADMINISTRATOR,
                PASSWORD_ADMINISTRATOR,
                PRIVILEGED_AUTHENTICATION_ADMINISTRATOR,
            ],
            Self::ReadMethods | Self::WriteMethods => {
                &[AUTHENTICATION_ADMINISTRATOR, PRIVILEGED_AUTHENTICATION_ADMINISTRATOR]
            }
            Self::ReadLogs => &[REPORTS_READER, SECURITY_READER],
            Self::WriteUserRisk | Self::WriteAppRisk => &[],
            Self::WriteRoles | Self::WriteAssignments => &[PRIVILEGED_ROLE_ADMINISTRATOR],
            Self::WriteGrants => &[CLOUD_APPLICATION_ADMINISTRATOR, APPLICATION_ADMINISTRATOR],
            Self::ReadApps
            | Self::ReadUsers
            | Self::ReadPolicies
            | Self::ReadRoles
            | Self::ReadGrants
            | Self::ReadTenant => &[],
        }
    }
    /// What any member may read.
    fn open_to_users(self) -> bool {
        matches!(
            self,
            Self::ReadApps
                | Self::ReadUsers
                | Self::ReadTenant
                | Self::ReadPolicies
                | Self::ReadRoles
                | Self::ReadGrants
        )
    }
}

/// Reads and checks the bearer token.
pub(in crate::lab) fn authenticate(state: &mut State, ask: &Ask) -> Result<Caller, Answer> {
    let token = ask.bearer().ok_or_else(|| error::unauthenticated("Access token is empty."))?;
    let claims = state.tokens.read(token).map_err(refuse)?;
    let host = format!("https://{}", ask.authority);
    let audiences = [host.as_str(), "00000003-0000-0000-c000-000000000000"];
    claims.check(state.options.tenant.as_str(), &audiences, state.now()).map_err(refuse)?;
    let is_user = claims.scopes.is_some();
    if claims.cae {
        evaluate(state, &claims.oid, is_user, ask, claims.iat)?;
    }
    Ok(Caller {
        app_id: claims.app_id.clone(),
        oid: claims.oid.clone(),
        name: claims.name.clone(),
        roles: claims.roles.clone(),
        is_user,
    })
}

fn refuse(bad: Bad) -> Answer {
    error::unauthenticated(match bad {
        Bad::Malformed => "CompactToken parsing failed with error code: 80049217",
        Bad::Signature => "Access token validation failure. Invalid signature.",
        Bad::Expired => "Lifetime validation failed, the token is expired.",
        Bad::Audience => "Access token validation failure. Invalid audience.",
        Bad::Tenant => "Access token validation failure. Invalid tenant.",
    })
}

/// Continuous access evaluation: a token that understands challenges is refused some time after
/// its principal was disabled or deleted (Entra: CAE for workload identities).
fn evaluate(state: &State, oid: &str, is_user: bool, ask: &Ask, iat: i64) -> Result<(), Answer> {
    let kind = if is_user { Kind::User } else { Kind::ServicePrincipal };
    let now = state.now();
    let found = state.directory.get(kind, oid, Node::Primary, now);
    let off = found.is_none_or(|o| o.flag("accountEnabled") == Some(false));
    let revoked = is_user
        && found.is_some_and(|o| {
            o.text("signInSessionsValidFromDateTime").parse::<Timestamp>().is_ok_and(|t| iat < t.unix_s())
        });
    let since = state.directory.last_write(oid).unwrap_or(Timestamp::from_unix_s(0));
    // The delay is fixed for each principal: half way between the least and the most.
    let lag = (state.options.lags.access_evaluation.least + state.options.lags.access_evaluation.most) / 2;
    if !(off || revoked) || now.since(since) < lag {
        return Ok(());
    }
    let claims =
        format!("{{\"access_token\":{{\"nbf\":{{\"essential\":true,\"value\":\"{}\"}}}}}}", now.unix_s());
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"https://{}/common/oauth2/authorize\", error=\"insufficient_claims\", claims=\"{}\"",
        crate::lab::hosts::login_host(&ask.authority),
        base64_std(claims.as_bytes())
    );
    let message = "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenCreatedWithOutdatedPolicies";
    Err(error::unauthenticated(message).with("www-authenticate", challenge))
}

/// 403 unless the caller may do it.
pub(in crate::lab) fn require(state: &State, caller: &Caller, need: Need<'_>) -> Result<(), Answer> {
    let now = state.now();
    let allowed = if caller.is_user {
        let held = state.directory.held(&caller.oid, Kind::RoleAssignment, Node::Primary, now);
        let holds = |role: &str| held.iter().any(|a| a.text("roleDefinitionId") == role);
        need.open_to_users()
            || holds(super::roles::GLOBAL_ADMINISTRATOR)
            || need.roles().iter().any(|r| holds(r))
            || matches!(need, Need::WriteApp(object) if object.owners.contains(&caller.oid))
    } else {
        let has = |p: &str| caller.roles.iter().any(|r| r == p);
        need.permissions().iter().any(|p| has(p))
            || matches!(need, Need::WriteApp(object) if has(OWNED) && object.owners.contains(&caller.oid))
    };
    if allowed { Ok(()) } else { Err(error::denied()) }
}

//! Users: reading, resetting, blocking, ending sessions.
//!
//! Sources: Microsoft Learn, "Update user" (a password reset by `passwordProfile` is the one that
//! works without a signed-in administrator), "user: revokeSignInSessions". Whether an application
//! may reset administrators this way is unconfirmed; expect 403.

use super::GraphError;
use super::http::{Ask, Graph, parse};
use super::json;
use super::pages::Pages;
use crate::azure::fault::{ApiError, Service};
use crate::azure::quota::Operation;
use crate::domain::id::ObjectId;
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::Permit;
use serde::{Deserialize, Serialize};

const SELECT: &str = "id,userPrincipalName,displayName,accountEnabled,userType,onPremisesSyncEnabled,\
    onPremisesDomainName,onPremisesSamAccountName,lastPasswordChangeDateTime,signInSessionsValidFromDateTime";

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: ObjectId,
    #[serde(default)]
    user_principal_name: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    /// `None` if it was not told.
    #[serde(default)]
    pub account_enabled: Option<bool>,
    #[serde(default)]
    user_type: Option<String>,
    #[serde(default)]
    on_premises_sync_enabled: Option<bool>,
    #[serde(default)]
    on_premises_domain_name: Option<String>,
    #[serde(default)]
    on_premises_sam_account_name: Option<String>,
    #[serde(default, deserialize_with = "json::time", rename = "lastPasswordChangeDateTime")]
    pub last_password_change: Option<Timestamp>,
    /// Sessions that began before this are over.
    #[serde(default, deserialize_with = "json::time", rename = "signInSessionsValidFromDateTime")]
    pub sessions_valid_from: Option<Timestamp>,
}

impl User {
    pub fn user_principal_name(&self) -> Text<256> {
        Text::lossy(self.user_principal_name.as_deref().unwrap_or(""))
    }
    pub fn display_name(&self) -> Text<256> {
        Text::lossy(self.display_name.as_deref().unwrap_or(""))
    }
    /// The password and the switch are mastered on premises: a change here may fail, or be undone
    /// by the next synchronisation.
    pub fn is_synced(&self) -> bool {
        self.on_premises_sync_enabled == Some(true)
    }
    /// `DOMAIN\account` on premises, for the person who resets it there.
    pub fn on_premises_name(&self) -> Option<Text<256>> {
        let account = self.on_premises_sam_account_name.as_deref()?;
        let domain = self.on_premises_domain_name.as_deref().unwrap_or("");
        Some(Text::lossy(&format!("{domain}\\{account}")))
    }
    /// From another tenant: the password is not here.
    pub fn is_guest(&self) -> bool {
        self.user_type.as_deref() == Some("Guest")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reset<'a> {
    password_profile: PasswordProfile<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PasswordProfile<'a> {
    force_change_password_next_sign_in: bool,
    password: &'a str,
}

impl Graph {
    pub async fn user(&self, id: &ObjectId) -> Result<Option<User>, GraphError> {
        self.find(&Ask::get(format!("/users/{id}"), Operation::ReadObject).with("$select", SELECT)).await
    }

    /// By user principal name. A name may begin with `$`, which the address of a single user does
    /// not allow, so such a user is looked for with a filter.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<User>, GraphError> {
        if !name.starts_with('$') {
            let path = format!("/users/{}", json::encode_segment(name));
            return self.find(&Ask::get(path, Operation::ReadObject).with("$select", SELECT)).await;
        }
        let ask = Ask::get("/users", Operation::ReadList)
            .with("$filter", format!("userPrincipalName eq {}", json::quote(name)))
            .with("$select", SELECT);
        Ok(Pages::new(self, ask).all().await?.into_iter().next())
    }

    /// All users.
    pub fn users(&self) -> Pages<User> {
        let ask = Ask::get("/users", Operation::ReadList);
        Pages::new(self, ask.with("$select", SELECT).with("$top", "999"))
    }

    /// Sets a password that we chose. With `must_change` it is good for one sign-in only.
    pub async fn reset_password(
        &self,
        id: &ObjectId,
        new: &Secret,
        must_change: bool,
        permit: &Permit,
    ) -> Result<(), GraphError> {
        let profile =
            PasswordProfile { force_change_password_next_sign_in: must_change, password: new.expose() };
        let ask = Ask::patch(format!("/users/{id}"), permit).body(&Reset { password_profile: profile });
        self.done(&ask.secret()).await
    }

    /// Lets the user sign in, or not.
    pub async fn set_user_enabled(
        &self,
        id: &ObjectId,
        enabled: bool,
        permit: &Permit,
    ) -> Result<(), GraphError> {
        let body = serde_json::json!({ "accountEnabled": enabled });
        self.done(&Ask::patch(format!("/users/{id}"), permit).body(&body)).await
    }

    /// Ends refresh tokens and browser sessions, within minutes. Access tokens live on, except at
    /// resources with continuous access evaluation.
    pub async fn revoke_sessions(&self, id: &ObjectId, permit: &Permit) -> Result<(), GraphError> {
        #[derive(Deserialize)]
        struct Answer {
            value: Option<bool>,
        }
        let ask = Ask::post(format!("/users/{id}/revokeSignInSessions"), permit);
        let (_, body) = self.send(&ask).await?;
        // Other successes than 200 have been seen, without a body (a known issue at Microsoft).
        if body.is_empty() {
            return Ok(());
        }
        match parse::<Answer>(&ask, body)?.value {
            Some(false) => Err(ApiError::unexpected(Service::Graph, "not_revoked", true)),
            _ => Ok(()),
        }
    }
}

//! What an access token says about its holder.
//!
//! The signature is not checked: the token came straight from the token service over TLS, and
//! what is read here only ever *refuses* something (the wrong tenant, a missing role). Source:
//! Microsoft Learn, "Access token claims reference". A token that is not a JWT has no claims.

use crate::domain::id::{ClientId, ObjectId, TenantId};
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The claims we read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// The tenant.
    #[serde(default)]
    pub tid: Option<TenantId>,
    /// The object id of the service principal or user who acts.
    #[serde(default)]
    pub oid: Option<ObjectId>,
    /// The client id of the application who acts; the Azure CLI's own for a person.
    #[serde(default)]
    pub appid: Option<ClientId>,
    /// A person's name, in a delegated token.
    #[serde(default)]
    pub upn: Option<Text<128>>,
    /// Application permissions.
    #[serde(default)]
    pub roles: Vec<Text<128>>,
    /// Delegated permissions, separated by spaces.
    #[serde(default)]
    pub scp: Option<Text<2048>>,
    /// Directory roles (template ids) of a person.
    #[serde(default)]
    pub wids: Vec<Text<64>>,
}

impl Claims {
    pub fn read(token: &Secret) -> Option<Self> {
        let payload = token.expose().split('.').nth(1)?;
        let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// Whether the token carries the permission, as application or delegated.
    pub fn has_permission(&self, name: &str) -> bool {
        self.roles.iter().any(|r| r.as_str() == name)
            || self.scp.as_ref().is_some_and(|s| s.split(' ').any(|p| p == name))
    }

    /// Whether the token is a person's.
    pub fn is_delegated(&self) -> bool {
        self.scp.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Secret {
        Secret::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims)))
    }

    #[test]
    fn claims_are_read_and_rubbish_is_not() {
        let claims = Claims::read(&token(
            r#"{"tid":"7D3C9A10-0000-4000-8000-000000000001","roles":["Application.ReadWrite.OwnedBy"],"other":1}"#,
        ))
        .unwrap();
        assert_eq!(claims.tid.as_ref().unwrap().as_str(), "7d3c9a10-0000-4000-8000-000000000001");
        assert!(claims.has_permission("Application.ReadWrite.OwnedBy") && !claims.is_delegated());
        let person = Claims::read(&token(r#"{"scp":"User.Read Application.Read.All"}"#)).unwrap();
        assert!(person.has_permission("Application.Read.All") && person.is_delegated());
        for bad in ["", "opaque", "a.b.c", "a.!!.c"] {
            assert_eq!(Claims::read(&Secret::new(bad.into())), None);
        }
    }
}

//! Scenes of users, roles, owners, federated credentials, certificates and policies.

use super::apps::object_id;
use super::{Owner, fields, impossible};
use crate::domain::id::{ClientId, KeyId, ObjectId};
use crate::domain::time::Timestamp;
use crate::lab::Lab;
use crate::lab::credential::{Key, base64_std, sha1};
use crate::lab::directory::{Kind, Object};
use crate::lab::graph::{DEFAULT_ID, default_policy, role_assignment, roles};
use crate::lab::keys::{self, CertificateError, TestCertificate};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A user to be created.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub upn: String,
    pub name: String,
    pub password: Option<String>,
    pub enabled: bool,
    /// Mastered on premises.
    pub synced: bool,
    /// Directory roles, by template id or display name.
    pub roles: Vec<String>,
    /// A phone method, when the user has one.
    pub phone: Option<String>,
    pub last_password_change: Option<Timestamp>,
}

impl NewUser {
    pub fn new(upn: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            upn: upn.into(),
            name: name.into(),
            password: None,
            enabled: true,
            synced: false,
            roles: Vec::new(),
            phone: None,
            last_password_change: None,
        }
    }
}

/// An app management policy: what adding a credential may not do.
#[derive(Clone, Debug, Default)]
pub struct ManagementPolicy {
    /// No client secret may be added.
    pub no_passwords: bool,
    pub password_life_max: Option<Duration>,
    pub certificate_life_max: Option<Duration>,
}

impl ManagementPolicy {
    fn restrictions(&self) -> Value {
        let days = |life: Duration| format!("PT{}S", life.as_secs());
        let one = |kind: &str, life: Option<String>| json!({"restrictionType": kind, "state": "enabled", "maxLifetime": life, "restrictForAppsCreatedAfterDateTime": null});
        let mut passwords = Vec::new();
        if self.no_passwords {
            passwords.push(one("passwordAddition", None));
        }
        if let Some(life) = self.password_life_max {
            passwords.push(one("passwordLifetime", Some(days(life))));
        }
        let keys: Vec<Value> = self
            .certificate_life_max
            .iter()
            .map(|life| one("asymmetricKeyLifetime", Some(days(*life))))
            .collect();
        json!({"passwordCredentials": passwords, "keyCredentials": keys})
    }
}

impl Lab {
    /// Creates a user; the answer is its object id.
    pub fn create_user(&self, spec: NewUser) -> ObjectId {
        self.with(|state| {
            // Whoever is there has been there for a while: stamps move by whole seconds.
            let since = Timestamp::from_unix_ms(state.now().unix_ms() - 30 * 86_400_000);
            let (id, now) = (state.new_id(), since.to_string());
            let changed = spec.last_password_change.map_or_else(|| now.clone(), |t| t.to_string());
            let nick = spec.upn.split('@').next().unwrap_or("");
            let body = json!({
                "id": id, "userPrincipalName": spec.upn, "displayName": spec.name, "givenName": null, "surname": null,
                "accountEnabled": spec.enabled, "businessPhones": [], "createdDateTime": now, "deletedDateTime": null,
                "department": null, "jobTitle": null, "mail": spec.upn, "mailNickname": nick, "mobilePhone": spec.phone,
                "officeLocation": null, "preferredLanguage": null, "userType": "Member", "passwordPolicies": null,
                "passwordProfile": null, "lastPasswordChangeDateTime": changed, "signInSessionsValidFromDateTime": now,
                "onPremisesSyncEnabled": spec.synced.then_some(true),
                "onPremisesDomainName": spec.synced.then_some("corp.lab.test"),
                "onPremisesSamAccountName": spec.synced.then_some(nick), "usageLocation": null,
            });
            let mut user = Object::new(Kind::User, id.clone(), fields(body));
            user.password = spec.password.as_deref().map(Into::into);
            if let Some(phone) = &spec.phone {
                user.methods.push(fields(json!({"@odata.type": "#microsoft.graph.phoneAuthenticationMethod", "id": "3179e48a-750b-4051-897c-87b9720928f7", "phoneNumber": phone, "phoneType": "mobile", "smsSignInState": "ready"})));
            }
            state.write_everywhere(user);
            for role in &spec.roles {
                let Some((role, _)) = roles::find(role) else { impossible(&format!("no directory role {role}")) };
                let made = role_assignment(state, &id, role);
                state.write_everywhere(made);
            }
            object_id(&id)
        })
    }

    /// Gives a user or service principal a directory role, by template id or display name.
    pub fn assign_role(&self, principal: &ObjectId, role: &str) {
        self.with(|state| {
            let Some((role, _)) = roles::find(role) else { impossible(&format!("no directory role {role}")) };
            let made = role_assignment(state, principal.as_str(), role);
            state.write_everywhere(made);
        });
    }

    /// Checks a user's password as a sign-in does; the error is the `AADSTS` code.
    pub fn user_signs_in(&self, upn: &str, password: &str) -> Result<(), u32> {
        self.with(|state| crate::lab::login::user_sign_in(state, upn, password))
    }

    pub fn add_owner(&self, client_id: &ClientId, on: Owner, owner: &ObjectId) {
        self.edit(client_id.as_str(), on, |_, object| object.owners.push(owner.to_string()));
    }

    /// Adds a federated identity credential; the answer is its id.
    pub fn add_federated_credential(
        &self,
        client_id: &ClientId,
        on: Owner,
        name: &str,
        issuer: &str,
        subject: &str,
    ) -> String {
        self.edit(client_id.as_str(), on, |state, object| {
            let id = state.new_id();
            object.federated.push(fields(json!({"id": id, "name": name, "issuer": issuer, "subject": subject, "description": null, "audiences": ["api://AzureADTokenExchange"]})));
            id
        })
    }

    /// A key and a self-signed certificate for it, from the committed pool of lab-only keys.
    pub fn generate_certificate(
        &self,
        subject: &str,
        life: Duration,
    ) -> Result<TestCertificate, CertificateError> {
        self.with(|state| {
            let stream = state.random.stream("lab-certificates");
            let key_pem = keys::pool_pem(keys::draw_pool_key(&stream));
            let cert_der = keys::self_signed(&key_pem, subject, state.now(), life, stream.bytes())?;
            Ok(TestCertificate { key_pem, cert_der })
        })
    }

    /// Registers a certificate on an application or service principal.
    pub fn add_certificate(
        &self,
        client_id: &ClientId,
        on: Owner,
        cert_der: &[u8],
        display_name: Option<&str>,
    ) -> KeyId {
        let Some(facts) = keys::read_certificate(cert_der) else {
            impossible("these bytes are no certificate")
        };
        self.edit(client_id.as_str(), on, |state, object| {
            let key_id = state.new_id();
            object.keys.push(Key {
                key_id: key_id.clone(),
                display_name: Some(display_name.unwrap_or(&facts.subject).to_owned()),
                custom_key_identifier: base64_std(&sha1(cert_der)),
                kind: "AsymmetricX509Cert".into(),
                usage: "Verify".into(),
                start: facts.start,
                end: facts.end,
                der: cert_der.into(),
            });
            key_id.parse().unwrap_or_else(|_| KeyId::from_random([0; 16]))
        })
    }

    /// Gives a certificate's entry another identifier than its thumbprint, as any administrator
    /// may: 40 hexadecimal digits.
    pub fn set_key_identifier(&self, client_id: &ClientId, on: Owner, key: &KeyId, thumbprint: &str) {
        let digits = thumbprint.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap_or(""));
        let bytes: Option<Vec<u8>> = digits.map(|two| u8::from_str_radix(two, 16).ok()).collect();
        let Some(bytes) = bytes else { impossible("these are no hexadecimal digits") };
        self.edit(client_id.as_str(), on, |_, object| {
            if let Some(entry) = object.keys.iter_mut().find(|k| k.key_id == key.as_str()) {
                entry.custom_key_identifier = base64_std(&bytes);
            }
        });
    }

    /// Gives a certificate's entry this key id, as whoever registers it may.
    pub fn set_key_id(&self, client_id: &ClientId, on: Owner, key: &KeyId, wanted: &KeyId) {
        self.edit(client_id.as_str(), on, |_, object| {
            if let Some(entry) = object.keys.iter_mut().find(|k| k.key_id == key.as_str()) {
                entry.key_id = wanted.to_string();
            }
        });
    }

    /// Sets the tenant's default app management policy.
    pub fn set_default_policy(&self, policy: &ManagementPolicy) {
        self.with(|state| {
            let mut object = state.newest(Kind::TenantPolicy, DEFAULT_ID).unwrap_or_else(default_policy);
            object.set("isEnabled", true);
            object.set("applicationRestrictions", policy.restrictions());
            object.set("servicePrincipalRestrictions", policy.restrictions());
            state.write_everywhere(object);
        });
    }

    /// Assigns a policy of its own to one application; the answer is the policy's id.
    pub fn set_app_policy(&self, client_id: &ClientId, policy: &ManagementPolicy) -> ObjectId {
        let id = self.with(|state| {
            let id = state.new_id();
            let body = json!({"id": id, "displayName": "Lab policy", "description": null, "isEnabled": true, "deletedDateTime": null, "restrictions": policy.restrictions()});
            state.write_everywhere(Object::new(Kind::AppPolicy, id.clone(), fields(body)));
            id
        });
        self.edit(client_id.as_str(), Owner::Application, |_, object| object.policies = vec![id.clone()]);
        object_id(&id)
    }

    /// Sets properties of an application or service principal, as its own administrator would:
    /// `isDisabled`, `accountEnabled`, `displayName`, `servicePrincipalLockConfiguration`, …
    pub fn set_properties(&self, client_id: &ClientId, on: Owner, properties: Map<String, Value>) {
        self.edit(client_id.as_str(), on, |_, object| object.fields.extend(properties));
    }

    /// Gives an application a delegated permission in everybody's name; the answer is its id.
    pub fn add_permission_grant(&self, client_id: &ClientId, scope: &str) -> String {
        self.with(|state| {
            let principal = super::owner_object(state, client_id.as_str(), Owner::ServicePrincipal).id;
            let resource = crate::lab::graph::graph_principal(state);
            let id = crate::lab::credential::base64_url(&state.random.stream("lab-ids").bytes::<32>());
            let body = json!({"id": id, "clientId": principal, "consentType": "AllPrincipals", "principalId": null, "resourceId": resource, "scope": scope});
            state.write_everywhere(Object::new(Kind::PermissionGrant, id.clone(), fields(body)));
            id
        })
    }
}

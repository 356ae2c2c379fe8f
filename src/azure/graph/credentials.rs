//! The credentials of applications and service principals: both objects hold secrets and
//! certificates of their own, with the same actions.
//!
//! Sources: Microsoft Learn, "application: addPassword", "removePassword", "removeKey", "Update
//! application", "passwordCredential", "keyCredential"; "servicePrincipal" likewise. What is
//! reported rather than documented is marked.

use super::GraphError;
use super::http::{Ask, Graph, parse};
use super::json;
use super::pages::Pages;
use crate::azure::fault::{ApiError, Service};
use crate::azure::quota::Operation;
use crate::domain::id::{KeyId, ObjectId};
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::Permit;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const SELECT_KEYS: &str = "id,keyCredentials";

/// An object that holds credentials, by its object id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    Application(ObjectId),
    ServicePrincipal(ObjectId),
}

impl Holder {
    pub fn object(&self) -> &ObjectId {
        match self {
            Holder::Application(id) | Holder::ServicePrincipal(id) => id,
        }
    }
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.object())
    }
    fn collection(&self) -> &'static str {
        match self {
            Holder::Application(_) => "/applications",
            Holder::ServicePrincipal(_) => "/servicePrincipals",
        }
    }
}

/// A client secret as the directory lists it: everything but its value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordCredential {
    pub key_id: KeyId,
    #[serde(default)]
    display_name: Option<String>,
    /// The first three characters of the value. Old secrets have none.
    #[serde(default)]
    hint: Option<String>,
    #[serde(default, deserialize_with = "json::time", rename = "startDateTime")]
    pub start: Option<Timestamp>,
    #[serde(default, deserialize_with = "json::time", rename = "endDateTime")]
    pub end: Option<Timestamp>,
}

impl PasswordCredential {
    pub fn display_name(&self) -> Option<Text<256>> {
        self.display_name.as_deref().map(Text::lossy)
    }
    /// Case matters: hints of two secrets may differ in nothing else.
    pub fn hint(&self) -> Option<Text<3>> {
        self.hint.as_deref().and_then(|h| Text::new(h).ok())
    }
}

/// A certificate as the directory lists it.
///
/// All fields are kept as they came: to stay on the object through a change of the list, an entry
/// must be sent back unchanged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyCredential {
    pub key_id: KeyId,
    #[serde(default)]
    custom_key_identifier: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    end_date_time: Option<String>,
    /// Base64 of the DER certificate: only there if selected on a single object, and never sent
    /// back.
    #[serde(default, skip_serializing)]
    key: Option<String>,
    #[serde(default)]
    start_date_time: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    usage: Option<String>,
}

impl KeyCredential {
    pub fn display_name(&self) -> Option<Text<256>> {
        self.display_name.as_deref().map(Text::lossy)
    }
    pub fn start(&self) -> Option<Timestamp> {
        self.start_date_time.as_deref().and_then(|t| t.parse().ok())
    }
    pub fn end(&self) -> Option<Timestamp> {
        self.end_date_time.as_deref().and_then(|t| t.parse().ok())
    }
    /// The certificate, DER, if it was read with it.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.key.as_deref()?).ok()
    }
    /// `Verify` for certificates that sign in; `Sign` belongs to token signing.
    pub fn usage(&self) -> Option<&str> {
        self.usage.as_deref()
    }
    /// The custom key identifier as 40 lower-case hexadecimal digits, where it is a SHA-1
    /// thumbprint, as it is unless somebody set it otherwise. Some services return it as
    /// hexadecimal instead of base64 (reported).
    pub fn thumbprint(&self) -> Option<Text<40>> {
        let text = self.custom_key_identifier.as_deref()?;
        if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Some(Text::lossy(&text.to_ascii_lowercase()));
        }
        let bytes = STANDARD.decode(text).ok().filter(|b| b.len() == 20)?;
        Some(Text::lossy(&crate::domain::id::hex(&bytes)))
    }
}

impl fmt::Debug for KeyCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, thumbprint, usage) = (&self.key_id, self.thumbprint(), &self.usage);
        f.debug_struct("KeyCredential")
            .field("key_id", id)
            .field("thumbprint", &thumbprint)
            .field("usage", usage)
            .finish_non_exhaustive()
    }
}

/// A certificate to be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Chosen by us, so that it can be looked for after a lost answer. That PATCH accepts one is
    /// reported, not documented.
    pub key_id: Option<KeyId>,
    /// At most 90 characters; longer ones are cut by the service.
    pub display_name: Text<90>,
    /// DER.
    pub certificate: Vec<u8>,
    /// Within the certificate's own validity; none: the same as that.
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

/// What a new secret shall be like. Its value is the directory's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    pub display_name: Text<120>,
    pub end: Timestamp,
}

/// A secret that was just made. Its value is shown this once.
#[derive(Debug)]
pub struct MintedPassword {
    pub key_id: KeyId,
    pub hint: Option<Text<3>>,
    pub end: Option<Timestamp>,
    pub value: Secret,
}

/// Both lists of one object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialLists {
    pub id: ObjectId,
    #[serde(default, deserialize_with = "json::list", rename = "passwordCredentials")]
    pub passwords: Vec<PasswordCredential>,
    #[serde(default, deserialize_with = "json::list", rename = "keyCredentials")]
    pub keys: Vec<KeyCredential>,
}

impl CredentialLists {
    /// Single objects show public keys and lists do not: without them, reads of both compare.
    fn without_public_keys(self) -> Vec<KeyCredential> {
        self.keys.into_iter().map(|k| KeyCredential { key: None, ..k }).collect()
    }
}

impl Graph {
    /// The secrets of one object. Cheap: it does not touch the narrow quota of `keyCredentials`.
    pub async fn passwords(&self, holder: &Holder) -> Result<Option<Vec<PasswordCredential>>, GraphError> {
        let ask = Ask::get(holder.path(), Operation::ReadObject).with("$select", "id,passwordCredentials");
        Ok(self.find::<CredentialLists>(&ask).await?.map(|l| l.passwords))
    }

    /// The certificates of one object, without their public keys.
    pub async fn keys(&self, holder: &Holder) -> Result<Option<Vec<KeyCredential>>, GraphError> {
        let ask = Ask::get(holder.path(), Operation::ReadKeys).with("$select", SELECT_KEYS);
        Ok(self.find::<CredentialLists>(&ask).await?.map(CredentialLists::without_public_keys))
    }

    /// The same of several objects of one sort, at most 15, with one request. Who is not found is left
    /// out.
    pub async fn keys_of(
        &self,
        holders: &[&Holder],
    ) -> Result<BTreeMap<ObjectId, Vec<KeyCredential>>, GraphError> {
        let Some(first) = holders.first() else { return Ok(BTreeMap::new()) };
        // An object that is asked for twice is named once.
        let ids: BTreeSet<&str> = holders.iter().map(|h| h.object().as_str()).collect();
        let ids: Vec<String> = ids.into_iter().map(|id| format!("'{id}'")).collect();
        let ask = Ask::get(first.collection(), Operation::ReadKeys)
            .with("$select", SELECT_KEYS)
            .with("$filter", format!("id in ({})", ids.join(",")));
        let lists: Vec<CredentialLists> = Pages::new(self, ask).all().await?;
        Ok(lists.into_iter().map(|l| (l.id.clone(), l.without_public_keys())).collect())
    }

    /// Secrets and certificates of one object, the certificates with their public keys.
    pub async fn credentials(&self, holder: &Holder) -> Result<Option<CredentialLists>, GraphError> {
        let select = "id,passwordCredentials,keyCredentials";
        self.find(&Ask::get(holder.path(), Operation::ReadKeys).with("$select", select)).await
    }

    /// Has the directory make a secret. Not idempotent: after a lost answer, look for the display
    /// name.
    pub async fn add_password(
        &self,
        holder: &Holder,
        new: &NewPassword,
        permit: &Permit,
    ) -> Result<MintedPassword, GraphError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            key_id: KeyId,
            #[serde(default)]
            hint: Option<String>,
            #[serde(default, deserialize_with = "json::time")]
            end_date_time: Option<Timestamp>,
            #[serde(default, deserialize_with = "json::secret")]
            secret_text: Option<Secret>,
        }
        let body = serde_json::json!({
            "passwordCredential": { "displayName": new.display_name, "endDateTime": new.end }
        });
        let ask = Ask::post(format!("{}/addPassword", holder.path()), permit).body(&body).secret();
        let (_, bytes) = self.send(&ask).await?;
        let answer: Answer = parse(&ask, bytes)?;
        // It was made, and its value is not here: only a look by name can find it.
        let value = answer.secret_text.ok_or(ApiError::unexpected(Service::Graph, "no_secret_text", true))?;
        let hint = answer.hint.as_deref().and_then(|h| Text::new(h).ok());
        Ok(MintedPassword { key_id: answer.key_id, hint, end: answer.end_date_time, value })
    }

    /// Removes a secret. An unknown keyId is [`MessageClass::NoSuchCredential`], which right after
    /// a change can also mean "not known here yet" (reported).
    ///
    /// [`MessageClass::NoSuchCredential`]: crate::azure::fault::MessageClass::NoSuchCredential
    pub async fn remove_password(
        &self,
        holder: &Holder,
        key: &KeyId,
        permit: &Permit,
    ) -> Result<(), GraphError> {
        let body = serde_json::json!({ "keyId": key });
        self.done(&Ask::post(format!("{}/removePassword", holder.path()), permit).body(&body)).await
    }

    /// Replaces the whole list of certificates: `keep` as they were read, without their public
    /// keys, and `add`. Whatever is on the object and not in `keep` is gone afterwards. There is
    /// no ETag: read before and after, and let one writer at a time do it.
    pub async fn replace_keys(
        &self,
        holder: &Holder,
        keep: &[KeyCredential],
        add: Option<&NewKey>,
        permit: &Permit,
    ) -> Result<(), GraphError> {
        let mut list: Vec<serde_json::Value> = Vec::with_capacity(keep.len() + 1);
        for entry in keep {
            let mut value = serde_json::to_value(entry).unwrap_or_default();
            value["key"] = serde_json::Value::Null;
            list.push(value);
        }
        if let Some(new) = add {
            let mut value = serde_json::json!({
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
                "displayName": new.display_name,
                "key": STANDARD.encode(&new.certificate),
            });
            if let Some(id) = &new.key_id {
                value["keyId"] = id.as_str().into();
            }
            if let Some(start) = new.start {
                value["startDateTime"] = start.to_string().into();
            }
            if let Some(end) = new.end {
                value["endDateTime"] = end.to_string().into();
            }
            list.push(value);
        }
        let body = serde_json::json!({ "keyCredentials": list });
        self.done(&Ask::patch(holder.path(), permit).body(&body)).await
    }

    /// Removes one certificate and touches no other. `proof` is signed by a certificate that is on
    /// the object and still valid.
    pub async fn remove_key(
        &self,
        holder: &Holder,
        key: &KeyId,
        proof: &Secret,
        permit: &Permit,
    ) -> Result<(), GraphError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            key_id: &'a KeyId,
            proof: &'a str,
        }
        let body = Body { key_id: key, proof: proof.expose() };
        self.done(&Ask::post(format!("{}/removeKey", holder.path()), permit).body(&body).secret()).await
    }
}

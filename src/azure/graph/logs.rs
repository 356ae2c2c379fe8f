//! The directory's own records: who signed in with which credential, and who changed what.
//!
//! Sources: Microsoft Learn, "signIn resource type" (beta: only there do service principals' own
//! sign-ins carry the id of the credential they used; global cloud only), "List directoryAudits".
//! Rows come minutes late (reported), and are kept 7 to 30 days.

use super::http::{Ask, Graph};
use super::json;
use super::pages::Pages;
use crate::azure::quota::Operation;
use crate::domain::corroborate::{Change, Theirs, Who};
use crate::domain::id::{ClientId, KeyId, ObjectId};
use crate::domain::sign_ins::Use;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use serde::Deserialize;

/// An application's own sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationSignIn {
    id: Text<128>,
    #[serde(default, deserialize_with = "json::time", rename = "createdDateTime")]
    pub at: Option<Timestamp>,
    #[serde(default)]
    app_id: Option<String>,
    #[serde(default, rename = "servicePrincipalCredentialKeyId")]
    key_id: Option<String>,
    #[serde(default)]
    ip_address: Option<String>,
    /// The application id of the resource.
    #[serde(default)]
    resource_id: Option<String>,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    error_code: Option<u32>,
}

impl ApplicationSignIn {
    /// Which of the application's credentials was used.
    pub fn key_id(&self) -> Option<KeyId> {
        self.key_id.as_deref()?.parse().ok()
    }
    pub fn client(&self) -> Option<ClientId> {
        self.app_id.as_deref()?.parse().ok()
    }
    /// The row in the words of [`crate::domain::sign_ins`], none of them the service's text; none if
    /// it has no time.
    pub fn told(&self) -> Option<Use> {
        Some(Use {
            id: self.id.clone(),
            at: self.at?,
            accepted: self.aadsts() == 0,
            credential: self.key_id().map(|id| Text::lossy(id.as_str())),
            from: self.ip_address.as_deref().and_then(|ip| ip.parse().ok()),
            resource: self.resource_id.as_deref().and_then(|id| id.parse().ok()),
        })
    }
    /// Zero for a success; a number of [`crate::azure::sign_in`] otherwise.
    pub fn aadsts(&self) -> u32 {
        self.status.as_ref().and_then(|s| s.error_code).unwrap_or(0)
    }
}

/// One change in the directory's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryAudit {
    id: Text<128>,
    #[serde(default, deserialize_with = "json::time", rename = "activityDateTime")]
    pub at: Option<Timestamp>,
    #[serde(default)]
    activity_display_name: Option<String>,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    initiated_by: Option<Initiator>,
    #[serde(default, deserialize_with = "json::list")]
    target_resources: Vec<Resource>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Initiator {
    #[serde(default)]
    app: Option<Actor>,
    #[serde(default)]
    user: Option<Actor>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Actor {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    user_principal_name: Option<String>,
    #[serde(default)]
    service_principal_id: Option<String>,
    /// Of an application; often null (reported).
    #[serde(default)]
    app_id: Option<String>,
    /// Of a user.
    #[serde(default)]
    id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, deserialize_with = "json::list")]
    modified_properties: Vec<Modified>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modified {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    old_value: Option<String>,
    #[serde(default)]
    new_value: Option<String>,
}

impl DirectoryAudit {
    /// Names are written with a hyphen in some places and an en dash in others (reported): compare
    /// their beginnings.
    pub fn activity(&self) -> Text<256> {
        Text::lossy(self.activity_display_name.as_deref().unwrap_or(""))
    }
    pub fn succeeded(&self) -> bool {
        self.result.as_deref() == Some("success")
    }
    /// Who did it: a user's principal name, or an application's name.
    pub fn actor(&self) -> Text<256> {
        let by = self.initiated_by.as_ref();
        let user = by.and_then(|b| b.user.as_ref()).and_then(|u| u.user_principal_name.as_deref());
        let app = by.and_then(|b| b.app.as_ref()).and_then(|a| a.display_name.as_deref());
        Text::lossy(user.or(app).unwrap_or(""))
    }
    /// Whether it was this identity: object id or client id, as far as the row names them.
    pub fn by(&self, object: &str, client: &str) -> Who {
        let by = self.initiated_by.as_ref();
        let app = by.and_then(|b| b.app.as_ref());
        let user = by.and_then(|b| b.user.as_ref()).and_then(|u| u.id.as_deref());
        let ids = [
            (app.and_then(|a| a.service_principal_id.as_deref()), object),
            (app.and_then(|a| a.app_id.as_deref()), client),
            (user, object),
        ];
        let mut named = ids.into_iter().filter_map(|(id, ours)| Some((id.filter(|i| !i.is_empty())?, ours)));
        match named.next() {
            None if self.actor().as_str().is_empty() => Who::Nobody,
            None => Who::SomebodyElse,
            Some((id, ours)) if id.eq_ignore_ascii_case(ours) => Who::We,
            Some(_) if named.any(|(id, ours)| id.eq_ignore_ascii_case(ours)) => Who::We,
            Some(_) => Who::SomebodyElse,
        }
    }

    /// The row in the words of [`crate::domain::corroborate`], with who it was to the run of this
    /// identity; none if it has no time.
    pub fn row(&self, object: &str, client: &str) -> Option<Theirs> {
        let modified = self.target_resources.iter().flat_map(|r| &r.modified_properties);
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for change in modified.filter(|m| m.display_name.as_deref() == Some(KEY_DESCRIPTION)) {
            let (old, new) = (key_ids(change.old_value.as_deref()), key_ids(change.new_value.as_deref()));
            added.extend(new.iter().filter(|id| !old.contains(id)).cloned());
            removed.extend(old.iter().filter(|id| !new.contains(id)).cloned());
        }
        let objects = self.target_resources.iter().filter_map(|r| r.id.as_deref());
        Some(Theirs {
            id: self.id.clone(),
            at: self.at?,
            activity: self.activity(),
            change: change_named(self.activity().as_str()),
            succeeded: self.succeeded(),
            actor: self.actor(),
            who: self.by(object, client),
            objects: objects.map(|id| Text::lossy(&id.to_ascii_lowercase())).collect(),
            added,
            removed,
        })
    }

    /// The service principal that did it, if it was one.
    pub fn actor_principal(&self) -> Option<ObjectId> {
        let app = self.initiated_by.as_ref()?.app.as_ref()?;
        app.service_principal_id.as_deref()?.parse().ok()
    }
    /// The objects it was done to.
    pub fn targets(&self) -> Vec<ObjectId> {
        self.target_resources.iter().filter_map(|r| r.id.as_deref()?.parse().ok()).collect()
    }
}

/// The modified property that lists an object's credentials, before and after.
const KEY_DESCRIPTION: &str = "KeyDescription";

/// The ids in `["[KeyIdentifier=…,KeyType=…,KeyUsage=…,DisplayName=…]"]` (reported;
/// facts/intake-and-review.md II.1). A display name is free text, and makes no entry.
fn key_ids(value: Option<&str>) -> Vec<Text<128>> {
    let entries: Vec<String> = value.and_then(|v| serde_json::from_str(v).ok()).unwrap_or_default();
    let ids = entries.iter().filter_map(|entry| {
        let rest = entry.trim_start().strip_prefix("[KeyIdentifier=")?;
        rest.split([',', ']']).next()?.trim().parse::<KeyId>().ok()
    });
    ids.map(|id| Text::lossy(id.as_str())).collect()
}

/// What an activity changes, by its published name ("Audit activity reference"). The dash in it is
/// written in more than one way and a space may follow it (reported; facts/graph.md 4), so only
/// letters count.
fn change_named(activity: &str) -> Change {
    let letters: String = activity.chars().filter(char::is_ascii_alphanumeric).collect();
    match letters.to_ascii_lowercase().as_str() {
        "updateapplicationcertificatesandsecretsmanagement"
        | "addserviceprincipalcredentials"
        | "removeserviceprincipalcredentials" => Change::Credentials,
        "resetuserpassword"
        | "resetpasswordbyadmin"
        | "resetpasswordselfservice"
        | "changeuserpassword"
        | "changepasswordselfservice" => Change::Password,
        "updatestsrefreshtokenvalidfromtimestamp" => Change::Sessions,
        "updateapplication"
        | "updateserviceprincipal"
        | "updateuser"
        | "disableaccount"
        | "enableaccount" => Change::Properties,
        _ => Change::Other,
    }
}

impl Graph {
    /// Everything that the directory's log tells of this time, newest first: for the whole tenant,
    /// since an identity of ours may have changed what no plan names.
    pub fn audits(&self, from: Timestamp, until: Timestamp) -> Pages<DirectoryAudit> {
        let filter = format!("activityDateTime ge {from} and activityDateTime le {until}");
        Pages::new(self, Ask::get("/auditLogs/directoryAudits", Operation::ReadLog).with("$filter", filter))
    }

    /// The own sign-ins of applications since then, newest first. Only with a premium licence; a cloud
    /// that does not have the beta refuses. That `or` is served here is documented nowhere.
    pub fn application_sign_ins(&self, ids: &[&ClientId], since: Timestamp) -> Pages<ApplicationSignIn> {
        let apps: Vec<String> =
            ids.iter().map(|id| format!("appId eq {}", json::quote(id.as_str()))).collect();
        let apps = apps.join(" or ");
        let filter = format!(
            "signInEventTypes/any(t: t eq 'servicePrincipal') and createdDateTime ge {since} and ({apps})"
        );
        let ask = Ask::get("/auditLogs/signIns", Operation::ReadLog).beta();
        Pages::new(self, ask.with("$filter", filter).with("$top", "1000"))
    }

    /// Changes to one object since then.
    pub fn changes_of(&self, object: &ObjectId, since: Timestamp) -> Pages<DirectoryAudit> {
        let filter = format!(
            "activityDateTime ge {since} and targetResources/any(t: t/id eq {})",
            json::quote(object.as_str())
        );
        Pages::new(self, Ask::get("/auditLogs/directoryAudits", Operation::ReadLog).with("$filter", filter))
    }
}

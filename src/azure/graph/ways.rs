//! Whole lists of applications and service principals with one relation expanded.
//!
//! Source: Microsoft Learn, "Use query parameters to customize responses": `$expand` of a relation of
//! directory objects shows at most 20 entries, one relation to a request. "application resource type" and
//! "servicePrincipal resource type" say of owners and federated credentials "Supports $expand".

use super::applications::{FederatedCredential, Owner};
use super::http::{Ask, Graph};
use super::json;
use super::pages::Pages;
use crate::azure::quota::Operation;
use crate::domain::id::{ClientId, ObjectId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// So many entries of a relation are shown: a list of this length may be cut off.
pub const EXPANDED_MAX: usize = 20;

/// An object with its owners.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WithOwners {
    pub id: ObjectId,
    pub app_id: ClientId,
    #[serde(default, deserialize_with = "json::list")]
    pub owners: Vec<Owner>,
}

/// An object with its federated credentials.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WithFederated {
    pub id: ObjectId,
    pub app_id: ClientId,
    #[serde(default, deserialize_with = "json::list", rename = "federatedIdentityCredentials")]
    pub federated: Vec<FederatedCredential>,
}

const OWNERS: &str = "owners($select=id,displayName,userPrincipalName)";
const FEDERATED: &str = "federatedIdentityCredentials";

impl Graph {
    pub fn applications_with_owners(&self) -> Pages<WithOwners> {
        self.with_relation("/applications", OWNERS)
    }
    pub fn service_principals_with_owners(&self) -> Pages<WithOwners> {
        self.with_relation("/servicePrincipals", OWNERS)
    }
    pub fn applications_with_federated(&self) -> Pages<WithFederated> {
        self.with_relation("/applications", FEDERATED)
    }
    pub fn service_principals_with_federated(&self) -> Pages<WithFederated> {
        self.with_relation("/servicePrincipals", FEDERATED)
    }

    fn with_relation<T: DeserializeOwned>(&self, path: &'static str, relation: &'static str) -> Pages<T> {
        let ask = Ask::get(path, Operation::ReadList).with("$select", "id,appId").with("$top", "999");
        Pages::new(self, ask.with("$expand", relation))
    }
}

//! The directory: objects, every write at once at the primary, and later at three replicas and
//! three login nodes, each at its own time.
//!
//! A read names a [`Node`]. Replicas apply the writes on one object in order; credentials reach
//! each login node on their own, so that a removal that lags does not hold back a new secret.

use super::credential::{Key, Password};
use crate::domain::time::Timestamp;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What an object is. The relations of Graph that have ids of their own are objects too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Application,
    ServicePrincipal,
    User,
    AppRoleAssignment,
    PermissionGrant,
    RoleAssignment,
    AppPolicy,
    TenantPolicy,
}

impl Kind {
    /// The `@odata.type` of the kind, without `#microsoft.graph.`.
    pub(super) fn odata(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::ServicePrincipal => "servicePrincipal",
            Self::User => "user",
            Self::AppRoleAssignment => "appRoleAssignment",
            Self::PermissionGrant => "oAuth2PermissionGrant",
            Self::RoleAssignment => "unifiedRoleAssignment",
            Self::AppPolicy => "appManagementPolicy",
            Self::TenantPolicy => "tenantAppManagementPolicy",
        }
    }
}

pub(super) const REPLICAS: usize = 3;
pub(super) const LOGIN_NODES: usize = 3;
/// When a write is seen by each replica, then by each login node.
pub(super) type Seen = [Timestamp; REPLICAS + LOGIN_NODES];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    Primary,
    Replica(usize),
    Login(usize),
}

#[derive(Clone)]
pub(super) struct Object {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// The properties as Graph shows them, without those below.
    pub(super) fields: Map<String, Value>,
    pub(super) passwords: Vec<Password>,
    pub(super) keys: Vec<Key>,
    pub(super) owners: Vec<String>,
    pub(super) federated: Vec<Map<String, Value>>,
    /// App management policies assigned to it.
    pub(super) policies: Vec<String>,
    /// A user's authentication methods.
    pub(super) methods: Vec<Map<String, Value>>,
    /// A user's password.
    pub(super) password: Option<Arc<str>>,
    pub(super) deleted: Option<Timestamp>,
}

impl Object {
    pub(super) fn new(kind: Kind, id: String, fields: Map<String, Value>) -> Self {
        Self {
            id,
            kind,
            fields,
            passwords: Vec::new(),
            keys: Vec::new(),
            owners: Vec::new(),
            federated: Vec::new(),
            policies: Vec::new(),
            methods: Vec::new(),
            password: None,
            deleted: None,
        }
    }
    pub(super) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or("")
    }
    pub(super) fn flag(&self, field: &str) -> Option<bool> {
        self.fields.get(field).and_then(Value::as_bool)
    }
    pub(super) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }
}

struct Version {
    object: Option<Arc<Object>>,
    seen: Seen,
}

/// One credential as the login nodes know it.
#[derive(Clone)]
pub(super) struct LoginCredential {
    pub(super) key_id: String,
    pub(super) proof: Proof,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    from: [Timestamp; LOGIN_NODES],
    until: Option<[Timestamp; LOGIN_NODES]>,
}

#[derive(Clone)]
pub(super) enum Proof {
    Secret(Arc<str>),
    Certificate(Arc<[u8]>),
}

/// When a change of credentials reaches the login nodes.
pub(super) struct CredentialLag {
    pub(super) new: [Timestamp; LOGIN_NODES],
    pub(super) removed: [Timestamp; LOGIN_NODES],
}

#[derive(Default)]
pub(super) struct Directory {
    objects: BTreeMap<Kind, BTreeMap<String, Vec<Version>>>,
    /// Client id to application and service principal. Both may be missing.
    clients: BTreeMap<String, (Option<String>, Option<String>)>,
    names: BTreeMap<String, String>,
    /// Principal to the app roles and directory roles it holds or held.
    held_by: BTreeMap<String, BTreeSet<(Kind, String)>>,
    login: BTreeMap<String, Vec<LoginCredential>>,
    last_write: BTreeMap<String, Timestamp>,
}

fn sees(seen: &Seen, node: Node, now: Timestamp) -> bool {
    match node {
        Node::Primary => true,
        Node::Replica(i) => seen[i % REPLICAS] <= now,
        Node::Login(i) => seen[REPLICAS + i % LOGIN_NODES] <= now,
    }
}

fn visible(versions: &[Version], node: Node, now: Timestamp) -> Option<&Arc<Object>> {
    versions.iter().rev().find(|v| sees(&v.seen, node, now)).and_then(|v| v.object.as_ref())
}

impl Directory {
    /// An object that is not deleted, as `node` sees it.
    pub(super) fn get(&self, kind: Kind, id: &str, node: Node, now: Timestamp) -> Option<&Arc<Object>> {
        self.find(kind, id, node, now).filter(|o| o.deleted.is_none())
    }
    /// An object, also if it is in the recycle bin.
    pub(super) fn find(&self, kind: Kind, id: &str, node: Node, now: Timestamp) -> Option<&Arc<Object>> {
        visible(self.objects.get(&kind)?.get(id)?, node, now)
    }
    /// All objects of a kind after `after`, in the order of their ids, deleted ones too.
    pub(super) fn all<'a>(
        &'a self,
        kind: Kind,
        after: &str,
        node: Node,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        let bounds = (std::ops::Bound::Excluded(after.to_owned()), std::ops::Bound::Unbounded);
        let found = self.objects.get(&kind).map(|m| m.range(bounds));
        found.into_iter().flatten().filter_map(move |(_, versions)| visible(versions, node, now))
    }
    /// The ids of the application and the service principal of a client id.
    pub(super) fn client(&self, client_id: &str) -> (Option<&str>, Option<&str>) {
        self.clients.get(client_id).map_or((None, None), |(a, s)| (a.as_deref(), s.as_deref()))
    }
    /// A user's object id by user principal name.
    pub(super) fn user_id(&self, name: &str) -> Option<&str> {
        self.names.get(&name.to_lowercase()).map(String::as_str)
    }
    /// Notes a write that a client made; the lab's own administrator leaves no such mark.
    pub(super) fn mark_write(&mut self, id: &str, now: Timestamp) {
        self.last_write.insert(id.to_owned(), now);
    }
    pub(super) fn last_write(&self, id: &str) -> Option<Timestamp> {
        self.last_write.get(id).copied()
    }
    /// The credentials of an object that one login node accepts now.
    pub(super) fn accepted(
        &self,
        id: &str,
        node: usize,
        now: Timestamp,
    ) -> impl Iterator<Item = &LoginCredential> {
        let node = node % LOGIN_NODES;
        let held = self.login.get(id).map(Vec::as_slice).unwrap_or_default();
        held.iter().filter(move |c| c.from[node] <= now && c.until.is_none_or(|u| now < u[node]))
    }

    /// Stores a version. `seen` is raised where an earlier version reaches a node later.
    pub(super) fn commit(
        &mut self,
        object: Object,
        mut seen: Seen,
        credentials: &CredentialLag,
        now: Timestamp,
    ) {
        self.index(&object);
        self.commit_credentials(&object, credentials, now);
        let versions = self.objects.entry(object.kind).or_default().entry(object.id.clone()).or_default();
        if let Some(last) = versions.last() {
            for (new, old) in seen.iter_mut().zip(last.seen) {
                *new = (*new).max(old);
            }
        }
        versions.push(Version { object: Some(Arc::new(object)), seen });
        let everywhere = versions.iter().rposition(|v| v.seen.iter().all(|s| *s <= now));
        versions.drain(..everywhere.unwrap_or(0));
    }

    /// Makes every earlier write on an object visible everywhere.
    pub(super) fn settle(&mut self, kind: Kind, id: &str, now: Timestamp) {
        for version in self.objects.get_mut(&kind).and_then(|m| m.get_mut(id)).into_iter().flatten() {
            version.seen = version.seen.map(|s| s.min(now));
        }
    }

    /// Removes an object for good.
    pub(super) fn remove(
        &mut self,
        kind: Kind,
        id: &str,
        seen: Seen,
        credentials: &CredentialLag,
        now: Timestamp,
    ) {
        if let Some(object) = self.find(kind, id, Node::Primary, now).cloned() {
            let bare = Object { passwords: Vec::new(), keys: Vec::new(), ..(*object).clone() };
            self.commit_credentials(&bare, credentials, now);
        }
        if let Some(versions) = self.objects.get_mut(&kind).and_then(|m| m.get_mut(id)) {
            versions.push(Version { object: None, seen });
        }
    }

    fn index(&mut self, object: &Object) {
        let app_id = object.text("appId").to_owned();
        match object.kind {
            Kind::Application => self.clients.entry(app_id).or_default().0 = Some(object.id.clone()),
            Kind::ServicePrincipal => self.clients.entry(app_id).or_default().1 = Some(object.id.clone()),
            Kind::User => {
                let name = object.text("userPrincipalName").to_lowercase();
                self.names.insert(name, object.id.clone());
            }
            _ => {
                let principal = object.text("principalId").to_owned();
                self.held_by.entry(principal).or_default().insert((object.kind, object.id.clone()));
            }
        }
    }

    /// What a principal holds of one kind: app role assignments or directory role assignments.
    pub(super) fn held(&self, principal: &str, kind: Kind, node: Node, now: Timestamp) -> Vec<&Arc<Object>> {
        let ids = self.held_by.get(principal).into_iter().flatten().filter(|(k, _)| *k == kind);
        ids.filter_map(|(k, id)| self.get(*k, id, node, now)).collect()
    }

    fn commit_credentials(&mut self, object: &Object, lag: &CredentialLag, now: Timestamp) {
        if !matches!(object.kind, Kind::Application | Kind::ServicePrincipal) {
            return;
        }
        let secrets =
            object.passwords.iter().map(|p| (&p.key_id, Proof::Secret(p.value.clone()), p.start, p.end));
        let certificates =
            object.keys.iter().map(|k| (&k.key_id, Proof::Certificate(k.der.clone()), k.start, k.end));
        let current: Vec<_> = secrets.chain(certificates).collect();
        let held = self.login.entry(object.id.clone()).or_default();
        held.retain(|c| c.until.is_none_or(|u| u.iter().any(|t| *t > now)));
        for credential in held.iter_mut() {
            if credential.until.is_none() && !current.iter().any(|(id, ..)| **id == credential.key_id) {
                credential.until = Some(lag.removed);
            }
        }
        for (key_id, proof, start, end) in current {
            if !held.iter().any(|c| c.until.is_none() && c.key_id == *key_id) {
                let credential =
                    LoginCredential { key_id: key_id.clone(), proof, start, end, from: lag.new, until: None };
                held.push(credential);
            }
        }
    }
}

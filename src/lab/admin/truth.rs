//! The truth, for judging: what the directory's primary holds and what the login nodes accept at
//! this moment, past every replica's lag.

use super::{Owner, owner_object};
use crate::domain::id::{ClientId, KeyId};
use crate::domain::time::Timestamp;
use crate::lab::Lab;
use crate::lab::directory::{Kind, LOGIN_NODES, Node, REPLICAS};
use crate::lab::ledger::{ConsumerRecord, Write};
use crate::lab::login::check;
use crate::lab::people::certificate_in;
use serde_json::{Map, Value};

/// One credential as the primary has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFact {
    pub key_id: KeyId,
    pub on: Owner,
    /// False for a client secret.
    pub is_certificate: bool,
    pub display_name: Option<String>,
    pub start: Timestamp,
    pub end: Timestamp,
}

fn key_id(text: &str) -> KeyId {
    text.parse().unwrap_or_else(|_| KeyId::from_random([0; 16]))
}

impl Lab {
    /// All credentials of both objects of an application, in the order in which they were added.
    pub fn credentials(&self, client_id: &ClientId) -> Vec<CredentialFact> {
        self.with(|state| {
            let (app, principal) = state.directory.client(client_id.as_str());
            let objects = [
                (Owner::Application, app.and_then(|id| state.primary(Kind::Application, id))),
                (Owner::ServicePrincipal, principal.and_then(|id| state.primary(Kind::ServicePrincipal, id))),
            ];
            let mut out = Vec::new();
            for (on, object) in objects.iter().filter_map(|(on, o)| Some((*on, o.as_ref()?))) {
                let secrets =
                    object.passwords.iter().map(|p| (&p.key_id, false, &p.display_name, p.start, p.end));
                let keys = object.keys.iter().map(|k| (&k.key_id, true, &k.display_name, k.start, k.end));
                out.extend(secrets.chain(keys).map(|(id, is_certificate, name, start, end)| {
                    CredentialFact {
                        key_id: key_id(id),
                        on,
                        is_certificate,
                        display_name: name.clone(),
                        start,
                        end,
                    }
                }));
            }
            out
        })
    }

    /// How many of the three login nodes accept a client secret, or a key and its certificate as
    /// PEM, at this moment.
    pub fn nodes_that_accept(&self, client_id: &ClientId, value: &str) -> usize {
        let certificate = certificate_in(value);
        self.with(|state| {
            let accepts = |node: &usize| {
                let client = check::client(state, *node, client_id.as_str());
                client.is_ok_and(|client| match &certificate {
                    Some(der) => check::certificate(state, &client, der).is_ok(),
                    None => check::secret(state, &client, value).is_ok(),
                })
            };
            (0..LOGIN_NODES).filter(accepts).count()
        })
    }

    /// The properties of an application or service principal, as the primary has them.
    pub fn properties(&self, client_id: &ClientId, on: Owner) -> Map<String, Value> {
        self.with(|state| owner_object(state, client_id.as_str(), on).fields)
    }

    /// The properties of a user, as the primary has them; `None` if there is no such user.
    pub fn user_properties(&self, upn: &str) -> Option<Map<String, Value>> {
        self.with(|state| {
            let id = state.directory.user_id(upn)?.to_owned();
            let user = state.directory.get(Kind::User, &id, Node::Primary, state.now())?;
            Some(user.fields.clone())
        })
    }

    /// Whether an application was deleted: neither object is there any more.
    pub fn is_deleted(&self, client_id: &ClientId) -> bool {
        self.with(|state| {
            let (app, principal) = state.directory.client(client_id.as_str());
            let there = |kind, id: Option<&str>| id.is_some_and(|id| state.primary(kind, id).is_some());
            !there(Kind::Application, app) || !there(Kind::ServicePrincipal, principal)
        })
    }

    /// Whether this is a user's password, as the primary has it.
    pub fn has_password(&self, upn: &str, password: &str) -> bool {
        self.with(|state| {
            let id = state.directory.user_id(upn).unwrap_or_default().to_owned();
            state.primary(Kind::User, &id).is_some_and(|user| user.password.as_deref() == Some(password))
        })
    }

    /// One property of a user, as each replica has it.
    pub fn user_at_replicas(&self, upn: &str, property: &str) -> Vec<Value> {
        self.with(|state| {
            let id = state.directory.user_id(upn).unwrap_or_default().to_owned();
            let at = |replica| state.directory.get(Kind::User, &id, Node::Replica(replica), state.now());
            let seen = (0..REPLICAS).filter_map(at);
            seen.map(|user| user.fields.get(property).cloned().unwrap_or_default()).collect()
        })
    }

    /// How one consumer fared so far.
    pub fn consumer_record(&self, name: &str) -> Option<ConsumerRecord> {
        self.with(|state| state.ledger.consumers.get(name).cloned())
    }

    /// How many writes there are: for judging after every effect without copying the ledger.
    pub fn writes(&self) -> usize {
        self.with(|state| state.ledger.writes.len())
    }
    /// The writes from the `n`th on: for judging after every effect without copying the ledger.
    pub fn writes_from(&self, n: usize) -> Vec<Write> {
        self.with(|state| state.ledger.writes.get(n..).unwrap_or_default().to_vec())
    }
}

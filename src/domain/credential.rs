//! What is replaced and where the replacement goes, named without ever holding a value.

use super::text::Text;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of proof of identity a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    Certificate,
    Federation,
    Password,
    Secret,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Form::Certificate => "certificate",
            Form::Federation => "federated credential",
            Form::Password => "password",
            Form::Secret => "secret",
        })
    }
}

/// One credential: the object it is on, and the provider's own id for it there (Entra: `keyId`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRef {
    pub form: Form,
    pub id: Text<128>,
    pub object: Text<128>,
}

impl fmt::Display for CredentialRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { form, id, object: _ } = self;
        write!(f, "{form} {id}")
    }
}

/// A name inside a store of the playbook: where a new value is published or delivered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub name: Text<127>,
    pub store: Text<64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, store } = self;
        write!(f, "{store}/{name}")
    }
}

//! The lab's own administrator: sets the scene, at once and everywhere. A scene that cannot be
//! set (an unknown application, a key the pool does not hold) is a mistake of the program that
//! sets it, and panics with a message that says so.

mod apps;
mod on_premises;
mod people_and_rules;
mod truth;
mod vaults;

pub use apps::{AppHandle, NewApplication, Owner, SecretSpec};
pub use people_and_rules::{ManagementPolicy, NewUser};
pub use truth::CredentialFact;

use super::Lab;
use super::directory::{Kind, Object};
use super::state::State;
use serde_json::{Map, Value};

/// The scene cannot be set as asked.
#[allow(clippy::panic)]
pub(super) fn impossible(what: &str) -> ! {
    panic!("the lab cannot set this scene: {what}")
}

/// The application and the service principal of a client id, newest version of one of them.
pub(super) fn owner_object(state: &State, client_id: &str, on: Owner) -> Object {
    let (app, principal) = state.directory.client(client_id);
    let (kind, id) = match on {
        Owner::Application => (Kind::Application, app),
        Owner::ServicePrincipal => (Kind::ServicePrincipal, principal),
    };
    let found = id.and_then(|id| state.newest(kind, id));
    found.unwrap_or_else(|| impossible(&format!("it has no {kind:?} for client id {client_id}")))
}

pub(super) fn fields(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

impl Lab {
    /// Changes the newest version of one object, at once and everywhere.
    pub(super) fn edit<T>(
        &self,
        client_id: &str,
        on: Owner,
        change: impl FnOnce(&State, &mut Object) -> T,
    ) -> T {
        self.with(|state| {
            let mut object = owner_object(state, client_id, on);
            let out = change(state, &mut object);
            state.write_everywhere(object);
            out
        })
    }
}

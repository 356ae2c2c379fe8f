//! What the lab says at its end, as JSON, for judges in another process: the ledger, and the truth
//! of the directory and the vaults. Credentials by their ids, never by their values.

use super::Lab;
use super::directory::{Kind, Node, Object};
use super::state::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Lab {
    /// The ledger, every application and user as the primary has them, and for each secret in a
    /// vault which credentials its newest version is.
    pub fn statement(&self) -> Value {
        let ledger = self.ledger();
        self.with(|state| {
            let owners: Vec<_> = [Kind::Application, Kind::ServicePrincipal]
                .into_iter()
                .flat_map(|kind| all(state, kind))
                .collect();
            let users = all(state, Kind::User);
            json!({
                "at": state.now(),
                "faults": state.options.faults.on(),
                "ledger": ledger,
                "objects": owners.iter().map(|o| owner(o)).collect::<Vec<_>>(),
                "users": users.iter().map(|u| user(u)).collect::<Vec<_>>(),
                "secrets": secrets(state, &owners, &users),
            })
        })
    }
}

fn all(state: &State, kind: Kind) -> Vec<Arc<Object>> {
    let found = state.directory.all(kind, "", Node::Primary, state.now());
    found.filter(|o| o.deleted.is_none()).cloned().collect()
}

fn owner(object: &Object) -> Value {
    let secrets = object.passwords.iter().map(|p| ("secret", &p.key_id, &p.display_name));
    let keys = object.keys.iter().map(|k| ("certificate", &k.key_id, &k.display_name));
    let credentials = secrets.chain(keys);
    let off = object.flag("isDisabled") == Some(true) || object.flag("accountEnabled") == Some(false);
    json!({
        "id": object.id,
        "kind": object.kind.odata(),
        "client_id": object.text("appId"),
        "off": off,
        "credentials": credentials
            .map(|(form, key_id, name)| json!({"form": form, "key_id": key_id, "name": name}))
            .collect::<Vec<_>>(),
    })
}

fn user(user: &Object) -> Value {
    json!({
        "id": user.id,
        "upn": user.text("userPrincipalName"),
        "off": user.flag("accountEnabled") == Some(false),
        "must_change": user.flag("~forceChangePasswordNextSignIn") == Some(true),
    })
}

/// By vault and name: the newest version, and the key ids and users for which it is the credential.
fn secrets(state: &State, owners: &[Arc<Object>], users: &[Arc<Object>]) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for (vault, held) in &state.vaults {
        for name in held.secrets.keys() {
            let Some(newest) = held.readable(name, None, state.now()) else { continue };
            let der = super::people::certificate_in(&newest.value);
            let of_apps = owners.iter().flat_map(|o| {
                let secrets = o.passwords.iter().filter(|p| p.value == newest.value).map(|p| &p.key_id);
                let keys = o.keys.iter().filter(|k| der.as_deref() == Some(&*k.der)).map(|k| &k.key_id);
                secrets.chain(keys)
            });
            let of_users = users.iter().filter(|u| u.password.as_ref() == Some(&newest.value));
            let of_users = of_users.map(|u| u.text("userPrincipalName"));
            let is: Vec<&str> = of_apps.map(String::as_str).chain(of_users).collect();
            out.insert(format!("{vault}/{name}"), json!({"version": newest.id, "is": is}));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::domain::id::ClientId;
    use crate::env::{Clock, Random};
    use crate::lab::{Lab, LabOptions, NewApplication, NewUser, SecretSpec};

    #[tokio::test(start_paused = true)]
    async fn it_names_credentials_and_tells_no_value() {
        let lab = Lab::new(Clock::real(), Random::from_seed(1), LabOptions::default());
        let app = ClientId::from_random([1; 16]);
        lab.create_application(NewApplication::new(app.clone(), "web"));
        let (key, value) = lab.add_secret(&app, SecretSpec::default());
        lab.create_user(NewUser { password: Some("canary-1".into()), ..NewUser::new("a@lab.test", "a") });
        lab.create_vault("kv");
        lab.put_vault_secret("kv", "web", &value);
        lab.put_vault_secret("kv", "a", "canary-1");
        lab.put_vault_secret("kv", "old", "canary-2");
        let said = lab.statement();
        let is = |name: &str| said["secrets"][name]["is"].clone();
        assert_eq!(is("kv/web"), serde_json::json!([key.to_string()]));
        assert_eq!(is("kv/a"), serde_json::json!(["a@lab.test"]));
        assert_eq!(is("kv/old"), serde_json::json!([]));
        let text = said.to_string();
        assert!(!text.contains("canary") && !text.contains(&value) && text.contains(key.as_str()));
    }
}

//! What a target looks like, as far as it matters whether a run has left it as it should: the
//! same question for every kind.

use super::rehearsal::Rehearsal;
use reissue::azure::assertion::CertificateKey;
use reissue::domain::id::ClientId;
use reissue::domain::playbook::model::{Subject, Target};
use reissue::domain::secret::Secret;
use reissue::lab::Owner;
use std::time::Duration;

/// Longer than any lag of the lab.
const SETTLED: Duration = Duration::from_secs(15 * 60);

/// What a run must leave as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slate {
    App {
        /// Key ids of what was there before, and `ours` for what a run made, sorted: lists promise no order.
        credentials: Vec<String>,
        application_off: bool,
        principal_on: bool,
        published: Published,
    },
    User {
        enabled: bool,
        /// What signing in says to the leaked password, and to the delivered one.
        leaked: Result<(), u32>,
        delivered: Option<Result<(), u32>>,
    },
}

/// What consumers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    Nothing,
    /// The leaked value, and whether it still signs in.
    Leaked {
        works: bool,
    },
    New {
        works: bool,
    },
}

impl Slate {
    /// Once every lag is over.
    pub(crate) async fn of(rehearsal: &Rehearsal) -> Self {
        rehearsal.env.clock.sleep(SETTLED).await;
        let target = &rehearsal.playbook.targets[0];
        match &target.subject {
            Subject::App { client_id, .. } => Self::of_app(rehearsal, target, client_id).await,
            Subject::User { upn } => Self::of_user(rehearsal, target, upn),
        }
    }

    async fn of_app(rehearsal: &Rehearsal, target: &Target, client: &ClientId) -> Self {
        let lab = &rehearsal.scene.lab;
        let credentials = lab.credentials(client).into_iter().map(|c| match c.display_name {
            Some(name) if name.starts_with("reissue-") => "ours".to_owned(),
            _ => c.key_id.to_string(),
        });
        let mut credentials: Vec<String> = credentials.collect();
        credentials.sort();
        let flag = |on, name: &str| lab.properties(client, on).get(name).and_then(serde_json::Value::as_bool);
        Self::App {
            credentials,
            application_off: flag(Owner::Application, "isDisabled") == Some(true),
            principal_on: flag(Owner::ServicePrincipal, "accountEnabled") != Some(false),
            published: published(rehearsal, target, client).await,
        }
    }

    fn of_user(rehearsal: &Rehearsal, target: &Target, upn: &str) -> Self {
        let lab = &rehearsal.scene.lab;
        let user = lab.user_properties(upn).unwrap();
        let leaked = rehearsal.scene.leaked.first().map_or("none", |(_, value)| value.as_str());
        let delivered = newest(rehearsal, target);
        Self::User {
            enabled: user.get("accountEnabled").and_then(serde_json::Value::as_bool) != Some(false),
            leaked: lab.user_signs_in(upn, leaked),
            delivered: delivered.map(|password| lab.user_signs_in(upn, &password)),
        }
    }

    /// The same, whatever was delivered: a password that was never set opens nothing, and store
    /// versions cannot be taken away one by one.
    pub(crate) fn without_delivery(self) -> Self {
        match self {
            Self::User { enabled, leaked, .. } => Self::User { enabled, leaked, delivered: None },
            app => app,
        }
    }
}

fn newest(rehearsal: &Rehearsal, target: &Target) -> Option<String> {
    let publication = target.publish.as_ref()?;
    let store = rehearsal.playbook.stores.get(&publication.store)?;
    rehearsal.scene.lab.vault_secret(&store.key_vault, &publication.name)
}

async fn published(rehearsal: &Rehearsal, target: &Target, client: &ClientId) -> Published {
    let Some(value) = newest(rehearsal, target) else { return Published::Nothing };
    let leaked = rehearsal.scene.leaked.iter().any(|(_, l)| *l == value);
    let secret = Secret::new(value);
    let door = rehearsal.azure.sign_in();
    let works = match CertificateKey::from_pem(&secret) {
        Ok(key) => door.by_certificate(client, &key).await.unwrap().is_accepted(),
        Err(_) => door.by_secret(client, &secret).await.unwrap().is_accepted(),
    };
    if leaked { Published::Leaked { works } } else { Published::New { works } }
}

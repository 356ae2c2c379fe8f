//! Another administrator, who changes an application between the plan and its first write: what is
//! approved is not what is there any more.

use crate::scenario::{Pick, Scenario, VAULT};
use crate::world::World;
use reissue::env::random::Stream;
use reissue::lab::{Owner, SecretSpec};
use serde_json::json;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meddling {
    AddsSecret,
    SwitchesOff,
    PublishesAnother,
}

/// Which application, and how.
pub(crate) fn draw(s: &Stream, apps: usize) -> Option<(usize, Meddling)> {
    let how = [Meddling::AddsSecret, Meddling::SwitchesOff, Meddling::PublishesAnother];
    s.chance(120).then(|| (s.below(apps as u64) as usize, how[s.below(3) as usize]))
}

/// Changes the tenant, and tells the judge which target must stop.
pub(crate) async fn meddle(world: &World) {
    let Scenario { meddling: Some((n, how)), apps, .. } = &world.scenario else { return };
    // Which of two versions of one second is the newest, a list does not tell.
    world.env.clock.sleep(Duration::from_secs(5)).await;
    let (app, lab) = (&apps[*n], &world.lab);
    let mut inner = world.judge.inner();
    let stops = match how {
        Meddling::AddsSecret => {
            let (key, value) = lab.add_secret(&app.client_id, SecretSpec::default());
            inner.truth.strangers.insert(key.to_string());
            inner.truth.values.insert(value, key.to_string());
            app.selector == Pick::All
        }
        Meddling::SwitchesOff => {
            let off = json!({ "accountEnabled": false }).as_object().cloned().unwrap_or_default();
            lab.set_properties(&app.client_id, Owner::ServicePrincipal, off);
            true
        }
        Meddling::PublishesAnother => {
            let value = lab.vault_secret(VAULT, &app.place).unwrap_or_else(|| "somebody's own".into());
            let version = lab.put_vault_secret(VAULT, &app.place, &value);
            inner.truth.versions.insert(version, value);
            true
        }
    };
    if stops {
        inner.truth.moved.insert(app.client_id.to_string());
    }
    drop(inner);
    world.judge.say(&format!("somebody else: {how:?} at {}", app.name));
    world.judge.count(&format!("meddling: {how:?}"));
}

//! Another administrator, who changes an application between the plan and its first write: what is
//! approved is not what is there any more.

use crate::aims::{App, Pick};
use crate::scenario::{Scenario, VAULT};
use crate::world::World;
use reissue::domain::credential::Form;
use reissue::env::random::Stream;
use reissue::lab::{Lab, Owner, SecretSpec};
use serde_json::json;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meddling {
    AddsCredential,
    SwitchesOff,
    PublishesAnother,
}

/// Which application, and how.
pub(crate) fn draw(s: &Stream, apps: usize) -> Option<(usize, Meddling)> {
    let how = [Meddling::AddsCredential, Meddling::SwitchesOff, Meddling::PublishesAnother];
    let meddles = s.chance(120) && apps > 0;
    meddles.then(|| (s.below(apps as u64) as usize, how[s.below(3) as usize]))
}

/// Changes the tenant, and tells the judge which targets must stop.
pub(crate) async fn meddle(world: &World) {
    let Scenario { meddling: Some((n, how)), apps, .. } = &world.scenario else { return };
    // Which of two versions of one second is the newest, a list does not tell.
    world.env.clock.sleep(Duration::from_secs(5)).await;
    let (app, lab, now) = (&apps[*n], &world.lab, world.env.clock.now());
    let mut inner = world.judge.inner();
    let truth = &mut inner.truth;
    match how {
        Meddling::AddsCredential => {
            let (key, value) = add(lab, app);
            truth.strangers.insert(key.clone(), lab.now());
            truth.values.insert(value, key.clone());
            if app.selector == Pick::All {
                truth.moved.insert(app.place.clone(), (now, Some(key)));
            }
        }
        Meddling::SwitchesOff => {
            let off = json!({ "accountEnabled": false }).as_object().cloned().unwrap_or_default();
            lab.set_properties(&app.client_id, Owner::ServicePrincipal, off);
            let object = lab.properties(&app.client_id, Owner::ServicePrincipal)["id"].clone();
            truth.disabled.extend(object.as_str().map(str::to_owned));
            let alike = apps.iter().filter(|a| a.client_id == app.client_id);
            truth.moved.extend(alike.map(|a| (a.place.clone(), (now, None))));
        }
        Meddling::PublishesAnother => {
            let value = lab.vault_secret(VAULT, &app.place).unwrap_or_else(|| "somebody's own".into());
            let version = lab.put_vault_secret(VAULT, &app.place, &value);
            truth.versions.insert(version, value);
            truth.moved.insert(app.place.clone(), (now, None));
        }
    }
    drop(inner);
    world.judge.say(&format!("somebody else: {how:?} at {}", app.name));
    world.judge.count(&format!("meddling: {how:?}"));
}

fn add(lab: &Lab, app: &App) -> (String, String) {
    if app.form == Form::Secret {
        let (key, value) = lab.add_secret(&app.client_id, SecretSpec::default());
        return (key.to_string(), value);
    }
    let made = lab.generate_certificate("CN=somebody-else", Duration::from_secs(90 * 86_400)).unwrap();
    let key = lab.add_certificate(&app.client_id, Owner::Application, &made.cert_der, None);
    (key.to_string(), made.pem())
}

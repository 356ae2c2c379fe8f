//! What a target looks like in the lab before anything is done about it: one function per kind.

use super::scene::{Held, Scene};
use crate::domain::id::ClientId;
use crate::domain::playbook::model::{
    Consumer, Publication, Refresh, Selector, Subject, Target, ValidPlaybook,
};
use crate::lab::{
    AttackerSpec, ConsumerSpec, Habit, NewApplication, NewUser, Owner, SecretSpec, UserAttackerSpec,
    VaultSecret,
};
use std::time::Duration;

const SIGN_IN_EVERY: Duration = Duration::from_secs(60);
const ATTACK_EVERY: Duration = Duration::from_secs(300);
const CERTIFICATE_LIFE: Duration = Duration::from_secs(365 * 86_400);
/// What a person types into a phishing page.
const LEAKED_PASSWORD: &str = "Summer-2023-agency";

type Furnish = fn(&mut Scene, &ValidPlaybook, &Target);

/// One line per kind.
const KINDS: [(&str, Furnish); 4] = [
    ("app-secret", app_secret),
    ("app-certificate", app_certificate),
    ("user-password", user_password),
    ("app-disable", app_disable),
];

pub(super) fn furnish(scene: &mut Scene, playbook: &ValidPlaybook, target: &Target) {
    if let Some((_, furnish)) = KINDS.iter().find(|(kind, _)| *kind == target.kind) {
        furnish(scene, playbook, target);
    }
}

/// A secret by the hint that leaked, in the store that consumers read.
fn app_secret(scene: &mut Scene, playbook: &ValidPlaybook, target: &Target) {
    let Some(app) = application(scene, target) else { return };
    let hint = match &target.selector {
        Selector::Hint(hint) => Some(hint.to_string()),
        _ => None,
    };
    let spec = SecretSpec { hint, display_name: Some("mailed to a vendor".into()), ..SecretSpec::default() };
    let (key_id, value) = scene.lab.add_secret(&app, spec);
    leak(scene, target, &app, &value);
    move_in(scene, playbook, target, &app, (key_id.as_str(), &value));
}

/// A certificate with the thumbprint that leaked, another one that did not, and the leaked key in
/// the store that consumers read.
fn app_certificate(scene: &mut Scene, playbook: &ValidPlaybook, target: &Target) {
    let Some(app) = application(scene, target) else { return };
    let name = target.subject.name().to_owned();
    let [Ok(leaked), Ok(other)] =
        [&name, "partner"].map(|s| scene.lab.generate_certificate(&format!("CN={s}"), CERTIFICATE_LIFE))
    else {
        return;
    };
    let key_id =
        scene.lab.add_certificate(&app, Owner::Application, &leaked.cert_der, Some("on a public share"));
    scene.lab.add_certificate(&app, Owner::Application, &other.cert_der, Some("partner's own"));
    if let Selector::Thumbprint(thumbprint) = &target.selector {
        scene.lab.set_key_identifier(&app, Owner::Application, &key_id, thumbprint);
    }
    let value = leaked.pem();
    leak(scene, target, &app, &value);
    move_in(scene, playbook, target, &app, (key_id.as_str(), &value));
}

/// A person whose password somebody else has.
fn user_password(scene: &mut Scene, _: &ValidPlaybook, target: &Target) {
    let Subject::User { upn } = &target.subject else { return };
    let mut user = NewUser::new(upn.to_string(), upn.split('@').next().unwrap_or_default());
    user.password = Some(LEAKED_PASSWORD.into());
    scene.lab.create_user(user);
    let (user, password) = (upn.to_string(), LEAKED_PASSWORD.to_owned());
    scene.leaked.push((user.clone(), password.clone()));
    let attacker =
        scene.lab.user_attacker(UserAttackerSpec { user, password, every: ATTACK_EVERY / scene.haste });
    scene.attackers.push((upn.to_string(), attacker));
}

/// An application that only an attacker uses any more.
fn app_disable(scene: &mut Scene, _: &ValidPlaybook, target: &Target) {
    let Some(app) = application(scene, target) else { return };
    let spec = SecretSpec { display_name: Some("in an old repository".into()), ..SecretSpec::default() };
    let (_, value) = scene.lab.add_secret(&app, spec);
    leak(scene, target, &app, &value);
}

/// The target's application, made at its first target.
fn application(scene: &mut Scene, target: &Target) -> Option<ClientId> {
    let Subject::App { client_id, name } = &target.subject else { return None };
    if !scene.made.contains(client_id) {
        scene.lab.create_application(NewApplication::new(client_id.clone(), name.to_string()));
        scene.made.push(client_id.clone());
    }
    Some(client_id.clone())
}

fn leak(scene: &mut Scene, target: &Target, app: &ClientId, value: &str) {
    let attacker =
        AttackerSpec { client_id: app.clone(), value: value.to_owned(), every: ATTACK_EVERY / scene.haste };
    let name = target.subject.name().to_owned();
    scene.attackers.push((name.clone(), scene.lab.attacker(attacker)));
    scene.leaked.push((name, value.to_owned()));
}

/// The store holds the leaked value, and the declared consumers read it there.
fn move_in(
    scene: &mut Scene,
    playbook: &ValidPlaybook,
    target: &Target,
    app: &ClientId,
    (key_id, leaked): (&str, &str),
) {
    let Some(Publication { store, name: secret, .. }) = &target.publish else { return };
    let Some(store) = playbook.stores.get(store) else { return };
    let version = scene.lab.put_vault_secret(&store.key_vault, secret, leaked);
    for Consumer { name, refresh } in &target.consumers {
        let (habit, pinned_version) = match refresh {
            Refresh::Every(span) => (Habit::Every(*span), None),
            Refresh::OnRestart => (Habit::OnRestartOnly, None),
            Refresh::Pinned => (Habit::Pinned, Some(version.clone())),
        };
        let source =
            VaultSecret { vault: store.key_vault.to_string(), name: secret.to_string(), pinned_version };
        scene.lab.consumer(ConsumerSpec {
            name: name.to_string(),
            client_id: app.clone(),
            source,
            refresh: habit,
            sign_in_every: SIGN_IN_EVERY / scene.haste,
        });
        let held = Held {
            app: target.subject.name().to_owned(),
            leaked_key_id: key_id.to_owned(),
            refresh: refresh.clone(),
            confirmed_by: target.hold.confirmed_by.iter().map(ToString::to_string).collect(),
        };
        scene.consumers.insert(name.to_string(), held);
    }
}

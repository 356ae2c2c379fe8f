//! What a target looks like in the lab before anything is done about it: one function per kind.

use super::scene::{Attacker, Held, Scene};
use crate::domain::id::{ClientId, KeyId};
use crate::domain::playbook::model::{
    Consumer, Publication, Refresh, Selector, Setting, Subject, Target, ValidPlaybook,
};
use crate::domain::text::Text;
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
const KINDS: [(&str, Furnish); 6] = [
    ("app-secret", app_secret),
    ("app-certificate", app_certificate),
    ("user-password", user_password),
    ("app-disable", app_disable),
    ("app-enable", app_enable),
    ("user-enable", user_enable),
];

pub(super) fn furnish(scene: &mut Scene, playbook: &ValidPlaybook, target: &Target) {
    if let Some((_, furnish)) = KINDS.iter().find(|(kind, _)| *kind == target.kind) {
        furnish(scene, playbook, target);
    }
}

/// The secrets that leaked, the first of them in the store that consumers read.
fn app_secret(scene: &mut Scene, playbook: &ValidPlaybook, target: &Target) {
    let Some(app) = application(scene, target) else { return };
    let named = |name: &str| SecretSpec { display_name: Some(name.into()), ..SecretSpec::default() };
    let mailed = named("mailed to a vendor");
    let leaked = match &target.selector {
        Selector::Hint(hint) => vec![SecretSpec { hint: Some(hint.to_string()), ..mailed }],
        // Whoever names a secret by its id does so because the portal shows no hint of it.
        Selector::KeyId(id) => vec![SecretSpec { key_id: Some(id.clone()), null_hint: true, ..mailed }],
        _ => vec![mailed, named("its predecessor")],
    };
    let leaked: Vec<_> = leaked.into_iter().map(|spec| scene.lab.add_secret(&app, spec)).collect();
    leaked.iter().for_each(|(_, value)| leak(scene, target, &app, value));
    if let (true, Some((_, value))) = (app == scene.operator, leaked.first()) {
        scene.operator_secret = value.clone();
    }
    if let Some((key_id, value)) = leaked.first() {
        move_in(scene, playbook, target, &app, (key_id.as_str(), value));
    }
}

/// The certificate that leaked, whose key is in the store that consumers read, and another one
/// unless a single one is named by its id.
fn app_certificate(scene: &mut Scene, playbook: &ValidPlaybook, target: &Target) {
    let Some(app) = application(scene, target) else { return };
    let Some((key_id, leaked)) = certificate(scene, &app, target.subject.name(), "on a public share") else {
        return;
    };
    let lab = &scene.lab;
    match &target.selector {
        Selector::KeyId(id) => lab.set_key_id(&app, Owner::Application, &key_id, id),
        Selector::Thumbprint(wanted) => lab.set_key_identifier(&app, Owner::Application, &key_id, wanted),
        _ => {}
    }
    let key_id = if let Selector::KeyId(id) = &target.selector { id.clone() } else { key_id };
    leak(scene, target, &app, &leaked);
    match &target.selector {
        Selector::KeyId(_) => {}
        Selector::All => {
            let other = certificate(scene, &app, target.subject.name(), "its predecessor");
            other.iter().for_each(|(_, value)| leak(scene, target, &app, value));
        }
        _ => drop(certificate(scene, &app, "partner", "partner's own")),
    }
    move_in(scene, playbook, target, &app, (key_id.as_str(), &leaked));
}

/// A certificate on the application: its key id, and key and certificate as PEM.
fn certificate(scene: &Scene, app: &ClientId, subject: &str, name: &str) -> Option<(KeyId, String)> {
    let made = scene.lab.generate_certificate(&format!("CN={subject}"), CERTIFICATE_LIFE).ok()?;
    Some((scene.lab.add_certificate(app, Owner::Application, &made.cert_der, Some(name)), made.pem()))
}

/// A person whose password somebody else has.
fn user_password(scene: &mut Scene, _: &ValidPlaybook, target: &Target) {
    let Subject::User { upn } = &target.subject else { return };
    let mut user = NewUser::new(upn.to_string(), upn.split('@').next().unwrap_or_default());
    user.password = Some(LEAKED_PASSWORD.into());
    user.synced = target.settings.contains_key("on_premises");
    if user.synced {
        let disable = target.settings.get("block") == Some(&Setting::Flag(true));
        scene.on_premises.insert(target.id, (upn.to_string(), disable));
    }
    scene.lab.create_user(user);
    let (user, password) = (upn.to_string(), LEAKED_PASSWORD.to_owned());
    scene.leaked.push((user.clone(), password.clone()));
    let every = ATTACK_EVERY / scene.haste;
    let in_lab = scene.lab.user_attacker(UserAttackerSpec { user, password, every });
    scene.attackers.push(Attacker { app: upn.to_string(), target: target.id, in_lab });
}

/// An application that only an attacker uses any more.
fn app_disable(scene: &mut Scene, _: &ValidPlaybook, target: &Target) {
    let Some(app) = application(scene, target) else { return };
    let spec = SecretSpec { display_name: Some("in an old repository".into()), ..SecretSpec::default() };
    let (_, value) = scene.lab.add_secret(&app, spec);
    leak(scene, target, &app, &value);
}

/// An application that was switched off in an earlier run, with a credential that did not leak.
fn app_enable(scene: &mut Scene, _: &ValidPlaybook, target: &Target) {
    let Some(app) = application(scene, target) else { return };
    scene.lab.add_secret(&app, SecretSpec::default());
    for (on, name, value) in
        [(Owner::Application, "isDisabled", true), (Owner::ServicePrincipal, "accountEnabled", false)]
    {
        let off = serde_json::Map::from_iter([(name.to_owned(), value.into())]);
        scene.lab.set_properties(&app, on, off);
        let id = scene.lab.properties(&app, on).get("id").and_then(|id| id.as_str().map(Text::lossy));
        scene.switched_off.extend(id);
    }
}

/// A user who was blocked in an earlier run.
fn user_enable(scene: &mut Scene, _: &ValidPlaybook, target: &Target) {
    let Subject::User { upn } = &target.subject else { return };
    let user = NewUser::new(upn.to_string(), upn.split('@').next().unwrap_or_default());
    let id = scene.lab.create_user(NewUser { enabled: false, ..user });
    scene.switched_off.insert(Text::lossy(id.as_str()));
}

/// The target's application, made at its first target.
fn application(scene: &mut Scene, target: &Target) -> Option<ClientId> {
    let Subject::App { client_id, name } = &target.subject else { return None };
    if !scene.made.contains(client_id) {
        let new = NewApplication::new(client_id.clone(), name.to_string());
        let serves_others = target.settings.get("multi_tenant") == Some(&Setting::Flag(true));
        scene.lab.create_application(if serves_others { new.multi_tenant() } else { new });
        scene.made.insert(client_id.clone());
    }
    Some(client_id.clone())
}

fn leak(scene: &mut Scene, target: &Target, app: &ClientId, value: &str) {
    let every = ATTACK_EVERY / scene.haste;
    let attacker = AttackerSpec { client_id: app.clone(), value: value.to_owned(), every };
    let in_lab = scene.lab.attacker(attacker);
    scene.attackers.push(Attacker { app: target.subject.name().to_owned(), target: target.id, in_lab });
    scene.leaked.push((target.subject.name().to_owned(), value.to_owned()));
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
        let in_lab = format!("{} {name}", target.id);
        scene.lab.consumer(ConsumerSpec {
            name: in_lab.clone(),
            client_id: app.clone(),
            source,
            refresh: habit,
            sign_in_every: SIGN_IN_EVERY / scene.haste,
        });
        let held = Held {
            app: target.subject.name().to_owned(),
            name: name.to_string(),
            target: target.id,
            leaked_key_id: key_id.to_owned(),
            refresh: refresh.clone(),
            confirmed_by: target.hold.confirmed_by.iter().map(ToString::to_string).collect(),
        };
        scene.holds(in_lab, held);
    }
}

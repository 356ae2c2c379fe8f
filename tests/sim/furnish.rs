//! What a target looks like in the tenant before the run, and what the judge has to know of it.

use crate::aims::{App, Follows, Named, Off, Spoiled, User};
use crate::judge::{Fact, Person};
use crate::scenario::{OPERATOR, OPERATOR_NAME, VAULT};
use reissue::domain::credential::Form;
use reissue::domain::id::{ClientId, KeyId, hex};
use reissue::lab::{
    AttackerSpec, ConsumerSpec, Habit, Lab, NewApplication, NewUser, Owner, SecretSpec, UserAttackerSpec,
    VaultRole, VaultSecret,
};
use std::collections::BTreeSet;
use std::time::Duration;

const BYSTANDERS: u8 = 3;
const ATTACK_EVERY: Duration = Duration::from_secs(300);
const CERTIFICATE_LIFE: Duration = Duration::from_secs(365 * 86_400);
const PASSWORD: &str = "Summer-2023-agency";

/// What furnishing an application yields.
pub(crate) struct Made {
    pub(crate) named: Named,
    pub(crate) fact: Fact,
    /// Version in the store, value, key.
    pub(crate) known: Vec<(Option<String>, String, String)>,
}

pub(crate) fn operator(lab: &Lab) -> (ClientId, String) {
    let operator: ClientId = OPERATOR.parse().unwrap();
    lab.create_application(NewApplication::new(operator.clone(), OPERATOR_NAME));
    let (_, secret) = lab.add_secret(&operator, SecretSpec::default());
    let permissions = [
        "Application.ReadWrite.All",
        "AuditLog.Read.All",
        "Directory.Read.All",
        "Policy.Read.All",
        "RoleManagement.Read.Directory",
        "User-PasswordProfile.ReadWrite.All",
        "User.EnableDisableAccount.All",
        "User.RevokeSessions.All",
    ];
    permissions.iter().for_each(|p| lab.grant_app_permission(&operator, p));
    lab.create_vault(VAULT);
    for role in [VaultRole::SecretsOfficer, VaultRole::CertificatesOfficer, VaultRole::CryptoUser] {
        lab.grant_vault_role(&operator, VAULT, role);
    }
    (operator, secret)
}

pub(crate) fn bystanders(lab: &Lab) -> Vec<ClientId> {
    let make = |n| {
        let id = ClientId::from_random([n + 100; 16]);
        lab.create_application(NewApplication::new(id.clone(), format!("bystander-{n}")));
        lab.add_secret(&id, SecretSpec::default());
        id
    };
    (0..BYSTANDERS).map(make).collect()
}

fn attack(lab: &Lab, client_id: &ClientId, value: &str) {
    lab.attacker(AttackerSpec { client_id: client_id.clone(), value: value.into(), every: ATTACK_EVERY });
}

/// A new credential of the application's form: its key, its value, and a certificate's thumbprint.
fn credential(lab: &Lab, app: &App, leaked: bool, on_principal: bool) -> (KeyId, String, String) {
    let name = leaked.then(|| "leaked".to_owned());
    if app.form == Form::Certificate {
        let made = lab.generate_certificate(&format!("CN={}", app.name), CERTIFICATE_LIFE).unwrap();
        let key = lab.add_certificate(&app.client_id, Owner::Application, &made.cert_der, name.as_deref());
        let sha1 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &made.cert_der);
        return (key, made.pem(), hex(sha1.as_ref()));
    }
    let on = if on_principal { Owner::ServicePrincipal } else { Owner::Application };
    let hint = leaked.then(|| app.hint.clone());
    let spec = SecretSpec { on, hint, display_name: name, ..SecretSpec::default() };
    let (key, value) = lab.add_secret(&app.client_id, spec);
    (key, value, String::new())
}

pub(crate) fn application(lab: &Lab, app: &App, exists: bool) -> Made {
    if !exists {
        lab.create_application(NewApplication::new(app.client_id.clone(), app.name.clone()));
    }
    let (leaked, value, thumbprint) = credential(lab, app, true, app.on_principal);
    let leaked = leaked.to_string();
    let (mut initial, mut known) = (BTreeSet::from([leaked.clone()]), Vec::new());
    for on_principal in &app.others {
        let (key, value, _) = credential(lab, app, false, *on_principal);
        initial.insert(key.to_string());
        known.push((None, value, key.to_string()));
    }
    attack(lab, &app.client_id, &value);
    let version = app.stored.then(|| lab.put_vault_secret(VAULT, &app.place, &value));
    if let (Some(how), Some(_)) = (app.spoiled, &version) {
        lab.spoil_vault_secret(VAULT, &app.place, how == Spoiled::Deleted);
    }
    let consumers = match &version {
        Some(version) => move_in(lab, app, version),
        None => Vec::new(),
    };
    known.push((version, value.clone(), leaked.clone()));
    let fact = Fact {
        client_id: app.client_id.clone(),
        form: app.form,
        leaked: Some(value),
        place: app.place.clone(),
        initial,
        consumers,
    };
    Made { named: Named { key_id: leaked, thumbprint }, fact, known }
}

/// Consumers, and how long each may take to use a new value once it has read it.
fn move_in(lab: &Lab, app: &App, version: &str) -> Vec<(String, Follows, u64)> {
    let mut consumers = Vec::new();
    for c in &app.consumers {
        let (refresh, pinned_version) = match c.follows {
            Follows::Every(1) => (Habit::AtOnce, None),
            Follows::Every(s) => (Habit::Every(Duration::from_secs(s)), None),
            Follows::Restart => (Habit::OnRestartOnly, None),
            Follows::Pinned => (Habit::Pinned, Some(version.to_owned())),
        };
        lab.consumer(ConsumerSpec {
            name: c.name.clone(),
            client_id: app.client_id.clone(),
            source: VaultSecret { vault: VAULT.into(), name: app.place.clone(), pinned_version },
            refresh,
            sign_in_every: c.signs_in_every,
        });
        consumers.push((c.name.clone(), c.follows, c.signs_in_every.as_secs()));
    }
    consumers
}

/// What an application holds besides what a target is about: nobody may touch it.
pub(crate) fn rest_of(client_id: &ClientId, form: Form) -> Fact {
    Fact {
        client_id: client_id.clone(),
        form,
        leaked: None,
        place: String::new(),
        initial: BTreeSet::new(),
        consumers: Vec::new(),
    }
}

/// An application that only an attacker uses any more.
pub(crate) fn unused(lab: &Lab, off: &Off) -> (Fact, String) {
    lab.create_application(NewApplication::new(off.client_id.clone(), off.name.clone()));
    let (key, value) = lab.add_secret(&off.client_id, SecretSpec::default());
    attack(lab, &off.client_id, &value);
    let fact = Fact {
        leaked: Some(value.clone()),
        initial: BTreeSet::from([key.to_string()]),
        ..rest_of(&off.client_id, Form::Secret)
    };
    (fact, value)
}

pub(crate) fn user(lab: &Lab, user: &User) -> Person {
    let mut new = NewUser::new(user.upn.clone(), user.upn.split('@').next().unwrap());
    new.password = Some(PASSWORD.into());
    let id = lab.create_user(new);
    let attacker = lab.user_attacker(UserAttackerSpec {
        user: user.upn.clone(),
        password: PASSWORD.into(),
        every: ATTACK_EVERY,
    });
    Person {
        id: id.to_string(),
        upn: user.upn.clone(),
        place: user.place.clone(),
        password: PASSWORD.into(),
        attacker,
    }
}

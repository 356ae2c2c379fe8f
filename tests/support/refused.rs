//! Small scenes in which the one target of a playbook is left alone.

use super::rehearsal::{Rehearsal, in_virtual_time};
use bytes::Bytes;
use reissue::domain::id::{ClientId, KeyId};
use reissue::domain::plan::{Plan, Refusal};
use reissue::lab::{NewApplication, Owner, SecretSpec};
use std::time::Duration;

pub(crate) const APP: &str = "8a1d0000-0000-4000-8000-000000000001";
pub(crate) const NAME: &str = "payroll-sync";
pub(crate) const OTHER: &str = "5b770000-0000-4000-8000-000000000002";
pub(crate) const VAULT: &str = "https://kv-ir.vault.azure.net";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com/v1.0";
pub(crate) const THUMBPRINT: &str = "2f9a4e0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f";

pub(crate) const SECRET: &str =
    "rotate: { secret: { hint: x7Q }, publish: { store: ir, name: payroll-sync } }";
pub(crate) const CERTIFICATE: &str = "rotate: { certificate: { thumbprint: 2f9a4e0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f }, publish: { store: ir, name: payroll-cert } }";
pub(crate) const DISABLE: &str = "disable: { reason: nobody needs it }";
pub(crate) const RESET: &str = "reset: { deliver: { store: ir, name: alice-temporary, to: helpdesk } }";

pub(crate) fn client(text: &str) -> ClientId {
    text.parse().unwrap()
}

pub(crate) fn playbook(guardrails: &str, target: &str) -> String {
    format!(
        "reissue: 1
incident: {{ id: INC-1, title: Refusals }}
tenant: {{ id: 7d3c9a10-0000-4000-8000-000000000001, cloud: public }}
stores: {{ ir: {{ key_vault: {VAULT} }} }}
approval: {{ quorum: 1, valid_for: 48h }}
{guardrails}
targets:
  - {target}
"
    )
}

pub(crate) fn app(id: &str, name: &str, what: &str) -> String {
    playbook("", &format!("app: {id}\n    name: {name}\n    {what}"))
}

pub(crate) fn user(upn: &str) -> String {
    playbook("", &format!("user: {upn}\n    {RESET}"))
}

/// Why the one target of the plan was left alone.
pub(crate) fn refusal(plan: &Plan) -> Refusal {
    match plan.exceptions().next() {
        Some(excepted) => excepted.refusal.clone(),
        None => panic!("it is planned: {:?}", plan.targets),
    }
}

/// The furnished scene of a playbook, changed, and then planned.
pub(crate) fn refused(text: &str, change: impl FnOnce(&reissue::drill::scene::Scene)) -> Refusal {
    in_virtual_time(async {
        let rehearsal = Rehearsal::with_scene(text, change);
        refusal(&rehearsal.plan().await.unwrap())
    })
}

/// A tenant furnished for `text`, and another playbook for it.
pub(crate) fn refused_elsewhere(text: &str, change: impl FnOnce(&reissue::drill::scene::Scene)) -> Refusal {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::with_scene(&user("alice@agency.example"), change);
        rehearsal.reads(text);
        refusal(&rehearsal.plan().await.unwrap())
    })
}

pub(crate) fn set(scene: &reissue::drill::scene::Scene, on: Owner, properties: serde_json::Value) {
    let serde_json::Value::Object(properties) = properties else { panic!("an object") };
    scene.lab.set_properties(&client(APP), on, properties);
}

/// An operator with these permissions alone.
pub(crate) fn refused_with(permissions: &[&str], text: &str) -> Refusal {
    in_virtual_time(async {
        let mut rehearsal = Rehearsal::new(text);
        let lab = rehearsal.scene.lab.clone();
        lab.create_application(NewApplication::new(client(OTHER), "reader"));
        permissions.iter().for_each(|p| lab.grant_app_permission(&client(OTHER), p));
        for role in [reissue::lab::VaultRole::SecretsOfficer, reissue::lab::VaultRole::CertificatesOfficer] {
            lab.grant_vault_role(&client(OTHER), VAULT, role);
        }
        let (_, secret) = lab.add_secret(&client(OTHER), SecretSpec::default());
        rehearsal.acts_as(&client(OTHER), secret);
        refusal(&rehearsal.plan().await.unwrap())
    })
}

/// Answers of a service for every request whose path has this in it; another target is read as usual.
pub(crate) fn refused_by(part: &'static str, status: u16, body: &'static str) -> Refusal {
    in_virtual_time(async {
        let text = app(APP, NAME, SECRET) + &format!("  - {{ app: {OTHER}, name: other, {DISABLE} }}\n");
        let rehearsal = Rehearsal::new(&text);
        *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
            let answer =
                || http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes()));
            request.uri().path().contains(part).then(|| answer().unwrap())
        }));
        refusal(&rehearsal.plan().await.unwrap())
    })
}

pub(crate) fn add_certificate(scene: &reissue::drill::scene::Scene, on: Owner) -> KeyId {
    let made = scene.lab.generate_certificate("CN=other", Duration::from_secs(86_400 * 100)).unwrap();
    let key = scene.lab.add_certificate(&client(APP), on, &made.cert_der, Some("other"));
    scene.lab.set_key_identifier(&client(APP), on, &key, THUMBPRINT);
    key
}

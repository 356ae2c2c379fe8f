//! What the doctor says of an identity that has everything, and of each thing that may be wrong,
//! on a lab tenant in virtual time.

use super::{Place, render, tenant};
use crate::azure::Azure;
use crate::azure::credential::Identity;
use crate::cli::human::{Output, tests::Kept};
use crate::cli::line::Line;
use crate::domain::id::{ClientId, TenantId};
use crate::domain::playbook::check;
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::drill::scene::{self, Scene};
use crate::env::{Clock, Env};
use crate::lab::{LabDisconnect, NewApplication, SecretSpec};
use crate::wire::budget::Start;
use crate::wire::in_process::InProcess;
use crate::wire::{Wire, WireError};
use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;

const PLAYBOOK: &str = include_str!("../../../tests/playbooks/every-kind.yaml");
const BEGINS: &str = "2026-01-05T03:00:00Z";

/// What is otherwise than it should be.
#[derive(Default)]
struct Wrong {
    /// Another identity, which only owns some applications.
    weak: bool,
    unreachable_vault: bool,
    clock_ahead: Duration,
    /// Which tenant it signs in to, and whether the service lets it.
    tenant: Option<(&'static str, bool)>,
}

/// Whatever tenant is asked for, the lab's own answers.
#[derive(Debug)]
struct Elsewhere<W> {
    inner: W,
    from: TenantId,
    to: TenantId,
}

#[async_trait]
impl<W: Wire> Wire for Elsewhere<W> {
    async fn call(&self, mut request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let uri = request.uri().to_string().replace(self.from.as_str(), self.to.as_str());
        *request.uri_mut() = uri.parse().unwrap();
        self.inner.call(request).await
    }
}

fn identity(scene: &Scene, wrong: &Wrong) -> Identity {
    if !wrong.weak {
        let secret = Secret::new(scene.operator_secret.clone());
        return Identity::Secret { client_id: scene.operator.clone(), secret };
    }
    let weak: ClientId = "0e155ed0-0000-4000-8000-00000000beef".parse().unwrap();
    scene.lab.create_application(NewApplication::new(weak.clone(), "reissue-beginner"));
    let (_, secret) = scene.lab.add_secret(&weak, SecretSpec::default());
    for permission in ["Application.ReadWrite.OwnedBy", "User.Read.All"] {
        scene.lab.grant_app_permission(&weak, permission);
    }
    Identity::Secret { client_id: weak, secret: Secret::new(secret) }
}

/// Every line that a person sees of the tenant; object ids are not for snapshots.
async fn said(wrong: Wrong) -> String {
    let playbook = check(PLAYBOOK, &crate::connector::syntaxes()).unwrap();
    let start: crate::domain::time::Timestamp = BEGINS.parse().unwrap();
    let theirs = Env::simulated(Clock::starting_at(start), 7);
    let ours = Env::simulated(Clock::starting_at(start.after(wrong.clock_ahead)), 7);
    let mut stores = playbook.stores.clone();
    let scene = scene::build(&theirs, &playbook);
    if wrong.unreachable_vault {
        let nowhere = format!("kv-nowhere.{}", playbook.tenant.cloud.vault_suffix());
        stores.insert(
            Text::lossy("nowhere"),
            crate::domain::playbook::model::Store { key_vault: Text::lossy(&nowhere) },
        );
    }
    let identity = identity(&scene, &wrong);
    let own = playbook.tenant.id.clone();
    let (tenant, let_in) = match wrong.tenant {
        Some((tenant, let_in)) => (tenant.parse().unwrap(), let_in),
        None => (own.clone(), false),
    };
    let inner = InProcess::new(scene.lab.service(), |e: &LabDisconnect| e.may_have_reached);
    let from = if let_in { tenant.clone() } else { own.clone() };
    let (kept, stderr) = Kept::new();
    let line = Line::new(Output::to(Box::new(std::io::sink()), Box::new(stderr), false).notices());
    let wire = line.around(Elsewhere { inner, from, to: own }, None);
    let budget = Azure::budget_for(&ours, 70, Start::Full);
    let cloud = playbook.tenant.cloud;
    let azure = Azure::new(&ours, cloud, tenant.clone(), wire, budget, identity);
    let place = Place { tenant, cloud, playbook: Some(playbook), stores };
    let lines = render(&tenant::look(&azure, &place, &line).await);
    let told = kept.text() + &lines.join("\n");
    let guid = |word: &str| word.trim_end_matches([',', ':']).parse::<crate::domain::id::ObjectId>().is_ok();
    let mut masked = Vec::new();
    for line in told.lines() {
        let mut words: Vec<&str> = line.split(' ').collect();
        for n in 1..words.len() {
            if words[n - 1] == "object" && guid(words[n]) {
                words[n] = "[id],";
            }
        }
        masked.push(words.join(" "));
    }
    masked.join("\n")
}

macro_rules! snapshot {
    ($text:expr) => {
        let text = $text;
        insta::with_settings!({ snapshot_path => "../../../tests/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(text);
        });
    };
}

#[tokio::test(start_paused = true)]
async fn doctor_of_an_identity_that_has_everything() {
    snapshot!(said(Wrong::default()).await);
}

#[tokio::test(start_paused = true)]
async fn doctor_of_an_identity_that_lacks_permissions() {
    snapshot!(said(Wrong { weak: true, ..Wrong::default() }).await);
}

#[tokio::test(start_paused = true)]
async fn doctor_of_a_vault_that_cannot_be_reached() {
    snapshot!(said(Wrong { unreachable_vault: true, ..Wrong::default() }).await);
}

#[tokio::test(start_paused = true)]
async fn doctor_of_a_clock_that_is_ten_minutes_ahead() {
    snapshot!(said(Wrong { clock_ahead: Duration::from_secs(600), ..Wrong::default() }).await);
}

#[tokio::test(start_paused = true)]
async fn doctor_of_a_tenant_that_does_not_exist() {
    let tenant = Some(("7d3c9a10-0000-4000-8000-0000000000ff", false));
    snapshot!(said(Wrong { tenant, ..Wrong::default() }).await);
}

#[tokio::test(start_paused = true)]
async fn doctor_of_an_identity_of_another_tenant() {
    let tenant = Some(("7d3c9a10-0000-4000-8000-0000000000ff", true));
    snapshot!(said(Wrong { tenant, ..Wrong::default() }).await);
}

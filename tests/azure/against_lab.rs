//! Every client call, judged by the lab, which shares no code with the clients.

use crate::scene::{PAYROLL, Scene, VAULT, client};
use reissue::azure::graph::credentials::{Holder, NewPassword};
use reissue::azure::key_vault::Name;
use reissue::azure::key_vault::secrets::NewSecret;
use reissue::azure::quota::Operation;
use reissue::azure::sign_in::{Meaning, SignIn};
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::lab::SecretSpec;
use std::collections::BTreeMap;
use std::time::Duration;

fn new_password(scene: &Scene) -> NewPassword {
    NewPassword {
        display_name: Text::lossy("reissue-0123456789 t1"),
        end: scene.env.clock.now().after(Duration::from_secs(90 * 86_400)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_minted_verified_published_and_removed() {
    let scene = Scene::calm();
    let graph = scene.azure.graph();
    let holder = Holder::Application(scene.payroll.object_id.clone());
    let permit = scene.azure.permit(Operation::WriteObject).await;
    let minted = graph.add_password(&holder, &new_password(&scene), &permit).await.unwrap();
    assert_eq!(minted.hint.as_deref(), Some(minted.value.hint().as_str()));

    let listed = graph.passwords(&holder).await.unwrap().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].key_id, minted.key_id);
    assert_eq!(listed[0].display_name().unwrap().as_str(), "reissue-0123456789 t1");

    let sign_in = scene.azure.sign_in();
    let accepted = sign_in.by_secret(&client(PAYROLL), &minted.value).await.unwrap();
    assert!(accepted.is_accepted(), "{accepted:?}");
    let wrong = sign_in.by_secret(&client(PAYROLL), &Secret::new("wrong".into())).await.unwrap();
    assert_eq!(wrong.meaning(), Some(Meaning::WrongCredential));
    let nobody = client("99990000-0000-4000-8000-000000000001");
    let unknown = sign_in.by_secret(&nobody, &Secret::new("wrong".into())).await.unwrap();
    assert_eq!(unknown, SignIn::Refused { aadsts: 700_016, code: Text::lossy("AADSTS700016") });

    let vault = scene.azure.vault(VAULT).unwrap();
    let name = Name::new("payroll-sync").unwrap();
    assert_eq!(vault.secret_versions(&name).await.unwrap(), vec![]);
    let tags = BTreeMap::from([("reissue-run".to_owned(), "01ARZ3".to_owned())]);
    let new = NewSecret { value: &minted.value, tags, content_type: None, expires: minted.end };
    let permit = scene.azure.permit(Operation::VaultSetSecret(VAULT)).await;
    let version = vault.set_secret(&name, &new, &permit).await.unwrap();
    assert!(version.has_tag("reissue-run", "01ARZ3") && version.enabled);
    let stored = vault.secret(&name, None).await.unwrap();
    assert!(stored.value.same_as(&minted.value));
    assert_eq!(stored.version.version, version.version);
    assert_eq!(vault.secret_versions(&name).await.unwrap(), vec![version.clone()]);

    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.remove_password(&holder, &minted.key_id, &permit).await.unwrap();
    assert_eq!(graph.passwords(&holder).await.unwrap().unwrap(), vec![]);
    let dead = sign_in.by_secret(&client(PAYROLL), &minted.value).await.unwrap();
    assert_eq!(dead.meaning(), Some(Meaning::WrongCredential));
}

#[tokio::test(start_paused = true)]
async fn both_objects_of_an_application_are_read() {
    let scene = Scene::calm();
    let graph = scene.azure.graph();
    scene.lab.add_secret(&client(PAYROLL), SecretSpec { hint: Some("x7Q".into()), ..SecretSpec::default() });
    let by_client = graph.application_by_client_id(&client(PAYROLL)).await.unwrap().unwrap();
    let by_object = graph.application(&scene.payroll.object_id).await.unwrap().unwrap();
    assert_eq!(by_client, by_object);
    assert_eq!(by_object.passwords[0].hint().unwrap().as_str(), "x7Q");
    assert_eq!(by_object.display_name().as_str(), "payroll-sync");
    let principal = graph.service_principal_by_client_id(&client(PAYROLL)).await.unwrap().unwrap();
    assert_eq!(principal.id, scene.payroll.service_principal_id);
    assert!(principal.is_enabled() && !principal.is_managed_identity());
    let nobody = client("99990000-0000-4000-8000-000000000001");
    assert_eq!(graph.application_by_client_id(&nobody).await.unwrap(), None);
    let all = graph.applications().all().await.unwrap();
    assert_eq!(all.len(), 2);
    let claims = scene.azure.who_am_i().await.unwrap().unwrap();
    assert!(claims.has_permission("Application.ReadWrite.All"));
    assert_eq!(claims.oid, Some(scene.operator.service_principal_id.clone()));
}

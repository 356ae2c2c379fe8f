//! A certificate's whole life: made in the vault, attached, signed with, detached.

use crate::scene::{PAYROLL, Scene, VAULT, client};
use reissue::azure::assertion::{PROOF_AUDIENCE, Unsigned};
use reissue::azure::graph::credentials::{Holder, NewKey};
use reissue::azure::key_vault::certificates::{Making, NewCertificate, StoredCertificate};
use reissue::azure::key_vault::{Name, Vault};
use reissue::azure::quota::Operation;
use reissue::azure::sign_in::Meaning;
use reissue::domain::secret::Secret;
use reissue::domain::text::Text;
use reissue::lab::Owner;
use std::collections::BTreeMap;
use std::time::Duration;

async fn made(scene: &Scene, vault: &Vault, name: &Name) -> StoredCertificate {
    let new = NewCertificate {
        common_name: Text::lossy("payroll-sync"),
        validity_months: 3,
        key_bits: 2048,
        exportable: true,
        tags: BTreeMap::from([("reissue-run".to_owned(), "01ARZ3".to_owned())]),
    };
    assert_eq!(vault.making(name).await.unwrap(), None);
    let permit = scene.azure.permit(Operation::VaultCreateCertificate(VAULT)).await;
    let mut making = vault.create_certificate(name, &new, &permit).await.unwrap();
    for _ in 0..10 {
        if making == Making::Completed {
            break;
        }
        scene.wait(2).await;
        making = vault.making(name).await.unwrap().unwrap();
    }
    assert_eq!(making, Making::Completed);
    vault.certificate(name, None).await.unwrap().unwrap()
}

async fn assertion(scene: &Scene, vault: &Vault, name: &Name, made: &StoredCertificate) -> Secret {
    let unsigned = scene.azure.sign_in().unsigned(&client(PAYROLL), &made.der);
    let signature = vault.sign(name, made.key_version.as_deref(), &unsigned.digest()).await.unwrap();
    unsigned.with_signature(&signature)
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_made_attached_used_and_detached() {
    let scene = Scene::calm();
    let (graph, vault) = (scene.azure.graph(), scene.azure.vault(VAULT).unwrap());
    let old = scene.lab.generate_certificate("CN=old", Duration::from_secs(86_400)).unwrap();
    let old_key =
        scene.lab.add_certificate(&client(PAYROLL), Owner::Application, &old.cert_der, Some("CN=old"));
    let holder = Holder::Application(scene.payroll.object_id.clone());

    let name = Name::new("reissue-abcdefghij-t2").unwrap();
    let stored = made(&scene, &vault, &name).await;
    assert_eq!(stored.version.tags["reissue-run"], "01ARZ3");
    assert_eq!(vault.certificate_versions(&name).await.unwrap().len(), 1);
    let by_version = vault.certificate(&name, Some(&stored.version.version)).await.unwrap().unwrap();
    assert_eq!(by_version.fingerprint, stored.fingerprint);
    assert_eq!(vault.certificate(&Name::new("nothing-here").unwrap(), None).await.unwrap(), None);

    let signed = assertion(&scene, &vault, &name, &stored).await;
    let too_early = scene.azure.sign_in().by_assertion(&client(PAYROLL), &signed).await.unwrap();
    assert_eq!(too_early.meaning(), Some(Meaning::WrongCredential));

    let before = graph.credentials(&holder).await.unwrap().unwrap();
    assert_eq!(before.keys[0].certificate().unwrap(), old.cert_der);
    let key_id = "c0de0000-0000-4000-8000-000000000002".parse().unwrap();
    let new = NewKey {
        key_id: Some(key_id),
        display_name: Text::lossy("reissue t2"),
        certificate: stored.der.clone(),
        start: None,
        end: None,
    };
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.replace_keys(&holder, &before.keys, Some(&new), &permit).await.unwrap();
    let after = graph.credentials(&holder).await.unwrap().unwrap();
    assert_eq!(after.keys.len(), 2);
    let ours = after.keys.iter().find(|k| k.thumbprint() == stored.version.thumbprint).unwrap();
    assert_eq!(Some(&ours.key_id), new.key_id.as_ref());
    assert!(after.keys.iter().any(|k| k.key_id == old_key && k.certificate().unwrap() == old.cert_der));

    let signed = assertion(&scene, &vault, &name, &stored).await;
    let accepted = scene.azure.sign_in().by_assertion(&client(PAYROLL), &signed).await.unwrap();
    assert!(accepted.is_accepted(), "{accepted:?}");

    let proof = Unsigned::proof(&scene.env, PROOF_AUDIENCE, &scene.payroll.object_id, &stored.der);
    let signature = vault.sign(&name, None, &proof.digest()).await.unwrap();
    let permit = scene.azure.permit(Operation::WriteObject).await;
    graph.remove_key(&holder, &old_key, &proof.with_signature(&signature), &permit).await.unwrap();
    let last = graph.credentials(&holder).await.unwrap().unwrap();
    assert_eq!(last.keys.iter().map(|k| &k.key_id).collect::<Vec<_>>(), [&ours.key_id]);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_goes_to_the_name_consumers_read() {
    let scene = Scene::calm();
    let vault = scene.azure.vault(VAULT).unwrap();
    let (run, public) = (Name::new("reissue-abcdefghij-t2").unwrap(), Name::new("hr-portal-cert").unwrap());
    let stored = made(&scene, &vault, &run).await;
    let exported = vault.secret(&run, None).await.unwrap();
    let permit = scene.azure.permit(Operation::VaultImport(VAULT)).await;
    let imported =
        vault.import_certificate(&public, &exported.value, &BTreeMap::new(), &permit).await.unwrap();
    assert_eq!(imported.fingerprint, stored.fingerprint);
    let permit = scene.azure.permit(Operation::VaultUpdate(VAULT)).await;
    vault.delete_certificate(&run, &permit).await.unwrap();
    assert_eq!(vault.certificate(&run, None).await.unwrap(), None);
    assert!(vault.certificate(&public, None).await.unwrap().is_some());
}

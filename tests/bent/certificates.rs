//! The mutant that needs certificates: the whole list is sent back, as one read showed it.

use crate::support::rehearsal::{Rehearsal, in_virtual_time};
use reissue::bent::{Bend, bend};
use reissue::domain::id::ClientId;
use reissue::lab::{Lab, Owner};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const APP: &str = "8a1d0000-0000-4000-8000-000000000001";
const NEWCOMER: &str = "somebody's new one";
/// Reads of lists until ours is attached: one to see who acts, two by the drift check before it
/// (application and service principal), and three that must agree. Who comes after the last is lost to
/// any engine: the service has no ETag.
const UNTIL_ATTACH: u32 = 6;

/// Another administrator adds a certificate, which is seen everywhere at once.
fn add(lab: &Lab, client: &ClientId) {
    let made = lab.generate_certificate("CN=newcomer", Duration::from_secs(86_400)).unwrap();
    lab.add_certificate(client, Owner::Application, &made.cert_der, Some(NEWCOMER));
}

/// Whether the newcomer is still there after a run in which it came right after the `nth` read.
fn newcomer_survives(nth: u32) -> bool {
    in_virtual_time(async {
        let text = std::fs::read_to_string("tests/playbooks/saga/app-certificate.yaml").unwrap();
        let mut rehearsal = Rehearsal::new(&text);
        let plan = rehearsal.plan().await.unwrap();
        let client: ClientId = APP.parse().unwrap();
        let (lab, subject) = (rehearsal.scene.lab.clone(), client.clone());
        let (reads, added) = (AtomicU32::new(0), AtomicU32::new(0));
        *rehearsal.wire.answers.lock().unwrap() = Some(Box::new(move |request| {
            if reads.load(Ordering::Relaxed) == nth && added.swap(1, Ordering::Relaxed) == 0 {
                add(&lab, &subject);
            }
            let reads_list = request.uri().query().is_some_and(|q| q.contains("keyCredentials"));
            reads.fetch_add(u32::from(reads_list), Ordering::Relaxed);
            None
        }));
        rehearsal.carry_out(&plan).await.unwrap();
        rehearsal.scene.lab.credentials(&client).iter().any(|c| c.display_name.as_deref() == Some(NEWCOMER))
    })
}

#[test]
fn a_list_that_was_read_once_is_not_sent_back() {
    let survives = |how| {
        bend(how);
        let survives: Vec<bool> = (1..UNTIL_ATTACH).map(newcomer_survives).collect();
        bend(None);
        survives
    };
    let (straight, bent) = (survives(None), survives(Some(Bend::StaleList)));
    assert!(straight.iter().all(|survives| *survives), "the straight engine loses it: {straight:?}");
    assert!(bent.contains(&false), "nobody noticed: {bent:?}");
}

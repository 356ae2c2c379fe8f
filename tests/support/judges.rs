//! A log before both judges: reissue, and the verifier in the bundle that shares no code with it.

use reissue::env::Disk;
use reissue::trail::export::{Bundle, unpack};
use reissue::trail::verify::{Trust, verify};
use reissue::trail::{Folder, VerifierKey};
use std::process::Command;
use std::sync::Arc;

/// Exit codes of both for the same bundle of this log, and all that they say.
pub fn both<D: Disk + Clone + 'static>(disk: &D, folder: &Folder, key: &VerifierKey) -> (u8, u8, String) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let tar = Bundle::gather(&disk, folder).unwrap().to_tar().unwrap();
    let unpacked = unpack(&tar).unwrap();
    let trust = Trust { key: key.clone(), roster: None, anchors: Vec::new(), keepers: Default::default() };
    let ours = verify(&unpacked.disk, &unpacked.folder, &trust).unwrap();
    let there = tempfile::tempdir().unwrap();
    let file = there.path().join("bundle.tar");
    std::fs::write(&file, tar).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let ran = Command::new("python3").args([script, file.to_str().unwrap(), &key.to_string()]).output();
    let ran = ran.unwrap();
    let mut said = String::from_utf8_lossy(&ran.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&ran.stderr));
    said.extend(ours.findings.iter().map(|f| format!("\nours: {f}")));
    (ours.verdict.exit_code(), u8::try_from(ran.status.code().unwrap()).unwrap(), said)
}

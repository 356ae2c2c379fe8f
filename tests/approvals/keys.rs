//! Approvals by keys of every kind: which are refused, and that ours and OpenSSH's signatures
//! verify on the other side.

use crate::support::approvals::{PEOPLE, facts, noon, roster, roster_yaml, signer, statement};
use crate::support::sshsig::{self, SecurityKey};
use reissue::domain::approval::keys::KeyRefusal;
use reissue::domain::approval::{ApprovalRefusal as No, Roster, SignedApproval, signed::NAMESPACE};
use reissue::env::{Disk, RealDisk, child};
use std::path::Path;

/// A roster in which ann has this key too, and what she then says.
fn ann_with(key: &str) -> (Roster, Vec<u8>) {
    let roster = Roster::from_yaml(roster_yaml(&[key.to_owned()]).as_bytes()).unwrap();
    let bytes = statement(&facts(&roster), 1, 1).to_bytes().unwrap();
    (roster, bytes)
}

fn judge(roster: &Roster, statement_bytes: &[u8], armored: String) -> Result<(), No> {
    let approval = SignedApproval { statement_bytes: statement_bytes.to_vec(), armored };
    approval.verify(roster, &facts(roster), noon()).map(drop)
}

#[test]
fn rsa_under_2048_bits() {
    let bytes = statement(&facts(&roster()), 1, 1).to_bytes().unwrap();
    let signature = sshsig::signature_blob("rsa-sha2-512", &[7; 128]);
    let armoured = sshsig::armour(&sshsig::rsa_blob(1024), NAMESPACE, &signature);
    assert_eq!(judge(&roster(), &bytes, armoured), Err(No::Key(KeyRefusal::RsaTooShort(1024))));
}

#[test]
fn rsa_with_sha_1() {
    let (roster, bytes) = ann_with(&sshsig::rsa_line(2048));
    let signature = sshsig::signature_blob("ssh-rsa", &[7; 256]);
    let armoured = sshsig::armour(&sshsig::rsa_blob(2048), NAMESPACE, &signature);
    let refused = judge(&roster, &bytes, armoured).unwrap_err();
    assert!(matches!(refused, No::SignatureAlgorithm(_) | No::NotASignature), "{refused:?}");
}

#[test]
fn security_key_without_user_presence() {
    for key in [SecurityKey::ed25519(), SecurityKey::p256()] {
        let (roster, bytes) = ann_with(&key.line());
        for (flags, want) in
            [(0, Err(No::NoUserPresence)), (4, Err(No::NoUserPresence)), (1, Ok(())), (5, Ok(()))]
        {
            assert_eq!(judge(&roster, &bytes, key.sign(&bytes, NAMESPACE, flags)), want, "flags {flags}");
        }
        let other = key.sign(b"other bytes", NAMESPACE, 1);
        assert_eq!(judge(&roster, &bytes, other), Err(No::BadSignature));
    }
}

/// `None`, loudly, if this machine has no ssh-keygen.
fn ssh_keygen(args: &[&str], stdin: &[u8]) -> Option<child::Finished> {
    match child::run("ssh-keygen", args, stdin, false) {
        Ok(done) => Some(done),
        Err(e) => {
            eprintln!("SKIPPED: ssh-keygen cannot be run here ({e}); interoperation was not tested");
            None
        }
    }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn what_ssh_keygen_signs_verifies_here() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, bits) in
        [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("rsa", "2048"), ("rsa", "3072")]
    {
        let key = path(folder.path(), &format!("{kind}-{bits}"));
        let made = ["-q", "-t", kind, "-b", bits, "-N", "", "-C", "ann", "-f", &key];
        let Some(done) = ssh_keygen(&made, b"") else { return };
        assert_eq!(done.code, Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        let line = RealDisk.read(Path::new(&format!("{key}.pub")), 10_000).unwrap();
        let (roster, bytes) = ann_with(std::str::from_utf8(&line).unwrap());
        let signed = ssh_keygen(&["-q", "-Y", "sign", "-f", &key, "-n", NAMESPACE], &bytes).unwrap();
        let armoured = String::from_utf8(signed.stdout).unwrap();
        assert_eq!(judge(&roster, &bytes, armoured.clone()), Ok(()), "{kind} {bits}");
        let changed = String::from_utf8(bytes).unwrap().replace("INC-1", "INC-2");
        assert_eq!(judge(&roster, changed.as_bytes(), armoured), Err(No::BadSignature), "{kind} {bits}");
        let file = ssh_keygen(&["-q", "-Y", "sign", "-f", &key, "-n", "file"], changed.as_bytes()).unwrap();
        let armoured = String::from_utf8(file.stdout).unwrap();
        assert!(matches!(judge(&roster, changed.as_bytes(), armoured), Err(No::Namespace { .. })));
    }
}

#[test]
fn what_is_signed_here_verifies_with_ssh_keygen() {
    let folder = tempfile::tempdir().unwrap();
    let approval = signer(1).sign(&statement(&facts(&roster()), 1, 1)).unwrap();
    let (signers, signature) = (path(folder.path(), "allowed_signers"), path(folder.path(), "approval.sig"));
    RealDisk.write_new(Path::new(&signers), roster().allowed_signers().as_bytes()).unwrap();
    RealDisk.write_new(Path::new(&signature), approval.armored.as_bytes()).unwrap();
    let verify = |person: usize, namespace: &str, bytes: &[u8]| {
        let args =
            ["-Y", "verify", "-f", &signers, "-I", PEOPLE[person].0, "-n", namespace, "-s", &signature];
        Some(ssh_keygen(&args, bytes)?.code == Some(0))
    };
    let bytes = &approval.statement_bytes;
    let Some(good) = verify(1, NAMESPACE, bytes) else { return };
    assert!(good);
    assert_eq!(verify(2, NAMESPACE, bytes), Some(false), "another person");
    assert_eq!(verify(1, "file", bytes), Some(false), "another namespace");
    assert_eq!(verify(1, NAMESPACE, b"other bytes"), Some(false));
}

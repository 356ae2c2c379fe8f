//! A bundle from a stranger: whatever a bundle does not have is refused as a whole, and nothing is
//! ever written.

use reissue::env::{MemoryDisk, Random};
use reissue::trail::export::{Bundle, BundleError, unpack};

use reissue::trail::LogKey;
use std::path::Path;
use std::process::Command;

fn tar_of(files: &[(&str, &[u8], tar::EntryType)]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, bytes, sort) in files {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(*sort);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        // Written as it is: the library would not take most of these names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if !sort.is_file() {
            header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
        }
        header.set_cksum();
        out.append(&header, *bytes).unwrap();
    }
    out.into_inner().unwrap()
}

/// Why it is refused; the verifier in Python refuses it for the same file.
fn refused(files: &[(&str, &[u8], tar::EntryType)]) -> BundleError {
    let tar = tar_of(files);
    theirs(&tar);
    unpack(&tar).err().unwrap_or_else(|| panic!("{files:?} was taken"))
}

/// What the verifier in Python says of a bundle that it does not judge.
fn theirs(tar: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.tar");
    std::fs::write(&file, tar).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let (disk, random) = (MemoryDisk::default(), Random::from_seed(7));
    let key =
        LogKey::create(&disk, Path::new("k"), &random, "reissue.test/t/i").unwrap().public().to_string();
    let ran = Command::new("python3").args([script, file.to_str().unwrap(), &key]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("no judgement") && !said.contains("Traceback"), "{said}");
    said
}

const FILE: tar::EntryType = tar::EntryType::Regular;

#[test]
fn names_that_lead_out_are_refused() {
    for name in [
        "/etc/passwd",
        "../events.jsonl",
        "checkpoints/../../x",
        "./events.jsonl",
        "checkpoints/1",
        "objects/sha256-ABC",
        "objects/a/b",
        "events.jsonl/",
        "EVENTS.JSONL",
        "evil.sh",
        "C:\\x",
    ] {
        let files = [(name, &b"x"[..], FILE)];
        assert!(matches!(refused(&files), BundleError::Name(_)), "{name}");
        assert!(theirs(&tar_of(&files)).contains("has no place in a bundle"), "{name}");
    }
}

#[test]
fn links_and_devices_are_refused() {
    use tar::EntryType as T;
    for sort in [T::Symlink, T::Link, T::Directory, T::Fifo, T::Char, T::Block, T::GNULongName, T::XHeader] {
        assert!(matches!(refused(&[("events.jsonl", b"", sort)]), BundleError::Sort(_)), "{sort:?}");
    }
}

#[test]
fn doubled_short_and_oversized_files_are_refused() {
    let twice = [("events.jsonl", &b"a"[..], FILE), ("events.jsonl", &b"b"[..], FILE)];
    assert!(matches!(refused(&twice), BundleError::Twice(_)));
    assert!(matches!(unpack(b"").err().unwrap(), BundleError::Tar(_)));
    assert!(matches!(unpack(&[7; 2000]).err().unwrap(), BundleError::Tar(_)));
    let mut short = tar_of(&[("events.jsonl", &[b'x'; 3000], FILE)]);
    short.truncate(1024);
    assert!(unpack(&short).is_err(), "a file that ends too early");
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(FILE);
    header.set_size(1 << 40);
    header.set_path("events.jsonl").unwrap();
    header.set_cksum();
    assert!(matches!(unpack(header.as_bytes()).err().unwrap(), BundleError::TooLarge(_)));
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let bundle = |names: &[&str]| {
        let mut bundle = Bundle::default();
        names.iter().for_each(|n| bundle.add(n, n.as_bytes().to_vec()));
        bundle.to_tar().unwrap()
    };
    let one = bundle(&["events.jsonl", "log.vkey", "checkpoints/000000000009"]);
    assert_eq!(one, bundle(&["checkpoints/000000000009", "log.vkey", "events.jsonl"]));
    let mut archive = tar::Archive::new(one.as_slice());
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let h = entry.header();
        assert_eq!(
            (h.mtime().unwrap(), h.uid().unwrap(), h.gid().unwrap(), h.mode().unwrap()),
            (0, 0, 0, 0o644)
        );
        names.push(entry.path().unwrap().to_string_lossy().into_owned());
    }
    assert!(names.is_sorted());
}

//! A bundle from a stranger: whatever a bundle does not have is refused as a whole, and nothing is
//! ever written.

#![allow(clippy::unwrap_used)]

use reissue::trail::export::{Bundle, BundleError, unpack};

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

fn refused(files: &[(&str, &[u8], tar::EntryType)]) -> BundleError {
    unpack(&tar_of(files)).err().unwrap_or_else(|| panic!("{files:?} was taken"))
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
        assert!(matches!(refused(&[(name, b"x", FILE)]), BundleError::Name(_)), "{name}");
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

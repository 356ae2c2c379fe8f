//! A bundle of one run as the program makes it, and what no change of its bytes passes.

use super::log::Story;
use super::{excerpt, run, three_runs};
use reissue::trail::export::{Unpacked, unpack};
use reissue::trail::verify::{Verdict, verify};
use std::process::Command;

/// As people do it: the program makes the bundle, judges it and reports from it.
#[tokio::test(start_paused = true)]
async fn the_program_makes_it_and_judges_it() {
    let log = three_runs(Story::default()).await;
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in log.disk.contents() {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let key = log.key().public().to_string();
    let reissue = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_reissue");
        let ran =
            Command::new(program).args(arguments).args(["--key", &key]).current_dir(folder.path()).output();
        let ran = ran.unwrap();
        (ran.status.code(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
    };
    let run = run().to_string();
    let export = ["audit", "export", "--folder", "log", "--run", &run, "--only", "--out"];
    for name in ["one.tar", "two.tar"] {
        let (code, said) = reissue(&[&export[..], &[name]].concat());
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("other lines are in it as hashes only"), "{said}");
    }
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("one.tar"), bytes("two.tar"), "the same log gives the same bytes");
    let (code, said) = reissue(&["audit", "verify", "--bundle", "one.tar"]);
    assert_eq!(code, Some(3), "{said}");
    for part in [
        "This is an excerpt: ",
        "no line of the run is missing",
        "NOT proved  anything about what is not shown",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // What is rendered from the bundle again is what was in it.
    let (code, said) = reissue(&["report", "--bundle", "one.tar", "--out", "again.html"]);
    assert_eq!(code, Some(0), "{said}");
    let Unpacked { disk, folder: within } = unpack(&bytes("one.tar")).unwrap();
    assert!(disk.read(&within.root().join("report.html"), 1 << 24).unwrap() == bytes("again.html"));
    for only in [&[][..], &["--only"]] {
        let again = ["audit", "export", "--bundle", "one.tar", "--out", "three.tar"];
        let (code, said) = reissue(&[&again, only].concat());
        assert!(code == Some(64) && said.contains("hand it on as it is"), "{code:?} {said}");
    }
    let corroborate = ["audit", "corroborate", "--bundle", "one.tar", "--lab", "nowhere"];
    let (code, said) = reissue(&corroborate);
    assert!(code == Some(64) && said.contains("bundle of one run"), "{code:?} {said}");
}

/// No byte of an excerpt can be another, and no line can be missing at its end.
#[tokio::test(start_paused = true)]
async fn no_flip_and_no_cut_is_accepted() {
    let log = three_runs(Story::default()).await;
    let bundle = excerpt(&log);
    let bytes = bundle.get("excerpt.jsonl").unwrap().to_vec();
    let refused = |bytes: Vec<u8>| {
        let mut bundle = bundle.clone();
        bundle.add("excerpt.jsonl", bytes);
        let Unpacked { disk, folder } = bundle.unpacked().unwrap();
        let report = verify(&disk, &folder, &log.trust(vec![])).unwrap();
        report.verdict == Verdict::Tampered
    };
    for at in (0..bytes.len()).step_by(11) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(
            refused(flipped),
            "byte {at}: {:?}",
            String::from_utf8_lossy(&bytes[at.saturating_sub(20)..=at])
        );
    }
    let ends: Vec<usize> = (0..bytes.len() - 1).filter(|at| bytes[*at] == b'\n').collect();
    for end in ends {
        assert!(refused(bytes[..=end].to_vec()), "cut at {end}");
    }
}

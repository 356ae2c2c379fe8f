//! What is kept with the source, snapshots and seeds above all: no value that a lab made stands in it.

use crate::support::scan::Canaries;
use reissue::drill;
use std::path::{Path, PathBuf};

/// What is committed and was, in part, made by running a lab.
const FOLDERS: [&str; 7] =
    ["tests", "docs", "playbooks", "fuzz/seeds", "examples", "integrations", "benches"];
/// The example of a pasted value, made up by hand.
const EXAMPLES: [&str; 2] = ["c4n4ry", "C4N4RY"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => all.extend(files(&path)),
            path => all.push(path),
        }
    }
    all.sort();
    all
}

fn committed() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    FOLDERS.iter().flat_map(|folder| files(&root.join(folder))).collect()
}

/// A lab's values are those of its seed and its playbook: of the seeds that tests use, they are known.
#[test]
fn no_value_of_a_seed_stands_in_the_tree() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (mut canaries, mut labs) = (Canaries::default(), 0);
    let playbooks = committed().into_iter().filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    for path in playbooks {
        // Some are not even text: that is what they test.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Ok(playbook) = reissue::domain::playbook::check(&text, &reissue::connector::syntaxes()) else {
            continue;
        };
        for seed in [1, 2, 7] {
            let scene = runtime.block_on(async { drill::scene::build(&drill::environment(seed), &playbook) });
            canaries.add("an operator's secret", &scene.operator_secret);
            // Private keys are of the committed pool, and a user's password is a word of the source.
            let made =
                |(name, value): &&(String, String)| !value.contains("PRIVATE KEY") && !name.contains('@');
            for (_, value) in scene.leaked.iter().filter(made) {
                canaries.add("a leaked value", value);
            }
            labs += 1;
        }
    }
    assert!(labs > 30, "there are playbooks to build labs of: {labs}");
    let scanner = canaries.scanner();
    let found: Vec<_> = committed()
        .iter()
        .filter_map(|p| Some((p.clone(), scanner.find(&std::fs::read(p).ok()?)?)))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Of any seed: 40 characters, `8Q~` after the hint.
#[test]
fn nothing_like_a_value_of_a_lab_stands_in_the_tree() {
    let shape = regex::bytes::Regex::new(r"[A-Za-z0-9~._-]{3}8Q~[A-Za-z0-9~._-]{34}").unwrap();
    assert!(
        shape.is_match(format!("secret x7Q8Q~{} in it", "a1".repeat(17)).as_bytes()),
        "the shape is known"
    );
    let mut seen = 0;
    for path in committed() {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for hit in shape.find_iter(&bytes) {
            let text = String::from_utf8_lossy(hit.as_bytes()).into_owned();
            assert!(EXAMPLES.iter().any(|e| text.contains(e)), "{}: {text}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 3, "the examples themselves are met: {seen}");
}

//! A normal build knows nothing of the bends: none of their names is in the program. Built with
//! the feature (`tests/bent.rs` has this file too), all are, so the search is not blind.

#![allow(clippy::unwrap_used)]

/// The names of the bends, from their source.
fn names() -> Vec<&'static str> {
    let source = include_str!("../src/bent.rs");
    let (_, list) = source.split_once("pub enum Bend {").unwrap();
    let (list, _) = list.split_once("\n}").unwrap();
    let lines = list.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//"));
    lines.map(|l| l.trim_end_matches(',')).collect()
}

#[test]
fn the_bends_are_in_the_program_only_if_it_was_built_for_them() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_reissue")).unwrap();
    let names = names();
    assert!(names.len() > 15, "{names:?}");
    let finder = aho_corasick::AhoCorasick::new(&names).unwrap();
    let found: std::collections::BTreeSet<_> =
        finder.find_overlapping_iter(&program).map(|m| names[m.pattern()]).collect();
    let want: Vec<&str> = if cfg!(feature = "bent") { names } else { Vec::new() };
    assert_eq!(found.into_iter().collect::<Vec<_>>(), want);
}

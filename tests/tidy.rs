//! The house rules, checked: who may know whom, calls that have one door, sizes, headers. A
//! finding points at a line and says why the rule is there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "tidy/banned.rs"]
mod banned;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/source.rs"]
mod source;

use source::Source;
use std::path::Path;

/// One breach of a rule.
#[derive(Debug)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
    why: &'static str,
}

impl Finding {
    fn new(source: &Source, offset: usize, what: String, why: &'static str) -> Self {
        Self { path: source.path.clone(), line: source.line_of(offset), what, why }
    }
}

fn judge(source: &Source) -> Vec<Finding> {
    [sizes::check(source), layers::check(source), banned::check(source)].into_iter().flatten().collect()
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_house_is_tidy() {
    let sources = source::read_all(
        package(),
        &["src", "tests", "benches", "examples", "fuzz/src", "fuzz/fuzz_targets"],
    );
    assert!(sources.len() > 50, "only {} files found", sources.len());
    let found: Vec<Finding> = sources.iter().flat_map(judge).collect();
    let told: Vec<String> =
        found.iter().map(|f| format!("{}:{}: {}. Why: {}.", f.path, f.line, f.what, f.why)).collect();
    let paid: Vec<&str> = sources.iter().flat_map(sizes::paid).collect();
    assert!(paid.is_empty(), "take these off DEBTS in tests/tidy/sizes.rs: {paid:?}");
    assert!(told.is_empty(), "{} findings:\n{}", told.len(), told.join("\n"));
}

/// A pattern such as `target/` hides every folder of that name from git, `src/domain/target` too.
#[test]
fn no_source_is_ignored_by_git() {
    let ignored = std::fs::read_to_string(package().join(".gitignore")).unwrap();
    let sources = source::read_all(package(), &["src", "tests"]);
    for line in ignored.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', '/', '!'])) {
        let name = line.trim_end_matches('/');
        let hidden = sources.iter().find(|s| s.path.split('/').any(|part| part == name));
        assert!(hidden.is_none(), ".gitignore: `{line}` hides {}", hidden.unwrap().path);
    }
}

/// What the rules say of a file that is made up.
fn told(path: &str, text: &str) -> Vec<String> {
    judge(&Source::new(path, text)).into_iter().map(|f| format!("{}: {}", f.line, f.what)).collect()
}

#[test]
fn the_checker_sees_forbidden_calls() {
    let bad = "//! x\nfn f() {\n    let t = std::time::SystemTime::now();\n}\n";
    assert_eq!(told("src/trail/x.rs", bad), ["3: `SystemTime::now` outside its door"]);
    assert_eq!(told("src/env/clock.rs", bad), [""; 0]);
    let bad = "//! x\nuse std::fs;\nfn f(s: &Secret) {\n    s.expose();\n}\n";
    assert_eq!(told("src/engine/x.rs", bad).len(), 2);
    assert_eq!(told("src/azure/claims.rs", bad), ["2: `std::fs` outside its door"]);
    assert_eq!(told("src/cli/x.rs", "//! x\nfn f() { eprintln!(); }\n"), ["2: `eprintln!` outside its door"]);
    assert_eq!(told("src/domain/x.rs", "//! x\nasync fn f() {}\n"), ["2: `async fn` outside its door"]);
    let host = "//! x, see learn.microsoft.com\nconst H: &str = \"login.microsoftonline.com\";\n";
    assert_eq!(told("src/wire/x.rs", host), ["2: `microsoft` outside its door"]);
}

#[test]
fn the_checker_is_not_fooled_by_comments_strings_and_tests() {
    let good = r##"//! x
// std::fs::read("x") { {
/* std::thread /* nested */ std::fs */
const A: &str = "println!(\"{\")"; const B: &str = r#"std::fs " {"#; const C: char = '{'; const D: u8 = b'\'';
fn f<'a>(x: &'a str) -> &'a str { x }
#[cfg(test)]
mod tests {
    use std::fs;
    fn g() { println!("{}", crate::cli::X) }
}
"##;
    assert_eq!(told("src/domain/x.rs", good), [""; 0]);
    assert_eq!(told("src/domain/x/tests.rs", "//! x\nuse std::fs;\nuse crate::cli::X;\n"), [""; 0]);
    let after = "//! x\n#[cfg(test)]\nmod tests;\nuse std::fs;\n";
    assert_eq!(told("src/trail/x.rs", after), ["4: `std::fs` outside its door"]);
    assert_eq!(told("src/trail/x.rs", "//! x\nfn f() { sprint!(); let myInstant::nowhere = 1; }\n"), [""; 0]);
}

#[test]
fn the_checker_knows_who_may_know_whom() {
    let bad = "//! x\nuse crate::env::Clock;\n";
    assert_eq!(told("src/domain/x.rs", bad), ["2: `domain` names `env::Clock`"]);
    assert_eq!(told("src/trail/x.rs", bad), [""; 0]);
    let group = "//! x\nuse crate::{domain::{id::RunId, step::{Step, Verb}}, env, azure::graph as g};\n";
    assert_eq!(
        told("src/lab/x.rs", group),
        ["2: `lab` names `domain::step`", "2: `lab` names `azure::graph`"]
    );
    let supers = "//! x\nuse super::super::super::cli::Failure;\nuse super::super::text;\nuse super::y;\n";
    assert_eq!(told("src/domain/a/b.rs", supers), ["2: `domain` names `cli::Failure`"]);
    let inside = "//! x\nfn f() -> crate::engine::Run { crate::domain::x() }\n";
    assert_eq!(told("src/azure/x.rs", inside), ["2: `azure` names `engine::Run`"]);
    let kinds = "//! x\nuse crate::connector::{Effects, app_secret::AppSecret};\n";
    assert_eq!(told("src/engine/x.rs", kinds), ["2: the engine names `connector::app_secret`"]);
    assert_eq!(told("src/news/x.rs", "//! x\n").len(), 1);
}

#[test]
fn the_checker_counts_lines() {
    let long = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(60));
    assert_eq!(told("src/cli/x.rs", &long), ["2: `f` has 62 lines, at most 60"]);
    let two = format!("//! x\nfn f() {{\n{0}}}\nfn g() -> [u8; 2] {{\n{0}}}\n", "    g();\n".repeat(50));
    assert_eq!(told("src/cli/x.rs", &two), [""; 0]);
    assert_eq!(told("tests/x.rs", &format!("//! x\n{}", "\n".repeat(400))), ["1: 401 lines, at most 400"]);
    assert_eq!(told("tests/x.rs", "fn f() {}\n"), ["1: the file does not begin with `//!`"]);
}

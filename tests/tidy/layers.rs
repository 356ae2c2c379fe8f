//! Who may know whom: the table of the design, and the paths that a file names.

use super::Finding;
use super::source::Source;

/// A top-level module and the paths that it may name beside its own.
const LAYERS: [(&str, &[&str], &str); 14] = [
    ("bent", &[], "what breaks promises on purpose knows nobody, so that anybody may ask it"),
    ("env", &["domain::id", "domain::time"], "the door to clock, chance and disk stands below everything"),
    ("domain", &["bent"], "domain is pure and knows nobody"),
    ("trail", &["bent", "domain", "env"], "the log can be verified without the rest"),
    ("wire", &["domain", "env"], "the network does not know what it carries"),
    (
        "anchor",
        &["domain", "env", "trail", "wire"],
        "anchors are obtained beside a run, and judged by the trail",
    ),
    ("azure", &["domain", "env", "wire"], "clients know the wire, not who uses them"),
    ("connector", &["bent", "domain", "env", "wire", "azure"], "a kind knows its service, not the engine"),
    (
        "engine",
        &["bent", "domain", "env", "trail", "wire::budget", "connector"],
        "the engine drives any kind, so it knows connectors by their traits only",
    ),
    ("lab", &["env", "domain::id", "domain::time"], "the lab shares no code with the clients that it judges"),
    (
        "pipeline",
        &["domain", "env", "trail", "wire", "azure", "connector", "engine"],
        "the pipeline is the product; lab, drill and reports stand outside",
    ),
    (
        "drill",
        &["domain", "env", "trail", "wire", "azure", "connector", "engine", "lab", "pipeline"],
        "the drill joins lab and pipeline; the command line stands above",
    ),
    ("report", &["domain", "env", "trail"], "a report says what the verified trail says, nothing else"),
    (
        "cli",
        &[
            "domain",
            "env",
            "trail",
            "wire",
            "anchor",
            "azure",
            "connector",
            "engine",
            "lab",
            "pipeline",
            "drill",
            "report",
        ],
        "",
    ),
];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let module = source.module();
    let Some(own) = module.first() else { return Vec::new() };
    let Some((_, allowed, why)) = LAYERS.iter().find(|(name, ..)| name == own) else {
        let what = format!("the top-level module `{own}` is not in the table of tests/tidy/layers.rs");
        return vec![Finding::new(source, 0, what, "who may know it, and whom may it know?")];
    };
    let mut found = Vec::new();
    for (offset, path) in paths(&source.product, &module) {
        let joined = path.join("::");
        let fits = |a: &&str| joined == **a || joined.starts_with(&format!("{a}::"));
        if path[0] != *own && !allowed.iter().any(fits) {
            found.push(Finding::new(source, offset, format!("`{own}` names `{joined}`"), why));
        } else if *own == "engine" && path[0] == "connector" && names_a_module(&path) {
            found.push(Finding::new(source, offset, format!("the engine names `{joined}`"), why));
        }
    }
    found
}

fn names_a_module(path: &[String]) -> bool {
    path.get(1).is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// The first two names of every path from the crate's root, written with `crate` or with enough
/// `super`, with the offset where it stands.
fn paths(code: &str, module: &[&str]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for word in ["crate::", "super::"] {
        for (offset, _) in code.match_indices(word) {
            let before = &code[..offset];
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            let mut rest = &code[offset..];
            let mut root: Vec<String> = module.iter().map(|m| (*m).to_owned()).collect();
            if let Some(after) = rest.strip_prefix("crate::") {
                (rest, root) = (after, Vec::new());
            }
            while let Some(after) = rest.strip_prefix("super::") {
                root.pop();
                rest = after;
            }
            tree(rest, root, &mut |path| found.push((offset, path)));
        }
    }
    found
}

/// Calls `each` with the first two names of every path of a use tree.
fn tree<'a>(text: &'a str, so_far: Vec<String>, each: &mut impl FnMut(Vec<String>)) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() || rest.starts_with('}') {
                return rest.strip_prefix('}').unwrap_or(rest);
            }
            let before = rest.len();
            rest = tree(rest, so_far.clone(), each).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
            if rest.len() == before {
                return rest;
            }
        }
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let mut path = so_far;
    if end > 0 {
        path.push(text[..end].to_owned());
    }
    let rest = text[end..].trim_start_matches('*');
    match rest.strip_prefix("::") {
        Some(rest) if path.len() < 2 => tree(rest, path, each),
        Some(rest) => {
            path.truncate(2);
            each(path.clone());
            skip(rest)
        }
        None => {
            path.truncate(2);
            if !path.is_empty() {
                each(path);
            }
            rest.trim_start().strip_prefix("as ").map_or(rest, |alias| skip(alias.trim_start()))
        }
    }
}

/// Behind the rest of one path, whatever its groups.
fn skip(text: &str) -> &str {
    let mut depth = 0;
    for (n, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => return &text[n..],
            c if depth == 0 && !(c.is_alphanumeric() || "_:* ".contains(c)) => return &text[n..],
            _ => {}
        }
    }
    ""
}

//! `--json`: one object per line, each `{"v":1,"kind":…}` and the kind's own fields. A field may
//! be added within a version; none is removed or changes its meaning.

use serde::Serialize;

/// Version of the objects on stdout.
pub const VERSION: u8 = 1;

#[derive(Serialize)]
struct Line<'a, T> {
    v: u8,
    kind: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

/// One line, with its line break.
pub fn line<T: Serialize>(kind: &str, body: &T) -> String {
    let line = serde_json::to_string(&Line { v: VERSION, kind, body });
    // Our own types always serialise; if one does not, the reader still gets an object.
    let mut line = line.unwrap_or_else(|_| format!(r#"{{"v":{VERSION},"kind":"fault"}}"#));
    line.push('\n');
    line
}

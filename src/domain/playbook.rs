//! The playbook: from bytes to a [`ValidPlaybook`], or to everything that is wrong with them.
//!
//! [`document`] refuses what no such file may hold; [`yaml`] makes a tree that knows its places; [`fields`] and [`values`] read it; [`header`],
//! [`target`] and the kinds' own [`syntax`] say what belongs where; [`whole`] compares targets.

pub mod diagnostic;
mod document;
pub mod fields;
mod header;
pub mod mask;
pub mod model;
pub mod node;
pub mod schema;
pub mod secret_shape;
pub mod syntax;
mod target;
mod values;
mod whole;
mod yaml;

pub use diagnostic::{At, Code, Diagnostic, Diagnostics, Language, Report, Span};
pub use document::read as read_document;
pub use model::*;
pub use syntax::KindSyntax;
pub use yaml::SIZE_MAX;

use super::id::Digest;
use super::time::Timestamp;
use fields::Item;
use node::Node;

const KEYS: [&str; 8] =
    ["reissue", "incident", "tenant", "stores", "approval", "guardrails", "defaults", "targets"];

static LANGUAGE: Language = Language {
    name: "playbook",
    size_max: SIZE_MAX,
    example: "start from one of the examples in playbooks/",
    too_large: "split the playbook; one run rarely needs more than a thousand targets",
    instead: "name the leaked credential by its `hint` or `key_id`",
    instead_in_a_sentence: "a playbook names credentials by `hint` or `key_id`",
    instead_of_bytes: "a vault export or a PFX is no playbook",
};

/// Reads a playbook with these target kinds.
pub fn check(text: &str, kinds: &[&dyn KindSyntax]) -> Result<ValidPlaybook, Diagnostics> {
    check_at(text, kinds, None)
}

/// As [`check`]; with the time, a playbook from the future is noticed too.
pub fn check_at(
    text: &str,
    kinds: &[&dyn KindSyntax],
    now: Option<Timestamp>,
) -> Result<ValidPlaybook, Diagnostics> {
    check_bytes(text.as_bytes(), kinds, now)
}

/// As [`check_at`], from a file's bytes.
pub fn check_bytes(
    bytes: &[u8],
    kinds: &[&dyn KindSyntax],
    now: Option<Timestamp>,
) -> Result<ValidPlaybook, Diagnostics> {
    document::read(bytes, &LANGUAGE, |root, report| read(bytes, root, kinds, now, report))
}

fn read(
    bytes: &[u8],
    root: &Node,
    kinds: &[&dyn KindSyntax],
    now: Option<Timestamp>,
    report: &Report,
) -> Option<ValidPlaybook> {
    let fields = Item::root(root, "the playbook", report).fields(&KEYS)?;
    let version = fields.version("reissue", "playbook language");
    let incident = header::incident(&fields, now);
    let tenant = header::tenant(&fields);
    let (stores, store_names) = header::stores(&fields, tenant.cloud);
    let approval = header::approval(&fields);
    let guardrails = header::guardrails(&fields);
    let (hold, lifetime) = header::defaults(&fields);
    let context = syntax::Context { stores: store_names, hold, lifetime };
    let items = fields.required("targets").and_then(|i| i.list("a playbook has at least one target"));
    let drafts = items.map(|items| {
        let numbered = (1u32..).zip(&items);
        let drafts: Vec<_> = numbered.map(|(no, item)| target::read(item, no, kinds, &context)).collect();
        let all = drafts.len();
        let drafts: Vec<_> = drafts.into_iter().flatten().collect();
        (drafts.len() == all, drafts)
    });
    let protected = guardrails.as_ref().map_or(&[][..], |(_, protected)| protected);
    let (complete, drafts) = drafts?;
    whole::check(&drafts, approval.as_ref(), protected, report);
    version?;
    if !complete {
        return None;
    }
    Some(ValidPlaybook {
        digest: Digest::of(bytes),
        incident: incident?,
        tenant: tenant.tenant?,
        stores: stores?,
        approval: approval?.value,
        guardrails: guardrails?.0,
        targets: drafts.into_iter().map(|d| d.target).collect(),
    })
}

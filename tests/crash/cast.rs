//! The forty targets of a round, and what is expected of each at its end.

use std::fmt::Write;

/// So many targets of each sort: forty in all.
const SECRETS: u32 = 18;
const CONTAINED: u32 = 2;
const CERTIFICATES: u32 = 6;
const USERS: u32 = 8;
const UNNEEDED: u32 = 6;

/// The leaked value is waited out for so long: consumers read again every two seconds, and sign in
/// every second.
const HOLD: &str = "6s";
const REFRESH: &str = "2s";

/// The vault of the playbook, as the lab names it.
pub(crate) const VAULT: &str = "kv-ir";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Secret,
    /// Contained first: its consumer has an outage that the plan declares.
    Contained,
    Certificate,
    User {
        blocked: bool,
    },
    Unneeded,
}

pub(crate) struct Target {
    pub(crate) sort: Sort,
    pub(crate) name: String,
    /// The client id, or the user's name.
    pub(crate) subject: String,
}

/// Mixed, so that the first ones, which go alone, are of several sorts.
pub(crate) fn cast() -> Vec<Target> {
    let user = |n: u32| Sort::User { blocked: n.is_multiple_of(2) };
    let sorts: [(u32, &dyn Fn(u32) -> Sort); 5] = [
        (SECRETS, &|_| Sort::Secret),
        (CONTAINED, &|_| Sort::Contained),
        (CERTIFICATES, &|_| Sort::Certificate),
        (USERS, &user),
        (UNNEEDED, &|_| Sort::Unneeded),
    ];
    let mut all = Vec::new();
    for n in 0..sorts.iter().map(|(count, _)| *count).max().unwrap_or(0) {
        let present = sorts.iter().filter(|(count, _)| n < *count);
        all.extend(present.map(|(_, sort)| sort(n)));
    }
    all.into_iter().enumerate().map(|(n, sort)| target(n + 1, sort)).collect()
}

fn target(n: usize, sort: Sort) -> Target {
    let subject = match sort {
        Sort::User { .. } => format!("user{n}@agency.example"),
        _ => format!("8a1d0000-0000-4000-8000-{n:012x}"),
    };
    Target { sort, name: format!("target-{n}"), subject }
}

pub(crate) fn playbook(cast: &[Target]) -> String {
    let mut text = String::from(
        "reissue: 1\n\
         incident: { id: INC-2026-0001, title: Everything was in one mailbox }\n\
         tenant: { id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }\n\
         stores: { ir: { key_vault: https://kv-ir.vault.usgovcloudapi.net } }\n\
         approval: { quorum: 2, valid_for: 48h }\n\
         guardrails: { disable_at_most: 10, reset_at_most: 10, rotate_at_most: 40 }\n\
         defaults: { lifetime: 90d }\n\
         targets:\n",
    );
    for (n, target) in cast.iter().enumerate() {
        let Target { sort, name, subject } = target;
        let publish = format!("publish: {{ store: ir, name: {name} }}");
        let consumers = format!("    consumers: [ {{ name: {name}-user, refresh: {REFRESH} }} ]\n");
        let hold = format!("hold: {{ time: {HOLD} }}");
        let app = format!("  - app: {subject}\n    name: {name}\n");
        let _ = match sort {
            Sort::Secret => writeln!(
                text,
                "{app}{consumers}    rotate: {{ secret: {{ hint: h{n:02} }}, {publish}, {hold} }}"
            ),
            Sort::Contained => {
                writeln!(text, "{app}    contain: true\n{consumers}    rotate: {{ secret: all, {publish} }}")
            }
            Sort::Certificate => writeln!(
                text,
                "{app}{consumers}    rotate: {{ certificate: {{ thumbprint: {n:040x} }}, {publish}, \
                 exportable: true, {hold} }}"
            ),
            Sort::User { blocked } => writeln!(
                text,
                "  - user: {subject}\n    reset: {{ block: {blocked}, deliver: {{ store: ir, name: {name}, \
                 to: helpdesk }} }}"
            ),
            Sort::Unneeded => writeln!(text, "{app}    disable: {{ reason: nobody uses it }}"),
        };
    }
    text
}

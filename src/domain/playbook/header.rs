//! Reading everything above the targets: incident, tenant, stores, approval, guardrails, defaults.

use super::super::approval::Seats;
use super::super::text::Text;
use super::super::time::{Timestamp, show_span};
use super::diagnostic::{At, Code, Diagnostic};
use super::fields::{Fields, Item};
use super::model::{ApprovalPolicy, Cloud, Guardrails, Hold, Incident, Protected, Store, Tenant};
use super::syntax::{read_hold, read_lifetime};
use super::values::secs;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a hold lasts unless the playbook says otherwise: App Service reads a vault reference
/// again every 24 h (Microsoft Learn, "Use Key Vault references").
const HOLD_DEFAULT: Duration = secs(26 * 3_600);
const LIFETIME_DEFAULT: Duration = secs(90 * 86_400);
/// No application was registered in Azure AD before.
const EXPOSED_MIN_UNIX_S: i64 = 1_262_304_000;

pub(super) fn incident(fields: &Fields<'_>, now: Option<Timestamp>) -> Option<Incident> {
    let fields = fields.required("incident")?.fields(&["id", "title", "exposed_since"])?;
    let id = fields.required("id").and_then(|i| i.text());
    let title = fields.required("title").and_then(|i| i.text());
    let exposed_since = fields.optional("exposed_since").map(|i| exposed_since(&i, now));
    let exposed_since = exposed_since.map_or(Some(None), |t| t.map(Some));
    Some(Incident { id: id?, title: title?, exposed_since: exposed_since? })
}

fn exposed_since(item: &Item<'_>, now: Option<Timestamp>) -> Option<Timestamp> {
    let time = item.time()?;
    if time < Timestamp::from_unix_s(EXPOSED_MIN_UNIX_S) {
        return item.wrong(Code::NotATime, "`exposed_since` is before 2010", "check the year");
    }
    match now {
        Some(now) if time > now => {
            let hint = format!("it is now {}; check year, month and time zone", now.short());
            item.wrong(Code::NotATime, "`exposed_since` lies in the future", hint)
        }
        _ => Some(time),
    }
}

/// The cloud alone, for what depends on it even when the rest of the section is wrong.
pub(super) struct TenantRead {
    pub tenant: Option<Tenant>,
    pub cloud: Option<Cloud>,
}

pub(super) fn tenant(fields: &Fields<'_>) -> TenantRead {
    let Some(fields) = fields.required("tenant").and_then(|i| i.fields(&["id", "cloud"])) else {
        return TenantRead { tenant: None, cloud: None };
    };
    let id = fields.required("id").and_then(|i| i.id());
    let cloud = fields.required("cloud").and_then(|i| i.word(&Cloud::ALL));
    TenantRead { tenant: id.zip(cloud).map(|(id, cloud)| Tenant { id, cloud }), cloud }
}

type Stores = BTreeMap<Text<64>, Store>;

/// The stores, and every declared name, readable or not.
pub(super) fn stores<'a>(
    fields: &Fields<'a>,
    cloud: Option<Cloud>,
) -> (Option<Stores>, Option<Vec<&'a str>>) {
    let Some(item) = fields.optional("stores") else {
        // A misspelt `stores` is reported once, not again at every target.
        let names = if fields.has_unknown() { None } else { Some(Vec::new()) };
        return (Some(Stores::new()), names);
    };
    let Some(entries) = item.named("name at least one: ir: { key_vault: https://NAME... }") else {
        return (None, None);
    };
    let mut stores = Some(Stores::new());
    for entry in entries {
        let key = entry.key_node();
        let name = Item { node: &key, name: "stores", key_at: entry.key_at, report: item.report }.name("-_");
        let value = Item { node: &entry.value, name: &entry.key, key_at: entry.key_at, report: item.report };
        let host = value
            .fields(&["key_vault"])
            .and_then(|f| f.required("key_vault"))
            .and_then(|i| i.vault_host(cloud));
        match (name, host, &mut stores) {
            (Some(name), Some(key_vault), Some(stores)) => drop(stores.insert(name, Store { key_vault })),
            _ => stores = None,
        }
    }
    (stores, Some(entries.iter().map(|e| e.key.as_str()).collect()))
}

/// The policy, and where `valid_for` stands.
pub(super) fn approval(fields: &Fields<'_>) -> Option<At<ApprovalPolicy>> {
    let fields = fields.required("approval")?.fields(&["quorum", "roles", "valid_for", "retire"])?;
    let quorum = fields.required("quorum").and_then(|i| i.number(1..=10));
    let roles = fields.optional("roles").map_or(Some(Seats::default()), |i| seats(&i, quorum));
    let valid_for_item = fields.required("valid_for");
    let valid_for = valid_for_item.and_then(|i| i.span(secs(300)..=secs(30 * 86_400)));
    let retire = fields.optional("retire");
    let retire = retire.map_or(Some(false), |i| i.word(&[(true, "separately"), (false, "with_start")]));
    let policy = ApprovalPolicy {
        quorum: quorum.and_then(|n| u8::try_from(n).ok())?,
        roles: roles?,
        valid_for: valid_for?,
        retire_separately: retire?,
    };
    Some(At { value: policy, at: valid_for_item?.at() })
}

/// So many people of each role, no more than the quorum together.
fn seats(item: &Item<'_>, quorum: Option<u64>) -> Option<Seats> {
    let entries = item.named("name a role and how many: { security-officer: 1 }")?;
    let read = entries.iter().map(|entry| {
        let key = entry.key_node();
        let role = Item { node: &key, name: "roles", key_at: entry.key_at, report: item.report };
        let many = Item { node: &entry.value, name: &entry.key, key_at: entry.key_at, report: item.report };
        let (role, many) = (role.name("-_."), many.number(1..=10));
        role.zip(many.and_then(|n| u8::try_from(n).ok()))
    });
    let seats: Seats =
        read.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()?.into_iter().collect();
    match quorum {
        Some(quorum) if seats.count() as u64 > quorum => {
            let message = format!("`roles` asks for {} people, `quorum` for {quorum}", seats.count());
            item.wrong(Code::Contradiction, message, "each seat takes a person of its own: raise `quorum`")
        }
        _ => Some(seats),
    }
}

/// Guardrails, and where each protected object stands.
pub(super) fn guardrails(fields: &Fields<'_>) -> Option<(Guardrails, Vec<At<Protected>>)> {
    let Some(item) = fields.optional("guardrails") else {
        return Some((Guardrails::default(), Vec::new()));
    };
    let keys = ["disable_at_most", "reset_at_most", "rotate_at_most", "pause_when_stuck", "protect"];
    let fields = item.fields(&keys)?;
    let limit = |key| fields.optional(key).map_or(Some(None), |i| i.limit().map(Some));
    let (disable, reset, rotate) =
        (limit("disable_at_most"), limit("reset_at_most"), limit("rotate_at_most"));
    let pause = fields.optional("pause_when_stuck").map(|i| i.number(1..=1_000));
    let protect = fields.optional("protect").map_or(Some(Vec::new()), |i| protect(&i));
    let protect = protect?;
    let guardrails = Guardrails {
        disable_at_most: disable?,
        reset_at_most: reset?,
        rotate_at_most: rotate?,
        pause_when_stuck: match pause {
            None => None,
            Some(n) => Some(u32::try_from(n?).ok()?),
        },
        protect: protect.iter().map(|p| p.value.clone()).collect(),
    };
    Some((guardrails, protect))
}

fn protect(item: &Item<'_>) -> Option<Vec<At<Protected>>> {
    let items = item.list("each is one of { app: ID }, { user: NAME }, { object: ID }")?;
    let read = items.iter().map(|item| {
        let fields = item.fields(&["app", "user", "object"])?;
        let (key, value) = fields.one_of(&["app", "user", "object"])?;
        let protected = match key {
            "app" => value.id().map(Protected::App),
            "user" => value.upn().map(Protected::User),
            _ => value.id().map(Protected::Object),
        };
        Some(value.with(protected?))
    });
    // Collected first, so that every entry is read.
    read.collect::<Vec<_>>().into_iter().collect()
}

/// What holds for targets that do not say otherwise. Without approval to compare, the default
/// hold is still read and reported on.
pub(super) fn defaults(fields: &Fields<'_>) -> (Hold, Duration) {
    let fields = fields.optional("defaults").and_then(|i| i.fields(&["hold", "lifetime"]));
    let part = |key| fields.as_ref().and_then(|f| f.optional(key));
    let hold = part("hold").and_then(|i| read_hold(&i));
    let lifetime = part("lifetime").and_then(|i| read_lifetime(&i));
    let hold = hold.unwrap_or(Hold { time: Some(HOLD_DEFAULT), confirmed_by: Vec::new() });
    (hold, lifetime.unwrap_or(LIFETIME_DEFAULT))
}

/// The finding about a hold that outlives the approval that would have to end it.
pub(super) fn hold_too_long(hold: At<Duration>, approval: &At<ApprovalPolicy>) -> Option<Diagnostic> {
    let valid_for = approval.value.valid_for;
    if approval.value.retire_separately || hold.value < valid_for {
        return None;
    }
    let message = format!(
        "a hold of {} does not end within the approval, which is valid for {}",
        show_span(hold.value),
        show_span(valid_for)
    );
    let finding =
        Diagnostic::new(Code::HoldTooLong, hold.at, message).also(approval.at, "the approval's life");
    Some(finding.hint(
        "make `valid_for` longer, or write `retire: separately` under `approval`; a target without \
         `hold` has the one of `defaults`, or 26h",
    ))
}

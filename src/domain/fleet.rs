//! A fleet: which tenants, each with its home, its playbook and who acts there. The file says what one
//! would give on the command line for each of them (`docs/adr/0016`).
//!
//! ```yaml
//! reissue_fleet: 1
//! tenants:
//!   - name: contoso
//!     home: homes/contoso
//!     playbook: contoso.yaml
//!     as: { certificate: contoso.pem, client_id: 8a1d0000-0000-4000-8000-000000000001 }
//!   - { name: fabrikam, home: homes/fabrikam, playbook: fabrikam.yaml, lab: labs/fabrikam }
//! ```
//!
//! Read by the playbook's reader. Paths are as written: whoever opens them knows where the file is.

mod schema;

pub use schema::schema;

use super::id::ClientId;
use super::playbook::fields::{Fields, Item};
use super::playbook::node::Node;
use super::playbook::{Code, Diagnostic, Diagnostics, Language, Report, Span, read_document};
use super::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// At most so many bytes.
pub const SIZE_MAX: usize = 4 << 20;
/// A fleet of a thousand is what is measured; more than this is taken for a mistake.
pub const TENANTS_MAX: usize = 5_000;

static LANGUAGE: Language = Language {
    name: "fleet file",
    size_max: SIZE_MAX,
    example: "begin with `reissue_fleet: 1` and `tenants:`; `reissue schema --fleet` describes the rest",
    too_large: "split the fleet file; one process works on at most 5000 tenants",
    instead: "name the file that holds it with `as: { secret_file: FILE, client_id: GUID }`",
    instead_in_a_sentence: "a fleet file names files that hold secrets (`secret_file`), never a secret",
    instead_of_bytes: "a PFX or a spreadsheet is no fleet file",
};

const KEYS: [&str; 2] = ["reissue_fleet", "tenants"];
const TENANT_KEYS: [&str; 10] =
    ["name", "home", "playbook", "plan", "as", "lab", "pace", "quotas", "mirror", "countersign"];

/// A fleet that was found sound; not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    pub tenants: Vec<Tenant>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub name: Text<64>,
    pub home: PathBuf,
    pub playbook: PathBuf,
    /// Where its plan is, or will be.
    pub plan: PathBuf,
    /// None only where a lab's own operator acts.
    pub acts: Option<Acts>,
    pub lab: Option<PathBuf>,
    /// Percent of the quotas; none: as on the command line.
    pub pace: Option<u8>,
    /// What its quotas are, where they are not as documented.
    pub quotas: Option<PathBuf>,
    /// As `--mirror` takes it: a folder, `vault:…` or `blob:…`.
    pub mirror: Option<Text<256>>,
    /// As `--countersign` takes it.
    pub countersign: Option<Text<256>>,
}

/// Who acts in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acts {
    AzureCli,
    Certificate { client_id: ClientId, file: PathBuf },
    Secret { client_id: ClientId, file: PathBuf },
}

/// Reads a fleet file.
pub fn check_bytes(bytes: &[u8]) -> Result<Fleet, Diagnostics> {
    read_document(bytes, &LANGUAGE, read)
}

fn read(root: &Node, report: &Report) -> Option<Fleet> {
    let fields = Item::root(root, "the fleet file", report).fields(&KEYS)?;
    let version = fields.version("reissue_fleet", "fleet file");
    let items = fields.required("tenants").and_then(|i| {
        let items = i.list("a fleet has at least one tenant: - { name, home, playbook, as }")?;
        if items.len() <= TENANTS_MAX {
            return Some(items);
        }
        let message = format!("{} tenants; one process works on at most {TENANTS_MAX}", items.len());
        i.wrong(Code::Budget, message, "split the fleet file")
    })?;
    let rows: Vec<Row> = items.iter().map(row).collect();
    alone(&rows, report);
    version?;
    // None, if a single one of them is.
    let tenants: Option<Vec<Tenant>> = rows.into_iter().map(|row| row.tenant).collect();
    Some(Fleet { tenants: tenants? })
}

/// What no other row may say too, with where it stands, as far as it could be read; and the tenant, if all of the
/// row could.
#[derive(Default)]
struct Row {
    name: Option<(Text<64>, Span)>,
    home: Option<(PathBuf, Span)>,
    plan: Option<(PathBuf, Span)>,
    tenant: Option<Tenant>,
}

fn row(item: &Item<'_>) -> Row {
    let item = Item { name: "a tenant", ..*item };
    let Some(fields) = item.fields(&TENANT_KEYS) else { return Row::default() };
    let name = fields.required("name").and_then(|i| Some((i.name::<64>("-_.")?, i.at())));
    let home = fields.required("home").and_then(|i| Some((path(&i)?, i.at())));
    let beside = || name.as_ref().map(|(name, at)| (PathBuf::from(format!("{name}.plan.jsonl")), *at));
    let plan = optional(&fields, "plan", |i| Some((path(i)?, i.at())));
    let plan = plan.and_then(|plan| plan.or_else(beside));
    let tenant = tenant(&item, &fields, (name.as_ref(), home.as_ref(), plan.as_ref()));
    Row { name, home, plan, tenant }
}

type Placed<'a, T> = Option<&'a (T, Span)>;

/// The rest of a row. Every mistake of it is reported.
fn tenant(
    item: &Item<'_>,
    fields: &Fields<'_>,
    (name, home, plan): (Placed<'_, Text<64>>, Placed<'_, PathBuf>, Placed<'_, PathBuf>),
) -> Option<Tenant> {
    let playbook = fields.required("playbook").and_then(|i| path(&i));
    let lab = optional(fields, "lab", path);
    let acts = optional(fields, "as", acts);
    let pace = optional(fields, "pace", |i| u8::try_from(i.number(1..=100)?).ok());
    let quotas = optional(fields, "quotas", path);
    let mirror = optional(fields, "mirror", Item::text::<256>);
    let countersign = optional(fields, "countersign", Item::text::<256>);
    if fields.optional("as").or(fields.optional("lab")).is_none() && !fields.has_unknown() {
        let message = "a tenant says neither who acts (`as`) nor which `lab` it is";
        let finding = Diagnostic::new(Code::MissingKey, fields.at(), message);
        let hint = "`as: azure_cli`, `as: { certificate: FILE, client_id: GUID }` or \
                    `as: { secret_file: FILE, client_id: GUID }`";
        item.report.push(finding.hint(hint));
        return None;
    }
    Some(Tenant {
        name: name?.0.clone(),
        home: home?.0.clone(),
        plan: plan?.0.clone(),
        playbook: playbook?,
        acts: acts?,
        lab: lab?,
        pace: pace?,
        quotas: quotas?,
        mirror: mirror?,
        countersign: countersign?,
    })
}

/// The value of a key that may be missing: the outer none is a mistake, which is reported.
fn optional<'a, T>(
    fields: &Fields<'a>,
    key: &'static str,
    read: impl FnOnce(&Item<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match fields.optional(key) {
        None => Some(None),
        Some(item) => read(&item).map(Some),
    }
}

fn path(item: &Item<'_>) -> Option<PathBuf> {
    item.text::<1024>().map(|text| PathBuf::from(text.as_str()))
}

fn acts(item: &Item<'_>) -> Option<Acts> {
    let hint = "`azure_cli`, or a mapping with `client_id` and one of `certificate`, `secret_file`";
    if item.node.kind() != "a mapping" {
        return item.word(&[((), "azure_cli")]).map(|()| Acts::AzureCli);
    }
    let fields = item.fields(&["client_id", "certificate", "secret_file"])?;
    let client_id = fields.required("client_id").and_then(|i| i.id::<ClientId>());
    let (way, value) = fields.one_of(&["certificate", "secret_file"])?;
    // What stands in place of a file's name may be the secret itself.
    let file = path(&value).filter(|_| !looks_like_a_value(&value));
    let file =
        file.or_else(|| value.wrong_and_hidden(Code::WrongType, "this is not the name of a file", hint))?;
    let client_id = client_id?;
    Some(match way {
        "certificate" => Acts::Certificate { client_id, file },
        _ => Acts::Secret { client_id, file },
    })
}

/// Entra's secrets have a `~` after a few characters and no `/` or ending: no file is called so.
fn looks_like_a_value(item: &Item<'_>) -> bool {
    let text = item.scalar("a file", "").map_or("", |s| s.text.as_str());
    text.contains('~') && !text.contains('/') && text.len() >= 30
}

/// Names, homes and plans belong to one row, also of rows with other mistakes.
fn alone(rows: &[Row], report: &Report) {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let (mut homes, mut plans) = (BTreeMap::new(), BTreeMap::new());
    let named_at: BTreeSet<Span> = rows.iter().filter_map(|row| Some(row.name.as_ref()?.1)).collect();
    for Row { name, home, plan, tenant: _ } in rows {
        if let Some((name, at)) = name {
            // Two names that differ in case alone would be one file on some disks.
            let name = name.to_ascii_lowercase();
            once(&mut names, name, *at, (Code::DuplicateName, "this name stands here twice"), report);
        }
        if let Some((home, at)) = home {
            let message = "two tenants share this home: a log is about one tenant";
            once(&mut homes, plain(home), *at, (Code::SamePlace, message), report);
        }
        let Some((plan, at)) = plan else { continue };
        // Of one name twice, the plans that follow from it are no further mistake.
        let plan = plain(plan);
        if !named_at.contains(at) || plans.get(&plan).is_none_or(|first| !named_at.contains(first)) {
            once(&mut plans, plan, *at, (Code::SamePlace, "two tenants share this plan file"), report);
        }
    }
}

fn once<K: Ord>(
    seen: &mut BTreeMap<K, Span>,
    key: K,
    at: Span,
    (code, message): (Code, &str),
    report: &Report,
) {
    if let Some(first) = seen.get(&key) {
        let finding = Diagnostic::new(code, at, message).also(*first, "first here");
        return report.push(finding.hint("each tenant has its own"));
    }
    seen.insert(key, at);
}

/// The same path in one spelling, as far as a path alone tells.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

#[cfg(test)]
mod tests;

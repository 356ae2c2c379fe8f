//! A quota file: what Microsoft allows *this* tenant, where that is not what its pages say.
//!
//! ```yaml
//! reissue_quotas: 1
//! quotas:
//!   graph-units: { amount: 3500, per: 10s }     # a tenant of fewer than 50 users
//!   vault-creates: { amount: 150, per: 10s }    # another team writes to the same vault
//! ```
//!
//! Names are those of the buckets; what is not named stays as documented, and the pace is a share of what is
//! said here. Read by the playbook's reader.

use super::playbook::fields::Item;
use super::playbook::node::Node;
use super::playbook::{Code, Diagnostics, Language, Report, read_document};
use crate::domain::text::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// At most so many bytes.
pub const SIZE_MAX: usize = 64 << 10;
/// So many times what is documented is taken for a mistake: a service refuses what it did not grant.
const RAISED_MOST: f64 = 10.0;
/// Less than this per second cannot carry a run: one a minute.
const RATE_LEAST: f64 = 1.0 / 60.0;
const AMOUNT_MOST: u64 = 10_000_000;
const PER_LEAST: Duration = Duration::from_secs(1);
const PER_MOST: Duration = Duration::from_secs(3_600);

static LANGUAGE: Language = Language {
    name: "quota file",
    size_max: SIZE_MAX,
    example: "begin with `reissue_quotas: 1` and `quotas:`; `reissue schema --quotas` describes the rest",
    too_large: "a quota file has a line for each quota; check that it is the right file",
    instead: "a quota file holds numbers, nothing else",
    instead_in_a_sentence: "a quota file holds numbers, never a secret",
    instead_of_bytes: "a PFX or a spreadsheet is no quota file",
};

const KEYS: [&str; 2] = ["reissue_quotas", "quotas"];

/// What a service allows: so much in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub amount: u32,
    pub per: Duration,
}

impl Allowance {
    fn per_second(self) -> f64 {
        f64::from(self.amount) / self.per.as_secs_f64()
    }
}

/// A quota's name with what it is said to allow.
pub type Named = (&'static str, Allowance);

/// The same, as a run's log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaidQuota {
    pub amount: u32,
    pub name: Text<32>,
    /// The window, in seconds.
    pub per_s: u32,
}

impl From<&Named> for SaidQuota {
    fn from((name, Allowance { amount, per }): &Named) -> Self {
        let per_s = u32::try_from(per.as_secs()).unwrap_or(u32::MAX);
        Self { amount: *amount, name: Text::lossy(name), per_s }
    }
}

impl SaidQuota {
    /// What it says of one of these; none if that is not known here, or nothing that a file may say.
    pub fn named(&self, documented: &[Named]) -> Option<Named> {
        let (name, usual) = documented.iter().find(|(name, _)| *name == self.name.as_str())?;
        let said = Allowance { amount: self.amount, per: Duration::from_secs(self.per_s.into()) };
        let is_whole = self.amount > 0 && (PER_LEAST..=PER_MOST).contains(&said.per);
        let is_believed =
            said.per_second() <= RAISED_MOST * usual.per_second() && said.per_second() >= RATE_LEAST;
        (is_whole && is_believed).then_some((*name, said))
    }
}

/// Reads a quota file: what it says of the quotas that are `documented`.
pub fn check_bytes(bytes: &[u8], documented: &[Named]) -> Result<Vec<Named>, Diagnostics> {
    read_document(bytes, &LANGUAGE, |root, report| read(root, report, documented))
}

fn read(root: &Node, report: &Report, documented: &[Named]) -> Option<Vec<Named>> {
    let fields = Item::root(root, "the quota file", report).fields(&KEYS)?;
    let version = fields.version("reissue_quotas", "quota file");
    let names: Vec<&'static str> = documented.iter().map(|(name, _)| *name).collect();
    let quotas = fields.required("quotas").and_then(|item| item.fields(&names))?;
    let said = documented.iter().filter_map(|named| Some((named, quotas.optional(named.0)?)));
    let read: Vec<Option<Named>> =
        said.map(|((name, usual), item)| Some((*name, allowance(&item, *usual)?))).collect();
    version?;
    // None, if a single one of them is.
    read.into_iter().collect()
}

fn allowance(item: &Item<'_>, usual: Allowance) -> Option<Allowance> {
    let fields = item.fields(&["amount", "per"])?;
    let amount = fields.required("amount").and_then(|i| i.number(1..=AMOUNT_MOST));
    let per = fields.required("per").and_then(|i| i.span(PER_LEAST..=PER_MOST));
    let said = Allowance { amount: u32::try_from(amount?).ok()?, per: per? };
    let documented = format!("documented is an amount of {} per {}s", usual.amount, usual.per.as_secs());
    if said.per_second() > RAISED_MOST * usual.per_second() {
        let message = format!("`{}` is more than ten times what Microsoft documents", item.name);
        let hint = format!("{documented}; ten times that is the most that is believed");
        return item.wrong(Code::NotANumber, message, hint);
    }
    if said.per_second() < RATE_LEAST {
        let message = format!("`{}` allows less than one a minute", item.name);
        return item.wrong(Code::NotANumber, message, format!("{documented}; a run cannot go on like that"));
    }
    Some(said)
}

/// The JSON Schema (draft 2020-12) of a quota file, for editors.
pub fn schema(documented: &[Named], counts: impl Fn(&str) -> &'static str) -> Value {
    let quota = |(name, usual): &Named| {
        let (amount, per) = (usual.amount, usual.per.as_secs());
        let what = format!(
            "{}. Documented: {amount} per {per}s; from one a minute to ten times that is believed.",
            counts(name)
        );
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["amount", "per"], "description": what,
            "properties": {
                "amount": { "type": "integer", "minimum": 1, "maximum": AMOUNT_MOST },
                "per": { "type": "string", "pattern": "^[0-9]+(s|m|h)$", "description": "1s to 1h." },
            }
        });
        ((*name).to_owned(), schema)
    };
    let quotas: serde_json::Map<String, Value> = documented.iter().map(quota).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reissue quotas",
        "type": "object",
        "required": ["reissue_quotas", "quotas"],
        "additionalProperties": false,
        "properties": {
            "reissue_quotas": { "const": 1, "description": "Version of the quota file." },
            "quotas": { "type": "object", "additionalProperties": false, "properties": quotas }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCUMENTED: &[Named] = &[
        ("graph-writes", Allowance { amount: 3_000, per: Duration::from_secs(150) }),
        ("vault-creates", Allowance { amount: 300, per: Duration::from_secs(10) }),
    ];

    fn codes(quotas: &str) -> Vec<Code> {
        let text = format!("reissue_quotas: 1\nquotas: {quotas}\n");
        match check_bytes(text.as_bytes(), DOCUMENTED) {
            Ok(_) => Vec::new(),
            Err(found) => found.found().iter().map(|d| d.code).collect(),
        }
    }

    #[test]
    fn what_is_said_is_taken_and_the_rest_stays() {
        let text = "reissue_quotas: 1\nquotas:\n  vault-creates: { amount: 150, per: 10s }\n";
        let read = check_bytes(text.as_bytes(), DOCUMENTED).unwrap();
        assert_eq!(read, [("vault-creates", Allowance { amount: 150, per: Duration::from_secs(10) })]);
        assert_eq!(codes("{}"), [], "nothing is said, nothing changes");
    }

    #[test]
    fn nonsense_is_refused_and_each_mistake_is_named() {
        for (quotas, expected) in [
            ("{ graph-writes: { amount: 0, per: 150s } }", vec![Code::NotANumber]),
            ("{ graph-writes: { amount: -5, per: 150s } }", vec![Code::NotANumber]),
            ("{ graph-writes: { amount: many, per: soon } }", vec![Code::NotANumber, Code::NotASpan]),
            ("{ graph-writes: { amount: 3000, per: 0s } }", vec![Code::NotASpan]),
            ("{ graph-writes: { amount: 3000, per: 2h } }", vec![Code::NotASpan]),
            ("{ graph-writes: { amount: 3000 } }", vec![Code::MissingKey]),
            ("{ graph-writes: { amount: 30001, per: 150s } }", vec![Code::NotANumber]),
            ("{ graph-writes: { amount: 31500000, per: 150s } }", vec![Code::NotANumber]),
            ("{ graph-writes: { amount: 400000, per: 150s } }", vec![Code::NotANumber]),
            ("{ vault-creates: { amount: 1, per: 1h } }", vec![Code::NotANumber]),
            ("{ graph-reads: { amount: 1, per: 1s } }", vec![Code::UnknownKey]),
            ("7", vec![Code::WrongType]),
        ] {
            assert_eq!(codes(quotas), expected, "{quotas}");
        }
    }

    proptest! {
        #[test]
        fn whatever_it_says_it_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = check_bytes(text.as_bytes(), DOCUMENTED);
        }
    }
}

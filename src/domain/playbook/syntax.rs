//! The seam between the playbook reader and target kinds. The reader knows subjects, verbs and
//! the keys that every target has; what stands inside a kind's own action, only the kind knows.

use super::diagnostic::{At, Code};
use super::fields::{Fields, Item, list};
use super::model::{Hold, Publication, Selector, Setting};
use super::values::secs;
use std::collections::BTreeMap;
use std::time::Duration;

/// How one target kind is written in a playbook.
pub trait KindSyntax: Sync {
    /// The kind's name in plans and logs: `app-secret`.
    fn name(&self) -> &'static str;
    /// What it does, for people: `rotate an app secret`.
    fn title(&self) -> &'static str;
    /// What announces it.
    fn form(&self) -> Form;
    /// Whether it can replace the credential that reissue itself signs in with, at the very end.
    fn may_be_self(&self) -> bool {
        false
    }
    /// Every key of the action's mapping.
    fn keys(&self) -> &'static [&'static str];
    /// Reads the action's mapping. What is wrong is reported through `fields`.
    fn read(&self, fields: &Fields<'_>, context: &Context<'_>) -> Option<Action>;
    /// JSON Schema of the action's mapping; it may refer to `#/$defs/…` of [`super::schema`].
    fn schema(&self) -> serde_json::Value;
}

/// The subject word and the path of keys that announce a kind: `app` and `rotate`, `secret`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub subject: SubjectWord,
    pub path: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectWord {
    App,
    User,
}

impl SubjectWord {
    pub fn word(self) -> &'static str {
        match self {
            SubjectWord::App => "app",
            SubjectWord::User => "user",
        }
    }
}

impl Form {
    /// The key that stands in the target: `rotate`, `reset`, `disable`.
    pub fn verb(&self) -> &'static str {
        self.path.first().copied().unwrap_or_default()
    }
    /// The key inside the verb's mapping that tells kinds of one verb apart.
    pub fn object(&self) -> Option<&'static str> {
        self.path.get(1).copied()
    }
    /// Whether a new credential takes an old one's place while consumers go on using it.
    pub fn rotates(&self) -> bool {
        self.verb() == "rotate"
    }
    /// As it is written: `rotate: { secret: ... }`.
    pub fn example(&self) -> String {
        match self.object() {
            Some(object) => format!("{}: {{ {object}: ... }}", self.verb()),
            None => format!("{}: {{ ... }}", self.verb()),
        }
    }
}

/// What a kind read out of its action.
#[derive(Clone, Debug)]
pub struct Action {
    pub selector: Selector,
    pub publish: Option<At<Publication>>,
    pub hold: Option<At<Hold>>,
    /// Zero for kinds whose credential does not expire.
    pub lifetime: Duration,
    pub settings: BTreeMap<&'static str, Setting>,
}

impl Action {
    /// Acts on the subject itself; nothing is published or held.
    pub fn on_subject() -> Self {
        let settings = BTreeMap::new();
        Self { selector: Selector::Itself, publish: None, hold: None, lifetime: Duration::ZERO, settings }
    }
    pub fn set(mut self, key: &'static str, value: Option<Setting>) -> Self {
        if let Some(value) = value {
            self.settings.insert(key, value);
        }
        self
    }
}

/// What the rest of the playbook says that a kind needs.
pub struct Context<'a> {
    /// Names of the declared stores; `None` if that section could not be read.
    pub stores: Option<Vec<&'a str>>,
    /// Holds that do not say otherwise.
    pub hold: Hold,
    pub lifetime: Duration,
}

/// One way of naming a credential, and its reader.
pub type Way = (&'static str, fn(&Item<'_>) -> Option<Selector>);

/// `all`, or a mapping with exactly one of the ways.
pub fn selector(item: &Item<'_>, ways: &[Way]) -> Option<Selector> {
    let keys: Vec<&'static str> = ways.iter().map(|(key, _)| *key).collect();
    if item.node.kind() != "a mapping" {
        let hint = format!("name what leaked with exactly one of {}, or write all", list(&keys));
        let word = item.scalar("a mapping or `all`", &hint)?;
        if word.text == "all" {
            return Some(Selector::All);
        }
        let message = format!("`{}` says which ones leaked: a mapping, or the word all", item.name);
        return item.wrong_and_hidden(Code::WrongType, &message, &hint);
    }
    let fields = item.fields(&keys)?;
    let (key, value) = fields.one_of(&keys)?;
    let (_, read) = ways.iter().find(|(k, _)| *k == key)?;
    read(&value)
}

impl Context<'_> {
    /// What every rotation has: `publish`, `hold`, `lifetime`.
    pub fn rotation(&self, fields: &Fields<'_>, selector: Option<Selector>) -> Option<Action> {
        let publish = fields.required("publish").and_then(|i| self.publication(&i, &["store", "name"]));
        let hold = match fields.optional("hold") {
            Some(item) => read_hold(&item).map(|hold| At { value: hold, at: item.key_at }),
            None => Some(At { value: self.hold.clone(), at: fields.at() }),
        };
        let lifetime = match fields.optional("lifetime") {
            Some(item) => read_lifetime(&item),
            None => Some(self.lifetime),
        };
        Some(Action {
            selector: selector?,
            publish: Some(publish?),
            hold: Some(hold?),
            lifetime: lifetime?,
            settings: BTreeMap::new(),
        })
    }

    /// A name in a declared store; with `to` among the keys, for a named person.
    pub fn publication(&self, item: &Item<'_>, keys: &[&'static str]) -> Option<At<Publication>> {
        let fields = item.fields(keys)?;
        let store = fields.required("store").and_then(|i| {
            let store = i.name::<64>("-_")?;
            match &self.stores {
                Some(known) if !known.contains(&store.as_str()) => {
                    let hint = match &known[..] {
                        [] => "declare it: stores: { ir: { key_vault: https://NAME... } }".to_owned(),
                        _ => format!("declared are: {}", list(known)),
                    };
                    i.wrong(Code::UnknownStore, "this store is not declared", hint)
                }
                _ => Some(store),
            }
        });
        // A Key Vault name: 1 to 127 letters, digits and hyphens (Microsoft Learn, "About keys,
        // secrets and certificates").
        let name = fields.required("name").and_then(|i| i.name::<127>("-"));
        let wants_person = keys.contains(&"to");
        let to = if wants_person { fields.required("to").and_then(|i| i.text()) } else { None };
        let publication = Publication { store: store?, name: name?, to };
        if wants_person && publication.to.is_none() {
            return None;
        }
        Some(At { value: publication, at: item.key_at })
    }
}

/// `{ time: 26h, confirmed_by: [ payroll-team ] }`: at least one of the two; with both, both count.
pub fn read_hold(item: &Item<'_>) -> Option<Hold> {
    let fields = item.fields(&["time", "confirmed_by"])?;
    let time = fields.optional("time").map(|i| i.span(secs(0)..=secs(30 * 86_400)));
    let confirmed_by = fields.optional("confirmed_by").map(|i| names(&i));
    if time.is_none() && confirmed_by.is_none() {
        let hint = "`time: 26h` waits that long; `confirmed_by: [ team ]` waits for a person's word";
        return item.wrong(Code::EmptyValue, "`hold` says neither how long nor for whom", hint);
    }
    Some(Hold {
        time: time.map_or(Some(None), |t| t.map(Some))?,
        confirmed_by: confirmed_by.unwrap_or(Some(vec![]))?,
    })
}

/// How long a new credential lives. Entra takes up to two years for a secret.
pub fn read_lifetime(item: &Item<'_>) -> Option<Duration> {
    item.span(secs(86_400)..=secs(730 * 86_400))
}

/// A list of different names.
fn names(item: &Item<'_>) -> Option<Vec<super::super::text::Text<64>>> {
    let items = item.list("name at least one: [ payroll-team ]")?;
    let read: Vec<_> = items.iter().map(|i| Some((i, i.text::<64>()?))).collect();
    let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
    for (n, (item, name)) in read.iter().enumerate() {
        if read[..n].iter().any(|(_, earlier)| earlier == name) {
            return item.wrong(Code::DuplicateName, "this name stands here twice", "remove one");
        }
    }
    Some(read.into_iter().map(|(_, name)| name).collect())
}

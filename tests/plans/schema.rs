//! The published JSON Schema and the reader agree: same keys, same verdict on the shipped
//! playbooks, and the schema refuses what it can see.

use reissue::connector::syntaxes;
use reissue::domain::playbook::schema::schema;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn sound() -> Value {
    json!({
        "reissue": 1,
        "incident": { "id": "INC-1", "title": "A test", "exposed_since": "2023-11-25T00:00:00Z" },
        "tenant": { "id": "7d3c9a10-0000-4000-8000-000000000001", "cloud": "us_gov_high" },
        "stores": { "ir": { "key_vault": "https://kv-ir.vault.usgovcloudapi.net" } },
        "approval": { "quorum": 2, "valid_for": "48h", "retire": "separately" },
        "guardrails": {
            "disable_at_most": "5%", "reset_at_most": 10, "pause_when_stuck": 3,
            "protect": [{ "user": "breakglass1@agency.example" }, { "app": "00000000-0000-4000-8000-00000000beef" }]
        },
        "defaults": { "hold": { "time": "26h" }, "lifetime": "90d" },
        "targets": [
            {
                "app": "8a1d0000-0000-4000-8000-000000000001", "name": "payroll-sync",
                "evidence": [{ "finding": "F-0042", "note": "pasted into a support ticket" }],
                "consumers": [{ "name": "worker", "refresh": "5m" }, { "name": "old", "refresh": "pinned" }],
                "contain": true,
                "rotate": {
                    "secret": { "hint": "x7Q" },
                    "publish": { "store": "ir", "name": "payroll-sync" },
                    "hold": { "confirmed_by": ["payroll-team"] }
                }
            },
            {
                "app": "5b770000-0000-4000-8000-000000000002", "name": "hr-portal",
                "rotate": { "certificate": "all", "publish": { "store": "ir", "name": "hr" }, "key_size": 3072 }
            },
            { "app": "99aa0000-0000-4000-8000-000000000003", "name": "old", "disable": { "reason": "unused" } },
            {
                "user": "alice@agency.example",
                "reset": { "block": true, "deliver": { "store": "ir", "name": "alice", "to": "helpdesk" } }
            }
        ]
    })
}

fn validator() -> jsonschema::Validator {
    let schema = schema(&syntaxes());
    assert!(jsonschema::meta::is_valid(&schema), "the schema itself is not valid");
    jsonschema::draft202012::new(&schema).expect("the schema compiles")
}

/// JSON is YAML: the reader takes the same document.
fn reader_takes(document: &Value) -> bool {
    reissue::domain::playbook::check(&format!("{document:#}"), &syntaxes()).is_ok()
}

#[test]
fn schema_and_reader_take_a_sound_playbook() {
    assert!(reader_takes(&sound()));
    let validator = validator();
    let errors: Vec<String> = validator.iter_errors(&sound()).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn schema_takes_the_shipped_playbooks() {
    let validator = validator();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let value = yaml::value(&std::fs::read_to_string(&path).unwrap());
        let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        count += 1;
    }
    assert_eq!(count, 7);
}

/// What each change makes of a sound playbook, schema and reader both refuse.
#[test]
fn schema_and_reader_refuse_alike() {
    let validator = validator();
    for (pointer, value) in [
        ("/reissue", json!(2)),
        ("/incident/id", json!("")),
        ("/incident/colour", json!("blue")),
        ("/tenant/cloud", json!("mars")),
        ("/tenant/id", json!("payroll")),
        ("/stores/ir/key_vault", json!("https://kv-ir.vault.azure.net.attacker.example")),
        ("/stores/ir/key_vault", json!("http://kv-ir.vault.usgovcloudapi.net")),
        ("/stores/ir/key_vault", json!("https://a.kv-ir.vault.usgovcloudapi.net")),
        ("/approval/quorum", json!(0)),
        ("/approval/quorum", json!("2")),
        ("/approval/valid_for", json!("2 days")),
        ("/guardrails/disable_at_most", json!("150%")),
        ("/guardrails/protect/0", json!({})),
        ("/targets", json!([])),
        ("/targets/0/contain", json!("yes")),
        ("/targets/0/app", json!("x")),
        ("/targets/0/consumers/0/refresh", json!("hourly")),
        ("/targets/0/disable", json!({ "reason": "unused" })),
        (
            "/targets/0/rotate/secret",
            json!({ "hint": "x7Q", "key_id": "7d3c9a10-0000-4000-8000-000000000001" }),
        ),
        ("/targets/0/rotate/secret/hint", json!("x7Q8Q")),
        ("/targets/0/rotate/publish/name", json!("../certificates/x")),
        ("/targets/0/rotate/hold", json!({})),
        ("/targets/0/rotate/certificate", json!("all")),
        ("/targets/1/rotate/key_size", json!(1024)),
        ("/targets/2/contain", json!(true)),
        ("/targets/2/disable", json!({})),
        ("/targets/3/name", json!("Alice")),
        ("/targets/3/user", json!("alice")),
        ("/targets/3/reset/length", json!(8)),
        ("/targets/3/reset/deliver", json!({ "store": "ir", "name": "alice" })),
    ] {
        let mut document = sound();
        put(&mut document, pointer, value);
        assert!(!validator.is_valid(&document), "the schema takes {pointer}");
        assert!(!reader_takes(&document), "the reader takes {pointer}");
    }
}

fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).expect(pointer) {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer}"),
    }
}

/// The keys that a kind reads are the properties that its schema has.
#[test]
fn every_kind_describes_the_keys_it_reads() {
    for kind in syntaxes() {
        let schema = kind.schema();
        let properties: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(|k| &**k).collect();
        let keys: BTreeSet<&str> = kind.keys().iter().copied().collect();
        assert_eq!(properties, keys, "{}", kind.name());
        let required = schema["required"].as_array().map_or(&[][..], |list| list);
        assert!(required.iter().all(|r| keys.contains(r.as_str().unwrap())), "{}", kind.name());
    }
}

/// Every kind is told apart from every other by its form.
#[test]
fn no_two_kinds_look_alike() {
    for (n, a) in syntaxes().iter().enumerate() {
        for b in &syntaxes()[n + 1..] {
            assert_ne!(a.name(), b.name());
            assert_ne!(a.form(), b.form());
        }
    }
}

/// Every key by its path: lists add nothing to it, and a name of one's own is `NAME`.
fn paths(root: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let definition = root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name}"));
        return paths(root, definition, at, found);
    }
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(below(key));
        paths(root, inner, &below(key), found);
    }
    if schema["additionalProperties"].is_object() {
        found.insert(below("NAME"));
        paths(root, &schema["additionalProperties"], &below("NAME"), found);
    }
    paths_of_any(root, schema, at, found);
}

fn paths_of_any(root: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    let ways = schema["oneOf"].as_array().into_iter().flatten();
    ways.chain(schema.get("items")).for_each(|inner| paths(root, inner, at, found));
}

/// What stands in backticks and is a key, in the guide's two parts: those of a target are written
/// without `targets.`.
fn keys_of_the_guide(known: &BTreeSet<String>) -> BTreeSet<String> {
    let guide = include_str!("../../docs/playbook.md");
    let (head, rest) = guide.split_once("## Each of `targets`").expect("its second part");
    let (targets, _) = rest.split_once("## Holds").expect("its third part");
    let quoted =
        |text: &'static str| text.split('`').skip(1).step_by(2).map(|q| q.split(':').next().unwrap());
    let tops: BTreeSet<&str> = known.iter().filter_map(|k| k.split('.').next()).collect();
    let of_target: BTreeSet<&str> =
        known.iter().filter_map(|k| k.strip_prefix("targets.")?.split('.').next()).collect();
    let first = |key: &str| key.split('.').next().unwrap_or_default().to_owned();
    let of_head = quoted(head).filter(|key| tops.contains(&*first(key))).map(str::to_owned);
    let of_targets = quoted(targets).filter(|key| of_target.contains(&*first(key)));
    of_head.chain(of_targets.map(|key| format!("targets.{key}"))).collect()
}

/// The one-page guide knows every key, and no other.
#[test]
fn the_guide_and_the_schema_know_the_same_keys() {
    let schema = schema(&syntaxes());
    let mut known = BTreeSet::new();
    paths(&schema, &schema, "", &mut known);
    assert!(known.contains("targets.rotate.hold.confirmed_by") && known.len() > 50, "{known:#?}");
    let mut told = keys_of_the_guide(&known);
    // Whoever tells of a key tells of what it stands in.
    let within: Vec<String> = told
        .iter()
        .flat_map(|k| k.match_indices('.').map(|(n, _)| k[..n].to_owned()).collect::<Vec<_>>())
        .collect();
    told.extend(within);
    assert_eq!(known.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "missing in the guide");
    assert_eq!(
        told.difference(&known).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "unknown keys in the guide"
    );
    let lines = include_str!("../../docs/playbook.md").lines().count();
    assert!(lines <= 90, "one page, not {lines} lines");
}

/// The quota file's schema and its reader agree too, as far as a schema can say.
#[test]
fn the_quota_schema_and_its_reader_agree() {
    use reissue::domain::quotas;
    let documented = reissue::azure::quota::documented();
    let schema = quotas::schema(&documented, reissue::azure::quota::counts);
    assert!(jsonschema::meta::is_valid(&schema), "the schema itself is not valid");
    let validator = jsonschema::draft202012::new(&schema).expect("the schema compiles");
    let takes = |d: &Value| quotas::check_bytes(format!("{d:#}").as_bytes(), &documented).is_ok();
    let as_documented = |(name, usual): &quotas::Named| {
        ((*name).to_owned(), json!({ "amount": usual.amount, "per": format!("{}s", usual.per.as_secs()) }))
    };
    let all: serde_json::Map<String, Value> = documented.iter().map(as_documented).collect();
    let sound = json!({ "reissue_quotas": 1, "quotas": all });
    assert!(validator.is_valid(&sound) && takes(&sound));
    let example = include_str!("../cases/quotas/sound.yaml");
    assert!(include_str!("../../README.md").contains(example), "the README shows it");
    assert_eq!(quotas::check_bytes(example.as_bytes(), &documented).expect("it is sound").len(), 2);
    for (pointer, value) in [
        ("/reissue_quotas", json!(2)),
        ("/quotas", json!([])),
        ("/quotas/graph-writes/amount", json!(0)),
        ("/quotas/graph-writes/amount", json!("many")),
        ("/quotas/graph-writes/per", json!("soon")),
        ("/quotas/graph-writes", json!({ "amount": 1 })),
        ("/quotas/graph-reads", json!({ "amount": 1, "per": "1s" })),
    ] {
        let mut document = sound.clone();
        put(&mut document, pointer, value);
        assert!(!validator.is_valid(&document) && !takes(&document), "{pointer}");
    }
}

/// The fleet file's schema and its reader agree too.
#[test]
fn the_fleet_schema_and_its_reader_agree() {
    let schema = reissue::domain::fleet::schema();
    assert!(jsonschema::meta::is_valid(&schema), "the schema itself is not valid");
    let validator = jsonschema::draft202012::new(&schema).expect("the schema compiles");
    let takes = |d: &Value| reissue::domain::fleet::check_bytes(format!("{d:#}").as_bytes()).is_ok();
    let id = "8a1d0000-0000-4000-8000-000000000001";
    let sound = json!({
        "reissue_fleet": 1,
        "tenants": [
            { "name": "a", "home": "a", "playbook": "a.yaml", "as": "azure_cli", "pace": 50 },
            { "name": "b", "home": "b", "playbook": "b.yaml", "as": { "client_id": id, "certificate": "b.pem" } },
            { "name": "c", "home": "c", "playbook": "c.yaml", "as": { "client_id": id, "secret_file": "c" },
              "mirror": "vault:kv/x", "countersign": "vault:kv/k", "plan": "c.jsonl" },
            { "name": "d", "home": "d", "playbook": "d.yaml", "lab": "lab" },
        ]
    });
    assert!(validator.is_valid(&sound) && takes(&sound));
    for (pointer, value) in [
        ("/reissue_fleet", json!(2)),
        ("/tenants", json!([])),
        ("/tenants/0/as", json!("azure-cli")),
        ("/tenants/0/pace", json!(0)),
        ("/tenants/0/name", json!("a b")),
        ("/tenants/0/colour", json!("blue")),
        ("/tenants/1/as", json!({ "client_id": id })),
        ("/tenants/1/as/client_id", json!("me")),
        ("/tenants/2/as/certificate", json!("c.pem")),
        ("/tenants/2/mirror", json!("")),
        ("/tenants/3", json!({ "name": "d", "home": "d", "playbook": "d.yaml" })),
        ("/tenants/3/playbook", json!(["d.yaml"])),
    ] {
        let mut document = sound.clone();
        put(&mut document, pointer, value);
        assert!(!validator.is_valid(&document), "the schema takes {pointer}");
        assert!(!takes(&document), "the reader takes {pointer}");
    }
}

/// YAML as plain values, read by the product's own parser settings but without its types.
mod yaml {
    use granit_parser::{Event, Parser, ScalarStyle};
    use serde_json::{Map, Value};

    pub(crate) fn value(text: &str) -> Value {
        // serde-saphyr, which reads the roster, turns the parser's comment events on.
        let options = granit_parser::options! { emit_comments: false };
        let events = Parser::new_from_str_with_options(text, options).map(|e| e.expect("YAML").0);
        let skip = |e: &Event<'_>| matches!(e, Event::StreamStart | Event::DocumentStart(..));
        let events: Vec<Event<'_>> = events.filter(|e| !skip(e)).collect();
        node(&mut events.into_iter())
    }

    fn node<'a>(events: &mut impl Iterator<Item = Event<'a>>) -> Value {
        let event = events.next().expect("a node");
        part(event, events)
    }

    fn part<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => {
                serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned()))
            }
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceStart(..) => {
                let mut list = Vec::new();
                loop {
                    match events.next().expect("an end") {
                        Event::SequenceEnd => return Value::Array(list),
                        event => list.push(part(event, events)),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut map = Map::new();
                loop {
                    match events.next().expect("an end") {
                        Event::MappingEnd => return Value::Object(map),
                        Event::Scalar(key, ..) => drop(map.insert(key.into_owned(), node(events))),
                        other => panic!("{other:?}"),
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

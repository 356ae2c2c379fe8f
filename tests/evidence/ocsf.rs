//! Every event of the export, held against what OCSF says of its class: `tests/evidence/ocsf/` has the
//! requirements, types, enums, labels, constraints and deprecations of both versions, written down
//! from the schema by `extract.py` there.

use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::drill::{self, Audience};
use reissue::report;
use reissue::report::ocsf::Schema;
use reissue::trail::Home;
use reissue::trail::verify::Trust;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

struct Nobody;
impl Audience for Nobody {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, _: &Line) {}
}

/// The run of a drill, exported.
fn exported(playbook: &str, schema: Schema) -> Vec<Value> {
    let text = std::fs::read_to_string(playbook).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let lines = runtime.block_on(async {
        let env = drill::environment(1);
        drill::hold(&env, &text, &mut Nobody).await.unwrap_or_else(|e| panic!("{e}"));
        let home = Home::open(&env, Path::new("drill")).unwrap();
        let trust =
            Trust { key: home.vkey().unwrap(), roster: None, anchors: vec![], keepers: Default::default() };
        let told = report::siem(&env.disk, &home.log(), &trust, None, schema).unwrap();
        told.unwrap_or_else(|refusal| panic!("{:?}", refusal.report.findings))
    });
    lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn said(schema: Schema) -> Value {
    let text = match schema {
        Schema::V1_8 => include_str!("ocsf/1.8.0.json"),
        Schema::V1_9 => include_str!("ocsf/1.9.0-dev.json"),
    };
    serde_json::from_str(text).unwrap()
}

/// What is wrong with an event.
fn wrong(schema: &Value, event: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let class = &schema["classes"][event["class_uid"].to_string()];
    if class.is_null() {
        return vec![format!("class {} is not in the schema", event["class_uid"])];
    }
    if let Some(since) = class["deprecated"].as_str() {
        found.push(format!("class {} is deprecated since {since}", event["class_uid"]));
    }
    let derived = [
        ("category_uid", class["category_uid"].clone()),
        ("category_name", class["category_name"].clone()),
        ("class_name", class["caption"].clone()),
        (
            "type_uid",
            json!(event["class_uid"].as_u64().unwrap() * 100 + event["activity_id"].as_u64().unwrap()),
        ),
        (
            "type_name",
            json!(format!(
                "{}: {}",
                class["caption"].as_str().unwrap(),
                event["activity_name"].as_str().unwrap()
            )),
        ),
        ("/metadata/version", schema["version"].clone()),
    ];
    for (name, wanted) in derived {
        let is = if name.starts_with('/') { event.pointer(name).unwrap() } else { &event[name] };
        if *is != wanted {
            found.push(format!("{name} is {is}, not {wanted}"));
        }
    }
    // The class's own number is the schema's file name, and its enum of types is derived.
    let free = ["class_uid", "category_uid", "type_uid", "unmapped"];
    let mut class = class.clone();
    for profile in event["metadata"]["profiles"].as_array().into_iter().flatten() {
        let Some(added) = schema["profiles"][profile.as_str().unwrap()].as_object() else {
            found.push(format!("the profile {profile} is not known"));
            continue;
        };
        class["attributes"].as_object_mut().unwrap().extend(added.clone());
    }
    members(schema, &class, event.as_object().unwrap(), "", &free, &mut found);
    found
}

fn members(
    schema: &Value,
    about: &Value,
    object: &Map<String, Value>,
    at: &str,
    free: &[&str],
    found: &mut Vec<String>,
) {
    let attributes = about["attributes"].as_object().unwrap();
    for (name, attribute) in attributes {
        if attribute["required"] == true && !object.contains_key(name) {
            found.push(format!("{at}/{name} is required"));
        }
    }
    for (rule, names) in about["constraints"].as_object().into_iter().flatten() {
        let there =
            names.as_array().unwrap().iter().filter(|n| object.contains_key(n.as_str().unwrap())).count();
        let holds = match rule.as_str() {
            "at_least_one" => there >= 1,
            "just_one" => there == 1,
            other => panic!("a constraint that this test does not know: {other}"),
        };
        if !holds {
            found.push(format!("{at}: {rule} of {names}, and {there} are there"));
        }
    }
    for (name, value) in object.iter().filter(|(name, _)| !free.contains(&name.as_str())) {
        let place = format!("{at}/{name}");
        let Some(attribute) = attributes.get(name) else {
            found.push(format!("{place} is no attribute"));
            continue;
        };
        if attribute["deprecated"] == true {
            found.push(format!("{place} is deprecated"));
        }
        let is_array = attribute["array"] == true;
        if is_array != value.is_array() {
            found.push(format!("{place}: an array? {is_array}"));
            continue;
        }
        let one = std::slice::from_ref(value);
        for item in value.as_array().map_or(one, Vec::as_slice) {
            typed(schema, attribute, item, object, &place, found);
        }
    }
}

fn typed(
    schema: &Value,
    attribute: &Value,
    item: &Value,
    beside: &Map<String, Value>,
    place: &str,
    found: &mut Vec<String>,
) {
    let of = attribute["type"].as_str().unwrap();
    let fits = match of.strip_prefix("object:") {
        Some(object) => {
            let about = &schema["objects"][object];
            match (about.is_object(), item.as_object()) {
                (true, Some(members_of)) => members(schema, about, members_of, place, &[], found),
                (known, _) => found.push(format!("{place}: an object, of a known kind ({object})? {known}")),
            }
            return;
        }
        None => match of {
            "string_t" => item.as_str().is_some_and(|s| !s.is_empty()),
            "integer_t" => item.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            "long_t" => item.is_i64() || item.is_u64(),
            "boolean_t" => item.is_boolean(),
            "float_t" => item.is_number(),
            "json_t" => true,
            other => panic!("a type that this test does not know: {other}"),
        },
    };
    if !fits {
        found.push(format!("{place}: {item} is no {of}"));
    }
    let Some(labels) = attribute["enum"].as_object() else { return };
    let key = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    match labels.get(&key) {
        None => found.push(format!("{place}: {item} is not one of {:?}", labels.keys().collect::<Vec<_>>())),
        Some(label) => {
            // 99 is "Other": the source's own label stands beside it.
            let own = attribute["label"].as_str().and_then(|sibling| beside.get(sibling));
            let wrong = if key == "99" { own.is_none() } else { own.is_some_and(|own| own != label) };
            if wrong {
                found.push(format!("{place}: {item} is {label}, and its label says {own:?}"));
            }
        }
    }
}

fn every_event_is_sound(schema: Schema, types: &[u64]) {
    let about = said(schema);
    assert_eq!(about["version"], schema.version());
    let mut seen = BTreeSet::new();
    for playbook in ["tests/playbooks/every-kind.yaml", "playbooks/contain-first.yaml"] {
        for event in exported(playbook, schema) {
            assert_eq!(wrong(&about, &event), Vec::<String>::new(), "{event:#}");
            seen.insert(event["type_uid"].as_u64().unwrap());
        }
    }
    assert!(types.iter().all(|t| seen.contains(t)), "{seen:?}");
}

#[test]
fn every_event_is_sound_by_1_8_0() {
    let types = [300_104, 300_105, 300_201, 300_202, 300_499, 600_203, 600_204, 600_207, 600_301, 600_304];
    every_event_is_sound(Schema::V1_8, &types);
}

#[test]
fn every_event_is_sound_by_1_9() {
    let types =
        [300_201, 300_202, 300_499, 300_705, 300_709, 300_718, 300_719, 600_203, 600_204, 600_207, 600_301];
    every_event_is_sound(Schema::V1_9, &types);
}

/// A judge that cannot say no is none.
#[test]
fn the_judge_says_no() {
    let about = said(Schema::V1_9);
    let is_mint = |e: &Value| e["type_uid"] == 300_718;
    let good = exported("tests/playbooks/every-kind.yaml", Schema::V1_9).into_iter().find(is_mint).unwrap();
    assert_eq!(wrong(&about, &good), Vec::<String>::new());
    let spoil = |pointer: &str, value: Value| {
        let mut bad = good.clone();
        match value {
            Value::Null => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                bad.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
            }
            value => *bad.pointer_mut(pointer).unwrap() = value,
        }
        wrong(&about, &bad)
    };
    for (pointer, value) in [
        ("/user", Value::Null),
        ("/metadata/product", Value::Null),
        ("/metadata/version", json!("1.8.0")),
        ("/activity_id", json!(77)),
        ("/activity_name", json!("Password Reset")),
        ("/severity_id", json!(42)),
        ("/status", json!("Failure")),
        ("/time", json!("2026-01-05T03:00:00Z")),
        ("/type_uid", json!(300_101)),
        ("/class_uid", json!(3001)),
        ("/user/programmatic_credentials/0/uid", Value::Null),
        ("/user/programmatic_credentials", json!({ "uid": "x" })),
        ("/user/type_id", json!(1)),
        ("/user", json!({ "colour": "red" })),
        ("/actor", json!({})),
    ] {
        assert!(!spoil(pointer, value.clone()).is_empty(), "{pointer} as {value} passes");
    }
}

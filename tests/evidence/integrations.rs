//! The files under `integrations/`, held against a real log and a real export: they speak of fields
//! that are there, take each event once, and set what their schema asks for.

use regex::Regex;
use reissue::domain::event::{Event, Line};
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::drill::{self, Audience};
use reissue::report;
use reissue::report::ocsf::Schema;
use reissue::trail::Home;
use reissue::trail::verify::Trust;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

struct Nobody;
impl Audience for Nobody {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, _: &Line) {}
}

/// The log's lines, and its exports by both versions.
fn rehearsed() -> (String, Vec<Value>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (mut log, mut events) = (String::new(), Vec::new());
    for playbook in ["tests/playbooks/every-kind.yaml", "playbooks/contain-first.yaml"] {
        let text = std::fs::read_to_string(playbook).unwrap();
        runtime.block_on(async {
            let env = drill::environment(1);
            drill::hold(&env, &text, &mut Nobody).await.unwrap_or_else(|e| panic!("{e}"));
            let home = Home::open(&env, Path::new("drill")).unwrap();
            let lines = env.disk.read(&home.log().root().join("events.jsonl"), 1 << 24).unwrap();
            log += &String::from_utf8(lines).unwrap();
            let trust = Trust {
                key: home.vkey().unwrap(),
                roster: None,
                anchors: vec![],
                keepers: Default::default(),
            };
            for schema in [Schema::V1_8, Schema::V1_9] {
                let told = report::siem(&env.disk, &home.log(), &trust, None, schema).unwrap();
                let told = told.unwrap_or_else(|_| panic!("tampered"));
                events.extend(told.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()));
            }
        });
    }
    (log, events)
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new("integrations").join(path)).unwrap()
}

/// Every path that some event has: `actor.user.name`, `resources[0].uid`.
fn paths(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    into.insert(at.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| {
            let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            paths(inner, &place, into);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| paths(item, &format!("{at}[{n}]"), into));
        }
        _ => {}
    }
}

const PARSERS: [(&str, &[&str]); 3] = [
    ("ASimAuditEventReissue", &["Operation", "Object", "ObjectType", "TargetAppName", "ActorUsername"]),
    ("ASimUserManagementReissue", &["ActorUsername", "User"]),
    ("ASimAuthenticationReissue", &["TargetUsername", "User"]),
];

/// Mandatory in every ASIM schema ("ASIM common fields"; the tester of the schemas' repository).
const COMMON: [&str; 11] = [
    "EventCount",
    "EventStartTime",
    "EventEndTime",
    "EventType",
    "EventResult",
    "EventSeverity",
    "EventProduct",
    "EventVendor",
    "EventSchema",
    "EventSchemaVersion",
    "Dvc",
];

/// A parser without comments and with empty strings.
fn bare(kql: &str) -> String {
    let code: String =
        kql.lines().filter(|l| !l.trim_start().starts_with("//")).fold(String::new(), |a, l| a + l + "\n");
    Regex::new("\"[^\"\n]*\"").unwrap().replace_all(&code, "\"\"").into_owned()
}

#[test]
fn parsers_are_well_formed_and_set_what_is_mandatory() {
    let trailing = Regex::new(r",\s*(\n\s*\||\n\};|\))").unwrap();
    let assigned = Regex::new(r"(?m)^\s*(?:\| extend )?([A-Z]\w+) = ").unwrap();
    for (name, wanted) in PARSERS {
        let kql = file(&format!("sentinel/{name}.kql"));
        let code = bare(&kql);
        assert_eq!(code.matches('"').count() % 2, 0, "{name}: a string that does not end");
        let mut open = Vec::new();
        for c in code.chars() {
            match c {
                '(' | '[' | '{' => open.push(c),
                ')' => assert_eq!(open.pop(), Some('('), "{name}"),
                ']' => assert_eq!(open.pop(), Some('['), "{name}"),
                '}' => assert_eq!(open.pop(), Some('{'), "{name}"),
                _ => {}
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
        assert!(!trailing.is_match(&code), "{name}: a comma before nothing");
        let set: BTreeSet<&str> = assigned.captures_iter(&code).map(|c| c.get(1).unwrap().as_str()).collect();
        for field in COMMON.iter().chain(wanted) {
            assert!(set.contains(field), "{name} does not set {field}: {set:?}");
        }
    }
}

#[test]
fn parsers_and_table_know_the_columns_that_there_are() {
    let (_, events) = rehearsed();
    let mut there = BTreeSet::new();
    events.iter().for_each(|e| paths(e, "", &mut there));
    let columns: BTreeSet<String> =
        events.iter().flat_map(|e| e.as_object().unwrap().keys().cloned()).collect();
    let rule: Value = serde_json::from_str(&file("sentinel/dcr.json")).unwrap();
    let declared = &rule["properties"]["streamDeclarations"]["Custom-ReissueOcsf"]["columns"];
    let declared: BTreeMap<String, String> = declared
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].as_str().unwrap().to_owned(), c["type"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(declared.keys().cloned().collect::<BTreeSet<_>>(), columns);
    for (name, value) in events.iter().flat_map(|e| e.as_object().unwrap()) {
        let fits = match declared[name].as_str() {
            "int" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            "long" => value.is_i64() || value.is_u64(),
            "string" => value.is_string(),
            "dynamic" => value.is_object() || value.is_array(),
            other => panic!("a column type that this test does not know: {other}"),
        };
        assert!(fits, "{name} as {}: {value}", declared[name]);
    }
    let word = Regex::new(r"(?P<path>\b[a-z][a-z_]*(?:\.[a-z_]+|\[\d\])*)(?P<call>\()?").unwrap();
    const KEYWORDS: [&str; 10] =
        ["let", "bool", "disabled", "false", "where", "in", "or", "and", "extend", "not"];
    for (name, _) in PARSERS {
        let code = bare(&file(&format!("sentinel/{name}.kql")));
        let mut read = 0;
        for found in word.captures_iter(&code) {
            let path = &found["path"];
            if found.name("call").is_some() || KEYWORDS.contains(&path) {
                continue;
            }
            read += 1;
            assert!(there.contains(path), "{name} reads {path}, which no event has");
        }
        assert!(read > 15, "{name}: {read} columns were recognised");
    }
}

/// Which numbers a parser's `where` takes; the last line of it, read as this test reads it.
fn takes(name: &str, event: &Value) -> bool {
    let (class, of) = (event["class_uid"].as_u64().unwrap(), event["type_uid"].as_u64().unwrap());
    let code = bare(&file(&format!("sentinel/{name}.kql")));
    let line = code.lines().rfind(|l| l.trim_start().starts_with("| where class_uid")).unwrap();
    let numbers = |part: &str| -> BTreeSet<u64> {
        Regex::new(r"\d{4,6}").unwrap().find_iter(part).map(|n| n.as_str().parse().unwrap()).collect()
    };
    match (line.split_once(" or type_uid in "), line.split_once(" and type_uid !in ")) {
        (Some((classes, types)), None) => numbers(classes).contains(&class) || numbers(types).contains(&of),
        (None, Some((classes, types))) => numbers(classes).contains(&class) && !numbers(types).contains(&of),
        (None, None) => numbers(line).contains(&class),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_event_is_taken_by_one_parser() {
    let (_, events) = rehearsed();
    let mut taken = BTreeMap::new();
    for event in &events {
        let by: Vec<&str> = PARSERS.iter().map(|(n, _)| *n).filter(|n| takes(n, event)).collect();
        assert_eq!(by.len(), 1, "{} is taken by {by:?}", event["type_name"]);
        *taken.entry(by[0]).or_insert(0) += 1;
    }
    assert_eq!(taken.len(), PARSERS.len(), "{taken:?}");
}

fn lnav() -> Value {
    serde_json::from_str(&file("lnav/reissue_log.json")).unwrap()
}

#[test]
fn lnav_knows_every_field_and_every_code() {
    let format = &lnav()["reissue_log"];
    let known: BTreeSet<String> = format["value"].as_object().unwrap().keys().cloned().collect();
    let (log, _) = rehearsed();
    let lines = log.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let there: BTreeSet<String> =
        lines.flat_map(|l| l.as_object().unwrap().keys().cloned().collect::<Vec<_>>()).collect();
    assert_eq!(known, there, "fields of a line");
    for name in ["timestamp-field", "level-field", "opid-field"] {
        assert!(known.contains(format[name].as_str().unwrap()), "{name}");
    }
    for part in format["line-format"].as_array().unwrap().iter().filter(|p| p.is_object()) {
        assert!(known.contains(part["field"].as_str().unwrap()), "{part}");
    }
    let levels: Vec<(String, Regex)> = format["level"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(level, pattern)| (level.clone(), Regex::new(pattern.as_str().unwrap()).unwrap()))
        .collect();
    for (event, code) in Event::TABLE {
        let of: Vec<&String> = levels.iter().filter(|(_, p)| p.is_match(code)).map(|(l, _)| l).collect();
        assert_eq!(of.len(), 1, "{event} ({code}) has the levels {of:?}");
    }
}

/// lnav itself, where it is installed: no complaint about the format, and every line is understood.
#[test]
fn lnav_reads_a_log() {
    if Command::new("lnav").arg("-V").output().is_err() {
        assert!(std::env::var_os("REISSUE_NEEDS_LNAV").is_none(), "lnav was to be there, and is not");
        eprintln!("not run: there is no lnav here");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let formats = home.path().join(".lnav/formats/reissue");
    std::fs::create_dir_all(&formats).unwrap();
    std::fs::copy("integrations/lnav/reissue_log.json", formats.join("reissue_log.json")).unwrap();
    let (log, _) = rehearsed();
    let first: String = log.split_inclusive('\n').take_while(|l| !l.contains("run.finished")).collect();
    std::fs::write(home.path().join("events.jsonl"), &first).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new("lnav");
        let output = command.args(arguments).env("HOME", home.path()).env_remove("XDG_CONFIG_HOME").output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (_, complaints) = run(&["-C"]);
    assert!(!complaints.contains("error"), "{complaints}");
    let file = home.path().join("events.jsonl");
    let query = ";SELECT count(*) AS n, count(target) AS t FROM reissue_log";
    let (told, _) = run(&["-n", "-c", query, "-c", ":write-csv-to -", file.to_str().unwrap()]);
    let targets = first.lines().filter(|l| l.contains("\"target\":\"t")).count();
    assert_eq!(told.lines().last().unwrap(), format!("{},{targets}", first.lines().count()), "{told}");
}

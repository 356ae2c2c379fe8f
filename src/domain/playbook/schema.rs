//! The JSON Schema (draft 2020-12) of a playbook, put together from the kinds' own pieces. It
//! helps editors; `reissue check` knows more than a schema can say.

use super::model::Cloud;
use super::syntax::{KindSyntax, SubjectWord};
use serde_json::{Map, Value, json};

/// The schema of a playbook with these target kinds.
pub fn schema(kinds: &[&dyn KindSyntax]) -> Value {
    let targets: Vec<Value> = kinds.iter().map(|k| target(*k)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reissue playbook",
        "type": "object",
        "required": ["reissue", "incident", "tenant", "approval", "targets"],
        "additionalProperties": false,
        "properties": {
            "reissue": { "const": 1, "description": "Version of the playbook language." },
            "incident": object(&["id", "title"], json!({
                "id": text(64),
                "title": text(200),
                "exposed_since": {
                    "type": "string", "format": "date-time",
                    "description": "Since when the credentials have been in wrong hands, as far as known."
                },
            })),
            "tenant": object(&["id", "cloud"], json!({
                "id": { "$ref": "#/$defs/guid" },
                "cloud": { "enum": Cloud::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>() },
            })),
            "stores": stores(),
            "approval": approval(),
            "guardrails": guardrails(),
            "defaults": object(&[], json!({
                "hold": { "$ref": "#/$defs/hold" },
                "lifetime": { "$ref": "#/$defs/span" },
            })),
            "targets": { "type": "array", "minItems": 1, "items": { "oneOf": targets } }
        },
        "$defs": definitions()
    })
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties
    })
}

fn text(most: u32) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most })
}

fn stores() -> Value {
    let vault = json!({
        "type": "string",
        "pattern": "^https://[a-z][a-z0-9-]{1,22}[a-z0-9]\\.vault\\.(azure\\.net|usgovcloudapi\\.net|azure\\.cn)/?$"
    });
    json!({
        "type": "object",
        "description": "Where new values go, each by a short name.",
        "minProperties": 1,
        "propertyNames": { "pattern": "^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$" },
        "additionalProperties": object(&["key_vault"], json!({ "key_vault": vault }))
    })
}

fn approval() -> Value {
    object(
        &["quorum", "valid_for"],
        json!({
            "quorum": { "type": "integer", "minimum": 1, "maximum": 10, "description": "People who must agree; the plan's author is not one of them." },
            "roles": {
                "type": "object",
                "description": "Of these people, so many of each role of the roster: { security-officer: 1, system-owner: 1 }. A person fills one seat.",
                "minProperties": 1,
                "propertyNames": { "pattern": "^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$" },
                "additionalProperties": { "type": "integer", "minimum": 1, "maximum": 10 }
            },
            "valid_for": { "$ref": "#/$defs/span" },
            "retire": {
                "enum": ["separately", "with_start"],
                "description": "Whether taking the old credentials away needs an approval of its own, after the hold. Default with_start."
            },
        }),
    )
}

fn guardrails() -> Value {
    let protected = json!({
        "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
        "properties": {
            "app": { "$ref": "#/$defs/guid" },
            "object": { "$ref": "#/$defs/guid" },
            "user": { "$ref": "#/$defs/user" },
        }
    });
    object(
        &[],
        json!({
            "disable_at_most": { "$ref": "#/$defs/limit" },
            "reset_at_most": { "$ref": "#/$defs/limit" },
            "rotate_at_most": { "$ref": "#/$defs/limit" },
            "pause_when_stuck": { "type": "integer", "minimum": 1, "maximum": 1000 },
            "protect": { "type": "array", "minItems": 1, "items": protected },
        }),
    )
}

/// One target of one kind: its subject, its action, and what all targets have.
fn target(kind: &dyn KindSyntax) -> Value {
    let form = kind.form();
    let mut properties = Map::new();
    let mut required = vec![form.subject.word(), form.verb()];
    match form.subject {
        SubjectWord::App => {
            properties.insert("app".into(), json!({ "$ref": "#/$defs/guid" }));
            properties.insert("name".into(), text(120));
            required.push("name");
        }
        SubjectWord::User => drop(properties.insert("user".into(), json!({ "$ref": "#/$defs/user" }))),
    }
    properties.insert("evidence".into(), json!({ "$ref": "#/$defs/evidence" }));
    if form.rotates() {
        properties.insert(
            "contain".into(),
            json!({
                "type": "boolean",
                "description": "Take the old credential away first, then restore service: a declared outage."
            }),
        );
        if kind.may_be_self() {
            properties.insert(
                "self".into(),
                json!({
                    "const": "last",
                    "description": "It is the identity that acts: replaced when everything else is over, and adopted."
                }),
            );
        }
        properties.insert("consumers".into(), json!({ "$ref": "#/$defs/consumers" }));
    }
    let mut action = json!({ "type": "object", "additionalProperties": false });
    if let (Value::Object(action), Value::Object(piece)) = (&mut action, kind.schema()) {
        action.extend(piece);
    }
    properties.insert(form.verb().into(), action);
    json!({
        "title": kind.title(),
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties
    })
}

fn definitions() -> Value {
    let place = |required: &[&str], more: Option<Value>| {
        let mut properties = json!({
            "store": { "type": "string", "description": "A name under `stores`." },
            "name": { "type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z-]{0,126}$" },
        });
        if let (Value::Object(properties), Some(to)) = (&mut properties, more) {
            properties.insert("to".into(), to);
        }
        object(required, properties)
    };
    json!({
        "guid": { "type": "string", "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" },
        "user": { "type": "string", "pattern": "^[0-9A-Za-z'._!#^~-]+@[0-9A-Za-z-]+([.][0-9A-Za-z-]+)+$" },
        "span": { "type": "string", "pattern": "^[0-9]+[smhd]$", "description": "90s, 30m, 26h, 7d" },
        "limit": {
            "description": "A count (10), or a percentage of all objects of that kind (5%).",
            "oneOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^([0-9]|[1-9][0-9]|100)%$" }
            ]
        },
        "only_key_id": object(&["key_id"], json!({ "key_id": { "$ref": "#/$defs/guid" } })),
        "publish": place(&["store", "name"], None),
        "deliver": place(&["store", "name", "to"], Some(text(64))),
        "hold": {
            "type": "object", "minProperties": 1, "additionalProperties": false,
            "description": "When consumers count as moved. With both keys, both must be met.",
            "properties": {
                "time": { "$ref": "#/$defs/span" },
                "confirmed_by": { "type": "array", "minItems": 1, "uniqueItems": true, "items": text(64) },
            }
        },
        "evidence": {
            "type": "array", "minItems": 1,
            "items": {
                "type": "object", "minProperties": 1, "additionalProperties": false,
                "properties": { "finding": text(64), "note": text(300) }
            }
        },
        "consumers": {
            "type": "array", "minItems": 1,
            "items": object(&["name", "refresh"], json!({
                "name": { "type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z_.-]{0,63}$" },
                "refresh": {
                    "description": "How often it reads its store; restart: only when it starts; pinned: never by itself.",
                    "oneOf": [ { "$ref": "#/$defs/span" }, { "enum": ["restart", "pinned"] } ]
                }
            }))
        }
    })
}

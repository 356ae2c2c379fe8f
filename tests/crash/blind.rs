//! Whether the judge would have seen it: what the lab said at the end of a good run is spoiled in one
//! way after the other, and each has to be noticed.

use serde_json::{Value, json};

type Spoil = fn(&mut Value);

const SPOILS: [(&str, Spoil); 10] = [
    ("an orphan", |v| credentials(v).push(json!({"form": "secret", "key_id": "orphan", "name": null}))),
    ("a credential of somebody else's is gone, the new one too", |v| credentials(v).clear()),
    ("what leaked is alive", |v| {
        credentials(v).push(json!({"form": "secret", "key_id": "old", "name": "mailed to a vendor"}));
    }),
    ("a bystander was changed", |v| user(v, "bystander-07@lab.test")["off"] = json!(true)),
    ("an account is open that was to stay blocked", |v| {
        user(v, "user4@agency.example")["off"] = json!(false)
    }),
    ("an account's password is not what was delivered", |v| v["secrets"]["kv-ir/target-4"]["is"] = json!([])),
    ("nobody uses it, and it is on", |v| object(v, 5)["off"] = json!(false)),
    ("an outage", |v| {
        let consumer = &mut v["ledger"]["consumers"]["t1 target-1-user"];
        (consumer["failed"], consumer["outage_seconds"]) = (json!(15), json!(15));
    }),
    ("an attacker got in", |v| v["ledger"]["attackers"]["attacker-9"]["last_success"] = v["at"].clone()),
    ("a write that nobody planned", |v| {
        let writes = v["ledger"]["writes"].as_array_mut().expect("a list");
        let mut stray = writes.last().expect("a write").clone();
        (stray["object"], stray["caller"]) = (json!("elsewhere"), json!(crate::judge::OPERATOR));
        writes.push(stray);
    }),
];

/// Spoils the record in each way; the judge has to object.
pub(crate) fn sees(again: impl Fn(Value) -> Vec<String>, after: &Value) {
    for (what, spoil) in SPOILS {
        let mut spoiled = after.clone();
        spoil(&mut spoiled);
        assert!(!again(spoiled).is_empty(), "the judge does not see: {what}");
    }
}

/// The first object of the `n`th target.
fn object(of: &mut Value, n: u32) -> &mut Value {
    let client_id = format!("8a1d0000-0000-4000-8000-{n:012x}");
    let objects = of["objects"].as_array_mut().expect("a list");
    objects.iter_mut().find(|o| o["client_id"] == client_id.as_str()).expect("it is there")
}

fn credentials(of: &mut Value) -> &mut Vec<Value> {
    object(of, 1)["credentials"].as_array_mut().expect("a list")
}

fn user<'a>(of: &'a mut Value, upn: &str) -> &'a mut Value {
    let users = of["users"].as_array_mut().expect("a list");
    users.iter_mut().find(|u| u["upn"] == upn).expect("it is there")
}

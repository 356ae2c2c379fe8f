//! Objects and collections as Graph shows them.

use super::query::{Query, seal};
use crate::lab::answer::Answer;
use crate::lab::ask::Ask;
use crate::lab::directory::{Kind, Object};
use serde_json::{Map, Value, json};

/// The properties of an object; `single` reads show a certificate if it is selected.
pub(in crate::lab) fn show(object: &Object, select: Option<&[String]>, single: bool) -> Map<String, Value> {
    let named = |field: &str| select.is_some_and(|s| s.iter().any(|f| f.eq_ignore_ascii_case(field)));
    let wanted = |field: &str| select.is_none() || named(field);
    // A field whose name starts with `~` is the lab's own and is never shown.
    let mut out: Map<String, Value> = object
        .fields
        .iter()
        .filter(|(k, _)| wanted(k) && !k.starts_with('~'))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if matches!(object.kind, Kind::Application | Kind::ServicePrincipal) {
        if wanted("passwordCredentials") {
            out.insert("passwordCredentials".into(), object.passwords.iter().map(|p| p.shown()).collect());
        }
        if wanted("keyCredentials") {
            let with_key = single && named("keyCredentials");
            out.insert("keyCredentials".into(), object.keys.iter().map(|k| k.shown(with_key)).collect());
        }
    }
    if let Some(at) = object.deleted {
        out.insert("deletedDateTime".into(), json!(at.to_string()));
    }
    out
}

/// The context URL of an entity or a collection.
pub(in crate::lab) fn context(ask: &Ask, what: &str) -> String {
    let version = ask.segments.first().map_or("v1.0", String::as_str);
    format!("https://{}/{version}/$metadata#{what}", ask.authority)
}

/// One entity.
pub(in crate::lab) fn entity(ask: &Ask, what: &str, fields: Map<String, Value>) -> Answer {
    let mut body = Map::new();
    body.insert("@odata.context".into(), json!(context(ask, &format!("{what}/$entity"))));
    body.extend(fields);
    Answer::json(200, Value::Object(body))
}

/// One page. `rows` come in order and hold one more than the page if there is more; `key`
/// names a row for the next page's token.
pub(in crate::lab) fn page(
    ask: &Ask,
    what: &str,
    query: &Query,
    mut rows: Vec<(String, Map<String, Value>)>,
    total: Option<usize>,
) -> Answer {
    let mut body = Map::new();
    body.insert("@odata.context".into(), json!(context(ask, what)));
    if let (Some(total), true) = (total, query.after.is_empty()) {
        body.insert("@odata.count".into(), json!(total));
    }
    if rows.len() > query.top {
        rows.truncate(query.top);
        let last = rows.last().map_or("", |(id, _)| id.as_str());
        body.insert("@odata.nextLink".into(), json!(next_link(ask, last)));
    }
    body.insert("value".into(), rows.into_iter().map(|(_, fields)| Value::Object(fields)).collect());
    Answer::json(200, Value::Object(body))
}

fn next_link(ask: &Ask, last: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in ask.query.iter().filter(|(k, _)| k != "$skiptoken") {
        query.append_pair(key, value);
    }
    query.append_pair("$skiptoken", &seal(last));
    // Graph writes the `$` of an option plainly and a space as %20.
    let query = query.finish().replace("%24", "$").replace('+', "%20");
    format!("https://{}{}?{query}", ask.authority, ask.path)
}

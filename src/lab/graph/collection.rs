//! Collections of any kind: filter, page and show a list of objects or of plain rows.

use super::{Call, query, reply};
use crate::lab::answer::Outcome;
use crate::lab::directory::Object;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Key, the fields that `$filter` sees, the fields that are shown.
pub(super) type Row = (String, Map<String, Value>, Map<String, Value>);

impl Call<'_> {
    /// One page of objects, in the order of their ids.
    pub(super) fn objects(&self, what: &str, objects: Vec<Arc<Object>>) -> Outcome {
        let select = query::read(self.ask, 100, 999)?.select;
        let rows = objects.iter().map(|o| {
            let mut shown = reply::show(o, None, false);
            if let Some(wanted) = &select {
                shown.retain(|k, _| k == "id" || wanted.iter().any(|w| w.eq_ignore_ascii_case(k)));
            }
            (o.id.clone(), o.fields.clone(), shown)
        });
        self.rows(what, rows.collect())
    }

    /// One page of rows, in the order of their keys.
    pub(super) fn rows(&self, what: &str, rows: Vec<Row>) -> Outcome {
        let query = query::read(self.ask, 100, 999)?;
        let fits = |fields: &Map<String, Value>| query.filter.as_ref().is_none_or(|f| f.matches(fields));
        let mut found: Vec<_> =
            rows.into_iter().filter(|(_, f, _)| fits(f)).map(|(k, _, s)| (k, s)).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let total = query.count.then_some(found.len());
        found.retain(|(key, _)| *key > query.after);
        Ok(reply::page(self.ask, what, &query, found, total))
    }

    /// One page of plain maps, each with an `id`.
    pub(super) fn maps(&self, what: &str, maps: Vec<Map<String, Value>>) -> Outcome {
        let key = |m: &Map<String, Value>| m.get("id").and_then(Value::as_str).unwrap_or("").to_owned();
        self.rows(what, maps.into_iter().map(|m| (key(&m), m.clone(), m)).collect())
    }

    /// One page of a log: at most 1,000 rows, newest first (the keys sort that way).
    /// Only those of the page, and the first of the next, are written out.
    pub(super) fn newest_first<T>(
        &self,
        what: &str,
        mut rows: Vec<(String, T)>,
        show: impl Fn(T) -> Map<String, Value>,
    ) -> Outcome {
        let query = query::read(self.ask, 1000, 1000)?;
        rows.retain(|(key, _)| *key > query.after);
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let shown = rows.into_iter().map(|(key, row)| (key, show(row)));
        let fits = |row: &Map<String, Value>| query.filter.as_ref().is_none_or(|f| f.matches(row));
        let found = shown.filter(|(_, row)| fits(row)).take(query.top + 1).collect();
        Ok(reply::page(self.ask, what, &query, found, None))
    }

    pub(super) fn body(&self) -> Result<Map<String, Value>, crate::lab::answer::Answer> {
        self.ask.json().ok_or_else(super::passwords::malformed)
    }
}
